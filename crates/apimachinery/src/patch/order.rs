//! Where the items of a merged list go: the order the patch asks for, with the server's own items fitted in between,
//! as `normalizeElementOrder` of upstream's `strategicpatch`.
//! It must not know directives.

use serde_json::Value;

/// Tells whether two items of a list are the same item: equal scalars, or maps with equal merge keys.
pub(super) fn same(a: &Value, b: &Value, keys: &[String]) -> bool {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => keys.iter().all(|key| a.get(key) == b.get(key)),
        _ => a == b,
    }
}

/// Puts `merged` into the order of `wanted`; items that are not wanted keep the order they have in `live` and stand
/// before the first wanted item that follows them there.
pub(super) fn arrange(merged: Vec<Value>, wanted: &[Value], live: &[Value], keys: &[String]) -> Vec<Value> {
    let position = |list: &[Value], item: &Value| list.iter().position(|x| same(x, item, keys));
    let (mut ours, mut theirs): (Vec<_>, Vec<_>) =
        merged.into_iter().partition(|item| position(wanted, item).is_some());
    ours.sort_by_key(|item| position(wanted, item));
    theirs.sort_by_key(|item| position(live, item).unwrap_or(usize::MAX));

    let mut arranged = Vec::with_capacity(ours.len() + theirs.len());
    let mut theirs = theirs.into_iter().peekable();
    for item in ours {
        if let Some(place) = position(live, &item) {
            while let Some(other) = theirs.next_if(|other| position(live, other).is_some_and(|p| p < place)) {
                arranged.push(other);
            }
        }
        arranged.push(item);
    }
    arranged.extend(theirs);
    arranged
}
