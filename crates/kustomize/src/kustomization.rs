//! A kustomization file. Unknown fields are refused, and fields of older versions brought to today's form.
//! It must not know what a field does.

use std::collections::BTreeMap;

use mainstay_apimachinery::yaml;
use serde::Deserialize;
use serde_json::Value;

use crate::error::Error;
use crate::files::Recorder;
use crate::id::Gvk;

/// The names a kustomization file may have.
pub const FILE_NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

type Map = BTreeMap<String, String>;

/// What a kustomization file says.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct Kustomization {
    #[serde(rename = "apiVersion")]
    _api_version: String,
    pub(crate) kind: String,
    #[serde(rename = "metadata")]
    _metadata: Value,
    pub(crate) resources: Vec<String>,
    pub(crate) bases: Vec<String>,
    pub(crate) components: Vec<String>,
    pub(crate) name_prefix: String,
    pub(crate) name_suffix: String,
    pub(crate) namespace: String,
    pub(crate) common_labels: Map,
    pub(crate) labels: Vec<Labels>,
    pub(crate) common_annotations: Map,
    pub(crate) patches: Vec<Patch>,
    pub(crate) patches_strategic_merge: Vec<String>,
    #[serde(rename = "patchesJson6902")]
    pub(crate) patches_json6902: Vec<Patch>,
    pub(crate) images: Vec<Image>,
    pub(crate) image_tags: Vec<Image>,
    pub(crate) replicas: Vec<Replica>,
    pub(crate) config_map_generator: Vec<Generator>,
    pub(crate) secret_generator: Vec<Generator>,
    pub(crate) generator_options: Option<GeneratorOptions>,
    pub(crate) replacements: Vec<ReplacementEntry>,
    pub(crate) configurations: Vec<String>,
    pub(crate) sort_options: Option<SortOptions>,
    pub(crate) build_metadata: Vec<String>,
    pub(crate) vars: Vec<Value>,
    pub(crate) crds: Vec<String>,
    pub(crate) openapi: Option<Value>,
    pub(crate) generators: Vec<String>,
    pub(crate) transformers: Vec<String>,
    pub(crate) validators: Vec<String>,
    pub(crate) helm_charts: Vec<Value>,
    pub(crate) helm_chart_inflation_generator: Vec<Value>,
    pub(crate) helm_globals: Option<Value>,
}

/// Labels, and where they go.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct Labels {
    pub(crate) pairs: Map,
    pub(crate) include_selectors: bool,
    pub(crate) include_templates: bool,
    pub(crate) fields: Vec<FieldSpec>,
}

/// Which field of which kinds.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct FieldSpec {
    #[serde(flatten)]
    pub(crate) gvk: Gvk,
    pub(crate) path: String,
    pub(crate) create: bool,
}

/// A patch, in the file or beside it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct Patch {
    pub(crate) path: String,
    pub(crate) patch: String,
    pub(crate) target: Option<Selector>,
    pub(crate) options: BTreeMap<String, bool>,
}

/// Which resources.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct Selector {
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) label_selector: String,
    pub(crate) annotation_selector: String,
}

/// What an image becomes.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct Image {
    pub(crate) name: String,
    pub(crate) new_name: String,
    pub(crate) new_tag: String,
    pub(crate) tag_suffix: String,
    pub(crate) digest: String,
}

/// How many replicas.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Replica {
    pub(crate) name: String,
    pub(crate) count: i64,
}

/// A generated ConfigMap or Secret.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct Generator {
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) behavior: String,
    pub(crate) literals: Vec<String>,
    pub(crate) files: Vec<String>,
    pub(crate) envs: Vec<String>,
    pub(crate) env: String,
    #[serde(rename = "type")]
    pub(crate) type_: String,
    pub(crate) options: Option<GeneratorOptions>,
}

/// How generated objects look.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct GeneratorOptions {
    pub(crate) labels: Map,
    pub(crate) annotations: Map,
    pub(crate) disable_name_suffix_hash: bool,
    pub(crate) immutable: bool,
}

/// A replacement, or a file with some.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct ReplacementEntry {
    pub(crate) path: String,
    pub(crate) source: Option<ReplacementSource>,
    pub(crate) source_value: Option<String>,
    pub(crate) targets: Vec<ReplacementTarget>,
}

/// Where a value comes from.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct ReplacementSource {
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) field_path: String,
    pub(crate) options: Option<FieldOptions>,
}

/// Where a value goes.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct ReplacementTarget {
    pub(crate) select: Option<Selector>,
    pub(crate) reject: Vec<Selector>,
    pub(crate) field_paths: Vec<String>,
    pub(crate) options: Option<FieldOptions>,
}

