//! Jsonnet files of a repository, as Argo CD evaluates them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod faults;
mod language;

use std::collections::BTreeMap;

use mainstay_jsonnet::{Error, Files, Options, Outcome, Variable, evaluate};

/// A repository in memory.
pub(crate) struct Repository(BTreeMap<String, Vec<u8>>);

impl Files for Repository {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, String> {
        Ok(self.0.get(path).cloned())
    }
}

pub(crate) fn repository(files: &[(&str, &str)]) -> Repository {
    Repository(files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect())
}

/// Evaluates a file `app/main.jsonnet` beside others.
pub(crate) fn run(text: &str, others: &[(&str, &str)], options: &Options) -> Result<Outcome, Error> {
    let files: Vec<_> = others.iter().copied().chain([("app/main.jsonnet", text)]).collect();
    evaluate("app/main.jsonnet", &repository(&files), options)
}

pub(crate) fn variable(name: &str, value: &str, code: bool) -> Variable {
    Variable { name: name.to_owned(), value: value.to_owned(), code }
}
