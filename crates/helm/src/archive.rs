//! Unpacks `.tgz` archives in memory. What is hostile in them is refused: paths that leave the directory, links, bombs.

use std::io::Read;

use flate2::read::GzDecoder;

use crate::chart::File;
use crate::error::Error;

/// How much an archive may hold, in bytes; Helm's limits are 100 MiB in all and 5 MiB a file.
const TOTAL_LIMIT: u64 = 100 * 1024 * 1024;
const FILE_LIMIT: u64 = 20 * 1024 * 1024;
const COUNT_LIMIT: usize = 20_000;

/// The files of a chart's `.tgz` archive, by their paths from the one directory that all of them are in.
///
/// # Errors
/// When it is no such archive, or too large, or holds paths that leave the directory.
pub fn files(bytes: &[u8]) -> Result<Vec<File>, Error> {
    let bad = |error: std::io::Error| Error::Archive(error.to_string());
    let unpacked = GzDecoder::new(bytes).take(TOTAL_LIMIT + 1);
    let mut archive = tar::Archive::new(unpacked);
    let mut files = Vec::new();
    let mut total = 0;
    for entry in archive.entries().map_err(bad)? {
        let mut entry = entry.map_err(bad)?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let path = String::from_utf8_lossy(&entry.path_bytes()).replace('\\', "/");
        let Some(path) = inner(&path)? else { continue };
        total += entry.size();
        if entry.size() > FILE_LIMIT || total > TOTAL_LIMIT || files.len() >= COUNT_LIMIT {
            return Err(Error::Archive(format!(
                "{path}: archive is larger than the {TOTAL_LIMIT} bytes that are allowed"
            )));
        }
        let mut content = Vec::new();
        entry.read_to_end(&mut content).map_err(bad)?;
        // Byte order marks are what Windows editors leave.
        let content = content.strip_prefix(b"\xef\xbb\xbf").map(<[u8]>::to_vec).unwrap_or(content);
        files.push(File { path, content });
    }
    if files.is_empty() {
        return Err(Error::Archive("no files in it".to_owned()));
    }
    Ok(files)
}

/// A path without its first directory; `None` if there is nothing below.
fn inner(path: &str) -> Result<Option<String>, Error> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if path.starts_with('/') || parts.contains(&"..") || parts.iter().any(|part| part.contains(':')) {
        return Err(Error::Archive(format!("{path:?} leaves the chart's directory")));
    }
    match parts.as_slice() {
        [] | ["Chart.yaml"] => Err(Error::Archive("chart yaml not in base directory".to_owned())),
        [_] => Ok(None),
        [_, below @ ..] => Ok(Some(below.join("/"))),
    }
}
