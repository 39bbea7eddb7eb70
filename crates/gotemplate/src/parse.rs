//! Reads a template's tokens into its tree and the trees of what it defines, by the rules of Go's
//! `text/template/parse`.
//! It must not know what functions do, only which there are.

mod number;
mod pipeline;

use std::rc::Rc;

use crate::ast::{Block, Branch, Node, Pipe, Tree};
use crate::error::Error;
use crate::lex::{Kind, Token, lex, place};

/// How deep blocks and parentheses may be nested.
const NESTING_LIMIT: usize = 100;
/// How long a template may be, in bytes.
const TEXT_LIMIT: usize = 16 * 1024 * 1024;

const KEYWORDS: [&str; 11] =
    ["block", "break", "continue", "define", "else", "end", "if", "nil", "range", "template", "with"];

/// What a text consists of.
pub(crate) struct Parsed {
    /// The text itself.
    pub(crate) main: Tree,
    /// What it defines, in order.
    pub(crate) definitions: Vec<(String, Tree)>,
}

/// Parses a template.
pub(crate) fn parse(name: &str, text: &str, is_function: &dyn Fn(&str) -> bool) -> Result<Parsed, Error> {
    if text.len() > TEXT_LIMIT {
        let message = format!("template is larger than {TEXT_LIMIT} bytes");
        return Err(Error::Parse { template: name.to_owned(), line: 1, message });
    }
    let mut parser = Parser {
        name: name.into(),
        text: text.into(),
        tokens: lex(name, text)?,
        next: 0,
        is_function,
        variables: vec!["$".to_owned()],
        loops: 0,
        depth: 0,
        definitions: Vec::new(),
    };
    let body = parser.top()?;
    let main = parser.tree(body);
    Ok(Parsed { main, definitions: parser.definitions })
}

/// Why a list of nodes ended.
enum Ended {
    End,
    Else,
}

struct Parser<'a> {
    name: Rc<str>,
    text: Rc<str>,
    tokens: Vec<Token>,
    next: usize,
    is_function: &'a dyn Fn(&str) -> bool,
    variables: Vec<String>,
    loops: usize,
    depth: usize,
    definitions: Vec<(String, Tree)>,
}

