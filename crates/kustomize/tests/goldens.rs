//! Builds of whole repositories, held against what kustomize itself made of them (`testdata/record.sh`).

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mainstay_apimachinery::yaml;
use mainstay_kustomize::{Overrides, build, to_yaml};
use serde_json::Value;

type Repository = BTreeMap<String, Arc<[u8]>>;

fn testdata() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata")
}

fn cases(below: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(below).unwrap().map(|entry| entry.unwrap().path());
    let mut cases: Vec<PathBuf> = entries.filter(|path| path.join("overlay").is_dir()).collect();
    cases.sort();
    cases
}

fn repository(root: &Path) -> Repository {
    let mut files = Repository::new();
    add(root, root, &mut files);
    files
}

fn add(root: &Path, directory: &Path, files: &mut Repository) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            add(root, &path, files);
        } else {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            files.insert(name, std::fs::read(&path).unwrap().into());
        }
    }
}

fn objects(text: &str) -> Vec<Value> {
    yaml::parse_documents(text).unwrap().into_iter().map(|document| document.value).collect()
}

#[test]
fn builds_are_those_of_kustomize() {
    let cases = cases(&testdata());
    assert!(cases.len() >= 24, "{} cases", cases.len());
    let mut wrong = Vec::new();
    for case in cases {
        let name = case.file_name().unwrap().to_str().unwrap().to_owned();
        let built = match build(&repository(&case), "overlay", &Overrides::default()) {
            Ok(built) => objects(&to_yaml(&built.resources)),
            Err(failed) => {
                wrong.push(format!("{name}: {failed}"));
                continue;
            }
        };
        let expected = objects(&std::fs::read_to_string(case.join("expected.yaml")).unwrap());
        for (at, (built, expected)) in built.iter().zip(&expected).enumerate() {
            if built != expected {
                let show = |value: &Value| serde_json::to_string_pretty(value).unwrap();
                wrong.push(format!("{name} #{at}:\n--- expected\n{}\n--- built\n{}", show(expected), show(built)));
            }
        }
        if built.len() != expected.len() {
            wrong.push(format!("{name}: {} objects instead of {}", built.len(), expected.len()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_kustomize_refuses_is_refused_in_words() {
    let refusals: Vec<String> = cases(&testdata().join("errors"))
        .into_iter()
        .map(|case| {
            let name = case.file_name().unwrap().to_str().unwrap().to_owned();
            match build(&repository(&case), "overlay", &Overrides::default()) {
                Ok(_) => format!("{name}: is not refused"),
                Err(failed) => format!("{name}: {failed}"),
            }
        })
        .collect();
    let expected = std::fs::read_to_string(testdata().join("errors/expected.txt")).unwrap_or_default();
    assert_eq!(refusals, expected.lines().collect::<Vec<_>>(), "\n{}", refusals.join("\n"));
}
