//! What is wrong with a file, in words.
//! It must not know where files are.

use std::fmt::Debug;

use rsjsonnet_lang::lexer::LexError;
use rsjsonnet_lang::parser::ParseError;
use rsjsonnet_lang::program::{
    AnalyzeError, EvalError, EvalErrorKind, EvalErrorValueType, EvalStackTraceItem, LoadError,
};
use rsjsonnet_lang::span::SpanId;

/// What is wrong, and where, if that is known.
pub(crate) struct Fault {
    pub(crate) span: Option<SpanId>,
    pub(crate) why: String,
}

/// Of a file that cannot be loaded.
pub(crate) fn of_load(error: &LoadError) -> Fault {
    match error {
        LoadError::Lex(error) => of_lex(error),
        LoadError::Parse(ParseError::Expected { span, instead, .. }) => {
            Fault { span: Some(*span), why: format!("syntax error: unexpected {}", words(&format!("{instead:?}"))) }
        }
        LoadError::Analyze(error) => of_analyze(error),
    }
}

/// Of what is made of no tokens.
pub(crate) fn of_lex(error: &LexError) -> Fault {
    let (LexError::InvalidChar { span, .. }
    | LexError::InvalidUtf8 { span, .. }
    | LexError::UnfinishedMultilineComment { span }
    | LexError::LeadingZeroInNumber { span }
    | LexError::MissingFracDigits { span }
    | LexError::MissingExpDigits { span }
    | LexError::MissingDigitAfterUnderscore { span }
    | LexError::ExpOverflow { span }
    | LexError::InvalidEscapeInString { span, .. }
    | LexError::IncompleteUnicodeEscape { span }
    | LexError::InvalidUtf16EscapeSequence { span, .. }
    | LexError::UnfinishedString { span }
    | LexError::MissingLineBreakAfterTextBlockStart { span }
    | LexError::MissingWhitespaceTextBlockStart { span }
    | LexError::InvalidTextBlockTermination { span }) = error;
    Fault { span: Some(*span), why: format!("syntax error: {}", named(error)) }
}

fn of_analyze(error: &AnalyzeError) -> Fault {
    let (span, why) = match error {
        AnalyzeError::UnknownVariable { span, name } => (span, format!("unknown variable: {name}")),
        AnalyzeError::RepeatedLocalName { repeated_span, name, .. } => {
            (repeated_span, format!("{name} is defined twice"))
        }
        AnalyzeError::RepeatedFieldName { repeated_span, name, .. } => {
            (repeated_span, format!("field {name} is there twice"))
        }
        AnalyzeError::RepeatedParamName { repeated_span, name, .. } => {
            (repeated_span, format!("parameter {name} is there twice"))
        }
        AnalyzeError::SelfOutsideObject { self_span: span }
        | AnalyzeError::SuperOutsideObject { super_span: span }
        | AnalyzeError::DollarOutsideObject { dollar_span: span }
        | AnalyzeError::PositionalArgAfterNamed { arg_span: span }
        | AnalyzeError::TextBlockAsImportPath { span }
        | AnalyzeError::ComputedImportPath { span } => (span, named(error)),
    };
    Fault { span: Some(*span), why }
}

/// Of an evaluation that failed. `import` is why an import did.
pub(crate) fn of_eval(error: &EvalError, import: Option<&str>) -> Fault {
    use EvalErrorKind as Kind;
    let innermost = error.stack_trace.iter().rev().find_map(place);
    let (span, why) = match &error.kind {
        Kind::ExplicitError { span, message } => (Some(*span), message.clone()),
        Kind::AssertFailed { span, message } => {
            let why = message.as_ref().map_or("assertion failed".to_owned(), |why| format!("assertion failed: {why}"));
            (Some(*span), why)
        }
        Kind::ImportFailed { span, path } => {
            (Some(*span), format!("failed to import {path:?}: {}", import.unwrap_or("it cannot be read")))
        }
        Kind::UnknownObjectField { span, field_name } => (Some(*span), format!("field does not exist: {field_name}")),
        Kind::UnknownExtVar { name } => {
            (None, format!("external variable {name} is not given; see directory.jsonnet.extVars"))
        }
        Kind::CallParamNotBound { span, param_name } => (*span, format!("no argument for parameter {param_name}")),
        Kind::UnknownCallParam { span, param_name } => (*span, format!("there is no parameter {param_name}")),
        Kind::StackOverflow => (None, "calls nest too deep".to_owned()),
        Kind::ManifestFunction => (None, "a function is no JSON".to_owned()),
        Kind::CalleeIsNotFunction { span, got_type } => (*span, format!("{} is called as a function", kind(*got_type))),
        Kind::InvalidBinaryOpTypes { span, op, lhs_type, rhs_type } => {
            let (left, right) = (kind(*lhs_type), kind(*rhs_type));
            (*span, format!("operator {} does not take {left} and {right}", named(op)))
        }
        Kind::InvalidStdFuncArgType { func_name, arg_index, got_type, .. } => {
            (None, format!("std.{func_name}: argument {} is {}", arg_index + 1, kind(*got_type)))
        }
        Kind::Other { span, message } => (*span, message.clone()),
        other => (None, named(other)),
    };
    Fault { span: span.or(innermost), why }
}

fn place(item: &EvalStackTraceItem) -> Option<SpanId> {
    match item {
        EvalStackTraceItem::Expr { span }
        | EvalStackTraceItem::Variable { span, .. }
        | EvalStackTraceItem::Import { span } => Some(*span),
        EvalStackTraceItem::Call { span, .. }
        | EvalStackTraceItem::ArrayItem { span, .. }
        | EvalStackTraceItem::ObjectField { span, .. } => *span,
        _ => None,
    }
}

fn kind(kind: EvalErrorValueType) -> &'static str {
    match kind {
        EvalErrorValueType::Null => "null",
        EvalErrorValueType::Bool => "a boolean",
        EvalErrorValueType::Number => "a number",
        EvalErrorValueType::String => "a string",
        EvalErrorValueType::Array => "an array",
        EvalErrorValueType::Object => "an object",
        EvalErrorValueType::Function => "a function",
    }
}

/// The name of a case, as words: `DivByZero { … }` is `div by zero`.
fn named(case: &impl Debug) -> String {
    let text = format!("{case:?}");
    let name = text.split([' ', '(', '{']).next().unwrap_or_default();
    words(name)
}

fn words(name: &str) -> String {
    let name = name.strip_prefix("Simple(").map_or(name, |inner| inner.trim_end_matches(')'));
    let mut said = String::new();
    let mut after_word = false;
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && after_word {
            said.push(' ');
        }
        after_word = letter.is_ascii_lowercase() || letter.is_ascii_digit();
        said.push(letter.to_ascii_lowercase());
    }
    said
}
