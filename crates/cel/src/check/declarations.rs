//! The functions expressions may call, read from `declarations.txt`.
//! It must not know how they are evaluated; a test holds both to one another.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use super::infer::Infer;
use super::types::CelType;

/// One way to call a function. Its type parameters are numbered from 0.
#[derive(Debug)]
pub(super) struct Overload {
    /// Whether the first argument stands before the dot.
    pub(super) member: bool,
    /// Parameter types.
    pub(super) parameters: Vec<CelType>,
    /// Type of the result.
    pub(super) result: CelType,
}

static DECLARATIONS: LazyLock<HashMap<&'static str, Vec<Overload>>> =
    LazyLock::new(|| read(include_str!("declarations.txt")));

/// Types that expressions may name.
static TYPES: &[(&str, &str)] = &[
    ("bool", "bool"),
    ("bytes", "bytes"),
    ("double", "double"),
    ("int", "int"),
    ("uint", "uint"),
    ("string", "string"),
    ("null_type", "null"),
    ("google.protobuf.Timestamp", "timestamp"),
    ("google.protobuf.Duration", "duration"),
    ("kubernetes.Quantity", "kubernetes.Quantity"),
    ("kubernetes.URL", "kubernetes.URL"),
    ("kubernetes.Semver", "kubernetes.Semver"),
    ("kubernetes.NamedFormat", "kubernetes.NamedFormat"),
    ("net.IP", "net.IP"),
    ("net.CIDR", "net.CIDR"),
];

/// The ways to call a function.
pub(super) fn overloads(name: &str) -> &'static [Overload] {
    DECLARATIONS.get(name).map_or(&[], Vec::as_slice)
}

/// Whether there is a function of that name that is called without a value before the dot.
pub(super) fn is_global(name: &str) -> bool {
    overloads(name).iter().any(|overload| !overload.member)
}

/// The type that a name names, as a value.
pub(super) fn named_type(name: &str) -> Option<CelType> {
    let inner = match name {
        "list" => CelType::list(CelType::Dyn),
        "map" => CelType::map(CelType::Dyn, CelType::Dyn),
        "dyn" => CelType::Dyn,
        "optional_type" => CelType::optional(CelType::Dyn),
        "type" => CelType::Type(Arc::new(CelType::Dyn)),
        _ => CelType::Named(TYPES.iter().find(|(own, _)| *own == name)?.1),
    };
    Some(CelType::Type(Arc::new(inner)))
}

impl Overload {
    /// The parameters and the result with type variables of their own.
    pub(super) fn instance(&self, infer: &mut Infer) -> (Vec<CelType>, CelType) {
        let own = [infer.fresh(), infer.fresh()];
        (self.parameters.iter().map(|type_| replaced(type_, &own)).collect(), replaced(&self.result, &own))
    }
}

fn replaced(type_: &CelType, own: &[CelType; 2]) -> CelType {
    match type_ {
        CelType::Variable(id) => own[*id].clone(),
        CelType::List(item) => CelType::list(replaced(item, own)),
        CelType::Map(key, value) => CelType::map(replaced(key, own), replaced(value, own)),
        CelType::Optional(inner) => CelType::optional(replaced(inner, own)),
        CelType::Type(inner) => CelType::Type(Arc::new(replaced(inner, own))),
        other => other.clone(),
    }
}

fn read(text: &'static str) -> HashMap<&'static str, Vec<Overload>> {
    let mut all: HashMap<&str, Vec<Overload>> = HashMap::new();
    for line in text.lines() {
        let (head, result) = line.rsplit_once(") ").expect("each line ends in the result");
        let (head, parameters) = head.split_once('(').expect("each line has parameters");
        let (receiver, name) = match head.split_once("::") {
            Some((receiver, name)) => (Some(receiver), name),
            None => (None, head),
        };
        let parameters = receiver.into_iter().chain(split(parameters)).map(read_type).collect();
        let overload = Overload { member: receiver.is_some(), parameters, result: read_type(result) };
        all.entry(name).or_default().push(overload);
    }
    all
}

/// Splits at the commas outside angle brackets.
fn split(text: &'static str) -> Vec<&'static str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0, 0);
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            b'<' => depth += 1,
            b'>' => depth -= 1,
            b',' if depth == 0 => {
                parts.push(text[start..index].trim());
                start = index + 1;
            }
            _ => {}
        }
    }
    if !text[start..].trim().is_empty() {
        parts.push(text[start..].trim());
    }
    parts
}

fn read_type(text: &'static str) -> CelType {
    let Some((outer, inner)) = text.split_once('<') else {
        return match text {
            "A" => CelType::Variable(0),
            "B" => CelType::Variable(1),
            "dyn" => CelType::Dyn,
            name => CelType::Named(name),
        };
    };
    let mut inner = split(inner.strip_suffix('>').expect("brackets are closed")).into_iter().map(read_type);
    let mut next = || inner.next().expect("a generic type has parameters");
    match outer {
        "list" => CelType::list(next()),
        "map" => CelType::map(next(), next()),
        "optional" => CelType::optional(next()),
        _ => CelType::Type(Arc::new(next())),
    }
}
