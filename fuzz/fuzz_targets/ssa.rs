//! Applies and updates of arbitrary objects by several managers: ownership is conserved, applies are idempotent, and
//! what is written can be read.
#![no_main]

use arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use mainstay_apimachinery::Schema;
use mainstay_apimachinery::managed_fields::{
    ApplyError, ApplyRequest, FieldSet, Operation, UpdateRequest, Versions, Writer, apply, owned_by, reset_fields,
    same_but_times, update,
};
use mainstay_fuzz::{kind, merging_otherwise, misfit, value};
use serde_json::{Value, json};

const MANAGERS: [&str; 4] = ["kubectl", "one", "two", "three"];

fuzz_target!(|data: &[u8]| {
    // Bytes that run out end the story early; what happened before is checked.
    let _ = story(&mut Unstructured::new(data));
});

fn story(u: &mut Unstructured<'_>) -> Result<()> {
    let mut schema = kind(u)?;
    let mut live = Value::Null;
    for second in 0..12 {
        if u.ratio(1, 16)? {
            schema = merging_otherwise(u, &schema)?;
            live = reconciled(&schema, live);
        }
        let manager = *u.choose(&MANAGERS)?;
        // Nothing is made through a subresource.
        let subresource = if u.ratio(1, 6)? && !live.is_null() { "status" } else { "" };
        let now = jiff::Timestamp::from_second(second).expect("a small number of seconds is a time");
        let reset = reset_fields(subresource, true);
        let versions = Versions::default();
        let writer = Writer { manager, api_version: "v1", subresource, now, reset, versions };
        let mut object = object(u, &schema)?;
        if let Some(fields) = object.as_object_mut().filter(|_| live.is_null()) {
            // Nothing is made with a status.
            fields.remove("status");
        }
        live = if u.ratio(2, 3)? {
            applied(&schema, live, &object, (writer, u.arbitrary()?))
        } else {
            updated(&schema, live, object, writer)
        };
    }
    Ok(())
}

/// The first write after a change of the schema makes everyone own what the new one says; it gives nothing to anyone.
fn reconciled(schema: &Schema, live: Value) -> Value {
    if live.is_null() {
        return live;
    }
    let reset = reset_fields("", true);
    let now = jiff::Timestamp::UNIX_EPOCH;
    let writer =
        Writer { manager: "four", api_version: "v1", subresource: "", now, reset, versions: Versions::default() };
    let mut new = live.clone();
    new["metadata"]["annotations"] = json!({"four": "x"});
    let after = stored(update(&UpdateRequest { schema, live: &live, writer }, new));
    well_formed(&after);
    let mut again = after.clone();
    again["metadata"]["annotations"] = json!({"four": "y"});
    let again = stored(update(&UpdateRequest { schema, live: &after, writer }, again));
    for manager in MANAGERS {
        let owned = |object| owned_by(object, manager, Operation::Apply);
        assert_eq!(owned(&again), owned(&after), "what is reconciled stays so");
    }
    again
}

fn object(u: &mut Unstructured<'_>, schema: &Schema) -> Result<Value> {
    let mut object = json!({"apiVersion": "v1", "kind": "Thing", "metadata": {"name": "it"}});
    for (name, schema) in &schema.properties {
        if u.ratio(3, 4)? {
            object[name] = if u.ratio(1, 8)? { misfit(u, schema)? } else { value(u, schema)? };
        }
    }
    if u.ratio(1, 4)? {
        object["metadata"]["labels"] = json!({"a": "x", "b": *u.choose(&["x", "y"])?});
    }
    Ok(object)
}

