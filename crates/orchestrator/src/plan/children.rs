//! What every child carries: namespace, kro's labels, the wave for deletion.
//! It must not know templates.

use base64::Engine as _;
use mainstay_api::kro;
use mainstay_api::platform::WHEN_KIND_MISSING;
use mainstay_apimachinery::object;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::Pass;
use crate::graph::{Graph, Node};

/// Longest value a label can have.
const MAX_LABEL: usize = 63;

/// The id of an instance's ApplySet: `applyset-<hash of name.namespace.kind.group>-v1`.
#[must_use]
pub fn applyset_id(instance: &Value) -> String {
    let (group, _) = mainstay_apimachinery::gvk::split_api_version(object::api_version(instance));
    let namespace = object::namespace(instance).unwrap_or_default();
    let text = format!("{}.{namespace}.{}.{group}", object::name(instance), object::kind(instance));
    let digest = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(Sha256::digest(text.as_bytes()));
    format!("applyset-{digest}-v1")
}

/// The labels that say which definition an instance is of.
#[must_use]
pub fn instance_labels(graph: &Graph) -> [(&'static str, String); 3] {
    [
        (kro::OWNED, "true".to_owned()),
        (kro::DEFINITION_ID, graph.uid.clone()),
        (kro::DEFINITION_NAME, graph.name.clone()),
    ]
}

impl Pass<'_> {
    /// Marks a child as a part of the instance. Kro's own version is no label here: an upgrade would then rewrite
    /// every child of every instance.
    pub(super) fn mark(&self, node: &Node, child: &mut Value, place: Option<(usize, usize)>) {
        if node.namespaced != Some(false)
            && object::namespace(child).is_none()
            && let Some(namespace) = object::namespace(self.instance)
        {
            object::set_namespace(child, namespace);
        }
        let gvk = &self.graph.instance.gvk;
        let own = [
            (kro::NODE_ID, node.id.clone()),
            (kro::INSTANCE_ID, object::uid(self.instance).to_owned()),
            (kro::INSTANCE_NAME, object::name(self.instance).to_owned()),
            (kro::INSTANCE_NAMESPACE, object::namespace(self.instance).unwrap_or_default().to_owned()),
            (kro::INSTANCE_GROUP, gvk.group.clone()),
            (kro::INSTANCE_VERSION, gvk.version.clone()),
            (kro::INSTANCE_KIND, gvk.kind.clone()),
            (kro::PART_OF, applyset_id(self.instance)),
        ];
        for (key, value) in own.into_iter().chain(instance_labels(self.graph)) {
            // A name can be longer than a label: such an object is still found by the instance's uid.
            if value.len() <= MAX_LABEL {
                object::set_label(child, key, &value);
            }
        }
        if object::label(child, "app.kubernetes.io/managed-by").is_none() {
            object::set_label(child, "app.kubernetes.io/managed-by", "kro");
        }
        if let Some((index, size)) = place {
            object::set_label(child, kro::COLLECTION_INDEX, &index.to_string());
            object::set_label(child, kro::COLLECTION_SIZE, &size.to_string());
        }
        object::set_annotation(child, kro::APPLY_ORDER, &node.wave.to_string());
        if let Some(annotations) = child.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
            annotations.remove(WHEN_KIND_MISSING);
        }
    }
}
