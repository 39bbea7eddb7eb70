//! Reads and writes YAML as Kubernetes tools do: YAML 1.1 booleans and octals, several documents, duplicate keys refused.
//! It must not know any kind.

mod position;

use std::sync::{Arc, OnceLock};

use serde_json::Value;
use serde_saphyr::options::DuplicateKeyPolicy;
use serde_saphyr::{Options, Spanned};

use crate::FieldPath;
use crate::json::normalise_numbers;

/// The most a stream may hold. A platform repository rendered as one stream stays far below; what goes beyond is a bomb.
const MAX_DOCUMENTS: usize = 100_000;
const MAX_NODES: usize = 10_000_000;
const MAX_EVENTS: usize = 40_000_000;
/// As deep as JSON may nest; real objects stay below 60.
const MAX_DEPTH: usize = 128;
const MAX_SCALAR_BYTES: usize = 256 * 1024 * 1024;
/// What aliases may expand to, in nodes: far more than people write, and done in a tenth of a second.
const MAX_ALIASED_EVENTS: usize = 200_000;

/// One document of a YAML stream.
#[derive(Clone, Debug)]
pub struct Document {
    /// What it says. Keys that are no strings in YAML are written as strings.
    pub value: Value,
    /// Line its first node stands on, counted from 1.
    pub line: usize,
    source: Arc<str>,
    positions: OnceLock<Arc<position::Tree>>,
}

/// Why a text is not YAML that we take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("failed to read YAML at line {line}, column {column}: {message}")]
pub struct YamlError {
    /// Line, counted from 1; 0 if unknown.
    pub line: usize,
    /// Column, counted from 1; 0 if unknown.
    pub column: usize,
    /// What is wrong, and what to do.
    pub message: String,
    /// The key that stands twice in one map, if it is that.
    pub duplicate: Option<String>,
}

impl YamlError {
    fn at((line, column): (usize, usize), message: impl Into<String>) -> Self {
        Self { line, column, message: message.into(), duplicate: None }
    }
}

impl Document {
    /// Where a field stands, as line and column counted from 1: the key of a map entry, the first character of a list
    /// item. For a field that is not there it is the nearest place above it. `None` only if the document came from an
    /// alias or a merge and has no place of its own.
    ///
    /// The positions are read when first asked for.
    #[must_use]
    pub fn position_of(&self, path: &FieldPath) -> Option<(usize, usize)> {
        let tree = self.positions.get_or_init(|| Arc::new(position::Tree::read(&self.source, self.line)));
        tree.find(path.as_str())
    }
}

/// Two documents are equal when they say the same.
impl PartialEq for Document {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

/// Parses all documents of a stream, JSON or YAML; empty documents are skipped.
///
/// # Errors
/// If it is not YAML, has a duplicate key or goes beyond the bounds above.
pub fn parse_documents(text: &str) -> Result<Vec<Document>, YamlError> {
    // A byte order mark is what Windows editors leave at the start.
    let text = text.trim_start_matches('\u{feff}');
    let source: Arc<str> = text.into();
    if let Some((value, line)) = parse_json(text) {
        return Ok(vec![Document { value, line, source, positions: OnceLock::new() }]);
    }
    let parsed = read(text, Dialect::default())?;
    Ok(documents(parsed, &source))
}

/// As [`parse_documents`], but only `true` and `false` are booleans, as in YAML 1.2: `y`, `no` or `off` are texts. So
/// kustomize reads its files.
///
/// # Errors
/// As [`parse_documents`].
pub fn parse_documents_strict(text: &str) -> Result<Vec<Document>, YamlError> {
    let text = text.trim_start_matches('\u{feff}');
    let source: Arc<str> = text.into();
    if let Some((value, line)) = parse_json(text) {
        return Ok(vec![Document { value, line, source, positions: OnceLock::new() }]);
    }
    Ok(documents(read(text, Dialect { strict_booleans: true, ..Dialect::default() })?, &source))
}

fn documents(parsed: Vec<Spanned<Value>>, source: &Arc<str>) -> Vec<Document> {
    let document = |mut spanned: Spanned<Value>| {
        normalise_numbers(&mut spanned.value);
        let line = to_usize(spanned.referenced.line());
        Document { value: spanned.value, line, source: source.clone(), positions: OnceLock::new() }
    };
    // The parser leaves empty documents out; an explicit `null` is as empty.
    parsed.into_iter().filter(|spanned| !spanned.value.is_null()).map(document).collect()
}

/// Parses a text that must hold one document.
///
/// # Errors
/// As [`parse_documents`], and if there is no document or more than one.
pub fn parse_one(text: &str) -> Result<Document, YamlError> {
    only(parse_documents(text)?)
}

/// As [`parse_one`], but of a key that stands twice in one map the last one counts; the first such key is in the error
/// given back beside the document.
///
/// # Errors
/// As [`parse_one`].
pub fn parse_one_lenient(text: &str) -> Result<(Document, Option<YamlError>), YamlError> {
    match parse_one(text) {
        Ok(document) => Ok((document, None)),
        Err(error) if error.duplicate.is_some() => {
            let text = text.trim_start_matches('\u{feff}');
            let lenient = Dialect { duplicates: DuplicateKeyPolicy::LastWins, ..Dialect::default() };
            let parsed = read(text, lenient)?;
            Ok((only(documents(parsed, &text.into()))?, Some(error)))
        }
        Err(error) => Err(error),
    }
}

fn only(documents: Vec<Document>) -> Result<Document, YamlError> {
    let mut documents = documents.into_iter();
    let wrong = |line, message: &str| Err(YamlError::at((line, 1), message));
    match (documents.next(), documents.next()) {
        (Some(document), None) => Ok(document),
        (None, _) => wrong(1, "there is no document; write one object"),
        (_, Some(second)) => wrong(second.line, "a second document starts here; keep one document in this file"),
    }
}

/// Writes a value as YAML that YAML 1.1 and 1.2 readers understand alike.
#[must_use]
pub fn to_string(value: &Value) -> String {
    serde_saphyr::to_string_with_options(value, writer_options()).expect("a JSON value can always be written as YAML")
}

/// Writes several documents, with `---` between them.
#[must_use]
pub fn to_string_documents<'a>(values: impl IntoIterator<Item = &'a Value>) -> String {
    values.into_iter().map(to_string).collect::<Vec<_>>().join("---\n")
}

