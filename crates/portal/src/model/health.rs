//! How well an object is, in the words of Argo CD, and the few parts of a status that more than one view reads.
//! It must not judge by itself: `apimachinery` does, the same for every engine.

use mainstay_apimachinery::health;
use serde::{Serialize, Serializer};
use serde_json::Value;

/// How well an object is, best first.
pub type Health = health::Status;

/// A health and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// How well it is.
    #[serde(serialize_with = "as_word")]
    pub health: Health,
    /// Why, in the object's own words; may be empty.
    pub message: String,
}

/// Serialises a health as its word.
pub(crate) fn as_word<S: Serializer>(health: &Health, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(health.as_str())
}

/// Reads a word that Argo CD writes; anything else is Unknown.
pub(crate) fn parse(word: &Value) -> Health {
    text(word).parse().unwrap_or_default()
}

/// Whether nobody needs to look.
pub(crate) fn is_fine(health: Health) -> bool {
    matches!(health, Health::Healthy | Health::Suspended)
}

/// How well an object is; `None` for kinds that cannot be unwell. An Application says so itself.
pub(crate) fn of(object: &Value) -> Option<Verdict> {
    if object["apiVersion"] == mainstay_api::argoproj::API_VERSION && object["kind"] == "Application" {
        let said = &object["status"]["health"];
        return Some(Verdict { health: parse(&said["status"]), message: text(&said["message"]).to_owned() });
    }
    health::of(object).map(|judged| Verdict { health: judged.status, message: judged.message })
}

/// The reason and message of the first container that waits.
pub(crate) fn waiting(pod: &Value) -> Option<(&str, &str)> {
    ["initContainerStatuses", "containerStatuses"]
        .iter()
        .filter_map(|list| pod["status"][list].as_array())
        .flatten()
        .map(|container| &container["state"]["waiting"])
        .find(|waiting| waiting.is_object())
        .map(|waiting| (text(&waiting["reason"]), text(&waiting["message"])))
}

/// A text, or nothing.
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_application_speaks_for_itself() {
        let status = json!({"health": {"status": "Degraded", "message": "broken"}});
        let application = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "status": status});
        assert_eq!(of(&application), Some(Verdict { health: Health::Degraded, message: "broken".into() }));
        assert_eq!(of(&json!({"apiVersion": "v1", "kind": "ConfigMap"})), None);
    }

    #[test]
    fn a_container_that_waits() {
        let state = json!([{"state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}}]);
        assert_eq!(
            waiting(&json!({"status": {"containerStatuses": state}})),
            Some(("ImagePullBackOff", "no such image"))
        );
    }
}
