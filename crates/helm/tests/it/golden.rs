//! A chart with all that charts have, against Helm's output.

use serde_json::Value as Json;

use crate::{files, here, rendered};

/// The expected files are what Helm v4's own library gave for the chart with these values.
#[test]
fn a_chart_with_dependencies_renders_as_in_helm() {
    for case in ["defaults", "tags", "overrides", "conditions", "globals"] {
        let read = |name: String| std::fs::read_to_string(here("expected").join(name)).unwrap();
        let values: Json = serde_json::from_str(&read(format!("{case}.values.json"))).unwrap();
        let mut text = String::new();
        for file in rendered(files("shop"), &values).unwrap() {
            if !file.path.contains("/crds/") {
                text.push_str(&format!("---\n# Source: {}\n{}\n", file.path, file.text.trim_matches('\n')));
            }
        }
        assert_eq!(text, read(format!("{case}.yaml")), "{case}");
    }
}

#[test]
fn definitions_of_kinds_come_first_and_notes_do_not_come() {
    let all = rendered(files("shop"), &Json::Null).unwrap();
    assert_eq!(all[0].path, "shop/crds/baskets.yaml");
    assert!(all.iter().all(|file| !file.path.ends_with("NOTES.txt") && !file.path.contains("empty")), "{all:?}");
}
