//! Fields chosen by jq path expressions, as `ignoreDifferences[].jqPathExpressions`.
//!
//! An expression is somebody's text and runs for each comparison: only what is sure to come to an end is taken. It must not
//! know what is done with the fields.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use jaq_core::data::JustLut;
use jaq_core::load::lex::StrPart;
use jaq_core::load::parse::{BinaryOp, Term};
use jaq_core::load::{Arena, File, Loader, parse};
use jaq_core::path::Part;
use jaq_core::{Compiler, Ctx, Vars, unwrap_valr};
use jaq_json::{Val, read};
use serde_json::Value;

/// Filters that end on every input; upstream stops an expression after a second instead.
const ENDING: &[&str] = &[
    "add",
    "all",
    "any",
    "ascii_downcase",
    "ascii_upcase",
    "contains",
    "del",
    "empty",
    "endswith",
    "error",
    "first",
    "flatten",
    "from_entries",
    "fromjson",
    "getpath",
    "group_by",
    "has",
    "if",
    "index",
    "inside",
    "isvalid",
    "join",
    "keys",
    "keys_unsorted",
    "last",
    "length",
    "ltrimstr",
    "map",
    "map_values",
    "max",
    "min",
    "not",
    "null",
    "true",
    "false",
    "rtrimstr",
    "select",
    "sort",
    "sort_by",
    "split",
    "startswith",
    "test",
    "to_entries",
    "tojson",
    "tonumber",
    "tostring",
    "type",
    "unique",
    "values",
    "with_entries",
    "arrays",
    "objects",
    "strings",
    "numbers",
    "booleans",
    "nulls",
    "scalars",
    "iterables",
];
/// The longest expression.
const LONGEST: usize = 4096;
/// Compiled expressions that are kept.
const KEPT: usize = 1024;

type Filter = jaq_core::compile::Filter<jaq_core::Native<JustLut<Val>>>;

/// A compiled expression, or why there is none.
type Compiled = Result<Arc<Jq>, String>;

/// A compiled expression.
pub struct Jq {
    filter: Filter,
}

/// The compiled form of an expression, from memory if it was compiled before.
///
/// # Errors
/// When it is no jq, or might not come to an end; in words.
pub fn compiled(expression: &str) -> Result<Arc<Jq>, String> {
    static KNOWN: LazyLock<Mutex<HashMap<String, Compiled>>> = LazyLock::new(Mutex::default);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = known.get(expression) {
        return known.clone();
    }
    if known.len() >= KEPT {
        known.clear();
    }
    let compiled = Jq::new(expression).map(Arc::new);
    known.insert(expression.to_owned(), compiled.clone());
    compiled
}

impl std::fmt::Debug for Jq {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Jq")
    }
}

impl Jq {
    fn new(expression: &str) -> Result<Self, String> {
        if expression.len() > LONGEST {
            return Err(format!("it has {} letters, the limit is {LONGEST}", expression.len()));
        }
        let term = parse(expression, |parser| parser.term()).ok_or("it is no jq expression")?;
        ends(&term)?;
        let code = format!("[path({expression})]");
        let arena = Arena::default();
        let loader = Loader::new(jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs()));
        let modules = loader.load(&arena, File { code: code.as_str(), path: () });
        let modules = modules.map_err(|_| "it is no jq expression".to_owned())?;
        let funs = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
        let filter = Compiler::default().with_funs(funs).compile(modules);
        let filter = filter.map_err(|_| "it calls a filter that is not known, or with other arguments".to_owned())?;
        Ok(Self { filter })
    }

    /// JSON pointers of the fields that the expression chooses in an object. An expression that fails on it chooses none.
    #[must_use]
    pub fn pointers(&self, object: &Value) -> Vec<String> {
        let Ok(input) = read::parse_single(object.to_string().as_bytes()) else { return Vec::new() };
        let context = Ctx::<JustLut<Val>>::new(&self.filter.lut, Vars::new([]));
        let paths = self.filter.id.run((context, input)).map(unwrap_valr).next();
        let Some(Ok(paths)) = paths else { return Vec::new() };
        let paths: Vec<Vec<Value>> = serde_json::from_str(&paths.to_string()).unwrap_or_default();
        paths.iter().map(|path| pointer(path)).collect()
    }
}

