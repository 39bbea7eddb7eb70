//! Turns the descriptions of `kubernetes-validate` into the second table: the first sentence of each.
//! It must not know where the definitions came from or where the table goes.

use serde_json::{Map, Value};

/// Endings of a word that end no sentence.
const ABBREVIATIONS: [&str; 5] = ["e.g.", "i.e.", "etc.", "vs.", "cf."];

/// The table's text: a line for each definition of the first table, in its order: its name, a space, and a JSON map
/// from fields to sentences, where the empty name is the definition itself.
///
/// # Errors
/// If the document has no `$defs`.
pub(super) fn table(document: &Value, definitions: &str) -> Result<String, String> {
    let all = document.get("$defs").and_then(Value::as_object).ok_or("no `$defs`")?;
    let names = definitions.lines().filter_map(|line| line.split(' ').next());
    let described = names.filter_map(|name| Some((name, described(all.get(name)?)?)));
    Ok(described.map(|(name, sentences)| format!("{name} {sentences}\n")).collect())
}

fn described(source: &Value) -> Option<Value> {
    let mut sentences = Map::new();
    let own = source.get("description").and_then(Value::as_str).map(|text| ("", text));
    let properties = source.get("properties").and_then(Value::as_object).into_iter().flatten();
    let fields = properties.filter_map(|(name, child)| Some((name.as_str(), child.get("description")?.as_str()?)));
    for (name, text) in own.into_iter().chain(fields) {
        let sentence = first_sentence(text);
        if !sentence.is_empty() {
            sentences.insert(name.to_owned(), sentence.into());
        }
    }
    (!sentences.is_empty()).then_some(Value::Object(sentences))
}

fn first_sentence(text: &str) -> String {
    let paragraph = text.trim().split("\n\n").next().unwrap_or_default();
    let words: Vec<&str> = paragraph.split_whitespace().collect();
    let ends = |word: &&str| {
        let bare = word.trim_start_matches(['(', '"', '`']);
        word.ends_with(['.', '!', '?']) && !ABBREVIATIONS.contains(&bare)
    };
    let end = words.iter().position(ends).map_or(words.len(), |at| at + 1);
    words[..end].join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_end_where_readers_end_them() {
        assert_eq!(first_sentence("Name of it.\nMust be unique. More"), "Name of it.");
        assert_eq!(first_sentence("A list, e.g. of pods, of it. More"), "A list, e.g. of pods, of it.");
        assert_eq!(first_sentence("No stop\n\nNext paragraph."), "No stop");
    }
}
