//! Pull requests that something happened to, and where they are.
//! It must not know payloads, nor generators.

use crate::Provider;
use crate::identity::{host, identity, readings};

/// Something happened to a pull request, or merge request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PullRequest {
    /// Who told.
    pub provider: Provider,
    /// URLs of the repository: of its page, and those to clone it that the payload has.
    pub urls: Vec<String>,
    /// URL of the repository in the git host's API, where the payload has one.
    pub api_url: Option<String>,
    /// Who owns the repository: the account at GitHub and Gitea, the namespace at GitLab (`group/subgroup`), the project at
    /// Azure DevOps. Git hosts take it in any case.
    pub owner: String,
    /// The repository's name.
    pub repository: String,
    /// GitLab's id of the project that is to take the change in, which `pullRequest.gitlab.project` names.
    pub project_id: Option<u64>,
    /// The number that people call it by.
    pub number: u64,
    /// What happened, in the git host's word.
    pub action: String,
    /// Whether what happened may change what a `pullRequest` generator makes, as Argo CD has it: it came, went, or has
    /// other commits or labels.
    pub refreshes: bool,
}

impl PullRequest {
    /// Whether a `repoURL` means its repository, see [`identity`].
    #[must_use]
    pub fn is_of(&self, repo_url: &str) -> bool {
        let is_own = |url: &String| identity(url).is_some_and(|own| readings(repo_url).any(|reading| reading == own));
        self.urls.iter().any(is_own)
    }

    /// Whether the `api` of a generator is on the git host that told, as Argo CD's `GetAPIURLRegex`: hosts are compared,
    /// ports are not.
    #[must_use]
    pub fn is_on(&self, api: &str) -> bool {
        let asked = host(api);
        asked.is_some() && self.urls.iter().chain(&self.api_url).any(|url| host(url) == asked)
    }
}
