//! What changed between two states of an object, as sets of fields. As `typed.Compare` of structured-merge-diff.
//! It must not know managers.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::element::{PathElement, same_value};
use super::set::{FieldSet, Node};
use super::typed::{Shape, Typed};

/// The fields that differ between two states.
#[derive(Clone, Debug, Default)]
pub(super) struct Comparison {
    pub(super) added: FieldSet,
    pub(super) modified: FieldSet,
    pub(super) removed: FieldSet,
}

impl Comparison {
    /// The fields that have a value now that they had not.
    pub(super) fn changed(&self) -> FieldSet {
        self.modified.union(&self.added)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.added.is_empty() && self.modified.is_empty() && self.removed.is_empty()
    }

    /// Applies the same restriction to each of the three sets.
    pub(super) fn map(self, restrict: impl Fn(FieldSet) -> FieldSet) -> Self {
        Self { added: restrict(self.added), modified: restrict(self.modified), removed: restrict(self.removed) }
    }
}

/// Compares two states of an object.
pub(super) fn compare(typed: Typed<'_>, old: &Value, new: &Value) -> Comparison {
    let mut levels = Level::default();
    levels.both(typed, None, (old, new));
    levels.finish()
}

/// The fields of a new object that did not come with its empty form.
pub(super) fn created(typed: Typed<'_>, new: &Value) -> FieldSet {
    let set = subtree(typed, new);
    if typed.is_builtin() { without_empty_structs(&set, new) } else { set }
}

/// The nodes found at one level, for each of the three sets.
#[derive(Default)]
struct Level {
    added: Vec<Node>,
    modified: Vec<Node>,
    removed: Vec<Node>,
}

impl Level {
    fn finish(self) -> Comparison {
        Comparison {
            added: FieldSet::from_nodes(self.added),
            modified: FieldSet::from_nodes(self.modified),
            removed: FieldSet::from_nodes(self.removed),
        }
    }

    /// Compares two values under an element, or at the root.
    fn both(&mut self, typed: Typed<'_>, element: Option<&PathElement>, (old, new): (&Value, &Value)) {
        let mut below = Self::default();
        let modified = match (typed.shape(old), typed.shape(new)) {
            (Shape::Map(a), Shape::Map(b)) if a.is_empty() && b.is_empty() => !same_value(old, new),
            (Shape::Map(a), Shape::Map(b)) => {
                below.maps(typed, a, b);
                false
            }
            (Shape::List(a), Shape::List(b)) if a.is_empty() && b.is_empty() => !same_value(old, new),
            (Shape::List(a), Shape::List(b)) => {
                below.lists(typed, a, b);
                false
            }
            (Shape::Leaf, Shape::Leaf) => !typed.same(old, new),
            _ => {
                below.removed = into_nodes(subtree(typed, old));
                below.added = into_nodes(subtree(typed, new));
                true
            }
        };
        let Some(element) = element else {
            *self = below;
            return;
        };
        let below = below.finish();
        push(&mut self.added, element, false, below.added);
        push(&mut self.removed, element, false, below.removed);
        push(&mut self.modified, element, modified, below.modified);
    }

    fn maps(&mut self, typed: Typed<'_>, old: &Map<String, Value>, new: &Map<String, Value>) {
        for (name, before) in old {
            let field = typed.field(name).typed;
            match new.get(name) {
                Some(after) if before == after => {}
                Some(after) => self.both(field, Some(&PathElement::field(name)), (before, after)),
                None => push(&mut self.removed, &PathElement::field(name), true, subtree(field, before)),
            }
        }
        for (name, after) in new.iter().filter(|(name, _)| !old.contains_key(*name)) {
            push(&mut self.added, &PathElement::field(name), true, subtree(typed.field(name).typed, after));
        }
    }

