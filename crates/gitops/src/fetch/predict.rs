//! What the API server says an apply would do, asked only where something changed since the last answer.
//! It must not know what is done about a difference.

use std::collections::BTreeMap;

use futures::{StreamExt, TryStreamExt};
use mainstay_api::argoproj::IgnoreDifferences;
use mainstay_apimachinery::object;
use mainstay_controller_runtime::api::ApplyOptions;
use mainstay_controller_runtime::{Context, api};
use serde_json::Value;

use super::Error;
use crate::MANAGER;
use crate::plan::compare::{self, Ignored, Live, Prediction};
use crate::plan::key::Key;
use crate::plan::target::Target;

/// Dry runs of one application at a time.
const CONCURRENCY: usize = 8;

/// What was answered, and for what.
#[derive(Clone, Debug)]
struct Verdict {
    desired: u64,
    ignored: u64,
    live_version: String,
    live: u64,
    prediction: Prediction,
}

/// Answers of the API server for one application.
#[derive(Debug, Default)]
pub(crate) struct Verdicts(BTreeMap<Key, Verdict>);

impl Verdicts {
    /// The answer, if neither desired nor live changed in anything that counts.
    fn known(&mut self, target: &Target, live: &Value, ignored: &Ignored) -> Option<Prediction> {
        let verdict = self.0.get_mut(&target.key)?;
        if verdict.desired != target.hash || verdict.ignored != ignored.digest() {
            return None;
        }
        let version = object::resource_version(live).unwrap_or_default();
        if verdict.live_version != version {
            if verdict.live != compare::fingerprint(live, ignored) {
                return None;
            }
            version.clone_into(&mut verdict.live_version);
        }
        Some(verdict.prediction)
    }

    /// Notes an answer.
    pub(crate) fn note(&mut self, target: &Target, live: &Value, ignored: &Ignored, prediction: Prediction) {
        let verdict = Verdict {
            desired: target.hash,
            ignored: ignored.digest(),
            live_version: object::resource_version(live).unwrap_or_default().to_owned(),
            live: compare::fingerprint(live, ignored),
            prediction,
        };
        self.0.insert(target.key.clone(), verdict);
    }

    fn keep_only(&mut self, targets: &BTreeMap<Key, Target>) {
        self.0.retain(|key, _| targets.contains_key(key));
    }
}

/// Predicts for every target that is live.
pub(crate) async fn predict(
    cluster: &Context,
    targets: &BTreeMap<Key, Target>,
    live: &Live,
    rules: &[IgnoreDifferences],
    verdicts: &mut Verdicts,
) -> Result<BTreeMap<Key, Prediction>, Error> {
    verdicts.keep_only(targets);
    let mut predictions = BTreeMap::new();
    let mut open = Vec::new();
    for target in targets.values().filter(|target| !target.blocked) {
        let Some(live) = live.get(&target.key) else { continue };
        let ignored = Ignored::of(rules, &target.key);
        match verdicts.known(target, live, &ignored) {
            Some(prediction) => drop(predictions.insert(target.key.clone(), prediction)),
            None => open.push((target, live, ignored)),
        }
    }
    let asking: Vec<_> = open.into_iter().map(|open| answer(cluster, open)).collect();
    let answers: Vec<_> = futures::stream::iter(asking).buffered(CONCURRENCY).try_collect().await?;
    for (target, live, ignored, prediction) in answers {
        verdicts.note(target, live, &ignored, prediction);
        predictions.insert(target.key.clone(), prediction);
    }
    Ok(predictions)
}

type Open<'a> = (&'a Target, &'a Value, Ignored);

async fn answer<'a>(
    cluster: &Context,
    (target, live, ignored): Open<'a>,
) -> Result<(&'a Target, &'a Value, Ignored, Prediction), Error> {
    let prediction = ask(cluster, target, live, &ignored).await?;
    Ok((target, live, ignored, prediction))
}

async fn ask(cluster: &Context, target: &Target, live: &Value, ignored: &Ignored) -> Result<Prediction, Error> {
    let failed = |source: api::Error| Error::Compare { cluster: cluster.cluster.clone(), source };
    let resolved = cluster.mapper.resolve(&target.gvk()).await;
    let mapping = resolved.map_err(|source| Error::Discovery { cluster: cluster.cluster.clone(), source })?;
    let Some(mapping) = mapping else { return Ok(Prediction::Differs) };
    let api = cluster.api(&mapping.resource, object::namespace(&target.object));
    let owned = if ignored.needs_owners() { api.get(object::name(live)).await.map_err(failed)? } else { None };
    let live = owned.as_ref().unwrap_or(live);
    match api.apply(&target.object, &ApplyOptions::forced(MANAGER).dry_run()).await {
        Ok(predicted) if compare::differs(&predicted, live, ignored) => Ok(Prediction::Differs),
        Ok(_) => Ok(Prediction::Same),
        // The object itself is at fault: the sync that follows says so, with file and line.
        Err(error) if error.is_refusal() || error.is_not_found() => Ok(Prediction::Differs),
        Err(error) => Err(failed(error)),
    }
}
