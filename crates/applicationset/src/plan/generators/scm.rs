//! `scmProvider`: one parameter set for each repository of an organisation.
//! It must not know how a host is called.

use serde_json::Value;

use super::host::{Client, Filters, Host, at, labels, segment};
use super::{add_values, text};
use crate::plan::params::{in_go, normalize};
use crate::plan::{Engine, Error, Params};

/// One repository at its default branch.
struct Repository {
    organization: String,
    name: String,
    id: String,
    url: String,
    branch: String,
    sha: String,
    labels: Vec<String>,
}

/// The repositories that the filters let through.
pub(super) async fn params(engine: &Engine<'_>, body: &Value) -> Result<Vec<Params>, Error> {
    let client = Client::new(engine, body).await?;
    let filters = Filters::read(body, &["repositoryMatch", "labelMatch", "branchMatch"])?;
    let (field, parent, child) = match client.host {
        Host::Github => ("organization", "orgs", "repos"),
        Host::Gitlab => ("group", "groups", "projects"),
        Host::Gitea => ("owner", "orgs", "repos"),
    };
    let owner = text(client.options, field);
    if owner.is_empty() {
        return Err(Error::invalid(format!("{field} of an scmProvider generator is empty")));
    }
    let mut path = format!("/{parent}/{}/{child}", segment(owner));
    if client.options.get("includeSubgroups").and_then(Value::as_bool) == Some(true) {
        path.push_str("?include_subgroups=true");
    }
    let Some(items) = client.list(&path).await? else {
        return Err(Error::invalid(format!(
            "{field} {owner} of an scmProvider generator does not exist, or the token may not see it"
        )));
    };
    let mut sets = Vec::new();
    for item in &items {
        let Some(mut repository) = repository(&client, owner, item, text(body, "cloneProtocol"))? else { continue };
        let passes = filters.pass(|field| match field {
            "repositoryMatch" => vec![repository.name.clone()],
            "labelMatch" => repository.labels.clone(),
            _ => vec![repository.branch.clone()],
        });
        if passes && find_head(&client, &mut repository).await? {
            sets.push(set(engine, body, repository)?);
        }
    }
    Ok(sets)
}

/// A repository of a list; `None` for one that has no branch yet.
fn repository(client: &Client<'_>, owner: &str, item: &Value, protocol: &str) -> Result<Option<Repository>, Error> {
    let gitlab = client.host == Host::Gitlab;
    let url = match (protocol, gitlab) {
        ("" | "ssh", false) => "/ssh_url",
        ("" | "ssh", true) => "/ssh_url_to_repo",
        ("https", false) => "/clone_url",
        ("https", true) => "/http_url_to_repo",
        (other, _) => return Err(Error::invalid(format!("cloneProtocol {other:?} is unknown; write ssh or https"))),
    };
    let branch = at(item, "/default_branch");
    let namespace = at(item, "/namespace/full_path");
    Ok((!branch.is_empty()).then(|| Repository {
        organization: if gitlab && !namespace.is_empty() { namespace } else { owner }.to_owned(),
        name: at(item, if gitlab { "/path" } else { "/name" }).to_owned(),
        id: item.get("id").map(in_go).unwrap_or_default(),
        url: at(item, url).to_owned(),
        branch: branch.to_owned(),
        sha: String::new(),
        labels: labels(item, "topics"),
    }))
}

/// Finds the commit of a repository's branch; false where the branch does not exist.
async fn find_head(client: &Client<'_>, repository: &mut Repository) -> Result<bool, Error> {
    let branch = segment(&repository.branch);
    let named = || {
        let (owner, name) = (segment(&repository.organization), segment(&repository.name));
        format!("/repos/{owner}/{name}/branches/{branch}")
    };
    let (path, pointer) = match client.host {
        Host::Github => (named(), "/commit/sha"),
        Host::Gitea => (named(), "/commit/id"),
        Host::Gitlab => (format!("/projects/{}/repository/branches/{branch}", segment(&repository.id)), "/commit/id"),
    };
    let response = client.get(&path).await?;
    match response.status {
        200 => at(&response.body, pointer).clone_into(&mut repository.sha),
        404 => return Ok(false),
        _ => return Err(client.unexpected(&path, &response)),
    }
    Ok(true)
}

fn set(engine: &Engine<'_>, body: &Value, repository: Repository) -> Result<Params, Error> {
    let Repository { organization, name, id, url, branch, sha, labels } = repository;
    let short = |length: usize| sha.get(..length).unwrap_or(&sha).to_owned();
    let fields = [
        ("organization", organization),
        ("repository", name),
        ("repository_id", id),
        ("url", url),
        ("branchNormalized", normalize(&branch)),
        ("branch", branch),
        ("short_sha", short(8)),
        ("short_sha_7", short(7)),
        ("labels", labels.join(",")),
        ("sha", sha.clone()),
    ];
    let mut set: Params = fields.into_iter().map(|(key, value)| (key.to_owned(), Value::String(value))).collect();
    add_values(engine, body, &mut set)?;
    Ok(set)
}
