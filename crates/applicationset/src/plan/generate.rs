//! The parameters that generators make, each with the template they are for. What is needed from repositories is asked
//! for by name, until all of it is known.
//! It must not know how it is got.

use std::collections::{BTreeMap, BTreeSet};

use mainstay_apimachinery::selector::LabelSelector;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::git::{self, Git, add_values, flatten};
use super::names::normalised;
use super::template::{self, Params, over};

/// The most sets of parameters: far above any fleet.
const MOST: usize = 50_000;
/// As deep as matrix and merge may nest; upstream allows two levels.
const DEEPEST: usize = 4;

/// Something of a repository.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// The paths of all its files at a revision.
    Paths(String, String),
    /// The content of one of its files at a revision.
    File(String, String, String),
}

/// A cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cluster {
    /// Its name.
    pub name: String,
    /// Its API server.
    pub server: String,
    /// Its project, if it belongs to one.
    pub project: String,
    /// Labels of its Secret.
    pub labels: Map<String, Value>,
    /// Annotations of its Secret.
    pub annotations: Map<String, Value>,
    /// Whether it has no Secret: the cluster that the controller runs in.
    pub local: bool,
}

/// What is known of the world.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// All clusters.
    pub clusters: Vec<Cluster>,
    /// What was asked of repositories: paths by line, or a file's content.
    pub answers: BTreeMap<Need, String>,
}

/// Why there are no parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// More has to be known first.
    Needs(BTreeSet<Need>),
    /// A generator cannot be used.
    Refused(String),
}

/// One set of parameters, and the template it is for.
#[derive(Clone, Debug, PartialEq)]
pub struct Generated {
    /// The parameters.
    pub params: Params,
    /// The set's template with the generator's own laid over it.
    pub template: Value,
}

fn refused<T>(message: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Refused(message.into()))
}

/// Runs all generators, in order.
///
/// # Errors
/// [`Stop`].
pub fn all(generators: &[Value], template: &Value, known: &Known) -> Result<Vec<Generated>, Stop> {
    let (mut all, mut needs) = (Vec::new(), BTreeSet::new());
    for (index, generator) in generators.iter().enumerate() {
        let place = format!("spec.generators[{index}]");
        match of(generator, &Params::new(), &Run { known, place: &place, depth: 0 }) {
            Ok(sets) => {
                let own = own_template(generator);
                all.extend(sets.into_iter().map(|params| Generated { params, template: over(template, &own) }));
            }
            Err(Stop::Needs(more)) => needs.extend(more),
            Err(stop) => return Err(stop),
        }
        if all.len() > MOST {
            return refused(format!("the generators make more than {MOST} sets of parameters"));
        }
    }
    if needs.is_empty() { Ok(all) } else { Err(Stop::Needs(needs)) }
}

/// The template that a generator brings along.
fn own_template(generator: &Value) -> Value {
    let own = generator.as_object().into_iter().flatten().find_map(|(_, body)| body.get("template"));
    own.cloned().unwrap_or(Value::Null)
}

/// Where a generator is run.
#[derive(Clone, Copy)]
struct Run<'a> {
    known: &'a Known,
    place: &'a str,
    depth: usize,
}

impl<'a> Run<'a> {
    fn read<T: serde::de::DeserializeOwned>(&self, body: &Value) -> Result<T, Stop> {
        serde_json::from_value(body.clone()).map_err(|error| Stop::Refused(format!("{}: {error}", self.place)))
    }

    fn answer(&self, need: Need) -> Result<&'a str, Stop> {
        self.known.answers.get(&need).map(String::as_str).ok_or_else(|| Stop::Needs(BTreeSet::from([need])))
    }

    fn below(&self) -> Result<Self, Stop> {
        if self.depth >= DEEPEST {
            return refused(format!("{}: matrix and merge nest too deeply", self.place));
        }
        Ok(Self { depth: self.depth + 1, ..*self })
    }
}

