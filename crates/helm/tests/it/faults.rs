//! What is wrong with a chart is told.

use serde_json::{Value as Json, json};

use crate::{files, rendered, small};

fn fault(files: Vec<mainstay_helm::File>, values: &Json) -> String {
    rendered(files, values).expect_err("it must not render").to_string()
}

#[test]
fn what_is_wrong_with_a_chart_is_told() {
    let without = |path: &str| files("shop").into_iter().filter(|file| !file.path.starts_with(path)).collect();
    for (chart, values, expected) in [
        (without("Chart.yaml"), json!({}), "Chart.yaml is missing"),
        (without("charts/queue"), json!({}), "found in Chart.yaml, but missing in charts/ directory: queue;"),
        (files("shop"), json!({"replicaCount": "x"}), "shop:\n- at '/replicaCount': \"x\" is not of type \"integer\""),
        (
            files("shop"),
            json!({"image": {"repository": ""}}),
            "at '/image/repository': \"\" is shorter than 1 character",
        ),
        (files("shop"), json!({"orders": "x"}), "type mismatch on orders"),
        (small(&[("Chart.yaml", "name: [")]), json!({}), "Chart.yaml: "),
        (small(&[("Chart.yaml", "name: x")]), json!({}), "Chart.yaml: validation: chart.metadata.version is required"),
        (small(&[("Chart.yaml", "name: x\nversion: 1.0.0\ntype: other")]), json!({}), "must be application or library"),
        (
            small(&[("Chart.yaml", "name: x\nversion: 1.0.0\ntype: library")]),
            json!({}),
            "library charts are not installable",
        ),
        (
            small(&[("Chart.yaml", "name: x\nversion: 1.0.0\nkubeVersion: '<1.20'")]),
            json!({}),
            "incompatible with Kubernetes v1.36.0",
        ),
        (small(&[("values.yaml", "- a")]), json!({}), "values.yaml: values must be a map"),
        (small(&[("templates/a.yaml", "{{ .Values.a.b }}")]), json!({}), "nil pointer evaluating interface {}.b"),
        (small(&[("templates/a.yaml", "{{ if }}")]), json!({}), "template: c/templates/a.yaml:1: missing value for if"),
        (small(&[("templates/a.yaml", "{{ include \"nope\" . }}")]), json!({}), "no template \"nope\""),
        (
            small(&[("templates/a.yaml", "a:\n  {{ required \"name it\" .Values.a }}")]),
            json!({}),
            "execution error at (c/templates/a.yaml:2:5): name it",
        ),
        (small(&[("charts/d/values.yaml", "a: 1")]), json!({}), "charts/d: Chart.yaml is missing"),
    ] {
        let told = fault(chart, &values);
        assert!(told.contains(expected), "{told}\n does not tell {expected}");
    }
}

#[test]
fn charts_within_charts_have_an_end() {
    let path = "charts/d/".repeat(20);
    let files = (0..20).map(|depth| format!("{}Chart.yaml", &path[..depth * 9]));
    let files: Vec<(String, &str)> = files.map(|path| (path, "name: d\nversion: 1.0.0\n")).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
    assert!(fault(small(&files), &json!({})).contains("levels deep"));
}
