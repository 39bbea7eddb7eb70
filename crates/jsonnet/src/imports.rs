//! What an evaluation imports, from the repository and nowhere else; and where in it something is wrong.
//! It must not know values.

use std::collections::{BTreeSet, HashMap, HashSet};

use rsjsonnet_lang::interner::InternedStr;
use rsjsonnet_lang::program::{
    Callbacks, EvalError, EvalStackTraceItem, ImportError, NativeError, Program, Thunk, Value,
};
use rsjsonnet_lang::span::{SourceId, SpanContext, SpanId};

use crate::said::{self, Fault};
use crate::{Files, MAX_BYTES, MAX_NESTING, Options, nesting};

/// A file that was loaded.
struct Source {
    path: String,
    bytes: Vec<u8>,
}

/// The files of an evaluation.
pub(crate) struct Imports<'p, 'f> {
    files: &'f dyn Files,
    libraries: &'f [String],
    sources: HashMap<SourceId, Source>,
    loaded: HashMap<String, Thunk<'p>>,
    /// Paths that were read or looked for.
    pub(crate) reads: BTreeSet<String>,
    /// Names of external variables.
    pub(crate) names: HashSet<String>,
    /// Why the last import failed.
    failure: Option<String>,
}

impl<'p, 'f> Imports<'p, 'f> {
    pub(crate) fn new(files: &'f dyn Files, options: &'f Options) -> Self {
        Self {
            files,
            libraries: &options.libraries,
            sources: HashMap::new(),
            loaded: HashMap::new(),
            reads: BTreeSet::new(),
            names: HashSet::new(),
            failure: None,
        }
    }

    /// A file of the repository.
    pub(crate) fn file(&mut self, path: &str) -> Result<Option<Vec<u8>>, String> {
        self.reads.insert(path.to_owned());
        let found = self.files.read(path).map_err(|why| format!("{path}: {why}"))?;
        match found {
            Some(bytes) if bytes.len() > MAX_BYTES => {
                Err(format!("{path}: it is larger than {} MiB", MAX_BYTES / 1024 / 1024))
            }
            found => Ok(found),
        }
    }