fn applied(schema: &Schema, live: Value, config: &Value, (writer, force): (Writer<'_>, bool)) -> Value {
    let request = ApplyRequest { schema, live: &live, applied: config, writer, force };
    let next = match apply(&request) {
        Ok(next) => stored(next),
        Err(error) => {
            assert!(!force || !matches!(error, ApplyError::Conflicts(_)), "force meets no conflict: {error}");
            assert!(error != ApplyError::LiveFields, "what was stored can be read: {live}");
            return live;
        }
    };
    check(&live, &next, writer.manager);
    // Nothing is validated here: an item whose key is null loses it, and the next apply does not find it again. Nor does
    // it find an item that an update wrote twice.
    if !has_null(config) && !has_twins(&live) {
        let again = apply(&ApplyRequest { live: &next, ..request }).expect("what was applied can be applied again");
        // An object that nobody owns is given to "before-first-apply" first.
        let unowned = next["metadata"]["managedFields"].is_null();
        assert!(
            unowned || same_but_times(&next, &stored(again.clone())),
            "an apply is idempotent:\n{config}\n{next}\n{again}"
        );
    }
    let alone = apply(&ApplyRequest { live: &Value::Null, ..request }).expect("it fits its schema");
    let owned = |object| entry(object, writer);
    assert_eq!(owned(&next), owned(&alone), "an applier owns what it applies: {config}");
    next
}

/// Whether items stand in a list that are one to a list of type set or map.
fn has_twins(value: &Value) -> bool {
    let identity = |item: &Value| item.as_object().map_or(item.clone(), |map| map.get("key").cloned().unwrap_or("x".into()));
    match value {
        Value::Array(items) => {
            let twice = |(at, item): (usize, &Value)| items[..at].iter().any(|other| identity(other) == identity(item));
            items.iter().enumerate().any(twice) || items.iter().any(has_twins)
        }
        Value::Object(fields) => fields.values().any(has_twins),
        _ => false,
    }
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.iter().any(has_null),
        Value::Object(fields) => fields.values().any(has_null),
        _ => false,
    }
}

fn updated(schema: &Schema, live: Value, mut object: Value, writer: Writer<'_>) -> Value {
    if !live.is_null() {
        object["metadata"]["uid"] = "u".into();
        object = prepared(&live, object, writer.subresource);
    }
    let next = stored(update(&UpdateRequest { schema, live: &live, writer }, object));
    check(&live, &next, writer.manager);
    let again = update(&UpdateRequest { schema, live: &next, writer }, next.clone());
    assert!(same_but_times(&next, &again), "an update without a change changes nothing:\n{next}\n{again}");
    next
}

/// The server lets an update of the status change nothing else, and any other update not the status.
fn prepared(live: &Value, object: Value, subresource: &str) -> Value {
    let (mut kept, taken) = if subresource.is_empty() { (object, live) } else { (live.clone(), &object) };
    match taken.get("status") {
        Some(status) => kept["status"] = status.clone(),
        None => drop(kept.as_object_mut().map(|fields| fields.remove("status"))),
    }
    kept
}

/// The server gives every object a uid.
fn stored(mut object: Value) -> Value {
    object["metadata"]["uid"] = "u".into();
    object
}

fn entry(object: &Value, writer: Writer<'_>) -> FieldSet {
    let entries = object["metadata"]["managedFields"].as_array().into_iter().flatten();
    let mut own = entries.filter(|entry| {
        entry["manager"] == writer.manager
            && entry["operation"] == "Apply"
            && entry["subresource"].as_str().unwrap_or_default() == writer.subresource
    });
    own.next().map(|entry| FieldSet::from_fields_v1(&entry["fieldsV1"]).expect("sets can be read")).unwrap_or_default()
}

/// What holds after every write: others own no more than before, and everything written can be read.
fn check(before: &Value, after: &Value, writer: &str) {
    well_formed(after);
    for manager in MANAGERS.iter().filter(|manager| **manager != writer) {
        for operation in [Operation::Apply, Operation::Update] {
            let (had, has) = (owned_by(before, manager, operation), owned_by(after, manager, operation));
            assert!(has.difference(&had).is_empty(), "{manager} came to own {:?}", has.difference(&had).paths());
        }
    }
}

fn well_formed(after: &Value) {
    let text = serde_json::to_string(after).expect("values are written");
    assert_eq!(&serde_json::from_str::<Value>(&text).expect("values are read"), after);
    let entries = after["metadata"]["managedFields"].as_array().into_iter().flatten();
    let mut seen = Vec::new();
    for entry in entries {
        let set = FieldSet::from_fields_v1(&entry["fieldsV1"]).expect("sets can be read");
        assert!(!set.is_empty(), "an entry owns something: {entry}");
        assert_eq!(set.to_fields_v1(), entry["fieldsV1"], "sets are written as they are read");
        let identity = ["manager", "operation", "apiVersion", "subresource"].map(|field| entry[field].clone());
        assert!(!seen.contains(&identity), "entries are told apart: {entry}");
        seen.push(identity);
    }
}
