//! One object under way through a build: what it is now, what it was, and what is still to be done with it.
//! It must not know what is done with it.

use mainstay_apimachinery::object;
use serde_json::Value;

use crate::id::Id;

/// An object of a build.
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    /// The object.
    pub object: Value,
    /// Path of the file it was read from, or of the kustomization that generates it.
    pub origin: String,
    /// What it was called before, oldest first.
    pub(crate) before: Vec<Id>,
    pub(crate) prefixes: Vec<String>,
    pub(crate) suffixes: Vec<String>,
    /// Whether its name gets a hash of its content.
    pub(crate) needs_hash: bool,
}

impl Resource {
    pub(crate) fn new(object: Value, origin: &str) -> Self {
        Self {
            object,
            origin: origin.to_owned(),
            before: Vec::new(),
            prefixes: Vec::new(),
            suffixes: Vec::new(),
            needs_hash: false,
        }
    }

    pub(crate) fn id(&self) -> Id {
        Id::of(&self.object)
    }

    /// What it was and is called.
    pub(crate) fn ids(&self) -> impl Iterator<Item = Id> {
        self.before.iter().cloned().chain([self.id()])
    }

    /// What it was called in its file.
    pub(crate) fn original_id(&self) -> Id {
        self.before.first().cloned().unwrap_or_else(|| self.id())
    }

    /// Changes the object, and keeps in mind what it was called before.
    pub(crate) fn change<T>(&mut self, change: impl FnOnce(&mut Value) -> T) -> T {
        let before = self.id();
        let changed = change(&mut self.object);
        if self.id() != before {
            self.before.push(before);
        }
        changed
    }

    /// Whether it is only there for kustomize itself.
    pub(crate) fn is_local(&self) -> bool {
        object::annotation(&self.object, "config.kubernetes.io/local-config").is_some_and(|value| value != "false")
    }

    /// Whether two resources went through the same prefixes and suffixes, as far as both went.
    pub(crate) fn has_affixes_of(&self, other: &Self) -> bool {
        ends_alike(&self.prefixes, &other.prefixes) && ends_alike(&self.suffixes, &other.suffixes)
    }
}

fn ends_alike(a: &[String], b: &[String]) -> bool {
    a.ends_with(b) || b.ends_with(a)
}
