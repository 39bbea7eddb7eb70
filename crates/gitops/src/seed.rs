//! The secret that random values in charts follow from: made once, and kept in the control cluster, so that a chart
//! gives the same passwords each time it is rendered, and nobody can tell them who cannot read the Secret.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use mainstay_controller_runtime::{Api, Context, api, context};
use mainstay_helm::Entropy;
use mainstay_telemetry::chain;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::MANAGER;

/// The Secret's name, in the namespace of the Applications.
pub const NAME: &str = "mainstay-template-seed";
const KEY: &str = "seed";

/// The seed of an installation. If it cannot be read or kept, one that holds until the process ends.
pub(crate) async fn entropy(control: &Context, namespace: &str) -> Entropy {
    let fresh = fresh(control);
    let secrets = control.api(&context::resource("", "v1", "Secret", "secrets"), Some(namespace));
    match kept(&secrets, namespace, fresh).await {
        Ok(seed) => Entropy::new(seed),
        Err(error) => {
            let error = chain(&error);
            tracing::warn!(%error, "failed to keep secret {NAME}; random values in charts change with the next start");
            Entropy::new(fresh)
        }
    }
}

fn fresh(control: &Context) -> [u8; 32] {
    // Each id has 122 random bits.
    let ids = [control.ids.uid(), control.ids.uid(), control.ids.uid()];
    Sha256::digest(ids.concat()).into()
}

async fn kept(secrets: &Api, namespace: &str, fresh: [u8; 32]) -> Result<[u8; 32], api::Error> {
    if let Some(seed) = secrets.get(NAME).await?.as_ref().and_then(seed) {
        return Ok(seed);
    }
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
        "metadata": {"name": NAME, "namespace": namespace, "labels": {"app.kubernetes.io/managed-by": MANAGER}},
        "data": {KEY: BASE64_STANDARD.encode(fresh)},
    });
    match secrets.create(MANAGER, &secret).await {
        Ok(_) => Ok(fresh),
        // Another replica was first.
        Err(error) if error.is_conflict() => Ok(secrets.get(NAME).await?.as_ref().and_then(seed).unwrap_or(fresh)),
        Err(error) => Err(error),
    }
}

fn seed(secret: &Value) -> Option<[u8; 32]> {
    BASE64_STANDARD.decode(secret["data"][KEY].as_str()?).ok()?.try_into().ok()
}
