//! What others need to check tokens of service accounts: the issuer's OpenID configuration and its keys,
//! as upstream's `pkg/serviceaccount/openidmetadata.go`. It must not know who asks.

use http::header::{CACHE_CONTROL, HeaderValue};
use serde_json::json;

use super::service_account::ISSUER;
use crate::Error;
use crate::respond::{JSON, Reply, encode, reply};
use crate::server::ApiServer;

/// Answers the OpenID configuration of a cluster, which names the keys by the URL the client came by.
pub(crate) fn configuration(server: &ApiServer, cluster: &str) -> Reply {
    let keys = match &server.options().external_url {
        Some(url) => format!("{url}/clusters/{cluster}/openid/v1/jwks"),
        None => format!("{ISSUER}/openid/v1/jwks"),
    };
    let configuration = json!({
        "issuer": ISSUER,
        "jwks_uri": keys,
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
    });
    public(reply(200, JSON, encode(&configuration)))
}

/// Answers the keys of a cluster.
pub(crate) fn keys(server: &ApiServer, cluster: &str) -> Result<Reply, Error> {
    let key = server.options().signing_keys.of(cluster).map_err(Error::internal)?;
    let content_type = HeaderValue::from_static("application/jwk-set+json");
    Ok(public(reply(200, content_type, encode(&json!({"keys": [key.jwk()]})))))
}

fn public(mut reply: Reply) -> Reply {
    reply.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));
    reply
}
