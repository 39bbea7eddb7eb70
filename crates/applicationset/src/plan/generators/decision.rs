//! `clusterDecisionResource`: one parameter set for each cluster that an object's status lists.
//! It must not know which controller decides.

use serde_json::Value;

use super::{add_values, text};
use crate::plan::sources::ResourceQuery;
use crate::plan::{Cluster, Engine, Error, Params, params::in_go};

/// The decisions in the status of the objects that a ConfigMap says the kind of. A decision for a cluster that is not
/// registered is left out, as upstream.
pub(super) async fn params(engine: &Engine<'_>, body: &Value) -> Result<Vec<Params>, Error> {
    let name = text(body, "configMapRef");
    let config = engine.sources.config_map(name).await?;
    let key = |key: &str| {
        let value = config.get(key).map(|value| value.trim()).filter(|value| !value.is_empty());
        value.ok_or_else(|| {
            Error::invalid(format!("configmap {name} of a clusterDecisionResource generator lacks {key}"))
        })
    };
    let selector = body.get("labelSelector").filter(|selector| selector.as_object().is_some_and(|map| !map.is_empty()));
    let object = text(body, "name");
    if object.is_empty() == selector.is_none() {
        return Err(Error::invalid("a clusterDecisionResource generator needs either name or labelSelector"));
    }
    let query = ResourceQuery {
        api_version: key("apiVersion")?.to_owned(),
        plural: key("kind")?.to_owned(),
        name: object.to_owned(),
        selector: selector.cloned().unwrap_or_default(),
    };
    let (list, match_key) = (key("statusListKey")?.to_owned(), key("matchKey")?.to_owned());
    let clusters = engine.sources.clusters();
    let mut sets = Vec::new();
    for object in engine.sources.resources(query).await? {
        let decisions = object.get("status").and_then(|status| status.get(&list)).and_then(Value::as_array);
        for decision in decisions.into_iter().flatten() {
            let value = decision.get(&match_key).map(in_go).unwrap_or_default();
            if let Some(cluster) = clusters.iter().find(|cluster| cluster.name == value) {
                sets.push(set(engine, body, cluster, decision)?);
            }
        }
    }
    Ok(sets)
}

fn set(engine: &Engine<'_>, body: &Value, cluster: &Cluster, decision: &Value) -> Result<Params, Error> {
    let mut set = Params::new();
    set.insert("name".to_owned(), Value::from(cluster.name.as_str()));
    set.insert("server".to_owned(), Value::from(cluster.server.as_str()));
    for (key, value) in decision.as_object().into_iter().flatten() {
        set.insert(key.clone(), Value::from(in_go(value)));
    }
    add_values(engine, body, &mut set)?;
    Ok(set)
}
