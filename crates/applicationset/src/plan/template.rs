//! From a template and a parameter set to an Application.
//! It must not know which generator the set came from.

use std::collections::BTreeSet;

use mainstay_api::argoproj::{self, ApplicationSetSpec};
use mainstay_apimachinery::{object, yaml};
use serde_json::{Map, Value, json};

use super::{Dialect, Error, Params, dialect, params};

/// A generator's own template, with what it leaves out taken from the set's, as `mergeGeneratorTemplate`.
#[must_use]
pub fn merge(own: &Value, base: &Value) -> Value {
    let mut merged = own.as_object().cloned().unwrap_or_default();
    params::fill(&mut merged, base.as_object().unwrap_or(&Map::new()));
    Value::Object(merged)
}

/// The Application of a parameter set: `metadata` and `spec`, all strings and keys rendered.
///
/// # Errors
/// When a template cannot be rendered.
pub fn render(dialect: &dyn Dialect, template: &Value, params: &Params) -> Result<Value, Error> {
    let mut application = json!({"apiVersion": argoproj::API_VERSION, "kind": "Application"});
    for part in ["metadata", "spec"] {
        application[part] = dialect::value(dialect, template.get(part).unwrap_or(&json!({})), params)?;
    }
    Ok(application)
}

/// An Application with the set's `templatePatch` laid over it. As upstream's strategic merge for Applications: maps are
/// merged, `null` removes, finalizers are joined, and all other lists replaced.
///
/// # Errors
/// When the patch cannot be rendered or read, or changes the project.
pub fn patched(dialect: &dyn Dialect, mut application: Value, patch: &str, params: &Params) -> Result<Value, Error> {
    if patch.trim().is_empty() {
        return Ok(application);
    }
    let text = dialect.text(patch, params)?;
    let wrong = |why: String| Error::invalid(format!("templatePatch: {why}"));
    if text.trim().is_empty() {
        return Ok(application);
    }
    let patch = yaml::parse_one(&text).map_err(|error| wrong(error.to_string()))?.value;
    if !patch.is_object() {
        return Err(wrong("it must render to a map".to_owned()));
    }
    let before: Vec<String> = object::finalizers(&application).map(str::to_owned).collect();
    let project = application["spec"]["project"].clone();
    json_patch::merge(&mut application, &patch);
    if application["spec"]["project"] != project {
        return Err(wrong("it must not change spec.project; set it in the template".to_owned()));
    }
    if patch.pointer("/metadata/finalizers").is_some_and(Value::is_array) {
        before.iter().for_each(|finalizer| object::add_finalizer(&mut application, finalizer));
    }
    Ok(application)
}

/// What every Application of a set has: the set's namespace, and the finalizer that deletes its resources with it
/// unless the set keeps them or the template has finalizers of its own.
pub fn finish(application: &mut Value, spec: &ApplicationSetSpec, namespace: &str) {
    object::set_namespace(application, namespace);
    let preserves = spec.sync_policy.as_ref().is_some_and(|policy| policy.preserve_resources_on_deletion);
    if !preserves && object::finalizers(application).next().is_none() {
        object::add_finalizer(application, argoproj::RESOURCES_FINALIZER);
    }
    if spec.strategy.as_ref().is_some_and(|strategy| strategy.kind == "RollingSync")
        && let Some(policy) = application.pointer_mut("/spec/syncPolicy").and_then(Value::as_object_mut)
    {
        // Who rolls out decides when to sync.
        policy.remove("automated");
    }
}

/// Refuses Applications without a name, and two with one name.
///
/// # Errors
/// Naming the first of them.
pub fn check_names(applications: &[Value]) -> Result<(), Error> {
    let mut seen = BTreeSet::new();
    for application in applications {
        let name = object::name(application);
        if name.is_empty() {
            return Err(Error::invalid(
                "the template renders to an Application without a name; set template.metadata.name",
            ));
        }
        if !seen.insert(name) {
            return Err(Error::invalid(format!(
                "ApplicationSet contains applications with duplicate name: {name}; use more parameters in template.metadata.name"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::FastTemplate;

    #[test]
    fn a_generators_own_template_wins_field_by_field() {
        let own = json!({"metadata": {}, "spec": {"project": "", "source": {"path": "own"}}});
        let base = json!({"metadata": {"name": "{{n}}"}, "spec": {"project": "p", "source": {"path": "base", "repoURL": "r"}}});
        let params = json!({"n": "a"}).as_object().unwrap().clone();
        let application = render(&FastTemplate, &merge(&own, &base), &params).unwrap();
        assert_eq!(application["spec"], json!({"project": "p", "source": {"path": "own", "repoURL": "r"}}));
        assert_eq!(application["metadata"]["name"], "a");
    }

    #[test]
    fn a_patch_is_rendered_and_laid_over() {
        let application = || {
            json!({
            "metadata": {"name": "a", "finalizers": ["x"]},
            "spec": {"project": "p", "source": {"path": "b"}, "info": [1]}})
        };
        let params = json!({"n": "1"}).as_object().unwrap().clone();
        let patched = |patch: &str| patched(&FastTemplate, application(), patch, &params);
        let patch = "metadata: {finalizers: [z]}\nspec: {source: {path: null, chart: c-{{n}}}, info: [2]}\n";
        let expected = json!({
            "metadata": {"name": "a", "finalizers": ["z", "x"]},
            "spec": {"project": "p", "source": {"chart": "c-1"}, "info": [2]}});
        assert_eq!(patched(patch).unwrap(), expected);
        assert_eq!(patched(" ").unwrap(), application());
        assert!(patched("spec: {project: other}").unwrap_err().to_string().contains("must not change spec.project"));
        assert!(patched("[1]").unwrap_err().to_string().contains("must render to a map"));
    }

    #[test]
    fn the_finalizer_is_left_out_where_resources_are_preserved() {
        let spec =
            |policy: Value| -> ApplicationSetSpec { serde_json::from_value(json!({"syncPolicy": policy})).unwrap() };
        let finalizers = |policy| {
            let mut application = json!({"metadata": {"name": "a"}, "spec": {}});
            finish(&mut application, &spec(policy), "argocd");
            application["metadata"]["finalizers"].clone()
        };
        assert_eq!(finalizers(json!(null)), json!([argoproj::RESOURCES_FINALIZER]));
        assert_eq!(finalizers(json!({"preserveResourcesOnDeletion": true})), json!(null));
    }

    #[test]
    fn two_applications_with_one_name_are_refused() {
        let application = json!({"metadata": {"name": "a"}});
        assert!(
            check_names(&[application.clone(), application]).unwrap_err().to_string().contains("duplicate name: a")
        );
    }
}
