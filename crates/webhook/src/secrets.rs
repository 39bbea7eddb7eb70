//! What git hosts have to know so that their events are believed.
//! It must not know how an event shows it, and shows nothing of it itself.

use std::collections::BTreeMap;
use std::fmt;

use crate::Provider;

/// Key of GitHub's secret.
pub(crate) const GITHUB: &str = "webhook.github.secret";
/// Key of GitLab's token.
pub(crate) const GITLAB: &str = "webhook.gitlab.secret";
/// Key of the UUID of Bitbucket Cloud's webhook.
pub(crate) const BITBUCKET: &str = "webhook.bitbucket.uuid";
/// Key of Bitbucket Server's secret.
pub(crate) const BITBUCKET_SERVER: &str = "webhook.bitbucketserver.secret";
/// Key of the secret of Gogs, Gitea and Forgejo.
pub(crate) const GOGS: &str = "webhook.gogs.secret";
/// Key of the user that Azure DevOps names.
pub(crate) const AZURE_USERNAME: &str = "webhook.azuredevops.username";
/// Key of that user's password.
pub(crate) const AZURE_PASSWORD: &str = "webhook.azuredevops.password";

/// The secrets of all git hosts, empty where none is set: then events of that host are taken from anybody, as in Argo CD.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secrets {
    pub(crate) github: Vec<u8>,
    pub(crate) gitlab: Vec<u8>,
    pub(crate) bitbucket_uuid: Vec<u8>,
    pub(crate) bitbucket_server: Vec<u8>,
    pub(crate) gogs: Vec<u8>,
    pub(crate) azure_username: Vec<u8>,
    pub(crate) azure_password: Vec<u8>,
}

impl Secrets {
    /// Reads the data of `argocd-secret`, decoded from base64.
    ///
    /// A value `$key` stands for the value of another key, without white space around it; `$name:key` for a key of another
    /// Secret, which is looked up in `data` as `name:key`. A reference to nothing stands for itself. So does Argo CD's
    /// `ReplaceStringSecret`.
    #[must_use]
    pub fn from_data(data: &BTreeMap<String, Vec<u8>>) -> Self {
        let of = |key: &str| data.get(key).map(|value| resolved(value, data)).unwrap_or_default();
        Self {
            github: of(GITHUB),
            gitlab: of(GITLAB),
            bitbucket_uuid: of(BITBUCKET),
            bitbucket_server: of(BITBUCKET_SERVER),
            gogs: of(GOGS),
            azure_username: of(AZURE_USERNAME),
            azure_password: of(AZURE_PASSWORD),
        }
    }

    /// Whether events of a git host have to show that they are genuine.
    #[must_use]
    pub fn is_set(&self, provider: Provider) -> bool {
        let secret = match provider {
            Provider::AzureDevOps => return !(self.azure_username.is_empty() && self.azure_password.is_empty()),
            Provider::Gitea => &self.gogs,
            Provider::GitHub => &self.github,
            Provider::GitLab => &self.gitlab,
            Provider::Bitbucket => &self.bitbucket_uuid,
            Provider::BitbucketServer => &self.bitbucket_server,
        };
        !secret.is_empty()
    }
}

/// Shows which are set, not what they are.
impl fmt::Debug for Secrets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        use Provider::{AzureDevOps, Bitbucket, BitbucketServer, GitHub, GitLab, Gitea};
        let all = [AzureDevOps, Gitea, GitHub, GitLab, Bitbucket, BitbucketServer];
        let set = all.into_iter().filter(|provider| self.is_set(*provider));
        formatter.write_str("Secrets of ")?;
        formatter.debug_set().entries(set).finish()
    }
}

fn resolved(value: &[u8], data: &BTreeMap<String, Vec<u8>>) -> Vec<u8> {
    let reference = value.strip_prefix(b"$").and_then(|key| std::str::from_utf8(key).ok());
    match reference.and_then(|key| data.get(key)) {
        Some(meant) => meant.trim_ascii().to_vec(),
        None => value.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(data: &[(&str, &str)]) -> Secrets {
        let data = data.iter().map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec()));
        Secrets::from_data(&data.collect())
    }

    #[test]
    fn references_are_followed_once() {
        let secrets = secrets(&[
            (GITHUB, "$hooks:token"),
            ("hooks:token", " s3cret\n"),
            (GITLAB, "$a"),
            ("a", "$b"),
            (GOGS, "$nothing"),
            (BITBUCKET_SERVER, "plain\n"),
        ]);
        assert_eq!(secrets.github, b"s3cret");
        assert_eq!(secrets.gitlab, b"$b");
        assert_eq!(secrets.gogs, b"$nothing");
        assert_eq!(secrets.bitbucket_server, b"plain\n");
    }

    #[test]
    fn nothing_is_shown() {
        let secrets = secrets(&[(GITHUB, "s3cret"), (AZURE_PASSWORD, "s3cret")]);
        assert_eq!(format!("{secrets:?}"), "Secrets of {AzureDevOps, GitHub}");
        assert!(secrets.is_set(Provider::AzureDevOps) && !secrets.is_set(Provider::GitLab));
    }
}
