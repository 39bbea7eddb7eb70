//! Charts against what Helm makes of them.

mod archive;
mod faults;
mod golden;
mod template_functions;

use std::path::{Path, PathBuf};

use mainstay_helm::{Capabilities, Chart, Entropy, Error, File, Options, Release, Rendered, parse_values, render};
use serde_json::Value as Json;

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it").join(path)
}

/// The files of a chart in the tests' directory.
fn files(chart: &str) -> Vec<File> {
    let root = here("charts").join(chart);
    let mut found = Vec::new();
    gather(&root, &root, &mut found);
    found
}

fn gather(root: &Path, directory: &Path, found: &mut Vec<File>) {
    for entry in std::fs::read_dir(directory).expect("the chart is there") {
        let path = entry.expect("the directory can be read").path();
        if path.is_dir() {
            gather(root, &path, found);
        } else {
            let name = path.strip_prefix(root).expect("it is below").to_string_lossy().into_owned();
            found.push(File { path: name, content: std::fs::read(&path).expect("the file can be read") });
        }
    }
}

fn options() -> Options {
    Options {
        release: Release { name: "rel".to_owned(), namespace: "default".to_owned(), revision: 1 },
        capabilities: Capabilities::default(),
        now: jiff::Timestamp::UNIX_EPOCH,
        entropy: Entropy::default(),
        skip_schema: false,
    }
}

fn rendered(files: Vec<File>, values: &Json) -> Result<Vec<Rendered>, Error> {
    let values = parse_values(&values.to_string())?;
    render(Chart::from_files(files)?, &values, &options())
}

/// A chart of nothing but the given files, besides `Chart.yaml`.
fn small(files: &[(&str, &str)]) -> Vec<File> {
    let description = ("Chart.yaml", "apiVersion: v2\nname: c\nversion: 0.1.0\n");
    let is_described = files.iter().any(|(path, _)| *path == "Chart.yaml");
    let all = (!is_described).then_some(description).into_iter().chain(files.iter().copied());
    all.map(|(path, text)| File { path: path.to_owned(), content: text.as_bytes().to_vec() }).collect()
}
