//! Semantic versions: `semver('1.2.3').isLessThan(semver('2.0.0'))`.
//! It must not parse: the crate `semver` does.

use std::cmp::Ordering;

use cel::common::types::{BOOL_TYPE, CelBool, CelInt, STRING_TYPE, Type};
use cel::common::value::CowVal;
use cel::{DeclarationError, Env, ExecutionError};
use semver::Version;

use super::super::{Evaluated, failed, text};
use super::{Content, boolean, content, opaque};

static SEMVER: Type = Type::new_unspecified_type("kubernetes.Semver");

impl Content for Version {
    fn cel_type() -> &'static Type {
        &SEMVER
    }
}

pub(super) fn extension(env: &mut Env) -> Result<(), DeclarationError> {
    let own = || SEMVER.to_owned();
    env.add_type(own())?;
    env.add_overload("semver", "string_to_semver", vec![STRING_TYPE], |args| opaque(parse(&args)?))?;
    env.add_overload("semver", "string_bool_to_semver", vec![STRING_TYPE, BOOL_TYPE], |args| opaque(parse(&args)?))?;
    env.add_overload("isSemver", "is_semver_string", vec![STRING_TYPE], |args| boolean(parse(&args).is_ok()))?;
    env.add_overload("isSemver", "is_semver_string_bool", vec![STRING_TYPE, BOOL_TYPE], |args| {
        boolean(parse(&args).is_ok())
    })?;
    env.add_member_overload("major", "semver_major", own(), vec![], |args| part(&args, |version| version.major))?;
    env.add_member_overload("minor", "semver_minor", own(), vec![], |args| part(&args, |version| version.minor))?;
    env.add_member_overload("patch", "semver_patch", own(), vec![], |args| part(&args, |version| version.patch))?;
    env.add_member_overload("isLessThan", "semver_less", own(), vec![own()], |args| {
        boolean(order(&args)? == Ordering::Less)
    })?;
    env.add_member_overload("isGreaterThan", "semver_greater", own(), vec![own()], |args| {
        boolean(order(&args)? == Ordering::Greater)
    })?;
    env.add_member_overload("compareTo", "semver_compare", own(), vec![own()], |args| {
        Ok(CowVal::owned(CelInt::from(order(&args)? as i64)))
    })
}

fn parse(args: &[CowVal<'_, '_>]) -> Result<Version, ExecutionError> {
    let given = text("semver", args, 0)?;
    let normalise = args.get(1).and_then(|arg| arg.downcast_ref::<CelBool>()).is_some_and(|flag| *flag.inner());
    let wanted = if normalise { normalised(&given) } else { given };
    Version::parse(&wanted).map_err(|why| failed("semver", why))
}

/// Without a leading `v`, with the minor and patch numbers that are missing, and without leading zeros.
fn normalised(text: &str) -> String {
    let text = text.strip_prefix('v').unwrap_or(text);
    let split = text.find(['-', '+']).unwrap_or(text.len());
    let (numbers, rest) = text.split_at(split);
    let trimmed = |number: &str| match number.trim_start_matches('0') {
        "" if !number.is_empty() => "0".to_owned(),
        other => other.to_owned(),
    };
    let mut parts: Vec<String> = numbers.split('.').map(trimmed).collect();
    while parts.len() < 3 {
        parts.push("0".to_owned());
    }
    parts.join(".") + rest
}

fn part<'b, 'v>(args: &[CowVal<'b, 'v>], of: fn(&Version) -> u64) -> Evaluated<'b, 'v> {
    let number = of(content::<Version>(args, 0)?);
    Ok(CowVal::owned(CelInt::from(i64::try_from(number).unwrap_or(i64::MAX))))
}

/// By precedence: what is built does not count.
fn order(args: &[CowVal<'_, '_>]) -> Result<Ordering, ExecutionError> {
    let (a, b): (&Version, &Version) = (content(args, 0)?, content(args, 1)?);
    Ok(a.cmp_precedence(b))
}
