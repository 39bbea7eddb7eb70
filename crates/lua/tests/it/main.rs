//! Customizations as users write them.

mod actions;
mod config;
mod health;

use std::collections::BTreeMap;

use jiff::Timestamp;
use mainstay_lua::Customizations;

fn data(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
    entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// Customizations without a mistake.
fn customizations(entries: &[(&str, &str)]) -> Customizations {
    let (customizations, errors) = Customizations::from_config(&data(entries));
    assert_eq!(errors, []);
    customizations
}

fn now() -> Timestamp {
    "2026-03-01T08:05:09Z".parse().expect("it is a time")
}
