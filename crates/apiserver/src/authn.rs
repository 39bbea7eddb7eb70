//! Who asks: a chain of authenticators, as upstream's `pkg/kubeapiserver/authenticator`. A client certificate
//! comes first, then a bearer token; who shows neither is nobody in particular.
//! It must not know what anybody may do.

pub(crate) mod certificate;
pub(crate) mod discovery;
pub(crate) mod impersonation;
pub(crate) mod keys;
pub(crate) mod service_account;
pub(crate) mod tokens;

use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::request::Parts;

use crate::Error;
use crate::identity::Identity;
use crate::server::ApiServer;
use certificate::Client;
use service_account::{ISSUER, Shown};

/// What becomes of those who show no credential.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Anonymous {
    /// They may ask for health and version, and nothing else: 401.
    #[default]
    HealthAndVersion,
    /// They are `system:anonymous`, who may do what the rules say: upstream's `--anonymous-auth=true`.
    Everywhere,
}

/// Paths that tell nothing worth a credential: the role `system:public-info-viewer`.
const PUBLIC: [&str; 5] = ["/healthz", "/livez", "/readyz", "/version", "/version/"];

impl ApiServer {
    /// Who sends a request to a cluster; the path has no cluster prefix.
    ///
    /// # Errors
    /// 401 when nobody is known by what is shown, or something must be shown.
    pub(crate) fn authenticate(&self, cluster: &str, path: &str, parts: &Parts) -> Result<Arc<Identity>, Error> {
        let client = parts.extensions.get::<Client>();
        if let Some(Client::Known(identity)) = client {
            return Ok(identity.clone());
        }
        if let Some(token) = bearer(parts) {
            let shown = self.identify(cluster, token, &[ISSUER.to_owned()]);
            return shown.ok().flatten().map(|shown| shown.identity).ok_or_else(Error::unauthorized);
        }
        let admitted = self.options().anonymous == Anonymous::Everywhere || PUBLIC.contains(&path);
        if client.is_some() || !admitted {
            return Err(Error::unauthorized());
        }
        Ok(Arc::new(Identity::anonymous()))
    }

    /// Who shows a bearer token to a cluster, and for which of the audiences; `None` if nobody knows it.
    ///
    /// # Errors
    /// What is wrong with a token of a service account.
    pub(crate) fn identify(&self, cluster: &str, token: &str, wanted: &[String]) -> Result<Option<Shown>, String> {
        if let Some(identity) = self.tokens().identity(token) {
            // What the operator says is meant for this server.
            let audiences: Vec<String> = wanted.iter().filter(|audience| *audience == ISSUER).cloned().collect();
            return Ok(Some(Shown { identity, audiences }).filter(|shown| !shown.audiences.is_empty()));
        }
        self.service_accounts().identify(self, (cluster, token), wanted)
    }
}

fn bearer(parts: &Parts) -> Option<&str> {
    let (scheme, token) = parts.headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim()).filter(|token| !token.is_empty())
}
