//! `pullRequest`: one parameter set for each open pull request of a repository.
//! It must not know how a host is called.

use mainstay_webhook::{Provider, PullRequest};
use serde_json::{Value, json};

use super::host::{Client, Filters, Host, at, labels, segment};
use super::{add_values, text};
use crate::plan::params::in_go;
use crate::plan::{Engine, Error, Params};

/// The longest slug; upstream's.
const MAX_SLUG: usize = 50;

/// Where hosts write the same things.
struct Fields {
    number: &'static str,
    branch: &'static str,
    target: &'static str,
    sha: &'static str,
    author: &'static str,
}

const GITLAB: Fields = Fields {
    number: "iid",
    branch: "/source_branch",
    target: "/target_branch",
    sha: "/sha",
    author: "/author/username",
};
const OTHERS: Fields =
    Fields { number: "number", branch: "/head/ref", target: "/base/ref", sha: "/head/sha", author: "/user/login" };

/// The pull requests that have all the labels asked for and that the filters let through.
pub(super) async fn params(engine: &Engine<'_>, body: &Value) -> Result<Vec<Params>, Error> {
    let client = Client::new(engine, body).await?;
    let filters = Filters::read(body, &["branchMatch", "targetBranchMatch", "titleMatch"])?;
    let option = |field| segment(text(client.options, field));
    let (path, fields) = match client.host {
        Host::Gitlab => (format!("/projects/{}/merge_requests{}", option("project"), state(client.options)), &GITLAB),
        _ => (format!("/repos/{}/{}/pulls?state=open", option("owner"), option("repo")), &OTHERS),
    };
    let items = match client.list(&path).await? {
        Some(items) => items,
        None if body.get("continueOnRepoNotFoundError").and_then(Value::as_bool) == Some(true) => Vec::new(),
        None => {
            return Err(Error::invalid(format!(
                "the repository of a pullRequest generator ({path}) does not exist, or the token may not see it"
            )));
        }
    };
    let wanted = labels(client.options, "labels");
    let mut sets = Vec::new();
    for item in &items {
        let present = labels(item, "labels");
        let passes = filters.pass(|field| {
            let pointer = match field {
                "branchMatch" => fields.branch,
                "targetBranchMatch" => fields.target,
                _ => "/title",
            };
            vec![at(item, pointer).to_owned()]
        });
        if passes && wanted.iter().all(|label| present.contains(label)) {
            sets.push(set(engine, body, item, fields)?);
        }
    }
    Ok(sets)
}

/// Whether a generator lists the pull requests of the repository that one of changed. What is a template may mean any.
pub(crate) fn asks_for(body: &Value, pull: &PullRequest) -> bool {
    let kind = match pull.provider {
        Provider::GitHub => "github",
        Provider::GitLab => "gitlab",
        Provider::Gitea => "gitea",
        _ => return false,
    };
    let Some(options) = body.get(kind) else { return false };
    let is = |field: &str, wanted: &str| {
        let own = text(options, field);
        own.contains("{{") || own.eq_ignore_ascii_case(wanted)
    };
    let api = text(options, "api");
    let is_there = api.is_empty() || api.contains("{{") || pull.is_on(api);
    let is_it = if kind == "gitlab" {
        let path = format!("{}/{}", pull.owner, pull.repository);
        is("project", &path) || pull.project_id.is_some_and(|id| is("project", &id.to_string()))
    } else {
        is("owner", &pull.owner) && is("repo", &pull.repository)
    };
    is_there && is_it
}

/// GitLab's query of the state: all states where none is asked for, as upstream.
fn state(options: &Value) -> String {
    let state = text(options, "pullRequestState");
    if state.is_empty() { String::new() } else { format!("?state={}", segment(state)) }
}

fn set(engine: &Engine<'_>, body: &Value, item: &Value, fields: &Fields) -> Result<Params, Error> {
    let (branch, target, sha) = (at(item, fields.branch), at(item, fields.target), at(item, fields.sha));
    let short = |length: usize| sha.get(..length).unwrap_or(sha).to_owned();
    let texts = [
        ("number", item.get(fields.number).map(in_go).unwrap_or_default()),
        ("title", at(item, "/title").to_owned()),
        ("branch", branch.to_owned()),
        ("branch_slug", slug(branch)),
        ("target_branch", target.to_owned()),
        ("target_branch_slug", slug(target)),
        ("head_sha", sha.to_owned()),
        ("head_short_sha", short(8)),
        ("head_short_sha_7", short(7)),
        ("author", at(item, fields.author).to_owned()),
    ];
    let mut set: Params = texts.into_iter().map(|(key, value)| (key.to_owned(), Value::String(value))).collect();
    if engine.dialect.nests() {
        set.insert("labels".to_owned(), json!(labels(item, "labels")));
    }
    add_values(engine, body, &mut set)?;
    Ok(set)
}

/// A branch fit for a name: lower case, whole words of at most 50 characters together.
fn slug(branch: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c.to_ascii_lowercase() } else { '-' };
    let text: String = branch.chars().map(safe).collect();
    let mut slug = String::new();
    for word in text.split('-').map(|word| word.trim_matches('_')).filter(|word| !word.is_empty()) {
        let dash = usize::from(!slug.is_empty());
        if slug.len() + dash + word.len() > MAX_SLUG {
            if slug.is_empty() {
                slug.push_str(word.get(..MAX_SLUG).unwrap_or(word));
            }
            break;
        }
        if dash == 1 {
            slug.push('-');
        }
        slug.push_str(word);
    }
    slug
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainstay_webhook::{Received, Secrets, receive};

    fn opened() -> PullRequest {
        let mut headers = http::HeaderMap::new();
        headers.insert("x-github-event", "pull_request".parse().unwrap());
        let repository = json!({"html_url": "https://github.com/Ada/shop", "clone_url": "https://github.com/Ada/shop.git",
            "name": "shop", "owner": {"login": "Ada"}, "url": "https://api.github.com/repos/Ada/shop"});
        let body = json!({"action": "opened", "number": 7, "repository": repository,
            "pull_request": {"number": 7, "base": {"repo": repository}}});
        match receive(&headers, body.to_string().as_bytes(), &Secrets::default()).unwrap() {
            Received::PullRequest(pull) => pull,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_changed_pull_request_concerns_who_lists_it() {
        let asks = |body: Value| asks_for(&body, &opened());
        assert!(asks(json!({"github": {"owner": "ada", "repo": "Shop"}})));
        assert!(asks(json!({"github": {"owner": "{{.owner}}", "repo": "shop"}})));
        assert!(!asks(json!({"github": {"owner": "ada", "repo": "cart"}})));
        assert!(!asks(json!({"gitea": {"owner": "ada", "repo": "shop"}})));
        assert!(!asks(json!({"github": {"owner": "ada", "repo": "shop", "api": "https://git.example.com/api"}})));
        let listing = json!({"pullRequest": {"github": {"owner": "ada", "repo": "shop"}}});
        let nested = json!([{"matrix": {"generators": [listing]}}]);
        assert!(crate::plan::asks_for(nested.as_array().unwrap(), &opened()));
    }

    #[test]
    fn a_slug_keeps_whole_words() {
        assert_eq!(slug("Feature/Add_X--now!"), "feature-add_x-now");
        assert_eq!(slug(&"abcdefghi-".repeat(9)), "abcdefghi-abcdefghi-abcdefghi-abcdefghi-abcdefghi");
        assert_eq!(slug(&"a".repeat(60)).len(), 50);
    }
}
