//! Makes entries fit a schema in which lists and maps merge in another way than when they were written: the owner of
//! the parts of what is one value now owns that value. The owner of a value that has parts now owns the value and none
//! of its parts, as if it had had parts all along. As `typed.ReconcileFieldSetWithSchema` of structured-merge-diff v6.
//! It must not know who writes, nor the object.

use serde_json::{Map, Value};

use super::element::PathElement;
use super::entries::Entry;
use super::set::{FieldSet, Node};
use super::typed::Typed;

/// Reconciles each entry with the schema that `typed` gives for it. Finding nothing to do, which is what nearly all
/// writes find, costs a walk over what the entries say, unread.
pub(super) fn reconcile<'a>(entries: &mut [Entry<'_>], typed: impl Fn(&Entry<'_>) -> Typed<'a>) {
    for entry in entries {
        let typed = typed(entry);
        if entry.raw_fields().is_some_and(|fields| owns_parts_of_one(typed, fields)) {
            entry.replace(reconciled(typed, &entry.set()));
        }
    }
}

/// Whether an entry owns parts of what is one value.
fn owns_parts_of_one(typed: Typed<'_>, fields: &Map<String, Value>) -> bool {
    fields.iter().filter(|(key, _)| *key != ".").any(|(key, below)| {
        let Value::Object(below) = below else { return false };
        let child = key.strip_prefix("f:").map_or_else(|| typed.items(), |name| typed.field(name).typed);
        let has_parts = below.keys().any(|key| key != ".");
        has_parts && (child.is_atomic() || owns_parts_of_one(child, below))
    })
}

fn reconciled(typed: Typed<'_>, set: &FieldSet) -> FieldSet {
    FieldSet::from_nodes(set.nodes().iter().map(|node| of_node(typed, node)).collect())
}

