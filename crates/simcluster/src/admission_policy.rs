//! ValidatingAdmissionPolicies: says in their status what is wrong with the types in their expressions.
//! It must not know who evaluates them. Upstream: the controller `validatingadmissionpolicy-status`.

use std::sync::Arc;

use mainstay_apimachinery::gvk::split_api_version;
use mainstay_apimachinery::{GroupVersionKind, Schema, builtin, object};
use mainstay_cel::check::{CelType, type_of};
use mainstay_cel::policy::{Environment, Wanted};
use mainstay_controller_runtime::api::Error;
use mainstay_controller_runtime::{Action, Controller, ObjectKey};
use serde_json::{Value, json};

use crate::cluster::{CONTROLLER_MANAGER, Cluster};
use crate::{kinds, read};

/// Most kinds a policy is checked against: `maxTypesToCheck`.
const MOST_KINDS: usize = 10;

/// Starts the controller.
pub(crate) fn start(cluster: &Cluster) {
    let policies = cluster.informer(&kinds::validating_policies());
    let controller = Controller::new("validatingadmissionpolicy-status", &cluster.context)
        .watch(&policies, |event| [ObjectKey::of(event.object())]);
    let cluster = cluster.clone();
    controller.spawn(move |key| reconcile(cluster.clone(), key));
}

async fn reconcile(cluster: Cluster, key: ObjectKey) -> Result<Action, Error> {
    let Some(policy) = cluster.informer(&kinds::validating_policies()).get_key(&key) else { return Ok(Action::done()) };
    if read::int(&policy, "/status/observedGeneration") == Some(object::generation(&policy)) {
        return Ok(Action::done());
    }
    let informer = cluster.informer(&kinds::definitions());
    informer.synced().await;
    let status = status(&policy, &informer.list());
    if let Some(patch) = read::status_patch(&policy, &status) {
        cluster.patch_status(CONTROLLER_MANAGER, &kinds::validating_policies(), &policy, &patch).await?;
    }
    Ok(Action::done())
}

/// The status of a policy, given the definitions of custom resources.
fn status(policy: &Value, definitions: &[Value]) -> Value {
    let kinds = kinds_of(policy, definitions);
    let params = policy.pointer("/spec/paramKind").and_then(|kind| {
        let (group, version) = split_api_version(read::text(kind, "/apiVersion")?);
        let gvk = GroupVersionKind::new(group, version, read::text(kind, "/kind")?);
        schema(&gvk, definitions)
    });
    let mut warnings = Vec::new();
    for (index, validation) in read::items(policy, "/spec/validations").enumerate() {
        for (field, wanted) in [("expression", Wanted::Bool), ("messageExpression", Wanted::Text)] {
            let Some(source) = read::text(validation, &format!("/{field}")) else { continue };
            let check = |(gvk, schema): &(GroupVersionKind, Arc<Schema>)| {
                let why = compile(policy, (schema, params.as_ref()), (source, wanted)).err()?;
                Some(format!("{}, Kind={}: {why}\n", api_version(gvk), gvk.kind))
            };
            let found: Vec<String> = kinds.iter().filter_map(check).collect();
            if !found.is_empty() {
                let place = format!("spec.validations[{index}].{field}");
                warnings.push(json!({"fieldRef": place, "warning": found.join("\n")}));
            }
        }
    }
    let checking = if warnings.is_empty() { json!({}) } else { json!({"expressionWarnings": warnings}) };
    json!({"observedGeneration": object::generation(policy), "typeChecking": checking})
}

fn api_version(gvk: &GroupVersionKind) -> String {
    mainstay_apimachinery::gvk::join_api_version(&gvk.group, &gvk.version)
}

fn compile(
    policy: &Value,
    (schema, params): (&Arc<Schema>, Option<&Arc<Schema>>),
    (source, wanted): (&str, Wanted),
) -> Result<(), String> {
    let type_ = type_of(schema, "object").unwrap_or(CelType::Dyn);
    let mut environment = Environment::new(policy.pointer("/spec/paramKind").is_some(), true)
        .with_type("object", type_.clone())
        .with_type("oldObject", type_)
        .with_variables();
    if let Some(type_) = params.and_then(|schema| type_of(schema, "params")) {
        environment = environment.with_type("params", type_);
    }
    for variable in read::items(policy, "/spec/variables") {
        let (name, source) = (read::text(variable, "/name"), read::text(variable, "/expression"));
        // A variable that does not fit the kind is reported where it is used.
        let _ = environment.define(name.unwrap_or_default(), source.unwrap_or_default());
    }
    let compiled = environment.compile(source, wanted).map(drop);
    compiled.map_err(|why| why.strip_prefix("compilation failed: ").map_or(why.clone(), str::to_owned))
}

