//! What a template consists of. Nodes know where they stand and print themselves as Go prints them in errors.

use std::fmt;
use std::rc::Rc;

use crate::format::quote;

/// A list of nodes.
pub(crate) type Block = Vec<Node>;

/// A template's or definition's body, with the text that it was read from.
pub(crate) struct Tree {
    /// The name of the text, for errors.
    pub(crate) source: Rc<str>,
    /// The text itself, from which lines are told when they are needed.
    pub(crate) text: Rc<str>,
    pub(crate) body: Block,
}

impl Tree {
    /// Whether it holds nothing but space.
    pub(crate) fn is_empty(&self) -> bool {
        self.body.iter().all(|node| matches!(node, Node::Text(text) if text.trim().is_empty()))
    }
}

pub(crate) enum Node {
    Text(String),
    Action(Pipe),
    If(Branch),
    With(Branch),
    Range(Branch),
    Template { at: usize, name: String, pipe: Option<Pipe> },
    Break,
    Continue,
}

/// A condition with what happens if it holds and if not.
pub(crate) struct Branch {
    pub(crate) pipe: Pipe,
    pub(crate) then: Block,
    pub(crate) otherwise: Block,
}

/// Commands of which each gets the result of the one before as its last argument.
pub(crate) struct Pipe {
    pub(crate) at: usize,
    /// Variables that get the result.
    pub(crate) variables: Vec<String>,
    /// Whether they are new.
    pub(crate) declares: bool,
    pub(crate) commands: Vec<Command>,
}

/// A function, field or value, with arguments.
pub(crate) struct Command {
    pub(crate) at: usize,
    pub(crate) words: Vec<Word>,
}

pub(crate) struct Word {
    pub(crate) at: usize,
    pub(crate) kind: WordKind,
}

pub(crate) enum WordKind {
    Dot,
    Nil,
    Bool(bool),
    Int(i64, String),
    Float(f64, String),
    Str(String),
    Function(String),
    /// `.a.b`
    Field(Vec<String>),
    /// `$x.a.b`; the name has its `$`.
    Variable(String, Vec<String>),
    /// `(pipe)`
    Pipe(Box<Pipe>),
    /// `(pipe).a.b`
    Chain(Box<Word>, Vec<String>),
}

impl fmt::Display for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.variables.is_empty() {
            let sign = if self.declares { ":=" } else { "=" };
            write!(f, "{} {sign} ", self.variables.join(", "))?;
        }
        separated(f, &self.commands, " | ")
    }
}

impl Pipe {
    /// Where the last command's first word stands, and that word.
    pub(crate) fn last(&self) -> (usize, &dyn fmt::Display) {
        match self.commands.last().and_then(|command| command.words.first()) {
            Some(word) => (word.at, word),
            None => (self.at, self),
        }
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        separated(f, &self.words, " ")
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            WordKind::Dot => f.write_str("."),
            WordKind::Nil => f.write_str("nil"),
            WordKind::Bool(value) => value.fmt(f),
            WordKind::Int(_, text) | WordKind::Float(_, text) | WordKind::Function(text) => f.write_str(text),
            WordKind::Str(text) => f.write_str(&quote(text)),
            WordKind::Field(fields) => write!(f, ".{}", fields.join(".")),
            WordKind::Variable(name, fields) => write!(f, "{name}{}", dotted(fields)),
            WordKind::Pipe(pipe) => write!(f, "({pipe})"),
            WordKind::Chain(word, fields) => write!(f, "{word}{}", dotted(fields)),
        }
    }
}

fn dotted(fields: &[String]) -> String {
    fields.iter().map(|field| format!(".{field}")).collect()
}

fn separated<T: fmt::Display>(f: &mut fmt::Formatter<'_>, items: &[T], separator: &str) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            f.write_str(separator)?;
        }
        item.fmt(f)?;
    }
    Ok(())
}
