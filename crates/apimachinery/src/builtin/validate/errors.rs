//! A list of field errors being written. It must not know any rule.

use serde_json::Value;

use crate::{FieldError, FieldErrorKind, FieldPath};

/// Collects errors, with a method for each kind.
#[derive(Default)]
pub(super) struct Errors(Vec<FieldError>);

impl Errors {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn push(&mut self, kind: FieldErrorKind, path: FieldPath, value: Value, detail: impl Into<String>) {
        self.0.push(FieldError::new(kind, path, value, detail));
    }

    pub(super) fn invalid(&mut self, path: FieldPath, value: impl Into<Value>, detail: impl Into<String>) {
        self.push(FieldErrorKind::Invalid, path, value.into(), detail);
    }

    /// An error whose value is printed as `text`.
    pub(super) fn invalid_shown_as(&mut self, path: FieldPath, text: &str, detail: &str) {
        let error = FieldError::new(FieldErrorKind::Invalid, path, Value::Null, detail);
        self.0.push(error.shown_as(text));
    }

    /// An error where there are more than `most`.
    pub(super) fn too_many(&mut self, path: FieldPath, count: usize, most: usize) {
        if count > most {
            let detail = format!("{count}: must have at most {most} items");
            self.push(FieldErrorKind::TooMany, path, count.into(), detail);
        }
    }

    /// One error for each message of a grammar.
    pub(super) fn grammar(&mut self, path: &FieldPath, value: &str, messages: Vec<String>) {
        messages.into_iter().for_each(|message| self.invalid(path.clone(), value, message));
    }

    pub(super) fn required(&mut self, path: FieldPath, detail: &str) {
        self.push(FieldErrorKind::Required, path, Value::Null, detail);
    }

    pub(super) fn forbidden(&mut self, path: FieldPath, detail: &str) {
        self.push(FieldErrorKind::Forbidden, path, Value::Null, detail);
    }

    pub(super) fn duplicate(&mut self, path: FieldPath, value: impl Into<Value>) {
        self.push(FieldErrorKind::Duplicate, path, value.into(), "");
    }

    pub(super) fn not_found(&mut self, path: FieldPath, value: impl Into<Value>) {
        self.push(FieldErrorKind::NotFound, path, value.into(), "");
    }

    pub(super) fn too_long(&mut self, path: FieldPath, most: usize) {
        self.push(FieldErrorKind::TooLong, path, Value::Null, format!("may not be more than {most} bytes"));
    }

    /// A value that is none of the supported ones, which are listed in order.
    pub(super) fn not_supported(&mut self, path: FieldPath, value: impl Into<Value>, supported: &[&str]) {
        let mut names: Vec<String> = supported.iter().map(|name| format!("\"{name}\"")).collect();
        names.sort();
        let detail = format!("supported values: {}", names.join(", "));
        self.push(FieldErrorKind::NotSupported, path, value.into(), detail);
    }

    /// A field that may not change. Absent and empty count as the same.
    pub(super) fn immutable(&mut self, path: FieldPath, new: Option<&Value>, old: Option<&Value>) {
        let changed = new != old && !(super::is_empty(new) && super::is_empty(old));
        if changed {
            self.invalid(path, new.cloned().unwrap_or_default(), "field is immutable");
        }
    }

    pub(super) fn non_negative(&mut self, path: FieldPath, value: Option<&Value>) {
        if let Some(value) = value.filter(|value| value.as_f64().is_some_and(|number| number < 0.0)) {
            self.invalid(path, value.clone(), "must be greater than or equal to 0");
        }
    }

    pub(super) fn port(&mut self, path: FieldPath, value: &Value) {
        if value.as_i64().is_some_and(|port| !(1..=65535).contains(&port)) {
            self.invalid(path, value.clone(), "must be between 1 and 65535, inclusive");
        }
    }

    /// A port by number or by name.
    pub(super) fn port_or_name(&mut self, path: FieldPath, value: &Value) {
        match value {
            Value::String(name) => self.grammar(&path, name, crate::names::check_port_name(name)),
            number => self.port(path, number),
        }
    }

    /// Whether there is an error at this very path.
    pub(super) fn has(&self, path: &FieldPath) -> bool {
        self.0.iter().any(|error| error.path == *path)
    }

    /// Whether there is an error at this path, or at the list of which it is an item.
    pub(super) fn has_around(&self, path: &FieldPath) -> bool {
        let list = path.as_str().strip_suffix(']').and_then(|text| text.rsplit_once('[')).map(|(list, _)| list);
        self.0.iter().any(|error| error.path == *path || list == Some(error.path.as_str()))
    }

    /// As [`Self::invalid`], with a value that Go does not print as JSON of the API.
    pub(super) fn invalid_shown(&mut self, path: FieldPath, shown: &str, detail: &str) {
        let error = FieldError::new(FieldErrorKind::Invalid, path, Value::Null, detail);
        self.0.push(error.shown_as(shown));
    }

    pub(super) fn extend(&mut self, errors: Vec<FieldError>) {
        self.0.extend(errors);
    }

    pub(super) fn into_vec(self) -> Vec<FieldError> {
        self.0
    }
}
