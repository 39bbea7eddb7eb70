//! `cargo xtask codegen`: makes `crates/apimachinery/data/builtin-schemas.zlib` and `builtin-descriptions.zlib` from the
//! OpenAPI definitions that the PyPI package `kubernetes-validate` carries. It must not know how the tables are read.
//!
//! The tables are text, one definition per line: its name, a space, JSON. In the first it is the schema: descriptions are
//! left out, `["x", "null"]` types become `x`, references are bare definition names, and only stable versions are kept.
//! In the second it is the first sentence of each description.

mod definitions;
mod descriptions;
pub(crate) mod protobuf;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

const PACKAGE: &str = "kubernetes-validate==1.37.0";
const KUBERNETES: &str = "v1.36.0";
const TABLE: &str = "crates/apimachinery/data/builtin-schemas.zlib";
const DESCRIPTIONS: &str = "crates/apimachinery/data/builtin-descriptions.zlib";

/// Why the table could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A command could not be started or failed.
    #[error("failed to run `{command}`: {reason}; is python3 with pip installed, and PyPI reachable?")]
    Command { command: String, reason: String },
    /// A file could not be read or written.
    #[error("failed to access {path}: {source}")]
    File { path: PathBuf, source: std::io::Error },
    /// The definitions are not what this command expects.
    #[error("failed to read the definitions: {0}")]
    Definitions(String),
}

/// Makes the table; `args` may name a wheel that is already downloaded.
///
/// # Errors
/// If the package cannot be fetched or read, or the table not be written.
pub(crate) fn run(args: &[String]) -> Result<String, Error> {
    let work = root().join("target/codegen");
    std::fs::create_dir_all(&work).map_err(|source| Error::File { path: work.clone(), source })?;
    let wheel = match args.first() {
        Some(path) => PathBuf::from(path),
        None => download(&work)?,
    };
    python(&["-m", "zipfile", "-e", &wheel.to_string_lossy(), &work.to_string_lossy()])?;
    let source = format!("kubernetes_validate/kubernetes-json-schema/{KUBERNETES}-local/_definitions.json");
    let document = read_json(&work.join(source))?;
    let table = definitions::table(&document).map_err(Error::Definitions)?;
    let descriptions = descriptions::table(&document, &table).map_err(Error::Definitions)?;
    Ok([pack(TABLE, &table)?, pack(DESCRIPTIONS, &descriptions)?].join("\n"))
}

fn pack(file: &str, table: &str) -> Result<String, Error> {
    let packed = compress(table);
    write(&root().join(file), &packed)?;
    Ok(format!("{file}: {} definitions, {} bytes, {} packed", table.lines().count(), table.len(), packed.len()))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn download(work: &Path) -> Result<PathBuf, Error> {
    let directory = work.to_string_lossy();
    python(&["-m", "pip", "download", "--quiet", "--no-deps", "--dest", &directory, PACKAGE])?;
    let name = format!("{}-py3-none-any.whl", PACKAGE.replace("==", "-").replacen('-', "_", 1));
    Ok(work.join(name))
}

#[expect(clippy::disallowed_methods, reason = "a developer command that leaves fetching and unpacking to Python")]
fn python(args: &[&str]) -> Result<(), Error> {
    let failed = |reason| Error::Command { command: format!("python3 {}", args.join(" ")), reason };
    let status = Command::new("python3").args(args).status().map_err(|error| failed(error.to_string()))?;
    if status.success() { Ok(()) } else { Err(failed(status.to_string())) }
}

fn read_json(path: &Path) -> Result<Value, Error> {
    let bytes = std::fs::read(path).map_err(|source| Error::File { path: path.to_owned(), source })?;
    serde_json::from_slice(&bytes).map_err(|error| Error::Definitions(error.to_string()))
}

/// Packs with no timestamp, so that the same input gives the same bytes.
fn compress(table: &str) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(table.as_bytes()).expect("writing to a Vec cannot fail");
    encoder.finish().expect("writing to a Vec cannot fail")
}

#[expect(clippy::disallowed_methods, reason = "a developer command that writes a file of the tree")]
fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    std::fs::write(path, bytes).map_err(|source| Error::File { path: path.to_owned(), source })
}
