//! Golden tests: `testdata/<case>/in.yaml` is an instance of a golden path, `out.yaml` what it becomes.
//! `UPDATE_GOLDEN=1 cargo test -p mainstay-orchestrator golden` writes `out.yaml` anew.

use std::path::{Path, PathBuf};

use mainstay_apimachinery::{Schema, builtin, object, yaml};
use mainstay_orchestrator::catalog::Catalog;
use mainstay_orchestrator::graph::Graph;
use mainstay_orchestrator::plan::{Observed, Rendered, render};
use mainstay_orchestrator::{golden_paths, validate};
use serde_json::{Value, json};

fn graph_of(kind: &str) -> Graph {
    let definitions = golden_paths::DEFINITIONS.iter().map(|file| yaml::parse_one(file.text).unwrap().value);
    let mut catalog = Catalog::builtin();
    for file in golden_paths::CUSTOM_RESOURCE_DEFINITIONS {
        catalog.add(&yaml::parse_one(file.text).unwrap().value);
    }
    let definition = definitions.into_iter().find(|definition| definition["spec"]["schema"]["kind"] == kind).unwrap();
    validate::validate(&definition, &catalog).unwrap_or_else(|problems| {
        panic!("{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    })
}

fn case(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(name)
}

fn input(name: &str) -> Value {
    yaml::parse_one(&std::fs::read_to_string(case(name).join("in.yaml")).unwrap()).unwrap().value
}

fn rendered(instance: &Value) -> Rendered {
    render(&graph_of(object::kind(instance)), instance, &Observed::default())
}

#[track_caller]
fn golden(name: &str) -> Rendered {
    let rendered = rendered(&input(name));
    assert_eq!(rendered.problems, Vec::<String>::new());
    assert_schemas(&rendered);
    let out = yaml::to_string_documents(&rendered.objects);
    let path = case(name).join("out.yaml");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        #[expect(clippy::disallowed_methods, reason = "asked to write the expected output")]
        std::fs::write(&path, &out).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(out == expected, "{name}: run with UPDATE_GOLDEN=1 and look at the difference\n{out}");
    rendered
}

/// What is rendered is what the API server takes.
#[track_caller]
fn assert_schemas(rendered: &Rendered) {
    for object in &rendered.objects {
        let gvk = mainstay_apimachinery::GroupVersionKind::of(object).unwrap();
        let Some(schema) = builtin::schema(&gvk) else { continue };
        let errors = Schema::validate(&schema, object, &mainstay_apimachinery::FieldPath::root());
        assert!(errors.is_empty(), "{}: {errors:?}", object::describe(object));
        let dropped = schema.prune(&mut object.clone());
        assert!(dropped.is_empty(), "{}: {dropped:?}", object::describe(object));
    }
}

fn kinds(rendered: &Rendered) -> Vec<&str> {
    rendered.objects.iter().map(object::kind).collect()
}

fn find<'r>(rendered: &'r Rendered, kind: &str) -> &'r Value {
    rendered.objects.iter().find(|object| object::kind(object) == kind).unwrap()
}

#[test]
fn an_application_with_everything_on_is_exactly_seven_kinds() {
    let rendered = golden("application-everything");
    assert_eq!(
        kinds(&rendered),
        [
            "Deployment",
            "Service",
            "Ingress",
            "HorizontalPodAutoscaler",
            "PodDisruptionBudget",
            "NetworkPolicy",
            "ServiceMonitor"
        ]
    );
    assert_eq!(find(&rendered, "Deployment").pointer("/spec/replicas"), None);
}

#[test]
fn a_minimal_application_has_no_more_than_it_needs() {
    let rendered = golden("application-minimal");
    assert_eq!(kinds(&rendered), ["Deployment", "Service", "NetworkPolicy"]);
    assert_eq!(find(&rendered, "Deployment")["spec"]["replicas"], 1);
}

#[test]
fn the_second_dialect_means_the_same() {
    let rendered = golden("application-second-dialect");
    let container = &find(&rendered, "Deployment")["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(
        container["resources"],
        json!({"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"cpu": "1", "memory": "512Mi"}})
    );
    assert_eq!(find(&rendered, "Ingress")["spec"]["rules"][0]["host"], "api.example.com");
}

#[test]
fn a_tenant_gets_people_in() {
    let rendered = golden("tenant");
    assert_eq!(
        kinds(&rendered),
        [
            "Namespace",
            "ResourceQuota",
            "LimitRange",
            "NetworkPolicy",
            "NetworkPolicy",
            "NetworkPolicy",
            "Role",
            "Role",
            "RoleBinding",
            "RoleBinding"
        ]
    );
    let subjects = &find(&rendered, "RoleBinding")["subjects"];
    assert_eq!(subjects[0]["name"], "ada@example.com");
    assert_eq!(subjects[1]["name"], "eve@example.com");
}

#[test]
fn a_tool_platform_is_installed() {
    let rendered = golden("tool-platform");
    assert_eq!(
        kinds(&rendered),
        [
            "Namespace",
            "PersistentVolumeClaim",
            "PersistentVolumeClaim",
            "ServiceAccount",
            "RoleBinding",
            "RoleBinding",
            "ConfigMap",
            "Ingress",
            "Application"
        ]
    );
}

#[test]
fn a_clash_of_dialects_is_refused_with_what_to_do() {
    let mut instance = input("application-everything");
    instance["spec"]["ingress"]["hostname"] = json!("other.example.com");
    instance["spec"]["resources"]["requests"] = json!({"cpu": "1"});
    let problems = rendered(&instance).problems;
    assert_eq!(
        problems,
        [
            "domain and ingress.hostname are two names for one thing and differ; keep one of them",
            "resources.cpu and resources.requests.cpu differ; keep resources.cpu, or requests and limits",
        ]
    );
    let mut instance = input("application-minimal");
    instance["spec"]["imgae"] = json!("x");
    instance["spec"]["ingress"] = json!({"enabled": true});
    assert_eq!(
        rendered(&instance).problems,
        ["spec.imgae: the kind has no such field", "ingress is enabled but there is no host name; set domain"]
    );
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let first = rendered(&input("tenant"));
    for _ in 0..5 {
        assert_eq!(rendered(&input("tenant")), first);
    }
}
