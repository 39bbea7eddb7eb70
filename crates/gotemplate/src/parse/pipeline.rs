//! Pipelines: declarations, commands, operands.

use super::{Parser, number};
use crate::ast::{Command, Pipe, Word, WordKind};
use crate::error::Error;
use crate::lex::Kind;

impl Parser<'_> {
    /// A pipeline and the token that ends it.
    pub(super) fn pipeline(&mut self, context: &str, end: &Kind) -> Result<Pipe, Error> {
        self.skip_space();
        let at = self.peek().at;
        let (variables, declares) = self.declaration(context)?;
        let mut commands = Vec::new();
        loop {
            self.skip_space();
            if self.peek().kind == *end {
                self.take();
                break;
            }
            commands.push(self.command(context)?);
        }
        self.check(&commands, context)?;
        if declares {
            self.variables.extend(variables.iter().cloned());
        }
        Ok(Pipe { at, variables, declares, commands })
    }

    fn check(&self, commands: &[Command], context: &str) -> Result<(), Error> {
        if commands.is_empty() {
            return self.fail(format!("missing value for {context}"));
        }
        for (index, command) in commands.iter().enumerate().skip(1) {
            use WordKind::{Bool, Dot, Float, Int, Nil, Str};
            if matches!(command.words[0].kind, Bool(_) | Dot | Nil | Int(..) | Float(..) | Str(_)) {
                return self.fail(format!("non executable command in pipeline stage {}", index + 1));
            }
        }
        Ok(())
    }

    /// `$x :=`, `$x =`, or in a range also `$i, $x :=`.
    fn declaration(&mut self, context: &str) -> Result<(Vec<String>, bool), Error> {
        let start = self.next;
        let mut variables = Vec::new();
        loop {
            self.skip_space();
            let Kind::Variable(name) = self.peek().kind.clone() else { break };
            self.take();
            variables.push(name.clone());
            self.skip_space();
            match self.peek().kind {
                Kind::Declare | Kind::Assign => {
                    let declares = self.take().kind == Kind::Declare;
                    if !declares && variables.iter().any(|name| !self.variables.contains(name)) {
                        return self.fail(format!("undefined variable {name:?}"));
                    }
                    return Ok((variables, declares));
                }
                Kind::Comma if context == "range" && variables.len() == 1 => {
                    self.take();
                }
                Kind::Comma => {
                    self.take();
                    return self.fail(format!("too many declarations in {context}"));
                }
                _ => break,
            }
        }
        self.next = start;
        Ok((Vec::new(), false))
    }

    fn command(&mut self, context: &str) -> Result<Command, Error> {
        self.skip_space();
        let at = self.peek().at;
        let mut words = Vec::new();
        loop {
            self.skip_space();
            if let Some(word) = self.operand()? {
                words.push(word);
            }
            match self.peek().kind {
                Kind::Space => {}
                Kind::Close | Kind::CloseParen if words.is_empty() => {
                    return self.fail(format!("missing value for {context}"));
                }
                Kind::Close | Kind::CloseParen => break,
                Kind::Pipe if words.is_empty() => {
                    let token = self.take();
                    return self.unexpected(&token, context);
                }
                Kind::Pipe => {
                    self.take();
                    break;
                }
                _ => {
                    let token = self.take();
                    return self.unexpected(&token, "operand");
                }
            }
        }
        if words.is_empty() { self.fail("empty command") } else { Ok(Command { at, words }) }
    }

    /// A term with the fields that follow it.
    fn operand(&mut self) -> Result<Option<Word>, Error> {
        let Some(word) = self.term()? else { return Ok(None) };
        let at = self.peek().at;
        let mut fields = Vec::new();
        while let Kind::Field(name) = &self.peek().kind {
            fields.push(name.clone());
            self.take();
        }
        if fields.is_empty() {
            return Ok(Some(word));
        }
        use WordKind::{Bool, Chain, Dot, Field, Float, Int, Nil, Str, Variable};
        let kind = match word.kind {
            Field(mut first) => {
                first.extend(fields);
                Field(first)
            }
            Variable(name, _) => Variable(name, fields),
            Bool(_) | Str(_) | Int(..) | Float(..) | Nil | Dot => {
                return self.fail(format!("unexpected . after term {:?}", word.to_string()));
            }
            _ => Chain(Box::new(word), fields),
        };
        Ok(Some(Word { at, kind }))
    }

    fn term(&mut self) -> Result<Option<Word>, Error> {
        let token = self.peek().clone();
        let at = token.at;
        let kind = match token.kind {
            Kind::Word(word) => {
                self.take();
                self.word(word)?
            }
            Kind::Dot => self.took(WordKind::Dot),
            Kind::Variable(name) => {
                self.take();
                if !self.variables.contains(&name) {
                    return self.fail(format!("undefined variable {name:?}"));
                }
                WordKind::Variable(name, Vec::new())
            }
            Kind::Field(name) => self.took(WordKind::Field(vec![name])),
            Kind::Literal(text) => self.took(WordKind::Str(text)),
            Kind::Number(text) => {
                self.take();
                match number::parse(&text) {
                    Ok(kind) => kind,
                    Err(message) => return self.fail(message),
                }
            }
            Kind::Paren => {
                self.take();
                let pipe = self.nested(|parser| parser.pipeline("parenthesized pipeline", &Kind::CloseParen))?;
                WordKind::Pipe(Box::new(pipe))
            }
            _ => return Ok(None),
        };
        Ok(Some(Word { at, kind }))
    }

    fn took(&mut self, kind: WordKind) -> WordKind {
        self.take();
        kind
    }

    fn word(&self, word: String) -> Result<WordKind, Error> {
        Ok(match word.as_str() {
            "true" => WordKind::Bool(true),
            "false" => WordKind::Bool(false),
            "nil" => WordKind::Nil,
            "if" | "else" | "end" | "range" | "with" | "define" | "template" | "block" => {
                return self.fail(format!("unexpected <{word}> in operand"));
            }
            _ if (self.is_function)(&word) => WordKind::Function(word),
            _ => return self.fail(format!("function {word:?} not defined")),
        })
    }
}
