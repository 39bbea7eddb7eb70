//! What a repository says of how it is to be built: `.argocd-source.yaml` for all Applications, and
//! `.argocd-source-<name>.yaml` for one. As upstream's `mergeSourceParameters`; image updaters write such files.
//! It must not know where the files are read from.

use mainstay_api::argoproj::Source;
use mainstay_apimachinery::yaml;
use mainstay_kustomize::Overrides;
use serde::Deserialize;
use serde_json::Value;

use super::helm::HelmOptions;
use super::source::root;

/// What such a file may say. Where a source is, is not its to say: a project has permitted the source as it was.
const FIELDS: [&str; 4] = ["directory", "helm", "kustomize", "plugin"];

/// Where such files of a directory are, the one that counts last at the end.
#[must_use]
pub fn paths(directory: &str, app: &str) -> Vec<String> {
    let root = root(directory);
    let below = |name: String| if root.is_empty() { name } else { format!("{root}/{name}") };
    [".argocd-source.yaml".to_owned(), format!(".argocd-source-{app}.yaml")].map(below).into()
}

/// A source with what a file says laid over it: maps are merged, lists replaced.
///
/// # Errors
/// When the file is malformed or says what it must not.
pub fn merge(source: &Source, text: &str) -> Result<Source, String> {
    let patch = yaml::parse_one(text).map_err(|error| error.to_string())?.value;
    let Value::Object(fields) = &patch else { return Err("it must be a map".to_owned()) };
    if let Some(field) = fields.keys().find(|field| !FIELDS.contains(&field.as_str())) {
        return Err(format!("{field} must not be changed here; it may say {}", FIELDS.join(", ")));
    }
    let mut merged = serde_json::to_value(source).map_err(|error| error.to_string())?;
    json_patch::merge(&mut merged, &patch);
    let merged = Source::deserialize(&merged).map_err(|error| error.to_string())?;
    let options = |options: &Option<Value>| options.clone().unwrap_or_else(|| Value::Object(serde_json::Map::new()));
    HelmOptions::deserialize(options(&merged.helm)).map_err(|error| format!("helm: {error}"))?;
    Overrides::deserialize(options(&merged.kustomize)).map_err(|error| format!("kustomize: {error}"))?;
    Ok(merged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn tools_may_be_told_and_places_not() {
        let source = Source {
            repo_url: "r".to_owned(),
            helm: Some(json!({"releaseName": "a", "parameters": [{"name": "x", "value": "1"}]})),
            ..Source::default()
        };
        let merged = merge(&source, "helm:\n  parameters:\n  - {name: image.tag, value: v2}\n").unwrap();
        let expected = json!({"releaseName": "a", "parameters": [{"name": "image.tag", "value": "v2"}]});
        assert_eq!(merged.helm, Some(expected));
        assert_eq!(merged.repo_url, "r");
        for (text, told) in [
            ("repoURL: other", "repoURL must not be changed here"),
            ("[1]", "it must be a map"),
            ("helm: {valueFiles: 1}", "helm: "),
            ("kustomize: {images: 1}", "kustomize: "),
            ("helm: [", "failed to read YAML"),
        ] {
            assert!(merge(&source, text).unwrap_err().contains(told), "{text}");
        }
        assert_eq!(
            paths("./apps/shop/", "shop-dev"),
            ["apps/shop/.argocd-source.yaml", "apps/shop/.argocd-source-shop-dev.yaml"]
        );
    }
}
