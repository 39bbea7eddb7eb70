//! Names of kinds and objects in the store.
//! It must not know which clusters, groups or resources exist.

use std::fmt;
use std::sync::Arc;

/// All objects of one resource in one logical cluster.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KindKey {
    /// Logical cluster.
    pub cluster: Arc<str>,
    /// API group; empty for the core group.
    pub group: Arc<str>,
    /// Plural resource name.
    pub resource: Arc<str>,
}

/// One object.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey {
    /// Where it belongs.
    pub kind: KindKey,
    /// Namespace; empty for a cluster-scoped object.
    pub namespace: Arc<str>,
    /// Name.
    pub name: Arc<str>,
}

impl KindKey {
    /// A key from its three names.
    pub fn new(cluster: impl Into<Arc<str>>, group: impl Into<Arc<str>>, resource: impl Into<Arc<str>>) -> Self {
        Self { cluster: cluster.into(), group: group.into(), resource: resource.into() }
    }

    /// The key as bytes: its three parts, divided by NUL.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        [&*self.cluster, &*self.group, &*self.resource].join("\0").into_bytes()
    }

    /// Reads what [`KindKey::encode`] wrote; `None` if it is anything else.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut parts = std::str::from_utf8(bytes).ok()?.split('\0');
        let kind = Self::new(parts.next()?, parts.next()?, parts.next()?);
        parts.next().is_none().then_some(kind)
    }

    /// The key of an object of this kind; `namespace` is empty for a cluster-scoped one.
    pub fn object(&self, namespace: impl Into<Arc<str>>, name: impl Into<Arc<str>>) -> ObjectKey {
        ObjectKey { kind: self.clone(), namespace: namespace.into(), name: name.into() }
    }
}

impl ObjectKey {
    /// The key as bytes: its five parts, divided by NUL, which none of them can hold.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let kind = &self.kind;
        let parts: [&str; 5] = [&kind.cluster, &kind.group, &kind.resource, &self.namespace, &self.name];
        parts.join("\0").into_bytes()
    }

    /// Reads what [`ObjectKey::encode`] wrote; `None` if it is anything else.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        Self::decode_after(bytes, None)
    }

    /// As [`ObjectKey::decode`]; parts that are those of the key before share its text, since keys come in order.
    pub(crate) fn decode_after(bytes: &[u8], before: Option<&Self>) -> Option<Self> {
        let mut parts = std::str::from_utf8(bytes).ok()?.split('\0');
        let mut next = |known: Option<&Arc<str>>| -> Option<Arc<str>> {
            let part = parts.next()?;
            Some(match known {
                Some(known) if **known == *part => known.clone(),
                _ => Arc::from(part),
            })
        };
        let kind = before.map(|key| &key.kind);
        let cluster = next(kind.map(|kind| &kind.cluster))?;
        let group = next(kind.map(|kind| &kind.group))?;
        let resource = next(kind.map(|kind| &kind.resource))?;
        let namespace = next(before.map(|key| &key.namespace))?;
        let name = next(None)?;
        parts.next().is_none().then_some(Self { kind: KindKey { cluster, group, resource }, namespace, name })
    }
}

/// Prints as `dev: deployments.apps`.
impl fmt::Display for KindKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dot = if self.group.is_empty() { "" } else { "." };
        write!(f, "{}: {}{dot}{}", self.cluster, self.resource, self.group)
    }
}

/// Prints as `dev: deployments.apps shop/web`.
impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slash = if self.namespace.is_empty() { "" } else { "/" };
        write!(f, "{} {}{slash}{}", self.kind, self.namespace, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_survive_encoding() {
        for key in [
            KindKey::new("dev", "apps", "deployments").object("shop", "web"),
            KindKey::new("dev", "", "nodes").object("", "n1"),
        ] {
            assert_eq!(ObjectKey::decode(&key.encode()), Some(key));
        }
        assert_eq!(ObjectKey::decode(b"a\0b"), None);
        let (a, b) =
            (KindKey::new("dev", "", "pods").object("x", "a"), KindKey::new("dev", "", "pods").object("y", "a"));
        let after = ObjectKey::decode_after(&b.encode(), Some(&a)).unwrap();
        assert_eq!(after, b);
        assert!(Arc::ptr_eq(&after.kind.resource, &a.kind.resource) && !Arc::ptr_eq(&after.namespace, &a.namespace));
        let kind = KindKey::new("dev", "", "nodes");
        assert_eq!(KindKey::decode(&kind.encode()), Some(kind));
        assert_eq!(KindKey::decode(b"a\0b\0c\0d"), None);
    }
}
