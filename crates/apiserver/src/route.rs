//! From a URL path to what it names, as `request.RequestInfoFactory`.
//! It must not know which resources exist.

use std::borrow::Cow;

use crate::Error;

/// What a path below `/api` or `/apis` names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ResourcePath {
    /// API group; empty for the core group.
    pub(crate) group: String,
    /// API version.
    pub(crate) version: String,
    /// Plural resource name.
    pub(crate) plural: String,
    /// Namespace.
    pub(crate) namespace: Option<String>,
    /// Object name.
    pub(crate) name: Option<String>,
    /// Subresource, with what follows it.
    pub(crate) subresource: Option<String>,
    /// Whether the path has the deprecated `/watch/` prefix.
    pub(crate) watch: bool,
}

/// Splits `/clusters/<name>/rest` into the cluster and `/rest`; other paths belong to no named cluster.
#[must_use]
pub(crate) fn split_cluster(path: &str) -> (Option<&str>, &str) {
    let Some(rest) = path.strip_prefix("/clusters/") else { return (None, path) };
    match rest.find('/') {
        Some(end) => (Some(&rest[..end]), &rest[end..]),
        None => (Some(rest), "/"),
    }
}

impl ResourcePath {
    /// Reads a path; `None` if it is no resource's, such as `/version` or `/apis/apps/v1`.
    #[must_use]
    pub(crate) fn parse(path: &str) -> Option<Self> {
        let mut segments = path.split('/').filter(|segment| !segment.is_empty()).map(decode);
        let group = match segments.next()?.as_ref() {
            "api" => String::new(),
            "apis" => segments.next()?.into_owned(),
            _ => return None,
        };
        let version = segments.next()?.into_owned();
        let mut rest: Vec<String> = segments.map(Cow::into_owned).collect();
        let watch = rest.first().is_some_and(|first| first == "watch");
        if watch {
            rest.remove(0);
        }
        let mut found = Self { group, version, watch, ..Self::default() };
        found.place(rest)?;
        Some(found)
    }

    fn place(&mut self, mut rest: Vec<String>) -> Option<()> {
        if rest.is_empty() {
            return None;
        }
        if rest[0] == "namespaces" && rest.len() > 2 && !matches!(rest[2].as_str(), "status" | "finalize") {
            self.namespace = Some(rest[1].clone());
            rest.drain(..2);
        }
        let mut rest = rest.into_iter();
        self.plural = rest.next()?;
        self.name = rest.next();
        let tail: Vec<String> = rest.collect();
        self.subresource = (!tail.is_empty()).then(|| tail.join("/"));
        Some(())
    }
}

fn decode(segment: &str) -> Cow<'_, str> {
    percent_encoding::percent_decode_str(segment).decode_utf8_lossy()
}

/// Query parameters.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads the part of a URL after `?`.
    ///
    /// # Errors
    /// When it is not a query.
    pub(crate) fn parse(query: &str) -> Result<Self, Error> {
        let pairs = serde_urlencoded::from_str(query).map_err(|error| Error::bad_request(error.to_string()))?;
        Ok(Self(pairs))
    }

    /// The first value of a parameter, if it is not empty.
    #[must_use]
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.first(name).filter(|value| !value.is_empty())
    }

    /// Whether a parameter is given at all.
    #[must_use]
    pub(crate) fn has(&self, name: &str) -> bool {
        self.first(name).is_some()
    }

    fn first(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// All values of a parameter.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Whether a switch is on: `true`, `1`, or given without a value, as Go's `strconv.ParseBool` and conversions do.
    #[must_use]
    pub(crate) fn is_on(&self, name: &str) -> bool {
        self.flag(name) == Some(true)
    }

    /// A switch; `None` where it is not given.
    #[must_use]
    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        self.first(name).map(|value| !matches!(value, "false" | "0" | "f" | "F" | "False" | "FALSE"))
    }

    /// A whole number.
    ///
    /// # Errors
    /// When it is none.
    pub(crate) fn integer(&self, name: &str) -> Result<Option<i64>, Error> {
        let parse = |text: &str| {
            text.parse().map_err(|_| Error::bad_request(format!("strconv.ParseInt: parsing {text:?}: invalid syntax")))
        };
        self.get(name).map(parse).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(path: &str) -> (String, Option<String>, Option<String>, Option<String>) {
        let found = ResourcePath::parse(path).unwrap();
        (found.plural, found.namespace, found.name, found.subresource)
    }

    #[test]
    fn paths_name_resources() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(parse("/api/v1/pods"), ("pods".into(), None, None, None));
        assert_eq!(parse("/api/v1/namespaces/x"), ("namespaces".into(), None, some("x"), None));
        assert_eq!(parse("/api/v1/namespaces/x/finalize"), ("namespaces".into(), None, some("x"), some("finalize")));
        assert_eq!(
            parse("/apis/apps/v1/namespaces/x/deployments/d/scale"),
            ("deployments".into(), some("x"), some("d"), some("scale"))
        );
        assert_eq!(parse("/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Anode").2, some("system:node"));
        assert!(ResourcePath::parse("/api/v1/watch/namespaces/x/pods").unwrap().watch);
        for path in ["/api/v1", "/apis/apps/v1", "/apis", "/version", "/"] {
            assert_eq!(ResourcePath::parse(path), None, "{path}");
        }
    }

    #[test]
    fn clusters_are_a_prefix() {
        assert_eq!(split_cluster("/clusters/dev/api/v1"), (Some("dev"), "/api/v1"));
        assert_eq!(split_cluster("/clusters/dev"), (Some("dev"), "/"));
        assert_eq!(split_cluster("/api/v1"), (None, "/api/v1"));
    }
}
