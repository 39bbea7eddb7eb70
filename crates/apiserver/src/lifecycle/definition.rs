//! The end of a `CustomResourceDefinition`: all its objects are deleted, then its cleanup finalizer is taken away.
//! It must not know what the objects are.

use mainstay_apimachinery::object;
use mainstay_store::{KindKey, ObjectKey, Record};
use serde_json::{Value, json};

use super::Lifecycle;
use super::write::Failure;
use crate::crd::{CLEANUP_FINALIZER, set_terminating};

impl Lifecycle {
    /// Deletes the objects of a definition that is being deleted; lets it go when there are none.
    pub(super) async fn empty_definition(&self, key: &ObjectKey) -> Result<(), Failure> {
        let Some(definition) = self.read(key)?.filter(object::is_deleting) else { return Ok(()) };
        let field = |pointer: &str| definition.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let kind = KindKey::new(key.kind.cluster.clone(), field("/spec/group"), field("/spec/names/plural"));
        self.delete_all(self.objects(&kind)).await?;
        if self.objects(&kind).is_empty() {
            return self.remove_finalizer(key, &definition, CLEANUP_FINALIZER).await;
        }
        let mut reported = definition.clone();
        let now = self.server.clock().now_rfc3339();
        set_terminating(&mut reported, "InstanceDeletionInProgress", "CustomResource deletion is in progress", &now);
        if reported == definition {
            return Ok(());
        }
        self.patch(key, Some("status"), &json!({"status": {"conditions": reported["status"]["conditions"]}})).await
    }

    fn objects(&self, kind: &KindKey) -> Vec<Record> {
        self.server.snapshot().list(kind, None).cloned().collect()
    }
}
