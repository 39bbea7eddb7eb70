//! `--set`: values on one line, such as `a.b=1,c[0].d=x,e={1,2}`. A backslash takes a letter as it is.

use serde_json::{Map, Value as Json};

use crate::error::Error;

type Values = Map<String, Json>;

/// How far a list may be filled up.
const INDEX_LIMIT: usize = 65_536;
/// How deep a name may go.
const DEPTH_LIMIT: usize = 30;

/// What a value on the line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Typed {
    /// Numbers, booleans and `null` are such; `--set`.
    Guessed,
    /// All is text; `--set-string`.
    Text,
}

/// Sets values as a line says.
///
/// # Errors
/// When the line is malformed, or goes below what is no map.
pub fn set(values: &mut Values, line: &str, typed: Typed) -> Result<(), Error> {
    let mut parser = Parser { letters: line.chars().collect(), at: 0, typed };
    while parser.at < parser.letters.len() {
        parser
            .entry(values, 0)
            .map_err(|message| Error::Values(format!("failed parsing --set data {line:?}: {message}")))?;
    }
    Ok(())
}

/// Sets one value, whatever it is, at a path as `--set` writes it.
///
/// # Errors
/// When the path is malformed, or goes below what is no map.
pub fn set_value(values: &mut Values, path: &str, value: Json) -> Result<(), Error> {
    const MARK: &str = "\u{0}value\u{0}";
    let mut parser = Parser { letters: format!("{path}={MARK}").chars().collect(), at: 0, typed: Typed::Text };
    parser.entry(values, 0).map_err(|message| Error::Values(format!("failed parsing key {path:?}: {message}")))?;
    put(values, MARK, value);
    Ok(())
}

/// Puts a value where the mark stands.
fn put(values: &mut Values, mark: &str, value: Json) {
    fn within(held: &mut Json, mark: &str, value: &Json) {
        match held {
            Json::String(text) if text == mark => *held = value.clone(),
            Json::Array(items) => items.iter_mut().for_each(|item| within(item, mark, value)),
            Json::Object(entries) => entries.values_mut().for_each(|item| within(item, mark, value)),
            _ => {}
        }
    }
    values.values_mut().for_each(|held| within(held, mark, &value));
}

struct Parser {
    letters: Vec<char>,
    at: usize,
    typed: Typed,
}

impl Parser {
    /// Letters up to one of the given ones, which is given too.
    fn until(&mut self, stops: &[char]) -> (String, Option<char>) {
        let mut text = String::new();
        while let Some(&letter) = self.letters.get(self.at) {
            self.at += 1;
            if letter == '\\' {
                text.extend(self.letters.get(self.at));
                self.at += 1;
            } else if stops.contains(&letter) {
                return (text, Some(letter));
            } else {
                text.push(letter);
            }
        }
        (text, None)
    }

    fn entry(&mut self, values: &mut Values, depth: usize) -> Result<(), String> {
        if depth > DEPTH_LIMIT {
            return Err(format!(
                "value name nested level is greater than maximum supported nested level of {DEPTH_LIMIT}"
            ));
        }
        let (key, stop) = self.until(&['=', '.', '[', ',']);
        match stop {
            None | Some(',') if key.is_empty() => Ok(()),
            None | Some(',') => Err(format!("key {key:?} has no value")),
            Some('=') => {
                let value = self.value()?;
                values.insert(key, value);
                Ok(())
            }
            Some('.') => {
                let held = values.entry(key.clone()).or_insert_with(|| Json::Object(Map::new()));
                self.entry(map(held, &key)?, depth + 1)
            }
            _ => {
                let held = values.entry(key.clone()).or_insert_with(|| Json::Array(Vec::new()));
                self.item(held, &key, depth + 1)
            }
        }
    }

