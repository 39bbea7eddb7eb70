//! A binding of a policy: to which writes and with which parameters it applies.
//! It must not evaluate anything. Upstream: `CollectParams` of `plugin/policy/generic`.

use mainstay_apimachinery::gvk::split_api_version;
use mainstay_apimachinery::selector::LabelSelector;
use mainstay_apimachinery::{GroupVersionKind, object};
use mainstay_store::KindKey;
use serde_json::Value;

use super::super::matching::Matcher;
use super::super::review::{Review, items, text};
use crate::convert::{parse, to_served};

/// A binding.
pub(in crate::admission) struct Binding {
    pub(super) name: String,
    pub(super) matcher: Matcher,
    pub(super) actions: Vec<String>,
    reference: Option<Value>,
}

impl Binding {
    pub(super) fn parse(binding: &Value) -> Self {
        let resources = binding.pointer("/spec/matchResources").unwrap_or(&Value::Null);
        Self {
            name: object::name(binding).to_owned(),
            matcher: Matcher::parse(resources, "resourceRules"),
            actions: items(binding, "/spec/validationActions").filter_map(Value::as_str).map(str::to_owned).collect(),
            reference: binding.pointer("/spec/paramRef").cloned(),
        }
    }

    /// The parameters to evaluate with, one after the other; `None` stands for evaluating without.
    ///
    /// # Errors
    /// When there are none and that is to refuse, or they cannot be looked up.
    pub(super) fn params(&self, review: &Review<'_>, kind: Option<&Value>) -> Result<Vec<Option<Value>>, String> {
        let (Some(kind), Some(reference)) = (kind, &self.reference) else { return Ok(vec![None]) };
        let (group, version) = split_api_version(text(kind, "/apiVersion"));
        let gvk = GroupVersionKind::new(group, version, text(kind, "/kind"));
        let registry = review.call.server.registry();
        let resource = registry.by_kind(review.request.cluster, &gvk).ok_or_else(|| {
            let (version, kind) = (text(kind, "/apiVersion"), text(kind, "/kind"));
            format!("paramKind kind `&ParamKind{{APIVersion:{version},Kind:{kind},}}` not known")
        })?;
        let namespace = self.namespace(review, reference, resource.namespaced)?;
        let key = KindKey {
            cluster: review.call.cluster.clone(),
            group: resource.storage_group.clone(),
            resource: resource.plural.clone(),
        };
        let served = |bytes: &[u8]| to_served(&resource, parse(bytes));
        let name = text(reference, "/name");
        let found: Vec<Value> = if name.is_empty() {
            let selector = reference.get("selector").unwrap_or(&Value::Null);
            let selector = LabelSelector::from_object(selector).map_err(|error| error.to_string())?;
            let all = review.snapshot().list(&key, Some(&namespace)).map(|record| served(&record.bytes));
            all.filter(|object| selector.matches(object::labels(object))).collect()
        } else {
            let record = review.snapshot().get(&key.object(namespace.as_str(), name));
            record.map(|record| served(&record.bytes)).into_iter().collect()
        };
        if found.is_empty() && text(reference, "/parameterNotFoundAction") == "Deny" {
            return Err("no params found for policy binding with `Deny` parameterNotFoundAction".to_owned());
        }
        Ok(found.into_iter().map(Some).collect())
    }

    fn namespace(&self, review: &Review<'_>, reference: &Value, namespaced: bool) -> Result<String, String> {
        let given = text(reference, "/namespace");
        match (namespaced, given, review.request.namespace) {
            (false, "", _) => Ok(String::new()),
            (false, ..) => Err("paramRef.namespace must not be provided for a cluster-scoped `paramKind`".to_owned()),
            (true, "", "") => {
                Err("cannot use namespaced paramRef in policy binding that matches cluster-scoped resources".to_owned())
            }
            (true, "", own) => Ok(own.to_owned()),
            (true, given, _) => Ok(given.to_owned()),
        }
    }
}
