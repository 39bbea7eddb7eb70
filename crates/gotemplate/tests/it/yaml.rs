//! YAML and JSON against what Go's libraries write.

use mainstay_gotemplate::{Environment, Functions, Style, Templates, Value, to_go_json, to_go_yaml};
use serde_json::Value as Json;

fn values() -> Json {
    serde_json::from_str(include_str!("yaml/values.json")).expect("the file is JSON")
}

/// The expected files are what `sigs.k8s.io/yaml`, `go-yaml` v3 and `encoding/json` wrote for the values.
#[test]
fn yaml_is_written_byte_for_byte_as_in_go() {
    let values = values();
    let written = |value: &Json, style| to_go_yaml(&Value::from(value), style).unwrap() + "\n";
    assert_eq!(written(&values, Style::V2), include_str!("yaml/v2.yaml"));
    assert_eq!(written(&values["m"], Style::V3), include_str!("yaml/v3.yaml"));
}

#[test]
fn json_is_written_byte_for_byte_as_in_go() {
    let values = values();
    let texts = Value::from(&values["a"]);
    assert_eq!(to_go_json(&texts, true).unwrap() + "\n", include_str!("yaml/escaped.json"));
    assert_eq!(to_go_json(&texts, false).unwrap() + "\n", include_str!("yaml/raw.json"));
    let mut templates = Templates::new(Functions::sprig());
    templates.add("t", "{{ toPrettyJson . }}").unwrap();
    let pretty = templates.render("t", Value::from(&values["m"]["a"]), &Environment::default()).unwrap();
    assert_eq!(pretty + "\n", include_str!("yaml/pretty.json"));
}
