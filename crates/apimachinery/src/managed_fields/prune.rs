//! Takes out of the merged object what its applier gave up and nobody else owns.
//! As `prune` of structured-merge-diff's `merge.Updater`. It must not know who the owners are.

use serde_json::Value;

use super::element::PathElement;
use super::set::{FieldSet, Node};
use super::typed::{Shape, Typed};

/// What stays: the fields somebody owns, and those the configuration speaks of without owning them, as an empty list.
#[derive(Clone, Copy)]
pub(super) struct Kept<'a> {
    pub(super) owned: &'a FieldSet,
    pub(super) config: Option<&'a Value>,
}

/// Removes each path of `last` that nobody keeps. A named field that leads to members counts as a member itself, so
/// that an emptied struct goes with its last field; an item of a list goes with all its fields, owned or not.
pub(super) fn prune(typed: Typed<'_>, value: &mut Value, last: &FieldSet, kept: Kept<'_>) {
    match typed.shape(value) {
        Shape::Map(_) => prune_fields(typed, value, last, kept),
        Shape::List(_) => prune_items(typed, value, last, kept),
        Shape::Leaf => {}
    }
}

fn prune_fields(typed: Typed<'_>, value: &mut Value, last: &FieldSet, kept: Kept<'_>) {
    let Value::Object(map) = value else { return };
    for node in last.nodes() {
        let PathElement::Field(name) = &node.element else { continue };
        let Some(child) = map.get_mut(name.as_ref()) else { continue };
        let (field, owned) = (typed.field(name), kept.owned.field(name));
        let config = kept.config.and_then(|config| config.get(name.as_ref()));
        let given = config.is_some_and(|config| !config.is_null());
        if goes(node, owned, field.named) && !given {
            map.remove(name.as_ref());
            continue;
        }
        let was_empty = is_empty(child);
        prune(field.typed, child, &node.children, Kept { owned: children(owned), config });
        let claimed = given || config.is_none() && owned.is_some_and(|owned| owned.member);
        if was_empty || !is_empty(child) || claimed {
            continue;
        }
        // What loses its last part is null upstream, and null says that there is no value but where it is one itself.
        if field.typed.nullable() {
            *child = Value::Null;
        } else {
            map.remove(name.as_ref());
        }
    }
}

fn prune_items(typed: Typed<'_>, value: &mut Value, last: &FieldSet, kept: Kept<'_>) {
    let Value::Array(items) = value else { return };
    if last.is_empty() {
        return;
    }
    let config: Vec<(PathElement, &Value)> = kept
        .config
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|item| Some((typed.element(item).ok()?, item)))
        .collect();
    items.retain_mut(|item| {
        let Ok(element) = typed.element(item) else { return true };
        let Some(node) = last.node(&element) else { return true };
        let owned = kept.owned.node(&element);
        if goes(node, owned, false) {
            return false;
        }
        let config = config.iter().find(|(given, _)| *given == element).map(|(_, item)| *item);
        prune(typed.items(), item, &node.children, Kept { owned: children(owned), config });
        true
    });
}

fn goes(last: &Node, owned: Option<&Node>, named: bool) -> bool {
    let counts = |node: &Node| node.member || named;
    counts(last) && !owned.is_some_and(counts)
}

fn children(node: Option<&Node>) -> &FieldSet {
    static NONE: FieldSet = FieldSet::EMPTY;
    node.map_or(&NONE, |node| &node.children)
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}