    /// An item of a list, after `[`.
    fn item(&mut self, held: &mut Json, name: &str, depth: usize) -> Result<(), String> {
        if depth > DEPTH_LIMIT {
            return Err(format!("{name:?} is nested more than {DEPTH_LIMIT} levels deep"));
        }
        let (text, _) = self.until(&[']']);
        let index = text.parse::<usize>().map_err(|_| format!("error parsing index: {text:?} is no number"))?;
        if index > INDEX_LIMIT {
            return Err(format!("index of {index} is greater than maximum supported index of {INDEX_LIMIT}"));
        }
        if held.is_null() {
            *held = Json::Array(Vec::new());
        }
        let Json::Array(items) = held else { return Err(format!("{name:?} is no list")) };
        if items.len() <= index {
            items.resize(index + 1, Json::Null);
        }
        let item = &mut items[index];
        let next = self.letters.get(self.at).copied();
        self.at += 1;
        match next {
            Some('=') => *item = self.value()?,
            Some('[') => self.item(item, name, depth + 1)?,
            Some('.') => {
                if item.is_null() {
                    *item = Json::Object(Map::new());
                }
                self.entry(map(item, name)?, depth + 1)?;
            }
            Some(other) => return Err(format!("unexpected data at end of array index: {other:?}")),
            None => return Err(format!("key {name:?} has no value")),
        }
        Ok(())
    }

    fn value(&mut self) -> Result<Json, String> {
        if self.letters.get(self.at) != Some(&'{') {
            let (text, _) = self.until(&[',']);
            return Ok(self.typed(text));
        }
        self.at += 1;
        let mut items = Vec::new();
        loop {
            let (text, stop) = self.until(&[',', '}']);
            match stop {
                None => return Err("list must terminate with '}'".to_owned()),
                Some('}') if items.is_empty() && text.is_empty() => break,
                Some(stop) => {
                    items.push(self.typed(text));
                    if stop == '}' {
                        break;
                    }
                }
            }
        }
        match self.letters.get(self.at) {
            None => {}
            Some(',') => self.at += 1,
            Some(other) => return Err(format!("unexpected {other:?} after a list")),
        }
        Ok(Json::Array(items))
    }

    fn typed(&self, text: String) -> Json {
        if self.typed == Typed::Text {
            return Json::String(text);
        }
        match text.as_str() {
            "true" => Json::Bool(true),
            "false" => Json::Bool(false),
            "null" => Json::Null,
            "0" => Json::from(0),
            // With a zero before it, it is more likely a name than a number.
            _ if text.starts_with('0') => Json::String(text),
            _ => text.parse::<i64>().map_or(Json::String(text), Json::from),
        }
    }
}

fn map<'v>(held: &'v mut Json, name: &str) -> Result<&'v mut Values, String> {
    if held.is_null() {
        *held = Json::Object(Map::new());
    }
    held.as_object_mut().ok_or_else(|| format!("{name:?} is no map"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parsed(line: &str) -> Result<Json, String> {
        let mut values = Map::new();
        set(&mut values, line, Typed::Guessed).map_err(|error| error.to_string())?;
        Ok(Json::Object(values))
    }

    #[test]
    fn lines_are_read_as_helm_does() {
        for (line, expected) in [
            ("a=1,b=x,c=true,d=null,e=01,f=0", json!({"a": 1, "b": "x", "c": true, "d": null, "e": "01", "f": 0})),
            ("a.b.c=1,a.b.d=2", json!({"a": {"b": {"c": 1, "d": 2}}})),
            ("a[0].b=1,a[2]=x", json!({"a": [{"b": 1}, null, "x"]})),
            ("a={1,x,true},b={}", json!({"a": [1, "x", true], "b": []})),
            (r"a\.b=1,c=x\,y", json!({"a.b": 1, "c": "x,y"})),
            ("a[0][1]=z", json!({"a": [[null, "z"]]})),
            ("a=,b=1.5", json!({"a": "", "b": "1.5"})),
            ("", json!({})),
        ] {
            assert_eq!(parsed(line).unwrap(), expected, "{line}");
        }
        for line in ["a", "a[x]=1", "a[99999999]=1", "a={1", "a=1,a.b=2", "a[0]", "a.b[0]x=1"] {
            assert!(parsed(line).is_err(), "{line}: {:?}", parsed(line));
        }
    }

    #[test]
    fn texts_stay_texts_and_any_value_can_be_set() {
        let mut values = Map::new();
        set(&mut values, "a=1,b={2}", Typed::Text).unwrap();
        set_value(&mut values, "c.d[0]", json!({"x": "a=b,c"})).unwrap();
        assert_eq!(Json::Object(values), json!({"a": "1", "b": ["2"], "c": {"d": [{"x": "a=b,c"}]}}));
    }
}
