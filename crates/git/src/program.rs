//! The `git` program: found, new enough, and started with nothing of the user's configuration.
//! It must not know what it is started for.
#![allow(clippy::disallowed_methods, reason = "this crate owns the git program")]

use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// 2.32 is the first with `GIT_CONFIG_GLOBAL`, which keeps a user's configuration out of the host.
const OLDEST: (u32, u32) = (2, 32);

const ADVICE: &str = "install git 2.32 or newer with its HTTP server part \
    (Debian, Ubuntu: apt install git; Fedora, RHEL: dnf install git; Alpine: apk add git git-daemon; \
    macOS: xcode-select --install) and see that it is on the PATH";

/// A usable `git`.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    path: PathBuf,
}

impl Program {
    /// Looks at the program and its version.
    pub(crate) async fn find(path: &Path) -> Result<Self> {
        let program = Self { path: path.to_owned() };
        let version = program.ask("--version").await?;
        check_version(&version)?;
        let exec_path = program.ask("--exec-path").await?;
        if !Path::new(exec_path.trim()).join("git-http-backend").exists() {
            return Err(unavailable(format!("git-http-backend is missing from {}", exec_path.trim())));
        }
        Ok(program)
    }

    /// `git` without a check, for uses where its absence shows by itself.
    pub(crate) fn unchecked(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// A command in a clean environment.
    pub(crate) fn command(&self) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(&self.path);
        command.env_clear();
        for name in
            ["PATH", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"]
        {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command
            .env("LC_ALL", "C")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_TERMINAL_PROMPT", "0")
            // The data directory may belong to another user than the process, as in a container's volume.
            .args(["-c", "safe.directory=*"])
            .kill_on_drop(true);
        command
    }

    async fn ask(&self, flag: &str) -> Result<String> {
        let output = self.command().arg(flag).output().await.map_err(|error| {
            unavailable(format!("the program {} could not be started ({error})", self.path.display()))
        })?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

fn check_version(output: &str) -> Result<()> {
    match parse_version(output) {
        Some(version) if version >= OLDEST => Ok(()),
        Some((major, minor)) => Err(unavailable(format!("git {major}.{minor} is too old"))),
        None => Err(unavailable(format!("`git --version` said {:?}", output.trim()))),
    }
}

/// `git version 2.39.5 (Apple Git-154)` → (2, 39).
fn parse_version(output: &str) -> Option<(u32, u32)> {
    let number = output.split_whitespace().nth(2)?;
    let mut parts = number.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

fn unavailable(problem: String) -> Error {
    Error::GitUnavailable { problem, advice: ADVICE }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_versions() {
        assert_eq!(parse_version("git version 2.39.5 (Apple Git-154)\n"), Some((2, 39)));
        assert_eq!(parse_version("git version 2.47.GIT"), Some((2, 47)));
        assert_eq!(parse_version("command not found"), None);
    }

    #[test]
    fn refuses_an_old_git_with_advice() {
        let error = check_version("git version 2.25.1").unwrap_err();
        assert!(error.to_string().contains("git 2.25 is too old"), "{error}");
        assert!(error.to_string().contains("apt install git"), "{error}");
    }

    #[tokio::test]
    async fn says_what_to_install_when_git_is_missing() {
        let error = Program::find(Path::new("/nonexistent/git")).await.unwrap_err();
        assert!(error.to_string().contains("install git 2.32"), "{error}");
    }
}
