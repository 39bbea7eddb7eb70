//! Which dependencies of a chart are on, under which names, and what the chart takes over from them.

use serde_json::{Map, Value as Json};

use crate::chart::{Chart, Dependency};
use crate::coalesce::{self, Nulls};
use crate::error::Error;

type Values = Map<String, Json>;

/// Turns dependencies on and off as values say, and takes over values from them.
pub(crate) fn process(chart: &mut Chart, values: &Values) -> Result<(), Error> {
    enable(chart, values.clone(), "")?;
    import(chart)
}

fn enable(chart: &mut Chart, values: Values, path: &str) -> Result<(), Error> {
    if chart.metadata.dependencies.is_empty() {
        return Ok(());
    }
    let named = chart.metadata.dependencies.clone();
    let is_named = |found: &Chart| named.iter().any(|dependency| dependency.is(found));
    let mut charts: Vec<Chart> = chart.dependencies.iter().filter(|found| !is_named(found)).cloned().collect();
    for dependency in &named {
        if let Some(found) = chart.dependencies.iter().find(|found| dependency.is(found)) {
            let mut found = found.clone();
            found.metadata.name = dependency.local_name().to_owned();
            charts.push(found);
        }
    }
    chart.dependencies = charts;
    let values = coalesce::values(chart, values, Nulls::Remove)?;
    let off: Vec<&Dependency> = named.iter().filter(|dependency| !is_on(dependency, &values, path)).collect();
    let is_off = |name: &str| off.iter().any(|dependency| dependency.local_name() == name);
    chart.dependencies.retain(|found| !is_off(&found.metadata.name));
    chart.metadata.dependencies.retain(|dependency| !is_off(dependency.local_name()));
    for dependency in &mut chart.dependencies {
        let path = format!("{path}{}.", dependency.metadata.name);
        enable(dependency, values.clone(), &path)?;
    }
    Ok(())
}

/// The first condition that is a boolean decides, else tags do, else it is on.
fn is_on(dependency: &Dependency, values: &Values, path: &str) -> bool {
    let conditions = dependency.condition.trim().split(',').map(str::trim).filter(|condition| !condition.is_empty());
    let found = conditions.filter_map(|condition| at(values, &format!("{path}{condition}"))?.as_bool()).next();
    found.unwrap_or_else(|| {
        let tags = values.get("tags").and_then(Json::as_object);
        let told: Vec<bool> = dependency.tags.iter().filter_map(|tag| tags?.get(tag)?.as_bool()).collect();
        told.is_empty() || told.contains(&true)
    })
}

/// A value by its path, `a.b.c`.
fn at<'v>(values: &'v Values, path: &str) -> Option<&'v Json> {
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    match rest {
        None => values.get(first),
        Some(rest) => at(values.get(first)?.as_object()?, rest),
    }
}

fn import(chart: &mut Chart) -> Result<(), Error> {
    for dependency in &mut chart.dependencies {
        import(dependency)?;
    }
    if chart.metadata.dependencies.is_empty() {
        return Ok(());
    }
    let mut values = coalesce::values(chart, Map::new(), Nulls::Remove)?;
    let mut taken = Map::new();
    for dependency in &chart.metadata.dependencies {
        for wanted in &dependency.import_values {
            let Some((child, parent)) = paths(wanted) else { continue };
            let found = at(&values, &format!("{}.{child}", dependency.local_name())).and_then(Json::as_object);
            if let Some(found) = found {
                coalesce::tables(&mut taken, below(&parent, found.clone()), Nulls::Remove);
            }
        }
    }
    coalesce::trim(&mut values);
    coalesce::tables(&mut values, taken, Nulls::Remove);
    chart.values = values;
    Ok(())
}

/// From where to where: `data` is `exports.data` to the top.
fn paths(wanted: &Json) -> Option<(String, String)> {
    match wanted {
        Json::String(name) => Some((format!("exports.{name}"), ".".to_owned())),
        Json::Object(wanted) => {
            Some((wanted.get("child")?.as_str()?.to_owned(), wanted.get("parent")?.as_str()?.to_owned()))
        }
        _ => None,
    }
}

fn below(path: &str, values: Values) -> Values {
    if path == "." {
        return values;
    }
    path.rsplit('.').fold(values, |inner, key| Map::from_iter([(key.to_owned(), Json::Object(inner))]))
}
