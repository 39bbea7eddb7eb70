//! What the server must have after a kill: what it acknowledged, and of what it did not answer all or nothing.
//! It must not know how writes are sent.

use std::collections::BTreeMap;

use kube::Client;
use serde_json::Value;

use super::load::{NAMESPACE, get};

/// A kind's plural and a name.
pub(crate) type Key = (&'static str, String);

/// An object as it was answered: what was written, and its resourceVersion.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Known {
    pub(crate) content: Value,
    pub(crate) version: u64,
}

/// The writes of one client, one at a time.
#[derive(Default)]
pub(crate) struct Writer {
    pub(crate) objects: BTreeMap<Key, Known>,
    /// What a write that was not answered makes of objects; `None` deletes.
    pub(crate) unanswered: BTreeMap<Key, Option<Value>>,
    pub(crate) random: Random,
    pub(crate) acknowledged: usize,
    pub(crate) counter: u64,
}

/// All that the server was told and said.
pub(crate) struct Model {
    pub(crate) writers: Vec<Writer>,
    /// The highest resourceVersion that anybody saw.
    pub(crate) highest: u64,
    unanswered: usize,
    applied: usize,
}

impl Model {
    pub(crate) fn new(writers: usize, seed: u64) -> Self {
        let writer = |number| Writer { random: Random(seed ^ (number << 32)), ..Writer::default() };
        Self { writers: (1..=writers as u64).map(writer).collect(), highest: 0, unanswered: 0, applied: 0 }
    }

    /// Writes that were not answered, and of them those that took place.
    pub(crate) fn unanswered(&self) -> usize {
        self.unanswered
    }

    pub(crate) fn applied(&self) -> usize {
        self.applied
    }

    /// Holds the server's objects against the model, and takes over what became of unanswered writes.
    pub(crate) async fn compare(&mut self, client: &Client) -> Result<(), String> {
        let mut found = BTreeMap::new();
        for plural in ["configmaps", "services"] {
            let list = get(client, &format!("/api/v1/namespaces/{NAMESPACE}/{plural}")).await?;
            let at = version(&list);
            if at < self.highest {
                return Err(format!("the list is at {at}, but {} was seen before the kill", self.highest));
            }
            self.highest = at;
            for item in list["items"].as_array().into_iter().flatten() {
                if item["metadata"]["labels"]["crash"].is_string() {
                    let name = item["metadata"]["name"].as_str().unwrap_or_default().to_owned();
                    found.insert((plural, name), Known { content: content(item), version: version(item) });
                }
            }
        }
        for number in 0..self.writers.len() {
            self.settle(number, &mut found)?;
        }
        match found.keys().next() {
            Some(key) => Err(format!("{key:?} was never written, or its deletion was acknowledged, and it is there")),
            None => Ok(()),
        }
    }

    fn settle(&mut self, number: usize, found: &mut BTreeMap<Key, Known>) -> Result<(), String> {
        let writer = &mut self.writers[number];
        let unanswered = std::mem::take(&mut writer.unanswered);
        self.unanswered += unanswered.len();
        for (key, wanted) in &unanswered {
            let before = writer.objects.get(key).cloned();
            let now = found.remove(key);
            let applied = now.as_ref().map(|known| &known.content) == wanted.as_ref();
            let untouched = now == before;
            if !applied && !untouched {
                return Err(format!("{key:?} is half written: {now:?}, it was {before:?}, wanted {wanted:?}"));
            }
            self.applied += usize::from(applied && !untouched);
            match now {
                Some(known) => drop(writer.objects.insert(key.clone(), known)),
                None => drop(writer.objects.remove(key)),
            }
        }
        for (key, known) in writer.objects.iter().filter(|(key, _)| !unanswered.contains_key(*key)) {
            let now = found.remove(key);
            if now.as_ref() != Some(known) {
                return Err(format!("an acknowledged write is lost: {key:?} is {now:?}, it was {known:?}"));
            }
        }
        Ok(())
    }
}

/// What a client wrote, of an object as the server answers it.
pub(crate) fn content(object: &Value) -> Value {
    if object["spec"].is_object() {
        return object["spec"]["ports"][0]["port"].clone();
    }
    object["data"].clone()
}

/// The resourceVersion of an object or a list.
pub(crate) fn version(object: &Value) -> u64 {
    object["metadata"]["resourceVersion"].as_str().and_then(|version| version.parse().ok()).unwrap_or(0)
}

/// SplitMix64: the same numbers everywhere.
#[derive(Default)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }
}
