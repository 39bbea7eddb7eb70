//! The types of expressions.
//! It must not know where they come from.

use std::fmt;
use std::sync::Arc;

use mainstay_apimachinery::Schema;

/// The type of an expression, as cel-go's `types.Type`.
#[derive(Clone, Debug)]
pub enum CelType {
    /// Any value; whatever is done with it is checked when it is evaluated.
    Dyn,
    /// The type of what is wrong already; nothing more is reported about it.
    Error,
    /// A scalar or an opaque type, by name: `int`, `string`, `timestamp`, `kubernetes.Quantity`.
    Named(&'static str),
    /// A list.
    List(Arc<CelType>),
    /// A list that a schema describes, with what the schema says of it.
    ListOf(Arc<Schema>, Arc<CelType>),
    /// A map.
    Map(Arc<CelType>, Arc<CelType>),
    /// A map that a schema describes.
    MapOf(Arc<Schema>, Arc<CelType>),
    /// An object whose fields have these types: the variables of a policy.
    Fields(Arc<std::collections::BTreeMap<String, CelType>>),
    /// An object with known fields.
    Object(Arc<ObjectType>),
    /// An optional value.
    Optional(Arc<CelType>),
    /// A type as a value.
    Type(Arc<CelType>),
    /// A type to be found out.
    Variable(usize),
}

/// An object with the fields of a schema.
#[derive(Debug)]
pub struct ObjectType {
    /// The name that errors show.
    pub name: String,
    /// Its fields.
    pub schema: Arc<Schema>,
}

/// A list's items, or a map's keys and values.
pub(super) enum Parts<'t> {
    List(&'t CelType),
    Map(CelType, &'t CelType),
}

impl CelType {
    /// `bool`.
    pub const BOOL: Self = Self::Named("bool");
    /// `int`.
    pub const INT: Self = Self::Named("int");
    /// `string`.
    pub const STRING: Self = Self::Named("string");

    /// A list of items of a type.
    #[must_use]
    pub fn list(item: Self) -> Self {
        Self::List(Arc::new(item))
    }

    /// A map.
    #[must_use]
    pub fn map(key: Self, value: Self) -> Self {
        Self::Map(Arc::new(key), Arc::new(value))
    }

    /// A value that may be absent.
    #[must_use]
    pub fn optional(inner: Self) -> Self {
        Self::Optional(Arc::new(inner))
    }

    /// The schema behind a list, map or object.
    pub(crate) fn schema(&self) -> Option<&Arc<Schema>> {
        match self {
            Self::ListOf(schema, _) | Self::MapOf(schema, _) => Some(schema),
            Self::Object(object) => Some(&object.schema),
            _ => None,
        }
    }

    pub(super) fn parts(&self) -> Option<Parts<'_>> {
        match self {
            Self::List(item) | Self::ListOf(_, item) => Some(Parts::List(item)),
            Self::Map(key, value) => Some(Parts::Map((**key).clone(), value)),
            Self::MapOf(_, value) => Some(Parts::Map(Self::STRING, value)),
            _ => None,
        }
    }

    pub(crate) fn is(&self, name: &str) -> bool {
        matches!(self, Self::Named(own) if *own == name)
    }

    /// Whether equality needs no look inside.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(self, Self::Named(_) | Self::Type(_))
    }
}

/// Prints as cel-go's `FormatCELType`.
impl fmt::Display for CelType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dyn | Self::Variable(_) => f.write_str("dyn"),
            Self::Error => f.write_str("!error!"),
            Self::Named("null") => f.write_str("null"),
            Self::Named("timestamp") => f.write_str("timestamp"),
            Self::Named(name) => f.write_str(name),
            Self::List(item) | Self::ListOf(_, item) => write!(f, "list({item})"),
            Self::Map(key, value) => write!(f, "map({key}, {value})"),
            Self::MapOf(_, value) => write!(f, "map(string, {value})"),
            Self::Object(object) => f.write_str(&object.name),
            Self::Fields(_) => f.write_str("kubernetes.variables"),
            Self::Optional(inner) => write!(f, "optional_type({inner})"),
            Self::Type(inner) => write!(f, "type({inner})"),
        }
    }
}
