//! Semantic versions.

use std::any::Any;
use std::rc::Rc;

use mainstay_apimachinery::version::{Range, Version};

use crate::arguments::Arguments;
use crate::error::Fault;
use crate::exec::Machine;
use crate::functions::Function;
use crate::value::{Object, Value};

pub(super) const FUNCTIONS: &[(&str, Function)] =
    &[("semver", Function::fixed(1, semver)), ("semverCompare", Function::fixed(2, compare))];

struct Semver(Version);

impl Object for Semver {
    fn type_name(&self) -> &str {
        "*semver.Version"
    }

    fn kind(&self) -> &'static str {
        "ptr"
    }

    fn text(&self) -> String {
        self.0.to_string()
    }

    fn get(&self, name: &str, arguments: &[Value]) -> Option<Result<Value, Fault>> {
        let number = |number: u64| Value::Int64(i64::try_from(number).unwrap_or(i64::MAX));
        let value = match name {
            "Major" => number(self.0.major()),
            "Minor" => number(self.0.minor()),
            "Patch" => number(self.0.patch()),
            "Prerelease" => self.0.prerelease().into(),
            "Metadata" => self.0.metadata().into(),
            "Original" => self.0.original().into(),
            "String" => self.text().into(),
            "Compare" | "Equal" | "LessThan" | "GreaterThan" => return Some(self.against(name, arguments)),
            "IncMajor" => self.raised(|version| format!("{}.0.0", version.major() + 1)),
            "IncMinor" => self.raised(|version| format!("{}.{}.0", version.major(), version.minor() + 1)),
            "IncPatch" => self.raised(|version| {
                let step = u64::from(version.prerelease().is_empty());
                format!("{}.{}.{}", version.major(), version.minor(), version.patch() + step)
            }),
            _ => return None,
        };
        Some(Ok(value))
    }

    fn any(&self) -> &dyn Any {
        self
    }
}

impl Semver {
    fn raised(&self, text: impl Fn(&Version) -> String) -> Value {
        Version::parse(&text(&self.0)).map_or(Value::Nil, |version| Value::Object(Rc::new(Self(version))))
    }

    fn against(&self, name: &str, arguments: &[Value]) -> Result<Value, Fault> {
        let other = match arguments.first() {
            Some(Value::Object(object)) => object.any().downcast_ref::<Self>(),
            _ => None,
        };
        let other = other.ok_or_else(|| Fault::new(format!("{name} needs a version, such as (semver \"1.2.3\")")))?;
        let order = self.0.precedence(&other.0);
        Ok(match name {
            "Compare" => Value::Int(order as i64),
            "Equal" => order.is_eq().into(),
            "LessThan" => order.is_lt().into(),
            _ => order.is_gt().into(),
        })
    }
}

fn version(text: &str) -> Result<Version, Fault> {
    Version::parse(text).ok_or_else(|| Fault::new("invalid semantic version"))
}

fn semver(_: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    Ok(Value::Object(Rc::new(Semver(version(&Arguments(all).text(0)?)?))))
}

fn compare(_: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    let range = Range::parse(&Arguments(all).text(0)?).map_err(|error| Fault::new(error.to_string()))?;
    Ok(range.contains(&version(&Arguments(all).text(1)?)?).into())
}
