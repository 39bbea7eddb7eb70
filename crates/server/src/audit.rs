//! Opens the audit log that the operator asks for. It must not know what is recorded.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use mainstay_apiserver::{Audit, AuditPolicy};

use crate::Error;

/// Where the audit log goes, and what is recorded.
#[derive(Clone, Debug)]
pub struct AuditLog {
    /// File to append to; `-` is standard output.
    pub file: PathBuf,
    /// A file with an `audit.k8s.io/v1` Policy; `None` records the metadata of every request.
    pub policy: Option<PathBuf>,
}

impl AuditLog {
    /// Starts it.
    pub(crate) fn start(&self) -> Result<Audit, Error> {
        let failed = |path: &Path, reason: String| Error::Audit { path: path.to_owned(), reason };
        let policy = match &self.policy {
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(|error| failed(path, error.to_string()))?;
                AuditPolicy::parse(&text).map_err(|error| failed(path, error.to_string()))?
            }
            None => AuditPolicy::metadata(),
        };
        let sink: Box<dyn Write + Send> = if self.file == Path::new("-") {
            Box::new(std::io::stdout())
        } else {
            Box::new(append_to(&self.file).map_err(|error| failed(&self.file, error.to_string()))?)
        };
        Audit::start(policy, sink).map_err(|error| failed(&self.file, error.to_string()))
    }
}

/// Only its owner may read what others did.
fn append_to(path: &Path) -> std::io::Result<std::fs::File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_that_is_none_stops_the_start() {
        let directory = tempfile::tempdir().unwrap();
        let log = |policy: &str| AuditLog {
            file: directory.path().join("audit.log"),
            policy: Some(directory.path().join(policy)),
        };
        let error = log("missing").start().err().unwrap().to_string();
        assert!(error.starts_with("failed to start the audit log with"), "{error}");
        std::io::Write::write_all(
            &mut std::fs::File::create(directory.path().join("wrong")).unwrap(),
            b"kind: Policy\napiVersion: v1\nrules: []\n",
        )
        .unwrap();
        assert!(log("wrong").start().is_err());
    }
}
