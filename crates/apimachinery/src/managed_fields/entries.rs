//! The list at `metadata.managedFields`: who owns what, read when needed and written back in upstream's order.
//! It must not know schemas or how sets change.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use serde_json::{Map, Value};

use super::element::PathElement;
use super::set::FieldSet;

/// More Update entries than this are folded into one, as upstream's `DefaultMaxUpdateManagers`.
const MAX_UPDATE_ENTRIES: usize = 10;
const ANCIENT_CHANGES: &str = "ancient-changes";

/// How a manager came to own its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// By server-side apply.
    Apply,
    /// By any other write.
    Update,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::Apply { "Apply" } else { "Update" })
    }
}

/// One entry of the list. What it owns is read from `raw` only when it is asked for.
#[derive(Clone, Debug)]
pub(super) struct Entry<'a> {
    pub(super) manager: Cow<'a, str>,
    pub(super) operation: Operation,
    pub(super) api_version: Cow<'a, str>,
    pub(super) subresource: Cow<'a, str>,
    pub(super) time: Option<Cow<'a, str>>,
    fields: Fields<'a>,
}

#[derive(Clone, Debug)]
enum Fields<'a> {
    Raw(&'a Value),
    Set(FieldSet),
}

impl<'a> Entry<'a> {
    /// An entry that owns nothing yet.
    pub(super) fn new(manager: &'a str, operation: Operation, api_version: &'a str, subresource: &'a str) -> Self {
        let (manager, api_version, subresource) = (manager.into(), api_version.into(), subresource.into());
        Self { manager, operation, api_version, subresource, time: None, fields: Fields::Set(FieldSet::new()) }
    }

    /// Reads an entry; `None` when it is malformed.
    fn parse(raw: &'a Value) -> Option<Self> {
        let text = |field: &str| raw.get(field).and_then(Value::as_str);
        let operation = match text("operation")? {
            "Apply" => Operation::Apply,
            "Update" => Operation::Update,
            _ => return None,
        };
        if text("fieldsType").is_some_and(|kind| kind != "FieldsV1") {
            return None;
        }
        let (manager, api_version) = (text("manager").unwrap_or_default(), text("apiVersion").unwrap_or_default());
        let mut entry = Self::new(manager, operation, api_version, text("subresource").unwrap_or_default());
        entry.time = text("time").map(Cow::Borrowed);
        entry.fields = Fields::Raw(raw);
        Some(entry)
    }

    /// Whether writes of this identity belong to this entry. An applier is the same whatever version it applies.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.operation == other.operation
            && self.manager == other.manager
            && self.subresource == other.subresource
            && (self.operation == Operation::Apply || self.api_version == other.api_version)
    }

    /// What the entry owns. Fields that cannot be read are owned by nobody.
    pub(super) fn set(&self) -> Cow<'_, FieldSet> {
        match &self.fields {
            Fields::Set(set) => Cow::Borrowed(set),
            Fields::Raw(raw) => {
                let fields = raw.get("fieldsV1");
                Cow::Owned(fields.and_then(|fields| FieldSet::from_fields_v1(fields).ok()).unwrap_or_default())
            }
        }
    }

    /// What the entry owns as it was written, if it was not replaced.
    pub(super) fn raw_fields(&self) -> Option<&Map<String, Value>> {
        match &self.fields {
            Fields::Set(_) => None,
            Fields::Raw(raw) => raw.get("fieldsV1")?.as_object(),
        }
    }

    /// Gives the entry another set.
    pub(super) fn replace(&mut self, set: FieldSet) {
        self.fields = Fields::Set(set);
    }

    /// Whether the entry owns any of these fields. Most writes touch what few others own, and finding that out does not
    /// need their sets read.
    pub(super) fn owns_any(&self, set: &FieldSet) -> bool {
        match &self.fields {
            Fields::Set(own) => !own.intersection(set).is_empty(),
            Fields::Raw(raw) => raw.get("fieldsV1").is_some_and(|fields| overlaps(fields, set)),
        }
    }

    fn is_empty(&self) -> bool {
        match &self.fields {
            Fields::Set(set) => set.is_empty(),
            Fields::Raw(raw) => raw.get("fieldsV1").and_then(Value::as_object).is_none_or(Map::is_empty),
        }
    }

    fn encode(&self) -> Value {
        let fields = match &self.fields {
            Fields::Set(set) => set.to_fields_v1(),
            Fields::Raw(raw) => raw.get("fieldsV1").cloned().unwrap_or_default(),
        };
        let operation = self.operation.to_string();
        let texts = [
            ("manager", self.manager.as_ref()),
            ("operation", operation.as_str()),
            ("apiVersion", self.api_version.as_ref()),
            ("subresource", self.subresource.as_ref()),
            ("time", self.time.as_deref().unwrap_or_default()),
            ("fieldsType", "FieldsV1"),
        ];
        let texts = texts.into_iter().filter(|(_, text)| !text.is_empty());
        let mut entry: Map<String, Value> = texts.map(|(key, text)| (key.to_owned(), Value::from(text))).collect();
        entry.insert("fieldsV1".to_owned(), fields);
        Value::Object(entry)
    }

    /// Operation, time, manager, version, subresource: upstream's `sortEncodedManagedFields`.
    fn order(&self, other: &Self) -> Ordering {
        let time = |entry: &Self| entry.time.as_deref().unwrap_or_default().to_owned();
        (self.operation.cmp(&other.operation))
            .then_with(|| time(self).cmp(&time(other)))
            .then_with(|| self.manager.cmp(&other.manager))
            .then_with(|| self.api_version.cmp(&other.api_version))
            .then_with(|| self.subresource.cmp(&other.subresource))
    }
}

