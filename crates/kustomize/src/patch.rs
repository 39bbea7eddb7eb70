//! Patches: strategic merges and JSON patches, for what they name or for what a selector chooses. As kustomize's patch
//! transformers.
//! It must not know how one object is merged; see `merge.rs`.

use mainstay_apimachinery::patch::json_patch;
use mainstay_apimachinery::selector::LabelSelector;
use mainstay_apimachinery::{GroupVersionKind, builtin, object, yaml};
use regex::Regex;
use serde_json::{Map, Value};

use crate::accumulate::{self, Target};
use crate::error::Error;
use crate::files;
use crate::id::Id;
use crate::kustomization::{Patch, Selector};
use crate::merge;
use crate::resource::Resource;

/// What a patch is.
enum Content {
    Merges(Vec<Value>),
    Operations(Value),
}

/// The patches of `patchesStrategicMerge`: files, or the patches themselves.
pub(crate) fn strategic_merges(target: &Target<'_>, resources: &mut Vec<Resource>) -> Result<(), Error> {
    for entry in &target.kustomization.patches_strategic_merge {
        let inline = entry.contains('\n');
        let (path, patch) = if inline { (String::new(), entry.clone()) } else { (entry.clone(), String::new()) };
        let patch = Patch { path, patch, ..Patch::default() };
        apply(target, &patch, resources)?;
    }
    Ok(())
}

/// Patches with or without a target.
pub(crate) fn patches(target: &Target<'_>, patches: &[Patch], resources: &mut Vec<Resource>) -> Result<(), Error> {
    patches.iter().try_for_each(|patch| apply(target, patch, resources))
}

fn apply(target: &Target<'_>, patch: &Patch, resources: &mut Vec<Resource>) -> Result<(), Error> {
    match (content(target, patch)?, &patch.target) {
        (Content::Operations(_), None) => {
            Err(target.failed("a JSON patch needs a target; add one to the entry under patches"))
        }
        (Content::Operations(operations), Some(selector)) => {
            for resource in selected(target, selector, resources)? {
                let id = resource.id();
                let patched = json_patch(&resource.object, &operations)
                    .map_err(|error| target.failed(format!("the patch does not apply to {id}: {error}")))?;
                resource.change(|object| *object = patched);
            }
            Ok(())
        }
        (Content::Merges(merges), Some(selector)) => {
            if merges.len() > 1 {
                return Err(target.failed("a patch with a target may hold one object only"));
            }
            let Some(merge) = merges.first() else { return Ok(()) };
            for resource in selected(target, selector, resources)? {
                lay(resource, merge, patch);
            }
            resources.retain(|resource| !resource.object.is_null());
            Ok(())
        }
        (Content::Merges(merges), None) => {
            for merge in &merges {
                let id = Id::of(merge);
                let mut found = resources.iter_mut().filter(|one| one.ids().any(|other| other.equals(&id)));
                let (first, second) = (found.next(), found.next());
                let Some(resource) = first.filter(|_| second.is_none()) else {
                    let why = format!("no matches for Id {id}; failed to find unique target for patch {id}");
                    return Err(target.failed(why));
                };
                lay(resource, merge, patch);
                resources.retain(|resource| !resource.object.is_null());
            }
            Ok(())
        }
    }
}

/// Merges a patch into a resource, which keeps its name and kind unless the patch may change them. What the patch
/// deletes is null.
fn lay(resource: &mut Resource, patch: &Value, with: &Patch) {
    let allowed = |option: &str| with.options.get(option) == Some(&true);
    let schema = GroupVersionKind::of(&resource.object).and_then(|gvk| builtin::schema(&gvk));
    let (name, namespace) =
        (object::name(&resource.object).to_owned(), object::namespace(&resource.object).map(str::to_owned));
    let (kind, version) = (resource.object["kind"].clone(), resource.object["apiVersion"].clone());
    resource.change(|object| {
        let merged =
            merge::merge(schema.as_deref(), object.take(), patch).filter(|merged| merged != &Value::Object(Map::new()));
        let Some(mut merged) = merged else { return };
        if !allowed("allowKindChange") {
            merged["kind"] = kind;
            merged["apiVersion"] = version;
        }
        let metadata = object::metadata_mut(&mut merged);
        if !allowed("allowNameChange") {
            metadata.insert("name".to_owned(), name.into());
        }
        match namespace {
            Some(namespace) => drop(metadata.insert("namespace".to_owned(), namespace.into())),
            None => drop(metadata.remove("namespace")),
        }
        *object = merged;
    });
}

fn content(target: &Target<'_>, patch: &Patch) -> Result<Content, Error> {
    let (path, text) = if patch.path.is_empty() {
        (target.path.clone(), patch.patch.clone())
    } else {
        let path = files::below(&target.root, &patch.path)?;
        let missing = || Error::Missing { from: target.path.clone(), path: patch.path.clone() };
        let text = target.files.text(&path)?.ok_or_else(missing)?;
        (path, text)
    };
    let first = yaml::parse_documents_strict(&text).map_err(|error| Error::Yaml { path: path.clone(), error })?;
    match first.into_iter().map(|document| document.value).find(|value| !value.is_null()) {
        Some(operations @ Value::Array(_)) => Ok(Content::Operations(operations)),
        Some(_) => accumulate::objects(&path, &text).map(Content::Merges),
        None => Err(target.failed("a patch is empty")),
    }
}

/// The resources that a selector chooses.
pub(crate) fn selected<'r>(
    target: &Target<'_>,
    selector: &Selector,
    resources: &'r mut [Resource],
) -> Result<Vec<&'r mut Resource>, Error> {
    let chosen = Chosen::new(selector).map_err(|message| target.failed(message))?;
    Ok(resources.iter_mut().filter(|resource| chosen.matches(resource)).collect())
}

/// A selector, ready to be asked.
pub(crate) struct Chosen {
    group: Option<Regex>,
    version: Option<Regex>,
    kind: Option<Regex>,
    name: Option<Regex>,
    namespace: Option<Regex>,
    labels: LabelSelector,
    annotations: LabelSelector,
}

impl Chosen {
    pub(crate) fn new(selector: &Selector) -> Result<Self, String> {
        let anchored = |pattern: &str| {
            let regex = || Regex::new(&format!("^(?:{pattern})$")).map_err(|error| format!("{pattern}: {error}"));
            if pattern.is_empty() { Ok(None) } else { regex().map(Some) }
        };
        let labels = |text: &str| LabelSelector::parse(text).map_err(|error| format!("{text}: {error}"));
        Ok(Self {
            group: anchored(&selector.group)?,
            version: anchored(&selector.version)?,
            kind: anchored(&selector.kind)?,
            name: anchored(&selector.name)?,
            namespace: anchored(&selector.namespace)?,
            labels: labels(&selector.label_selector)?,
            annotations: labels(&selector.annotation_selector)?,
        })
    }

    pub(crate) fn matches(&self, resource: &Resource) -> bool {
        let fits = |regex: &Option<Regex>, text: &str| regex.as_ref().is_none_or(|regex| regex.is_match(text));
        let id = resource.id();
        let namespace = |id: &Id| if id.namespace.is_empty() { "default".to_owned() } else { id.namespace.clone() };
        fits(&self.group, &id.group)
            && fits(&self.version, &id.version)
            && fits(&self.kind, &id.kind)
            && resource.ids().any(|id| fits(&self.name, &id.name))
            && resource.ids().any(|id| fits(&self.namespace, &namespace(&id)))
            && self.labels.matches(object::labels(&resource.object))
            && self.annotations.matches(object::annotations(&resource.object))
    }
}
