//! `authorizer`: what the user of a request may do, asked within an expression, as
//! `k8s.io/apiserver/pkg/cel/library.Authz`.
//! It must not know who decides.

use std::fmt;
use std::sync::Arc;

use cel::common::types::{CelBool, CelString, STRING_TYPE, Type};
use cel::common::value::{CowVal, Val};
use cel::{DeclarationError, Env};

use super::super::{Evaluated, text};
use super::{Content, Opaque, boolean, content, opaque};

static AUTHORIZER: Type = Type::new_unspecified_type("kubernetes.authorization.Authorizer");
static PATH: Type = Type::new_unspecified_type("kubernetes.authorization.PathCheck");
static GROUP: Type = Type::new_unspecified_type("kubernetes.authorization.GroupCheck");
static RESOURCE: Type = Type::new_unspecified_type("kubernetes.authorization.ResourceCheck");
static DECISION: Type = Type::new_unspecified_type("kubernetes.authorization.Decision");

/// What somebody wants to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// Verb, such as `get`.
    pub verb: String,
    /// API group.
    pub group: String,
    /// Plural resource; empty for a path.
    pub resource: String,
    /// Subresource, or empty.
    pub subresource: String,
    /// Namespace, or empty.
    pub namespace: String,
    /// Name, or empty.
    pub name: String,
    /// URL path, where it is no resource.
    pub path: String,
    /// Namespace and name of the service account that is asked about, instead of the user.
    pub service_account: Option<(String, String)>,
}

/// The answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// Whether it is allowed.
    pub allowed: bool,
    /// Why.
    pub reason: String,
    /// What went wrong in deciding; empty if nothing did.
    pub error: String,
}

/// Decides.
pub trait Authorize: Send + Sync {
    /// Whether it is allowed.
    fn decide(&self, access: &Access) -> Decision;
}

/// Who is asked, about whom.
#[derive(Clone)]
struct Asked {
    by: Arc<dyn Authorize>,
    access: Access,
}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.access.fmt(f)
    }
}

impl PartialEq for Asked {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.by, &other.by) && self.access == other.access
    }
}

macro_rules! steps {
    ($($name:ident: $type_:ident),*) => {$(
        #[derive(Clone, Debug, PartialEq)]
        struct $name(Asked);

        impl Content for $name {
            fn cel_type() -> &'static Type {
                &$type_
            }
        }
    )*};
}
steps!(Authorizer: AUTHORIZER, PathCheck: PATH, GroupCheck: GROUP, ResourceCheck: RESOURCE);

impl Content for Decision {
    fn cel_type() -> &'static Type {
        &DECISION
    }
}

/// The value of `authorizer`.
pub(crate) fn of<'v>(by: &Arc<dyn Authorize>) -> Box<dyn Val + 'v> {
    Box::new(Opaque(Authorizer(Asked { by: by.clone(), access: Access::default() })))
}

/// The value of `authorizer.requestResource`.
pub(crate) fn of_resource<'v>(by: &Arc<dyn Authorize>, access: Access) -> Box<dyn Val + 'v> {
    Box::new(Opaque(ResourceCheck(Asked { by: by.clone(), access })))
}

