//! Who owns which field: `metadata.managedFields` of writes and server-side apply.
//! It must not know storage.

use mainstay_apimachinery::managed_fields::{self, ApplyError, ApplyRequest, FieldSet, UpdateRequest, Writer};
use serde_json::Value;

use crate::Error;
use crate::call::Call;
use crate::options::WriteOptions;

pub(crate) use mainstay_apimachinery::managed_fields::same_but_times;

/// The new state with the writer as owner of what it changed.
pub(crate) fn update(call: &Call, options: &WriteOptions, old: Option<&Value>, new: Value) -> Value {
    let Some(schema) = call.resource.schema() else { return new };
    let api_version = call.resource.api_version();
    let writer = writer(call, options, &api_version);
    managed_fields::update(&UpdateRequest { schema: &schema, live: old.unwrap_or(&Value::Null), writer }, new)
}

/// What a live object becomes when `applied` is applied to it; `live` is `Null` where there is none.
pub(crate) fn apply(call: &Call, options: &WriteOptions, live: &Value, applied: &Value) -> Result<Value, Error> {
    let schema = call.resource.schema().ok_or_else(Error::unsupported_patch)?;
    let api_version = call.resource.api_version();
    let writer = writer(call, options, &api_version);
    let request = ApplyRequest { schema: &schema, live, applied, writer, force: options.force };
    managed_fields::apply(&request).map_err(|error| refused(call, applied, &error))
}

fn writer<'a>(call: &'a Call, options: &'a WriteOptions, api_version: &'a str) -> Writer<'a> {
    let subresource = call.subresource_str();
    Writer {
        manager: &options.manager,
        api_version,
        subresource,
        now: call.server.clock().now(),
        reset: reset(call, subresource),
        versions: managed_fields::Versions::default(),
    }
}

fn reset(call: &Call, subresource: &str) -> &'static FieldSet {
    managed_fields::reset_fields(subresource, call.resource.has_status())
}

fn refused(call: &Call, applied: &Value, error: &ApplyError) -> Error {
    match error {
        ApplyError::Conflicts(conflicts) => {
            let cause = |conflict: &managed_fields::Conflict| (conflict.to_string(), conflict.path.clone());
            Error::apply_conflict(error.to_string(), conflicts.iter().map(cause).collect())
        }
        ApplyError::Invalid(_) => {
            let namespace = mainstay_apimachinery::object::namespace(applied).unwrap_or_default();
            let gvk = call.resource.gvk();
            let name = mainstay_apimachinery::object::name(applied);
            let prefix = format!("{namespace}/{name}; {}/{}, Kind={}", gvk.group, gvk.version, gvk.kind);
            Error::unclassified(format!("failed to create typed patch object ({prefix}): {error}"))
        }
        ApplyError::LiveFields => Error::unclassified(error.to_string()),
    }
}
