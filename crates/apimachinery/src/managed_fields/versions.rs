//! The versions of a kind that owners may have written in, and the comparison of two states in each of them.
//! It must not know how versions are converted: objects have one shape in all of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::compare::{Comparison, compare};
use super::entries::Entry;
use super::typed::Typed;
use crate::Schema;
use crate::gvk::split_api_version;

/// The versions of a kind by name, each with its schema. None are known of a kind whose versions all merge alike.
#[derive(Clone, Copy, Debug, Default)]
pub struct Versions<'a> {
    schemas: Option<&'a BTreeMap<Arc<str>, Arc<Schema>>>,
}

impl<'a> Versions<'a> {
    /// All versions a kind has.
    #[must_use]
    pub fn of(schemas: &'a BTreeMap<Arc<str>, Arc<Schema>>) -> Self {
        Self { schemas: Some(schemas) }
    }

    fn schema(&self, api_version: &str) -> Option<&'a Schema> {
        self.schemas?.get(split_api_version(api_version).1).map(AsRef::as_ref)
    }

    /// How the owner of an entry sees an object that is written as `written` says.
    pub(super) fn typed(&self, entry: &Entry<'_>, written: (&str, Typed<'a>)) -> Typed<'a> {
        let other = || self.schema(&entry.api_version).map(Typed::root);
        if entry.api_version == written.0 { written.1 } else { other().unwrap_or(written.1) }
    }

    /// Forgets the owners in versions that the kind no longer has: what they owned cannot be told any more.
    pub(super) fn forget_obsolete(&self, entries: &mut Vec<Entry<'_>>) {
        let Some(schemas) = self.schemas else { return };
        entries.retain(|entry| schemas.contains_key(split_api_version(&entry.api_version).1));
    }
}

/// What changed from one state to the next, in the version written and in those of other owners.
pub(super) struct Compared {
    pub(super) written: Comparison,
    others: BTreeMap<String, Comparison>,
}

impl Compared {
    /// In one version.
    pub(super) fn one(written: Comparison) -> Self {
        Self { written, others: BTreeMap::new() }
    }

    /// Compares in all versions the entries are of. `restrict` leaves out what nobody owns.
    pub(super) fn new(
        (versions, written): (Versions<'_>, (&str, Typed<'_>)),
        (old, new): (&Value, &Value),
        entries: &[Entry<'_>],
        restrict: impl Fn(Comparison) -> Comparison,
    ) -> Self {
        let mut compared = Self::one(restrict(compare(written.1, old, new)));
        for entry in entries.iter().filter(|entry| entry.api_version != written.0) {
            let Some(schema) = versions.schema(&entry.api_version) else { continue };
            let version = entry.api_version.to_string();
            compared.others.entry(version).or_insert_with(|| restrict(compare(Typed::root(schema), old, new)));
        }
        compared
    }

    /// As the owner of an entry sees it.
    pub(super) fn seen_by(&self, entry: &Entry<'_>) -> &Comparison {
        self.others.get(entry.api_version.as_ref()).unwrap_or(&self.written)
    }
}