/// The kinds that a policy names, with their schemas; what it says of all kinds cannot be checked.
fn kinds_of(policy: &Value, definitions: &[Value]) -> Vec<(GroupVersionKind, Arc<Schema>)> {
    let mut found: Vec<(GroupVersionKind, Arc<Schema>)> = Vec::new();
    for rule in read::items(policy, "/spec/matchConstraints/resourceRules") {
        let texts = |pointer| read::items(rule, pointer).filter_map(Value::as_str).filter(|text| *text != "*");
        for (group, version) in
            texts("/apiGroups").flat_map(|group| texts("/apiVersions").map(move |version| (group, version)))
        {
            for resource in texts("/resources").filter(|resource| !resource.contains(['/', '*'])) {
                let gvk = kind_of((group, version, resource), definitions);
                let known = gvk.and_then(|gvk| Some((gvk.clone(), schema(&gvk, definitions)?)));
                found.extend(known.filter(|(gvk, _)| !found.iter().any(|(other, _)| other == gvk)));
            }
        }
    }
    found.truncate(MOST_KINDS);
    found
}

fn kind_of((group, version, resource): (&str, &str, &str), definitions: &[Value]) -> Option<GroupVersionKind> {
    let mut built_in = builtin::resources().iter();
    let own = built_in.find(|info| info.group == group && info.version == version && info.resource == resource);
    let custom = || {
        let named = definitions.iter().find(|definition| {
            read::text(definition, "/spec/group") == Some(group)
                && read::text(definition, "/spec/names/plural") == Some(resource)
        });
        named.and_then(|definition| read::text(definition, "/spec/names/kind"))
    };
    let kind = own.map(|info| info.kind).or_else(custom)?;
    Some(GroupVersionKind::new(group, version, kind))
}

fn schema(gvk: &GroupVersionKind, definitions: &[Value]) -> Option<Arc<Schema>> {
    if let Some(schema) = builtin::schema(gvk) {
        return Some(schema);
    }
    let definition = definitions.iter().find(|definition| {
        read::text(definition, "/spec/group") == Some(&*gvk.group)
            && read::text(definition, "/spec/names/kind") == Some(&*gvk.kind)
    })?;
    let version = read::items(definition, "/spec/versions")
        .find(|version| read::text(version, "/name") == Some(&*gvk.version))?;
    Schema::from_openapi(version.pointer("/schema/openAPIV3Schema")?).ok().map(Arc::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(expression: &str) -> Value {
        json!({"metadata": {"generation": 2}, "spec": {
            "matchConstraints": {"resourceRules": [
                {"apiGroups": ["apps"], "apiVersions": ["v1"], "resources": ["deployments", "deployments/scale"]}]},
            "variables": [{"name": "n", "expression": "object.spec.replicas"}],
            "validations": [{"expression": expression}]}})
    }

    #[test]
    fn fields_that_are_not_there_are_told() {
        assert_eq!(status(&policy("variables.n > 1"), &[]), json!({"observedGeneration": 2, "typeChecking": {}}));
        let wrong = status(&policy("object.spec.size > 1"), &[]);
        let warning = &wrong["typeChecking"]["expressionWarnings"][0];
        assert_eq!(warning["fieldRef"], "spec.validations[0].expression");
        let told = "apps/v1, Kind=Deployment: ERROR: <input>:1:12: undefined field 'size'\n | object.spec.size > 1\n | ...........^\n";
        assert_eq!(warning["warning"], told);
    }

    #[test]
    fn custom_resources_are_checked_by_their_definitions() {
        let definition = json!({"spec": {"group": "example.com", "names": {"plural": "boats", "kind": "Boat"}, "versions": [
            {"name": "v1", "schema": {"openAPIV3Schema": {"type": "object", "properties": {"masts": {"type": "integer"}}}}}]}});
        let mut policy = policy("object.masts == 'three'");
        policy["spec"]["variables"] = json!([]);
        policy["spec"]["matchConstraints"]["resourceRules"] =
            json!([{"apiGroups": ["example.com"], "apiVersions": ["v1"], "resources": ["boats"]}]);
        let warnings = status(&policy, &[definition])["typeChecking"]["expressionWarnings"].clone();
        assert!(
            warnings[0]["warning"].as_str().unwrap().contains("found no matching overload for '_==_'"),
            "{warnings}"
        );
    }
}
