//! Renders a chart's templates with values.
//! It must not know what the texts mean.

use std::collections::BTreeMap;
use std::rc::Rc;

use jiff::Timestamp;
use mainstay_gotemplate::{Dict, Entropy, Environment, MissingKey, Templates, Value, on_deep_stack};
use serde_json::{Map, Value as Json};

use crate::capabilities::Capabilities;
use crate::chart::{Chart, Metadata, fits};
use crate::coalesce::{self, Nulls};
use crate::dependencies;
use crate::error::Error;
use crate::files::Files;
use crate::functions::functions;

/// The release that a chart is rendered for.
#[derive(Clone, Debug)]
pub struct Release {
    /// Its name.
    pub name: String,
    /// Where it goes.
    pub namespace: String,
    /// How often it was released, this time included.
    pub revision: i64,
}

/// What a rendering depends on besides the chart and its values.
#[derive(Clone, Debug)]
pub struct Options {
    /// For which release.
    pub release: Release,
    /// For which cluster.
    pub capabilities: Capabilities,
    /// The time that `now` gives.
    pub now: Timestamp,
    /// Where random values come from.
    pub entropy: Entropy,
    /// Whether values need not meet the chart's schema.
    pub skip_schema: bool,
}

/// A rendered file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// Such as `shop/templates/deployment.yaml`, or below `charts/` for a dependency.
    pub path: String,
    /// What it holds.
    pub text: String,
}

/// Renders a chart: its CustomResourceDefinitions as they are, then what its templates give, by path. `NOTES.txt` and
/// what is empty are left out.
///
/// # Errors
/// When a dependency is missing, values do not fit, or a template fails.
pub fn render(mut chart: Chart, given: &Map<String, Json>, options: &Options) -> Result<Vec<Rendered>, Error> {
    check(&chart, options)?;
    dependencies::process(&mut chart, given)?;
    let mut values = coalesce::values(&chart, given.clone(), Nulls::Remove)?;
    coalesce::trim(&mut values);
    if !options.skip_schema {
        crate::schema::check(&chart, &values)?;
    }
    let name = chart.metadata.name.clone();
    let crds = chart.crds().into_iter();
    let mut rendered: Vec<Rendered> =
        crds.map(|file| Rendered { path: format!("{name}/{}", file.path), text: file.text() }).collect();
    rendered.extend(on_deep_stack(|| templates(&chart, &values, options))??);
    Ok(rendered)
}

fn check(chart: &Chart, options: &Options) -> Result<(), Error> {
    if chart.is_library() {
        return Err(Error::Library);
    }
    let (wanted, found) = (&chart.metadata.kube_version, &options.capabilities.kube_version);
    if !wanted.is_empty() && !fits(wanted, found) {
        return Err(Error::KubeVersion { wanted: wanted.clone(), found: found.clone() });
    }
    let missing: Vec<String> = chart.missing_dependencies().iter().map(|missing| missing.name.clone()).collect();
    if missing.is_empty() { Ok(()) } else { Err(Error::Dependencies(missing)) }
}

/// A template with what it sees.
struct Template {
    text: String,
    scope: Dict,
    base: String,
}

fn templates(chart: &Chart, values: &Map<String, Json>, options: &Options) -> Result<Vec<Rendered>, Error> {
    let mut found = BTreeMap::new();
    let shared = Shared { release: release(&options.release), capabilities: options.capabilities.value() };
    let values = dict(values);
    collect(chart, &chart.metadata.name, (&values, true), &shared, &mut found);
    let mut order: Vec<&String> = found.keys().collect();
    // The deepest first, so that what charts define takes the place of what their dependencies do.
    order.sort_by(|a, b| depth(b).cmp(&depth(a)).then(b.cmp(a)));
    let mut set = Templates::new(functions());
    for path in &order {
        set.add(path, &found[*path].text)?;
    }
    let environment = Environment {
        now: options.now,
        entropy: options.entropy.clone(),
        missing_key: MissingKey::Zero,
        ..Environment::default()
    };
    let mut rendered = Vec::new();
    for path in order {
        let name = path.rsplit('/').next().unwrap_or(path);
        if name.starts_with('_') {
            continue;
        }
        let template = &found[path];
        let entropy = environment.entropy.of(path);
        let text = set.render(path, scope(path, template), &Environment { entropy, ..environment.clone() })?;
        let text = text.replace("<no value>", "");
        if name != "NOTES.txt" && !text.trim().is_empty() {
            rendered.push(Rendered { path: path.clone(), text });
        }
    }
    rendered.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(rendered)
}

fn depth(path: &str) -> usize {
    path.matches('/').count()
}