fn pointer(path: &[Value]) -> String {
    let part = |part: &Value| match part {
        Value::String(name) => name.replace('~', "~0").replace('/', "~1"),
        other => other.to_string(),
    };
    path.iter().map(|one| format!("/{}", part(one))).collect()
}

fn all<'t, 's: 't>(mut terms: impl Iterator<Item = &'t Term<&'s str>>) -> Result<(), String> {
    terms.try_for_each(ends)
}

/// Whether an expression is sure to come to an end.
fn ends(term: &Term<&str>) -> Result<(), String> {
    match term {
        Term::Id | Term::Recurse | Term::Num(_) | Term::Var(_) => Ok(()),
        Term::Str(_, parts) => all(parts.iter().filter_map(|part| match part {
            StrPart::Term(term) => Some(term),
            _ => None,
        })),
        Term::Arr(inner) => all(inner.iter().map(AsRef::as_ref)),
        Term::Obj(fields) => all(fields.iter().flat_map(|(key, value)| [Some(key), value.as_ref()]).flatten()),
        Term::Neg(inner) => ends(inner),
        Term::BinOp(left, BinaryOp::Pipe(Some(_)), _) => {
            ends(left)?;
            Err("variables are not taken in a path expression".to_owned())
        }
        Term::BinOp(left, _, right) => ends(left).and_then(|()| ends(right)),
        Term::TryCatch(inner, catch) => ends(inner).and_then(|()| all(catch.iter().map(AsRef::as_ref))),
        Term::IfThenElse(branches, other) => {
            all(branches.iter().flat_map(|(test, then)| [test, then]))?;
            all(other.iter().map(AsRef::as_ref))
        }
        Term::Path(inner, path) => {
            ends(inner)?;
            all(path
                .0
                .iter()
                .flat_map(|(part, _)| match part {
                    Part::Index(index) => [Some(index), None],
                    Part::Range(from, to) => [from.as_ref(), to.as_ref()],
                })
                .flatten())
        }
        Term::Call(name, arguments) if ENDING.contains(name) => all(arguments.iter()),
        Term::Call(name, _) => Err(format!("{name} is not taken in a path expression")),
        Term::Label(..) | Term::Break(_) | Term::Fold(..) | Term::Def(..) => {
            Err("definitions, loops and labels are not taken in a path expression".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn expressions_choose_fields() {
        let object = json!({"spec": {"a/b": 1, "containers": [{"name": "x", "image": "1"}, {"name": "side-car", "image": "2"}]}});
        let pointers = |expression: &str| compiled(expression).unwrap().pointers(&object);
        assert_eq!(
            pointers(".spec.containers[] | select(.name | startswith(\"side\")) | .image"),
            ["/spec/containers/1/image"]
        );
        assert_eq!(pointers(".spec.containers[0], .spec[\"a/b\"]"), ["/spec/containers/0", "/spec/a~1b"]);
        assert_eq!(pointers(".status.nothing[]?"), Vec::<String>::new());
    }

    #[test]
    fn what_might_not_end_is_refused() {
        let refused = |expression: &str| compiled(expression).map(|_| ()).unwrap_err();
        assert!(refused("def f: f; f").contains("definitions"));
        assert!(refused("[range(1; 1000000000)]").contains("range is not taken"));
        assert!(refused(".a | repeat(.)").contains("repeat is not taken"));
        assert!(refused(".a[").contains("no jq"));
        assert!(refused("select(reduce .[] as $x (0; . + $x) > 1)").contains("loops"));
    }
}
