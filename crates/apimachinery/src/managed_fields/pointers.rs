//! Where the fields of a set stand in an object, as JSON pointers.
//! It must not know who owns them.

use serde_json::Value;

use super::element::PathElement;
use super::set::{FieldSet, Node};

/// JSON pointers of the fields of a set that an object has: of each branch the last one.
#[must_use]
pub fn pointers(set: &FieldSet, object: &Value) -> Vec<String> {
    let mut found = Vec::new();
    walk(set, object, "", &mut found);
    found
}

fn walk(set: &FieldSet, value: &Value, above: &str, found: &mut Vec<String>) {
    for node in set.nodes() {
        for (part, below) in places(node, value) {
            let pointer = format!("{above}/{part}");
            if node.children.is_empty() {
                found.push(pointer);
            } else {
                walk(&node.children, below, &pointer, found);
            }
        }
    }
}

/// Where an element stands in a value: a list may hold it more than once.
fn places<'v>(node: &Node, value: &'v Value) -> Vec<(String, &'v Value)> {
    let items = || value.as_array().into_iter().flatten().enumerate();
    let numbered = |(at, item): (usize, &'v Value)| (at.to_string(), item);
    match &node.element {
        PathElement::Field(name) => {
            let part = name.replace('~', "~0").replace('/', "~1");
            value.get(name.as_ref()).map(|below| (part, below)).into_iter().collect()
        }
        PathElement::Key(keys) => {
            let is = |item: &Value| keys.iter().all(|(key, wanted)| item.get(key.as_ref()) == Some(wanted));
            items().filter(|(_, item)| is(item)).map(numbered).collect()
        }
        PathElement::Value(wanted) => items().filter(|(_, item)| *item == wanted).map(numbered).collect(),
        PathElement::Index(index) => {
            items().filter(|(at, _)| i64::try_from(*at).is_ok_and(|at| at == *index)).map(numbered).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fields_are_found_in_maps_and_lists() {
        let fields = json!({"f:spec": {
            "f:replicas": {},
            "f:list": {"k:{\"name\":\"b\"}": {".": {}, "f:image": {}}},
            "f:tags": {"v:\"x\"": {}},
            "f:gone": {},
        }});
        let set = FieldSet::from_fields_v1(&fields).unwrap();
        let object =
            json!({"spec": {"replicas": 1, "list": [{"name": "a"}, {"name": "b", "image": "i"}], "tags": ["y", "x"]}});
        let mut found = pointers(&set, &object);
        found.sort();
        assert_eq!(found, ["/spec/list/1/image", "/spec/replicas", "/spec/tags/1"]);
    }
}
