//! Paths into an object and the errors found there, printed as Kubernetes prints them.

use std::fmt;

use serde_json::Value;

/// A path such as `spec.containers[0].image` or `metadata.labels[app]`, as `field.Path`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldPath(String);

impl FieldPath {
    /// The empty path: the object itself. It prints as `<nil>` in errors, as upstream.
    #[must_use]
    pub fn root() -> Self {
        Self::default()
    }

    /// This path followed by a struct field.
    #[must_use]
    pub fn child(&self, field: &str) -> Self {
        if self.0.is_empty() { Self(field.to_owned()) } else { self.followed_by([".", field, ""]) }
    }

    /// This path followed by a list index.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        Self(format!("{}[{index}]", self.0))
    }

    /// Paths are made for every field that is looked at, so without the cost of a formatter.
    fn followed_by(&self, parts: [&str; 3]) -> Self {
        let mut path = String::with_capacity(self.0.len() + parts.iter().map(|part| part.len()).sum::<usize>());
        path.push_str(&self.0);
        parts.iter().for_each(|part| path.push_str(part));
        Self(path)
    }

    /// This path followed by a map key.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        self.followed_by(["[", key, "]"])
    }

    /// The path as text; empty for the root.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "<nil>" } else { &self.0 })
    }
}

/// What is wrong with a field; the texts and the `reason`s are those of `field.ErrorType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FieldErrorKind {
    /// A required field is missing.
    Required,
    /// The value is not allowed.
    Invalid,
    /// The value is none of the supported ones.
    NotSupported,
    /// The field may not be set here.
    Forbidden,
    /// The value stands twice where it must be unique.
    Duplicate,
    /// The value is too long.
    TooLong,
    /// There are too many items.
    TooMany,
    /// The value is of the wrong type.
    TypeInvalid,
    /// Something refers to what does not exist.
    NotFound,
    /// The server failed.
    Internal,
}

impl FieldErrorKind {
    /// The `reason` in `Status.details.causes[]`.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Required => "FieldValueRequired",
            Self::Invalid => "FieldValueInvalid",
            Self::NotSupported => "FieldValueNotSupported",
            Self::Forbidden => "FieldValueForbidden",
            Self::Duplicate => "FieldValueDuplicate",
            Self::TooLong => "FieldValueTooLong",
            Self::TooMany => "FieldValueTooMany",
            Self::TypeInvalid => "FieldValueTypeInvalid",
            Self::NotFound => "FieldValueNotFound",
            Self::Internal => "InternalError",
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::Required => "Required value",
            Self::Invalid | Self::TypeInvalid => "Invalid value",
            Self::NotSupported => "Unsupported value",
            Self::Forbidden => "Forbidden",
            Self::Duplicate => "Duplicate value",
            Self::TooLong => "Too long",
            Self::TooMany => "Too many",
            Self::NotFound => "Not found",
            Self::Internal => "Internal error",
        }
    }

    fn shows_value(self) -> bool {
        !matches!(self, Self::Required | Self::Forbidden | Self::TooLong | Self::TooMany | Self::Internal)
    }
}

/// One error about one field, as `field.Error`.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldError {
    /// What is wrong.
    pub kind: FieldErrorKind,
    /// Where.
    pub path: FieldPath,
    /// The offending value; `Null` where there is none.
    pub value: Value,
    /// Why, and what would be right.
    pub detail: String,
    /// How the value is printed, where that is not as JSON; an empty text leaves it out.
    pub text: Option<Box<str>>,
}

impl FieldError {
    /// An error of a kind at a path.
    pub fn new(kind: FieldErrorKind, path: FieldPath, value: Value, detail: impl Into<String>) -> Self {
        Self { kind, path, value, detail: detail.into(), text: None }
    }

    /// This error with the value printed as `text`; an empty text leaves it out, as `field.OmitValueType`.
    #[must_use]
    pub fn shown_as(mut self, text: &str) -> Self {
        self.text = Some(text.into());
        self
    }

    /// The text without the path: `Invalid value: "x": why`. This is the `message` of a cause.
    #[must_use]
    pub fn body(&self) -> String {
        let mut text = self.kind.text().to_owned();
        match &self.text {
            _ if !self.kind.shows_value() => {}
            Some(shown) if shown.is_empty() => {}
            Some(shown) => text.extend([": ", shown]),
            None => text.extend([": ", &self.value.to_string()]),
        }
        if !self.detail.is_empty() {
            text.push_str(": ");
            text.push_str(&self.detail);
        }
        text
    }
}

/// Prints as `spec.replicas: Invalid value: -1: must be …`.
impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.body())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn prints_like_upstream() {
        let path = FieldPath::root().child("spec").child("ports").index(0).child("port");
        let error = FieldError::new(FieldErrorKind::Invalid, path, json!(0), "must be between 1 and 65535, inclusive");
        assert_eq!(error.to_string(), "spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive");
        let error = FieldError::new(
            FieldErrorKind::Required,
            FieldPath::root().child("metadata").child("name"),
            Value::Null,
            "",
        );
        assert_eq!(error.to_string(), "metadata.name: Required value");
    }
}