/// Which part of a field.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct FieldOptions {
    pub(crate) delimiter: String,
    pub(crate) index: i64,
    pub(crate) create: bool,
    pub(crate) encoding: String,
}

/// The order of the outcome.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct SortOptions {
    pub(crate) order: String,
    pub(crate) legacy_sort_options: Option<LegacyOrder>,
}

/// Kinds that come first and last.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct LegacyOrder {
    pub(crate) order_first: Vec<String>,
    pub(crate) order_last: Vec<String>,
}

impl Kustomization {
    /// Reads the kustomization of a directory. Gives the path of its file with it.
    pub(crate) fn load(files: &Recorder<'_>, directory: &str) -> Result<(Self, String), Error> {
        let mut found = Vec::new();
        for name in FILE_NAMES {
            let path = crate::files::below(directory, name)?;
            found.extend(files.text(&path)?.map(|text| (path, text)));
        }
        let named = if directory.is_empty() { "." } else { directory };
        if found.len() > 1 {
            return Err(Error::SeveralKustomizations(named.to_owned()));
        }
        let (path, text) = found.pop().ok_or_else(|| Error::NoKustomization(named.to_owned()))?;
        let mut kustomization: Self = parse(&path, &text)?;
        kustomization.modernise();
        kustomization.refuse_unsupported(&path)?;
        Ok((kustomization, path))
    }

    /// Whether it is a component, which works on the resources of the one that includes it.
    pub(crate) fn is_component(&self) -> bool {
        self.kind == "Component"
    }

    fn modernise(&mut self) {
        self.resources.append(&mut self.bases);
        self.images.append(&mut self.image_tags);
        for generator in self.config_map_generator.iter_mut().chain(&mut self.secret_generator) {
            if !generator.env.is_empty() {
                generator.envs.push(std::mem::take(&mut generator.env));
            }
        }
    }

    fn refuse_unsupported(&self, path: &str) -> Result<(), Error> {
        let unsupported = [
            ("vars", !self.vars.is_empty(), "use replacements"),
            ("crds", !self.crds.is_empty(), "name the fields in a file under configurations"),
            ("openapi", self.openapi.is_some(), "lists of custom resources are replaced as a whole"),
            ("generators", !self.generators.is_empty(), "use configMapGenerator and secretGenerator"),
            ("transformers", !self.transformers.is_empty(), "use the fields of the kustomization"),
            ("validators", !self.validators.is_empty(), "objects are validated by the API server"),
            ("helmCharts", !self.helm_charts.is_empty(), "use a source of its own for the chart"),
            (
                "helmChartInflationGenerator",
                !self.helm_chart_inflation_generator.is_empty(),
                "use a source of its own for the chart",
            ),
            ("helmGlobals", self.helm_globals.is_some(), "use a source of its own for the chart"),
            ("buildMetadata", !self.build_metadata.is_empty(), "leave it out"),
        ];
        match unsupported.into_iter().find(|(_, used, _)| *used) {
            Some((field, _, advice)) => Err(Error::Unsupported { path: path.to_owned(), field, advice }),
            None => Ok(()),
        }
    }
}

/// Reads a file of one YAML document.
pub(crate) fn parse<T: serde::de::DeserializeOwned + Default>(path: &str, text: &str) -> Result<T, Error> {
    let document = yaml::parse_one(text).map_err(|error| Error::Yaml { path: path.to_owned(), error })?;
    let value = without_nulls(document.value);
    if value.is_null() {
        return Ok(T::default());
    }
    let malformed =
        |error: serde_json::Error| Error::Malformed { path: path.to_owned(), message: told(&error.to_string()) };
    serde_json::from_value(value).map_err(malformed)
}

/// An error without the list of all fields there are.
fn told(message: &str) -> String {
    match message.split_once(", expected one of") {
        Some((message, _)) => format!("{message}; correct or remove it"),
        None => message.to_owned(),
    }
}

/// A field that is null is one that is not there.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => map.into_iter().filter(|(_, value)| !value.is_null()).collect(),
        value => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn what_is_not_supported_is_named() {
        let load = |text: &str| {
            let files = BTreeMap::from([("kustomization.yaml".to_owned(), Arc::from(text.as_bytes()))]);
            Kustomization::load(&Recorder::new(&files), "").map(|_| ()).map_err(|error| error.to_string())
        };
        assert_eq!(load("resources: []"), Ok(()));
        assert_eq!(
            load("vars: [{name: A}]").unwrap_err(),
            "kustomization.yaml: vars is not supported; use replacements"
        );
        assert!(load("helmCharts: [{name: a}]").unwrap_err().contains("helmCharts is not supported"));
    }
}
