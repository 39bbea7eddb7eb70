//! Holds values against the schemas of a chart and its dependencies.

use serde_json::{Map, Value as Json};

use crate::chart::Chart;
use crate::error::Error;

/// How many faults of one chart are told.
const TOLD: usize = 20;

/// Whether values meet the schemas; a schema that names another by URL is not followed.
pub(crate) fn check(chart: &Chart, values: &Map<String, Json>) -> Result<(), Error> {
    let mut faults = String::new();
    gather(chart, &Json::Object(values.clone()), &mut faults)?;
    if faults.is_empty() { Ok(()) } else { Err(Error::Schema(faults)) }
}

fn gather(chart: &Chart, values: &Json, faults: &mut String) -> Result<(), Error> {
    if let Some(schema) = &chart.schema {
        let validator = jsonschema::validator_for(schema);
        let validator = validator.map_err(|error| Error::file("values.schema.json", error))?;
        let mut found = validator.iter_errors(values).take(TOLD).peekable();
        if found.peek().is_some() {
            faults.push_str(&format!("{}:\n", chart.metadata.name));
        }
        for fault in found {
            let place = fault.instance_path().to_string();
            let place = if place.is_empty() { String::new() } else { format!("at '{place}': ") };
            faults.push_str(&format!("- {place}{fault}\n"));
        }
    }
    for dependency in &chart.dependencies {
        let below = values.get(&dependency.metadata.name).cloned().unwrap_or_else(|| Json::Object(Map::new()));
        gather(dependency, &below, faults)?;
    }
    Ok(())
}
