//! The order in which keys of a YAML map are written: letters behind everything else, numbers by their value.
//! It must not know YAML.

use std::cmp::Ordering;

use serde_json::{Map, Value};

/// The entries of a map in this order.
pub(super) fn sorted(map: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut entries: Vec<(&String, &Value)> = map.iter().collect();
    entries.sort_by(|(a, _), (b, _)| compare(a, b));
    entries
}

fn compare(a: &str, b: &str) -> Ordering {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let Some(at) = (0..a.len().min(b.len())).find(|at| a[*at] != b[*at]) else { return a.len().cmp(&b.len()) };
    match (a[at].is_alphabetic(), b[at].is_alphabetic()) {
        (true, true) => a[at].cmp(&b[at]),
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) => number(&a, at, b[at]).cmp(&number(&b, at, a[at])).then(a[at].cmp(&b[at])),
    }
}

/// The number that begins where two keys part, and its length. A zero there only counts within a number.
fn number(key: &[char], at: usize, other: char) -> (u128, usize) {
    let digits: String = key[at..].iter().take_while(|c| c.is_ascii_digit()).take(30).collect();
    let is_within = key[..at].iter().rev().take_while(|c| c.is_ascii_digit()).any(|c| *c != '0');
    let lead = if is_within && (key[at] == '0' || other == '0') { "1" } else { "" };
    (format!("{lead}{digits}").parse().unwrap_or(0), digits.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_in_natural_order() {
        let keys = ["-a", ".", "1", "2", "10", "A", "a1", "a2", "a10", "a100", "ab", "f:.", "f:a", "k8s"];
        for pair in keys.windows(2) {
            assert_eq!(compare(pair[0], pair[1]), Ordering::Less, "{pair:?}");
        }
        assert_eq!(compare("a", "a"), Ordering::Equal);
    }
}
