//! Request bodies in protobuf: as they come, and as the content of an envelope of a known kind. What is decoded is an
//! object of that kind and can be written as JSON.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mainstay_apiserver::fuzzing::decode_protobuf;
use serde_json::Value;

const KINDS: [(&str, &str); 10] = [
    ("v1", "ConfigMap"),
    ("v1", "Pod"),
    ("v1", "Service"),
    ("v1", "Event"),
    ("apps/v1", "Deployment"),
    ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
    ("networking.k8s.io/v1", "Ingress"),
    ("autoscaling/v2", "HorizontalPodAutoscaler"),
    ("coordination.k8s.io/v1", "Lease"),
    ("authorization.k8s.io/v1", "SelfSubjectAccessReview"),
];

fuzz_target!(|data: &[u8]| {
    check(data, None);
    if let Some((first, raw)) = data.split_first() {
        let kind = KINDS[usize::from(*first) % KINDS.len()];
        check(&envelope(kind, raw), Some(kind));
    }
});

fn check(body: &[u8], kind: Option<(&str, &str)>) {
    let Some(object) = decode_protobuf(body) else { return };
    let text = serde_json::to_string(&object).expect("values are written");
    assert_eq!(serde_json::from_str::<Value>(&text).expect("values are read"), object);
    assert!(object["apiVersion"].is_string() && object["kind"].is_string());
    if let Some((api_version, kind)) = kind {
        assert_eq!((object["apiVersion"].as_str(), object["kind"].as_str()), (Some(api_version), Some(kind)));
    }
}

fn envelope((api_version, kind): (&str, &str), raw: &[u8]) -> Vec<u8> {
    let mut meta = Vec::new();
    field(&mut meta, 1, api_version.as_bytes());
    field(&mut meta, 2, kind.as_bytes());
    let mut body = b"k8s\0".to_vec();
    field(&mut body, 1, &meta);
    field(&mut body, 2, raw);
    body
}

fn field(bytes: &mut Vec<u8>, tag: u8, payload: &[u8]) {
    bytes.push(tag << 3 | 2);
    let mut length = payload.len();
    while length >= 0x80 {
        bytes.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
    bytes.extend(payload);
}
