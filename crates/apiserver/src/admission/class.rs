//! `DefaultStorageClass` and `DefaultIngressClass`: what names no class gets the default one.
//! It must not know who serves a class. Upstream: `plugin/pkg/admission/storage/storageclass/setdefault` and
//! `plugin/pkg/admission/network/defaultingressclass`.

use mainstay_apimachinery::object;
use serde_json::Value;

use super::Operation;
use super::plugin::Plugin;
use super::review::{Review, newest_first};
use crate::Error;

/// The plugin for claims.
pub(super) struct DefaultStorageClass;

/// The plugin for Ingresses.
pub(super) struct DefaultIngressClass;

impl Plugin for DefaultStorageClass {
    fn handles(&self, review: &Review<'_>) -> bool {
        review.is(Operation::Create, "", "persistentvolumeclaims")
    }

    fn admit(&self, review: &Review<'_>, claim: &mut Value) -> Result<(), Error> {
        let named = claim.pointer("/spec/storageClassName").is_some_and(|name| !name.is_null())
            || object::annotation(claim, "volume.beta.kubernetes.io/storage-class").is_some();
        let marks = ["storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"];
        if let (false, Some(name)) = (named, default(review, ("storage.k8s.io", "storageclasses"), &marks)) {
            claim["spec"]["storageClassName"] = Value::from(name);
        }
        Ok(())
    }
}

impl Plugin for DefaultIngressClass {
    fn handles(&self, review: &Review<'_>) -> bool {
        review.is(Operation::Create, "networking.k8s.io", "ingresses")
    }

    fn admit(&self, review: &Review<'_>, ingress: &mut Value) -> Result<(), Error> {
        let named = ingress.pointer("/spec/ingressClassName").is_some_and(|name| !name.is_null())
            || object::annotation(ingress, "kubernetes.io/ingress.class").is_some();
        let marks = ["ingressclass.kubernetes.io/is-default-class"];
        if let (false, Some(name)) = (named, default(review, ("networking.k8s.io", "ingressclasses"), &marks)) {
            ingress["spec"]["ingressClassName"] = Value::from(name);
        }
        Ok(())
    }
}

/// The name of the default class: of several, the newest.
fn default(review: &Review<'_>, (group, plural): (&str, &str), marks: &[&str]) -> Option<String> {
    let is_default = |class: &Value| marks.iter().any(|mark| object::annotation(class, mark) == Some("true"));
    let mut classes: Vec<Value> = review.list(group, plural, None).into_iter().filter(is_default).collect();
    newest_first(&mut classes);
    classes.first().map(|class| object::name(class).to_owned())
}
