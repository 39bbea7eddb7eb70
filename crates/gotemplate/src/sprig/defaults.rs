//! What holds if nothing is given; conversions from and to JSON.

use serde_json::Value as Json;

use crate::arguments::Arguments;
use crate::encode::{from_json, to_go_json, write_json};
use crate::error::Fault;
use crate::exec::Machine;
use crate::functions::Function;
use crate::value::Value;

pub(super) const FUNCTIONS: &[(&str, Function)] = &[
    ("default", Function::variadic(1, default)),
    ("empty", Function::fixed(1, |_, all| Ok((!all[0].is_true()).into()))),
    (
        "coalesce",
        Function::variadic(0, |_, all| Ok(all.iter().find(|value| value.is_true()).cloned().unwrap_or_default())),
    ),
    ("all", Function::variadic(0, |_, all| Ok(all.iter().all(Value::is_true).into()))),
    ("any", Function::variadic(0, |_, all| Ok(all.iter().any(Value::is_true).into()))),
    ("ternary", Function::fixed(3, ternary)),
    ("fail", Function::fixed(1, |_, all| Err(Fault::Failed(Arguments(all).text(0)?.into_owned())))),
    ("deepCopy", Function::fixed(1, |_, all| all[0].deep_copy())),
    ("mustDeepCopy", Function::fixed(1, |_, all| all[0].deep_copy())),
    ("fromJson", Function::fixed(1, |_, all| Ok(from_json(&Arguments(all).text(0)?).unwrap_or_default()))),
    ("mustFromJson", Function::fixed(1, |_, all| from_json(&Arguments(all).text(0)?))),
    ("toJson", Function::fixed(1, |machine, all| told(machine, to_go_json(&all[0], true)))),
    ("mustToJson", Function::fixed(1, |machine, all| told(machine, to_go_json(&all[0], true)))),
    ("toRawJson", Function::fixed(1, |machine, all| told(machine, to_go_json(&all[0], false)))),
    ("mustToRawJson", Function::fixed(1, |machine, all| told(machine, to_go_json(&all[0], false)))),
    ("toPrettyJson", Function::fixed(1, |machine, all| told(machine, pretty(&all[0])))),
    ("mustToPrettyJson", Function::fixed(1, |machine, all| told(machine, pretty(&all[0])))),
];

fn default(_: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    let given = all.get(1).filter(|given| given.is_true());
    Ok(given.unwrap_or(&all[0]).clone())
}

fn ternary(_: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    Ok(if Arguments(all).truth(2)? { all[0].clone() } else { all[1].clone() })
}

fn pretty(value: &Value) -> Result<String, Fault> {
    let json: Json = value.to_json()?;
    Ok(write_json(&json, true, Some("  ")))
}

fn told(machine: &mut Machine<'_>, text: Result<String, Fault>) -> Result<Value, Fault> {
    let text = text?;
    machine.spend(text.len() as u64 / 16)?;
    Ok(text.into())
}
