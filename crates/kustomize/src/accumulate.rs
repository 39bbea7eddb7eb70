//! One kustomization: its resources, what it generates, its components, and what it changes. As kustomize's
//! `KustTarget`.
//! It must not know how a single transformer works.

use mainstay_apimachinery::{object, yaml};
use serde_json::Value;

use crate::config::Config;
use crate::error::Error;
use crate::files::{self, Recorder};
use crate::kustomization::Kustomization;
use crate::resource::Resource;
use crate::{generate, images, labels, names, patch, replacement, replicas};

/// As deep as bases may lead to one another.
const MAX_DEPTH: usize = 64;
/// The most objects of one build.
const MAX_RESOURCES: usize = 100_000;

/// A kustomization to be built.
pub(crate) struct Target<'a> {
    pub(crate) files: &'a Recorder<'a>,
    /// Its directory.
    pub(crate) root: String,
    /// Its file.
    pub(crate) path: String,
    pub(crate) kustomization: Kustomization,
    /// The directories that led here.
    above: Vec<String>,
}

impl<'a> Target<'a> {
    pub(crate) fn load(files: &'a Recorder<'a>, root: &str) -> Result<Self, Error> {
        let (kustomization, path) = Kustomization::load(files, root)?;
        Ok(Self { files, root: root.to_owned(), path, kustomization, above: Vec::new() })
    }

    fn below(&self, root: &str) -> Result<Self, Error> {
        let mut above = self.above.clone();
        above.push(self.root.clone());
        if above.iter().any(|above| above == root) || above.len() > MAX_DEPTH {
            return Err(Error::Cycle(self.path.clone()));
        }
        Ok(Self { above, ..Self::load(self.files, root)? })
    }

    /// Adds what this kustomization makes to what there is: nothing, or of a component what its parent has.
    pub(crate) fn accumulate(&self, mut resources: Vec<Resource>, config: &mut Config) -> Result<Vec<Resource>, Error> {
        for name in &self.kustomization.resources {
            self.add_resource(name, &mut resources, config)?;
        }
        for name in &self.kustomization.configurations {
            config.extend(self.files, &self.root, name)?;
        }
        generate::run(self, &mut resources)?;
        for name in &self.kustomization.components {
            resources = self.component(name)?.accumulate(resources, config)?;
        }
        self.transform(&mut resources, config)?;
        Ok(resources)
    }

    fn add_resource(&self, name: &str, resources: &mut Vec<Resource>, config: &mut Config) -> Result<(), Error> {
        if files::is_remote(name) {
            return Err(Error::Remote { from: self.path.clone(), url: name.to_owned() });
        }
        let path = files::normal(&self.root, name)?;
        if let Some(text) = self.files.text(&path)? {
            files::below(&self.root, name)?;
            return read(&path, &text)?.into_iter().try_for_each(|resource| append(resources, resource));
        }
        let base = self.below(&path).map_err(|error| self.missing(error, &path, name))?;
        if base.kustomization.is_component() {
            let message = format!("'{name}' is a Component; name it under components");
            return Err(Error::Malformed { path: self.path.clone(), message });
        }
        let made = base.accumulate(Vec::new(), config)?;
        made.into_iter().try_for_each(|resource| append(resources, resource))
    }

    fn component(&self, name: &str) -> Result<Self, Error> {
        if files::is_remote(name) {
            return Err(Error::Remote { from: self.path.clone(), url: name.to_owned() });
        }
        let path = files::normal(&self.root, name)?;
        let component = self.below(&path).map_err(|error| self.missing(error, &path, name))?;
        if !component.kustomization.is_component() {
            let message = format!("'{name}' is no Component but a {}", component.kustomization.kind);
            return Err(Error::Malformed { path: self.path.clone(), message });
        }
        Ok(component)
    }

    fn missing(&self, error: Error, path: &str, name: &str) -> Error {
        match error {
            Error::NoKustomization(directory) if directory == path => {
                Error::Missing { from: self.path.clone(), path: name.to_owned() }
            }
            error => error,
        }
    }

    /// In the order of kustomize's `configureBuiltinTransformers`.
    fn transform(&self, resources: &mut Vec<Resource>, config: &Config) -> Result<(), Error> {
        let kustomization = &self.kustomization;
        patch::strategic_merges(self, resources)?;
        patch::patches(self, &kustomization.patches, resources)?;
        names::namespace(self, resources, config)?;
        names::affixes(self, resources, config)?;
        labels::labels(self, resources, config)?;
        labels::annotations(self, resources, config)?;
        patch::patches(self, &kustomization.patches_json6902, resources)?;
        replicas::set(self, resources, config)?;
        images::set(self, resources, config)?;
        replacement::replace(self, resources)
    }

    pub(crate) fn failed(&self, message: impl Into<String>) -> Error {
        Error::Transform { path: self.path.clone(), message: message.into() }
    }
}

/// Adds a resource, if there is no other with its id.
pub(crate) fn append(resources: &mut Vec<Resource>, resource: Resource) -> Result<(), Error> {
    let id = resource.id();
    // Names first: most differ, and ids are made anew each time.
    let namesakes = resources.iter().filter(|other| object::name(&other.object) == id.name);
    if namesakes.into_iter().any(|other| other.id().equals(&id)) {
        return Err(Error::Repeated(id.to_string()));
    }
    if resources.len() >= MAX_RESOURCES {
        return Err(Error::TooMuch { path: resource.origin, what: "resources", limit: MAX_RESOURCES });
    }
    resources.push(resource);
    Ok(())
}

/// The objects of a file, lists flattened.
fn read(path: &str, text: &str) -> Result<Vec<Resource>, Error> {
    objects(path, text).map(|objects| objects.into_iter().map(|object| Resource::new(object, path)).collect())
}

/// The objects of a file or of an inline patch.
pub(crate) fn objects(path: &str, text: &str) -> Result<Vec<Value>, Error> {
    let documents = yaml::parse_documents_strict(text).map_err(|error| Error::Yaml { path: path.to_owned(), error })?;
    let mut objects = Vec::new();
    for document in documents {
        flatten(path, document.value, &mut objects)?;
    }
    Ok(objects)
}

fn flatten(path: &str, mut value: Value, objects: &mut Vec<Value>) -> Result<(), Error> {
    let malformed = |message: &str| Error::Malformed { path: path.to_owned(), message: message.to_owned() };
    if value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty) {
        return Ok(());
    }
    if object::kind(&value).is_empty() {
        return Err(malformed("missing 'kind' in an object"));
    }
    match value.get_mut("items").map(Value::take) {
        Some(Value::Array(items)) if object::kind(&value).ends_with("List") => {
            items.into_iter().try_for_each(|item| flatten(path, item, objects))
        }
        items => {
            if let (Some(items), Value::Object(map)) = (items, &mut value) {
                map.insert("items".to_owned(), items);
            }
            if object::name(&value).is_empty() {
                return Err(malformed("missing metadata.name in an object"));
            }
            objects.push(value);
            Ok(())
        }
    }
}
