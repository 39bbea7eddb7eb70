//! Structural schemas: the shape of a kind, for built-in kinds and custom resources alike.
//! It must not know any kind, nor evaluate CEL.

mod defaults;
mod formats;
pub(crate) mod openapi;
mod prune;
mod structural;
mod validate;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

pub(crate) use defaults::drop_nulls;
pub(crate) use validate::type_name;

use crate::{FieldError, FieldPath};

/// JSON type a schema asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// A JSON object.
    Object,
    /// A JSON array.
    Array,
    /// A string.
    String,
    /// A whole number.
    Integer,
    /// Any number.
    Number,
    /// `true` or `false`.
    Boolean,
}

impl Type {
    fn parse(name: &str) -> Option<Self> {
        [Self::Object, Self::Array, Self::String, Self::Integer, Self::Number, Self::Boolean]
            .into_iter()
            .find(|type_| type_.name() == name)
    }

    /// The name in `type`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::Array => "array",
            Self::String => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
        }
    }
}

/// How lists merge: `x-kubernetes-list-type`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ListType {
    /// The list is one value.
    #[default]
    Atomic,
    /// Scalars, each at most once.
    Set,
    /// Objects told apart by these keys, in the order of `x-kubernetes-list-map-keys`.
    Map(Vec<String>),
}

/// One rule of `x-kubernetes-validations`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// CEL that must be true.
    pub rule: String,
    /// Message when it is not.
    pub message: Option<String>,
    /// CEL that makes the message.
    pub message_expression: Option<String>,
    /// Path below the schema the error is reported at.
    pub field_path: Option<String>,
    /// Reason reported, such as `FieldValueForbidden`.
    pub reason: Option<String>,
    /// Whether the rule may be evaluated when there is no old value.
    pub optional_old_self: bool,
}

/// A node of a structural schema. Definitions shared by many kinds are shared `Arc`s.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Schema {
    /// JSON type; `None` accepts any (with `int_or_string` or `preserve_unknown_fields`).
    pub type_: Option<Type>,
    /// `description`; stripped from built-in kinds.
    pub description: Option<Arc<str>>,
    /// Fields of an object.
    pub properties: BTreeMap<String, Arc<Schema>>,
    /// Schema of the values of a map.
    pub additional_properties: Option<Arc<Schema>>,
    /// Schema of the items of a list.
    pub items: Option<Arc<Schema>>,
    /// How the list merges.
    pub list_type: ListType,
    /// Whether an object is one value: `x-kubernetes-map-type: atomic`.
    pub map_atomic: bool,
    /// `x-kubernetes-preserve-unknown-fields`.
    pub preserve_unknown_fields: bool,
    /// `x-kubernetes-int-or-string`.
    pub int_or_string: bool,
    /// `x-kubernetes-embedded-resource`.
    pub embedded_resource: bool,
    /// `nullable`.
    pub nullable: bool,
    /// Fields that must be there.
    pub required: Vec<String>,
    /// Value given to an absent field.
    pub default: Option<Value>,
    /// `format`, such as `date-time` or `int32`.
    pub format: Option<String>,
    /// Allowed values.
    pub enum_: Vec<Value>,
    /// Regular expression a string must match.
    pub pattern: Option<String>,
    /// Least number.
    pub minimum: Option<f64>,
    /// Greatest number.
    pub maximum: Option<f64>,
    /// Whether `minimum` itself is refused.
    pub exclusive_minimum: bool,
    /// Whether `maximum` itself is refused.
    pub exclusive_maximum: bool,
    /// The number must be a multiple of this.
    pub multiple_of: Option<f64>,
    /// Least length of a string, in characters.
    pub min_length: Option<u64>,
    /// Greatest length of a string, in characters.
    pub max_length: Option<u64>,
    /// Fewest items.
    pub min_items: Option<u64>,
    /// Most items.
    pub max_items: Option<u64>,
    /// Fewest properties.
    pub min_properties: Option<u64>,
    /// Most properties.
    pub max_properties: Option<u64>,
    /// Whether items must differ.
    pub unique_items: bool,
    /// All of these must hold.
    pub all_of: Vec<Arc<Schema>>,
    /// One of these at least must hold.
    pub any_of: Vec<Arc<Schema>>,
    /// Exactly one of these must hold.
    pub one_of: Vec<Arc<Schema>>,
    /// This must not hold.
    pub not: Option<Arc<Schema>>,
    /// `x-kubernetes-validations`.
    pub rules: Vec<Rule>,
    /// `x-kubernetes-patch-merge-key`, for strategic merge patch.
    pub patch_merge_key: Option<String>,
    /// `x-kubernetes-patch-strategy`, such as `merge` or `merge,retainKeys`.
    pub patch_strategy: Option<String>,
    /// `x-kubernetes-group-version-kind` of a top-level kind: (group, version, kind).
    pub group_version_kinds: Vec<crate::GroupVersionKind>,
    /// Name of the definition this comes from, for built-in kinds: `io.k8s.api.apps.v1.DeploymentSpec`.
    pub definition: Option<Arc<str>>,
}

impl Schema {
    /// The schema of a field: a property, else the map's value schema.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Arc<Schema>> {
        self.properties.get(name).or(self.additional_properties.as_ref())
    }

    /// The structural schema that an `openAPIV3Schema` of a custom resource definition describes.
    ///
    /// # Errors
    /// Every rule of structural schemas it breaks, with paths below the schema.
    pub fn from_openapi(openapi: &Value) -> Result<Self, Vec<FieldError>> {
        Self::from_openapi_at(openapi, &FieldPath::root())
    }

    /// As [`Self::from_openapi`], with `path` before the path of each error, such as `spec.validation.openAPIV3Schema`.
    ///
    /// # Errors
    /// Every rule of structural schemas it breaks.
    pub fn from_openapi_at(openapi: &Value, path: &FieldPath) -> Result<Self, Vec<FieldError>> {
        let mut errors = structural::check(openapi, path);
        let schema = openapi::Reader::plain().read(openapi);
        if errors.is_empty() {
            errors = structural::check_defaults(&schema, path);
        }
        if errors.is_empty() { Ok(schema) } else { Err(errors) }
    }

    /// Sets absent fields, and nulls that may not be null, to their defaults; drops the nulls that are left and may not
    /// be. Defaults of built-in kinds are not in their schemas: [`crate::builtin::defaults`] gives them.
    pub fn apply_defaults(&self, value: &mut Value) {
        defaults::apply(self, value);
    }

    /// Drops the fields the schema does not know and returns their paths. `apiVersion`, `kind` and `metadata` at the
    /// root, and of embedded resources, are always known.
    pub fn prune(&self, value: &mut Value) -> Vec<FieldPath> {
        prune::prune(self, value)
    }

    /// Everything wrong with a value, in the words of Kubernetes, paths starting with `path`. CEL rules are not
    /// evaluated.
    #[must_use]
    pub fn validate(&self, value: &Value, path: &FieldPath) -> Vec<FieldError> {
        validate::validate(self, value, path)
    }

    /// The schema as OpenAPI v3, as a custom resource definition carries it. Shared definitions are printed in place.
    #[must_use]
    pub fn to_openapi(&self) -> Value {
        openapi::print(self)
    }
}
