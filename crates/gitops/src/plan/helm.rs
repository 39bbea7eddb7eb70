//! What an Application says of a Helm chart: `spec.source.helm`. As Argo CD's `helmTemplate`, which turns it into the
//! command line of `helm template`.
//! It must not know where files are read from.

use std::collections::BTreeMap;

use mainstay_helm::{Typed, overlay, parse_values, set, set_value};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::environment::substitute;

/// `ApplicationSourceHelm`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HelmOptions {
    /// Files of values, the last one first to count: a path from the chart, from the repository's root with `/`, or
    /// of another source with `$name/`.
    pub value_files: Vec<String>,
    /// Whether such files may be missing.
    pub ignore_missing_value_files: bool,
    /// Values as YAML.
    pub values: String,
    /// Values; what they say goes before `values`.
    pub values_object: Option<Map<String, Value>>,
    /// Single values.
    pub parameters: Vec<Parameter>,
    /// Single values that are the content of files.
    pub file_parameters: Vec<FileParameter>,
    /// The release's name, if not the Application's.
    pub release_name: String,
    /// The release's namespace, if not the destination's.
    pub namespace: String,
    /// The version of Kubernetes, if not the destination's.
    pub kube_version: String,
    /// The APIs, if not the destination's.
    pub api_versions: Vec<String>,
    /// Leaves out the chart's CustomResourceDefinitions.
    pub skip_crds: bool,
    /// Leaves out hooks that are tests.
    pub skip_tests: bool,
    /// Does not hold values against the chart's schema.
    pub skip_schema_validation: bool,
}

/// A value by its name, as `--set` writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Parameter {
    /// Such as `image.tag`.
    pub name: String,
    /// What it is.
    pub value: String,
    /// Whether it stays a text, whatever it looks like.
    pub force_string: bool,
}

/// A value that is the content of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct FileParameter {
    /// Such as `config`.
    pub name: String,
    /// Where the file is, from the chart.
    pub path: String,
}

/// Where a file of values is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The source that other sources call so; `None` for the chart's own repository.
    pub reference: Option<String>,
    /// From the root of that repository.
    pub path: String,
}

impl Place {
    /// Whether it stands for any number of files.
    #[must_use]
    pub fn is_pattern(&self) -> bool {
        self.path.contains(['*', '?', '['])
    }
}

/// Where a file is that a chart at a directory names.
///
/// # Errors
/// When it is outside of the repository, or not in a repository at all.
pub fn place(named: &str, root: &str, environment: &BTreeMap<String, String>) -> Result<Place, String> {
    if let Some((reference, path)) = named.strip_prefix('$').and_then(|named| named.split_once('/')) {
        let is_variable = environment.contains_key(reference) || reference.starts_with('{');
        if !is_variable {
            let path = within("", &substitute(path, environment), named)?;
            return Ok(Place { reference: Some(reference.to_owned()), path });
        }
    }
    let text = substitute(named, environment);
    if text.contains("://") {
        return Err(format!("values file {text} is not in a repository; commit it, or name it as $ref/path"));
    }
    let path = match text.strip_prefix('/') {
        Some(absolute) => within("", absolute, named)?,
        None => within(root, &text, named)?,
    };
    Ok(Place { reference: None, path })
}

/// A path below a directory, without `.` and `..`.
fn within(root: &str, path: &str, named: &str) -> Result<String, String> {
    let mut parts: Vec<&str> = root.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
        if part != ".." {
            parts.push(part);
        } else if parts.pop().is_none() {
            return Err(format!("values file {named:?} resolved to outside repository root"));
        }
    }
    Ok(parts.join("/"))
}

