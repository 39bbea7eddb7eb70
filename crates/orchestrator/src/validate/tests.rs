//! What is accepted, and the message for what is not.

use super::*;
use mainstay_apimachinery::yaml;
use serde_json::json;

const WEB: &str = r#"
apiVersion: kro.run/v1alpha1
kind: ResourceGraphDefinition
metadata: {name: web}
spec:
  schema:
    apiVersion: v1alpha1
    kind: Web
    group: test.dev
    spec:
      name: string | required=true
      replicas: integer | default=1
      ingress: {enabled: boolean | default=false}
    status:
      available: ${deployment.status.availableReplicas}
      address: http://${schema.spec.name}.local
      conditionsSeen: ${deployment.status.conditions.map(c, c.type)}
  resources:
    - id: ingress
      includeWhen: ["${schema.spec.ingress.enabled}"]
      template:
        apiVersion: networking.k8s.io/v1
        kind: Ingress
        metadata: {name: "${service.metadata.name}"}
        spec: {defaultBackend: {service: {name: "${service.metadata.name}", port: {number: 80}}}}
    - id: service
      template:
        apiVersion: v1
        kind: Service
        metadata: {name: "${schema.spec.name}"}
        spec: {selector: "${deployment.spec.selector.matchLabels}", ports: [{port: 80}]}
    - id: deployment
      readyWhen: ["${deployment.status.availableReplicas == deployment.spec.replicas}"]
      template:
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: "${schema.spec.name}"}
        spec:
          replicas: ${schema.spec.replicas}
          selector: {matchLabels: {app: "${schema.spec.name}"}}
          template:
            metadata: {labels: {app: "${schema.spec.name}"}}
            spec: {containers: [{name: web, image: nginx}]}
"#;

