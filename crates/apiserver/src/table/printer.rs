//! Which printer shows which built-in resource.
//! It must not know how a cell is made.

use std::sync::LazyLock;

use jiff::Timestamp;
use mainstay_apimachinery::object;
use serde_json::{Value, json};

use super::access::text;
use super::{cell, cluster, descriptions, events, network, pods, storage, workloads};

/// The columns of a kind and how its cells are made.
pub(super) struct Printer {
    pub(super) columns: &'static [Column],
    pub(super) cells: fn(&Value, Timestamp) -> Vec<Value>,
}

/// One column.
pub(super) struct Column {
    name: &'static str,
    type_: &'static str,
    format: &'static str,
    priority: i64,
}

/// A column of text.
pub(super) const fn col(name: &'static str) -> Column {
    Column { name, type_: "string", format: "", priority: 0 }
}

/// A column of whole numbers.
pub(super) const fn number(name: &'static str) -> Column {
    Column { name, type_: "integer", format: "", priority: 0 }
}

/// A column that only wide output shows.
pub(super) const fn wide(name: &'static str) -> Column {
    Column { name, type_: "string", format: "", priority: 1 }
}

impl Column {
    /// The same column of another type.
    pub(super) const fn of_type(mut self, type_: &'static str) -> Self {
        self.type_ = type_;
        self
    }

    /// The same column as wide output's name column.
    pub(super) const fn name_format(mut self) -> Self {
        self.format = "name";
        self
    }

    /// As a column of a resource, such as `deployments.apps`.
    pub(super) fn definition(&self, resource: &str) -> Value {
        json!({
            "name": self.name, "type": self.type_, "format": self.format, "priority": self.priority,
            "description": descriptions::of(self.name, resource),
        })
    }
}

/// The first column of nearly every kind.
pub(super) const NAME: Column = col("Name").name_format();
/// The age of an object.
pub(super) const AGE: Column = col("Age");

/// What upstream shows of kinds without a printer of their own.
const DEFAULT: Printer = Printer {
    columns: &[NAME, col("Created At").of_type("date")],
    cells: |object, _| vec![object::name(object).into(), text(object, "/metadata/creationTimestamp").into()],
};

/// Kinds of which there is nothing to say but their age.
const PLAIN: Printer =
    Printer { columns: &[NAME, AGE], cells: |object, now| vec![cell::name(object), cell::age(object, now)] };

type Row = (&'static str, &'static str, Printer);

static PRINTERS: LazyLock<Vec<Row>> = LazyLock::new(|| {
    let plain: [Row; 2] = [("", "serviceaccounts", PLAIN), ("", "podtemplates", PLAIN)];
    let all = plain.into_iter().chain(pods::printers()).chain(workloads::printers()).chain(network::printers());
    all.chain(storage::printers()).chain(cluster::printers()).chain(events::printers()).collect()
});

/// The printer of a built-in resource.
pub(super) fn printer_of(group: &str, plural: &str) -> &'static Printer {
    let row = PRINTERS.iter().find(|row| row.0 == group && row.1 == plural);
    row.map_or(&DEFAULT, |row| &row.2)
}

/// Whether a built-in resource has a printer; upstream's tables of those without have no rows rather than none.
pub(super) fn has_printer(group: &str, plural: &str) -> bool {
    PRINTERS.iter().any(|row| row.0 == group && row.1 == plural)
}
