//! Properties of everything that is read from text and written again.

use mainstay_apimachinery::quantity::Quantity;
use mainstay_apimachinery::{json, yaml};
use proptest::prelude::*;
use serde_json::Value;

const TRAPS: &[&str] = &[
    "yes",
    "on",
    "n",
    "~",
    "null",
    "012",
    "0x1f",
    "1e3",
    "12:30:45",
    "<<",
    "=",
    "- a",
    "a: b",
    "#",
    "|",
    ">",
    "&a",
    "*a",
    "!a",
    "%a",
    "@",
    "`",
    "'",
    "\"",
    "{",
    "[",
    "\n",
    " a",
    "a ",
    "a\n",
    "\ta",
    "---",
    "...",
    "1_000",
    ".5",
    "+1",
    "2024-01-01",
];

/// Texts that YAML could take for something else, among ordinary ones.
fn texts() -> impl Strategy<Value = String> {
    prop_oneof![prop::sample::select(TRAPS).prop_map(str::to_owned), "[ -~\n]{0,12}", "\\PC{0,8}"]
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        texts().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 30, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(texts(), inner, 0..4).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn yaml_says_what_the_value_said(value in values()) {
        prop_assume!(!value.is_null());
        let text = yaml::to_string(&value);
        let read = yaml::parse_one(&text);
        prop_assert_eq!(read.map(|document| document.value), Ok(value), "{}", text);
    }

    #[test]
    fn yaml_takes_any_text(text in "[ -~\n\t]{0,60}") {
        // It may refuse it, but not panic.
        if let Ok(documents) = yaml::parse_documents(&text) {
            for document in documents {
                let _ = document.position_of(&Default::default());
            }
        }
    }

    #[test]
    fn json_reads_as_serde_reads_it(value in values()) {
        let decoded = json::decode(value.to_string().as_bytes()).expect("it was written as JSON");
        prop_assert_eq!((decoded.value, decoded.duplicates), (value, vec![]));
    }

    #[test]
    fn canonical_quantities_read_back(digits in "[0-9]{1,12}(\\.[0-9]{0,12})?", suffix in "(|n|u|m|k|M|G|Ki|Mi|Gi|Ti|e3|e-3|E6)") {
        let quantity: Quantity = format!("{digits}{suffix}").parse().expect("it follows the grammar");
        let canonical = quantity.to_string();
        let again: Quantity = canonical.parse().expect("the canonical form is a quantity");
        prop_assert_eq!(again, quantity);
        prop_assert_eq!(again.to_string(), canonical);
    }
}
