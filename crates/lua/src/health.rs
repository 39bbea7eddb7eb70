//! Health by a user's script: global `obj` in, a table with `status` and `message` out. As upstream's `ExecuteHealthLua`.
//! It must not know which script is for which kind.

use mainstay_apimachinery::health::{Health, Status};
use serde_json::Value;

use crate::Error;
use crate::vm::{Returned, Script, World};

/// What upstream says of a word that is no status.
const INVALID_STATUS: &str = "Lua returned an invalid health status";

/// Judges an object. Nil is no health at all: the object does not count.
pub(crate) fn judge(script: &Script<'_>, world: &World<'_>) -> Result<Option<Health>, Error> {
    let Returned::Table(table) = script.run(world)? else { return Ok(None) };
    let text = |field: &str| match table.get(field) {
        None | Some(Value::Null) => Ok(""),
        Some(Value::String(text)) => Ok(text.as_str()),
        Some(_) => Err(script.bad(format!("field {field} is not a string"))),
    };
    let (status, message) = (text("status")?, text("message")?);
    Ok(Some(match status.parse::<Status>() {
        Ok(status) => Health::new(status, message),
        Err(_) => Health::new(Status::Unknown, INVALID_STATUS),
    }))
}
