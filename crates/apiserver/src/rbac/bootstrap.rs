//! Writes the roles and bindings that a cluster needs from its start, in the caller's transaction.
//! It must not know which those are.

use mainstay_apimachinery::managed_fields::{self, UpdateRequest, Writer};
use mainstay_apimachinery::{GroupVersionKind, builtin, object};
use mainstay_store::{KindKey, Transaction};
use serde_json::{Value, json};

use super::aggregation;
use super::defaults::{self, AGGREGATE_TO, DefaultBinding, DefaultRole};
use super::objects::GROUP;
use super::reconcile::{AUTOUPDATE, has_other_role, reconciled};
use crate::convert::parse;
use crate::identity::CONTROLLER_NAMESPACE;
use crate::respond::encode_to_keep;
use crate::server::{ApiServer, Controller};
use crate::{Error, strategy};

/// Name of the server as a field manager, as upstream's.
const MANAGER: &str = "kube-apiserver";

/// Writes what is missing of a cluster's default roles and bindings.
pub(crate) fn defaults(server: &ApiServer, tx: &mut Transaction, cluster: &str) -> Result<(), Error> {
    let writer = Bootstrap { server, cluster };
    for role in defaults::roles() {
        writer.put(tx, "clusterroles", cluster_role(&role))?;
    }
    for binding in defaults::bindings() {
        writer.put(tx, "clusterrolebindings", cluster_role_binding(&binding))?;
    }
    writer.gather(tx)
}

/// Writes the role of a controller of the product, and binds it to its service account.
pub(crate) fn controller(
    server: &ApiServer,
    tx: &mut Transaction,
    cluster: &str,
    controller: &Controller,
) -> Result<(), Error> {
    let writer = Bootstrap { server, cluster };
    let role = format!("mainstay:{}", controller.name);
    let object = json!({"metadata": {"name": role, "labels": {}}, "rules": controller.rules});
    writer.put(tx, "clusterroles", object)?;
    let subject = ("ServiceAccount", controller.name.to_owned(), CONTROLLER_NAMESPACE);
    let binding = DefaultBinding { name: role, subjects: vec![subject] };
    writer.put(tx, "clusterrolebindings", cluster_role_binding(&binding))
}

struct Bootstrap<'a> {
    server: &'a ApiServer,
    cluster: &'a str,
}

impl Bootstrap<'_> {
    fn put(&self, tx: &mut Transaction, plural: &str, mut wanted: Value) -> Result<(), Error> {
        let kind = if plural == "clusterroles" { "ClusterRole" } else { "ClusterRoleBinding" };
        wanted["apiVersion"] = json!(format!("{GROUP}/v1"));
        wanted["kind"] = json!(kind);
        wanted["metadata"]["annotations"] = json!({AUTOUPDATE: "true"});
        wanted["metadata"]["labels"]["kubernetes.io/bootstrapping"] = json!("rbac-defaults");
        let key = KindKey::new(self.cluster, GROUP, plural).object("", object::name(&wanted));
        let live = tx.get(&key).map(|record| parse(&record.bytes));
        let kept = live.as_ref().filter(|live| !has_other_role(live, &wanted));
        let mut new = match kept {
            Some(live) => match reconciled(live, &wanted) {
                Some(new) => new,
                None => return Ok(()),
            },
            None => self.new_object(wanted),
        };
        if let Some(schema) = builtin::schema(&GroupVersionKind::new(GROUP, "v1", kind)) {
            let reset = managed_fields::reset_fields("", false);
            let (api_version, now) = (format!("{GROUP}/v1"), self.server.clock().now());
            let versions = managed_fields::Versions::default();
            let writer = Writer { manager: MANAGER, api_version: &api_version, subresource: "", now, reset, versions };
            let live = kept.unwrap_or(&Value::Null);
            new = managed_fields::update(&UpdateRequest { schema: &schema, live, writer }, new);
        }
        object::metadata_mut(&mut new).insert("resourceVersion".to_owned(), json!(tx.revision().to_string()));
        tx.put(key, encode_to_keep(&new));
        Ok(())
    }

    fn new_object(&self, mut wanted: Value) -> Value {
        let metadata = object::metadata_mut(&mut wanted);
        metadata.insert("uid".to_owned(), json!(self.server.options().ids.uid()));
        metadata.insert("creationTimestamp".to_owned(), json!(self.now()));
        strategy::tidy_metadata(metadata);
        wanted
    }

    fn now(&self) -> String {
        mainstay_controller_runtime::clock::format_seconds(self.server.clock().now())
    }

    /// Gathers for the roles that gather, as a change of one of them would.
    fn gather(&self, tx: &mut Transaction) -> Result<(), Error> {
        let kind = KindKey::new(self.cluster, GROUP, "clusterroles");
        let Some(view) = tx.get(&kind.object("", "view")).map(|record| parse(&record.bytes)) else { return Ok(()) };
        let mut gathered = view.clone();
        aggregation::gather(tx, (self.cluster, &self.now()), Some(&view), Some(&mut gathered))?;
        if gathered != view {
            let revision = json!(tx.revision().to_string());
            object::metadata_mut(&mut gathered).insert("resourceVersion".to_owned(), revision);
            tx.put(kind.object("", "view"), encode_to_keep(&gathered));
        }
        Ok(())
    }
}

fn cluster_role(role: &DefaultRole) -> Value {
    let mut object = json!({"metadata": {"name": role.name, "labels": {}}});
    if let Some(by) = role.gathered_by {
        object["metadata"]["labels"][format!("{AGGREGATE_TO}{by}")] = json!("true");
    }
    match role.gathers {
        Some(name) => {
            let selector = json!({"matchLabels": {format!("{AGGREGATE_TO}{name}"): "true"}});
            object["aggregationRule"] = json!({"clusterRoleSelectors": [selector]});
        }
        None => object["rules"] = role.rules.iter().map(super::Rule::to_json).collect(),
    }
    object
}

fn cluster_role_binding(binding: &DefaultBinding) -> Value {
    let role = json!({"apiGroup": GROUP, "kind": "ClusterRole", "name": binding.name});
    let subject = |(kind, name, namespace): &(&str, String, &str)| match *kind {
        "ServiceAccount" => json!({"kind": kind, "name": name, "namespace": namespace}),
        _ => json!({"apiGroup": GROUP, "kind": kind, "name": name}),
    };
    let mut object = json!({"metadata": {"name": binding.name, "labels": {}}, "roleRef": role});
    if !binding.subjects.is_empty() {
        object["subjects"] = binding.subjects.iter().map(subject).collect();
    }
    object
}
