//! YAML answers, with the choices of the library that upstream writes them with: keys in natural order, no more quotes
//! than needed, lines folded behind column 80.
//! It must not know objects.

mod order;
mod scalar;

use std::fmt::Write;

use serde_json::{Map, Value};

use scalar::Place;

/// Columns a level is indented by.
const STEP: usize = 2;
/// The longest key that stands on one line with its value.
const SIMPLE_KEY: usize = 128;

/// A value as YAML.
pub(crate) fn encode(value: &Value) -> String {
    let mut writer = Writer { text: String::new() };
    writer.value(value, 0, false);
    // A text that ends in empty lines has its end already.
    if !writer.text.ends_with('\n') {
        writer.text.push('\n');
    }
    writer.text
}

struct Writer {
    text: String,
}

impl Writer {
    /// Writes a value behind what introduces it; `indent` is the column of what is inside of it. A map that stands in a
    /// list begins on the line of the dash.
    fn value(&mut self, value: &Value, indent: usize, inline: bool) {
        match value {
            Value::Object(map) if !map.is_empty() => self.map(map, indent, inline),
            Value::Array(list) if !list.is_empty() => self.list(list, indent, inline),
            Value::Object(_) => self.text.push_str("{}"),
            Value::Array(_) => self.text.push_str("[]"),
            Value::String(text) => {
                let column = self.column();
                self.text.push_str(&scalar::text(text, Place { column, indent, is_key: false }));
            }
            other => self.text.push_str(&other.to_string()),
        }
    }

    fn map(&mut self, map: &Map<String, Value>, indent: usize, inline: bool) {
        for (index, (key, value)) in order::sorted(map).into_iter().enumerate() {
            if index > 0 || !inline {
                self.line(indent);
            }
            let key = scalar::text(key, Place { column: indent, indent, is_key: true });
            if key.chars().count() > SIMPLE_KEY {
                self.text.push_str("? ");
                self.text.push_str(&key);
                self.line(indent);
            } else {
                self.text.push_str(&key);
            }
            self.text.push(':');
            self.field(value, indent);
        }
    }

    /// The value of a key; the dashes of a list stand below the key's first letter.
    fn field(&mut self, value: &Value, indent: usize) {
        match value {
            Value::Object(map) if !map.is_empty() => self.map(map, indent + STEP, false),
            Value::Array(list) if !list.is_empty() => self.list(list, indent, false),
            scalar => {
                self.text.push(' ');
                self.value(scalar, indent + STEP, false);
            }
        }
    }

    fn list(&mut self, list: &[Value], indent: usize, inline: bool) {
        for (index, item) in list.iter().enumerate() {
            if index > 0 || !inline {
                self.line(indent);
            }
            self.text.push_str("- ");
            self.value(item, indent + STEP, true);
        }
    }

    fn line(&mut self, indent: usize) {
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.text.push('\n');
        }
        let _ = write!(self.text, "{:indent$}", "");
    }

    fn column(&self) -> usize {
        self.text.rsplit('\n').next().unwrap_or_default().chars().count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainstay_apimachinery::yaml::parse_one;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn answers_look_as_those_of_upstream() {
        let object = json!({
            "apiVersion": "v1", "data": {"empty": "", "number": "1", "text": "one\n two\n", "time": "2024-01-01T00:00:00Z", "y": "no"},
            "list": [{"b": [], "a": {}}, ["x", "*"], "- dash"], "fieldsV1": {"f:data": {".": {}, "f:a10": {}, "f:a9": {}}},
            "k:{\"name\":\"c\"}": {}, "long": "word ".repeat(20) + "end", "said": "it's: so", "none": null, "big": 1.5
        });
        let expected = r#"apiVersion: v1
big: 1.5
data:
  empty: ""
  number: "1"
  text: |
    one
     two
  time: "2024-01-01T00:00:00Z"
  "y": "no"
fieldsV1:
  f:data:
    .: {}
    f:a9: {}
    f:a10: {}
k:{"name":"c"}: {}
list:
- a: {}
  b: []
- - x
  - '*'
- '- dash'
long: word word word word word word word word word word word word word word word word
  word word word word end
none: null
said: 'it''s: so'
"#;
        assert_eq!(encode(&object), expected);
        assert_eq!(parse_one(expected).unwrap().value, object);
    }

    fn texts() -> impl Strategy<Value = String> {
        const TRAPS: &[&str] = &[
            "~", "on", "0x1f", "1e3", "12:30:45", "<<", "=", "a: b", "a #b", "?", "? a", "-", "---", "...", "\t", " a",
            "a ", "a\n", "\na", "a\n\n", " a\nb", "a\n b", "\n", "%a", "!a", "&a", "'", "\"", "{", "[", "@", "`",
            "a\u{85}b", "\u{feff}",
        ];
        let words = prop::collection::vec("[a-z':#\"-]{1,9} ?", 0..30).prop_map(|words| words.join(" "));
        prop_oneof![prop::sample::select(TRAPS).prop_map(str::to_owned), words, "[ -~\n]{0,20}", "\\PC{0,8}"]
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![Just(Value::Null), any::<i64>().prop_map(Value::from), texts().prop_map(Value::from)];
        leaf.prop_recursive(4, 30, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(texts(), inner, 0..4).prop_map(|map| map.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_it_was(value in values()) {
            let value = json!({"field": value});
            let text = encode(&value);
            prop_assert_eq!(parse_one(&text).map(|document| document.value), Ok(value), "{}", text);
        }
    }
}
