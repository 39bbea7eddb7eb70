//! What tells resources apart: group, version, kind, namespace and name. As kustomize's `resid`.
//! It must not know resources.

use std::fmt;

use mainstay_apimachinery::{builtin, gvk, object};
use serde::Deserialize;
use serde_json::Value;

/// An id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Id {
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) kind: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
}

/// Group, version and kind, each of which may be left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Gvk {
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) kind: String,
}

impl Gvk {
    /// Whether an id is of this kind, as far as it says.
    pub(crate) fn selects(&self, id: &Id) -> bool {
        let matches = |own: &str, theirs: &str| own.is_empty() || own == theirs;
        matches(&self.group, &id.group) && matches(&self.version, &id.version) && matches(&self.kind, &id.kind)
    }
}

impl Id {
    pub(crate) fn of(object: &Value) -> Self {
        let (group, version) = gvk::split_api_version(object::api_version(object));
        Self {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: object::kind(object).to_owned(),
            namespace: object::namespace(object).unwrap_or_default().to_owned(),
            name: object::name(object).to_owned(),
        }
    }

    /// Whether both name the same object: no namespace is the default one, and objects of a whole cluster have none.
    pub(crate) fn equals(&self, other: &Self) -> bool {
        self.same_kind(other) && self.name == other.name && self.same_namespace(other)
    }

    fn same_kind(&self, other: &Self) -> bool {
        self.group == other.group && self.version == other.version && self.kind == other.kind
    }

    pub(crate) fn same_namespace(&self, other: &Self) -> bool {
        self.effective_namespace() == other.effective_namespace()
    }

    fn effective_namespace(&self) -> &str {
        match self.namespace.as_str() {
            _ if self.is_cluster_scoped() => "",
            "" => "default",
            namespace => namespace,
        }
    }

    /// Whether objects of the kind are known to have no namespace.
    pub(crate) fn is_cluster_scoped(&self) -> bool {
        let known = builtin::resources().iter().find(|info| info.group == self.group && info.kind == self.kind);
        known.is_some_and(|info| !info.namespaced)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { group, version, kind, namespace, name } = self;
        let or = |text: &str, without: &str| if text.is_empty() { without.to_owned() } else { text.to_owned() };
        let group = if group.is_empty() { String::new() } else { format!(".{group}") };
        write!(f, "{kind}.{version}{group}/{}.{}", or(name, "[noName]"), or(namespace, "[noNs]"))
    }
}