/// How a text is read.
#[derive(Clone, Copy)]
struct Dialect {
    duplicates: DuplicateKeyPolicy,
    strict_booleans: bool,
}

impl Default for Dialect {
    fn default() -> Self {
        Self { duplicates: DuplicateKeyPolicy::Error, strict_booleans: false }
    }
}

fn read(text: &str, dialect: Dialect) -> Result<Vec<Spanned<Value>>, YamlError> {
    let parse = || serde_saphyr::from_multiple_with_options(text, options(dialect)).map_err(|error| describe(&error));
    if may_be_deep(text) { on_deep_stack(parse) } else { parse() }
}

/// Whether a text could nest deeper than an ordinary stack is sure to bear: the parser takes up to 25 KB a level in
/// unoptimised builds. Wrong guesses only cost the start of a thread.
fn may_be_deep(text: &str) -> bool {
    const SAFE: usize = 40;
    let indented = |line: &str| line.len() - line.trim_start_matches([' ', '-', '?']).len() > SAFE;
    let brackets = text.bytes().filter(|b| matches!(b, b'[' | b'{')).take(SAFE + 1).count();
    brackets > SAFE || text.lines().any(indented)
}

fn on_deep_stack<T: Send>(work: impl FnOnce() -> Result<T, YamlError> + Send) -> Result<T, YamlError> {
    /// Several times what [`MAX_DEPTH`] levels take; only touched pages cost memory.
    const STACK_BYTES: usize = 16 * 1024 * 1024;
    let failed = |reason: &str| YamlError::at((0, 0), format!("failed to start a thread: {reason}"));
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, work);
        thread.map_err(|error| failed(&error.to_string()))?.join().unwrap_or_else(|_| Err(failed("it panicked")))
    })
}

/// JSON is YAML too, and much faster to read as JSON. Anything odd is left to the YAML parser, for its messages.
fn parse_json(text: &str) -> Option<(Value, usize)> {
    let start = text.find(|c: char| !c.is_ascii_whitespace())?;
    if !matches!(text.as_bytes()[start], b'{' | b'[') {
        return None;
    }
    let decoded = crate::json::decode(text.as_bytes()).ok().filter(|decoded| decoded.duplicates.is_empty())?;
    Some((decoded.value, text[..start].matches('\n').count() + 1))
}

fn options(Dialect { duplicates, strict_booleans }: Dialect) -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_documents: MAX_DOCUMENTS,
            max_nodes: MAX_NODES,
            max_events: MAX_EVENTS,
            max_depth: MAX_DEPTH,
            flow_nesting_limit: MAX_DEPTH,
            max_total_scalar_bytes: MAX_SCALAR_BYTES,
            max_recorded_anchor_events: MAX_ALIASED_EVENTS,
        },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: MAX_ALIASED_EVENTS },
        duplicate_keys: duplicates,
        strict_booleans: strict_booleans,
        legacy_octal_numbers: true,
        emit_comments: false,
    }
}

