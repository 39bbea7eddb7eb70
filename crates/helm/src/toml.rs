//! TOML as Go's `BurntSushi/toml` writes it: own keys first, tables indented.

use mainstay_gotemplate::{Dict, Fault, Value, quote};

type Entry = (std::rc::Rc<str>, Value);

/// Writes a map.
pub(crate) fn write(value: &Value) -> Result<String, Fault> {
    let Value::Map(dict) = value else {
        return Err(Fault::new("toml: top-level values must be Go maps or structs"));
    };
    // What is nested without end is found out here.
    value.to_json()?;
    let mut text = String::new();
    table(&mut text, &mut Vec::new(), dict)?;
    Ok(text)
}

/// Reads TOML.
pub(crate) fn read(text: &str) -> Result<Value, Fault> {
    let table: toml::Table = toml::from_str(text).map_err(|error| Fault::new(format!("toml: {}", error.message())))?;
    Ok(from_toml(&toml::Value::Table(table)))
}

fn from_toml(value: &toml::Value) -> Value {
    match value {
        toml::Value::String(text) => text.as_str().into(),
        toml::Value::Integer(number) => Value::Int64(*number),
        toml::Value::Float(number) => Value::Float(*number),
        toml::Value::Boolean(value) => Value::Bool(*value),
        toml::Value::Datetime(time) => time.to_string().into(),
        toml::Value::Array(items) => items.iter().map(from_toml).collect::<Vec<_>>().into(),
        toml::Value::Table(entries) => Value::Map(entries.iter().map(|(key, value)| (key, from_toml(value))).collect()),
    }
}

fn table(text: &mut String, path: &mut Vec<String>, dict: &Dict) -> Result<(), Fault> {
    let told = dict.entries().into_iter().filter(|(_, value)| !matches!(value, Value::Nil));
    let (tables, own): (Vec<Entry>, Vec<Entry>) = told.partition(|(_, value)| is_table(value));
    let indent = "  ".repeat(path.len());
    for (name, value) in own {
        text.push_str(&format!("{indent}{} = {}\n", key(&name), inline(&value)?));
    }
    for (name, value) in tables {
        path.push(key(&name));
        match &value {
            Value::Map(dict) => {
                header(text, path, ["[", "]"]);
                table(text, path, dict)?;
            }
            Value::List(items) => {
                for item in items.iter() {
                    header(text, path, ["[[", "]]"]);
                    if let Value::Map(dict) = item {
                        table(text, path, dict)?;
                    }
                }
            }
            _ => {}
        }
        path.pop();
    }
    Ok(())
}

fn header(text: &mut String, path: &[String], [open, close]: [&str; 2]) {
    if !text.is_empty() && (path.len() == 1 || open.len() == 2) {
        text.push('\n');
    }
    text.push_str(&format!("{}{open}{}{close}\n", "  ".repeat(path.len() - 1), path.join(".")));
}

/// A map, or a list of nothing but maps.
fn is_table(value: &Value) -> bool {
    match value {
        Value::Map(_) => true,
        Value::List(items) => !items.is_empty() && items.iter().all(|item| matches!(item, Value::Map(_))),
        _ => false,
    }
}

fn inline(value: &Value) -> Result<String, Fault> {
    Ok(match value {
        Value::Nil => return Err(Fault::new("toml: cannot encode array with nil element")),
        Value::Bool(value) => value.to_string(),
        Value::Int(number) | Value::Int64(number) => number.to_string(),
        Value::Float(number) => float(*number),
        Value::List(items) => {
            format!("[{}]", items.iter().map(inline).collect::<Result<Vec<_>, _>>()?.join(", "))
        }
        Value::Map(dict) => {
            let entries = dict.entries().into_iter().filter(|(_, value)| !matches!(value, Value::Nil));
            let entries = entries.map(|(name, value)| Ok(format!("{} = {}", key(&name), inline(&value)?)));
            format!("{{{}}}", entries.collect::<Result<Vec<_>, Fault>>()?.join(", "))
        }
        Value::Str(text) => quote(text),
        other => quote(&mainstay_gotemplate::display(other)),
    })
}

/// A number that is seen to be no integer.
fn float(number: f64) -> String {
    if number.is_nan() {
        return "nan".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "+inf" } else { "-inf" }.to_owned();
    }
    let text = mainstay_gotemplate::sprintf("%v", &[Value::Float(number)]);
    let plain = if text.contains('e') && number.abs() < 1e21 { number.to_string() } else { text };
    if plain.contains(['.', 'e']) { plain } else { format!("{plain}.0") }
}

fn key(name: &str) -> String {
    let bare = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if bare { name.to_owned() } else { quote(name) }
}
