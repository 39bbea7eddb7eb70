//! Names that resources call each other by, brought up to date at the end of a build. As kustomize's `filters/nameref`.
//! It must not know why names changed.

use serde_json::Value;

use crate::config::{Config, NameReference};
use crate::error::Error;
use crate::fieldspec;
use crate::id::{Gvk, Id};
use crate::kustomization::FieldSpec;
use crate::resource::Resource;

/// Updates all references.
pub(crate) fn fix(resources: &mut [Resource], config: &Config) -> Result<(), Error> {
    // Names do not change any more, so what is referred to can be looked at while who refers is changed.
    let candidates: Vec<Resource> = resources.iter().filter(|one| !one.before.is_empty()).cloned().collect();
    if candidates.is_empty() {
        return Ok(());
    }
    for resource in resources {
        let (before, id) = (resource.clone(), resource.id());
        for NameReference { referred, field_specs } in &config.name_reference {
            for spec in field_specs.iter().filter(|spec| spec.gvk.selects(&id)) {
                let referrer = Referrer { resource: &before, id: &id, spec, referred, candidates: &candidates };
                let fixed = fieldspec::each(&mut resource.object, spec, &mut |field| referrer.fix(field));
                fixed.map_err(|message| Error::Transform { path: before.origin.clone(), message })?;
            }
        }
    }
    Ok(())
}

/// One field of a resource that names others.
struct Referrer<'a> {
    resource: &'a Resource,
    id: &'a Id,
    spec: &'a FieldSpec,
    referred: &'a Gvk,
    candidates: &'a [Resource],
}

impl Referrer<'_> {
    fn fix(&self, field: &mut Value) -> Result<(), String> {
        match field {
            Value::String(name) => {
                if let Some(found) = self.find(name, None)? {
                    *name = found.id().name;
                }
                Ok(())
            }
            Value::Object(map) => {
                let Some(name) = map.get("name").and_then(Value::as_str) else { return Ok(()) };
                let Some(found) = self.find(name, Some(map.get("namespace").and_then(Value::as_str)))? else {
                    return Ok(());
                };
                let Id { name, namespace, .. } = found.id();
                map.insert("name".to_owned(), name.into());
                if !namespace.is_empty() {
                    map.insert("namespace".to_owned(), namespace.into());
                }
                Ok(())
            }
            Value::Array(items) => items.iter_mut().try_for_each(|item| self.fix(item)),
            _ => Ok(()),
        }
    }

    /// The resource that was called so. In a map the namespace beside the name narrows the choice.
    fn find(&self, name: &str, beside: Option<Option<&str>>) -> Result<Option<&Resource>, String> {
        let role = self.role();
        let fits = |candidate: &&Resource| {
            let was = |gvk: &Gvk| candidate.before.iter().any(|id| gvk.selects(id));
            candidate.before.iter().any(|id| id.name == name)
                && was(self.referred)
                && role.as_ref().is_none_or(was)
                && beside.flatten().is_none_or(|namespace| in_namespace(candidate, namespace))
                && self.reaches(candidate)
        };
        let mut found: Vec<&Resource> = self.candidates.iter().filter(fits).collect();
        if found.len() > 1 {
            found.retain(|candidate| candidate.has_affixes_of(self.resource));
        }
        let same = |a: &Id, b: &Id| a.name == b.name && (beside.is_none() || a.namespace == b.namespace);
        match found.split_first() {
            None => Ok(None),
            Some((first, rest)) if rest.iter().all(|other| same(&first.id(), &other.id())) => Ok(Some(first)),
            Some(_) => {
                let ids: Vec<String> = found.iter().map(|found| found.id().to_string()).collect();
                Err(format!("{} refers to {name}, which may be each of {}", self.id, ids.join(", ")))
            }
        }
    }

    /// Whether a resource may name another: in its own namespace, of the whole cluster, or an account.
    fn reaches(&self, candidate: &Resource) -> bool {
        let other = candidate.id();
        self.id.is_cluster_scoped()
            || other.is_cluster_scoped()
            || other.kind == "ServiceAccount"
            || self.id.same_namespace(&other)
    }

    /// The kind that a `roleRef` asks for.
    fn role(&self) -> Option<Gvk> {
        if !self.spec.path.ends_with("roleRef/name") {
            return None;
        }
        let role = &self.resource.object["roleRef"];
        let text = |field: &str| role.get(field).and_then(Value::as_str).map(str::to_owned);
        Some(Gvk { group: text("apiGroup")?, version: String::new(), kind: text("kind")? })
    }
}

fn in_namespace(candidate: &Resource, namespace: &str) -> bool {
    candidate.original_id().namespace == namespace || candidate.id().namespace == namespace
}
