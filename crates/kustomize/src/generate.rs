//! ConfigMaps and Secrets made from literals and files. As kustomize's generators.
//! It must not know the hash that their names get; see `hash.rs`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mainstay_apimachinery::object;
use serde_json::{Map, Value, json};

use crate::accumulate::{Target, append};
use crate::error::Error;
use crate::files;
use crate::kustomization::{Generator, GeneratorOptions};
use crate::resource::Resource;

/// Adds what a kustomization generates.
pub(crate) fn run(target: &Target<'_>, resources: &mut Vec<Resource>) -> Result<(), Error> {
    let kustomization = &target.kustomization;
    let configs = kustomization.config_map_generator.iter().map(|generator| ("ConfigMap", generator));
    let secrets = kustomization.secret_generator.iter().map(|generator| ("Secret", generator));
    for (kind, generator) in configs.chain(secrets) {
        let made = generated(target, kind, generator)?;
        absorb(target, resources, made, &generator.behavior)?;
    }
    Ok(())
}

fn generated(target: &Target<'_>, kind: &str, generator: &Generator) -> Result<Resource, Error> {
    if generator.name.is_empty() {
        return Err(target.failed(format!("a generator of a {kind} needs a name")));
    }
    let mut value = json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": generator.name}});
    if !generator.namespace.is_empty() {
        object::set_namespace(&mut value, &generator.namespace);
    }
    if kind == "Secret" {
        value["type"] = if generator.type_.is_empty() { "Opaque" } else { &generator.type_ }.into();
    }
    let (mut data, mut binary) = (Map::new(), Map::new());
    for (key, content) in pairs(target, generator)? {
        if data.contains_key(&key) || binary.contains_key(&key) {
            return Err(target.failed(format!("{kind} {}: the key {key} stands there twice", generator.name)));
        }
        match String::from_utf8(content) {
            Ok(text) if kind == "ConfigMap" => drop(data.insert(key, text.into())),
            Ok(text) => drop(data.insert(key, STANDARD.encode(text).into())),
            Err(bytes) if kind == "ConfigMap" => drop(binary.insert(key, STANDARD.encode(bytes.into_bytes()).into())),
            Err(bytes) => drop(data.insert(key, STANDARD.encode(bytes.into_bytes()).into())),
        }
    }
    for (field, content) in [("data", data), ("binaryData", binary)] {
        if !content.is_empty() {
            value[field] = Value::Object(content);
        }
    }
    let (own, all) = (generator.options.as_ref(), target.kustomization.generator_options.as_ref());
    let mut resource = Resource::new(value, &target.path);
    resource.needs_hash = ![own, all].into_iter().flatten().any(|options| options.disable_name_suffix_hash);
    // What the generator itself says wins.
    [all, own].into_iter().flatten().for_each(|options| dress(&mut resource.object, options));
    Ok(resource)
}

fn dress(value: &mut Value, options: &GeneratorOptions) {
    options.labels.iter().for_each(|(key, label)| object::set_label(value, key, label));
    options.annotations.iter().for_each(|(key, note)| object::set_annotation(value, key, note));
    if options.immutable {
        value["immutable"] = true.into();
    }
}

fn pairs(target: &Target<'_>, generator: &Generator) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let mut pairs = Vec::new();
    for name in &generator.envs {
        let text = String::from_utf8(read(target, name)?);
        let text = text.map_err(|error| target.failed(format!("{name} is not UTF-8: {error}")))?;
        pairs.extend(text.trim_start_matches('\u{feff}').lines().filter_map(env_line));
    }
    for literal in &generator.literals {
        let malformed = || target.failed(format!("invalid literal source {literal}, expected key=value"));
        let (key, value) = literal.split_once('=').filter(|(key, _)| !key.is_empty()).ok_or_else(malformed)?;
        pairs.push((key.to_owned(), value.trim_matches(['"', '\'']).as_bytes().to_vec()));
    }
    for file in &generator.files {
        let (key, path) = match file.split_once('=') {
            Some((key, path)) => (key, path),
            None => (file.rsplit('/').next().unwrap_or(file), file.as_str()),
        };
        pairs.push((key.to_owned(), read(target, path)?));
    }
    Ok(pairs)
}

/// A line of an env file; comments and empty lines are none. A key without a value, which upstream takes from the
/// environment of the process, is empty: the same input gives the same objects.
fn env_line(line: &str) -> Option<(String, Vec<u8>)> {
    let line = line.trim_start();
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let (key, value) = line.split_once('=').unwrap_or((line, ""));
    Some((key.to_owned(), value.as_bytes().to_vec()))
}

fn read(target: &Target<'_>, name: &str) -> Result<Vec<u8>, Error> {
    let path = files::below(&target.root, name)?;
    let missing = || Error::Missing { from: target.path.clone(), path: name.to_owned() };
    Ok(target.files.read(&path)?.ok_or_else(missing)?.to_vec())
}

/// Adds what was generated to what is there, or lays it over that.
fn absorb(target: &Target<'_>, resources: &mut Vec<Resource>, made: Resource, behavior: &str) -> Result<(), Error> {
    let id = made.id();
    let old = resources.iter_mut().find(|resource| resource.ids().any(|other| other.equals(&id)));
    match (behavior, old) {
        ("" | "create" | "unspecified", None) => append(resources, made),
        ("merge" | "replace", Some(old)) => {
            lay_over(old, made, behavior == "merge");
            Ok(())
        }
        ("merge" | "replace", None) => Err(target.failed(format!("id {id} does not exist; cannot merge or replace"))),
        ("" | "create" | "unspecified", Some(_)) => {
            Err(target.failed(format!("id {id} exists; behavior must be merge or replace")))
        }
        _ => Err(target.failed(format!("{behavior} is no behavior; use create, merge or replace"))),
    }
}

fn lay_over(old: &mut Resource, made: Resource, merge: bool) {
    let mut value = made.object;
    for field in ["labels", "annotations"] {
        let mut all = old.object["metadata"][field].as_object().cloned().unwrap_or_default();
        all.extend(value["metadata"][field].as_object().cloned().unwrap_or_default());
        if !all.is_empty() {
            value["metadata"][field] = Value::Object(all);
        }
    }
    for field in ["data", "binaryData"] {
        let Some(before) = old.object[field].as_object().filter(|_| merge) else { continue };
        let mut all = before.clone();
        all.extend(value[field].as_object().cloned().unwrap_or_default());
        value[field] = Value::Object(all);
    }
    for field in ["name", "namespace"] {
        let kept = old.object["metadata"].get(field).cloned();
        kept.into_iter().for_each(|kept| drop(object::metadata_mut(&mut value).insert(field.to_owned(), kept)));
    }
    old.object = value;
    old.needs_hash |= made.needs_hash;
}