/// The parameters of one generator; `given` are those of the first child of a matrix, for the second.
fn of(generator: &Value, given: &Params, run: &Run<'_>) -> Result<Vec<Params>, Stop> {
    let Some(map) = generator.as_object() else { return refused(format!("{}: is no map", run.place)) };
    let kinds: Vec<(&String, &Value)> =
        map.iter().filter(|(kind, body)| *kind != "selector" && !body.is_null()).collect();
    let [(kind, body)] = kinds.as_slice() else {
        return refused(format!("{}: it must be exactly one generator", run.place));
    };
    let body = &template::value(body, given);
    let sets = match kind.as_str() {
        "list" => list(body, run)?,
        "clusters" => clusters(body, run)?,
        "git" => git(body, run)?,
        "matrix" => matrix(body, given, &run.below()?)?,
        "merge" => merge(body, given, &run.below()?)?,
        "scmProvider" | "pullRequest" | "clusterDecisionResource" | "plugin" => {
            return refused(format!("{}: {kind} is not supported yet", run.place));
        }
        other => return refused(format!("{}: there is no generator {other}", run.place)),
    };
    match map.get("selector").filter(|selector| !selector.is_null()) {
        Some(selector) => chosen(sets, selector, run),
        None => Ok(sets),
    }
}

/// The sets that a selector over the parameters leaves.
fn chosen(sets: Vec<Params>, selector: &Value, run: &Run<'_>) -> Result<Vec<Params>, Stop> {
    let selector = LabelSelector::from_object(selector)
        .map_err(|error| Stop::Refused(format!("{}.selector: {error}", run.place)))?;
    let labels =
        |set: &Params| set.iter().map(|(key, value)| (key.clone(), value.as_str().into())).collect::<Map<_, _>>();
    Ok(sets.into_iter().filter(|set| selector.matches(&labels(set))).collect())
}

fn list(body: &Value, run: &Run<'_>) -> Result<Vec<Params>, Stop> {
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase", default)]
    struct List {
        elements: Vec<Value>,
        elements_yaml: String,
    }
    let List { mut elements, elements_yaml } = run.read(body)?;
    if !elements_yaml.is_empty() {
        let wrong = |why: String| Stop::Refused(format!("{}.list.elementsYaml: {why}", run.place));
        let more = mainstay_apimachinery::yaml::parse_one(&elements_yaml).map_err(|error| wrong(error.to_string()))?;
        match more.value {
            Value::Array(more) => elements.extend(more),
            _ => return Err(wrong("it holds no list".to_owned())),
        }
    }
    let params = |element: &Value| {
        let mut params = Params::new();
        flatten("", element, &mut params);
        params
    };
    Ok(elements.iter().map(params).collect())
}

fn clusters(body: &Value, run: &Run<'_>) -> Result<Vec<Params>, Stop> {
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase", default)]
    struct Clusters {
        selector: Value,
        values: BTreeMap<String, String>,
        flat_list: bool,
    }
    let Clusters { selector, values, flat_list } = run.read(body)?;
    if flat_list {
        return refused(format!("{}.clusters.flatList needs goTemplate, which is not supported yet", run.place));
    }
    let everything = selector.as_object().is_none_or(|selector| {
        selector.values().all(|part| {
            part.is_null() || part.as_object().is_some_and(Map::is_empty) || part.as_array().is_some_and(Vec::is_empty)
        })
    });
    let wanted = if everything {
        LabelSelector::everything()
    } else {
        let read = LabelSelector::from_object(&selector);
        read.map_err(|error| Stop::Refused(format!("{}.clusters.selector: {error}", run.place)))?
    };
    // The local cluster has no labels: it is among all, and in no choice.
    let matches = |cluster: &&Cluster| if cluster.local { everything } else { wanted.matches(&cluster.labels) };
    let mut sets = Vec::new();
    for cluster in run.known.clusters.iter().filter(matches) {
        let mut params = Params::from([
            ("name".to_owned(), cluster.name.clone()),
            ("nameNormalized".to_owned(), normalised(&cluster.name)),
            ("server".to_owned(), cluster.server.clone()),
            ("project".to_owned(), cluster.project.clone()),
        ]);
        for (kind, map) in [("labels", &cluster.labels), ("annotations", &cluster.annotations)] {
            let texts = map.iter().filter_map(|(key, value)| Some((key, value.as_str()?)));
            params.extend(texts.map(|(key, value)| (format!("metadata.{kind}.{key}"), value.to_owned())));
        }
        add_values(&values, &mut params);
        sets.push(params);
    }
    Ok(sets)
}

