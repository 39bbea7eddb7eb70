//! Namespaces, prefixes and suffixes. As kustomize's namespace, prefix and suffix transformers.
//! It must not know who refers to the names; see `references.rs`.

use mainstay_apimachinery::object;
use serde_json::Value;

use crate::accumulate::Target;
use crate::config::Config;
use crate::error::Error;
use crate::fieldspec;
use crate::id::Id;
use crate::kustomization::FieldSpec;
use crate::resource::Resource;

/// Kinds whose names have a meaning of their own.
const FIXED: [(&str, &str); 3] =
    [("", "Namespace"), ("apiextensions.k8s.io", "CustomResourceDefinition"), ("apiregistration.k8s.io", "APIService")];

/// Puts everything into the namespace of a kustomization.
pub(crate) fn namespace(target: &Target<'_>, resources: &mut [Resource], config: &Config) -> Result<(), Error> {
    let namespace = target.kustomization.namespace.as_str();
    if namespace.is_empty() {
        return Ok(());
    }
    for resource in resources.iter_mut() {
        let moved = resource.change(|object| move_to(object, namespace, &config.namespace));
        moved.map_err(|message| target.failed(message))?;
    }
    for (at, resource) in resources.iter().enumerate() {
        let id = resource.id();
        let mut namesakes = resources[..at].iter().filter(|other| object::name(&other.object) == id.name);
        if namesakes.any(|other| other.id().equals(&id)) {
            return Err(target.failed(format!("namespace transformation produces ID conflict: {id}")));
        }
    }
    Ok(())
}

fn move_to(object: &mut Value, namespace: &str, specs: &[FieldSpec]) -> Result<(), String> {
    let id = Id::of(object);
    if !id.is_cluster_scoped() {
        object::set_namespace(object, namespace);
    }
    let mut set = |field: &mut Value| {
        *field = namespace.into();
        Ok(())
    };
    for spec in specs {
        fieldspec::each(object, spec, &mut set)?;
    }
    if ["RoleBinding", "ClusterRoleBinding"].contains(&id.kind.as_str()) {
        move_default_subjects(object, namespace);
    }
    Ok(())
}

/// The account `default` is in each namespace; other accounts are found by who refers to them.
fn move_default_subjects(object: &mut Value, namespace: &str) {
    let subjects = object.get_mut("subjects").and_then(Value::as_array_mut).into_iter().flatten();
    for subject in subjects.filter(|subject| subject["kind"] == "ServiceAccount" && subject["name"] == "default") {
        subject["namespace"] = namespace.into();
    }
}

/// Adds prefix and suffix to names.
pub(crate) fn affixes(target: &Target<'_>, resources: &mut [Resource], config: &Config) -> Result<(), Error> {
    let (prefix, suffix) = (&target.kustomization.name_prefix, &target.kustomization.name_suffix);
    for resource in resources {
        let id = resource.original_id();
        if FIXED.contains(&(id.group.as_str(), id.kind.as_str())) {
            continue;
        }
        if !prefix.is_empty() {
            resource.prefixes.push(prefix.clone());
        }
        let prefixed = resource.change(|object| rename(object, &config.name_prefix, |name| format!("{prefix}{name}")));
        prefixed.map_err(|message| target.failed(message))?;
        if !suffix.is_empty() {
            resource.suffixes.push(suffix.clone());
        }
        let suffixed = resource.change(|object| rename(object, &config.name_suffix, |name| format!("{name}{suffix}")));
        suffixed.map_err(|message| target.failed(message))?;
    }
    Ok(())
}

fn rename(object: &mut Value, specs: &[FieldSpec], named: impl Fn(&str) -> String) -> Result<(), String> {
    let mut set = |field: &mut Value| {
        if let Some(name) = field.as_str() {
            *field = named(name).into();
        }
        Ok(())
    };
    specs.iter().try_for_each(|spec| fieldspec::each(object, spec, &mut set))
}
