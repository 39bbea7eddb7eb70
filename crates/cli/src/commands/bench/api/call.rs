//! The calls that are made, as HTTP. It must not know how they reach a server.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::error::Error;

/// Bytes of data in each ConfigMap.
const PAYLOAD: usize = 1024;

/// A kind of call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    Create,
    Get,
    /// Server-side apply: makes the object, or changes its data.
    Apply,
    /// `PUT` of other data.
    Update,
}

/// One request and the answers it may get.
#[derive(Clone, Debug, Default)]
pub(super) struct Request {
    pub(super) method: &'static str,
    pub(super) path: String,
    pub(super) content_type: &'static str,
    pub(super) body: String,
    /// Answers that are no failure.
    pub(super) expected: &'static [u16],
}

/// A series of ConfigMaps in a namespace of its own: `<series>-<number>`.
#[derive(Clone, Debug)]
pub(super) struct Target {
    namespace: Arc<str>,
    series: Arc<str>,
    payload: Arc<str>,
}

impl Target {
    pub(super) fn new(namespace: &str) -> Self {
        Self { namespace: namespace.into(), series: "created".into(), payload: "x".repeat(PAYLOAD - 12).into() }
    }

    /// Other objects in the same namespace.
    pub(super) fn series(&self, name: &str) -> Self {
        Self { series: name.into(), ..self.clone() }
    }

    pub(super) fn namespace(&self) -> &str {
        &self.namespace
    }

    pub(super) fn make_namespace(&self) -> Request {
        let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": &*self.namespace}});
        Request {
            method: "POST",
            path: "/api/v1/namespaces".to_owned(),
            content_type: "application/json",
            body: object.to_string(),
            expected: &[201],
        }
    }

    pub(super) fn delete_namespace(&self) -> Request {
        let path = format!("/api/v1/namespaces/{}", self.namespace);
        Request { method: "DELETE", path, expected: &[200, 202], ..Request::default() }
    }

    /// All objects of the namespace.
    pub(super) fn list(&self) -> Request {
        Request { method: "GET", path: self.collection(), expected: &[200], ..Request::default() }
    }

    pub(super) fn watch(&self, revision: &str) -> Request {
        let path = format!("{}?watch=true&resourceVersion={revision}", self.collection());
        Request { method: "GET", path, expected: &[200], ..Request::default() }
    }

    /// Whether a list has at least so many objects.
    ///
    /// # Errors
    /// When it has fewer.
    pub(super) fn check_list(&self, list: &[u8], objects: usize) -> Result<(), Error> {
        let found = memchr::memmem::find_iter(list, b"\"payload\":").count();
        if found >= objects {
            return Ok(());
        }
        Err(Error::Refused(format!("a list of {} has {found} objects, not {objects}", self.namespace)))
    }

    fn collection(&self) -> String {
        format!("/api/v1/namespaces/{}/configmaps", self.namespace)
    }

    /// Writes a call on the object of a number into `request`; `version` makes its data new.
    pub(super) fn write(&self, call: Call, (number, version): (usize, usize), request: &mut Request) {
        use std::fmt::Write;
        let Self { namespace, series, .. } = self;
        let path = &mut request.path;
        path.clear();
        request.body.clear();
        let written = match call {
            Call::Create => write!(path, "/api/v1/namespaces/{namespace}/configmaps"),
            Call::Get | Call::Update => write!(path, "/api/v1/namespaces/{namespace}/configmaps/{series}-{number:06}"),
            Call::Apply => {
                write!(
                    path,
                    "/api/v1/namespaces/{namespace}/configmaps/{series}-{number:06}?fieldManager=bench&force=true"
                )
            }
        };
        written.expect("a string takes everything");
        let (method, content_type, expected): (&'static str, &'static str, &'static [u16]) = match call {
            Call::Create => ("POST", "application/json", &[201]),
            Call::Get => ("GET", "", &[200]),
            Call::Update => ("PUT", "application/json", &[200]),
            Call::Apply => ("PATCH", "application/apply-patch+yaml", &[200, 201]),
        };
        (request.method, request.content_type, request.expected) = (method, content_type, expected);
        if call != Call::Get {
            self.object((number, version), &mut request.body);
        }
    }

    fn object(&self, (number, version): (usize, usize), body: &mut String) {
        use std::fmt::Write;
        let Self { series, payload, .. } = self;
        let written = write!(
            body,
            r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"{series}-{number:06}"}},"data":{{"payload":"{version:012}{payload}"}}}}"#
        );
        written.expect("a string takes everything");
    }
}

/// The number of a watched object, from its name.
pub(super) fn number_of(object: &Value) -> Option<usize> {
    object.pointer("/metadata/name")?.as_str()?.rsplit('-').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_objects_of_one_kib() {
        let target = Target::new("bench-1").series("applied");
        let mut request = Request::default();
        target.write(Call::Apply, (7, 3), &mut request);
        assert_eq!(request.path, "/api/v1/namespaces/bench-1/configmaps/applied-000007?fieldManager=bench&force=true");
        let object: Value = serde_json::from_str(&request.body).unwrap();
        assert_eq!(object["data"]["payload"].as_str().unwrap().len(), PAYLOAD);
        assert!(object["data"]["payload"].as_str().unwrap().starts_with("000000000003x"));
        assert_eq!(number_of(&object), Some(7));
        target.write(Call::Get, (8, 0), &mut request);
        assert_eq!((request.method, request.body.as_str()), ("GET", ""));
        assert!(request.path.ends_with("/applied-000008"));
    }

    #[test]
    fn short_lists_are_told() {
        let target = Target::new("bench-1");
        let list = br#"{"items":[{"data":{"payload":"x"}},{"data":{"payload":"x"}}]}"#;
        assert!(target.check_list(list, 2).is_ok());
        assert!(target.check_list(list, 3).unwrap_err().to_string().contains("has 2 objects, not 3"));
    }
}
