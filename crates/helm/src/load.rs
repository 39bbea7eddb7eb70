//! Makes a chart of its files, by the rules of Helm's loader.

use std::collections::BTreeMap;

use mainstay_apimachinery::yaml;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Number, Value as Json};

use crate::archive;
use crate::chart::{Chart, Dependency, File, Metadata};
use crate::error::Error;
use crate::ignore::Ignore;

/// How deep charts may be nested.
const DEPTH_LIMIT: usize = 16;

impl Chart {
    /// A chart from the files of its directory, of which `.helmignore` may leave some out.
    ///
    /// # Errors
    /// When a file is missing or malformed.
    pub fn from_files(files: Vec<File>) -> Result<Self, Error> {
        let ignore = files.iter().find(|file| file.path == ".helmignore").map(File::text).unwrap_or_default();
        let ignore = Ignore::parse(&ignore)?;
        load(files.into_iter().filter(|file| !ignore.leaves_out(&file.path)).collect(), 0)
    }

    /// A chart from a `.tgz` archive, in which all stands below one directory.
    ///
    /// # Errors
    /// When it is no such archive, or a file is missing or malformed.
    pub fn from_archive(bytes: &[u8]) -> Result<Self, Error> {
        load(archive::files(bytes)?, 0)
    }
}

#[derive(Default, Deserialize)]
struct Requirements {
    #[serde(default)]
    dependencies: Vec<Dependency>,
}

fn load(files: Vec<File>, depth: usize) -> Result<Chart, Error> {
    if depth > DEPTH_LIMIT {
        return Err(Error::file("charts", format!("charts are nested more than {DEPTH_LIMIT} levels deep")));
    }
    let mut chart = Chart::default();
    let mut inner: BTreeMap<String, Vec<File>> = BTreeMap::new();
    let mut described = false;
    for file in files {
        match file.path.as_str() {
            "Chart.yaml" => {
                let dependencies = std::mem::take(&mut chart.metadata.dependencies);
                chart.metadata = read::<Metadata>(&file)?;
                chart.metadata.dependencies.extend(dependencies);
                described = true;
            }
            "Chart.lock" | "requirements.lock" => chart.lock = read::<Requirements>(&file)?.dependencies,
            "requirements.yaml" => chart.metadata.dependencies.extend(read::<Requirements>(&file)?.dependencies),
            "values.yaml" => chart.values = values(&file)?,
            "values.schema.json" => {
                let schema = serde_json::from_slice(&file.content);
                chart.schema = Some(schema.map_err(|error| Error::file(&file.path, error))?);
            }
            path if path.starts_with("templates/") => chart.templates.push(file),
            path => match path.strip_prefix("charts/") {
                Some(below) => within(&mut inner, below.to_owned(), file),
                None => chart.files.push(file),
            },
        }
    }
    if !described {
        return Err(Error::Missing { path: "Chart.yaml".to_owned() });
    }
    check(&mut chart)?;
    for (name, files) in inner {
        chart.dependencies.push(dependency(&name, files, depth)?);
    }
    Ok(chart)
}

/// A file below `charts/`, sorted into the chart it belongs to.
fn within(inner: &mut BTreeMap<String, Vec<File>>, below: String, file: File) {
    let name = below.split('/').next().unwrap_or_default().to_owned();
    let is_archive = name.len() == below.len();
    let hidden = name.starts_with(['_', '.']) || below.ends_with(".prov");
    if hidden || is_archive && !name.ends_with(".tgz") {
        return;
    }
    let path = if is_archive { below } else { below[name.len() + 1..].to_owned() };
    inner.entry(name).or_default().push(File { path, ..file });
}

fn dependency(name: &str, files: Vec<File>, depth: usize) -> Result<Chart, Error> {
    let in_place = |error: Error| Error::file(&format!("charts/{name}"), error);
    match files.as_slice() {
        [file] if name.ends_with(".tgz") && file.path == name => {
            load(archive::files(&file.content).map_err(in_place)?, depth + 1).map_err(in_place)
        }
        _ => load(files, depth + 1).map_err(in_place),
    }
}

fn check(chart: &mut Chart) -> Result<(), Error> {
    let metadata = &mut chart.metadata;
    if metadata.api_version.is_empty() {
        metadata.api_version = "v1".to_owned();
    }
    let wrong = if metadata.name.is_empty() {
        "chart.metadata.name is required".to_owned()
    } else if metadata.name.contains(['/', '\\']) || metadata.name == ".." {
        format!("chart.metadata.name {:?} is invalid: it must be one name", metadata.name)
    } else if metadata.version.is_empty() {
        "chart.metadata.version is required".to_owned()
    } else if !matches!(metadata.kind.as_str(), "" | "application" | "library") {
        "chart.metadata.type must be application or library".to_owned()
    } else {
        return Ok(());
    };
    Err(Error::file("Chart.yaml", format!("validation: {wrong}")))
}

/// What a YAML file says, as a type.
fn read<T: DeserializeOwned + Default>(file: &File) -> Result<T, Error> {
    let value = document(&file.text()).map_err(|error| Error::file(&file.path, error))?;
    if value.is_null() {
        return Ok(T::default());
    }
    // Nothing is written as `null` too.
    serde_json::from_value(without_nulls(value)).map_err(|error| Error::file(&file.path, error))
}

fn without_nulls(value: Json) -> Json {
    match value {
        Json::Object(entries) => {
            let told = entries.into_iter().filter(|(_, value)| !value.is_null());
            Json::Object(told.map(|(key, value)| (key, without_nulls(value))).collect())
        }
        Json::Array(items) => Json::Array(items.into_iter().map(without_nulls).collect()),
        other => other,
    }
}

/// Values from YAML: a map, or nothing.
///
/// # Errors
/// When it is something else.
pub(crate) fn parse_values(text: &str) -> Result<Map<String, Json>, String> {
    match document(text)? {
        Json::Object(values) => Ok(values),
        Json::Null => Ok(Map::new()),
        _ => Err("values must be a map".to_owned()),
    }
}

fn values(file: &File) -> Result<Map<String, Json>, Error> {
    parse_values(&file.text()).map_err(|error| Error::file(&file.path, error))
}

fn document(text: &str) -> Result<Json, String> {
    // Several documents are read as the first, as Helm does; most files have one.
    let documents = yaml::parse_documents(text);
    let value = match documents {
        Ok(documents) => documents.into_iter().next().map(|document| document.value).unwrap_or_default(),
        Err(error) if error.duplicate.is_some() => {
            yaml::parse_one_lenient(text).map_err(|error| error.to_string())?.0.value
        }
        Err(error) => return Err(error.to_string()),
    };
    Ok(floating(value))
}

/// All numbers as Helm has them.
fn floating(value: Json) -> Json {
    match value {
        Json::Number(number) => number.as_f64().and_then(Number::from_f64).map_or(Json::Null, Json::Number),
        Json::Array(items) => Json::Array(items.into_iter().map(floating).collect()),
        Json::Object(entries) => Json::Object(entries.into_iter().map(|(key, value)| (key, floating(value))).collect()),
        other => other,
    }
}
