//! YAML streams: what is read is written so that it reads the same, and every document knows where it stands.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mainstay_apimachinery::FieldPath;
use mainstay_apimachinery::yaml::{parse_documents, to_string, to_string_documents};
use serde_json::Value;

fuzz_target!(|text: &str| {
    let Ok(documents) = parse_documents(text) else { return };
    let lines = text.split(['\n', '\r']).count();
    for document in &documents {
        assert!(document.line <= lines, "line {} of {lines}: {text:?}", document.line);
        let written = to_string(&document.value);
        let again = parse_documents(&written).unwrap_or_else(|error| panic!("{text:?} {written:?}: {error}"));
        let again: Vec<&Value> = again.iter().map(|document| &document.value).collect();
        assert_eq!(again, [&document.value], "{text:?} is written as {written:?}");
        for name in document.value.as_object().into_iter().flatten().map(|(name, _)| name) {
            let place = document.position_of(&FieldPath::root().child(name));
            assert!(place.is_none_or(|(line, _)| line <= lines), "{name:?} at {place:?}: {text:?}");
        }
    }
    let values: Vec<&Value> = documents.iter().map(|document| &document.value).collect();
    let stream = to_string_documents(values.iter().copied());
    let again = parse_documents(&stream).unwrap_or_else(|error| panic!("{text:?} {stream:?}: {error}"));
    assert!(again.iter().map(|document| &document.value).eq(values), "{text:?} {stream:?}");
});
