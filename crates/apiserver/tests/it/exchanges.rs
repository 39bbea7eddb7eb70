//! Exchanges with the server, held against what kube-apiserver answers.
//!
//! `testdata/exchanges/<area>/<case>.yaml` are the project's own: each step is a request and the whole answer, masked.
//! `MAINSTAY_EXCHANGES=record` writes the answers anew; read the difference before you commit it.
//! `MAINSTAY_TRANSCRIPTS` names a directory of recordings of a real server, where there are some.
//! `MAINSTAY_EXCHANGES_ONLY` is a part of the names to replay, for both.

mod alike;
mod case;
mod mask;
mod recorded;
mod replay;

use std::path::{Path, PathBuf};

use case::Case;
use mask::difference;

#[tokio::test(start_paused = true)]
async fn own_cases_are_answered_as_written() {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/exchanges"));
    let record = std::env::var("MAINSTAY_EXCHANGES").is_ok_and(|value| value == "record");
    let mut wrong = Vec::new();
    for file in files(root, "yaml") {
        let name = file.strip_prefix(root).unwrap().display().to_string();
        let mut case = Case::read(&file);
        let answers = replay::replay(&case.steps).await;
        if record {
            case.record(&answers);
            case.write(&file);
            continue;
        }
        let shown = mask::all(&answers);
        for (index, (step, found)) in case.steps.iter().zip(&shown).enumerate() {
            let (status, answer) = step.expected();
            if status != found.status || *answer != found.body {
                let what = difference(answer, &found.body);
                wrong.push(format!(
                    "{name} step {index}: {}\n  status {status} {}\n{what}",
                    step.title(),
                    found.status
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Files below a directory with an extension, in order of their names; those asked for only.
fn files(directory: &Path, extension: &str) -> Vec<PathBuf> {
    let only = std::env::var("MAINSTAY_EXCHANGES_ONLY").unwrap_or_default();
    let mut found = Vec::new();
    let Ok(entries) = std::fs::read_dir(directory) else { return found };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|found| found == extension) && path.display().to_string().contains(&only)
        {
            found.push(path);
        }
    }
    found.sort();
    found
}
