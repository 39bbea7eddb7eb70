//! Helm's own functions and objects against what Helm gives.

use serde_json::json;

use crate::{rendered, small};

/// The expressions stand in a file with what Helm's own library gave for them.
#[test]
fn functions_give_what_helm_gives() {
    let values = json!({"l": [1, "two", 3.5], "m": {"a": 1, "b": {"c": "x"}}, "s": "hello", "num": 3});
    let cases = include_str!("functions.txt").lines().filter(|line| !line.starts_with('#'));
    let mut wrong = Vec::new();
    for line in cases {
        let [template, kind, expected]: [String; 3] = serde_json::from_str(line).unwrap();
        let given = rendered(small(&[("templates/t", &format!("[{template}]"))]), &values);
        let given = given.map(|files| files[0].text.clone()).map_err(|error| error.to_string());
        let fits = match (&given, kind.as_str()) {
            (Ok(text), "=") => *text == format!("[{expected}]"),
            (Err(error), "!") => error.contains(&expected),
            _ => false,
        };
        if !fits {
            wrong.push(format!("{template}\n  gives  {given:?}\n  not {kind} {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
