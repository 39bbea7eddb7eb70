//! A set of field paths, kept as a sorted trie, and its JSON form `FieldsV1`.
//! As `fieldpath.Set` of structured-merge-diff. It must not know schemas.

use std::cmp::Ordering;
use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::element::PathElement;

/// A set of paths. The same set always has the same form, so `==` compares sets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSet {
    nodes: Vec<Node>,
}

/// A step that is a member itself, or leads to members, or both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) element: PathElement,
    pub(super) member: bool,
    pub(super) children: FieldSet,
}

impl Node {
    fn useful(self) -> Option<Self> {
        (self.member || !self.children.is_empty()).then_some(self)
    }
}

/// Why a `FieldsV1` could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("failed to read fieldsV1: malformed path element {0:?}")]
pub struct FieldsError(String);

impl FieldSet {
    pub(super) const EMPTY: Self = Self { nodes: Vec::new() };

    /// The empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::EMPTY
    }

    /// A set of paths made of fields only, such as `[&["status"], &["metadata", "labels"]]`.
    #[must_use]
    pub fn of_fields(paths: &[&[&str]]) -> Self {
        let mut set = Self::default();
        for path in paths {
            set.insert(&path.iter().map(|name| PathElement::field(name)).collect::<Vec<_>>());
        }
        set
    }

    /// Reads `FieldsV1`.
    ///
    /// # Errors
    /// When a key is no path element or a value is no object.
    pub fn from_fields_v1(fields: &Value) -> Result<Self, FieldsError> {
        let Value::Object(map) = fields else { return Err(FieldsError(fields.to_string())) };
        let mut nodes = Vec::with_capacity(map.len());
        for (key, value) in map.iter().filter(|(key, _)| *key != ".") {
            let element = PathElement::parse(key).ok_or_else(|| FieldsError(key.clone()))?;
            let children = Self::from_fields_v1(value)?;
            let member = children.is_empty() || value.get(".").is_some();
            nodes.push(Node { element, member, children });
        }
        Ok(Self::from_nodes(nodes))
    }

    /// Writes `FieldsV1`.
    #[must_use]
    pub fn to_fields_v1(&self) -> Value {
        let entries = self.nodes.iter().map(|node| {
            let mut fields = node.children.to_fields_v1();
            if let (Value::Object(map), true) = (&mut fields, node.member && !node.children.is_empty()) {
                map.insert(".".to_owned(), Value::Object(Map::new()));
            }
            (node.element.encode(), fields)
        });
        Value::Object(entries.collect())
    }

    /// Sorts nodes that may be in any order; of equal elements the later joins the first.
    pub(super) fn from_nodes(mut nodes: Vec<Node>) -> Self {
        if nodes.is_sorted_by(|a, b| a.element < b.element) {
            return Self { nodes };
        }
        nodes.sort_by(|a, b| a.element.cmp(&b.element));
        nodes.dedup_by(|later, first| {
            let equal = later.element == first.element;
            if equal {
                first.member |= later.member;
                first.children = first.children.union(&later.children);
            }
            equal
        });
        Self { nodes }
    }

    /// Whether there is no path in the set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// How many paths are in the set.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.iter().map(|node| usize::from(node.member) + node.children.len()).sum()
    }

    /// Adds a path.
    pub fn insert(&mut self, path: &[PathElement]) {
        let Some((first, rest)) = path.split_first() else { return };
        let at = self.nodes.binary_search_by(|node| node.element.cmp(first)).unwrap_or_else(|at| {
            self.nodes.insert(at, Node { element: first.clone(), member: false, children: Self::default() });
            at
        });
        match rest {
            [] => self.nodes[at].member = true,
            rest => self.nodes[at].children.insert(rest),
        }
    }

    /// Whether a path is in the set.
    #[must_use]
    pub fn contains(&self, path: &[PathElement]) -> bool {
        match path {
            [] => false,
            [last] => self.node(last).is_some_and(|node| node.member),
            [first, rest @ ..] => self.node(first).is_some_and(|node| node.children.contains(rest)),
        }
    }

    pub(super) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    pub(super) fn node(&self, element: &PathElement) -> Option<&Node> {
        self.nodes.binary_search_by(|node| node.element.cmp(element)).ok().map(|at| &self.nodes[at])
    }

    pub(super) fn field(&self, name: &str) -> Option<&Node> {
        self.nodes.binary_search_by(|node| node.element.compare_field(name)).ok().map(|at| &self.nodes[at])
    }

    /// The paths in either set.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        if other.is_empty() {
            return self.clone();
        }
        self.join(other, |a, b| match (a, b) {
            (Some(a), Some(b)) => Some(Node {
                element: a.element.clone(),
                member: a.member || b.member,
                children: a.children.union(&b.children),
            }),
            (a, b) => a.or(b).cloned(),
        })
    }

    /// The paths in both sets.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        self.join(other, |a, b| {
            let (a, b) = (a?, b?);
            let children = a.children.intersection(&b.children);
            Node { element: a.element.clone(), member: a.member && b.member, children }.useful()
        })
    }

    /// The paths in this set only.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        if other.is_empty() {
            return self.clone();
        }
        self.join(other, |a, b| match (a?, b) {
            (a, None) => Some(a.clone()),
            (a, Some(b)) => {
                let children = a.children.difference(&b.children);
                Node { element: a.element.clone(), member: a.member && !b.member, children }.useful()
            }
        })
    }

    /// The paths in this set that are neither in the other one nor below one of its paths.
    #[must_use]
    pub fn recursive_difference(&self, other: &Self) -> Self {
        self.join(other, |a, b| match (a?, b) {
            (a, None) => Some(a.clone()),
            (_, Some(b)) if b.member => None,
            (a, Some(b)) => {
                let children = a.children.recursive_difference(&b.children);
                Node { element: a.element.clone(), member: a.member, children }.useful()
            }
        })
    }

    fn join(&self, other: &Self, combine: impl Fn(Option<&Node>, Option<&Node>) -> Option<Node>) -> Self {
        let mut nodes = Vec::with_capacity(self.nodes.len());
        let (mut left, mut right) = (self.nodes.iter().peekable(), other.nodes.iter().peekable());
        loop {
            let order = match (left.peek(), right.peek()) {
                (None, None) => return Self { nodes },
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(a), Some(b)) => a.element.cmp(&b.element),
            };
            let a = if order == Ordering::Greater { None } else { left.next() };
            let b = if order == Ordering::Less { None } else { right.next() };
            nodes.extend(combine(a, b));
        }
    }

    /// The paths as upstream prints them in conflicts: at each level the members first, then what is below them.
    #[must_use]
    pub fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        self.collect(&mut String::new(), &mut paths);
        paths
    }

    fn collect(&self, prefix: &mut String, paths: &mut Vec<String>) {
        paths.extend(self.nodes.iter().filter(|node| node.member).map(|node| format!("{prefix}{}", node.element)));
        for node in &self.nodes {
            let length = prefix.len();
            write!(prefix, "{}", node.element).expect("a String takes what is written");
            node.children.collect(prefix, paths);
            prefix.truncate(length);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn set(fields: Value) -> FieldSet {
        FieldSet::from_fields_v1(&fields).unwrap()
    }

    #[test]
    fn reads_and_writes_fields_v1() {
        let fields = json!({
            "f:metadata": {"f:finalizers": {"v:\"a/b\"": {}}, "f:labels": {".": {}, "f:app": {}}},
            "f:spec": {"f:ports": {"k:{\"port\":443,\"protocol\":\"TCP\"}": {".": {}, "f:port": {}}, "k:{\"port\":80,\"protocol\":\"TCP\"}": {".": {}}}},
        });
        let paths = [
            ".metadata.labels",
            ".metadata.finalizers[=\"a/b\"]",
            ".metadata.labels.app",
            ".spec.ports[port=80,protocol=\"TCP\"]",
            ".spec.ports[port=443,protocol=\"TCP\"]",
            ".spec.ports[port=443,protocol=\"TCP\"].port",
        ];
        assert_eq!(set(fields.clone()).paths(), paths);
        assert_eq!(set(fields.clone()).len(), paths.len());
        let mut written = fields;
        written["f:spec"]["f:ports"]["k:{\"port\":80,\"protocol\":\"TCP\"}"] = json!({});
        assert_eq!(set(written.clone()).to_fields_v1(), written);
        assert!(FieldSet::from_fields_v1(&json!({"x:a": {}})).is_err());
        assert!(FieldSet::from_fields_v1(&json!({"f:a": 1})).is_err());
    }

    #[test]
    fn set_algebra() {
        let a = set(json!({"f:a": {}, "f:b": {".": {}, "f:c": {}, "f:d": {}}}));
        let b = set(json!({"f:b": {"f:c": {}}, "f:e": {}}));
        assert_eq!(a.union(&b), set(json!({"f:a": {}, "f:b": {".": {}, "f:c": {}, "f:d": {}}, "f:e": {}})));
        assert_eq!(a.intersection(&b), set(json!({"f:b": {"f:c": {}}})));
        assert_eq!(a.difference(&b), set(json!({"f:a": {}, "f:b": {".": {}, "f:d": {}}})));
        assert_eq!(b.recursive_difference(&a), set(json!({"f:e": {}})));
        assert!(a.contains(&[PathElement::field("b"), PathElement::field("c")]));
        assert!(!b.contains(&[PathElement::field("b")]));
        assert_eq!(FieldSet::of_fields(&[&["b", "c"], &["e"]]), b);
    }
}
