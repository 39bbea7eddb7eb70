//! Lays an applied configuration over the live object, as `typed.Merge` of structured-merge-diff.
//! It must not know managers: it neither removes what was given up nor refuses conflicts.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::element::PathElement;
use super::typed::{Shape, Typed};

/// Writes what `config` says into `live`.
pub(super) fn merge(typed: Typed<'_>, live: &mut Value, config: &Value) {
    match typed.shape(config) {
        Shape::Map(config) => {
            if let Some(live) = live.as_object_mut() {
                merge_map(typed, live, config);
            } else {
                *live = fresh_map(typed, config);
            }
        }
        Shape::List(config) => match live {
            Value::Array(live) => merge_list(typed, live, config),
            _ => *live = fresh_list(typed, config),
        },
        Shape::Leaf if typed.same(live, config) => {}
        Shape::Leaf => *live = config.clone(),
    }
}

fn merge_map(typed: Typed<'_>, live: &mut Map<String, Value>, config: &Map<String, Value>) {
    for (name, value) in config {
        let field = typed.field(name).typed;
        match (live.get_mut(name), value) {
            (Some(live), Value::Null) if is_filled(field, live) => {}
            // `null` says that there is no value; only where the schema allows it, it is one itself.
            (_, Value::Null) if !field.nullable() => {
                live.remove(name);
            }
            (Some(live), Value::Null) => *live = Value::Null,
            (None, Value::Null) => {
                live.insert(name.clone(), Value::Null);
            }
            (Some(live), value) => merge(field, live, value),
            (None, value) => {
                live.insert(name.clone(), fresh(field, value));
            }
        }
    }
}

fn is_filled(typed: Typed<'_>, live: &Value) -> bool {
    match typed.shape(live) {
        Shape::Leaf => false,
        Shape::Map(map) => !map.is_empty(),
        Shape::List(items) => !items.is_empty(),
    }
}

/// A copy of what is not there yet.
fn fresh(typed: Typed<'_>, config: &Value) -> Value {
    match typed.shape(config) {
        Shape::Map(map) => fresh_map(typed, map),
        Shape::List(items) => fresh_list(typed, items),
        Shape::Leaf => config.clone(),
    }
}

fn fresh_map(typed: Typed<'_>, config: &Map<String, Value>) -> Value {
    let mut map = Map::new();
    merge_map(typed, &mut map, config);
    Value::Object(map)
}

fn fresh_list(typed: Typed<'_>, config: &[Value]) -> Value {
    Value::Array(config.iter().map(|item| fresh(typed.items(), item)).collect())
}

/// Merges the items of a list. The order is that of the configuration, with the other items of the live list kept
/// between their neighbours.
fn merge_list(typed: Typed<'_>, live: &mut Vec<Value>, config: &[Value]) {
    let elements = |items: &[Value]| items.iter().map(|item| typed.element(item).ok()).collect::<Option<Vec<_>>>();
    let (Some(ours), Some(theirs)) = (elements(config), elements(live)) else {
        // A live list that cannot be told apart by key is taken over whole.
        *live = config.to_vec();
        return;
    };
    if ours == theirs {
        live.iter_mut().zip(config).for_each(|(live, config)| merge(typed.items(), live, config));
        return;
    }
    let left = Items { elements: &theirs, index: index(&theirs) };
    let right = Items { elements: &ours, index: index(&ours) };
    let mut old: Vec<Option<Value>> = std::mem::take(live).into_iter().map(Some).collect();
    for place in interleave(&left, &right) {
        live.extend(match place {
            Place::Live(at) => old[at].take(),
            Place::Config(at) => {
                let found = left.index.get(&ours[at]).copied().flatten().and_then(|at| old[at].take());
                Some(match found {
                    Some(mut item) => {
                        merge(typed.items(), &mut item, &config[at]);
                        item
                    }
                    None => fresh(typed.items(), &config[at]),
                })
            }
        });
    }
}

/// The items of a list; an element that stands there twice has no index of its own.
struct Items<'a> {
    elements: &'a [PathElement],
    index: BTreeMap<&'a PathElement, Option<usize>>,
}

/// Where the next item of the merged list comes from.
enum Place {
    Live(usize),
    Config(usize),
}

fn index(elements: &[PathElement]) -> BTreeMap<&PathElement, Option<usize>> {
    let mut index = BTreeMap::new();
    for (at, element) in elements.iter().enumerate() {
        index.entry(element).and_modify(|at| *at = None).or_insert(Some(at));
    }
    index
}

/// The order of the merged list, as `visitListItems` of upstream: shared items in the order of the configuration,
/// live items where they stood, new items in front of the shared item they precede.
fn interleave(left: &Items<'_>, right: &Items<'_>) -> Vec<Place> {
    let mut shared = right.elements.iter().filter(|element| left.index.contains_key(element)).peekable();
    let mut merged = std::collections::BTreeSet::new();
    let mut places = Vec::with_capacity(left.elements.len() + right.elements.len());
    let (mut l, mut r) = (0, 0);
    loop {
        match (left.elements.get(l), right.elements.get(r)) {
            (None, None) => return places,
            (Some(ours), Some(theirs)) if ours == theirs => l += 1,
            // An item of both, but another one is due first.
            (Some(ours), Some(_))
                if right.index.contains_key(ours) && shared.peek().is_some_and(|next| *next != ours) =>
            {
                l += 1;
                continue;
            }
            (Some(ours), _) if !right.index.contains_key(ours) => {
                places.push(Place::Live(l));
                l += 1;
                continue;
            }
            (Some(ours), right) => {
                l += usize::from(merged.contains(ours));
                if right.is_none() {
                    continue;
                }
            }
            (None, Some(_)) => {}
        }
        let element = &right.elements[r];
        merged.insert(element);
        if shared.peek() == Some(&element) {
            shared.next();
        }
        places.push(Place::Config(r));
        r += 1;
    }
}
