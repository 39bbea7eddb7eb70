//! `plugin`: parameter sets from a service over HTTP, as upstream's plugin generator asks it.
//! It must not know what a plugin does.

use serde_json::{Map, Value, json};

use super::{add_values, text};
use crate::plan::params::flatten;
use crate::plan::sources::Request;
use crate::plan::{Engine, Error, Params, SourceError};

/// The Secret that a token is in unless it names another.
const ARGOCD_SECRET: &str = "argocd-secret";

/// What the plugin answers to the input parameters.
pub(super) async fn params(engine: &Engine<'_>, body: &Value) -> Result<Vec<Params>, Error> {
    let name = body.get("configMapRef").map(|reference| text(reference, "name")).unwrap_or_default();
    let config = engine.sources.config_map(name).await?;
    let base = config.get("baseUrl").map(|url| url.trim().trim_end_matches('/')).filter(|url| !url.is_empty());
    let base = base.ok_or_else(|| Error::invalid(format!("configmap {name} of a plugin generator lacks baseUrl")))?;
    let token = config.get("token").map(|token| token.trim()).unwrap_or_default();
    let token = token.strip_prefix('$').ok_or_else(|| {
        Error::invalid(format!(
            "token of configmap {name} must refer to a Secret, such as $plugin:token; do not write it here"
        ))
    })?;
    let (secret, key) = token.split_once(':').unwrap_or((ARGOCD_SECRET, token));
    let token = engine.sources.secret(secret, key).await?;
    let input = body.get("input").and_then(|input| input.get("parameters")).cloned().unwrap_or_else(|| json!({}));
    let request = Request {
        url: format!("{base}/api/v1/getparams.execute"),
        headers: vec![("authorization".to_owned(), format!("Bearer {}", token.trim()))],
        body: Some(json!({"applicationSetName": engine.sources.set_name(), "input": {"parameters": input}})),
    };
    let response = engine.sources.http(request).await?;
    let failed =
        |why: String, transient| SourceError { what: format!("parameters of plugin {name} at {base}"), why, transient };
    if response.status != 200 {
        return Err(failed(format!("it answered {}", response.status), response.status >= 500).into());
    }
    let sets = response.body.pointer("/output/parameters").and_then(Value::as_array);
    let sets = sets.ok_or_else(|| failed("its answer has no list output.parameters".to_owned(), false))?;
    sets.iter().map(|set| of_answer(engine, body, &input, set)).collect()
}

fn of_answer(engine: &Engine<'_>, body: &Value, input: &Value, answered: &Value) -> Result<Params, Error> {
    let answered = answered.as_object().ok_or_else(|| Error::invalid("a parameter set of a plugin is not a map"))?;
    let nests = engine.dialect.nests();
    let mut set = if nests { answered.clone() } else { flatten(answered)? };
    let asked: Map<String, Value> = [("parameters".to_owned(), input.clone())].into_iter().collect();
    if nests {
        set.insert("generator".to_owned(), json!({"input": asked}));
    } else {
        let generator: Map<String, Value> = [("generator".to_owned(), json!({"input": asked}))].into_iter().collect();
        set.extend(flatten(&generator)?);
    }
    add_values(engine, body, &mut set)?;
    Ok(set)
}
