//! Everything read from outside: the clusters' Secrets, and what generators ask of repositories.
//! It must not decide anything.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mainstay_api::argoproj::{self, CLUSTER_SECRET};
use mainstay_apimachinery::object;
use mainstay_git::Repositories;
use serde_json::Value;

use crate::plan::generate::{Cluster, Generated, Known, Need, Stop, all};

/// So often more may be asked for: each level of a matrix asks once for paths and once for files.
const ROUNDS: usize = 16;

/// Parameters could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A generator cannot be used.
    #[error("{0}")]
    Refused(String),
    /// A repository could not be read.
    #[error("failed to read {revision} of {url}")]
    Repository {
        url: String,
        revision: String,
        #[source]
        source: mainstay_git::Error,
    },
    /// A file that generators ask for is no text.
    #[error("{path} of {url} is not UTF-8")]
    NoText { url: String, path: String },
}

/// Whether a Secret is that of a cluster.
pub(crate) fn is_cluster(secret: &Value) -> bool {
    object::labels(secret).get(CLUSTER_SECRET.0).and_then(Value::as_str) == Some(CLUSTER_SECRET.1)
}

/// The clusters that Secrets tell of, by name, and the local one if none of them is it.
pub(crate) fn clusters(secrets: &[Value]) -> Vec<Cluster> {
    let mut clusters: Vec<Cluster> = secrets.iter().filter(|secret| is_cluster(secret)).map(cluster).collect();
    if !clusters.iter().any(|cluster| cluster.server == argoproj::IN_CLUSTER_SERVER) {
        clusters.push(Cluster {
            name: argoproj::IN_CLUSTER.to_owned(),
            server: argoproj::IN_CLUSTER_SERVER.to_owned(),
            local: true,
            ..Cluster::default()
        });
    }
    clusters.sort_by(|a, b| a.name.cmp(&b.name));
    clusters
}

fn cluster(secret: &Value) -> Cluster {
    let text = |field: &str| {
        let encoded = secret.pointer(&format!("/data/{field}")).and_then(Value::as_str).unwrap_or_default();
        STANDARD.decode(encoded).ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default()
    };
    Cluster {
        name: text("name"),
        server: text("server"),
        project: text("project"),
        labels: object::labels(secret).clone(),
        annotations: object::annotations(secret).clone(),
        local: false,
    }
}

/// Runs the generators, and reads what they ask for until they ask no more.
pub(crate) async fn generate(
    repositories: &Repositories,
    (generators, template): (&[Value], &Value),
    mut known: Known,
) -> Result<Vec<Generated>, Error> {
    for _ in 0..ROUNDS {
        match all(generators, template, &known) {
            Ok(generated) => return Ok(generated),
            Err(Stop::Refused(message)) => return Err(Error::Refused(message)),
            Err(Stop::Needs(needs)) => answer(repositories, needs, &mut known).await?,
        }
    }
    Err(Error::Refused("the generators ask for more and more".to_owned()))
}

async fn answer(repositories: &Repositories, needs: BTreeSet<Need>, known: &mut Known) -> Result<(), Error> {
    for need in needs {
        let (url, revision) = match &need {
            Need::Paths(url, revision) | Need::File(url, revision, _) => (url.clone(), revision.clone()),
        };
        let failed = |source| Error::Repository { url: url.clone(), revision: revision.clone(), source };
        let commit = repositories.resolve(&url, &revision).await.map_err(failed)?;
        let answer = match &need {
            Need::Paths(..) => repositories.paths(&url, &commit.sha).await.map_err(failed)?.join("\n"),
            Need::File(_, _, path) => {
                let wanted = path.clone();
                let read = repositories.with_files(&url, &commit.sha, move |files| files.read(&wanted)).await;
                let bytes = read.map_err(failed)?.unwrap_or_default();
                let no_text = |_| Error::NoText { url: url.clone(), path: path.clone() };
                String::from_utf8(bytes.to_vec()).map_err(no_text)?
            }
        };
        known.answers.insert(need, answer);
    }
    Ok(())
}
