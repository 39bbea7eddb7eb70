//! A directory source: which files count, and the manifests in them. As Argo CD's `findManifests`, but one broken
//! document takes only itself out.
//! It must not know git or clusters.

use std::sync::Arc;

use mainstay_api::argoproj::{Directory, Source};
use mainstay_apimachinery::{object, yaml};
use serde_json::Value;

use super::glob::{Pattern, PatternError};
use super::problem::{Cause, Problem};
use super::target::{Anchor, Manifest};

/// Most bytes that the manifests of one application may have together, as upstream.
pub const COMBINED_LIMIT: usize = 10 * 1024 * 1024;
/// A file with this line is left out.
const SKIP_MARK: &str = "# +argocd:skip-file-rendering";

/// Which files of a directory count.
#[derive(Clone, Debug)]
pub struct Selection {
    root: String,
    recurse: bool,
    every_extension: bool,
    include: Option<Pattern>,
    exclude: Option<Pattern>,
}

/// A selected file.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// Path from the root of the repository.
    pub path: String,
    /// What it is known by: equal ids, equal content.
    pub oid: String,
    /// Its content.
    pub text: Result<Arc<str>, String>,
}

/// What one file holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parsed {
    /// Its manifests, lists flattened.
    pub manifests: Vec<Manifest>,
    /// What could not be used.
    pub problems: Vec<Problem>,
}

impl Selection {
    /// The selection a source asks for.
    ///
    /// # Errors
    /// When a pattern cannot be read.
    pub fn new(source: &Source) -> Result<Self, PatternError> {
        let directory = source.directory.clone().unwrap_or_default();
        let Directory { recurse, include, exclude, disable_extension_filter, .. } = directory;
        let pattern = |text: &str| if text.is_empty() { Ok(None) } else { Pattern::new(text).map(Some) };
        Ok(Self {
            root: root(&source.path),
            recurse,
            every_extension: disable_extension_filter,
            include: pattern(&include)?,
            exclude: pattern(&exclude)?,
        })
    }

    /// The directory, without `./` and slashes at the ends; empty is the root.
    #[must_use]
    pub fn root(&self) -> &str {
        &self.root
    }

    /// Whether a file, by its path from the root of the repository, counts.
    #[must_use]
    pub fn wants(&self, path: &str) -> bool {
        let name = path.rsplit('/').next().unwrap_or(path);
        if name.starts_with(".argocd-source") {
            // It says how the others are read.
            return false;
        }
        let Some(relative) = relative(path, &self.root) else { return false };
        let known =
            self.every_extension || [".yaml", ".yml", ".json", ".jsonnet"].iter().any(|end| path.ends_with(end));
        known
            && (self.recurse || !relative.contains('/'))
            && !self.exclude.as_ref().is_some_and(|exclude| exclude.matches(relative))
            && self.include.as_ref().is_none_or(|include| include.matches(relative))
    }
}

/// A path as it is compared: no `./`, no slashes at the ends.
#[must_use]
pub fn root(path: &str) -> String {
    path.split('/').filter(|part| !part.is_empty() && *part != ".").collect::<Vec<_>>().join("/")
}

fn relative<'a>(path: &'a str, root: &str) -> Option<&'a str> {
    if root.is_empty() { Some(path) } else { path.strip_prefix(root)?.strip_prefix('/') }
}

/// What reads a source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Tool {
    /// Its files are manifests.
    #[default]
    Directory,
    /// It is built by its kustomization.
    Kustomize,
    /// It is a Helm chart.
    Helm,
}

/// The file that makes a directory a Helm chart.
pub const CHART_FILE: &str = "Chart.yaml";

impl Tool {
    /// The tool that a source names, if it names one.
    #[must_use]
    pub fn named(source: &Source) -> Option<Self> {
        if source.helm.is_some() || !source.chart.is_empty() {
            Some(Self::Helm)
        } else if source.kustomize.is_some() {
            Some(Self::Kustomize)
        } else {
            source.directory.as_ref().map(|_| Self::Directory)
        }
    }

    /// The name upstream uses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Directory => "Directory",
            Self::Kustomize => "Kustomize",
            Self::Helm => "Helm",
        }
    }
}

/// Whether a file has to be evaluated.
#[must_use]
pub fn is_jsonnet(path: &str) -> bool {
    path.ends_with(".jsonnet")
}

/// Whether a file asks to be left out.
#[must_use]
pub fn is_left_out(text: &str) -> bool {
    text.lines().any(|line| line.trim_end() == SKIP_MARK)
}

/// Reads the manifests of one file.
#[must_use]
pub fn parse(file: &SourceFile) -> Parsed {
    let path: Arc<str> = file.path.as_str().into();
    let text = match &file.text {
        Ok(text) => text,
        Err(reason) => return unreadable(Problem::new(Cause::Unreadable, &*path, reason.clone())),
    };
    if is_left_out(text) {
        return Parsed::default();
    }
    let mut parsed = Parsed::default();
    for (chunk, first_line) in documents(text) {
        match yaml::parse_documents(chunk) {
            Ok(found) => {
                for mut document in found {
                    let (value, above) = (document.value.take(), first_line - 1);
                    let place =
                        Place { file: &path, line: above + document.line, anchor: Some(Anchor::new(document, above)) };
                    collect(value, place, &mut parsed);
                }
            }
            Err(error) => {
                let origin = format!("{path}:{}:{}", first_line + error.line.max(1) - 1, error.column);
                let message = format!("{}; nothing of this document was applied", error.message);
                parsed.problems.push(Problem::new(Cause::Unreadable, origin, message));
            }
        }
    }
    parsed
}

