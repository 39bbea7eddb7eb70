//! What is committed of rendered manifests, and whether they have to be rendered. As Argo CD's source hydrator.
//! It must not know repositories or clients.

use mainstay_api::argoproj::{HydrateOperation, SourceHydrator, SourceHydratorStatus, SuccessfulHydration};
use mainstay_apimachinery::yaml;
use serde_json::{Value, json};

use super::source;

/// The file with the manifests.
const MANIFESTS: &str = "manifest.yaml";
/// The file that says where they come from.
const METADATA: &str = "hydrator.metadata";
/// Phase of one that went well.
const HYDRATED: &str = "Hydrated";

/// The commit that is rendered.
#[derive(Clone, Debug, Default)]
pub struct Dry {
    /// Its SHA.
    pub sha: String,
    /// Who wrote it, as `name <mail>`.
    pub author: String,
    /// When, as RFC 3339.
    pub date: String,
    /// The first line of its message.
    pub subject: String,
}

impl Dry {
    fn short(&self) -> &str {
        self.sha.get(..7).unwrap_or(&self.sha)
    }

    /// The message of the commit with what came of it.
    #[must_use]
    pub fn message(&self, repository: &str) -> String {
        format!("{}: {}\n\nHydrated-from: {repository}@{}\n", self.short(), self.subject, self.sha)
    }
}

/// Why a hydrator cannot be used.
///
/// # Errors
/// In words, with what to do.
pub fn check(hydrator: &SourceHydrator) -> Result<(), String> {
    let SourceHydrator { dry_source, sync_source, .. } = hydrator;
    let place = "spec.sourceHydrator";
    for (value, field) in [
        (&dry_source.repo_url, "drySource.repoURL"),
        (&dry_source.target_revision, "drySource.targetRevision"),
        (&dry_source.path, "drySource.path"),
        (&sync_source.target_branch, "syncSource.targetBranch"),
        (&sync_source.path, "syncSource.path"),
    ] {
        if value.is_empty() {
            return Err(format!("{place}.{field} is required"));
        }
    }
    if source::root(&sync_source.path).is_empty() {
        return Err(format!("{place}.syncSource.path is the root of the repository; give it a directory of its own"));
    }
    if hydrator.hydrate_to.as_ref().is_some_and(|to| to.target_branch.is_empty()) {
        return Err(format!("{place}.hydrateTo.targetBranch is required"));
    }
    if hydrator.repository() == dry_source.repo_url && hydrator.branch() == dry_source.target_revision {
        return Err(format!("{place} would commit to the branch it reads; use another branch for rendered manifests"));
    }
    Ok(())
}

/// Whether a commit has been rendered already, well or not.
#[must_use]
pub fn is_done(status: Option<&SourceHydratorStatus>, hydrator: &SourceHydrator, dry_sha: &str) -> bool {
    let current = status.and_then(|status| status.current_operation.as_ref());
    current.is_some_and(|current| current.dry_sha == dry_sha && current.source_hydrator == *hydrator)
}

/// The status after one that has come to its end.
#[must_use]
pub fn status(
    before: Option<&SourceHydratorStatus>,
    hydrator: &SourceHydrator,
    dry_sha: &str,
    (started_at, finished_at): (String, String),
    outcome: Result<String, String>,
) -> SourceHydratorStatus {
    let operation = HydrateOperation {
        started_at,
        finished_at,
        dry_sha: dry_sha.to_owned(),
        source_hydrator: hydrator.clone(),
        ..HydrateOperation::default()
    };
    let last = before.and_then(|before| before.last_successful_operation.clone());
    match outcome {
        Ok(hydrated_sha) => SourceHydratorStatus {
            last_successful_operation: Some(SuccessfulHydration {
                dry_sha: dry_sha.to_owned(),
                hydrated_sha: hydrated_sha.clone(),
                source_hydrator: hydrator.clone(),
            }),
            current_operation: Some(HydrateOperation { phase: HYDRATED.to_owned(), hydrated_sha, ..operation }),
        },
        Err(message) => SourceHydratorStatus {
            last_successful_operation: last,
            current_operation: Some(HydrateOperation { phase: "Failed".to_owned(), message, ..operation }),
        },
    }
}

