//! An object as it may be shown: without the values of Secrets, and without bookkeeping unless asked for.
//! It must not be skipped: whatever shows an object to a person shows what this gives.

use serde_json::{Map, Value};

const MASK: &str = "••••••••";
/// kubectl puts the whole object in here, with all of a Secret's values.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// The object without a Secret's values; `managedFields` only if asked for.
#[must_use]
pub fn displayable(object: &Value, with_managed_fields: bool) -> Value {
    let mut shown = object.clone();
    if !with_managed_fields && let Some(metadata) = shown.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
    if shown["kind"] == "Secret" {
        mask_secret(&mut shown);
    }
    shown
}

fn mask_secret(secret: &mut Value) {
    for field in ["data", "stringData"] {
        if let Some(values) = secret.get_mut(field).and_then(Value::as_object_mut) {
            mask_all(values);
        }
    }
    if let Some(annotations) = secret.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut)
        && annotations.contains_key(LAST_APPLIED)
    {
        annotations.insert(LAST_APPLIED.to_owned(), Value::from(MASK));
    }
}

fn mask_all(values: &mut Map<String, Value>) {
    for value in values.values_mut() {
        *value = Value::from(MASK);
    }
}

/// A repository URL without the credentials in it.
pub(crate) fn without_credentials(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_secret_shows_its_keys_only() {
        let secret = json!({
            "kind": "Secret", "data": {"password": "aHVudGVyMg=="}, "stringData": {"token": "hunter2"},
            "metadata": {"name": "x", "managedFields": [{}], "annotations": {LAST_APPLIED: "{\"data\":\"aHVudGVyMg==\"}"}},
        });
        let text = displayable(&secret, false).to_string();
        assert!(!text.contains("hunter2") && !text.contains("aHVudGVyMg"), "{text}");
        assert!(text.contains("password") && text.contains("token") && !text.contains("managedFields"), "{text}");
        assert!(displayable(&secret, true).to_string().contains("managedFields"));
    }

    #[test]
    fn a_config_map_is_shown() {
        let map = json!({"kind": "ConfigMap", "data": {"a": "b"}});
        assert_eq!(displayable(&map, false), map);
    }

    #[test]
    fn credentials_leave_urls() {
        assert_eq!(without_credentials("https://u:p@h/x.git"), "https://h/x.git");
        assert_eq!(without_credentials("/srv/x@y"), "/srv/x@y");
    }
}
