//! `POST`: a new object, or a subresource that is created.
//! It must not know how objects are stored.

use bytes::Bytes;

use crate::Error;
use crate::body;
use crate::call::Call;
use crate::handler::{actions, read};
use crate::options::WriteOptions;
use crate::respond::{Reply, warn};
use crate::write::{self, Ownership};

/// `POST` of a collection.
pub(crate) async fn create(call: &Call, body: Bytes) -> Result<Reply, Error> {
    if call.subresource.is_some() || !call.resource.is_stored() {
        return actions::create(call, &body).await;
    }
    let options = WriteOptions::parse(call, "CreateOptions", false)?;
    let mut warnings = Vec::new();
    let object = body::read_object(call, &options, &body, &mut warnings)?;
    if mainstay_apimachinery::object::resource_version(&object).is_some() {
        return Err(Error::unclassified("resourceVersion should not be set on objects to be created"));
    }
    let written = write::create(call, &options, object, Ownership::Writer).await?;
    warnings.extend(written.warnings);
    let mut reply = read::object_value(call, 201, &written.object)?;
    warn(&mut reply, &warnings);
    Ok(reply)
}