fn git(body: &Value, run: &Run<'_>) -> Result<Vec<Params>, Stop> {
    let generator: Git = run.read(body)?;
    let wrong = |message: String| Stop::Refused(format!("{}.git: {message}", run.place));
    if generator.repo_url.is_empty() || generator.directories.is_empty() == generator.files.is_empty() {
        return Err(wrong("it needs a repoURL, and either directories or files".to_owned()));
    }
    let (url, revision) = (generator.repo_url.clone(), generator.revision.clone());
    let paths = run.answer(Need::Paths(url.clone(), revision.clone()))?;
    if !generator.directories.is_empty() {
        let mut sets = Vec::new();
        for directory in git::directories(paths.lines()) {
            if git::includes(&generator.directories, &directory, true).map_err(wrong)? {
                sets.push(generator.of_directory(&directory));
            }
        }
        return Ok(sets);
    }
    let (mut sets, mut needs) = (Vec::new(), BTreeSet::new());
    for path in paths.lines() {
        if !git::includes(&generator.files, path, false).map_err(wrong)? {
            continue;
        }
        match run.answer(Need::File(url.clone(), revision.clone(), path.to_owned())) {
            Ok(content) => sets.extend(generator.of_file(path, content).map_err(wrong)?),
            Err(Stop::Needs(more)) => needs.extend(more),
            Err(stop) => return Err(stop),
        }
    }
    if needs.is_empty() { Ok(sets) } else { Err(Stop::Needs(needs)) }
}

fn children<'a>(body: &'a Value, run: &Run<'_>) -> Result<&'a Vec<Value>, Stop> {
    let missing = || Stop::Refused(format!("{}: it needs a list of generators", run.place));
    body.get("generators").and_then(Value::as_array).ok_or_else(missing)
}

/// Each set of the first child with each of the second, which may use the first's parameters.
fn matrix(body: &Value, given: &Params, run: &Run<'_>) -> Result<Vec<Params>, Stop> {
    let generators = children(body, run)?;
    let [first, second] = generators.as_slice() else {
        return refused(format!("{}: a matrix has exactly two generators", run.place));
    };
    let (mut sets, mut needs) = (Vec::new(), BTreeSet::new());
    for outer in of(first, given, run)? {
        let mut known = given.clone();
        known.extend(outer.clone());
        let inner = match of(second, &known, run) {
            Ok(inner) => inner,
            Err(Stop::Needs(more)) => {
                needs.extend(more);
                continue;
            }
            Err(stop) => return Err(stop),
        };
        for inner in inner {
            let clash = inner.iter().find(|(key, value)| outer.get(*key).is_some_and(|other| other != *value));
            if let Some((key, _)) = clash {
                return refused(format!(
                    "{}: both generators of a matrix have {key}, with different values",
                    run.place
                ));
            }
            let mut both = outer.clone();
            both.extend(inner);
            sets.push(both);
        }
        if sets.len() > MOST {
            return refused(format!("{}: it makes more than {MOST} sets of parameters", run.place));
        }
    }
    if needs.is_empty() { Ok(sets) } else { Err(Stop::Needs(needs)) }
}