impl HelmOptions {
    /// The values, from the texts of the value files and of the file parameters, each in order.
    ///
    /// # Errors
    /// When something is malformed; with its place.
    pub fn values(
        &self,
        files: &[(String, String)],
        parameters: &[String],
        environment: &BTreeMap<String, String>,
    ) -> Result<Map<String, Value>, String> {
        let mut values = Map::new();
        for (path, text) in files {
            overlay(&mut values, parse_values(text).map_err(|error| format!("{path}: {error}"))?);
        }
        match &self.values_object {
            // By way of text, so that numbers are what they are in files.
            Some(object) => {
                let text = Value::Object(object.clone()).to_string();
                overlay(&mut values, parse_values(&text).map_err(|error| format!("valuesObject: {error}"))?);
            }
            None => overlay(&mut values, parse_values(&self.values).map_err(|error| format!("values: {error}"))?),
        }
        for Parameter { name, value, force_string } in &self.parameters {
            let value = escaped(&substitute(value, environment));
            let typed = if *force_string { Typed::Text } else { Typed::Guessed };
            set(&mut values, &format!("{name}={value}"), typed).map_err(|error| error.to_string())?;
        }
        for (FileParameter { name, .. }, content) in self.file_parameters.iter().zip(parameters) {
            set_value(&mut values, name, Value::String(content.clone())).map_err(|error| error.to_string())?;
        }
        Ok(values)
    }
}

/// A comma within a value does not end it, unless the value is a list, `{a,b}`. As Argo CD's `cleanSetParameters`.
fn escaped(value: &str) -> String {
    if value.starts_with('{') && value.ends_with('}') {
        return value.to_owned();
    }
    let mut out = String::with_capacity(value.len());
    let mut before = ' ';
    for letter in value.chars() {
        if letter == ',' && before != '\\' {
            out.push('\\');
        }
        out.push(letter);
        before = letter;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_said_last_and_nearest_counts() {
        let options: HelmOptions = serde_json::from_value(json!({
            "values": "a: ignored", "valuesObject": {"a": 2, "b": {"c": 1}},
            "parameters": [
                {"name": "b.d", "value": "1,2"}, {"name": "e", "value": "007", "forceString": true},
                {"name": "f", "value": "{x,y}"}, {"name": "g", "value": "$APP"}],
            "fileParameters": [{"name": "h.i", "path": "x.txt"}],
        }))
        .unwrap();
        let environment = BTreeMap::from([("APP".to_owned(), "shop".to_owned())]);
        let files =
            [("1.yaml".to_owned(), "a: 1\nz: {y: 1}".to_owned()), ("2.yaml".to_owned(), "z: {x: null}".to_owned())];
        let values = options.values(&files, &["content".to_owned()], &environment).unwrap();
        let expected = json!({
            "a": 2.0, "b": {"c": 1.0, "d": "1,2"}, "e": "007", "f": ["x", "y"], "g": "shop",
            "h": {"i": "content"}, "z": {"x": null, "y": 1.0}});
        assert_eq!(Value::Object(values), expected);
        let broken = [("1.yaml".to_owned(), "- a".to_owned())];
        let error = options.values(&broken, &[], &environment).unwrap_err();
        assert!(error.starts_with("1.yaml: "), "{error}");
    }

    #[test]
    fn files_are_found_from_the_chart_the_root_and_other_sources() {
        let environment = BTreeMap::from([("ARGOCD_APP_NAME".to_owned(), "shop".to_owned())]);
        let at = |named: &str| place(named, "charts/shop", &environment).map(|place| (place.reference, place.path));
        let own = |path: &str| Ok((None, path.to_owned()));
        assert_eq!(at("values-dev.yaml"), own("charts/shop/values-dev.yaml"));
        assert_eq!(at("../common.yaml"), own("charts/common.yaml"));
        assert_eq!(at("/env/$ARGOCD_APP_NAME.yaml"), own("env/shop.yaml"));
        assert_eq!(at("$ARGOCD_APP_NAME/x.yaml"), own("charts/shop/shop/x.yaml"));
        assert_eq!(at("$values/dev/a.yaml"), Ok((Some("values".to_owned()), "dev/a.yaml".to_owned())));
        assert!(at("../../../etc/passwd").unwrap_err().contains("outside repository root"));
        assert!(at("https://example.com/a.yaml").unwrap_err().contains("is not in a repository"));
    }
}
