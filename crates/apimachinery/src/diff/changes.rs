//! The differences between two states of an object as a list of paths.
//! It must not judge which of them matter.

use serde_json::{Map, Value};

use crate::Schema;
use crate::managed_fields::{PathElement, Shape, Typed};

/// One difference: a field or list item that was added, removed or given another value.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Where, as `.spec.template.spec.containers[name="web"].image`.
    pub path: String,
    /// The value before; `None` if it was added.
    pub before: Option<Value>,
    /// The value after; `None` if it was removed.
    pub after: Option<Value>,
}

/// The differences between two objects of an unknown kind, by path. Items of a list are told apart by `name` if all
/// have one of their own, else by position.
#[must_use]
pub fn changes(before: &Value, after: &Value) -> Vec<Change> {
    collect(Typed::unknown(), before, after)
}

/// The differences between two objects, by path, with items of lists told apart as the schema says.
#[must_use]
pub fn changes_in(schema: &Schema, before: &Value, after: &Value) -> Vec<Change> {
    collect(Typed::root(schema), before, after)
}

fn collect(typed: Typed<'_>, before: &Value, after: &Value) -> Vec<Change> {
    let mut walk = Walk { path: String::new(), changes: Vec::new() };
    walk.both(typed, before, after);
    walk.changes
}

struct Walk {
    path: String,
    changes: Vec<Change>,
}

impl Walk {
    fn both(&mut self, typed: Typed<'_>, before: &Value, after: &Value) {
        if typed.same(before, after) {
            return;
        }
        match (before, after) {
            (Value::Object(before), Value::Object(after)) => self.maps(typed, before, after),
            (Value::Array(before), Value::Array(after)) => self.lists(typed, before, after),
            (before, after) => self.push(Some(before), Some(after)),
        }
    }

    fn maps(&mut self, typed: Typed<'_>, before: &Map<String, Value>, after: &Map<String, Value>) {
        let added = after.keys().filter(|name| !before.contains_key(*name));
        let mut names: Vec<&String> = before.keys().chain(added).collect();
        names.sort();
        for name in names {
            let field = typed.field(name).typed;
            self.step(&PathElement::field(name), field, (before.get(name), after.get(name)));
        }
    }

    fn lists(&mut self, typed: Typed<'_>, before: &[Value], after: &[Value]) {
        let (Some(old), Some(new)) = (elements(typed, before), elements(typed, after)) else {
            return self.positions(typed, before, after);
        };
        let find = |elements: &[PathElement], element: &PathElement| elements.iter().position(|e| e == element);
        for (element, item) in old.iter().zip(before) {
            self.step(element, typed.items(), (Some(item), find(&new, element).map(|at| &after[at])));
        }
        for (element, item) in new.iter().zip(after).filter(|(element, _)| find(&old, element).is_none()) {
            self.step(element, typed.items(), (None, Some(item)));
        }
        let order = |own: &[PathElement], other: &[PathElement]| -> Vec<PathElement> {
            own.iter().filter(|element| other.contains(element)).cloned().collect()
        };
        if order(&old, &new) != order(&new, &old) {
            self.push(Some(&Value::from(before)), Some(&Value::from(after)));
        }
    }

    fn positions(&mut self, typed: Typed<'_>, before: &[Value], after: &[Value]) {
        for at in 0..before.len().max(after.len()) {
            let element = PathElement::Index(i64::try_from(at).unwrap_or(i64::MAX));
            self.step(&element, typed.items(), (before.get(at), after.get(at)));
        }
    }

    fn step(&mut self, element: &PathElement, typed: Typed<'_>, values: (Option<&Value>, Option<&Value>)) {
        let length = self.path.len();
        self.path.push_str(&element.to_string());
        match values {
            (Some(before), Some(after)) => self.both(typed, before, after),
            (before, after) => self.push(before, after),
        }
        self.path.truncate(length);
    }

    fn push(&mut self, before: Option<&Value>, after: Option<&Value>) {
        self.changes.push(Change { path: self.path.clone(), before: before.cloned(), after: after.cloned() });
    }
}

/// What tells the items of a list apart; `None` if nothing but their position does.
fn elements(typed: Typed<'_>, items: &[Value]) -> Option<Vec<PathElement>> {
    let list = Value::Array(Vec::new());
    let granular = matches!(typed.shape(&list), Shape::List(_));
    let element = |item: &Value| {
        if granular {
            return typed.element(item).ok();
        }
        let name = item.get("name").filter(|name| name.is_string())?;
        Some(PathElement::Key(vec![("name".into(), name.clone())]))
    };
    let elements: Vec<PathElement> = items.iter().map(element).collect::<Option<_>>()?;
    let mut sorted: Vec<&PathElement> = elements.iter().collect();
    sorted.sort();
    let unique = sorted.windows(2).all(|pair| pair[0] != pair[1]);
    unique.then_some(elements)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{GroupVersionKind, builtin};
    use serde_json::json;

    fn paths(changes: &[Change]) -> Vec<&str> {
        changes.iter().map(|change| change.path.as_str()).collect()
    }

    #[test]
    fn by_path_without_a_schema() {
        let before = json!({"spec": {"a": 1, "gone": true, "list": [1, 2], "items": [{"name": "x", "v": 1}]}});
        let after =
            json!({"spec": {"a": 2, "list": [1, 3, 4], "items": [{"name": "y"}, {"name": "x", "v": 2}], "new": {}}});
        let found = changes(&before, &after);
        let expected = [
            ".spec.a",
            ".spec.gone",
            ".spec.items[name=\"x\"].v",
            ".spec.items[name=\"y\"]",
            ".spec.list[1]",
            ".spec.list[2]",
            ".spec.new",
        ];
        assert_eq!(paths(&found), expected);
        assert_eq!((&found[0].before, &found[0].after), (&Some(json!(1)), &Some(json!(2))));
        assert_eq!((&found[1].before, &found[1].after), (&Some(json!(true)), &None));
        assert_eq!(changes(&before, &before), []);
    }

    #[test]
    fn by_key_with_a_schema() {
        let schema = builtin::schema(&GroupVersionKind::new("", "v1", "Service")).unwrap();
        let before =
            json!({"spec": {"ports": [{"port": 53, "name": "a"}, {"port": 53, "protocol": "UDP", "name": "b"}]}});
        let after =
            json!({"spec": {"ports": [{"port": 53, "protocol": "UDP", "name": "c"}, {"port": 53, "name": "a"}]}});
        let found = changes_in(&schema, &before, &after);
        assert_eq!(paths(&found), [".spec.ports[port=53,protocol=\"UDP\"].name", ".spec.ports"]);
    }

    #[test]
    fn equal_quantities_are_no_change() {
        let schema = builtin::schema(&GroupVersionKind::new("", "v1", "Pod")).unwrap();
        let pod = |cpu: Value| json!({"spec": {"containers": [{"name": "c", "resources": {"limits": {"cpu": cpu}}}]}});
        assert_eq!(changes_in(&schema, &pod(json!("0.5")), &pod(json!("500m"))), []);
        assert_eq!(changes_in(&schema, &pod(json!(1)), &pod(json!("2"))).len(), 1);
    }
}
