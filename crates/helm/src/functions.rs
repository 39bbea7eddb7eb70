//! The functions that Helm adds to Go's and Sprig's.

use mainstay_gotemplate::{
    Arguments, Dict, Fault, Function, Functions, Machine, Style, Value, from_yaml, to_go_json, to_go_yaml,
};

use crate::toml;

/// What charts may call. `lookup` finds nothing: a chart renders the same wherever it is rendered.
pub(crate) fn functions() -> Functions {
    Functions::sprig().with(FUNCTIONS)
}

const FUNCTIONS: &[(&str, Function)] = &[
    ("include", Function::fixed(2, include)),
    ("tpl", Function::fixed(2, tpl)),
    ("required", Function::fixed(2, required)),
    ("lookup", Function::fixed(4, |_, _| Ok(Value::Map(Dict::default())))),
    ("getHostByName", Function::fixed(1, |_, _| Ok("".into()))),
    ("toYaml", Function::fixed(1, |machine, all| Ok(yaml(machine, &all[0], Style::V2).unwrap_or_else(|_| "".into())))),
    ("mustToYaml", Function::fixed(1, |machine, all| yaml(machine, &all[0], Style::V2))),
    (
        "toYamlPretty",
        Function::fixed(1, |machine, all| Ok(yaml(machine, &all[0], Style::V3).unwrap_or_else(|_| "".into()))),
    ),
    ("fromYaml", Function::fixed(1, |machine, all| map(machine, all, from_yaml))),
    ("fromYamlArray", Function::fixed(1, |machine, all| list(machine, all, from_yaml))),
    ("toJson", Function::fixed(1, |_, all| Ok(to_go_json(&all[0], true).unwrap_or_default().into()))),
    ("mustToJson", Function::fixed(1, |_, all| Ok(to_go_json(&all[0], true)?.into()))),
    ("fromJson", Function::fixed(1, |machine, all| map(machine, all, from_json))),
    ("fromJsonArray", Function::fixed(1, |machine, all| list(machine, all, from_json))),
    ("toToml", Function::fixed(1, |_, all| Ok(toml::write(&all[0]).unwrap_or_else(|fault| fault.to_string()).into()))),
    ("mustToToml", Function::fixed(1, |_, all| Ok(toml::write(&all[0])?.into()))),
    ("fromToml", Function::fixed(1, |machine, all| map(machine, all, toml::read))),
];

fn include(machine: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    let name = Arguments(all).text(0)?;
    Ok(machine.include(&name, all[1].clone())?.into())
}

fn tpl(machine: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    let text = Arguments(all).text(0)?;
    match machine.template(&text, all[1].clone()) {
        Ok(rendered) => Ok(rendered.replace("<no value>", "").into()),
        Err(Fault::Nested(error)) if matches!(*error, mainstay_gotemplate::Error::Failed { .. }) => {
            Err(Fault::Nested(error))
        }
        Err(fault) => Err(Fault::new(format!("error during tpl function execution for {text:?}: {fault}"))),
    }
}

fn required(_: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    let message = Arguments(all).text(0)?;
    match &all[1] {
        Value::Nil => Err(Fault::Failed(message.into_owned())),
        Value::Str(text) if text.is_empty() => Err(Fault::Failed(message.into_owned())),
        value => Ok(value.clone()),
    }
}

fn yaml(machine: &mut Machine<'_>, value: &Value, style: Style) -> Result<Value, Fault> {
    let text = to_go_yaml(value, style)?;
    machine.spend(text.len() as u64 / 16)?;
    Ok(text.into())
}

fn from_json(text: &str) -> Result<Value, Fault> {
    let json: serde_json::Value = serde_json::from_str(text).map_err(|error| Fault::new(error.to_string()))?;
    Ok(Value::from(&json))
}

/// A map, or one with the key `Error` that says why there is none.
fn map(machine: &mut Machine<'_>, all: &[Value], read: fn(&str) -> Result<Value, Fault>) -> Result<Value, Fault> {
    let text = Arguments(all).text(0)?;
    machine.spend(text.len() as u64 / 16)?;
    let reason = match read(&text) {
        Ok(value @ Value::Map(_)) => return Ok(value),
        Ok(Value::Nil) => return Ok(Value::Map(Dict::default())),
        Ok(other) => format!("cannot unmarshal {} into a map", other.kind()),
        Err(fault) => fault.to_string(),
    };
    Ok(Value::Map([("Error", Value::from(reason))].into_iter().collect()))
}

/// A list, or one that says why there is none.
fn list(machine: &mut Machine<'_>, all: &[Value], read: fn(&str) -> Result<Value, Fault>) -> Result<Value, Fault> {
    let text = Arguments(all).text(0)?;
    machine.spend(text.len() as u64 / 16)?;
    let reason = match read(&text) {
        Ok(value @ Value::List(_)) => return Ok(value),
        Ok(Value::Nil) => return Ok(Vec::new().into()),
        Ok(other) => format!("cannot unmarshal {} into a list", other.kind()),
        Err(fault) => fault.to_string(),
    };
    Ok(vec![Value::from(reason)].into())
}