impl Parser<'_> {
    fn fail<T>(&self, message: impl Into<String>) -> Result<T, Error> {
        let at = self.tokens.get(self.next.saturating_sub(1)).map_or(0, |token| token.at);
        let (line, _) = place(&self.text, at);
        Err(Error::Parse { template: self.name.to_string(), line, message: message.into() })
    }

    fn unexpected<T>(&self, token: &Token, context: &str) -> Result<T, Error> {
        self.fail(format!("unexpected {} in {context}", described(&token.kind)))
    }

    fn tree(&self, body: Block) -> Tree {
        Tree { source: Rc::clone(&self.name), text: Rc::clone(&self.text), body }
    }

    /// The last token is the end of the text, which is given for ever.
    fn take(&mut self) -> Token {
        let token = self.peek().clone();
        self.next += 1;
        token
    }

    fn peek(&self) -> &Token {
        self.tokens.get(self.next).unwrap_or_else(|| &self.tokens[self.tokens.len() - 1])
    }

    fn skip_space(&mut self) {
        while self.peek().kind == Kind::Space {
            self.next += 1;
        }
    }

    fn take_word(&mut self) -> Token {
        self.skip_space();
        self.take()
    }

    fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        if self.depth >= NESTING_LIMIT {
            return self.fail(format!("nested more than {NESTING_LIMIT} levels deep"));
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }

    /// The keyword that follows `{{`, if it is one.
    fn keyword(&self) -> Option<&str> {
        let mut at = self.next + 1;
        while self.tokens.get(at).is_some_and(|token| token.kind == Kind::Space) {
            at += 1;
        }
        match self.tokens.get(at).map(|token| &token.kind) {
            Some(Kind::Word(word)) => Some(word),
            _ => None,
        }
    }

    /// Goes past `{{` and the keyword.
    fn take_keyword(&mut self) {
        self.take();
        self.take_word();
    }

    fn top(&mut self) -> Result<Block, Error> {
        let mut body = Vec::new();
        loop {
            match &self.peek().kind {
                Kind::End => return Ok(body),
                Kind::Open if self.keyword() == Some("define") => self.definition()?,
                _ => match self.node(&mut body)? {
                    None => {}
                    Some(Ended::End) => return self.fail("unexpected {{end}}"),
                    Some(Ended::Else) => return self.fail("unexpected {{else}}"),
                },
            }
        }
    }

    fn definition(&mut self) -> Result<(), Error> {
        self.take_keyword();
        let (_, name) = self.literal("define clause")?;
        self.close("define clause")?;
        let outer = std::mem::replace(&mut self.variables, vec!["$".to_owned()]);
        let (body, ended) = self.nested(Self::list)?;
        self.variables = outer;
        if matches!(ended, Ended::Else) {
            return self.fail("unexpected {{else}} in define clause");
        }
        self.define(name, body)
    }

    /// Notes a definition. Within one text, only empty ones may be defined again.
    fn define(&mut self, name: String, body: Block) -> Result<(), Error> {
        let tree = self.tree(body);
        let known = self.definitions.iter_mut().find(|(known, _)| *known == name);
        match known {
            None => self.definitions.push((name, tree)),
            Some(_) if tree.is_empty() => {}
            Some((_, before)) if before.is_empty() => *before = tree,
            Some(_) => return self.fail(format!("multiple definition of template {name:?}")),
        }
        Ok(())
    }

    /// A quoted name, and where it stands.
    fn literal(&mut self, context: &str) -> Result<(usize, String), Error> {
        let token = self.take_word();
        match token.kind {
            Kind::Literal(text) => Ok((token.at, text)),
            _ => self.unexpected(&token, context),
        }
    }

    fn close(&mut self, context: &str) -> Result<(), Error> {
        let token = self.take_word();
        if token.kind == Kind::Close { Ok(()) } else { self.unexpected(&token, context) }
    }

    /// Nodes up to an `end` or `else`.
    fn list(&mut self) -> Result<(Block, Ended), Error> {
        let mut body = Vec::new();
        loop {
            if self.peek().kind == Kind::End {
                return self.fail("unexpected EOF");
            }
            if let Some(ended) = self.node(&mut body)? {
                return Ok((body, ended));
            }
        }
    }

    fn node(&mut self, body: &mut Block) -> Result<Option<Ended>, Error> {
        let token = self.peek().clone();
        if let Kind::Text(text) = token.kind {
            self.take();
            body.push(Node::Text(text));
            return Ok(None);
        }
        let keyword = self.keyword().unwrap_or_default().to_owned();
        let node = match keyword.as_str() {
            "if" => Node::If(self.nested(|parser| parser.branch("if"))?),
            "with" => Node::With(self.nested(|parser| parser.branch("with"))?),
            "range" => Node::Range(self.nested(|parser| parser.branch("range"))?),
            "template" => self.template()?,
            "block" => self.nested(Self::block)?,
            "break" | "continue" => self.jump(&keyword)?,
            "define" => {
                self.take();
                return self.fail("unexpected <define> in command");
            }
            "end" => {
                self.take_keyword();
                self.close("end")?;
                return Ok(Some(Ended::End));
            }
            "else" => {
                self.take_keyword();
                return Ok(Some(Ended::Else));
            }
            _ => {
                self.take();
                Node::Action(self.pipeline("command", &Kind::Close)?)
            }
        };
        body.push(node);
        Ok(None)
    }

    /// `if`, `with` or `range`, up to and with its `end`.
    fn branch(&mut self, context: &str) -> Result<Branch, Error> {
        self.take_keyword();
        self.branch_body(context)
    }

    fn branch_body(&mut self, context: &str) -> Result<Branch, Error> {
        let known = self.variables.len();
        let pipe = self.pipeline(context, &Kind::Close)?;
        let is_loop = usize::from(context == "range");
        self.loops += is_loop;
        let (then, ended) = self.list()?;
        self.loops -= is_loop;
        let otherwise = match ended {
            Ended::End => Vec::new(),
            Ended::Else => self.otherwise(context)?,
        };
        self.variables.truncate(known);
        Ok(Branch { pipe, then, otherwise })
    }

    /// What follows `else`: `else if` and `else with` stand for a whole one within.
    fn otherwise(&mut self, context: &str) -> Result<Block, Error> {
        self.skip_space();
        let word = if let Kind::Word(word) = &self.peek().kind { word.clone() } else { String::new() };
        match (context, word.as_str()) {
            ("if", "if") => {
                self.take();
                Ok(vec![Node::If(self.nested(|parser| parser.branch_body("if"))?)])
            }
            ("with", "with") => {
                self.take();
                Ok(vec![Node::With(self.nested(|parser| parser.branch_body("with"))?)])
            }
            _ => {
                self.close("else")?;
                let (body, ended) = self.list()?;
                if matches!(ended, Ended::Else) {
                    return self.fail("expected end; found {{else}}");
                }
                Ok(body)
            }
        }
    }

    fn template(&mut self) -> Result<Node, Error> {
        self.take_keyword();
        let (at, name) = self.literal("template clause")?;
        let pipe = self.optional_pipe("template clause")?;
        Ok(Node::Template { at, name, pipe })
    }

    /// A definition that is used where it stands.
    fn block(&mut self) -> Result<Node, Error> {
        self.take_keyword();
        let (at, name) = self.literal("block clause")?;
        let pipe = self.pipeline("block clause", &Kind::Close)?;
        let outer = std::mem::replace(&mut self.variables, vec!["$".to_owned()]);
        let (body, ended) = self.list()?;
        self.variables = outer;
        if matches!(ended, Ended::Else) {
            return self.fail("unexpected {{else}} in block clause");
        }
        self.define(name.clone(), body)?;
        Ok(Node::Template { at, name, pipe: Some(pipe) })
    }

    fn optional_pipe(&mut self, context: &str) -> Result<Option<Pipe>, Error> {
        self.skip_space();
        if self.peek().kind == Kind::Close {
            self.take();
            return Ok(None);
        }
        self.pipeline(context, &Kind::Close).map(Some)
    }

    fn jump(&mut self, keyword: &str) -> Result<Node, Error> {
        self.take_keyword();
        if self.loops == 0 {
            return self.fail(format!("{{{{{keyword}}}}} outside {{{{range}}}}"));
        }
        self.close(&format!("{{{{{keyword}}}}}"))?;
        Ok(if keyword == "break" { Node::Break } else { Node::Continue })
    }
}

/// A token as Go's parser tells of it.
fn described(kind: &Kind) -> String {
    match kind {
        Kind::End => "EOF".to_owned(),
        Kind::Text(text) | Kind::Literal(text) => format!("{text:?}"),
        Kind::Word(text) if !KEYWORDS.contains(&text.as_str()) => format!("{text:?}"),
        Kind::Word(text) | Kind::Variable(text) | Kind::Number(text) => format!("<{text}>"),
        Kind::Field(text) => format!("<.{text}>"),
        Kind::Open => "\"{{\"".to_owned(),
        Kind::Close => "\"}}\"".to_owned(),
        Kind::Space => "\" \"".to_owned(),
        Kind::Dot => "<.>".to_owned(),
        Kind::Paren => "\"(\"".to_owned(),
        Kind::CloseParen => "\")\"".to_owned(),
        Kind::Pipe => "\"|\"".to_owned(),
        Kind::Declare => "\":=\"".to_owned(),
        Kind::Assign => "\"=\"".to_owned(),
        Kind::Comma => "\",\"".to_owned(),
    }
}