pub(super) fn extension(env: &mut Env) -> Result<(), DeclarationError> {
    for type_ in [&AUTHORIZER, &PATH, &GROUP, &RESOURCE, &DECISION] {
        env.add_type(type_.to_owned())?;
    }
    let one = || vec![STRING_TYPE];
    env.add_member_overload("path", "authorizer_path", AUTHORIZER.to_owned(), one(), |args| {
        let mut asked = content::<Authorizer>(&args, 0)?.0.clone();
        asked.access.path = text("path", &args, 1)?;
        opaque(PathCheck(asked))
    })?;
    env.add_member_overload("group", "authorizer_group", AUTHORIZER.to_owned(), one(), |args| {
        let mut asked = content::<Authorizer>(&args, 0)?.0.clone();
        asked.access.group = text("group", &args, 1)?;
        opaque(GroupCheck(asked))
    })?;
    let two = vec![STRING_TYPE, STRING_TYPE];
    env.add_member_overload("serviceAccount", "authorizer_serviceaccount", AUTHORIZER.to_owned(), two, |args| {
        let mut asked = content::<Authorizer>(&args, 0)?.0.clone();
        let (namespace, name) = (text("serviceAccount", &args, 1)?, text("serviceAccount", &args, 2)?);
        asked.access.service_account = Some((namespace, name));
        opaque(Authorizer(asked))
    })?;
    env.add_member_overload("resource", "groupcheck_resource", GROUP.to_owned(), one(), |args| {
        let mut asked = content::<GroupCheck>(&args, 0)?.0.clone();
        asked.access.resource = text("resource", &args, 1)?;
        opaque(ResourceCheck(asked))
    })?;
    narrowing(env)?;
    checks(env)
}

/// What makes a check of a resource narrower. Selectors are taken and not looked at: no authorizer here knows them.
fn narrowing(env: &mut Env) -> Result<(), DeclarationError> {
    let one = || vec![STRING_TYPE];
    let own = || RESOURCE.to_owned();
    env.add_member_overload("subresource", "resourcecheck_subresource", own(), one(), |args| {
        narrowed(&args, |access, value| access.subresource = value)
    })?;
    env.add_member_overload("namespace", "resourcecheck_namespace", own(), one(), |args| {
        narrowed(&args, |access, value| access.namespace = value)
    })?;
    env.add_member_overload("name", "resourcecheck_name", own(), one(), |args| {
        narrowed(&args, |access, value| access.name = value)
    })?;
    env.add_member_overload("fieldSelector", "authorizer_fieldselector", own(), one(), |args| {
        narrowed(&args, |_, _| {})
    })?;
    env.add_member_overload("labelSelector", "authorizer_labelselector", own(), one(), |args| {
        narrowed(&args, |_, _| {})
    })
}

fn narrowed<'b, 'v>(args: &[CowVal<'b, 'v>], change: fn(&mut Access, String)) -> Evaluated<'b, 'v> {
    let mut asked = content::<ResourceCheck>(args, 0)?.0.clone();
    change(&mut asked.access, text("authorizer", args, 1)?);
    opaque(ResourceCheck(asked))
}

fn checks(env: &mut Env) -> Result<(), DeclarationError> {
    let one = || vec![STRING_TYPE];
    env.add_member_overload("check", "pathcheck_check", PATH.to_owned(), one(), |args| {
        decide(content::<PathCheck>(&args, 0)?.0.clone(), &args)
    })?;
    env.add_member_overload("check", "resourcecheck_check", RESOURCE.to_owned(), one(), |args| {
        decide(content::<ResourceCheck>(&args, 0)?.0.clone(), &args)
    })?;
    let own = || DECISION.to_owned();
    env.add_member_overload("allowed", "decision_allowed", own(), vec![], |args| {
        boolean(content::<Decision>(&args, 0)?.allowed)
    })?;
    env.add_member_overload("errored", "decision_errored", own(), vec![], |args| {
        Ok(CowVal::owned(CelBool::from(!content::<Decision>(&args, 0)?.error.is_empty())))
    })?;
    env.add_member_overload("reason", "decision_reason", own(), vec![], |args| {
        Ok(CowVal::owned(CelString::from(content::<Decision>(&args, 0)?.reason.clone())))
    })?;
    env.add_member_overload("error", "decision_error", own(), vec![], |args| {
        Ok(CowVal::owned(CelString::from(content::<Decision>(&args, 0)?.error.clone())))
    })
}

fn decide<'b, 'v>(mut asked: Asked, args: &[CowVal<'b, 'v>]) -> Evaluated<'b, 'v> {
    asked.access.verb = text("check", args, 1)?;
    opaque(asked.by.decide(&asked.access))
}
