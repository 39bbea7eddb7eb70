//! Whole numbers and floating point ones.

use super::SIZE_LIMIT;
use crate::arguments::Arguments;
use crate::error::Fault;
use crate::exec::Machine;
use crate::functions::Function;
use crate::number::integer;
use crate::value::Value;

pub(super) const FUNCTIONS: &[(&str, Function)] = &[
    ("atoi", Function::fixed(1, |_, all| Ok(Value::Int(Arguments(all).text(0)?.parse().unwrap_or(0))))),
    ("int64", Function::fixed(1, |_, all| Ok(Value::Int64(int(&all[0]))))),
    ("int", Function::fixed(1, |_, all| Ok(Value::Int(int(&all[0]))))),
    ("float64", Function::fixed(1, |_, all| Ok(Value::Float(float(&all[0]))))),
    ("toDecimal", Function::fixed(1, to_decimal)),
    ("seq", Function::variadic(0, seq)),
    ("until", Function::fixed(1, until)),
    ("untilStep", Function::fixed(3, until_step)),
    ("add1", Function::fixed(1, |_, all| Ok(Value::Int64(int(&all[0]).wrapping_add(1))))),
    ("add", Function::variadic(0, |_, all| Ok(Value::Int64(all.iter().map(int).fold(0, i64::wrapping_add))))),
    ("sub", Function::fixed(2, |_, all| Ok(Value::Int64(int(&all[0]).wrapping_sub(int(&all[1])))))),
    ("div", Function::fixed(2, |_, all| divided(all, i64::wrapping_div))),
    ("mod", Function::fixed(2, |_, all| divided(all, i64::wrapping_rem))),
    ("mul", Function::variadic(1, |_, all| Ok(Value::Int64(all.iter().map(int).fold(1, i64::wrapping_mul))))),
    ("max", Function::variadic(1, |_, all| Ok(Value::Int64(all.iter().map(int).max().unwrap_or(0))))),
    ("biggest", Function::variadic(1, |_, all| Ok(Value::Int64(all.iter().map(int).max().unwrap_or(0))))),
    ("min", Function::variadic(1, |_, all| Ok(Value::Int64(all.iter().map(int).min().unwrap_or(0))))),
    ("maxf", Function::variadic(1, |_, all| Ok(Value::Float(all.iter().map(float).fold(f64::NEG_INFINITY, f64::max))))),
    ("minf", Function::variadic(1, |_, all| Ok(Value::Float(all.iter().map(float).fold(f64::INFINITY, f64::min))))),
    ("ceil", Function::fixed(1, |_, all| Ok(Value::Float(float(&all[0]).ceil())))),
    ("floor", Function::fixed(1, |_, all| Ok(Value::Float(float(&all[0]).floor())))),
    ("round", Function::variadic(2, round)),
    ("add1f", Function::fixed(1, |_, all| reckoned(&[all[0].clone(), Value::Int(1)], |a, b| a + b))),
    ("addf", Function::variadic(0, |_, all| reckoned(all, |a, b| a + b))),
    ("subf", Function::variadic(1, |_, all| reckoned(all, |a, b| a - b))),
    ("mulf", Function::variadic(1, |_, all| reckoned(all, |a, b| a * b))),
    ("divf", Function::variadic(1, |_, all| reckoned(all, |a, b| a / b))),
    ("randInt", Function::fixed(2, rand_int)),
];

/// Any value as a whole number, as `cast.ToInt64` has it; what is none is 0.
pub(super) fn int(value: &Value) -> i64 {
    match value {
        Value::Int(number) | Value::Int64(number) => *number,
        Value::Float(number) => truncated(*number),
        Value::Bool(value) => i64::from(*value),
        Value::Str(text) => parsed(text).unwrap_or(0),
        _ => 0,
    }
}

/// As the processors do it that Go programs run on: what does not fit is the smallest number.
fn truncated(number: f64) -> i64 {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    #[allow(clippy::cast_possible_truncation, reason = "it fits")]
    if number.abs() < LIMIT { number as i64 } else { i64::MIN }
}

/// `strconv.ParseInt` with base 0.
fn parsed(text: &str) -> Option<i64> {
    i64::try_from(integer(&text.replace('_', ""))?).ok()
}

