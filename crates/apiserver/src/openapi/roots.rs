//! The documents of paths that are no group version's: groups, versions, keys.
//! It must not know resources.

use serde_json::{Value, json};

use super::{Components, info, reference};

const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.";

/// Path in the index, path served there, and the definition of what it answers.
const ROOTS: [(&str, &str, &str); 5] = [
    (".well-known/openid-configuration", "/.well-known/openid-configuration/", ""),
    ("api", "/api/", "APIVersions"),
    ("apis", "/apis/", "APIGroupList"),
    ("openid/v1/jwks", "/openid/v1/jwks/", ""),
    ("version", "/version/", ""),
];

/// The documents, by their path in the index.
pub(super) fn all(groups: impl Iterator<Item = String>, components: impl Fn() -> Components) -> Vec<(String, Value)> {
    let fixed = ROOTS.iter().map(|(path, served, kind)| ((*path).to_owned(), document(served, kind, components())));
    let groups = groups.map(|group| {
        let path = format!("apis/{group}");
        let document = document(&format!("/{path}/"), "APIGroup", components());
        (path, document)
    });
    fixed.chain(groups).collect()
}

fn document(path: &str, kind: &str, mut components: Components) -> Value {
    let mut answer = json!({"description": "OK"});
    if !kind.is_empty() {
        let name = format!("{META}{kind}");
        components.add(&name);
        answer["content"] = json!({"application/json": {"schema": reference(&name)}});
    }
    json!({
        "openapi": "3.0.0", "info": info(false),
        "paths": {path: {"get": {"responses": {"200": answer}}}},
        "components": {"schemas": components.schemas},
    })
}
