//! `git`: one parameter set for each directory of a repository, or for each object in its files.
//! It must not know how a repository is read.

use mainstay_apimachinery::yaml;
use serde_json::{Value, json};

use super::{add_values, text};
use crate::plan::glob::Pattern;
use crate::plan::params::{flatten, normalize};
use crate::plan::sources::SourceFile;
use crate::plan::{Engine, Error, Params};

/// Patterns of what is taken and of what is not.
#[derive(Clone, Debug, Default)]
struct Patterns {
    include: Vec<Pattern>,
    exclude: Vec<Pattern>,
}

impl Patterns {
    fn read(items: &[Value], compile: impl Fn(&str) -> Result<Pattern, Error>) -> Result<Self, Error> {
        let mut patterns = Self::default();
        for item in items {
            let pattern = compile(text(item, "path"))?;
            let excludes = item.get("exclude").and_then(Value::as_bool) == Some(true);
            if excludes { &mut patterns.exclude } else { &mut patterns.include }.push(pattern);
        }
        Ok(patterns)
    }

    fn matches(&self, path: &str) -> bool {
        let any = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.matches(path));
        any(&self.include) && !any(&self.exclude)
    }
}

/// The parameter sets of the directories, or of the files where no directories are asked for.
pub(super) async fn params(engine: &Engine<'_>, body: &Value) -> Result<Vec<Params>, Error> {
    let items = |field: &str| body.get(field).and_then(Value::as_array).filter(|items| !items.is_empty());
    let (url, revision) = (text(body, "repoURL"), text(body, "revision"));
    if let Some(items) = items("directories") {
        let patterns = Patterns::read(items, Pattern::of_directories)?;
        let directories = engine.sources.directories(url, revision).await?;
        let wanted = directories.into_iter().filter(|directory| patterns.matches(directory));
        return wanted.map(|directory| of_directory(engine, body, &directory)).collect();
    }
    let Some(items) = items("files") else {
        return Err(Error::invalid(format!("the git generator of {url} has neither directories nor files")));
    };
    let patterns = Patterns::read(items, Pattern::of_files)?;
    let files = engine.sources.files(url, revision, Box::new(move |path| patterns.matches(path))).await?;
    let mut sets = Vec::new();
    for file in &files {
        sets.extend(of_file(engine, body, file)?);
    }
    Ok(sets)
}

fn of_directory(engine: &Engine<'_>, body: &Value, directory: &str) -> Result<Params, Error> {
    let mut set = Params::new();
    add_path(engine, body, &mut set, (directory, None));
    add_values(engine, body, &mut set)?;
    Ok(set)
}

fn of_file(engine: &Engine<'_>, body: &Value, file: &SourceFile) -> Result<Vec<Params>, Error> {
    let (directory, name) = file.path.rsplit_once('/').unwrap_or((".", &file.path));
    let mut sets = Vec::new();
    for object in objects(file)? {
        let mut set = if engine.dialect.nests() { object } else { flatten(&object)? };
        add_path(engine, body, &mut set, (directory, Some(name)));
        add_values(engine, body, &mut set)?;
        sets.push(set);
    }
    Ok(sets)
}

/// What a file holds: one object, or a list of them. An empty file is one empty object, as upstream.
fn objects(file: &SourceFile) -> Result<Vec<Params>, Error> {
    let wrong = |why: &str| Error::invalid(format!("unable to process file '{}': {why}", file.path));
    let documents = yaml::parse_documents(&file.text).map_err(|error| wrong(&error.to_string()))?;
    let mut documents = documents.into_iter().map(|document| document.value);
    match (documents.next(), documents.next()) {
        (None, _) => Ok(vec![Params::new()]),
        (Some(Value::Object(object)), None) => Ok(vec![object]),
        (Some(Value::Array(list)), None) => {
            let object = |item| match item {
                Value::Object(object) => Ok(object),
                _ => Err(wrong("an item of its list is not a map")),
            };
            list.into_iter().map(object).collect()
        }
        (Some(_), None) => Err(wrong("it holds neither a map nor a list of maps")),
        (Some(_), Some(_)) => Err(wrong("it holds more than one document; write a list")),
    }
}

/// Tells the path of a directory, or of a file in it, under `path` or `<pathParamPrefix>.path`.
fn add_path(engine: &Engine<'_>, body: &Value, set: &mut Params, (directory, file): (&str, Option<&str>)) {
    let base = directory.rsplit('/').next().unwrap_or(directory);
    let prefix = text(body, "pathParamPrefix");
    if engine.dialect.nests() {
        let segments: Vec<&str> = directory.split('/').collect();
        let mut path = json!({
            "path": directory, "basename": base, "basenameNormalized": normalize(base), "segments": segments,
        });
        if let Some(file) = file {
            path["filename"] = Value::from(file);
            path["filenameNormalized"] = Value::from(normalize(file));
        }
        let (key, value) = if prefix.is_empty() { ("path", path) } else { (prefix, json!({"path": path})) };
        set.insert(key.to_owned(), value);
        return;
    }
    let name = if prefix.is_empty() { "path".to_owned() } else { format!("{prefix}.path") };
    let mut put = |suffix: &str, value: &str| drop(set.insert(format!("{name}{suffix}"), Value::from(value)));
    put("", directory);
    put(".basename", base);
    put(".basenameNormalized", &normalize(base));
    if let Some(file) = file {
        put(".filename", file);
        put(".filenameNormalized", &normalize(file));
    }
    for (index, segment) in directory.split('/').enumerate().filter(|(_, segment)| !segment.is_empty()) {
        put(&format!("[{index}]"), segment);
    }
}