/// Any value as a floating point number; what is none is 0.
pub(super) fn float(value: &Value) -> f64 {
    match value {
        #[allow(clippy::cast_precision_loss, reason = "as in Go")]
        Value::Int(number) | Value::Int64(number) => *number as f64,
        Value::Float(number) => *number,
        Value::Bool(value) => f64::from(u8::from(*value)),
        Value::Str(text) => text.parse().unwrap_or(0.0),
        _ => 0.0,
    }
}

fn to_decimal(_: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    Ok(Value::Int64(i64::from_str_radix(&crate::encode::text(&all[0]), 8).unwrap_or(0)))
}

fn divided(all: &[Value], divide: fn(i64, i64) -> i64) -> Result<Value, Fault> {
    match int(&all[1]) {
        0 => Err(Fault::new("runtime error: integer divide by zero")),
        by => Ok(Value::Int64(divide(int(&all[0]), by))),
    }
}

fn steps(machine: &mut Machine<'_>, start: i64, stop: i64, step: i64) -> Result<Vec<i64>, Fault> {
    let mut numbers = Vec::new();
    let mut at = start;
    while step > 0 && at < stop || step < 0 && at > stop {
        if numbers.len() >= SIZE_LIMIT / 4 {
            return Err(Fault::new(format!("list has more than the {} numbers that are allowed", SIZE_LIMIT / 4)));
        }
        machine.spend(1)?;
        numbers.push(at);
        let Some(next) = at.checked_add(step) else { break };
        at = next;
    }
    Ok(numbers)
}

fn until(machine: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    let stop = Arguments(all).int(0)?;
    let numbers = steps(machine, 0, stop, if stop < 0 { -1 } else { 1 })?;
    Ok(numbers.into_iter().map(Value::Int).collect::<Vec<_>>().into())
}

fn until_step(machine: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    let all = Arguments(all);
    let numbers = steps(machine, all.int(0)?, all.int(1)?, all.int(2)?)?;
    Ok(numbers.into_iter().map(Value::Int).collect::<Vec<_>>().into())
}

/// Numbers with spaces between them, both ends included, as the command `seq`.
fn seq(machine: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    let all = Arguments(all);
    let toward = |from: i64, to: i64| if to < from { -1 } else { 1 };
    let (first, step, last) = match all.0.len() {
        1 => (1, toward(1, all.int(0)?), all.int(0)?),
        2 => (all.int(0)?, toward(all.int(0)?, all.int(1)?), all.int(1)?),
        3 => (all.int(0)?, all.int(1)?, all.int(2)?),
        _ => return Ok("".into()),
    };
    if step.signum() != toward(first, last) {
        return Ok("".into());
    }
    let numbers = steps(machine, first, last.saturating_add(step.signum()), step)?;
    Ok(numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ").into())
}

/// Digits after the point; the third argument is from where on they are rounded up.
fn round(_: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    let number = float(&all[0]);
    let places = i32::try_from(Arguments(all).int(1)?).unwrap_or(0);
    let up_from = all.get(2).map_or(0.5, float);
    let power = 10_f64.powi(places);
    let digit = power * number;
    let fraction = digit.fract();
    // Below zero this is no rounding to the nearest, but it is what Sprig does.
    let rounded = if fraction >= up_from { digit.ceil() } else { digit.floor() };
    Ok(Value::Float(rounded / power))
}

/// Reckons in decimals, so that 1.1 and 2.2 make 3.3.
fn reckoned(all: &[Value], operation: fn(f64, f64) -> f64) -> Result<Value, Fault> {
    let Some((first, rest)) = all.split_first() else { return Ok(Value::Float(0.0)) };
    let result = rest.iter().fold(float(first), |sum, value| operation(sum, float(value)));
    if !result.is_finite() {
        return Err(Fault::new("decimal division by 0"));
    }
    // A float has 15 digits that are sure; what comes after them is mostly the error of a binary fraction.
    let rounded: f64 = format!("{result:.14e}").parse().unwrap_or(result);
    let is_error = (rounded - result).abs() <= 4.0 * f64::EPSILON * result.abs();
    Ok(Value::Float(if is_error { rounded } else { result }))
}

fn rand_int(machine: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    let (low, high) = (Arguments(all).int(0)?, Arguments(all).int(1)?);
    let span = high.checked_sub(low).and_then(|span| u64::try_from(span).ok()).filter(|span| *span > 0);
    let Some(span) = span else { return Err(Fault::new("invalid argument to Intn")) };
    Ok(Value::Int(low.wrapping_add_unsigned(machine.random.below(span))))
}
