//! Functions against what Sprig gives.

use serde_json::json;

use crate::render;

/// The expressions stand in a file with what Helm's own library gave for them.
#[test]
fn functions_give_what_sprig_gives() {
    let cases = include_str!("sprig.txt").lines().filter(|line| !line.starts_with('#'));
    let mut wrong = Vec::new();
    let mut count = 0;
    for line in cases {
        let [expression, kind, expected]: [String; 3] = serde_json::from_str(line).unwrap();
        let given = render(&format!("{{{{ {expression} }}}}"), &json!({}));
        let fits = match (&given, kind.as_str()) {
            (Ok(text), "=") => text.replace("<no value>", "") == expected,
            (Err(error), "!") => error.to_string().contains(&expected),
            _ => false,
        };
        if !fits {
            wrong.push(format!("{expression}\n  gives  {given:?}\n  not {kind} {expected:?}"));
        }
        count += 1;
    }
    assert!(count > 250, "{count} cases");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
