//! What an Argo CD Application changes of the kustomization it builds: `spec.source.kustomize`. As its
//! `util/kustomize`, which edits the file before it is built.
//! It must not know Applications.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::error::Error;
use crate::files::{self, Recorder};
use crate::images;
use crate::kustomization::{FILE_NAMES, Image, Kustomization, Labels, Patch, Replica};

/// `ApplicationSourceKustomize`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Overrides {
    name_prefix: String,
    name_suffix: String,
    namespace: String,
    images: Vec<String>,
    replicas: Vec<Count>,
    patches: Vec<Patch>,
    components: Vec<String>,
    ignore_missing_components: bool,
    common_labels: BTreeMap<String, String>,
    common_annotations: BTreeMap<String, String>,
    common_annotations_envsubst: bool,
    force_common_labels: bool,
    force_common_annotations: bool,
    label_without_selector: bool,
    label_include_templates: bool,
    /// What `commonAnnotationsEnvsubst` may put in, such as `ARGOCD_APP_NAME`.
    #[serde(skip)]
    environment: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Count {
    name: String,
    count: Number,
}

/// A number, or its text.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Number {
    Number(i64),
    Text(String),
}

impl Default for Number {
    fn default() -> Self {
        Self::Number(0)
    }
}

impl Overrides {
    /// The same, with an environment.
    #[must_use]
    pub fn with_environment(self, environment: BTreeMap<String, String>) -> Self {
        Self { environment, ..self }
    }

    /// Whether what is built depends on the environment.
    #[must_use]
    pub fn uses_environment(&self) -> bool {
        self.common_annotations_envsubst && !self.common_annotations.is_empty()
    }

    pub(crate) fn apply(&self, to: &mut Kustomization, files: &Recorder<'_>, root: &str) -> Result<(), Error> {
        let set = |field: &mut String, value: &String| {
            if !value.is_empty() {
                field.clone_from(value);
            }
        };
        set(&mut to.name_prefix, &self.name_prefix);
        set(&mut to.name_suffix, &self.name_suffix);
        set(&mut to.namespace, &self.namespace);
        self.images.iter().for_each(|image| put(&mut to.images, image_of(image), |one| &one.name));
        for Count { name, count } in &self.replicas {
            put(&mut to.replicas, Replica { name: name.clone(), count: number(count, root)? }, |one| &one.name);
        }
        self.add_labels(to, root)?;
        self.add_annotations(to, root)?;
        to.patches.extend(self.patches.iter().cloned());
        for component in &self.components {
            if !self.ignore_missing_components || exists(files, root, component)? {
                to.components.push(component.clone());
            }
        }
        Ok(())
    }

    fn add_labels(&self, to: &mut Kustomization, root: &str) -> Result<(), Error> {
        if self.common_labels.is_empty() {
            return Ok(());
        }
        if self.label_without_selector {
            let include_templates = self.label_include_templates;
            to.labels.push(Labels { pairs: self.common_labels.clone(), include_templates, ..Labels::default() });
            return Ok(());
        }
        extend(&mut to.common_labels, &self.common_labels, (self.force_common_labels, "commonLabels", root))
    }

    fn add_annotations(&self, to: &mut Kustomization, root: &str) -> Result<(), Error> {
        let substituted = |text: &String| {
            if self.common_annotations_envsubst { substitute(text, &self.environment) } else { text.clone() }
        };
        let added = self.common_annotations.iter().map(|(key, value)| (key.clone(), substituted(value))).collect();
        let how = (self.force_common_annotations, "commonAnnotations", root);
        extend(&mut to.common_annotations, &added, how)
    }
}

/// Adds to a map, over what is there only if that is forced.
fn extend(
    map: &mut BTreeMap<String, String>,
    added: &BTreeMap<String, String>,
    (force, field, root): (bool, &str, &str),
) -> Result<(), Error> {
    for (key, value) in added {
        if map.contains_key(key) && !force {
            let message = format!("{field}: {key} is in the kustomization already; force it to have it changed");
            return Err(Error::Transform { path: root.to_owned(), message });
        }
        map.insert(key.clone(), value.clone());
    }
    Ok(())
}

/// Puts an entry in the place of the one with its name.
fn put<T>(list: &mut Vec<T>, entry: T, name: impl Fn(&T) -> &String) {
    match list.iter().position(|one| name(one) == name(&entry)) {
        Some(at) => list[at] = entry,
        None => list.push(entry),
    }
}

/// `[old=]image[:tag|@digest]`.
fn image_of(text: &str) -> Image {
    let (old, new) = text.split_once('=').map_or((None, text), |(old, new)| (Some(old), new));
    let (name, new_tag, digest) = images::split(new);
    let new_name = if old.is_some() { name.to_owned() } else { String::new() };
    Image { name: old.unwrap_or(name).to_owned(), new_name, new_tag, digest, ..Image::default() }
}

fn number(count: &Number, root: &str) -> Result<i64, Error> {
    match count {
        Number::Number(number) => Ok(*number),
        Number::Text(text) => text
            .parse()
            .map_err(|_| Error::Transform { path: root.to_owned(), message: format!("replicas: {text} is no number") }),
    }
}

/// `$NAME` and `${NAME}` replaced by what the environment has; nothing where it has none.
fn substitute(text: &str, environment: &BTreeMap<String, String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        let (name, left) = match after.strip_prefix('{').and_then(|after| after.split_once('}')) {
            Some((name, left)) => (name, left),
            None => after.split_at(after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len())),
        };
        out.push_str(environment.get(name).map_or("", String::as_str));
        rest = left;
    }
    out.push_str(rest);
    out
}

fn exists(files: &Recorder<'_>, root: &str, component: &str) -> Result<bool, Error> {
    let directory = files::normal(root, component)?;
    for name in FILE_NAMES {
        if files.read(&files::normal(&directory, name)?)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_written_as_kustomize_edit_takes_them() {
        let image = image_of("nginx=my/nginx:1.2");
        assert_eq!(
            (image.name.as_str(), image.new_name.as_str(), image.new_tag.as_str()),
            ("nginx", "my/nginx", "1.2")
        );
        assert_eq!(image_of("nginx@sha256:x").digest, "sha256:x");
    }

    #[test]
    fn the_environment_is_put_in() {
        let environment = BTreeMap::from([("A".to_owned(), "x".to_owned())]);
        assert_eq!(substitute("$A-${A}-$B.", &environment), "x-x-.");
    }
}
