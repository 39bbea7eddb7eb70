//! SimpleSchema to OpenAPI.

use super::*;

fn openapi(fields: Value, types: Value) -> Value {
    to_openapi(&fields, &types).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn problem(field: &str) -> String {
    let problems = to_openapi(&json!({"f": field}), &json!({})).unwrap_err();
    assert_eq!(problems[0].path.as_str(), "spec.f");
    problems[0].message.clone()
}

#[test]
fn scalars_lists_and_maps() {
    let schema = openapi(
        json!({"a": "string", "b": "integer", "c": "boolean", "d": "float", "e": "object",
               "f": "[]map[string]integer", "g": "map[string][]string"}),
        json!({}),
    );
    assert_eq!(
        schema["properties"],
        json!({
            "a": {"type": "string"}, "b": {"type": "integer"}, "c": {"type": "boolean"}, "d": {"type": "number"},
            "e": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
            "f": {"type": "array", "items": {"type": "object", "additionalProperties": {"type": "integer"}}},
            "g": {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}},
        })
    );
}

#[test]
fn every_marker() {
    let schema = openapi(
        json!({
            "name": "string | required=true description=\"the \\\"name\\\"\" pattern=^[a-z]+$ minLength=1 maxLength=9 immutable=true",
            "size": "integer | default=3 minimum=1 maximum=10 enum=1,3,10 validation=\"self > 0\"",
            "tier": "string | default=\"\" enum=a,b",
            "ports": "[]integer | minItems=1 maxItems=3 uniqueItems=true default=[1, 2]",
            "map": "map[string]string | default={\"a\": \"b c\"}",
            "keyed": "[]Item | listType=map listMapKey=name",
        }),
        json!({"Item": {"name": "string | required=true"}}),
    );
    let p = &schema["properties"];
    assert_eq!(
        p["name"],
        json!({"type": "string", "description": "the \"name\"", "pattern": "^[a-z]+$", "minLength": 1, "maxLength": 9,
               "x-kubernetes-validations": [{"rule": "self == oldSelf", "message": "field is immutable"}]})
    );
    assert_eq!(
        p["size"],
        json!({"type": "integer", "default": 3, "minimum": 1, "maximum": 10, "enum": [1, 3, 10],
               "x-kubernetes-validations": [{"rule": "self > 0", "message": "validation failed"}]})
    );
    assert_eq!(p["tier"], json!({"type": "string", "default": "", "enum": ["a", "b"]}));
    assert_eq!(
        p["ports"],
        json!({"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 3,
               "x-kubernetes-list-type": "set", "default": [1, 2]})
    );
    assert_eq!(p["map"]["default"], json!({"a": "b c"}));
    assert_eq!(p["keyed"]["x-kubernetes-list-map-keys"], json!(["name"]));
    assert_eq!(schema["required"], json!(["name"]));
}

#[test]
fn objects_default_when_nothing_in_them_is_required() {
    let schema = openapi(
        json!({"a": {"b": {"c": "string | default=x"}}, "d": {"e": "string | required=true", "f": "string | default=x"}}),
        json!({}),
    );
    assert_eq!(schema["properties"]["a"]["default"], json!({}));
    assert_eq!(schema["properties"]["a"]["properties"]["b"]["default"], json!({}));
    assert_eq!(schema["properties"]["d"].get("default"), None);
}

#[test]
fn custom_types_nest_and_aliases_carry_markers() {
    let schema = openapi(
        json!({"owner": "Person", "level": "Level"}),
        json!({"Person": {"name": "string", "level": "Level"}, "Level": "integer | required=true minimum=1"}),
    );
    assert_eq!(schema["properties"]["owner"]["properties"]["level"], json!({"type": "integer", "minimum": 1}));
    assert_eq!(schema["properties"]["owner"]["required"], json!(["level"]));
    assert_eq!(schema["required"], json!(["level"]));
}

#[test]
fn mistakes_say_what_would_be_right() {
    assert_eq!(problem("array"), "there is no type `array`; write `[]string` for a list of strings");
    assert_eq!(problem("map[integer]string"), "the keys of a map must be `string`, not `integer`");
    assert!(problem("string | defualt=x").starts_with("there is no marker `defualt`; the markers are required,"));
    assert_eq!(problem("integer | default=abc"), "marker `default` must be of type integer, not `abc`");
    assert_eq!(problem("string | minimum=1"), "marker `minimum` goes with integer and number, not with string");
    assert_eq!(problem("string | default=\"x"), "a quote is not closed in `default=\"x`");
    assert!(problem("string | default=x | required=true").contains("marker `|`"));
    let cycle = to_openapi(&json!({"a": "A"}), &json!({"A": {"b": "B"}, "B": {"a": "A"}})).unwrap_err();
    assert_eq!(cycle[0].message, "the types refer to each other in a circle: A → B → A");
}
