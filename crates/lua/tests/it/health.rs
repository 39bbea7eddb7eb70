//! Health scripts.

use mainstay_apimachinery::health::{Health, Status};
use mainstay_lua::{Customizations, Limits};
use serde_json::{Value, json};

use crate::{customizations, now};

const CERTIFICATE: &str = r#"
local hs = {status = "Progressing", message = "waiting for the issuer"}
if obj.status == nil or obj.status.conditions == nil then
  return hs
end
for _, condition in ipairs(obj.status.conditions) do
  if condition.type == "Issuing" and condition.status == "True" then
    return {status = "Progressing", message = condition.message}
  end
  if condition.type == "Ready" then
    hs.status = condition.status == "True" and "Healthy" or "Degraded"
    hs.message = condition.message
  end
end
return hs
"#;

fn object(api_version: &str, kind: &str, status: Value) -> Value {
    json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "a"}, "status": status})
}

/// The health of an object of x.io/Thing by a script, as `Status: message`, or the error.
fn by(script: &str) -> String {
    let customizations = customizations(&[("resource.customizations.health.x.io_Thing", script)]);
    said(customizations.health(&object("x.io/v1", "Thing", json!({"phase": "Up"})), now()).expect("there is a script"))
}

fn said(health: Result<Option<Health>, mainstay_lua::Error>) -> String {
    match health {
        Ok(Some(health)) => format!("{}: {}", health.status, health.message),
        Ok(None) => "no health".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn conditions_are_read() {
    let customizations = customizations(&[("resource.customizations.health.cert-manager.io_Certificate", CERTIFICATE)]);
    let of = |conditions: Value| {
        let certificate = object("cert-manager.io/v1", "Certificate", json!({"conditions": conditions}));
        said(customizations.health(&certificate, now()).unwrap())
    };
    assert_eq!(of(Value::Null), "Progressing: waiting for the issuer");
    assert_eq!(of(json!([{"type": "Ready", "status": "True", "message": "up to date"}])), "Healthy: up to date");
    assert_eq!(of(json!([{"type": "Ready", "status": "False", "message": "no"}])), "Degraded: no");
    let issuing =
        json!([{"type": "Ready", "status": "False"}, {"type": "Issuing", "status": "True", "message": "asking"}]);
    assert_eq!(of(issuing), "Progressing: asking");
    let other = object("cert-manager.io/v1", "Issuer", Value::Null);
    assert_eq!(customizations.health(&other, now()), None);
    assert!(customizations.judges("cert-manager.io", "Certificate") && !customizations.judges("", "Certificate"));
}

#[test]
fn every_status_is_taken_and_nothing_else() {
    for status in ["Healthy", "Progressing", "Degraded", "Suspended", "Missing", "Unknown"] {
        assert_eq!(by(&format!("return {{status = '{status}', message = 'm'}}")), format!("{status}: m"));
    }
    for script in ["return {status = 'Fine'}", "return {}", "return {message = 'x'}", "return {status = 'healthy'}"] {
        assert_eq!(by(script), "Unknown: Lua returned an invalid health status", "{script}");
    }
    assert_eq!(by("hs = {status = 'Healthy'}"), "no health");
    assert_eq!(by("return nil"), "no health");
}

#[test]
fn failures_name_the_script_and_the_line() {
    let of = "health.lua of x.io/Thing";
    assert_eq!(by("return 'Healthy'"), format!("failed to use {of}: expect table output from Lua script, not string"));
    assert_eq!(
        by("\n\nreturn {status = obj.spec.replicas}"),
        format!("failed to run {of}: health.lua:3: attempt to index field 'spec' (a nil value)")
    );
    assert_eq!(by("return {status = 5}"), format!("failed to use what {of} returned: field status is not a string"));
    assert!(by("retrun hs").starts_with(&format!("failed to compile {of}: health.lua:1:")));
}

#[test]
fn limits_hold() {
    let (customizations, _) = Customizations::from_config(&crate::data(&[
        ("resource.customizations.health.x.io_Loop", "while true do end"),
        ("resource.customizations.health.x.io_Bomb", "local t = {} while true do t[#t + 1] = {t} end"),
    ]));
    let customizations = customizations.with_limits(Limits { instructions: 100_000, memory_bytes: 64 * 1024 });
    let of = |kind: &str| said(customizations.health(&object("x.io/v1", kind, Value::Null), now()).unwrap());
    assert!(of("Loop").contains("script ran longer than 100000 instructions"), "{}", of("Loop"));
    assert!(of("Bomb").contains("script used more than 65536 bytes of memory"), "{}", of("Bomb"));
}

#[test]
fn a_kind_comes_before_a_pattern() {
    // Keys of ConfigMaps hold no stars: patterns stand in the single key.
    let patterns = r#"
"*.crossplane.io/*":
  health.lua: return {status = 'Suspended'}
"*.upbound.io/*":
  health.lua.useOpenLibs: true
  health.lua: return {status = ('hEALTHY'):gsub('^%l', string.upper) and 'Healthy'}
"#;
    let customizations = customizations(&[
        ("resource.customizations", patterns),
        ("resource.customizations.health.s3.aws.crossplane.io_Bucket", "return {status = 'Healthy'}"),
        ("resource.customizations.health.ConfigMap", "return {status = 'Degraded', message = obj.data.why}"),
    ]);
    let of =
        |api_version: &str, kind: &str| customizations.health(&object(api_version, kind, Value::Null), now()).map(said);
    assert_eq!(of("s3.aws.crossplane.io/v1", "Bucket").unwrap(), "Healthy: ");
    assert_eq!(of("ec2.aws.crossplane.io/v1", "Vpc").unwrap(), "Suspended: ");
    assert_eq!(of("sql.azure.upbound.io/v1", "Server").unwrap(), "Healthy: ");
    assert_eq!(of("crossplane.io/v1", "Vpc"), None);
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"why": "because"}});
    assert_eq!(customizations.health(&map, now()), Some(Ok(Some(Health::new(Status::Degraded, "because")))));
}
