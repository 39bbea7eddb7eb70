//! Rows of custom resources, by `additionalPrinterColumns`.
//! It must not know any kind.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::JsonPath;
use super::cell::{age, name, plain, since};
use super::descriptions;
use super::printer::NAME;
use crate::registry::Column;

/// The columns of a custom resource, their paths parsed.
pub(super) struct Columns {
    columns: Vec<(Column, Option<JsonPath>)>,
}

impl Columns {
    /// Without any column of its own, a resource shows its age.
    pub(super) fn new(columns: &[Column]) -> Self {
        let age = Column {
            name: "Age".to_owned(),
            type_: "date".to_owned(),
            description: descriptions::of("Age", "").to_owned(),
            ..Column::default()
        };
        let columns = match columns {
            [] => vec![(age, None)],
            columns => columns.iter().map(|c| (c.clone(), JsonPath::parse(&c.json_path))).collect(),
        };
        Self { columns }
    }

    pub(super) fn definitions(&self) -> Value {
        let definition = |(column, _): &(Column, Option<JsonPath>)| {
            let description = match column.description.as_str() {
                "" => format!("Custom resource definition column (in JSONPath format): {}", column.json_path),
                text => text.to_owned(),
            };
            json!({
                "name": column.name, "type": column.type_, "format": column.format,
                "description": description, "priority": column.priority,
            })
        };
        std::iter::once(NAME.definition("")).chain(self.columns.iter().map(definition)).collect()
    }

    pub(super) fn cells(&self, object: &Value, now: Timestamp) -> Vec<Value> {
        let cell = |(column, path): &(Column, Option<JsonPath>)| match (path, column.json_path.as_str()) {
            (Some(path), _) => path.first(object).map_or(Value::Null, |value| show(column, value, now)),
            (None, "") => age(object, now),
            (None, _) => Value::Null,
        };
        std::iter::once(name(object)).chain(self.columns.iter().map(cell)).collect()
    }
}

/// A value as upstream's `cellForJSONValue` shows it: nothing where the type does not fit.
fn show(column: &Column, value: &Value, now: Timestamp) -> Value {
    match (column.type_.as_str(), value) {
        (_, Value::Null) => Value::Null,
        ("string", value) => plain(value).into(),
        ("integer", Value::Number(number)) => {
            number.as_i64().map_or_else(|| json!(number.as_f64().map(f64::trunc)), Value::from)
        }
        ("number", Value::Number(_)) | ("boolean", Value::Bool(_)) => value.clone(),
        ("date", Value::String(time)) => match since(time, now).as_str() {
            "<unknown>" => "<invalid>".into(),
            text => text.into(),
        },
        _ => Value::Null,
    }
}
