//! Whether the sender of an event knows the secret of its git host. What is compared is compared in constant time.
//! It must not know what an event says.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, header};
use ring::hmac;

use crate::secrets::{AZURE_PASSWORD, BITBUCKET, BITBUCKET_SERVER, GITHUB, GITLAB, GOGS};
use crate::{Error, Provider, Secrets};

/// A header that carries an HMAC of the body in hexadecimal.
struct Signature {
    header: &'static str,
    /// What stands in front of it. GitHub's prefix may be left out, as upstream lets it.
    prefix: &'static str,
    algorithm: hmac::Algorithm,
}

/// GitHub's; the second is all that old servers send, and is not looked at where the first is there.
const OF_GITHUB: [Signature; 2] = [
    Signature { header: "x-hub-signature-256", prefix: "sha256=", algorithm: hmac::HMAC_SHA256 },
    Signature { header: "x-hub-signature", prefix: "sha1=", algorithm: hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY },
];
/// Those of Gogs and of what came of it.
const OF_GITEA: [Signature; 3] = [
    Signature { header: "x-gogs-signature", prefix: "", algorithm: hmac::HMAC_SHA256 },
    Signature { header: "x-gitea-signature", prefix: "", algorithm: hmac::HMAC_SHA256 },
    Signature { header: "x-forgejo-signature", prefix: "", algorithm: hmac::HMAC_SHA256 },
];
/// Bitbucket Server's.
const OF_BITBUCKET_SERVER: [Signature; 1] =
    [Signature { header: "x-hub-signature", prefix: "sha256=", algorithm: hmac::HMAC_SHA256 }];

/// Checks an event of a git host. Anything goes where its secret is not set.
pub(crate) fn check(provider: Provider, headers: &HeaderMap, body: &[u8], secrets: &Secrets) -> Result<(), Error> {
    if !secrets.is_set(provider) {
        return Ok(());
    }
    let (header, key, fits) = match provider {
        Provider::AzureDevOps => ("authorization", AZURE_PASSWORD, basic(headers, secrets)),
        Provider::GitLab => ("x-gitlab-token", GITLAB, token(headers, "x-gitlab-token", &secrets.gitlab)),
        Provider::Bitbucket => ("x-hook-uuid", BITBUCKET, uuid(headers, &secrets.bitbucket_uuid)),
        Provider::GitHub => signed(headers, body, &secrets.github, (&OF_GITHUB, GITHUB)),
        Provider::Gitea => signed(headers, body, &secrets.gogs, (&OF_GITEA, GOGS)),
        Provider::BitbucketServer => {
            signed(headers, body, &secrets.bitbucket_server, (&OF_BITBUCKET_SERVER, BITBUCKET_SERVER))
        }
    };
    match fits {
        Some(true) => Ok(()),
        Some(false) => Err(Error::WrongSignature { provider, header, key }),
        None => Err(Error::Unsigned { provider, header, key }),
    }
}

/// Looks at the first signature that is there: the header, where the secret stands, and whether it fits. `None` if there
/// is no signature.
fn signed(
    headers: &HeaderMap,
    body: &[u8],
    secret: &[u8],
    (signatures, key): (&[Signature], &'static str),
) -> (&'static str, &'static str, Option<bool>) {
    for signature in signatures {
        let Some(value) = headers.get(signature.header).filter(|value| !value.is_empty()) else { continue };
        let hex = value.as_bytes().strip_prefix(signature.prefix.as_bytes()).unwrap_or(value.as_bytes());
        let secret = hmac::Key::new(signature.algorithm, secret);
        let fits = unhex(hex).is_some_and(|tag| hmac::verify(&secret, body, &tag).is_ok());
        return (signature.header, key, Some(fits));
    }
    (signatures[0].header, key, None)
}

/// Whether a header holds the secret itself.
fn token(headers: &HeaderMap, name: &str, secret: &[u8]) -> Option<bool> {
    headers.get(name).map(|value| same(value.as_bytes(), secret))
}

/// Bitbucket shows the UUID of a webhook in braces in some places, without in others.
fn uuid(headers: &HeaderMap, secret: &[u8]) -> Option<bool> {
    headers.get("x-hook-uuid").map(|value| same(bare(value.as_bytes()), bare(secret)))
}

fn bare(uuid: &[u8]) -> &[u8] {
    uuid.strip_prefix(b"{").and_then(|uuid| uuid.strip_suffix(b"}")).unwrap_or(uuid)
}

/// User and password of `Authorization: Basic`.
fn basic(headers: &HeaderMap, secrets: &Secrets) -> Option<bool> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    let Some(encoded) = credentials(value) else { return Some(false) };
    let Ok(decoded) = STANDARD.decode(encoded.trim_ascii()) else { return Some(false) };
    let Some(colon) = decoded.iter().position(|byte| *byte == b':') else { return Some(false) };
    let (username, password) = (&decoded[..colon], &decoded[colon + 1..]);
    // Both are looked at, so that an answer does not tell which of them is wrong.
    Some(same(username, &secrets.azure_username) & same(password, &secrets.azure_password))
}

/// What follows the scheme `Basic`, in any case.
fn credentials(value: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = value.split_at_checked(6)?;
    scheme.eq_ignore_ascii_case(b"basic ").then_some(rest)
}

/// Compares two secrets by their HMACs under one key, so that neither what they share nor how long they are shows in the
/// time it takes.
fn same(given: &[u8], secret: &[u8]) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let expected = hmac::sign(&key, secret);
    hmac::verify(&key, given, expected.as_ref()).is_ok()
}

/// Bytes written in hexadecimal.
fn unhex(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = text.chunks(2).map(|pair| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_the_same_only_when_they_are() {
        assert!(same(b"abc", b"abc"));
        for other in [&b""[..], b"ab", b"abcd", b"ABC", b"abc\0"] {
            assert!(!same(other, b"abc"), "{other:?}");
        }
        // HMAC pads a short key with zeros: keys may be the same where secrets are not.
        assert!(!same(b"abc", b"abc\0"));
    }

    #[test]
    fn hexadecimal_is_whole_bytes() {
        assert_eq!(unhex(b"00fFa1"), Some(vec![0, 255, 161]));
        assert_eq!(unhex(b""), Some(vec![]));
        for bad in [&b"0"[..], b"0g", b"+1", b"\xff\xff"] {
            assert_eq!(unhex(bad), None, "{bad:?}");
        }
    }
}
