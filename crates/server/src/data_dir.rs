//! Where a server keeps its state: one directory, readable by its owner only.
//! It must not know what the files hold.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::Error;

/// The directory of one server. A temporary one goes with the server.
pub(crate) struct DataDir {
    path: PathBuf,
    _temporary: Option<TempDir>,
}

impl DataDir {
    /// A directory that stays; made if missing.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::DataDir { path: path.to_owned(), source };
        std::fs::create_dir_all(path).map_err(failed)?;
        restrict(path).map_err(failed)?;
        let path = path.canonicalize().map_err(failed)?;
        Ok(Self { path, _temporary: None })
    }

    /// A directory that is deleted in the end.
    pub(crate) fn temporary() -> Result<Self, Error> {
        let directory = TempDir::with_prefix("mainstay-")
            .map_err(|source| Error::DataDir { path: std::env::temp_dir(), source })?;
        Ok(Self { path: directory.path().to_owned(), _temporary: Some(directory) })
    }

    pub(crate) fn store(&self) -> PathBuf {
        Self::store_of(&self.path)
    }

    /// The store's file in a directory.
    pub(crate) fn store_of(path: &Path) -> PathBuf {
        path.join("store.redb")
    }

    pub(crate) fn repositories(&self) -> PathBuf {
        self.path.join("git")
    }

    pub(crate) fn mirrors(&self) -> PathBuf {
        self.path.join("mirrors")
    }

    pub(crate) fn certificate_authority(&self) -> PathBuf {
        self.path.join("pki")
    }

    /// What signs the tokens of service accounts of a cluster.
    pub(crate) fn signing_key(&self, cluster: &str) -> PathBuf {
        self.certificate_authority().join(format!("service-accounts-{cluster}.key"))
    }

    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.path.join("kubeconfig")
    }

    pub(crate) fn admin_token(&self) -> PathBuf {
        self.path.join("admin.token")
    }

    /// Reads a file; `None` where there is none.
    pub(crate) fn read(path: &Path) -> Result<Option<String>, Error> {
        match std::fs::read_to_string(path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(Error::DataDir { path: path.to_owned(), source }),
        }
    }

    /// Writes a file that only its owner may read, whole or not at all.
    pub(crate) fn write_secret(path: &Path, text: &str) -> Result<(), Error> {
        let failed = |source| Error::DataDir { path: path.to_owned(), source };
        let folder = path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(failed)?;
        // A named temporary file is made with mode 0600.
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
        std::io::Write::write_all(&mut file, text.as_bytes()).map_err(failed)?;
        file.persist(path).map_err(|error| failed(error.error))?;
        Ok(())
    }
}

#[cfg(unix)]
fn restrict(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700))
}

#[cfg(not(unix))]
fn restrict(_: &Path) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_for_their_owner() {
        let directory = DataDir::temporary().unwrap();
        let path = directory.admin_token();
        assert_eq!(DataDir::read(&path).unwrap(), None);
        DataDir::write_secret(&path, "t").unwrap();
        assert_eq!(DataDir::read(&path).unwrap().as_deref(), Some("t"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o077, 0);
        }
    }
}
