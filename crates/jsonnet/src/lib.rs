//! Jsonnet, as Argo CD evaluates it: a file of a repository, with its imports, to manifests.
//!
//! It must not know git, Applications or clusters: files come from [`Files`], and nothing else is ever read.
//!
//! What a file may do is bounded: how deep it nests ([`MAX_NESTING`]), how large it is ([`MAX_BYTES`]), how deep it calls (500,
//! upstream's), how large its outcome is. How long it takes is not, nor what it takes in memory until then: there is no place
//! to stop an evaluation at. Whoever calls bounds how many run at a time, and for how long somebody waits.
//!
//! Start at [`evaluate`].

mod imports;
mod nesting;
mod said;

use std::collections::BTreeSet;
use std::sync::mpsc;

use rsjsonnet_lang::arena::Arena;
use rsjsonnet_lang::program::{Program, Thunk, Value as Evaluated};
use serde_json::Value;

use imports::Imports;

/// How deep the parts of a file may nest; the evaluator recurses for each.
pub const MAX_NESTING: usize = 1000;
/// How large a file may be, in bytes.
pub const MAX_BYTES: usize = 8 * 1024 * 1024;
/// How large the outcome may be, in bytes of JSON: as all manifests of a directory.
const MAX_OUTCOME: usize = 10 * 1024 * 1024;
/// The stack of an evaluation: a level of nesting takes some 40 KiB of it where nothing is optimised.
const STACK: usize = 256 * 1024 * 1024;

/// Where files come from.
pub trait Files {
    /// The file at a path from the root of the repository, with `/` between its parts; `None` if there is none.
    ///
    /// # Errors
    /// When it cannot be read, in words.
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, String>;
}

/// A variable that is given from outside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// A text, or Jsonnet if it is code.
    pub value: String,
    /// Whether it is code.
    pub code: bool,
}

/// How a file is evaluated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// External variables, for `std.extVar`.
    pub ext_vars: Vec<Variable>,
    /// Arguments, if the file is a function.
    pub arguments: Vec<Variable>,
    /// Directories that imports are looked for in, after that of the importing file; from the root of the repository.
    pub libraries: Vec<String>,
}

/// What a file came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Its value.
    pub value: Value,
    /// Paths that were imported, or looked for.
    pub reads: BTreeSet<String>,
}

/// A file cannot be evaluated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// What is wrong, as `file:line:column: why` where that is known.
    pub message: String,
    /// Paths that were imported, or looked for, until then.
    pub reads: BTreeSet<String>,
}

/// Evaluates a file.
///
/// # Errors
/// When it or what it imports is missing, malformed, too large or too deep, or fails.
pub fn evaluate(path: &str, files: &dyn Files, options: &Options) -> Result<Outcome, Error> {
    let failed = |why: String| Error { message: format!("{path}: {why}"), reads: BTreeSet::new() };
    std::thread::scope(|scope| {
        let (asked, asking) = mpsc::channel();
        let work = move || run(path, &Remote { asked }, options);
        let thread = std::thread::Builder::new().name("jsonnet".to_owned()).stack_size(STACK);
        let running = thread.spawn_scoped(scope, work).map_err(|error| failed(format!("no thread: {error}")))?;
        // Files may be bound to this thread.
        for Asked { path, answer } in asking {
            // Whoever asks waits for it.
            let _ = answer.send(files.read(&path));
        }
        running.join().unwrap_or_else(|_| Err(failed("the evaluator failed".to_owned())))
    })
}

/// A file that is asked for.
struct Asked {
    path: String,
    answer: mpsc::Sender<Result<Option<Vec<u8>>, String>>,
}

/// Files that another thread reads.
struct Remote {
    asked: mpsc::Sender<Asked>,
}

impl Files for Remote {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, String> {
        let (answer, answered) = mpsc::channel();
        let gone = || "nobody reads files any more".to_owned();
        self.asked.send(Asked { path: path.to_owned(), answer }).map_err(|_| gone())?;
        answered.recv().unwrap_or_else(|_| Err(gone()))
    }
}

impl Outcome {
    /// The manifests: a value alone, or the items of a list, but for those that are null. As Argo CD reads them.
    ///
    /// # Errors
    /// When one is no object, in words.
    pub fn manifests(self) -> Result<Vec<Value>, String> {
        let items = match self.value {
            Value::Array(items) => items,
            one => vec![one],
        };
        let items: Vec<Value> = items.into_iter().filter(|item| !item.is_null()).collect();
        match items.iter().find(|item| !item.is_object()) {
            Some(other) => Err(format!("it comes to {}, not to an object or a list of objects", kind(other))),
            None => Ok(items),
        }
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn run(path: &str, files: &dyn Files, options: &Options) -> Result<Outcome, Error> {
    let arena = Arena::new();
    let mut program = Program::new(&arena);
    let mut imports = Imports::new(files, options);
    let found = value(path, &mut program, &mut imports, options);
    let reads = std::mem::take(&mut imports.reads);
    match found {
        Ok(value) => Ok(Outcome { value, reads }),
        Err(message) => Err(Error { message, reads }),
    }
}

fn value<'p>(
    path: &str,
    program: &mut Program<'p>,
    imports: &mut Imports<'p, '_>,
    options: &Options,
) -> Result<Value, String> {
    for variable in &options.ext_vars {
        let thunk = given(program, imports, "extVars", variable)?;
        let name = program.intern_str(&variable.name);
        if !imports.names.insert(variable.name.clone()) {
            return Err(format!("external variable {} is given twice", variable.name));
        }
        program.add_ext_var(name, &thunk);
    }
    let bytes = imports.file(path)?.ok_or_else(|| format!("{path}: there is no such file"))?;
    let thunk = imports.load(program, path, &bytes)?;
    let mut value = program.eval_value(&thunk, imports).map_err(|error| imports.failed(program, &error))?;
    if value.is_function() {
        let mut named = Vec::new();
        for variable in &options.arguments {
            let thunk = given(program, imports, "tlas", variable)?;
            named.push((program.intern_str(&variable.name), thunk));
        }
        let called = program.eval_call(&thunk, &[], &named, imports);
        value = called.map_err(|error| imports.failed(program, &error))?;
    }
    json(path, program, imports, &value)
}

/// The value of a variable: Jsonnet, or a text.
fn given<'p>(
    program: &mut Program<'p>,
    imports: &mut Imports<'p, '_>,
    list: &str,
    variable: &Variable,
) -> Result<Thunk<'p>, String> {
    if variable.code {
        let place = format!("<{list}:{}>", variable.name);
        return imports.load(program, &place, variable.value.as_bytes());
    }
    Ok(program.value_to_thunk(&Evaluated::string(&variable.value)))
}

fn json<'p>(
    path: &str,
    program: &mut Program<'p>,
    imports: &Imports<'p, '_>,
    value: &Evaluated<'p>,
) -> Result<Value, String> {
    let text = program.manifest_json(value, false).map_err(|error| imports.failed(program, &error))?;
    if text.len() > MAX_OUTCOME {
        return Err(format!("{path}: it comes to more than {} MiB", MAX_OUTCOME / 1024 / 1024));
    }
    let mut value: Value =
        serde_json::from_str(&text).map_err(|error| format!("{path}: it comes to no JSON: {error}"))?;
    whole(&mut value);
    Ok(value)
}

/// Minus zero is zero, as in the JSON that manifests are.
fn whole(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(whole),
        Value::Object(fields) => fields.values_mut().for_each(whole),
        Value::Number(number) if number.as_f64() == Some(0.0) => *value = 0.into(),
        _ => {}
    }
}
