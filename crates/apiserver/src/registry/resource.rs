//! What the server knows of one served resource: names, verbs, subresources, schema.
//! It must not know requests or storage.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use mainstay_apimachinery::gvk::join_api_version;
use mainstay_apimachinery::{GroupVersionKind, GroupVersionResource, Schema, builtin};
use mainstay_cel::rules::Rules;

/// The verbs of a resource that can be stored, in the order discovery prints them.
pub const ALL_VERBS: [&str; 8] = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

/// The same of custom resources, in the order of upstream's `customresource_discovery_controller.go`.
pub const CUSTOM_VERBS: [&str; 8] = ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"];

/// One resource in one served version, as `metav1.APIResource` plus what serving it needs.
#[derive(Clone, Debug)]
pub struct Resource {
    /// API group; empty for the core group.
    pub group: Arc<str>,
    /// Served API version.
    pub version: Arc<str>,
    /// Kind in PascalCase.
    pub kind: Arc<str>,
    /// Kind of a list, such as `PodList`.
    pub list_kind: Arc<str>,
    /// Plural, lower-case name, as in URLs.
    pub plural: Arc<str>,
    /// Singular, lower-case name.
    pub singular: Arc<str>,
    /// Whether objects live in namespaces.
    pub namespaced: bool,
    /// Short names that kubectl accepts, such as `po`.
    pub short_names: Vec<String>,
    /// Categories that kubectl accepts, such as `all`.
    pub categories: Vec<String>,
    /// Verbs that are served.
    pub verbs: Vec<String>,
    /// Subresources that are served.
    pub subresources: Vec<Subresource>,
    /// Group under which the objects are stored: events of both groups are one set of objects.
    pub storage_group: Arc<str>,
    /// Version in which the objects are stored.
    pub storage_version: Arc<str>,
    /// What a CustomResourceDefinition adds; `None` for a built-in resource.
    pub custom: Option<Custom>,
}

/// One subresource, such as `status` or `scale`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subresource {
    /// Name after the object's in the URL.
    pub name: String,
    /// Kind that is read and written there; its group and version are empty where they are the resource's own.
    pub kind: GroupVersionKind,
    /// Verbs that are served.
    pub verbs: Vec<String>,
}

/// What a CustomResourceDefinition says of one version.
#[derive(Clone, Debug)]
pub struct Custom {
    /// Name of the CustomResourceDefinition: `<plural>.<group>`.
    pub definition: Arc<str>,
    /// Structural schema of the version.
    pub schema: Arc<Schema>,
    /// Structural schemas of all versions, served or not, by name.
    pub schemas: Arc<BTreeMap<Arc<str>, Arc<Schema>>>,
    /// Objects written after this revision are stored as the schema of the storage version wants them.
    pub conforming_since: u64,
    /// What users of a deprecated version are warned of.
    pub deprecation: Option<Arc<str>>,
    /// The CEL rules of the schema, compiled when first needed.
    pub rules: Arc<OnceLock<Rules>>,
    /// Paths of the scale subresource.
    pub scale: Option<ScalePaths>,
    /// `additionalPrinterColumns`.
    pub columns: Vec<Column>,
    /// JSON paths that field selectors may name, from `selectableFields`, such as `.spec.color`.
    pub selectable_fields: Vec<String>,
    /// Whether the definition is being deleted: objects can no longer be created.
    pub terminating: bool,
}

/// Paths of `subresources.scale`, such as `.spec.replicas`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScalePaths {
    /// Path of the desired number of replicas.
    pub spec_replicas: String,
    /// Path of the observed number of replicas.
    pub status_replicas: String,
    /// Path of the label selector in text form.
    pub label_selector: Option<String>,
}

/// One of a definition's `additionalPrinterColumns`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Column {
    /// Heading.
    pub name: String,
    /// `integer`, `number`, `string`, `boolean` or `date`.
    pub type_: String,
    /// OpenAPI format.
    pub format: String,
    /// What the column shows.
    pub description: String,
    /// 0 shows always, greater only in wide output.
    pub priority: i64,
    /// Simple JSON path below the object.
    pub json_path: String,
}

impl Resource {
    /// `apiVersion` in which the resource is served.
    #[must_use]
    pub fn api_version(&self) -> String {
        join_api_version(&self.group, &self.version)
    }

    /// `apiVersion` in which the objects are stored.
    #[must_use]
    pub fn storage_api_version(&self) -> String {
        join_api_version(&self.storage_group, &self.storage_version)
    }

    /// Group, version and kind as served.
    #[must_use]
    pub fn gvk(&self) -> GroupVersionKind {
        GroupVersionKind::new(&*self.group, &*self.version, &*self.kind)
    }

    /// Group, version and plural as served.
    #[must_use]
    pub fn gvr(&self) -> GroupVersionResource {
        GroupVersionResource::new(&*self.group, &*self.version, &*self.plural)
    }

    /// `deployments.apps`, or `pods` in the core group, as in error messages.
    #[must_use]
    pub fn qualified(&self) -> String {
        if self.group.is_empty() { self.plural.to_string() } else { format!("{}.{}", self.plural, self.group) }
    }

    /// Whether a verb is served.
    #[must_use]
    pub fn allows(&self, verb: &str) -> bool {
        self.verbs.iter().any(|served| served == verb)
    }

    /// Whether objects of it are stored at all; reviews, bindings and component statuses are not.
    #[must_use]
    pub fn is_stored(&self) -> bool {
        self.allows("watch")
    }

    /// A subresource by name.
    #[must_use]
    pub fn subresource(&self, name: &str) -> Option<&Subresource> {
        self.subresources.iter().find(|subresource| subresource.name == name)
    }

    /// Whether status is written through its own subresource only.
    #[must_use]
    pub fn has_status(&self) -> bool {
        self.subresource("status").is_some()
    }

    /// Structural schema of the served version.
    #[must_use]
    pub fn schema(&self) -> Option<Arc<Schema>> {
        match &self.custom {
            Some(custom) => Some(custom.schema.clone()),
            None => builtin::schema(&self.gvk()),
        }
    }
}

impl Custom {
    /// The CEL rules of the schema.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        self.rules.get_or_init(|| Rules::compile(&self.schema))
    }
}

impl Subresource {
    /// A subresource that reads and writes the resource's own kind.
    #[must_use]
    pub fn own(name: &str, kind: &str, verbs: &[&str]) -> Self {
        Self {
            name: name.to_owned(),
            kind: GroupVersionKind::new("", "", kind),
            verbs: verbs.iter().map(|verb| (*verb).to_owned()).collect(),
        }
    }
}
