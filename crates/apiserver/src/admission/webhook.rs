//! Admission webhooks: who is called about which writes, and what comes of the answers.
//! It must not know HTTP. Upstream: `k8s.io/apiserver/pkg/admission/plugin/webhook`.

mod client;
mod connection;
mod exchange;
mod service;

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use mainstay_apimachinery::object;
use mainstay_cel::policy::{Environment, Expression};
use serde_json::Value;

pub(super) use client::Clients;
pub use service::{Resolve, WebhookClient};

use super::matching::{Match, Matcher};
use super::policy::{Seen, conditions, hold};
use super::review::{Review, items, text};
use crate::{Error, strategy};
use client::Client;
use exchange::{Answer, Failure};

/// Time a webhook has that does not say, as `v1.MutatingWebhook.TimeoutSeconds`.
const DEFAULT_TIMEOUT_SECONDS: u64 = 10;

/// One webhook of a configuration.
pub(super) struct Webhook {
    name: String,
    matcher: Matcher,
    conditions: Result<Vec<Expression>, String>,
    fails_closed: bool,
    without_side_effects: bool,
    reinvoked: bool,
    timeout: Duration,
    client: Arc<Client>,
}

/// A webhook that is to be called about a write.
pub(super) struct Called<'c> {
    pub(super) hook: &'c Webhook,
    pub(super) found: Match,
}

impl Webhook {
    /// The webhooks of a configuration.
    pub(super) fn parse_all(configuration: &Value, clients: &Arc<Clients>) -> Vec<Self> {
        items(configuration, "/webhooks").map(|webhook| Self::parse(webhook, clients)).collect()
    }

    fn parse(webhook: &Value, clients: &Arc<Clients>) -> Self {
        let seconds = webhook.get("timeoutSeconds").and_then(Value::as_u64).unwrap_or(DEFAULT_TIMEOUT_SECONDS);
        Self {
            name: text(webhook, "/name").to_owned(),
            matcher: Matcher::parse(webhook, "rules"),
            conditions: conditions(webhook, &Environment::new(false, true)),
            fails_closed: text(webhook, "/failurePolicy") != "Ignore",
            without_side_effects: matches!(text(webhook, "/sideEffects"), "None" | "NoneOnDryRun"),
            reinvoked: text(webhook, "/reinvocationPolicy") == "IfNeeded",
            timeout: Duration::from_secs(seconds),
            client: clients.of(webhook.get("clientConfig").unwrap_or(&Value::Null)),
        }
    }

    pub(super) fn matcher(&self) -> &Matcher {
        &self.matcher
    }

    /// Whether the conditions let it be called.
    fn applies(&self, review: &Review<'_>, object: Option<&Value>, found: &Match) -> Result<bool, Error> {
        let conditions = match &self.conditions {
            Ok(conditions) if conditions.is_empty() => return Ok(true),
            Ok(conditions) => conditions,
            Err(why) => return if self.fails_closed { Err(review.forbidden(why)) } else { Ok(false) },
        };
        let seen = Seen::of(review, object, found)?;
        hold(conditions, &seen.inputs(review, None), self.fails_closed).map_err(|why| review.forbidden(&why))
    }

    /// Calls it; `None` where it need not be asked, or cannot be and that does not matter.
    async fn call(&self, review: &Review<'_>, object: Option<&Value>, found: &Match) -> Result<Option<Answer>, Error> {
        if !self.applies(review, object, found)? {
            return Ok(None);
        }
        if review.request.dry_run && !self.without_side_effects {
            let name = &self.name;
            return Err(Error::bad_request(format!("admission webhook \"{name}\" does not support dry run")));
        }
        let request = exchange::request(review, object, found)?;
        let answer = exchange::exchange(review, &self.client, (&request, self.timeout)).await;
        match answer {
            Ok(answer) => answer.into_result(&self.name).map(Some),
            Err(failure) => self.failed(&failure).map(|()| None),
        }
    }

    /// A webhook that cannot be asked refuses everything, unless it is to be ignored then.
    fn failed(&self, failure: &Failure) -> Result<(), Error> {
        let message = format!("failed calling webhook \"{}\": {failure}", self.name);
        if !self.fails_closed {
            tracing::warn!(webhook = %self.name, error = %failure, "a webhook was not asked and is ignored");
            return Ok(());
        }
        let mut error = Error::internal(&message);
        error.details = Some(Box::new(serde_json::json!({"causes": [{"message": message}]})));
        Err(error)
    }
}

/// Asks all webhooks at once; any refusal refuses.
///
/// # Errors
/// When a webhook refuses, or cannot be asked and fails closed.
pub(super) async fn validate(
    review: &Review<'_>,
    hooks: &[Called<'_>],
    object: Option<&Value>,
    warnings: &mut Vec<String>,
) -> Result<(), Error> {
    let answers = join_all(hooks.iter().map(|called| called.hook.call(review, object, &called.found))).await;
    for answer in answers {
        warnings.extend(answer?.into_iter().flat_map(|answer| answer.warnings));
    }
    Ok(())
}

/// Lets the webhooks change the object, one after the other, and those that ask for it once more if one after them
/// did. Whether any did.
///
/// # Errors
/// When a webhook refuses, cannot be asked and fails closed, or its patch does not fit.
pub(super) async fn mutate(
    review: &Review<'_>,
    hooks: &[Called<'_>],
    object: &mut Value,
    warnings: &mut Vec<String>,
) -> Result<bool, Error> {
    let mut last_change = None;
    for (index, called) in hooks.iter().enumerate() {
        if change(review, called, object, warnings).await? {
            last_change = Some(index);
        }
    }
    let Some(last) = last_change else { return Ok(false) };
    for called in hooks.iter().take(last).filter(|called| called.hook.reinvoked) {
        change(review, called, object, warnings).await?;
    }
    Ok(true)
}

async fn change(
    review: &Review<'_>,
    called: &Called<'_>,
    object: &mut Value,
    warnings: &mut Vec<String>,
) -> Result<bool, Error> {
    let Some(answer) = called.hook.call(review, Some(object), &called.found).await? else { return Ok(false) };
    warnings.extend(answer.warnings);
    let Some(patch) = answer.patch else { return Ok(false) };
    let shown = review.shown(object, called.found.version.as_deref())?;
    let mut changed = mainstay_apimachinery::patch::json_patch(&shown, &patch).map_err(Error::internal)?;
    changed["apiVersion"] = object["apiVersion"].clone();
    if object::kind(&changed) != object::kind(object) {
        return Err(Error::internal(format!(
            "admission webhook \"{}\" changed the kind of the object",
            called.hook.name
        )));
    }
    strategy::set_defaults(review.request.resource, &mut changed);
    let differs = changed != *object;
    *object = changed;
    Ok(differs)
}