    /// Loads what is at a path, without evaluating it.
    pub(crate) fn load(&mut self, program: &mut Program<'p>, path: &str, bytes: &[u8]) -> Result<Thunk<'p>, String> {
        if nesting::longest_run(bytes) > MAX_NESTING {
            return Err(format!("{path}: it has more than {MAX_NESTING} operators in a row"));
        }
        match nesting::depth(bytes) {
            Ok(depth) if depth > MAX_NESTING => {
                return Err(format!("{path}: it nests more than {MAX_NESTING} deep"));
            }
            // The parser says it with its place.
            Ok(_) | Err(_) => {}
        }
        let (context, id) = program.span_manager_mut().insert_source_context(bytes.len());
        self.sources.insert(id, Source { path: path.to_owned(), bytes: bytes.to_vec() });
        let loaded = program.load_source(context, bytes, true, path);
        loaded.map_err(|error| self.told(program, said::of_load(&error), path))
    }

    /// What is wrong with an evaluation.
    pub(crate) fn failed(&self, program: &Program<'p>, error: &EvalError) -> String {
        let fault = said::of_eval(error, self.failure.as_deref());
        // What the library of the language is at fault in, its caller is.
        let known = |span: &SpanId| self.place(program, *span).is_some();
        let span = fault.span.filter(known).or_else(|| {
            error
                .stack_trace
                .iter()
                .rev()
                .filter_map(|item| match item {
                    EvalStackTraceItem::Expr { span } | EvalStackTraceItem::Import { span } => Some(*span),
                    EvalStackTraceItem::Call { span, .. } | EvalStackTraceItem::ObjectField { span, .. } => *span,
                    _ => None,
                })
                .find(known)
        });
        self.told(program, Fault { span, ..fault }, "")
    }

    fn told(&self, program: &Program<'p>, fault: Fault, path: &str) -> String {
        let place = fault.span.and_then(|span| self.place(program, span));
        match place {
            Some(place) => format!("{place}: {}", fault.why),
            None if path.is_empty() => fault.why,
            None => format!("{path}: {}", fault.why),
        }
    }

    fn place(&self, program: &Program<'p>, span: SpanId) -> Option<String> {
        let (context, start, _) = program.span_manager().get_span(span);
        let SpanContext::Source(id) = program.span_manager().get_context(context);
        let source = self.sources.get(id)?;
        let before = source.bytes.get(..start)?;
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
        Some(format!("{}:{line}:{column}", source.path))
    }

    /// The directory of the file that a place is in.
    fn directory(&self, program: &Program<'p>, from: SpanId) -> String {
        let (context, _, _) = program.span_manager().get_span(from);
        let SpanContext::Source(id) = program.span_manager().get_context(context);
        let path = self.sources.get(id).map_or("", |source| source.path.as_str());
        path.rsplit_once('/').map_or(String::new(), |(directory, _)| directory.to_owned())
    }

    /// Finds a file: beside the importing one, or else in a library.
    fn find(&mut self, program: &Program<'p>, from: SpanId, path: &str) -> Result<(String, Vec<u8>), String> {
        if path.starts_with('/') {
            return Err("it is an absolute path; only files of the repository can be imported".to_owned());
        }
        let own = self.directory(program, from);
        let directories: Vec<String> = std::iter::once(own).chain(self.libraries.iter().cloned()).collect();
        let mut outside = false;
        for directory in directories {
            let Some(candidate) = joined(&directory, path) else {
                outside = true;
                continue;
            };
            if let Some(bytes) = self.file(&candidate)? {
                return Ok((candidate, bytes));
            }
        }
        Err(if outside { "it leads out of the repository" } else { "there is no such file in the repository" }
            .to_owned())
    }

    fn noted<T>(&mut self, found: Result<T, String>) -> Result<T, ImportError> {
        found.map_err(|why| {
            self.failure = Some(why);
            ImportError
        })
    }
}

/// A path below a directory, without `.` and `..`; `None` if it leads out of the repository.
fn joined(directory: &str, path: &str) -> Option<String> {
    let mut parts = Vec::new();
    for part in directory.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

impl<'p> Callbacks<'p> for Imports<'p, '_> {
    fn import(&mut self, program: &mut Program<'p>, from: SpanId, path: &str) -> Result<Thunk<'p>, ImportError> {
        let found = self.find(program, from, path);
        let (path, bytes) = self.noted(found)?;
        if let Some(thunk) = self.loaded.get(&path) {
            return Ok(thunk.clone());
        }
        let loaded = self.load(program, &path, &bytes);
        let thunk = self.noted(loaded)?;
        self.loaded.insert(path, thunk.clone());
        Ok(thunk)
    }

    fn import_str(&mut self, program: &mut Program<'p>, from: SpanId, path: &str) -> Result<String, ImportError> {
        let found = self.find(program, from, path).and_then(|(path, bytes)| {
            String::from_utf8(bytes).map_err(|_| format!("{path} is not UTF-8; use importbin"))
        });
        self.noted(found)
    }

    fn import_bin(&mut self, program: &mut Program<'p>, from: SpanId, path: &str) -> Result<Vec<u8>, ImportError> {
        let found = self.find(program, from, path).map(|(_, bytes)| bytes);
        self.noted(found)
    }

    /// `std.trace` is for whoever watches an evaluation; here nobody does.
    fn trace(&mut self, _: &mut Program<'p>, _: &str, _: &[EvalStackTraceItem]) {}

    /// There are none, so nobody calls one.
    fn native_call(
        &mut self,
        _: &mut Program<'p>,
        _: InternedStr<'p>,
        _: &[Value<'p>],
    ) -> Result<Value<'p>, NativeError> {
        Err(NativeError)
    }
}
