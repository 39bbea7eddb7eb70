//! Where a webhook that is named as a Service is.
//! It must not connect. Upstream: `ResolveEndpoint` of `apiserver/pkg/util/proxy`.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use mainstay_apimachinery::object;
use serde_json::Value;

use super::super::review::{Review, items, text};

/// Finds Services that are no objects of the cluster, or whose pods are simulated.
pub trait Resolve: Send + Sync {
    /// Where a port of a Service listens; `None` leaves it to the cluster's objects.
    fn address(&self, cluster: &str, service: (&str, &str), port: u16) -> Option<SocketAddr>;
}

/// How webhooks are called.
#[derive(Clone, Default)]
pub struct WebhookClient {
    /// Who finds Services before the cluster is asked.
    pub resolve: Option<Arc<dyn Resolve>>,
}

impl fmt::Debug for WebhookClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookClient")
    }
}

/// A port of a Service.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Service {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) port: u16,
}

impl Service {
    /// The host and port to connect to.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) fn address(&self, review: &Review<'_>) -> Result<String, String> {
        let Self { namespace, name, port } = self;
        let resolve = &review.call.server.options().webhook_client.resolve;
        let known = resolve
            .as_ref()
            .and_then(|resolve| resolve.address(review.request.cluster, (namespace.as_str(), name.as_str()), *port));
        if let Some(address) = known {
            return Ok(address.to_string());
        }
        let service = review.get("", "services", (namespace.as_str(), name.as_str()));
        let service = service.ok_or_else(|| format!("service \"{name}\" not found"))?;
        if text(&service, "/spec/type") == "ExternalName" {
            return Ok(format!("{}:{port}", text(&service, "/spec/externalName")));
        }
        let wanted = items(&service, "/spec/ports").find(|given| number(given, "port") == Some(*port));
        let wanted = wanted.ok_or_else(|| format!("no service port {port} found for service \"{name}\""))?;
        let slices = review.list("discovery.k8s.io", "endpointslices", Some(namespace));
        let mut own = slices.iter().filter(|slice| object::label(slice, "kubernetes.io/service-name") == Some(name));
        let found = own.find_map(|slice| endpoint(slice, text(wanted, "/name")));
        found.ok_or_else(|| format!("no endpoints available for service \"{name}\""))
    }
}

fn number(value: &Value, field: &str) -> Option<u16> {
    value.get(field).and_then(Value::as_u64).and_then(|port| u16::try_from(port).ok())
}

/// The first endpoint of a slice that is ready, at the port of a name.
fn endpoint(slice: &Value, port: &str) -> Option<String> {
    let port = number(items(slice, "/ports").find(|given| text(given, "/name") == port)?, "port")?;
    let ready = |endpoint: &&Value| endpoint.pointer("/conditions/ready") != Some(&Value::Bool(false));
    let address =
        items(slice, "/endpoints").filter(ready).find_map(|endpoint| endpoint.pointer("/addresses/0")?.as_str())?;
    Some(if address.contains(':') { format!("[{address}]:{port}") } else { format!("{address}:{port}") })
}
