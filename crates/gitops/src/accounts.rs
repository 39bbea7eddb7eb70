//! Who asks which repository: Argo CD's Secrets of type `repository` and `repo-creds`, from an informer.
//! It must not know how repositories are asked.

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use mainstay_api::argoproj;
use mainstay_apimachinery::object;
use mainstay_charts::Credentials;
use mainstay_controller_runtime::{Context, Event, Informer, context};
use mainstay_git::{Account, Accounts};
use serde_json::Value;

/// A Secret of one repository.
const REPOSITORY: &str = "repository";
/// A Secret of all repositories whose URL begins so.
const TEMPLATE: &str = "repo-creds";

/// The Secrets of a namespace.
#[derive(Clone)]
pub(crate) struct AccountSecrets {
    secrets: Informer,
    namespace: Arc<str>,
}

impl AccountSecrets {
    pub(crate) fn new(control: &Context, namespace: &str) -> Self {
        let secrets = control.informers.informer(&context::resource("", "v1", "Secret", "secrets"));
        Self { secrets, namespace: namespace.into() }
    }

    /// The informer to be watched.
    pub(crate) fn informer(&self) -> &Informer {
        &self.secrets
    }

    /// What git repositories are asked with.
    pub(crate) fn of_git(&self) -> Accounts {
        let secrets = self.clone();
        Arc::new(move |url| secrets.of(url))
    }

    /// The account for a chart repository.
    pub(crate) fn of_charts(&self, url: &str) -> Option<Credentials> {
        self.of(url).map(|Account { username, password }| Credentials { username, password })
    }

    fn of(&self, url: &str) -> Option<Account> {
        let secrets = self.secrets.list_namespace(&self.namespace);
        choose(secrets.iter(), url)
    }

    /// Whether an event tells of an account for a repository.
    pub(crate) fn concerns(&self, event: &Event<'_>) -> Option<impl Fn(&str) -> bool + use<>> {
        let secret = event.object();
        if object::namespace(secret) != Some(&*self.namespace) {
            return None;
        }
        let (kind, of) = (kind(secret)?, field(secret, "url")?);
        Some(move |url: &str| if kind == TEMPLATE { is_below(url, &of) } else { same(url, &of) })
    }
}

fn kind(secret: &Value) -> Option<&'static str> {
    let kind = object::label(secret, argoproj::SECRET_TYPE)?;
    [REPOSITORY, TEMPLATE].into_iter().find(|known| *known == kind)
}

/// The repository's own account, or that of the longest beginning of its URL. An account of one project is nobody
/// else's, and who asks is not known here.
fn choose<'a>(secrets: impl Iterator<Item = &'a Value>, url: &str) -> Option<Account> {
    let mut best: Option<(usize, Account)> = None;
    for secret in secrets {
        let Some(kind) = kind(secret) else { continue };
        let Some(of) = field(secret, "url").filter(|_| field(secret, "project").is_none_or(|it| it.is_empty())) else {
            continue;
        };
        let rank = match kind {
            REPOSITORY if same(url, &of) => usize::MAX,
            TEMPLATE if is_below(url, &of) => of.len(),
            _ => continue,
        };
        if let Some(account) = account(secret).filter(|_| best.as_ref().is_none_or(|(other, _)| rank > *other)) {
            best = Some((rank, account));
        }
    }
    best.map(|(_, account)| account)
}

/// A name and password, or a token alone.
fn account(secret: &Value) -> Option<Account> {
    let given = |key: &str| field(secret, key).filter(|value| !value.is_empty());
    let password = given("password").or_else(|| given("bearerToken"))?;
    Some(Account { username: given("username").unwrap_or_default(), password })
}

/// A key of a Secret as text.
fn field(secret: &Value, key: &str) -> Option<String> {
    let bytes = BASE64_STANDARD.decode(secret.get("data")?.get(key)?.as_str()?).ok()?;
    String::from_utf8(bytes).ok().map(|text| text.trim().to_owned())
}

/// Registries may be written with or without their scheme.
fn plain(url: &str) -> &str {
    url.strip_prefix("oci://").unwrap_or(url)
}

/// Whether two URLs mean the same repository, as Argo CD's `git.SameURL`: case, `.git` and a slash at the end do not count.
/// Ports and users do, since an account is given by it.
fn same(url: &str, other: &str) -> bool {
    let bare = |url: &str| plain(url).trim().trim_end_matches('/').trim_end_matches(".git").to_ascii_lowercase();
    bare(url) == bare(other)
}

/// Whether a URL begins with another one, at the end of a name: `https://h` is not the beginning of `https://h.evil`.
fn is_below(url: &str, beginning: &str) -> bool {
    let (url, beginning) = (plain(url).to_ascii_lowercase(), plain(beginning).to_ascii_lowercase());
    let rest = url.strip_prefix(beginning.as_str());
    rest.is_some_and(|rest| rest.is_empty() || beginning.ends_with('/') || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn secret(kind: &str, fields: &[(&str, &str)]) -> Value {
        let data: serde_json::Map<String, Value> =
            fields.iter().map(|(key, value)| ((*key).to_owned(), BASE64_STANDARD.encode(value).into())).collect();
        json!({"metadata": {"labels": {"argocd.argoproj.io/secret-type": kind}}, "data": data})
    }

    #[test]
    fn the_nearest_account_is_meant() {
        let secrets = [
            secret("repo-creds", &[("url", "https://git.example.com"), ("password", "all")]),
            secret("repo-creds", &[("url", "https://git.example.com/team/"), ("password", "team")]),
            secret(
                "repository",
                &[("url", "https://git.example.com/team/shop.git"), ("username", "u"), ("password", "own")],
            ),
            secret("repository", &[("url", "https://git.example.com/team/open")]),
            secret("repository", &[("url", "https://git.example.com/p"), ("password", "x"), ("project", "p")]),
            secret("repository", &[("url", "registry.example.com/charts"), ("password", "oci")]),
            secret("cluster", &[("url", "https://git.example.com/team/shop.git"), ("password", "no")]),
        ];
        let password = |url: &str| choose(secrets.iter(), url).map(|account| account.password);
        assert_eq!(password("https://git.example.com/team/shop").as_deref(), Some("own"));
        assert_eq!(password("https://git.example.com/team/cart.git").as_deref(), Some("team"));
        assert_eq!(password("https://git.example.com/team/open.git").as_deref(), Some("team"));
        assert_eq!(password("https://git.example.com/other").as_deref(), Some("all"));
        assert_eq!(password("https://git.example.com/p").as_deref(), Some("all"), "not that of a project");
        assert_eq!(password("https://git.example.com.evil.org/x"), None);
        assert_eq!(password("oci://registry.example.com/charts").as_deref(), Some("oci"));
        assert_eq!(password("https://elsewhere.example.com/x"), None);
    }
}
