//! Properties of schemas and of built-in kinds.

use std::sync::LazyLock;

use mainstay_apimachinery::{FieldPath, GroupVersionKind, Schema, builtin};
use proptest::prelude::*;
use serde_json::{Value, json};

static TOY: LazyLock<Schema> = LazyLock::new(|| {
    Schema::from_openapi(&json!({"type": "object", "properties": {"a": {
        "type": "object", "default": {}, "properties": {
            "a": {"type": "string", "default": "x"},
            "b": {"type": "array", "items": {"type": "object", "properties": {"a": {"type": "integer", "default": 1}}}},
            "c": {"type": "object", "additionalProperties": {"type": "object", "properties": {"a": {"type": "boolean"}}}}
        }
    }, "b": {"x-kubernetes-preserve-unknown-fields": true}, "c": {"x-kubernetes-int-or-string": true}}}))
    .expect("the schema is structural")
});

/// Values of any shape, with few names, so that they often meet the fields of a schema.
fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-z]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[abcd]", inner, 0..4).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

const FIELDS: &[&str] =
    &["ports", "template", "type", "selector", "rules", "containers", "volumes", "metrics", "subjects"];

/// Any value in the place of any field of a built-in kind's spec.
fn specs() -> impl Strategy<Value = (GroupVersionKind, Value)> {
    let kinds: Vec<GroupVersionKind> = builtin::resources().iter().map(builtin::ResourceInfo::gvk).collect();
    let fields = prop::collection::btree_map(prop::sample::select(FIELDS), values(), 0..4);
    (prop::sample::select(kinds), fields, values()).prop_map(|(kind, fields, metadata)| {
        let spec: Value = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        (kind, json!({"metadata": metadata, "spec": spec, "template": {"spec": spec}, "rules": spec["rules"]}))
    })
}

proptest! {
    #[test]
    fn pruning_twice_drops_nothing_more(mut value in values()) {
        TOY.prune(&mut value);
        let once = value.clone();
        prop_assert!(TOY.prune(&mut value).is_empty());
        prop_assert_eq!(value, once);
    }

    #[test]
    fn defaulting_twice_changes_nothing_more(mut value in values()) {
        TOY.apply_defaults(&mut value);
        let once = value.clone();
        TOY.apply_defaults(&mut value);
        prop_assert_eq!(value, once);
    }

    #[test]
    fn what_is_printed_as_openapi_reads_back(value in values()) {
        let again = Schema::from_openapi(&TOY.to_openapi()).expect("what was structural stays so");
        prop_assert_eq!(again.validate(&value, &FieldPath::root()), TOY.validate(&value, &FieldPath::root()));
    }

    #[test]
    fn built_in_kinds_take_any_input((kind, object) in specs()) {
        let mut value = object.clone();
        builtin::defaults(&kind, &mut value);
        let once = value.clone();
        builtin::defaults(&kind, &mut value);
        prop_assert_eq!(&value, &once, "defaulting twice changes nothing more");
        // Neither may panic, whatever the shape.
        let _ = builtin::decode_errors(&kind, &object);
        let _ = builtin::validate(&kind, &value, Some(&object));
    }
}
