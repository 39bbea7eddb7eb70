//! Parameters from a repository: its directories, or files with values. As Argo CD's git generator.
//! It must not know how a repository is read.

use std::collections::BTreeMap;

use globset::GlobBuilder;
use mainstay_apimachinery::yaml;
use serde::Deserialize;
use serde_json::Value;

use super::names::normalised;
use super::template::{Params, text};

/// `GitGenerator`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Git {
    /// The repository.
    #[serde(rename = "repoURL")]
    pub repo_url: String,
    /// Branch, tag or commit; empty is `HEAD`.
    pub revision: String,
    /// Directories, each of which gives parameters.
    pub directories: Vec<Item>,
    /// Files with parameters.
    pub files: Vec<Item>,
    /// Put before the names of parameters about paths.
    pub path_param_prefix: String,
    /// More parameters.
    pub values: BTreeMap<String, String>,
    /// How often to look again, in seconds.
    pub requeue_after_seconds: Option<u64>,
}

/// A pattern of paths.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Item {
    /// The pattern.
    pub path: String,
    /// Whether what it matches is left out.
    pub exclude: bool,
}

/// Whether some pattern includes a path, and none excludes it. In a path of a directory a star stops at a slash.
///
/// # Errors
/// When a pattern cannot be read.
pub fn includes(items: &[Item], path: &str, stops: bool) -> Result<bool, String> {
    let mut included = false;
    for item in items {
        let glob = GlobBuilder::new(item.path.trim_start_matches("./")).literal_separator(stops).build();
        let matches = glob.map_err(|error| format!("pattern {}: {error}", item.path))?.compile_matcher().is_match(path);
        if matches && item.exclude {
            return Ok(false);
        }
        included |= matches;
    }
    Ok(included)
}

/// The directories of a repository, from its files; not its root, and none that is hidden.
#[must_use]
pub fn directories<'a>(files: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut found = std::collections::BTreeSet::new();
    for file in files {
        let mut at = 0;
        while let Some(slash) = file[at..].find('/') {
            let directory = &file[..at + slash];
            if directory.rsplit('/').next().is_some_and(|name| name.starts_with('.')) {
                break;
            }
            found.insert(directory.to_owned());
            at += slash + 1;
        }
    }
    found.into_iter().collect()
}

impl Git {
    /// The parameters of a directory.
    #[must_use]
    pub fn of_directory(&self, path: &str) -> Params {
        let mut params = self.about(path, path);
        self.add_values(&mut params);
        params
    }

    /// The parameters of a file: one set, or one for each item of a list.
    ///
    /// # Errors
    /// When the file holds neither a map nor a list of maps.
    pub fn of_file(&self, path: &str, content: &str) -> Result<Vec<Params>, String> {
        let document = yaml::parse_one(content).map_err(|error| format!("{path}: {error}"))?;
        let sets = match document.value {
            Value::Array(items) => items,
            value => vec![value],
        };
        let directory = path.rsplit_once('/').map_or(".", |(directory, _)| directory);
        let of = |set: Value| {
            if !set.is_object() {
                return Err(format!("{path}: it holds no map, nor a list of maps"));
            }
            let mut params = Params::new();
            flatten("", &set, &mut params);
            params.extend(self.about(directory, path));
            self.add_values(&mut params);
            Ok(params)
        };
        sets.into_iter().map(of).collect()
    }

    fn about(&self, directory: &str, path: &str) -> Params {
        let prefix =
            if self.path_param_prefix.is_empty() { String::new() } else { format!("{}.", self.path_param_prefix) };
        let last = |path: &str| path.rsplit('/').next().unwrap_or(path).to_owned();
        let mut params = Params::new();
        let mut set = |name: &str, value: String| drop(params.insert(format!("{prefix}path{name}"), value));
        set("", directory.to_owned());
        set(".basename", last(directory));
        set(".basenameNormalized", normalised(&last(directory)));
        if path != directory {
            set(".filename", last(path));
            set(".filenameNormalized", normalised(&last(path)));
        }
        for (index, part) in directory.split('/').enumerate() {
            set(&format!("[{index}]"), part.to_owned());
        }
        params
    }

    fn add_values(&self, params: &mut Params) {
        add_values(&self.values, params);
    }
}

/// Adds what a generator calls `values`, with placeholders of its own parameters.
pub fn add_values(values: &BTreeMap<String, String>, params: &mut Params) {
    let more: Vec<_> = values.iter().map(|(key, value)| (format!("values.{key}"), text(value, params))).collect();
    params.extend(more);
}

/// `a.b` for what is nested, and `a.0` for items.
pub fn flatten(prefix: &str, value: &Value, params: &mut Params) {
    let below = |name: &str| if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") };
    match value {
        Value::Object(map) => map.iter().for_each(|(name, value)| flatten(&below(name), value, params)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| flatten(&below(&index.to_string()), item, params));
        }
        Value::String(text) => drop(params.insert(prefix.to_owned(), text.clone())),
        Value::Null => drop(params.insert(prefix.to_owned(), "<nil>".to_owned())),
        other => drop(params.insert(prefix.to_owned(), other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_those_above_files() {
        let files = ["addons/nginx/a.yaml", "addons/x/y/z.yaml", "README.md", ".github/w/a.yaml"];
        assert_eq!(directories(files.into_iter()), ["addons", "addons/nginx", "addons/x", "addons/x/y"]);
    }

    #[test]
    fn a_star_stops_at_a_slash_in_directories_only() {
        let items = |list: &[(&str, bool)]| -> Vec<Item> {
            list.iter().map(|(path, exclude)| Item { path: (*path).into(), exclude: *exclude }).collect()
        };
        let addons = items(&[("addons/*", false), ("addons/old", true)]);
        assert_eq!(includes(&addons, "addons/nginx", true), Ok(true));
        assert_eq!(includes(&addons, "addons/x/y", true), Ok(false));
        assert_eq!(includes(&addons, "addons/old", true), Ok(false));
        assert_eq!(includes(&items(&[("c/*/config.json", false)]), "c/a/b/config.json", false), Ok(true));
    }

    #[test]
    fn paths_and_contents_are_parameters() {
        let git = Git { values: BTreeMap::from([("at".into(), "{{path.basename}}!".into())]), ..Git::default() };
        let params = git.of_directory("addons/My_App");
        assert_eq!(params["path[1]"], "My_App");
        assert_eq!(params["path.basenameNormalized"], "my-app");
        assert_eq!(params["values.at"], "My_App!");
        let sets = git.of_file("c/dev/config.json", "[{\"a\": {\"b\": 1}, \"l\": [true]}, {\"a\": {}}]").unwrap();
        assert_eq!((sets.len(), sets[0]["a.b"].as_str(), sets[0]["l.0"].as_str()), (2, "1", "true"));
        assert_eq!((sets[0]["path"].as_str(), sets[0]["path.filename"].as_str()), ("c/dev", "config.json"));
        assert!(git.of_file("a.yaml", "text").is_err());
    }
}
