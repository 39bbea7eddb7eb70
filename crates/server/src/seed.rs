//! The repositories a fresh server starts with, and their first commits.
//! It must not know what the engines make of them.

use jiff::Timestamp;
use mainstay_git::{Author, Change, GitHost, NewCommit};
use mainstay_orchestrator::golden_paths;

use crate::Error;

/// Under this name clusters know the git host, whatever port it listens on.
pub(crate) const IN_CLUSTER_URL: &str = "http://git.mainstay-system.svc";

macro_rules! seed {
    ($($path:literal),+ $(,)?) => {
        &[$(($path, include_str!(concat!("../seed/", $path)))),+]
    };
}

const PLATFORM: &[(&str, &str)] = seed![
    "platform/README.md",
    "platform/addons/addons.yaml",
    "platform/bootstrap/apps.yaml",
    "platform/bootstrap/clusters.yaml",
    "platform/bootstrap/projects.yaml",
];

const APPS: &[(&str, &str)] = seed![
    "apps/README.md",
    "apps/sample/argocd.yaml",
    "apps/sample/catalog-info.yaml",
    "apps/sample/dev/application.yaml",
    "apps/sample/production/application.yaml",
    "apps/sample/staging/application.yaml",
];

/// Makes the repositories `platform` and `apps` and their first commits; leaves existing ones alone.
///
/// # Errors
/// When the git host refuses.
pub(crate) async fn repositories(host: &GitHost, now: Timestamp) -> Result<(), Error> {
    let known = host.names();
    let mut platform = files("platform/", PLATFORM);
    let shipped = golden_paths::DEFINITIONS.iter().chain(&golden_paths::CUSTOM_RESOURCE_DEFINITIONS);
    platform.extend(shipped.map(|file| Change::write(file.path, file.text)));
    for (name, changes) in [("platform", platform), ("apps", files("apps/", APPS))] {
        if known.iter().any(|known| known == name) {
            continue;
        }
        host.create(name).await.map_err(Error::Git)?;
        let commit = NewCommit {
            branch: mainstay_git::DEFAULT_BRANCH.to_owned(),
            changes,
            author: Author::new("Mainstay", "mainstay@localhost"),
            message: format!("Start the {name} repository\n"),
            time: now,
        };
        host.commit_files(name, commit).await.map_err(Error::Git)?;
    }
    Ok(())
}

fn files(prefix: &str, seed: &[(&str, &'static str)]) -> Vec<Change> {
    seed.iter().map(|(path, text)| Change::write(path.trim_start_matches(prefix), *text)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_seed_file_is_read() {
        for (path, text) in PLATFORM.iter().chain(APPS).filter(|(path, _)| path.ends_with(".yaml")) {
            let documents = mainstay_apimachinery::yaml::parse_documents(text);
            assert!(documents.is_ok_and(|documents| !documents.is_empty()), "{path}");
        }
    }

    #[test]
    fn paths_lose_their_prefix() {
        let changes = files("apps/", APPS);
        assert!(changes.iter().any(|change| change.path == "sample/dev/application.yaml"));
    }
}
