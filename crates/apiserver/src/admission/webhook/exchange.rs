//! One AdmissionReview there and back.
//! It must not know connections. Upstream: `plugin/webhook/request` and `plugin/webhook/errors`.

use std::time::Duration;

use base64::Engine as _;
use serde_json::{Value, json};

use super::super::matching::Match;
use super::super::review::{Review, items, text};
use super::client::Client;
use crate::Error;

/// Why a webhook could not be asked; prints as upstream says it after the webhook's name.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// It was not reached, or answered with an error.
    #[error("failed to call webhook: {0}")]
    Call(String),
    /// It answered something else than a review.
    #[error("received invalid webhook response: {0}")]
    Invalid(String),
}

/// What a webhook answered.
#[derive(Debug)]
pub(super) struct Answer {
    allowed: bool,
    status: Value,
    pub(super) warnings: Vec<String>,
    pub(super) patch: Option<Value>,
}

/// The AdmissionReview about a write.
pub(super) fn request(review: &Review<'_>, object: Option<&Value>, found: &Match) -> Result<Value, Error> {
    let version = found.version.as_deref();
    let shown = |object: Option<&Value>| -> Result<Value, Error> {
        object.map_or(Ok(Value::Null), |object| review.shown(object, version))
    };
    let mut request = review.attributes(version);
    request["uid"] = Value::from(review.call.server.options().ids.uid());
    request["object"] = shown(object)?;
    request["oldObject"] = shown(review.request.old)?;
    Ok(json!({"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": request}))
}

/// Sends a review and reads the answer.
pub(super) async fn exchange(
    review: &Review<'_>,
    client: &Client,
    (request, timeout): (&Value, Duration),
) -> Result<Answer, Failure> {
    let url = client.url(timeout);
    let posted = client.post(review, (url.as_str(), request));
    let reply = match tokio::time::timeout(timeout, posted).await {
        Ok(reply) => reply.map_err(Failure::Call)?,
        Err(_) => return Err(Failure::Call(format!("Post \"{url}\": context deadline exceeded"))),
    };
    if !(200..300).contains(&reply.status) {
        return Err(Failure::Call(refusal(reply.status, &reply.body)));
    }
    let answer: Value = serde_json::from_slice(&reply.body)
        .map_err(|error| Failure::Call(format!("couldn't get version/kind; json parse error: {error}")))?;
    read(&answer, text(request, "/request/uid"))
}

/// As client-go words an answer that is no success.
fn refusal(status: u16, body: &[u8]) -> String {
    let body = String::from_utf8_lossy(body);
    let body = body.trim();
    match status {
        404 => "the server could not find the requested resource".to_owned(),
        401 => "the server has asked for the client to provide credentials".to_owned(),
        403 => format!("unknown: {body}"),
        405 => "the server does not allow this method on the requested resource".to_owned(),
        503 => "the server is currently unable to handle the request".to_owned(),
        500.. => format!("an error on the server ({body:?}) has prevented the request from succeeding"),
        _ => format!("the server rejected our request for an unknown reason ({body})"),
    }
}

/// As `VerifyAdmissionResponse`.
fn read(answer: &Value, uid: &str) -> Result<Answer, Failure> {
    let invalid = |why: String| Err(Failure::Invalid(why));
    let (version, kind) = (text(answer, "/apiVersion"), text(answer, "/kind"));
    if (version, kind) != ("admission.k8s.io/v1", "AdmissionReview") {
        let (group, version) = mainstay_apimachinery::gvk::split_api_version(version);
        return invalid(format!(
            "expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got {group}/{version}, Kind={kind}"
        ));
    }
    let Some(response) = answer.get("response").filter(|response| response.is_object()) else {
        return invalid("webhook response was absent".to_owned());
    };
    if text(response, "/uid") != uid {
        return invalid(format!("expected response.uid=\"{uid}\", got \"{}\"", text(response, "/uid")));
    }
    let (patch, patch_type) = (text(response, "/patch"), text(response, "/patchType"));
    match (patch.is_empty(), patch_type) {
        (true, "") | (false, "JSONPatch") => {}
        (true, _) => return invalid("webhook returned response.patchType but not response.patch".to_owned()),
        (false, "") => return invalid("webhook returned response.patch but not response.patchType".to_owned()),
        (false, other) => {
            return invalid(format!("webhook returned invalid response.patchType of \"{other}\""));
        }
    }
    Ok(Answer {
        allowed: response.get("allowed") == Some(&Value::Bool(true)),
        status: response.get("status").cloned().unwrap_or(Value::Null),
        warnings: items(response, "/warnings").filter_map(Value::as_str).map(str::to_owned).collect(),
        patch: decode(patch)?,
    })
}

