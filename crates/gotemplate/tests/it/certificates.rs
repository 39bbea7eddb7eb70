//! Keys and certificates that templates make.

use mainstay_gotemplate::{Entropy, Environment};
use serde_json::{Value, json};
use x509_parser::pem::parse_x509_pem;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use crate::render_in;

fn rendered(template: &str) -> Value {
    let environment = Environment {
        entropy: Entropy::new([7; 32]),
        now: "2030-01-01T00:00:00Z".parse().expect("it is a time"),
        ..Environment::default()
    };
    let text = render_in(template, &json!({}), &environment).expect("it renders");
    serde_json::from_str(&text).expect("it is JSON")
}

#[test]
fn an_authority_signs_a_certificate_of_a_host() {
    let template = r#"{{ $ca := genCA "acme-ca" 365 }}
{{- $host := genSignedCert "shop.example.com" (list "10.0.0.1") (list "shop.example.com" "shop") 30 $ca -}}
{{ dict "ca" $ca "host" $host | toJson }}"#;
    let made = rendered(template);
    assert_eq!(made, rendered(template), "the same seed gives the same");
    let der = |part: &str| {
        let (_, pem) = parse_x509_pem(made[part]["Cert"].as_str().unwrap().as_bytes()).unwrap();
        pem.contents
    };
    let (ca, host) = (der("ca"), der("host"));
    let ((_, ca), (_, host)) = (X509Certificate::from_der(&ca).unwrap(), X509Certificate::from_der(&host).unwrap());
    assert!(ca.is_ca() && !host.is_ca());
    assert_eq!(ca.subject().to_string(), "CN=acme-ca");
    assert_eq!(host.issuer(), ca.subject());
    host.verify_signature(Some(ca.public_key())).unwrap();
    ca.verify_signature(None).unwrap();
    assert_eq!(host.validity().not_before.timestamp(), 1_893_456_000);
    assert_eq!(host.validity().not_after.timestamp() - host.validity().not_before.timestamp(), 30 * 86_400);
    let names = &host.subject_alternative_name().unwrap().unwrap().value.general_names;
    assert_eq!(names[0], GeneralName::IPAddress(&[10, 0, 0, 1]));
    assert_eq!(names[1..], [GeneralName::DNSName("shop.example.com"), GeneralName::DNSName("shop")]);
    assert!(made["host"]["Key"].as_str().unwrap().starts_with("-----BEGIN RSA PRIVATE KEY-----\n"));
}

#[test]
fn keys_may_be_brought_along() {
    let made = rendered(
        r#"{{ $ca := genCA "a" 1 }}{{ $again := genCAWithKey "b" 1 $ca.Key }}
{{- $own := genSelfSignedCert "c" nil (list "c") 1 -}}
{{- $custom := buildCustomCert (b64enc $own.Cert) (b64enc $own.Key) -}}
{{ dict "same" (eq $ca.Key $again.Key) "custom" (eq $custom.Cert $own.Cert) | toJson }}"#,
    );
    assert_eq!(made, json!({"same": true, "custom": true}));
    let kinds = rendered(
        r#"{{ list (genPrivateKey "ecdsa" | trunc 30) (genPrivateKey "ed25519" | trunc 27) (genPrivateKey "x") | toJson }}"#,
    );
    assert_eq!(kinds, json!(["-----BEGIN EC PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----", "Unknown type x"]));
}
