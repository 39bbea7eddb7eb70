//! Renders the chart of a directory or archive, as `helm template` does: `template CHART [VALUES.yaml]`.

use std::path::Path;

use mainstay_helm::{Capabilities, Chart, Entropy, File, Options, Release, parse_values, render};

type Failure = Box<dyn std::error::Error>;

fn files(root: &Path, directory: &Path, found: &mut Vec<File>) -> Result<(), Failure> {
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            files(root, &path, found)?;
        } else {
            let name = path.strip_prefix(root)?.to_string_lossy().into_owned();
            found.push(File { path: name, content: std::fs::read(&path)? });
        }
    }
    Ok(())
}

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let chart = arguments.next().ok_or("name a chart: template CHART [VALUES.yaml]")?;
    let path = Path::new(&chart);
    let chart = if path.is_dir() {
        let mut found = Vec::new();
        files(path, path, &mut found)?;
        Chart::from_files(found)?
    } else {
        Chart::from_archive(&std::fs::read(path)?)?
    };
    let values = match arguments.next() {
        Some(file) => parse_values(&std::fs::read_to_string(file)?)?,
        None => serde_json::Map::new(),
    };
    let options = Options {
        release: Release { name: "rel".to_owned(), namespace: "default".to_owned(), revision: 1 },
        capabilities: Capabilities::default(),
        now: jiff::Timestamp::UNIX_EPOCH,
        entropy: Entropy::default(),
        skip_schema: false,
    };
    for file in render(chart, &values, &options)? {
        println!("---\n# Source: {}\n{}", file.path, file.text);
    }
    Ok(())
}