fn decode(patch: &str) -> Result<Option<Value>, Failure> {
    if patch.is_empty() {
        return Ok(None);
    }
    let invalid = |why: &dyn std::fmt::Display| Failure::Invalid(format!("response.patch is no JSON patch: {why}"));
    let bytes = base64::engine::general_purpose::STANDARD.decode(patch).map_err(|error| invalid(&error))?;
    serde_json::from_slice(&bytes).map(Some).map_err(|error| invalid(&error))
}

/// The reasons that are known, as `metav1.StatusReason`.
const REASONS: [&str; 18] = [
    "Unauthorized",
    "Forbidden",
    "NotFound",
    "AlreadyExists",
    "Conflict",
    "Gone",
    "Invalid",
    "ServerTimeout",
    "Timeout",
    "TooManyRequests",
    "BadRequest",
    "MethodNotAllowed",
    "NotAcceptable",
    "RequestEntityTooLarge",
    "UnsupportedMediaType",
    "InternalError",
    "Expired",
    "ServiceUnavailable",
];

impl Answer {
    /// The answer, if it allows the write.
    ///
    /// # Errors
    /// As `ToStatusErr`: what the webhook said, with its name before it.
    pub(super) fn into_result(self, name: &str) -> Result<Self, Error> {
        if self.allowed {
            return Ok(self);
        }
        let (message, reason) = (text(&self.status, "/message"), text(&self.status, "/reason"));
        let said = match (message, reason) {
            ("", "") => " without explanation".to_owned(),
            ("", reason) => format!(": {reason}"),
            (message, _) => format!(": {message}"),
        };
        let code = self.status.get("code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
        Err(Error {
            code: code.filter(|code| *code >= 400).unwrap_or(400),
            reason: REASONS.iter().find(|known| **known == reason).copied().unwrap_or_default(),
            message: format!("admission webhook \"{name}\" denied the request{said}"),
            details: self.status.get("details").filter(|details| details.is_object()).cloned().map(Box::new),
            continue_token: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn review(response: Value) -> Value {
        json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response})
    }

    #[test]
    fn answers_that_are_none_are_told_apart() {
        let why = |answer: Value| read(&answer, "u").unwrap_err().to_string();
        assert!(why(json!({"apiVersion": "v1", "kind": "Pod"})).ends_with("got /v1, Kind=Pod"));
        assert!(why(review(json!(null))).ends_with("webhook response was absent"));
        assert!(why(review(json!({"uid": "x"}))).ends_with("expected response.uid=\"u\", got \"x\""));
        let patch = json!({"uid": "u", "patch": "W10=", "patchType": "Merge"});
        assert!(why(review(patch)).ends_with("invalid response.patchType of \"Merge\""));
    }

    #[test]
    fn a_refusal_says_who_and_why() {
        let refused = |status: Value| {
            let answer = read(&review(json!({"uid": "u", "allowed": false, "status": status})), "u").unwrap();
            let error = answer.into_result("w.x.y").unwrap_err();
            (error.code, error.reason, error.message)
        };
        let prefix = "admission webhook \"w.x.y\" denied the request";
        assert_eq!(refused(json!(null)), (400, "", format!("{prefix} without explanation")));
        assert_eq!(refused(json!({"message": "no", "code": 418})), (418, "", format!("{prefix}: no")));
        assert_eq!(
            refused(json!({"reason": "Forbidden", "code": 403})),
            (403, "Forbidden", format!("{prefix}: Forbidden"))
        );
    }
}