/// Whether `FieldsV1` and a set have a path in common. Says yes when it cannot tell, which is when a client wrote the
/// key of an item with escapes we would not write.
fn overlaps(fields: &Value, set: &FieldSet) -> bool {
    let Value::Object(fields) = fields else { return false };
    let is_member = |map: &Map<String, Value>| map.is_empty() || map.contains_key(".");
    !fields.is_empty()
        && set.nodes().iter().any(|node| match fields.get(&node.element.encode()) {
            Some(Value::Object(below)) if node.member && is_member(below) => true,
            Some(below) => overlaps(below, &node.children),
            None => !matches!(node.element, PathElement::Field(_)) && fields.keys().any(|key| key.contains('\\')),
        })
}

/// The list of an object: `Null` where there is none.
pub(super) fn list_of(object: &Value) -> &Value {
    static NONE: Value = Value::Null;
    object.get("metadata").and_then(|metadata| metadata.get("managedFields")).unwrap_or(&NONE)
}

/// Reads a list; `None` if any entry is malformed.
pub(super) fn parse(list: &Value) -> Option<Vec<Entry<'_>>> {
    match list {
        Value::Null => Some(Vec::new()),
        Value::Array(entries) => entries.iter().map(Entry::parse).collect(),
        _ => None,
    }
}

/// Whether a client asks for the list to be emptied: `[]` or `[{}]`.
pub(super) fn is_reset(list: &Value) -> bool {
    match list.as_array().map(Vec::as_slice) {
        Some([]) => true,
        Some([only]) => only.as_object().is_some_and(Map::is_empty),
        _ => false,
    }
}

/// Writes a list in upstream's order; entries that own nothing are left out. `None` if nothing is left.
pub(super) fn encode(mut entries: Vec<Entry<'_>>) -> Option<Value> {
    entries.retain(|entry| !entry.is_empty());
    entries.sort_by(Entry::order);
    (!entries.is_empty()).then(|| Value::Array(entries.iter().map(Entry::encode).collect()))
}

/// Folds the oldest Update entries of a version into one while there are too many.
pub(super) fn cap(entries: &mut Vec<Entry<'_>>) {
    let updates = entries.iter().filter(|entry| entry.operation == Operation::Update && !entry.is_empty()).count();
    if updates <= MAX_UPDATE_ENTRIES {
        return;
    }
    entries.sort_by(Entry::order);
    let mut surplus = updates - MAX_UPDATE_ENTRIES;
    let mut first = entries.partition_point(|entry| entry.operation == Operation::Apply);
    while surplus > 0 && first + 1 < entries.len() {
        let Some(next) = (first + 1..entries.len()).find(|at| entries[*at].api_version == entries[first].api_version)
        else {
            first += 1;
            continue;
        };
        let next = entries.remove(next);
        let bucket = &mut entries[first];
        bucket.replace(bucket.set().union(&next.set()));
        (bucket.manager, bucket.subresource, bucket.time) = (ANCIENT_CHANGES.into(), "".into(), next.time);
        surplus -= 1;
    }
}
