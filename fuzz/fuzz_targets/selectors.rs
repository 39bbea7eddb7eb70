//! Label and field selectors: what is parsed is printed so that it parses to the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mainstay_apimachinery::selector::{FieldSelector, LabelSelector};
use serde_json::json;

fuzz_target!(|text: &str| {
    if let Ok(selector) = LabelSelector::parse(text) {
        let printed = selector.to_string();
        let again = LabelSelector::parse(&printed).unwrap_or_else(|error| panic!("{text:?} {printed:?}: {error}"));
        assert_eq!(again, selector, "{text:?} is printed as {printed:?}");
        let labels = json!({"app": "web", "tier": "1", "a": ""});
        let labels = labels.as_object().expect("it is one");
        assert_eq!(again.matches(labels), selector.matches(labels));
        assert!(selector.is_everything() || !printed.is_empty(), "{text:?}");
    }
    if let Ok(selector) = FieldSelector::parse(text) {
        let printed = selector.to_string();
        let again = FieldSelector::parse(&printed).unwrap_or_else(|error| panic!("{text:?} {printed:?}: {error}"));
        assert_eq!(again, selector, "{text:?} is printed as {printed:?}");
        let field = |path: &str| (path == "metadata.name").then(|| "web".to_owned());
        assert_eq!(again.matches(field), selector.matches(field));
    }
});
