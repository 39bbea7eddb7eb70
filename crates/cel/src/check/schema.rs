//! The types that OpenAPI schemas describe, as `k8s.io/apiserver/pkg/cel/common.SchemaDeclType`.
//! It must not know expressions.

use std::sync::{Arc, LazyLock};

use mainstay_apimachinery::Schema;
use mainstay_apimachinery::schema::Type;

use super::types::{CelType, ObjectType};

/// Names that CEL reserves; a field of such a name is written between two underscores twice: `__namespace__`.
const RESERVED: &[&str] = &[
    "true",
    "false",
    "null",
    "in",
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];

static META: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    let text = || Arc::new(Schema { type_: Some(Type::String), ..Schema::default() });
    Arc::new(Schema {
        type_: Some(Type::Object),
        properties: [("name".to_owned(), text()), ("generateName".to_owned(), text())].into(),
        ..Schema::default()
    })
});

/// The type of values of a schema; `None` where the schema says nothing of their type. Objects are called `name`, and
/// what is in them `name` followed by the field.
#[must_use]
pub fn type_of(schema: &Arc<Schema>, name: &str) -> Option<CelType> {
    if schema.int_or_string {
        return Some(CelType::Dyn);
    }
    Some(match schema.type_? {
        Type::Boolean => CelType::BOOL,
        Type::Integer => CelType::INT,
        Type::Number => CelType::Named("double"),
        Type::String => CelType::Named(text_type(schema.format.as_deref())),
        Type::Array => {
            let item = type_of(schema.items.as_ref()?, &format!("{name}.@idx"))?;
            CelType::ListOf(schema.clone(), Arc::new(item))
        }
        Type::Object => match &schema.additional_properties {
            Some(values) => CelType::MapOf(schema.clone(), Arc::new(type_of(values, &format!("{name}.@elem"))?)),
            None => {
                let schema = if schema.embedded_resource { Arc::new(with_object_meta(schema)) } else { schema.clone() };
                CelType::Object(Arc::new(ObjectType { name: name.to_owned(), schema }))
            }
        },
    })
}

/// The type of strings of a format.
pub(crate) fn text_type(format: Option<&str>) -> &'static str {
    match format {
        Some("byte") => "bytes",
        Some("duration") => "duration",
        Some("date" | "date-time") => "timestamp",
        _ => "string",
    }
}

/// A schema with the fields that every object has: `apiVersion`, `kind`, `metadata.name` and `metadata.generateName`.
pub(crate) fn with_object_meta(schema: &Schema) -> Schema {
    let mut schema = schema.clone();
    let text = Arc::new(Schema { type_: Some(Type::String), ..Schema::default() });
    schema.properties.insert("apiVersion".to_owned(), text.clone());
    schema.properties.insert("kind".to_owned(), text);
    schema.properties.insert("metadata".to_owned(), META.clone());
    schema
}

/// The `type` a schema asks for; empty for int-or-string, as upstream shows it in errors.
pub(crate) fn type_name(schema: &Schema) -> &'static str {
    schema.type_.map_or("", Type::name)
}

impl ObjectType {
    /// A field by the name expressions use, with its name in JSON.
    pub(super) fn field(&self, escaped: &str) -> Option<(String, CelType)> {
        let found = match self.schema.properties.get_key_value(escaped) {
            Some((name, schema)) if escape(name).as_deref() == Some(escaped) => Some((name, schema)),
            _ => self.schema.properties.iter().find(|(name, _)| escape(name).as_deref() == Some(escaped)),
        };
        let (name, schema) = found?;
        Some((name.clone(), type_of(schema, &format!("{}.{name}", self.name))?))
    }
}

/// The name a field has in expressions, as `cel.Escape`; `None` where it has none.
pub(crate) fn escape(name: &str) -> Option<String> {
    if RESERVED.contains(&name) {
        return Some(format!("__{name}__"));
    }
    let mut text = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(first) = rest.chars().next() {
        let (written, taken) = match first {
            '_' if rest.starts_with("__") => ("__underscores__", 2),
            '.' => ("__dot__", 1),
            '-' => ("__dash__", 1),
            '/' => ("__slash__", 1),
            c if c.is_ascii_alphabetic() || c == '_' || (c.is_ascii_digit() && !text.is_empty()) => (&rest[..1], 1),
            _ => return None,
        };
        text.push_str(written);
        rest = &rest[taken..];
    }
    (!text.is_empty()).then_some(text)
}