    fn lists(&mut self, typed: Typed<'_>, old: &[Value], new: &[Value]) {
        let mut items: BTreeMap<PathElement, (Vec<&Value>, Vec<&Value>)> =
            by_element(typed, old).into_iter().map(|(element, old)| (element, (old, Vec::new()))).collect();
        for (element, new) in by_element(typed, new) {
            items.entry(element).or_default().1 = new;
        }
        for (element, found) in items {
            match (found.0.as_slice(), found.1.as_slice()) {
                ([before], [after]) => self.both(typed.items(), Some(&element), (before, after)),
                ([before], []) => push(&mut self.removed, &element, true, subtree(typed.items(), before)),
                ([], [after]) => push(&mut self.added, &element, true, subtree(typed.items(), after)),
                // Items that stand there twice are one leaf together.
                (before, after) if before == after => {}
                (_, []) => push(&mut self.removed, &element, true, FieldSet::new()),
                ([], _) => push(&mut self.added, &element, true, FieldSet::new()),
                _ => push(&mut self.modified, &element, true, FieldSet::new()),
            }
        }
    }
}

fn push(nodes: &mut Vec<Node>, element: &PathElement, member: bool, children: FieldSet) {
    if member || !children.is_empty() {
        nodes.push(Node { element: element.clone(), member, children });
    }
}

fn into_nodes(set: FieldSet) -> Vec<Node> {
    set.nodes().to_vec()
}

/// Everything below a value, each map, list and item with it.
fn subtree(typed: Typed<'_>, value: &Value) -> FieldSet {
    match typed.shape(value) {
        Shape::Leaf => FieldSet::new(),
        Shape::Map(map) => FieldSet::from_nodes(
            map.iter()
                .map(|(name, value)| Node {
                    element: PathElement::field(name),
                    member: true,
                    children: subtree(typed.field(name).typed, value),
                })
                .collect(),
        ),
        Shape::List(items) => FieldSet::from_nodes(
            by_element(typed, items)
                .into_iter()
                .map(|(element, items)| Node {
                    element,
                    member: true,
                    // Items that stand there twice are one leaf together.
                    children: if let [item] = items[..] { subtree(typed.items(), item) } else { FieldSet::new() },
                })
                .collect(),
        ),
    }
}

fn by_element<'v>(typed: Typed<'_>, items: &'v [Value]) -> BTreeMap<PathElement, Vec<&'v Value>> {
    let mut found: BTreeMap<PathElement, Vec<&Value>> = BTreeMap::new();
    for (item, element) in items.iter().filter_map(|item| Some((item, typed.element(item).ok()?))) {
        found.entry(element).or_default().push(item);
    }
    found
}

/// Structs that the Go types of built-in kinds always write, even empty. Read off `managedFields` that upstream answers
/// on creation.
const ALWAYS_WRITTEN: &[&str] = &[
    "containers",
    "jobTemplate",
    "metadata",
    "names",
    "resources",
    "scaleTargetRef",
    "spec",
    "status",
    "strategy",
    "template",
    "updateStrategy",
];

/// Fields that the Go types of built-in kinds write even where they hold nothing, such as `""` or `null`.
const PRINTED_EMPTY: &[&str] = &[
    "deprecatedFirstTimestamp",
    "deprecatedLastTimestamp",
    "deprecatedSource",
    "eventTime",
    "firstTimestamp",
    "lastTimestamp",
    "podSelector",
    "reportingComponent",
    "reportingInstance",
    "serviceName",
    "source",
];

/// Creating an object of a built-in kind adds what is in such a struct, but not the struct, which an empty object has.
fn without_empty_structs(set: &FieldSet, object: &Value) -> FieldSet {
    let nodes = set.nodes().iter().filter_map(|node| {
        let PathElement::Field(name) = &node.element else { return Some(node.clone()) };
        let value = object.get(name.as_ref()).unwrap_or(&Value::Null);
        if PRINTED_EMPTY.contains(&name.as_ref()) && is_empty(value) {
            return None;
        }
        if !ALWAYS_WRITTEN.contains(&name.as_ref()) || is_pointer(name, object) {
            return Some(node.clone());
        }
        let children = without_empty_structs(&node.children, value);
        (!children.is_empty()).then(|| Node { element: node.element.clone(), member: false, children })
    });
    FieldSet::from_nodes(nodes.collect())
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

/// The template of a replication controller, alone of all templates, may be absent: its selector is a plain map.
fn is_pointer(field: &str, owner: &Value) -> bool {
    let selector = owner.get("selector").and_then(Value::as_object);
    let is_plain = |selector: &Map<String, Value>| selector.values().all(Value::is_string);
    field == "template" && selector.is_some_and(|selector| !selector.is_empty() && is_plain(selector))
}