fn scope(path: &str, template: &Template) -> Value {
    let own = [("Name", Value::from(path)), ("BasePath", Value::from(template.base.as_str()))];
    template.scope.set("Template", Value::Map(own.into_iter().collect()));
    Value::Map(template.scope.clone())
}

/// What all templates see alike.
struct Shared {
    release: Value,
    capabilities: Value,
}

/// Gathers the templates of a chart and its dependencies; gives what those of the chart see.
fn collect(
    chart: &Chart,
    path: &str,
    (values, is_root): (&Dict, bool),
    shared: &Shared,
    found: &mut BTreeMap<String, Template>,
) -> Dict {
    let subcharts = Dict::default();
    let entries = [
        ("Chart", metadata(&chart.metadata, is_root)),
        ("Files", Value::Object(Rc::new(Files::new(chart.files.clone())))),
        ("Release", shared.release.clone()),
        ("Capabilities", shared.capabilities.clone()),
        ("Values", Value::Map(values.clone())),
        ("Subcharts", Value::Map(subcharts.clone())),
    ];
    let scope: Dict = entries.into_iter().collect();
    for dependency in &chart.dependencies {
        let name = &dependency.metadata.name;
        let below = match values.get(name) {
            Some(Value::Map(below)) => below,
            _ => Dict::default(),
        };
        let inner = collect(dependency, &format!("{path}/charts/{name}"), (&below, false), shared, found);
        subcharts.set(name, Value::Map(inner));
    }
    for file in &chart.templates {
        let is_partial = file.path.rsplit('/').next().is_some_and(|name| name.starts_with('_'));
        if chart.is_library() && !is_partial {
            continue;
        }
        let template = Template { text: file.text(), scope: scope.clone(), base: format!("{path}/templates") };
        found.insert(format!("{path}/{}", file.path), template);
    }
    scope
}

fn release(release: &Release) -> Value {
    let first = release.revision <= 1;
    let entries = [
        ("Name", Value::from(release.name.as_str())),
        ("Namespace", Value::from(release.namespace.as_str())),
        ("Revision", Value::Int(release.revision)),
        ("IsInstall", Value::Bool(first)),
        ("IsUpgrade", Value::Bool(!first)),
        ("Service", Value::from("Helm")),
    ];
    Value::Map(entries.into_iter().collect())
}

fn metadata(metadata: &Metadata, is_root: bool) -> Value {
    let text = |text: &str| Value::from(text);
    let maintainers = metadata.maintainers.iter().map(|maintainer| {
        let entries = [("Name", &maintainer.name), ("Email", &maintainer.email), ("URL", &maintainer.url)];
        Value::Map(entries.into_iter().map(|(key, value)| (key, text(value))).collect())
    });
    let dependencies = metadata.dependencies.iter().map(|dependency| {
        let entries = [
            ("Name", text(dependency.local_name())),
            ("Version", text(&dependency.version)),
            ("Repository", text(&dependency.repository)),
            ("Condition", text(&dependency.condition)),
            ("Tags", Value::strings(&dependency.tags)),
            ("Alias", text(&dependency.alias)),
            ("Enabled", Value::Bool(true)),
        ];
        Value::Map(entries.into_iter().collect())
    });
    let entries = [
        ("Name", text(&metadata.name)),
        ("Home", text(&metadata.home)),
        ("Sources", Value::strings(&metadata.sources)),
        ("Version", text(&metadata.version)),
        ("Description", text(&metadata.description)),
        ("Keywords", Value::strings(&metadata.keywords)),
        ("Maintainers", maintainers.collect::<Vec<_>>().into()),
        ("Icon", text(&metadata.icon)),
        ("APIVersion", text(&metadata.api_version)),
        ("Condition", text(&metadata.condition)),
        ("Tags", text(&metadata.tags)),
        ("AppVersion", text(&metadata.app_version)),
        ("Deprecated", Value::Bool(metadata.deprecated)),
        ("Annotations", Value::Map(dict(&metadata.annotations))),
        ("KubeVersion", text(&metadata.kube_version)),
        ("Dependencies", dependencies.collect::<Vec<_>>().into()),
        ("Type", text(&metadata.kind)),
        ("IsRoot", Value::Bool(is_root)),
    ];
    Value::Map(entries.into_iter().collect())
}

/// Values as templates see them: whole numbers only if they were set on a line, as in Helm.
fn dict(values: &Map<String, Json>) -> Dict {
    values.iter().map(|(key, value)| (key, typed(value))).collect()
}

fn typed(value: &Json) -> Value {
    match value {
        Json::Number(number) => number.as_i64().map_or_else(|| Value::from(value), Value::Int64),
        Json::Array(items) => items.iter().map(typed).collect::<Vec<_>>().into(),
        Json::Object(entries) => Value::Map(dict(entries)),
        other => Value::from(other),
    }
}
