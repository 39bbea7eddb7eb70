//! Reads values out of untyped objects by JSON pointer, and says what a merge patch must change.
//! It must not know any kind.

use jiff::Timestamp;
use serde_json::{Map, Value};

/// The integer at a pointer.
pub(crate) fn int(object: &Value, pointer: &str) -> Option<i64> {
    object.pointer(pointer).and_then(Value::as_i64)
}

/// The integer at a pointer, 0 where it is missing: how upstream's `omitempty` counts are read.
pub(crate) fn count(object: &Value, pointer: &str) -> i64 {
    int(object, pointer).unwrap_or(0)
}

/// The string at a pointer; `None` where it is missing or empty.
pub(crate) fn text<'a>(object: &'a Value, pointer: &str) -> Option<&'a str> {
    object.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// The boolean at a pointer, false where it is missing.
pub(crate) fn flag(object: &Value, pointer: &str) -> bool {
    object.pointer(pointer).and_then(Value::as_bool).unwrap_or(false)
}

/// The items of the list at a pointer.
pub(crate) fn items<'a>(object: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    object.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

/// The time at a pointer, in RFC 3339.
pub(crate) fn time(object: &Value, pointer: &str) -> Option<Timestamp> {
    text(object, pointer)?.parse().ok()
}

/// A time as `metav1.Time` prints it: whole seconds, UTC.
pub(crate) fn rfc3339(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second()).expect("whole seconds of a timestamp are in range").to_string()
}

/// What `IntOrString` means for `total`: a number, or a per cent rounded up or down.
/// Upstream: `intstr.GetScaledValueFromIntOrPercent`.
pub(crate) fn scaled(value: &Value, total: i64, round_up: bool) -> Option<i64> {
    if let Some(number) = value.as_i64() {
        return Some(number);
    }
    let percent: i64 = value.as_str()?.strip_suffix('%')?.parse().ok()?;
    let product = percent * total;
    Some(if round_up { (product + 99).div_euclid(100) } else { product.div_euclid(100) })
}

/// The JSON merge patch that turns `current` into `desired`, or `None` if they are the same.
pub(crate) fn merge_diff(current: &Value, desired: &Value) -> Option<Value> {
    if current == desired {
        return None;
    }
    let (Some(before), Some(after)) = (current.as_object(), desired.as_object()) else {
        return Some(desired.clone());
    };
    let removed = before.keys().filter(|key| !after.contains_key(*key)).map(|key| (key.clone(), Value::Null));
    let changed = after.iter().filter_map(|(key, value)| {
        let patch = match before.get(key) {
            Some(old) => merge_diff(old, value)?,
            None => value.clone(),
        };
        Some((key.clone(), patch))
    });
    Some(Value::Object(removed.chain(changed).collect()))
}

/// The merge patch of the `status` of `object` that makes it `desired`, or `None` if it is so already.
pub(crate) fn status_patch(object: &Value, desired: &Value) -> Option<Value> {
    let empty = Value::Object(Map::new());
    let patch = merge_diff(object.get("status").unwrap_or(&empty), desired)?;
    Some(serde_json::json!({ "status": patch }))
}

/// A map without the numbers that are zero: upstream's `omitempty`.
pub(crate) fn without_zeros(counts: &[(&str, i64)]) -> Map<String, Value> {
    counts.iter().filter(|(_, n)| *n != 0).map(|(key, n)| ((*key).to_owned(), Value::from(*n))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn per_cents_round_as_asked() {
        assert_eq!(scaled(&json!("25%"), 3, true), Some(1));
        assert_eq!(scaled(&json!("25%"), 3, false), Some(0));
        assert_eq!(scaled(&json!(2), 3, false), Some(2));
        assert_eq!(scaled(&json!("x"), 3, false), None);
    }

    #[test]
    fn a_merge_diff_names_only_what_changes() {
        let before = json!({"a": 1, "b": {"c": 1, "d": 2}, "e": [1]});
        let after = json!({"b": {"c": 1, "d": 3}, "e": [1], "f": true});
        assert_eq!(merge_diff(&before, &after), Some(json!({"a": null, "b": {"d": 3}, "f": true})));
        assert_eq!(merge_diff(&after, &after), None);
    }

    #[test]
    fn times_lose_their_fraction() {
        assert_eq!(rfc3339(Timestamp::from_millisecond(1_999).unwrap()), "1970-01-01T00:00:01Z");
    }
}