fn writer_options() -> serde_saphyr::SerializerOptions {
    serde_saphyr::ser_options! {
        // Long lines stay lines: folding would change how a diff reads.
        folded_wrap_chars: usize::MAX,
        min_fold_chars: usize::MAX,
    }
}

fn to_usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn describe(error: &serde_saphyr::Error) -> YamlError {
    let error = error.without_snippet();
    let place = error.location();
    let place = place.map_or((0, 0), |place| (to_usize(place.line()), to_usize(place.column())));
    let text = error.render();
    let text = text.lines().next().unwrap_or_default();
    let text = text.split(" at line ").next().unwrap_or(text);
    YamlError { duplicate: duplicate_key(text).map(str::to_owned), ..YamlError::at(place, advise(text)) }
}

fn duplicate_key(text: &str) -> Option<&str> {
    let rest = text.strip_prefix("duplicate mapping key: ")?;
    Some(rest.split(", set DuplicateKeyPolicy").next().unwrap_or(rest))
}

/// The parser's message, with what to do about it.
fn advise(text: &str) -> String {
    if let Some(key) = duplicate_key(text) {
        return format!("the key \"{key}\" stands twice in one map; remove one of the two");
    }
    if let Some(rest) = text.strip_prefix("budget breached: ") {
        return format!("it nests too deeply or expands to too much ({rest}); split it, or use fewer aliases");
    }
    let advice = match text {
        _ if text.starts_with("tabs disallowed") => "indent with spaces",
        _ if text.starts_with("mapping values are not allowed") => {
            "quote a value that holds `: `, or correct the indentation"
        }
        _ if text.starts_with("unclosed") => "close it",
        _ if text.starts_with("alias references unknown anchor") => {
            "define the anchor above, or quote a value that starts with `*`"
        }
        _ if text.starts_with("non-finite float") => "quote it to make it a string",
        _ if text.contains("did not find expected") => "correct the indentation",
        _ => return text.to_owned(),
    };
    format!("{text}; {advice}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn values(text: &str) -> Vec<Value> {
        parse_documents(text).unwrap().into_iter().map(|document| document.value).collect()
    }

    fn error(text: &str) -> String {
        parse_documents(text).unwrap_err().to_string()
    }

    #[test]
    fn scalars_are_read_as_go_reads_them() {
        let text = "a: yes\nb: on\nc: n\nd: 0644\ne: 12:30:45\nf: 1_000\ng: 1.0\nh: 2024-01-01\ni: ~\nj: 0x1F\n\
                    k: 'yes'\nl: 1.5\non: 1\n2: x\n";
        let expected = json!({
            "a": true, "b": true, "c": false, "d": 420, "e": "12:30:45", "f": 1000, "g": 1, "h": "2024-01-01",
            "i": null, "j": 31, "k": "yes", "l": 1.5, "on": 1, "2": "x"
        });
        assert_eq!(values(text), [expected]);
        assert_eq!(values("a: &x {b: 1}\nc: {<<: *x, d: 2}\n"), [json!({"a": {"b": 1}, "c": {"b": 1, "d": 2}})]);
    }

    #[test]
    fn documents_know_their_lines_and_empty_ones_are_skipped() {
        let text = "---\n# only a comment\n---\na: 1\n---\n\n---\n\nb:\n  c: [1, {d: 2}]\n---\nnull\n---\n- x\n";
        let documents = parse_documents(text).unwrap();
        let found: Vec<(usize, &Value)> = documents.iter().map(|document| (document.line, &document.value)).collect();
        assert_eq!(found, [(4, &json!({"a": 1})), (9, &json!({"b": {"c": [1, {"d": 2}]}})), (14, &json!(["x"]))]);
        let path = FieldPath::root().child("b").child("c").index(1).child("d");
        assert_eq!(documents[1].position_of(&path), Some((10, 11)));
    }

    #[test]
    fn positions_of_keys_with_dots_and_of_missing_fields() {
        let text = "metadata:\n  labels:\n    a.b/c: x\n    a: y\nspec:\n  ports:\n  - port: 80\n  - name: web\n";
        let document = parse_one(text).unwrap();
        let labels = FieldPath::root().child("metadata").child("labels");
        assert_eq!(document.position_of(&labels.key("a.b/c")), Some((3, 5)));
        assert_eq!(document.position_of(&labels.child("a.b/c")), Some((3, 5)));
        assert_eq!(document.position_of(&labels.key("a")), Some((4, 5)));
        let port = FieldPath::root().child("spec").child("ports").index(1);
        assert_eq!(document.position_of(&port.child("name")), Some((8, 5)));
        assert_eq!(document.position_of(&port.child("port")), Some((8, 5)), "the item it is missing from");
        assert_eq!(document.position_of(&FieldPath::root()), Some((1, 1)));
    }

    #[test]
    fn json_is_read_with_positions_too() {
        let document = parse_one("\n{\n  \"spec\": {\"replicas\": 2.0}\n}\n").unwrap();
        assert_eq!((document.line, &document.value), (2, &json!({"spec": {"replicas": 2}})));
        assert_eq!(document.position_of(&FieldPath::root().child("spec").child("replicas")), Some((3, 12)));
        assert_eq!(values("{a: 1}\n---\n{b: 2}"), [json!({"a": 1}), json!({"b": 2})]);
    }

    #[test]
    fn errors_say_where_and_what_to_do() {
        let start = "failed to read YAML at line 2, column";
        assert_eq!(
            error("a: 1\na: 2\n"),
            format!("{start} 1: the key \"a\" stands twice in one map; remove one of the two")
        );
        assert_eq!(
            error("a:\n\t- b"),
            format!("{start} 2: tabs disallowed within this context (block indentation); indent with spaces")
        );
        assert_eq!(
            error("x: 1\na: b: c"),
            format!(
                "{start} 5: mapping values are not allowed in this context; quote a value that holds `: `, or correct \
                 the indentation"
            )
        );
        assert!(error("{\"a\": 1, \"a\": 2}").contains("stands twice"));
        assert!(parse_one("a: 1\n---\nb: 2\n").unwrap_err().to_string().contains("second document"));
        assert!(parse_one("# nothing\n").unwrap_err().to_string().contains("no document"));
    }

    #[test]
    fn of_keys_that_stand_twice_the_last_may_count() {
        let (document, error) = parse_one_lenient("a: 1\nb: {c: 2}\na: 3\n").unwrap();
        assert_eq!(document.value, json!({"a": 3, "b": {"c": 2}}));
        let error = error.unwrap();
        assert_eq!((error.line, error.duplicate.as_deref()), (3, Some("a")));
        assert_eq!(parse_one_lenient("a: 1").unwrap().1, None);
        assert!(parse_one_lenient("a: 1\na: 2\n---\nb: 1").is_err());
    }

    #[test]
    fn bombs_are_refused() {
        let line = |i: usize| format!("a{i}: &a{i} [*a{0},*a{0}]\n", i - 1);
        let laughs = "a0: &a0 [x,x]\n".to_owned() + &(1..40).map(line).collect::<String>();
        assert!(error(&laughs).contains("expands to too much"));
        let deep = |levels: usize| (0..levels).map(|depth| " ".repeat(depth) + "a:\n").collect::<String>();
        assert!(error(&deep(129)).contains("nests too deeply"));
        let document = parse_one(&deep(128)).unwrap();
        assert_eq!(document.position_of(&FieldPath::root().child("a").child("a")), Some((2, 2)));
        assert!(parse_documents(&"[".repeat(5000)).is_err());
    }

    #[test]
    fn written_text_means_the_same_to_every_reader() {
        let value = json!({
            "yes": "yes", "on": "on", "octal": "012", "time": "12:30:45", "date": "2024-01-01", "null": "~",
            "hex": "0x1f", "float": "1e3", "dot": ".5", "underscore": "1_000", "merge": "<<", "equals": "=",
            "text": "one\ntwo\n", "stripped": "one\n  two", "kept": "one\n\n\ntwo\n\n", "led": "  one\ntwo",
            "crlf": "one\r\ntwo", "tab": "a\tb", "long": "word ".repeat(60), "empty": "", "list": [[1], {"a": [1.5, null]}],
            "nothing": {}, "none": [], "colon": "a: b", "dash": "- a", "hash": "#a", "blank": " a ", "odd": "\u{7f}\u{85}\u{1F600}"
        });
        let text = to_string(&value);
        assert_eq!(parse_one(&text).unwrap().value, value);
        for line in ["\"yes\": \"yes\"", "\"on\": \"on\"", "octal: \"012\"", "time: \"12:30:45\"", "text: |", "  two"] {
            assert!(text.lines().any(|found| found == line), "no line {line:?} in:\n{text}");
        }
        assert_eq!(to_string_documents([&json!({"a": 1}), &json!({"b": 2})]), "a: 1\n---\nb: 2\n");
    }
}
