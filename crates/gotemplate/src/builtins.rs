//! The functions that Go's `text/template` itself has.

mod compare;

use crate::arguments::Arguments;
use crate::error::Fault;
use crate::exec::Machine;
use crate::format::{sprint, sprintf, sprintln};
use crate::functions::Function;
use crate::value::Value;

/// `and` and `or` stand here so that they are known; the evaluation of commands does them.
pub(crate) const FUNCTIONS: &[(&str, Function)] = &[
    ("and", Function::variadic(1, |_, arguments| Ok(arguments.last().cloned().unwrap_or_default()))),
    ("or", Function::variadic(1, |_, arguments| Ok(arguments.last().cloned().unwrap_or_default()))),
    ("not", Function::fixed(1, |_, arguments| Ok(Value::Bool(!arguments[0].is_true())))),
    ("eq", Function::variadic(1, |_, arguments| compare::eq(arguments))),
    ("ne", Function::fixed(2, |_, arguments| compare::ne(arguments))),
    ("lt", Function::fixed(2, |_, arguments| compare::ordered(arguments, |order| order.is_lt()))),
    ("le", Function::fixed(2, |_, arguments| compare::ordered(arguments, |order| order.is_le()))),
    ("gt", Function::fixed(2, |_, arguments| compare::ordered(arguments, |order| order.is_gt()))),
    ("ge", Function::fixed(2, |_, arguments| compare::ordered(arguments, |order| order.is_ge()))),
    ("len", Function::fixed(1, len)),
    ("index", Function::variadic(1, index)),
    ("slice", Function::variadic(1, slice)),
    ("print", Function::variadic(0, |machine, arguments| told(machine, sprint(arguments)))),
    ("println", Function::variadic(0, |machine, arguments| told(machine, sprintln(arguments)))),
    ("printf", Function::variadic(1, printf)),
    ("html", Function::variadic(0, |machine, arguments| told(machine, html(&joined(arguments))))),
    ("js", Function::variadic(0, |machine, arguments| told(machine, js(&joined(arguments))))),
    ("urlquery", Function::variadic(0, |machine, arguments| told(machine, query(&joined(arguments))))),
    ("call", Function::variadic(1, call)),
];

fn told(machine: &mut Machine<'_>, text: String) -> Result<Value, Fault> {
    machine.spend(text.len() as u64 / 64)?;
    Ok(text.into())
}

fn printf(machine: &mut Machine<'_>, arguments: &[Value]) -> Result<Value, Fault> {
    let format = Arguments(arguments).text(0)?;
    told(machine, sprintf(&format, &arguments[1..]))
}

fn len(_: &mut Machine<'_>, arguments: &[Value]) -> Result<Value, Fault> {
    let length = match &arguments[0] {
        Value::Str(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::List(items) => items.len(),
        Value::Map(dict) => dict.len(),
        Value::Nil => return Err(Fault::new("len of nil pointer")),
        other => return Err(Fault::new(format!("len of type {}", other.type_name()))),
    };
    Ok(Value::Int(i64::try_from(length).unwrap_or(i64::MAX)))
}

fn index(_: &mut Machine<'_>, arguments: &[Value]) -> Result<Value, Fault> {
    if matches!(arguments[0], Value::Nil) {
        return Err(Fault::new("index of untyped nil"));
    }
    let mut value = arguments[0].clone();
    for key in &arguments[1..] {
        value = match &value {
            Value::List(items) => items[position(key, items.len())?].clone(),
            Value::Str(text) => Value::Int(i64::from(text.as_bytes()[position(key, text.len())?])),
            Value::Bytes(bytes) => Value::Int(i64::from(bytes[position(key, bytes.len())?])),
            Value::Map(dict) => match key {
                Value::Str(key) => dict.get(key).unwrap_or_default(),
                Value::Nil => return Err(Fault::new("value is nil; should be of type string")),
                other => {
                    return Err(Fault::new(format!("value has type {}; should be string", other.type_name())));
                }
            },
            Value::Nil => return Err(Fault::new("index of nil pointer")),
            other => return Err(Fault::new(format!("can't index item of type {}", other.type_name()))),
        };
    }
    Ok(value)
}

fn position(key: &Value, length: usize) -> Result<usize, Fault> {
    match key {
        Value::Int(number) | Value::Int64(number) => usize::try_from(*number)
            .ok()
            .filter(|at| *at < length)
            .ok_or_else(|| Fault::new(format!("index out of range: {number}"))),
        Value::Nil => Err(Fault::new("cannot index slice/array with nil")),
        other => Err(Fault::new(format!("cannot index slice/array with type {}", other.type_name()))),
    }
}

fn slice(_: &mut Machine<'_>, arguments: &[Value]) -> Result<Value, Fault> {
    let length = match &arguments[0] {
        Value::Str(text) => text.len(),
        Value::List(items) => items.len(),
        Value::Nil => return Err(Fault::new("slice of untyped nil")),
        other => return Err(Fault::new(format!("can't slice item of type {}", other.type_name()))),
    };
    let bounds = &arguments[1..];
    if bounds.len() > 3 {
        return Err(Fault::new(format!("too many slice indexes: {}", bounds.len())));
    }
    let bound = |at: usize, default: usize| bounds.get(at).map_or(Ok(default), |key| position(key, length + 1));
    let (from, to) = (bound(0, 0)?, bound(1, length)?);
    if from > to {
        return Err(Fault::new(format!("invalid slice index: {from} > {to}")));
    }
    match &arguments[0] {
        Value::Str(text) => Ok(Value::from_bytes(text.as_bytes()[from..to].to_vec())),
        Value::List(items) => Ok(items[from..to].to_vec().into()),
        _ => Ok(Value::Nil),
    }
}

/// There are no values that are functions.
fn call(_: &mut Machine<'_>, arguments: &[Value]) -> Result<Value, Fault> {
    Err(Fault::new(match &arguments[0] {
        Value::Nil => "call of nil".to_owned(),
        other => format!("non-function of type {}", other.type_name()),
    }))
}

fn joined(arguments: &[Value]) -> String {
    match arguments {
        [Value::Str(text)] => text.to_string(),
        _ => sprint(arguments),
    }
}

fn html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\0' => escaped.push('\u{fffd}'),
            '"' => escaped.push_str("&#34;"),
            '\'' => escaped.push_str("&#39;"),
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            other => escaped.push(other),
        }
    }
    escaped
}

fn js(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\\' => escaped.push_str("\\\\"),
            '\'' => escaped.push_str("\\'"),
            '"' => escaped.push_str("\\\""),
            '<' | '>' | '&' | '=' => escaped.push_str(&format!("\\u{:04X}", u32::from(letter))),
            _ if u32::from(letter) < 0x20 => escaped.push_str(&format!("\\u{:04X}", u32::from(letter))),
            other => escaped.push(other),
        }
    }
    escaped
}

/// `url.QueryEscape`.
pub(crate) fn query(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' ' => escaped.push('+'),
            _ if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) => escaped.push(char::from(byte)),
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}