fn of_node(typed: Typed<'_>, node: &Node) -> Node {
    let child = match &node.element {
        PathElement::Field(name) => typed.field(name).typed,
        _ => typed.items(),
    };
    let (member, children) = if child.is_atomic() && !node.children.is_empty() {
        (true, FieldSet::new())
    } else {
        (node.member, reconciled(child, &node.children))
    };
    Node { element: node.element.clone(), member, children }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::super::{
        ApplyError, ApplyRequest, Operation, UpdateRequest, Versions, Writer, apply, owned_by, reset_fields, update,
    };
    use crate::Schema;

    type Schemas = BTreeMap<Arc<str>, Arc<Schema>>;

    /// A kind whose list and map are one value in `v1` and have parts in `v2`.
    fn versions() -> Schemas {
        let schema = |list: Value, map: &str| {
            let ports = json!({"type": "array", "items": {"type": "object", "required": ["name"], "properties":
                {"name": {"type": "string"}, "port": {"type": "integer"}}}});
            let mut ports = ports.as_object().cloned().unwrap_or_default();
            ports.extend(list.as_object().cloned().unwrap_or_default());
            let values =
                json!({"type": "object", "x-kubernetes-map-type": map, "additionalProperties": {"type": "string"}});
            let spec = json!({"type": "object", "properties": {"ports": ports, "values": values}});
            Arc::new(Schema::from_openapi(&json!({"type": "object", "properties": {"spec": spec}})).unwrap())
        };
        let keyed = json!({"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]});
        let atomic = json!({"x-kubernetes-list-type": "atomic"});
        [("v1".into(), schema(atomic, "atomic")), ("v2".into(), schema(keyed, "granular"))].into()
    }

    fn thing(spec: Value) -> Value {
        json!({"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "t", "uid": "1"}, "spec": spec})
    }

    fn writer<'a>(manager: &'a str, api_version: &'a str, versions: Versions<'a>) -> Writer<'a> {
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        Writer { manager, api_version, subresource: "", now, reset: reset_fields("", false), versions }
    }

    fn applied(schema: &Schema, live: &Value, spec: Value, writer: Writer<'_>) -> Result<Value, ApplyError> {
        apply(&ApplyRequest { schema, live, applied: &thing(spec), writer, force: false }).map(|mut object| {
            object["metadata"]["uid"] = json!("1");
            object
        })
    }

    fn fields(object: &Value, manager: &str) -> Value {
        let set = owned_by(object, manager, Operation::Apply).union(&owned_by(object, manager, Operation::Update));
        set.to_fields_v1()["f:spec"].clone()
    }

    const ONE: &str = "example.com/v1";

    #[test]
    fn a_value_that_gets_parts_is_owned_without_them() {
        let schemas = versions();
        let plain = |manager| writer(manager, ONE, Versions::default());
        let spec = json!({"ports": [{"name": "a", "port": 1}], "values": {"k": "v"}});
        let live = applied(&schemas["v1"], &Value::Null, spec, plain("one")).unwrap();
        assert_eq!(fields(&live, "one"), json!({"f:ports": {}, "f:values": {}}));
        let more = json!({"ports": [{"name": "a", "port": 2}, {"name": "b"}], "values": {"l": "w"}});
        let both = applied(&schemas["v2"], &live, more, plain("two")).unwrap();
        assert_eq!(
            both["spec"],
            json!({"ports": [{"name": "a", "port": 2}, {"name": "b"}], "values": {"k": "v", "l": "w"}})
        );
        assert_eq!(fields(&both, "one"), json!({"f:ports": {}, "f:values": {}}));
    }

    #[test]
    fn parts_that_become_one_value_are_owned_as_one() {
        let schemas = versions();
        let plain = |manager| writer(manager, ONE, Versions::default());
        let spec = json!({"ports": [{"name": "a"}], "values": {"k": "v"}});
        let live = applied(&schemas["v2"], &Value::Null, spec.clone(), plain("one")).unwrap();
        let mut new = live.clone();
        new["metadata"]["labels"] = json!({"l": "m"});
        let new = update(&UpdateRequest { schema: &schemas["v1"], live: &live, writer: plain("two") }, new);
        assert_eq!(fields(&new, "one"), json!({"f:ports": {}, "f:values": {}}));
        let error = applied(&schemas["v1"], &new, json!({"ports": []}), plain("two")).unwrap_err();
        assert_eq!(error.to_string(), "Apply failed with 1 conflict: conflict with \"one\": .spec.ports");
    }

    #[test]
    fn items_that_stand_there_twice_stay_one_leaf() {
        let schemas = versions();
        let plain = |manager| writer(manager, ONE, Versions::default());
        let twice = thing(json!({"ports": [{"name": "a", "port": 1}, {"name": "a", "port": 2}]}));
        let written = |live: &Value, new: Value| {
            update(&UpdateRequest { schema: &schemas["v2"], live, writer: plain("one") }, new)
        };
        let once = written(&Value::Null, twice);
        assert_eq!(fields(&once, "one"), json!({".": {}, "f:ports": {".": {}, "k:{\"name\":\"a\"}": {}}}));
        assert_eq!(fields(&written(&once, once.clone()), "one"), fields(&once, "one"));
    }

    #[test]
    fn an_empty_value_that_was_filled_by_others_stays_theirs() {
        let schemas = versions();
        let plain = |manager| writer(manager, ONE, Versions::default());
        let empty = applied(&schemas["v2"], &Value::Null, json!({"values": {}}), plain("one")).unwrap();
        let filled = applied(&schemas["v2"], &empty, json!({"values": {"k": "v"}}), plain("two")).unwrap();
        let again = applied(&schemas["v2"], &filled, json!({"ports": []}), plain("three")).unwrap();
        assert_eq!(fields(&again, "one"), json!({"f:values": {}}));
    }

    #[test]
    fn an_owner_is_asked_in_its_own_version() {
        let schemas = versions();
        let in_version = |manager, version| writer(manager, version, Versions::of(&schemas));
        let one = applied(&schemas["v1"], &Value::Null, json!({"values": {"k": "v"}}), in_version("one", ONE)).unwrap();
        let two = in_version("two", "example.com/v2");
        let error = applied(&schemas["v2"], &one, json!({"values": {"l": "w"}}), two).unwrap_err();
        assert_eq!(error.to_string(), "Apply failed with 1 conflict: conflict with \"one\": .spec.values");
        let mut new = one.clone();
        new["spec"]["values"]["l"] = json!("w");
        let new = update(&UpdateRequest { schema: &schemas["v2"], live: &one, writer: two }, new);
        assert_eq!((fields(&new, "one"), fields(&new, "two")), (Value::Null, json!({"f:values": {"f:l": {}}})));
    }

    #[test]
    fn the_same_applier_may_change_its_version() {
        let schemas = versions();
        let in_version = |version| writer("one", version, Versions::of(&schemas));
        let spec = json!({"values": {"k": "v"}, "ports": [{"name": "a"}]});
        let one = applied(&schemas["v1"], &Value::Null, spec, in_version(ONE)).unwrap();
        let two = applied(&schemas["v2"], &one, json!({"values": {"k": "v"}}), in_version("example.com/v2")).unwrap();
        assert_eq!(two["spec"], json!({"values": {"k": "v"}}));
        let entries = two["metadata"]["managedFields"].as_array().unwrap();
        assert_eq!((entries.len(), &entries[0]["apiVersion"]), (1, &json!("example.com/v2")));
    }

    #[test]
    fn owners_in_versions_that_are_gone_are_forgotten() {
        let mut schemas = versions();
        let one = applied(
            &schemas["v1"],
            &Value::Null,
            json!({"values": {"k": "v"}}),
            writer("one", ONE, Versions::of(&schemas)),
        );
        schemas.remove("v1");
        let two = writer("two", "example.com/v2", Versions::of(&schemas));
        let taken = applied(&schemas["v2"], &one.unwrap(), json!({"values": {"k": "x"}}), two).unwrap();
        let managers: Vec<_> =
            taken["metadata"]["managedFields"].as_array().unwrap().iter().map(|e| &e["manager"]).collect();
        assert_eq!(managers, ["two"]);
    }
}
