//! The order of API versions: `v2` before `v1` before `v1beta2` before `v1alpha1` before other names.
//! It must not know what a version contains.

use std::cmp::{Ordering, Reverse};

/// Compares by priority, most preferred first, as `version.CompareKubeAwareVersionStrings`.
#[must_use]
pub fn compare(a: &str, b: &str) -> Ordering {
    match (parse(a), parse(b)) {
        (Some(a), Some(b)) => Reverse(a).cmp(&Reverse(b)),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => a.cmp(b),
    }
}

/// (stability, major, minor): stability 2 is GA, 1 beta, 0 alpha.
fn parse(version: &str) -> Option<(u8, u32, u32)> {
    let rest = version.strip_prefix('v')?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let major = number(&rest[..digits])?;
    match &rest[digits..] {
        "" => Some((2, major, 0)),
        tail if tail.starts_with("beta") => Some((1, major, number(&tail[4..])?)),
        tail if tail.starts_with("alpha") => Some((0, major, number(&tail[5..])?)),
        _ => None,
    }
}

fn number(digits: &str) -> Option<u32> {
    if digits.starts_with('0') || !digits.bytes().all(|b| b.is_ascii_digit()) { None } else { digits.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_as_upstream_documents() {
        let mut versions = [
            "foo10",
            "v1alpha1",
            "v11beta2",
            "foo1",
            "v3beta1",
            "v12alpha1",
            "v10",
            "v2",
            "v1",
            "v10beta3",
            "v11alpha2",
        ];
        versions.sort_by(|a, b| compare(a, b));
        assert_eq!(
            versions,
            [
                "v10",
                "v2",
                "v1",
                "v11beta2",
                "v10beta3",
                "v3beta1",
                "v12alpha1",
                "v11alpha2",
                "v1alpha1",
                "foo1",
                "foo10"
            ]
        );
    }
}
