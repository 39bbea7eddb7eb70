//! Tables: how kubectl shows objects, as `metav1.Table`. Columns and cells are those of upstream's printers.
//! It must not know requests or storage; the present time is handed in.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::registry::{Custom, Resource};

mod access;
mod cell;
mod cluster;
mod custom;
mod descriptions;
mod events;
mod jsonpath;
mod network;
mod pods;
mod printer;
mod storage;
mod workloads;

pub(crate) use jsonpath::JsonPath;
use printer::{Printer, has_printer, printer_of};

/// What each row carries of its object: the query parameter `includeObject`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IncludeObject {
    /// Nothing.
    None,
    /// `PartialObjectMetadata`.
    #[default]
    Metadata,
    /// The whole object.
    Object,
}

impl IncludeObject {
    /// Reads the query parameter; `None` if it is none of the known values.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        match value {
            "" | "Metadata" => Some(Self::Metadata),
            "None" => Some(Self::None),
            "Object" => Some(Self::Object),
            _ => None,
        }
    }
}

/// Renders objects of one resource as rows.
#[derive(Clone)]
pub struct TableRenderer {
    resource: Arc<Resource>,
    include: IncludeObject,
    kind: Kind,
}

#[derive(Clone)]
enum Kind {
    Builtin(&'static Printer),
    Custom(Arc<custom::Columns>),
}

impl TableRenderer {
    /// A renderer for a resource.
    #[must_use]
    pub fn new(resource: Arc<Resource>, include: IncludeObject) -> Self {
        let kind = match &resource.custom {
            Some(Custom { columns, .. }) => Kind::Custom(Arc::new(custom::Columns::new(columns))),
            None => Kind::Builtin(printer_of(&resource.group, &resource.plural)),
        };
        Self { resource, include, kind }
    }

    /// A whole table: `metadata` is the list's (or the one object's `resourceVersion`).
    #[must_use]
    pub fn table<'a>(&self, objects: impl IntoIterator<Item = &'a Value>, metadata: Value, now: Timestamp) -> Value {
        let rows: Vec<Value> = objects.into_iter().map(|object| self.row(object, now)).collect();
        let rows = if rows.is_empty() && self.shows_nothing_as_null() { Value::Null } else { Value::Array(rows) };
        json!({
            "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata,
            "columnDefinitions": self.columns(), "rows": rows,
        })
    }

    fn shows_nothing_as_null(&self) -> bool {
        self.resource.custom.is_none() && !has_printer(&self.resource.group, &self.resource.plural)
    }

    /// The table of one object in a watch; only the first one of a watch has the columns.
    #[must_use]
    pub fn event(&self, object: &Value, first: bool, now: Timestamp) -> Value {
        let version = object.pointer("/metadata/resourceVersion");
        let mut table = self.table([object], json!({"resourceVersion": version}), now);
        if !first {
            table["columnDefinitions"] = Value::Null;
        }
        table
    }

    /// `columnDefinitions`.
    #[must_use]
    pub fn columns(&self) -> Value {
        match &self.kind {
            Kind::Builtin(printer) => {
                let resource = self.resource.qualified();
                printer.columns.iter().map(|column| column.definition(&resource)).collect()
            }
            Kind::Custom(columns) => columns.definitions(),
        }
    }

    /// One row.
    #[must_use]
    pub fn row(&self, object: &Value, now: Timestamp) -> Value {
        let cells = match &self.kind {
            Kind::Builtin(printer) => (printer.cells)(object, now),
            Kind::Custom(columns) => columns.cells(object, now),
        };
        let shown = match self.include {
            IncludeObject::None => Value::Null,
            IncludeObject::Metadata => partial(object),
            IncludeObject::Object => self.whole(object),
        };
        json!({"cells": cells, "object": shown})
    }

    fn whole(&self, object: &Value) -> Value {
        let mut object = object.clone();
        object["apiVersion"] = json!(self.resource.api_version());
        object["kind"] = json!(&*self.resource.kind);
        object
    }
}

/// An object's metadata as `PartialObjectMetadata`.
#[must_use]
pub fn partial(object: &Value) -> Value {
    json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object.get("metadata")})
}

#[cfg(test)]
mod tests;