fn check(text: &str) -> Result<Graph, Vec<String>> {
    let definition = yaml::parse_one(text).unwrap().value;
    validate(&definition, &Catalog::builtin()).map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

fn problems(from: &str, to: &str) -> Vec<String> {
    assert!(WEB.contains(from), "{from}");
    check(&WEB.replacen(from, to, 1)).unwrap_err()
}

#[test]
fn orders_nodes_by_what_they_read() {
    let graph = check(WEB).unwrap();
    let order: Vec<_> = graph.nodes.iter().map(|node| (node.id.as_str(), node.wave)).collect();
    assert_eq!(order, [("deployment", 0), ("service", 1), ("ingress", 2)]);
    assert_eq!(graph.instance.plural, "webs");
    assert_eq!(graph.dependencies()["ingress"].iter().collect::<Vec<_>>(), ["service"]);
}

#[test]
fn the_crd_has_the_schema_of_spec_and_of_what_status_reads() {
    let graph = check(WEB).unwrap();
    let schema = &graph.crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"];
    assert_eq!(schema["spec"]["required"], json!(["name"]));
    assert_eq!(schema["status"]["properties"]["available"]["type"], "integer");
    assert_eq!(schema["status"]["properties"]["address"], json!({"type": "string"}));
    assert_eq!(schema["status"]["properties"]["conditionsSeen"], json!({"x-kubernetes-preserve-unknown-fields": true}));
    assert_eq!(schema["status"]["properties"]["state"], json!({"type": "string"}));
    assert_eq!(graph.crd["metadata"]["name"], "webs.test.dev");
    let columns = graph.crd["spec"]["versions"][0]["additionalPrinterColumns"].as_array().unwrap();
    assert_eq!(columns.iter().map(|c| c["name"].as_str().unwrap()).collect::<Vec<_>>(), ["State", "Ready", "Age"]);
}

#[test]
fn a_cycle_is_named() {
    assert_eq!(
        problems(
            "{app: \"${schema.spec.name}\"}}\n          template",
            "{app: \"${ingress.metadata.name}\"}}\n          template"
        ),
        ["resource `ingress`, field spec.resources[0]: the resources depend on each other in a circle: \
          ingress → service → deployment → ingress; take one of the references out"]
    );
}

#[test]
fn unknown_names_and_fields_are_refused_with_their_place() {
    assert_eq!(
        problems("replicas: ${schema.spec.replicas}", "replicas: ${schema.spec.replcas}"),
        [
            "resource `deployment`, field spec.resources[2].template.spec.replicas: `schema.spec` has no field `replcas`; \
          did you mean `replicas`? (in `schema.spec.replcas`)"
        ]
    );
    assert_eq!(
        problems("${service.metadata.name}", "${servce.metadata.name}"),
        ["resource `ingress`, field spec.resources[0].template.metadata.name: there is no `servce`; \
          did you mean `service`? (in `servce.metadata.name`)"]
    );
    assert_eq!(
        problems("available: ${deployment.status.availableReplicas}", "available: ${deployment.status.available}"),
        [
            "field spec.schema.status.available: `deployment.status` has no field `available` (in `deployment.status.available`)"
        ]
    );
    assert!(
        problems("replicas: ${schema.spec.replicas}", "replicas: ${schema.status.x}")[0].contains("no field `status`")
    );
    assert!(
        problems("replicas: ${schema.spec.replicas}", "replicas: ${deployment.spec.replicas}")[0]
            .contains("refers to itself")
    );
}

#[test]
fn template_fields_are_checked_against_the_kind() {
    assert_eq!(
        problems("image: nginx", "imgae: nginx"),
        ["resource `deployment`, field spec.resources[2].template.spec.template.spec.containers[0].imgae: \
          Deployment has no such field; did you mean `image`?"]
    );
    assert_eq!(
        problems("ports: [{port: 80}]", "ports: [{port: http}]"),
        ["resource `service`, field spec.resources[1].template.spec.ports[0].port: \"http\" is not of type integer"]
    );
}

#[test]
fn wrong_expressions_say_where() {
    let found = problems("replicas: ${schema.spec.replicas}", "replicas: ${schema.spec. + }");
    assert!(
        found[0].starts_with("resource `deployment`, field spec.resources[2].template.spec.replicas: "),
        "{found:?}"
    );
    let found = problems("[\"${schema.spec.ingress.enabled}\"]", "[\"x ${schema.spec.ingress.enabled}\"]");
    assert!(found[0].contains("includeWhen[0]: ") && found[0].contains("must be one expression"), "{found:?}");
    let found = problems("deployment.status.availableReplicas == deployment.spec.replicas", "service.spec.ports == []");
    assert!(found[0].contains("readyWhen sees only its own resource, not `service`"), "{found:?}");
}

#[test]
fn names_follow_the_rules() {
    assert!(
        problems("id: ingress", "id: my-ingress")[0]
            .contains("`my-ingress` is no valid id; write it in lowerCamelCase")
    );
    assert!(problems("id: ingress", "id: namespace")[0].contains("`namespace` is a reserved word"));
    assert!(problems("id: ingress", "id: service").iter().any(|p| p.contains("the id stands twice")));
    assert!(
        problems("apiVersion: v1alpha1\n", "apiVersion: test.dev/v1\n")[0]
            .contains("write only the version here, `apiVersion: v1`")
    );
    assert!(problems("kind: Web", "kind: web")[0].contains("PascalCase"));
    assert!(
        problems("name: string |", "name: strng |")[0]
            .contains("field spec.schema.spec.name: there is no type `strng`")
    );
    assert!(
        problems("available: ${deployment.status.availableReplicas}", "available: fixed")[0]
            .contains("must have an expression")
    );
    assert!(
        problems("metadata: {name: \"${schema.spec.name}\"}", "metadata: {name: x, labels: {kro.run/a: b}}")[0]
            .contains("reserved for kro")
    );
}

#[test]
fn collections_and_external_references() {
    let text = WEB.to_owned()
        + r#"
    - id: config
      forEach: [{key: "${['a', 'b']}"}]
      template: {apiVersion: v1, kind: ConfigMap, metadata: {name: "${schema.spec.name + '-' + key}"}}
    - id: shared
      externalRef: {apiVersion: v1, kind: ConfigMap, metadata: {name: "${config[0].metadata.name}"}}
"#;
    let graph = check(&text).unwrap();
    assert!(graph.node("config").unwrap().is_collection());
    assert!(graph.node("shared").unwrap().is_external());
    assert_eq!(graph.node("shared").unwrap().wave, 1);
    let wrong = text.replace("externalRef: {", "forEach: [{x: \"${[1]}\"}]\n      externalRef: {");
    assert!(check(&wrong).unwrap_err()[0].contains("forEach does not go with externalRef"));
}
