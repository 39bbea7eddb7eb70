//! What clients ask the kubelet for by way of the server: logs, exec, attach, port forwarding.
//! Pods are simulated, so nothing answers; what is wrong with a request is said as upstream says it.

use mainstay_apimachinery::{FieldError, FieldErrorKind, FieldPath};
use mainstay_store::KindKey;
use serde_json::{Value, json};

use crate::Error;
use crate::call::Call;
use crate::convert::parse;
use crate::respond::{Reply, empty, text};

/// What the log of a simulated pod says.
const NO_LOGS: &str = "This pod is simulated: nothing runs in it, so there is no log.\n";

/// Answers a request to connect to a pod, or to what is behind a proxy; `None` for any other request.
pub(super) fn connect(call: &Call) -> Option<Result<Reply, Error>> {
    let subresource = call.subresource_str().split('/').next().unwrap_or_default();
    match (&*call.resource.plural, subresource) {
        ("pods", "exec" | "attach" | "portforward") => Some(stream(call, subresource)),
        ("pods" | "services" | "nodes", "proxy") => Some(Err(no_backend())),
        _ => None,
    }
}

fn no_backend() -> Error {
    Error::internal("error dialing backend: pods are simulated, no process runs in them")
}

fn stream(call: &Call, subresource: &str) -> Result<Reply, Error> {
    let pod = pod(call)?;
    let name = call.name_str();
    let node = node_of(&pod);
    if subresource != "portforward" {
        container(call, &pod)?;
    }
    if node.is_empty() {
        return Err(Error::bad_request(format!("pod {name} does not have a host assigned")));
    }
    check_node(call, node)?;
    Err(no_backend())
}

/// `GET …/log`.
pub(super) fn log(call: &Call) -> Result<Reply, Error> {
    check_options(call)?;
    let pod = pod(call)?;
    container(call, &pod)?;
    let node = node_of(&pod);
    if node.is_empty() {
        return Ok(empty(204));
    }
    check_node(call, node)?;
    Ok(text(200, NO_LOGS))
}

fn pod(call: &Call) -> Result<Value, Error> {
    let snapshot = call.server.snapshot();
    let record = snapshot.get(&call.object_key(call.name_str())).ok_or_else(|| call.not_found())?;
    Ok(parse(&record.bytes))
}

fn node_of(pod: &Value) -> &str {
    pod.pointer("/spec/nodeName").and_then(Value::as_str).unwrap_or_default()
}

/// Upstream looks the node up as if it were a pod, going by its message.
fn check_node(call: &Call, node: &str) -> Result<(), Error> {
    let key = KindKey::new(call.cluster.clone(), "", "nodes").object("", node);
    match call.server.snapshot().get(&key) {
        Some(_) => Ok(()),
        None => Err(Error::not_found(&call.resource, node)),
    }
}

/// The container asked for must be one of the pod's; with several, one must be asked for.
fn container(call: &Call, pod: &Value) -> Result<(), Error> {
    let name = call.name_str();
    let names = |list: &str| -> Vec<String> {
        let containers = pod.pointer(&format!("/spec/{list}")).and_then(Value::as_array).into_iter().flatten();
        containers.filter_map(|container| container["name"].as_str().map(str::to_owned)).collect()
    };
    let (main, init, debug) = (names("containers"), names("initContainers"), names("ephemeralContainers"));
    match call.query.get("container") {
        Some(wanted) if [&main, &init, &debug].iter().any(|list| list.iter().any(|known| known == wanted)) => Ok(()),
        Some(wanted) => Err(Error::bad_request(format!("container {wanted} is not valid for pod {name}"))),
        None if main.len() == 1 => Ok(()),
        None => {
            let mut why =
                format!("a container name must be specified for pod {name}, choose one of: [{}]", main.join(" "));
            for (what, list) in [("init containers", init), ("ephemeral containers", debug)] {
                if !list.is_empty() {
                    why.push_str(&format!(" or one of the {what}: [{}]", list.join(" ")));
                }
            }
            Err(Error::bad_request(why))
        }
    }
}

/// As `ValidatePodLogOptions`.
fn check_options(call: &Call) -> Result<(), Error> {
    let mut errors = Vec::new();
    let mut invalid = |field: &str, value: i64, why: &str| {
        let path = FieldPath::root().child(field);
        errors.push(FieldError::new(FieldErrorKind::Invalid, path, json!(value), why));
    };
    if let Some(lines) = call.query.integer("tailLines")?.filter(|lines| *lines < 0) {
        invalid("tailLines", lines, "must be greater than or equal to 0");
    }
    if let Some(bytes) = call.query.integer("limitBytes")?.filter(|bytes| *bytes < 1) {
        invalid("limitBytes", bytes, "must be greater than 0");
    }
    if let Some(seconds) = call.query.integer("sinceSeconds")?.filter(|seconds| *seconds < 1) {
        invalid("sinceSeconds", seconds, "must be greater than 0");
    }
    if call.query.get("sinceSeconds").is_some() && call.query.get("sinceTime").is_some() {
        let why = "at most one of `sinceTime` or `sinceSeconds` may be specified";
        errors.push(FieldError::new(FieldErrorKind::Forbidden, FieldPath::root(), Value::Null, why));
    }
    if errors.is_empty() { Ok(()) } else { Err(Error::invalid_named("PodLogOptions", call.name_str(), &errors)) }
}
