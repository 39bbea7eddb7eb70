//! Expressions in templates.

use super::*;
use serde_json::json;

fn resolve(template: Value) -> Value {
    let schema = json!({"spec": {"name": "shop", "n": 3, "list": [1, 2]}});
    Template::compile(&template).unwrap().resolve(&Bindings::new().with("schema", &schema)).unwrap()
}

#[test]
fn a_whole_expression_keeps_its_type_and_a_text_joins() {
    assert_eq!(resolve(json!("${schema.spec.n}")), json!(3));
    assert_eq!(resolve(json!("a-${schema.spec.name}-${string(schema.spec.n)}")), json!("a-shop-3"));
    assert_eq!(resolve(json!({"l": ["${schema.spec.list}", 4]})), json!({"l": [[1, 2], 4]}));
}

#[test]
fn braces_strings_and_escapes() {
    assert_eq!(resolve(json!("${{'a': {'b': 1}}}")), json!({"a": {"b": 1}}));
    assert_eq!(resolve(json!("${\"}\" + schema.spec.name}")), json!("}shop"));
    assert_eq!(resolve(json!("${\"${HOME}\"}")), json!("${HOME}"));
    assert_eq!(resolve(json!("$HOME ${unclosed")), json!("$HOME ${unclosed"));
    assert_eq!(resolve(json!("")), json!(""));
    let nested = Template::compile(&json!({"a": ["${x + ${y}}"]})).unwrap_err();
    assert_eq!(nested[0].path.as_str(), "a[0]");
    assert!(nested[0].message.starts_with("nested expressions are not allowed"));
}

#[test]
fn nothing_leaves_the_field_out() {
    assert_eq!(
        resolve(json!({"a": "${omit()}", "b": ["${schema.spec.?x}", "${schema.spec.?name}"], "c": null})),
        json!({"b": ["shop"], "c": null})
    );
}

#[test]
fn what_cannot_be_filled_in_says_where() {
    let template = Template::compile(&json!({"a": {"b": ["x", "${schema.status.ip}"]}})).unwrap();
    let schema = json!({"spec": {}});
    let error = template.resolve(&Bindings::new().with("schema", &schema)).unwrap_err();
    assert!(error.is_pending());
    assert_eq!(error.to_string(), "a.b[1]: failed to evaluate `schema.status.ip`: no such key: status");
    let number = Template::compile(&json!("n=${1 + 1}")).unwrap().resolve(&Bindings::new()).unwrap_err();
    assert!(number.to_string().contains("wrap it in string(…)"), "{number}");
}

#[test]
fn soft_resolution_keeps_what_is_known() {
    let template =
        Template::compile(&json!({"a": "${s.a}", "b": {"c": "${s.c}", "d": "${s.d}"}, "e": {"f": "${s.f}"}}));
    let s = json!({"a": 1, "d": 2});
    assert_eq!(template.unwrap().resolve_softly(&Bindings::new().with("s", &s)), Some(json!({"a": 1, "b": {"d": 2}})));
}

#[test]
fn standalone_expressions_only() {
    assert!(standalone("${a == 1}").is_ok());
    assert_eq!(standalone("${a}\n").unwrap_err(), "`${a}\n` must be one expression `${…}` with nothing around it");
}
