//! What was measured, as a table for people and a line for programs. It must not know how it was measured.

use std::time::Duration;

use serde_json::{Map, Value};

use super::load::Outcome;
use crate::arguments::Format;
use crate::commands::bench::percentile;
use crate::output::say;
use crate::paint;

/// Figures by name, in the order of measuring.
#[derive(Debug, Default)]
pub(super) struct Figures(Vec<(String, Value)>);

impl Figures {
    /// Calls per second of a series, and its latencies.
    pub(super) fn rate(&mut self, name: &str, outcome: &Outcome) {
        let per_second = outcome.latencies.len() as f64 / outcome.took.as_secs_f64().max(f64::EPSILON);
        self.add(format!("{name}_per_s"), Value::from(per_second.round()));
        for percent in [50, 99] {
            self.milliseconds(&format!("{name}_p{percent}_ms"), &outcome.latencies, percent);
        }
    }

    /// A percentile of times.
    pub(super) fn milliseconds(&mut self, name: &str, times: &[Duration], percent: usize) {
        let milliseconds = percentile(times, percent).as_secs_f64() * 1000.0;
        self.add(name.to_owned(), Value::from((milliseconds * 100.0).round() / 100.0));
    }

    /// Memory in KiB; unknown is null.
    pub(super) fn memory(&mut self, name: &str, kib: Option<u64>) {
        let mib = kib.map(|kib| (kib as f64 / 1024.0 * 10.0).round() / 10.0);
        self.add(name.to_owned(), Value::from(mib));
    }

    fn add(&mut self, name: String, value: Value) {
        self.0.push((name, value));
    }

    /// Prints them.
    pub(super) fn print(&self, format: Format) {
        if format != Format::Text {
            let line: Map<String, Value> = self.0.iter().cloned().collect();
            say!("{}", Value::Object(line));
            return;
        }
        for (name, value) in &self.0 {
            let value = value.to_string();
            say!("{} {value:>10}", paint::faint(&format!("{name:<28}")));
        }
    }
}
