//! Puts right what an object lost on its way through Lua, by the object it was made from: an empty table is a list or an object,
//! a number an integer or not, as it was there. As upstream's `cleanReturnedObj`, but for one thing: what a script has emptied
//! stays empty, where upstream brings back what was in it.
//!
//! It must not know scripts.

use serde_json::{Map, Value};

/// Gives a returned value the shape of the original.
pub(crate) fn reshape(new: &mut Value, old: &Value) {
    match (&mut *new, old) {
        (Value::Object(fields), Value::Object(before)) => {
            for (name, field) in fields {
                if let Some(old) = before.get(name) {
                    reshape(field, old);
                }
            }
        }
        (Value::Array(items), Value::Object(_)) if items.is_empty() => *new = Value::Object(Map::new()),
        (Value::Array(items), Value::Array(before)) => {
            // Nulls vanish on the way; then places would not say what belongs together.
            let before = before.iter().filter(|item| !item.is_null());
            items.iter_mut().zip(before).for_each(|(item, old)| reshape(item, old));
        }
        (Value::Number(number), Value::Number(before)) if number.as_f64() == before.as_f64() => {
            *number = before.clone()
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn empty_tables_and_numbers_are_what_they_were() {
        let old = json!({"a": {}, "b": [], "c": [{"d": {}}, {"e": [[], {}]}], "n": 9_007_199_254_740_993_i64, "f": 1.0, "l": {"x": 1}, "s": {}});
        let mut new = json!({"a": [], "b": [], "c": [{"d": []}, {"e": [[], []]}, []], "n": 9_007_199_254_740_992_i64, "f": 1, "l": [], "s": [1], "new": []});
        reshape(&mut new, &old);
        let expected = json!({"a": {}, "b": [], "c": [{"d": {}}, {"e": [[], {}]}, []], "n": 9_007_199_254_740_993_i64, "f": 1.0, "l": {}, "s": [1], "new": []});
        assert_eq!(new, expected);
    }
}
