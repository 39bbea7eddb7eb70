//! Stable hashes: the pod template hash, name suffixes and jitter all come from here, never from randomness.
//! It must not know any kind.

use serde_json::Value;

/// Upstream's alphabet of generated names: no vowels, so that no word appears (`apimachinery/pkg/util/rand`).
const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

const FNV_OFFSET: u32 = 0x811c_9dc5;
const FNV_PRIME: u32 = 0x0100_0193;

/// 32-bit FNV-1a.
pub(crate) fn fnv(bytes: &[u8]) -> u32 {
    bytes.iter().fold(FNV_OFFSET, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(FNV_PRIME))
}

/// Encodes a hash so that it can stand in a name, as `rand.SafeEncodeString` does.
pub(crate) fn safe_encode(hash: u32) -> String {
    hash.to_string().bytes().map(|byte| char::from(ALPHABET[usize::from(byte) % ALPHABET.len()])).collect()
}

/// The `pod-template-hash` of a pod template; `collisions` is the Deployment's `status.collisionCount`.
/// The bytes hashed are our canonical JSON, so the hash differs from upstream's for the same template.
pub(crate) fn pod_template(template: &Value, collisions: Option<i64>) -> String {
    let mut bytes = template.to_string().into_bytes();
    if let Some(count) = collisions {
        bytes.extend_from_slice(&count.to_le_bytes());
    }
    safe_encode(fnv(&bytes))
}

/// A suffix of five letters that stays the same for the same text.
pub(crate) fn suffix(text: &str) -> String {
    let base = u32::try_from(ALPHABET.len()).expect("the alphabet is short");
    let letter = |rest: u32| char::from(ALPHABET[usize::try_from(rest % base).expect("below the base")]);
    std::iter::successors(Some(fnv(text.as_bytes())), |rest| Some(rest / base)).take(5).map(letter).collect()
}

/// A number below `bound` (not zero) that stays the same for the same text.
pub(crate) fn below(text: &str, bound: u32) -> u32 {
    // The low bits of FNV are the weakest: fold the high half in.
    let hash = fnv(text.as_bytes());
    (hash ^ (hash >> 16)) % bound
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn equal_templates_hash_alike_whatever_the_order_of_keys() {
        let one: Value = serde_json::from_str(r#"{"a":1,"b":2}"#).unwrap();
        let two: Value = serde_json::from_str(r#"{"b":2,"a":1}"#).unwrap();
        assert_eq!(pod_template(&one, None), pod_template(&two, None));
        assert_ne!(pod_template(&one, None), pod_template(&one, Some(1)));
        assert_ne!(pod_template(&one, None), pod_template(&json!({"a": 2}), None));
    }

    #[test]
    fn suffixes_fit_into_names() {
        assert!(suffix("default/web").bytes().all(|byte| ALPHABET.contains(&byte)));
        assert!(suffix("default/web").len() == 5);
    }
}
