//! `PUT`: an object, its status, its scale, or a namespace's finalizers.
//! It must not know how objects are stored.

use bytes::Bytes;
use mainstay_apimachinery::{FieldError, FieldErrorKind, FieldPath, object};
use serde_json::{Value, json};

use crate::call::Call;
use crate::handler::read;
use crate::options::WriteOptions;
use crate::respond::{Reply, warn};
use crate::write::{self, Desired, Ownership};
use crate::{Error, body, scale};

/// `PUT` of an object.
pub(crate) async fn update(call: &Call, bytes: &Bytes) -> Result<Reply, Error> {
    let options = WriteOptions::parse(call, "UpdateOptions", false)?;
    if call.subresource_str() == "scale" {
        return update_scale(call, &options, bytes).await;
    }
    let mut warnings = Vec::new();
    let sent = body::read_object(call, &options, bytes, &mut warnings)?;
    let result = write::change(call, &options, |_| {
        check_unconditional(call, &sent)?;
        Ok(Desired { object: sent.clone(), warnings: Vec::new(), ownership: Ownership::Writer })
    });
    let written = result.await?;
    warnings.extend(written.warnings);
    let mut reply = read::object_value(call, 200, &written.object)?;
    warn(&mut reply, &warnings);
    Ok(reply)
}

/// Custom resources cannot be replaced without saying which state one has seen.
fn check_unconditional(call: &Call, sent: &Value) -> Result<(), Error> {
    if call.resource.custom.is_none() || object::resource_version(sent).is_some() {
        return Ok(());
    }
    let path = FieldPath::root().child("metadata").child("resourceVersion");
    let error = FieldError::new(FieldErrorKind::Invalid, path, json!(0), "must be specified for an update");
    Err(Error::unconditional(&call.resource, call.name_str(), &[error]))
}

async fn update_scale(call: &Call, options: &WriteOptions, bytes: &Bytes) -> Result<Reply, Error> {
    let sent = body::read(&call.content_type, bytes)?.value;
    let result = write::change(call, options, |old| {
        let object = scale::into(&call.resource, old, &sent)?;
        Ok(Desired { object, warnings: Vec::new(), ownership: Ownership::Writer })
    });
    let written = result.await?;
    Ok(read::encode_reply(call, 200, &scale::of(&call.resource, &written.object)?))
}
