//! What is known about kinds: their schema and whether they are namespaced.
//! It must not ask a cluster: it is filled from what was read.

use std::collections::BTreeMap;
use std::sync::Arc;

use mainstay_apimachinery::{GroupVersionKind, Schema, builtin};
use serde_json::Value;

/// A kind as the catalog knows it.
#[derive(Clone, Debug)]
pub struct KnownKind {
    /// Its schema, where there is one.
    pub schema: Option<Arc<Schema>>,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
}

/// The built-in kinds and those of CustomResourceDefinitions.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    custom: BTreeMap<GroupVersionKind, KnownKind>,
}

impl Catalog {
    /// The built-in kinds.
    #[must_use]
    pub fn builtin() -> Self {
        Self::default()
    }

    /// The built-in kinds and those of these CustomResourceDefinitions.
    pub fn with_definitions<'a>(definitions: impl IntoIterator<Item = &'a Value>) -> Self {
        let mut catalog = Self::default();
        definitions.into_iter().for_each(|definition| catalog.add(definition));
        catalog
    }

    /// Adds every version a CustomResourceDefinition serves.
    pub fn add(&mut self, definition: &Value) {
        let text = |pointer| definition.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let (group, kind) = (text("/spec/group"), text("/spec/names/kind"));
        let namespaced = text("/spec/scope") != "Cluster";
        for version in definition.pointer("/spec/versions").and_then(Value::as_array).into_iter().flatten() {
            let name = version.get("name").and_then(Value::as_str).unwrap_or_default();
            let schema =
                version.pointer("/schema/openAPIV3Schema").and_then(|openapi| Schema::from_openapi(openapi).ok());
            let known = KnownKind { schema: schema.map(Arc::new), namespaced };
            self.custom.insert(GroupVersionKind::new(group, name, kind), known);
        }
    }

    /// What is known about a kind.
    #[must_use]
    pub fn find(&self, gvk: &GroupVersionKind) -> Option<KnownKind> {
        if let Some(known) = self.custom.get(gvk) {
            return Some(known.clone());
        }
        let info = builtin::by_kind(gvk)?;
        Some(KnownKind { schema: builtin::schema(gvk), namespaced: info.namespaced })
    }
}