fn unreadable(problem: Problem) -> Parsed {
    Parsed { manifests: Vec::new(), problems: vec![problem] }
}

/// Cuts a file where a line is `---`, as Kubernetes' YAML reader, so that each document stands or falls alone.
/// Gives each piece with the number of its first line.
fn documents(text: &str) -> Vec<(&str, usize)> {
    let mut pieces = Vec::new();
    let (mut start, mut first_line, mut offset) = (0, 1, 0);
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let separates = line
            .strip_prefix("---")
            .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n', '#']));
        if separates && offset > start {
            pieces.push((&text[start..offset], first_line));
            (start, first_line) = (offset, index + 1);
        }
        offset += line.len();
    }
    pieces.push((&text[start..], first_line));
    pieces
}

struct Place<'a> {
    file: &'a Arc<str>,
    line: usize,
    anchor: Option<Anchor>,
}

fn collect(value: Value, place: Place<'_>, parsed: &mut Parsed) {
    let Place { file, line, anchor } = place;
    match value {
        Value::Null => {}
        Value::Object(ref map) if map.is_empty() => {}
        Value::Object(_) if is_list(&value) => {
            for item in items(value) {
                collect(item, Place { file, line, anchor: None }, parsed);
            }
        }
        Value::Object(_) if !object::kind(&value).is_empty() && !object::api_version(&value).is_empty() => {
            parsed.manifests.push(Manifest { object: value, file: Arc::clone(file), line, anchor });
        }
        _ => {
            let message = "this is no Kubernetes manifest: it has no apiVersion or no kind; add them, or leave the file out with directory.exclude";
            parsed.problems.push(Problem::new(Cause::NotAManifest, format!("{file}:{line}"), message));
        }
    }
}

fn is_list(value: &Value) -> bool {
    object::kind(value).ends_with("List") && value.get("items").is_some_and(Value::is_array)
}

/// The items of a list; those of a typed list get the type that the list's kind implies.
fn items(mut list: Value) -> Vec<Value> {
    let api_version = object::api_version(&list).to_owned();
    let item_kind = object::kind(&list).trim_end_matches("List").to_owned();
    let Some(Value::Array(mut items)) = list.get_mut("items").map(Value::take) else { return Vec::new() };
    if !item_kind.is_empty() {
        for item in items.iter_mut().filter_map(Value::as_object_mut) {
            item.entry("kind").or_insert_with(|| Value::from(item_kind.clone()));
            item.entry("apiVersion").or_insert_with(|| Value::from(api_version.clone()));
        }
    }
    items
}

/// The problem of a source whose files are too big together.
#[must_use]
pub fn too_big(bytes: usize, path: &str) -> Option<Problem> {
    (bytes > COMBINED_LIMIT).then(|| {
        let message = format!("the manifests have {bytes} bytes together, the limit is {COMBINED_LIMIT}; split the application, or leave files out");
        Problem::new(Cause::Unreadable, if path.is_empty() { "." } else { path }, message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selection(path: &str, directory: serde_json::Value) -> Selection {
        let source = serde_json::json!({"repoURL": "r", "path": path, "directory": directory});
        Selection::new(&serde_json::from_value(source).unwrap()).unwrap()
    }

    fn file(text: &str) -> SourceFile {
        SourceFile { path: "shop/all.yaml".into(), oid: "1".into(), text: Ok(text.into()) }
    }

    #[test]
    fn selects_as_argo_does() {
        let apps = selection("./", serde_json::json!({"recurse": true, "include": "*argocd.yaml"}));
        assert!(apps.wants("shop/argocd.yaml") && !apps.wants("shop/dev/application.yaml"));
        let flat = selection("shop/", serde_json::json!({"exclude": "{catalog-info.yaml,argocd.yaml}"}));
        assert!(flat.wants("shop/x.yml") && flat.wants("shop/x.json"));
        assert!(!flat.wants("shop/dev/x.yaml") && !flat.wants("shop/argocd.yaml") && !flat.wants("shopping/x.yaml"));
        assert!(!flat.wants("shop/README.md"));
    }

    #[test]
    fn a_broken_document_takes_only_itself_out() {
        let text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\nkind: [\nbroken: {\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: b}\n";
        let parsed = parse(&file(text));
        let found: Vec<_> = parsed.manifests.iter().map(|m| (object::name(&m.object), m.line)).collect();
        assert_eq!(found.len(), 2);
        assert_eq!(found[0], ("a", 1));
        assert_eq!(found[1].0, "b");
        assert_eq!(parsed.problems.len(), 1);
        assert!(parsed.problems[0].origin.starts_with("shop/all.yaml:"), "{}", parsed.problems[0]);
    }

    #[test]
    fn lists_are_flattened_and_strangers_reported() {
        let text = "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Secret, metadata: {name: a}}\n---\napiVersion: v1\nkind: ConfigMapList\nitems:\n- metadata: {name: b}\n---\nfoo: bar\n---\n# nothing\n";
        let parsed = parse(&file(text));
        let kinds: Vec<_> = parsed.manifests.iter().map(|m| object::kind(&m.object)).collect();
        assert_eq!(kinds, ["Secret", "ConfigMap"]);
        assert_eq!(parsed.problems.len(), 1);
        assert!(parsed.problems[0].to_string().contains("no apiVersion or no kind"));
    }

    #[test]
    fn files_can_ask_to_be_skipped() {
        assert_eq!(parse(&file("# +argocd:skip-file-rendering\nfoo: {")), Parsed::default());
    }
}
