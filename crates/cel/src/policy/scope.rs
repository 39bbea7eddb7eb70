//! The variables an expression of a policy sees.
//! It must not evaluate anything.

use std::sync::Arc;

use cel::ExecutionError;
use cel::common::traits::{Container, Indexer};
use cel::common::types::{CelNull, CelString, MAP_TYPE, Type};
use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;
use serde_json::Value;

use super::EvaluationError;
use super::types::{NAMESPACE, REQUEST};
use crate::library::failed;
use crate::library::kubernetes::authorizer::{self, Access, Authorize};
use crate::typed::typed;
use crate::value::from_json;

/// The variable that checks access to what is being written.
pub(super) const REQUEST_RESOURCE: &str = "authorizer.requestResource";

static MAP: Type = MAP_TYPE;

/// What a write brings along.
#[derive(Clone)]
pub struct Inputs<'v> {
    /// The object as it will be; `None` for a deletion.
    pub object: Option<&'v Value>,
    /// The object as it is; `None` for a creation.
    pub old_object: Option<&'v Value>,
    /// The `AdmissionRequest` without its objects.
    pub request: &'v Value,
    /// The parameters, where the policy has some.
    pub params: Option<&'v Value>,
    /// The object's namespace; `None` for what is in none.
    pub namespace_object: Option<&'v Value>,
    /// Who is asked what the user may do, and about what is being written.
    pub authorizer: Option<(Arc<dyn Authorize>, Access)>,
}

/// The outcome of a variable.
type Outcome<'v> = Result<Box<dyn Val + 'v>, EvaluationError>;

/// The inputs and the variables evaluated so far, innermost first.
pub(super) struct Scope<'s> {
    inputs: &'s Inputs<'s>,
    own: Option<(&'s str, &'s Outcome<'s>, &'s Scope<'s>)>,
}

impl<'s> Scope<'s> {
    pub(super) fn of(inputs: &'s Inputs<'s>) -> Self {
        Self { inputs, own: None }
    }

    /// This scope and one more variable.
    pub(super) fn with<'t>(&'t self, name: &'t str, value: &'t Outcome<'t>) -> Scope<'t> {
        Scope { inputs: self.inputs, own: Some((name, value, self)) }
    }

    fn variable(&self, name: &str) -> Option<&'s Outcome<'s>> {
        let (own, value, around) = self.own.as_ref()?;
        if *own == name { Some(value) } else { around.variable(name) }
    }
}

fn or_null<'b>(value: Option<&'b Value>) -> Box<dyn Val + 'b> {
    value.map_or_else(|| Box::new(CelNull) as Box<dyn Val>, from_json)
}

impl VariableResolver for Scope<'_> {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        let inputs = self.inputs;
        Some(CowVal::Owned(match variable {
            "object" => or_null(inputs.object),
            "oldObject" => or_null(inputs.old_object),
            "params" => or_null(inputs.params),
            "request" => typed(inputs.request, &REQUEST),
            "namespaceObject" => match inputs.namespace_object {
                Some(namespace) => typed(namespace, &NAMESPACE),
                None => Box::new(CelNull),
            },
            "variables" => Box::new(Composed(self)),
            "authorizer" => authorizer::of(&inputs.authorizer.as_ref()?.0),
            REQUEST_RESOURCE => {
                let (asked, access) = inputs.authorizer.as_ref()?;
                authorizer::of_resource(asked, access.clone())
            }
            _ => return None,
        }))
    }
}

/// `variables`: a map of what was composed.
struct Composed<'s>(&'s Scope<'s>);

impl std::fmt::Debug for Composed<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("variables")
    }
}

impl Val for Composed<'_> {
    fn get_type(&self) -> &Type {
        &MAP
    }

    fn cel_type() -> &'static Type {
        &MAP
    }

    fn as_container(&self) -> Option<&dyn Container> {
        Some(self)
    }

    fn as_indexer<'b, 'w>(&'b self) -> Option<&'b (dyn Indexer + 'w)>
    where
        Self: 'w,
    {
        Some(self)
    }

    fn equals(&self, _: &dyn Val) -> bool {
        false
    }

    fn clone_as_boxed<'w>(&self) -> Box<dyn Val + 'w>
    where
        Self: 'w,
    {
        Box::new(Composed(self.0))
    }
}

impl Container for Composed<'_> {
    fn contains(&self, key: &dyn Val) -> Result<bool, ExecutionError> {
        Ok(key.downcast_ref::<CelString>().is_some_and(|key| self.0.variable(key.inner()).is_some()))
    }
}

impl Indexer for Composed<'_> {
    fn get<'b, 'w>(&'b self, key: &dyn Val) -> Result<CowVal<'b, 'w>, ExecutionError>
    where
        Self: 'w,
    {
        let name = key.downcast_ref::<CelString>().map_or("", |key| key.inner());
        match self.0.variable(name) {
            Some(Ok(value)) => Ok(CowVal::Owned(value.as_ref().clone_as_boxed())),
            Some(Err(error)) => {
                let why = format!("composited variable \"{name}\" fails to evaluate: {error}");
                Err(failed("variables", why))
            }
            None => Err(ExecutionError::no_such_key(name)),
        }
    }

    fn steal<'w>(self: Box<Self>, key: &dyn Val) -> Result<Box<dyn Val + 'w>, ExecutionError>
    where
        Self: 'w,
    {
        self.get(key).map(CowVal::into_owned)
    }
}