/// The sets of the first child, with those of the others laid over them where the merge keys are equal.
fn merge(body: &Value, given: &Params, run: &Run<'_>) -> Result<Vec<Params>, Stop> {
    let generators = children(body, run)?;
    let keys: Vec<String> = run.read(body.get("mergeKeys").unwrap_or(&Value::Array(Vec::new())))?;
    if generators.len() < 2 || keys.is_empty() {
        return refused(format!("{}: a merge has two generators or more, and mergeKeys", run.place));
    }
    let identity = |set: &Params| keys.iter().map(|key| set.get(key).cloned()).collect::<Vec<_>>();
    let mut lists = Vec::new();
    for generator in generators {
        let sets = of(generator, given, run)?;
        let mut by_key = BTreeMap::new();
        for set in &sets {
            if by_key.insert(identity(set), set.clone()).is_some() {
                return refused(format!("{}: two sets of one generator have the same mergeKeys", run.place));
            }
        }
        lists.push((sets, by_key));
    }
    let (base, others) = lists.split_first().expect("there are two or more");
    let merged = base.0.iter().map(|set| {
        let mut set = set.clone();
        for (_, by_key) in others {
            set.extend(by_key.get(&identity(&set)).cloned().unwrap_or_default());
        }
        set
    });
    Ok(merged.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn names(generators: Value, known: &Known) -> Result<Vec<String>, Stop> {
        let generators: Vec<Value> = serde_json::from_value(generators).unwrap();
        let template = json!("{{name}}{{cluster}}{{path.basename}}{{values.x}}{{metadata.labels.env}}");
        let all = all(&generators, &Value::Null, known)?;
        let text = |one: &Generated| template::text(template.as_str().unwrap(), &one.params);
        let clean = |text: String| {
            text.split("{{")
                .map(|part| part.split_once("}}").map_or(part, |(_, rest)| rest).to_owned())
                .collect::<String>()
        };
        Ok(all.iter().map(text).map(clean).collect())
    }

    fn known() -> Known {
        let cluster = |name: &str, labels: Value| Cluster {
            name: name.into(),
            server: format!("https://{name}"),
            labels: labels.as_object().cloned().unwrap(),
            ..Cluster::default()
        };
        let local = Cluster { name: "in-cluster".into(), local: true, ..Cluster::default() };
        Known {
            clusters: vec![
                local,
                cluster("dev", json!({"env": "d", "enable_x": "true"})),
                cluster("prod", json!({"env": "p"})),
            ],
            answers: BTreeMap::new(),
        }
    }

    #[test]
    fn lists_and_clusters() {
        let known = known();
        assert_eq!(names(json!([{"list": {"elements": [{"name": "a"}, {"name": "b"}]}}]), &known).unwrap(), ["a", "b"]);
        assert_eq!(names(json!([{"clusters": {}}]), &known).unwrap(), ["in-cluster", "devd", "prodp"]);
        let enabled =
            json!([{"clusters": {"selector": {"matchLabels": {"enable_x": "true"}}, "values": {"x": "-{{name}}"}}}]);
        assert_eq!(names(enabled, &known).unwrap(), ["dev-devd"]);
        let selected = json!([{"clusters": {}, "selector": {"matchLabels": {"name": "prod"}}}]);
        assert_eq!(names(selected, &known).unwrap(), ["prodp"]);
    }

    #[test]
    fn what_is_needed_is_asked_for_and_a_matrix_uses_the_first() {
        let mut known = known();
        let generators = json!([{"matrix": {"generators": [
            {"list": {"elements": [{"cluster": "dev"}, {"cluster": "prod"}]}},
            {"git": {"repoURL": "r", "directories": [{"path": "{{cluster}}/*"}]}},
        ]}}]);
        let need = Need::Paths("r".into(), String::new());
        assert_eq!(names(generators.clone(), &known), Err(Stop::Needs(BTreeSet::from([need.clone()]))));
        known.answers.insert(need, "dev/a/x.yaml\nprod/b/x.yaml\nprod/c/x.yaml".into());
        assert_eq!(names(generators, &known).unwrap(), ["deva", "prodb", "prodc"]);
    }

    #[test]
    fn a_merge_lays_the_others_over_the_first() {
        let merge = |second: Value| {
            json!([{"merge": {"mergeKeys": ["name"], "generators": [
                {"list": {"elements": [{"name": "a", "cluster": "1"}, {"name": "b", "cluster": "1"}]}},
                {"list": {"elements": second}},
            ]}}])
        };
        let merged = names(merge(json!([{"name": "b", "cluster": "2"}, {"name": "c"}])), &known()).unwrap();
        assert_eq!(merged, ["a1", "b2"]);
        let twice = names(merge(json!([{"name": "b"}, {"name": "b"}])), &known());
        assert!(matches!(twice, Err(Stop::Refused(message)) if message.contains("same mergeKeys")));
    }

    #[test]
    fn what_is_not_there_is_refused_by_name() {
        let refused = |generator: Value| match names(json!([generator]), &known()) {
            Err(Stop::Refused(message)) => message,
            other => panic!("{other:?}"),
        };
        assert_eq!(refused(json!({"pullRequest": {}})), "spec.generators[0]: pullRequest is not supported yet");
        assert_eq!(refused(json!({"lists": {}})), "spec.generators[0]: there is no generator lists");
        assert!(refused(json!({"matrix": {"generators": [{"list": {}}]}})).contains("exactly two"));
    }
}
