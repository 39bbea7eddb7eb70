//! The three kinds of patches, of arbitrary objects: a merge patch is idempotent, what fails changes nothing, and
//! directives do not stay in what they make.
#![no_main]

use arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use mainstay_apimachinery::patch::{json_patch, merge_patch, strategic_merge_patch};
use mainstay_fuzz::{NAMES, any_value, patch_value, schema, value};
use serde_json::{Value, json};

fuzz_target!(|data: &[u8]| {
    // Bytes that run out end the story early; what happened before is checked.
    let _ = story(&mut Unstructured::new(data));
});

fn story(u: &mut Unstructured<'_>) -> Result<()> {
    let schema = schema(u, 4)?;
    let object = if u.ratio(3, 4)? { value(u, &schema)? } else { any_value(u, 4)? };
    let patch = patch_value(u, 4)?;
    let merged = merge_patch(&object, &patch);
    assert_eq!(merge_patch(&merged, &patch), merged, "a merge patch is idempotent: {object} {patch}");
    if let Ok(patched) = strategic_merge_patch(&schema, &object, &patch) {
        assert!(patched.is_object(), "an object stays one: {object} {patch}");
        readable(&patched);
    }
    let operations = operations(u)?;
    let before = object.clone();
    if let Ok(patched) = json_patch(&object, &operations) {
        readable(&patched);
    }
    assert_eq!(before, object);
    let test = json!([{"op": "test", "path": "", "value": object}]);
    assert_eq!(json_patch(&object, &test).expect("an object equals itself"), object);
    Ok(())
}

fn operations(u: &mut Unstructured<'_>) -> Result<Value> {
    let mut operations = Vec::new();
    for _ in 0..u.int_in_range(0..=5)? {
        let op = *u.choose(&["add", "remove", "replace", "move", "copy", "test", "odd"])?;
        let mut operation = json!({"op": op, "path": pointer(u)?, "from": pointer(u)?});
        if u.ratio(7, 8)? {
            operation["value"] = any_value(u, 2)?;
        }
        operations.push(operation);
    }
    Ok(Value::Array(operations))
}

fn pointer(u: &mut Unstructured<'_>) -> Result<String> {
    let mut pointer = String::new();
    for _ in 0..u.int_in_range(0..=4)? {
        let odd = ["0", "1", "-", "-1", "00", "99999999999999999999", "~0", "~1", "~", ""];
        let step = if u.arbitrary()? { *u.choose(&NAMES)? } else { *u.choose(&odd)? };
        pointer.push('/');
        pointer.push_str(step);
    }
    Ok(pointer)
}

fn readable(value: &Value) {
    let text = serde_json::to_string(value).expect("values are written");
    assert_eq!(&serde_json::from_str::<Value>(&text).expect("values are read"), value);
}
