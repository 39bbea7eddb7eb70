//! The language against what Go's implementation gives.

use serde_json::json;

use crate::render;

/// Templates stand in a file with what Go's implementation, with Helm's options, gave for them.
#[test]
fn templates_give_what_go_gives() {
    let data = json!({"Values": {
        "l": [1, "two", 3.5], "m": {"a": 1, "b": {"c": "x"}}, "s": "hello", "num": 3, "f": 3.5, "big": 12_345_678,
        "nul": null, "t": true,
    }});
    let cases = include_str!("syntax.txt").lines().filter(|line| !line.starts_with('#'));
    let mut wrong = Vec::new();
    for line in cases {
        let [template, kind, expected]: [String; 3] = serde_json::from_str(line).unwrap();
        let given = render(&template, &data);
        let fits = match (&given, kind.as_str()) {
            (Ok(text), "=") => text.replace("<no value>", "") == expected,
            (Err(error), "!") => error.to_string() == expected,
            _ => false,
        };
        if !fits {
            let given = given.map_err(|error| error.to_string());
            wrong.push(format!("{template}\n  gives  {given:?}\n  not {kind} {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