/// Why the last one failed, if it did.
#[must_use]
pub fn failure(status: Option<&SourceHydratorStatus>) -> Option<&str> {
    let current = status?.current_operation.as_ref()?;
    (current.phase != HYDRATED).then_some(&current.message)
}

/// The files to commit, by path; the last are the manifests.
#[must_use]
pub fn files<'a>(
    hydrator: &SourceHydrator,
    dry: &Dry,
    manifests: impl IntoIterator<Item = &'a Value>,
) -> Vec<(String, String)> {
    let directory = source::root(&hydrator.sync_source.path);
    let (repository, path) = (&hydrator.dry_source.repo_url, &hydrator.dry_source.path);
    let metadata = json!({
        "repoURL": repository, "drySha": dry.sha, "author": dry.author, "date": dry.date, "subject": dry.subject,
    });
    let metadata = format!("{metadata:#}\n");
    let about = format!(
        "# Rendered manifests\n\nThese files are written by a source hydrator; changes made here are overwritten.\n\n\
         - rendered from: `{path}` of {repository}\n- commit: `{}`\n",
        dry.sha
    );
    vec![
        (METADATA.to_owned(), metadata.clone()),
        (format!("{directory}/{METADATA}"), metadata),
        (format!("{directory}/README.md"), about),
        (format!("{directory}/{MANIFESTS}"), yaml::to_string_documents(manifests)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hydrator(sync_path: &str, branch: &str) -> SourceHydrator {
        serde_json::from_value(json!({
            "drySource": {"repoURL": "http://git/apps.git", "targetRevision": "main", "path": "shop"},
            "syncSource": {"targetBranch": branch, "path": sync_path},
        }))
        .unwrap()
    }

    #[test]
    fn what_cannot_work_is_refused() {
        assert_eq!(check(&hydrator("shop", "env/dev")), Ok(()));
        assert!(check(&hydrator("./", "env/dev")).unwrap_err().contains("a directory of its own"));
        assert!(check(&hydrator("shop", "main")).unwrap_err().contains("another branch"));
        assert!(check(&SourceHydrator::default()).unwrap_err().contains("drySource.repoURL is required"));
    }

    #[test]
    fn a_commit_is_rendered_once() {
        let (hydrator, times) = (hydrator("shop", "env/dev"), || ("a".to_owned(), "b".to_owned()));
        let done = status(None, &hydrator, "1", times(), Ok("9".into()));
        assert!(is_done(Some(&done), &hydrator, "1") && !is_done(Some(&done), &hydrator, "2"));
        assert!(!is_done(Some(&done), &self::hydrator("shop", "env/prod"), "1") && !is_done(None, &hydrator, "1"));
        let failed = status(Some(&done), &hydrator, "2", times(), Err("why".into()));
        assert_eq!((failure(Some(&failed)), failure(Some(&done))), (Some("why"), None));
        assert_eq!(failed.last_successful_operation, done.last_successful_operation);
    }

    #[test]
    fn manifests_come_with_where_they_are_from() {
        let dry = Dry { sha: "0123456789".into(), subject: "Add".into(), ..Dry::default() };
        let files = files(&hydrator("./env/shop/", "env/dev"), &dry, &[json!({"kind": "A"}), json!({"kind": "B"})]);
        let paths: Vec<&str> = files.iter().map(|(path, _)| path.as_str()).collect();
        let own = ["env/shop/hydrator.metadata", "env/shop/README.md", "env/shop/manifest.yaml"];
        assert_eq!(paths, [&["hydrator.metadata"][..], &own].concat());
        assert!(files[0].1.contains("\"drySha\": \"0123456789\""));
        assert_eq!(files[3].1, "kind: A\n---\nkind: B\n");
        assert_eq!(dry.message("r"), "0123456: Add\n\nHydrated-from: r@0123456789\n");
    }
}
