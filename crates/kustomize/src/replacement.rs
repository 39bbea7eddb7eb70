//! Values copied from field to field. As kustomize's replacement transformer.
//! It must not know what the values mean.

use serde_json::{Map, Value};

use crate::accumulate::Target;
use crate::error::Error;
use crate::files;
use crate::kustomization::{FieldOptions, ReplacementEntry, ReplacementTarget, Selector, parse};
use crate::patch::Chosen;
use crate::resource::Resource;

/// Does the replacements of a kustomization.
pub(crate) fn replace(target: &Target<'_>, resources: &mut [Resource]) -> Result<(), Error> {
    for entry in &target.kustomization.replacements {
        if entry.path.is_empty() {
            one(target, entry, resources)?;
            continue;
        }
        let path = files::below(&target.root, &entry.path)?;
        let missing = || Error::Missing { from: target.path.clone(), path: entry.path.clone() };
        let text = target.files.text(&path)?.ok_or_else(missing)?;
        let entries: Vec<ReplacementEntry> =
            parse::<Vec<ReplacementEntry>>(&path, &text).or_else(|_| parse(&path, &text).map(|entry| vec![entry]))?;
        entries.iter().try_for_each(|entry| one(target, entry, resources))?;
    }
    Ok(())
}

fn one(target: &Target<'_>, entry: &ReplacementEntry, resources: &mut [Resource]) -> Result<(), Error> {
    let value = value(target, entry, resources)?;
    for place in &entry.targets {
        fill(target, place, &value, resources)?;
    }
    Ok(())
}

fn value(target: &Target<'_>, entry: &ReplacementEntry, resources: &[Resource]) -> Result<Value, Error> {
    if let Some(value) = &entry.source_value {
        return Ok(value.as_str().into());
    }
    let source = entry.source.as_ref().ok_or_else(|| target.failed("a replacement needs a source"))?;
    let exactly = |text: &str| regex::escape(text);
    let selector = Selector {
        group: exactly(&source.group),
        version: exactly(&source.version),
        kind: exactly(&source.kind),
        name: exactly(&source.name),
        namespace: exactly(&source.namespace),
        ..Selector::default()
    };
    let chosen = Chosen::new(&selector).map_err(|message| target.failed(message))?;
    let mut found = resources.iter().filter(|resource| chosen.matches(resource));
    let (first, second) = (found.next(), found.next());
    let named = || format!("{} {}", source.kind, source.name);
    let Some(found) = first.filter(|_| second.is_none()) else {
        let how = if second.is_some() { "several resources match" } else { "nothing matches" };
        return Err(target.failed(format!("replacement: {how} the source {}", named())));
    };
    let path = if source.field_path.is_empty() { "metadata.name" } else { &source.field_path };
    let missing = || target.failed(format!("replacement: {} has no field {path}", named()));
    let value = get(&found.object, &parts(path)).ok_or_else(missing)?;
    match &source.options {
        Some(options) if !options.delimiter.is_empty() => {
            let text = scalar(value).ok_or_else(missing)?;
            let index = usize::try_from(options.index).ok();
            let piece = index.and_then(|index| text.split(&options.delimiter).nth(index));
            piece.map(Value::from).ok_or_else(missing)
        }
        _ => Ok(value.clone()),
    }
}

fn fill(
    target: &Target<'_>,
    place: &ReplacementTarget,
    value: &Value,
    resources: &mut [Resource],
) -> Result<(), Error> {
    let select = place.select.as_ref().ok_or_else(|| target.failed("a target of a replacement needs a select"))?;
    let chosen = |selector: &Selector| Chosen::new(selector).map_err(|message| target.failed(message));
    let wanted = chosen(select)?;
    let rejected = place.reject.iter().map(chosen).collect::<Result<Vec<_>, _>>()?;
    let paths = if place.field_paths.is_empty() { vec!["metadata.name".to_owned()] } else { place.field_paths.clone() };
    let options = place.options.clone().unwrap_or_default();
    for resource in resources.iter_mut() {
        if !wanted.matches(resource) || rejected.iter().any(|rejected| rejected.matches(resource)) {
            continue;
        }
        let id = resource.id();
        for path in &paths {
            let parts = parts(path);
            // Labels and annotations are texts, whatever they look like.
            let texts = parts.first().is_some_and(|first| first == "metadata");
            let put = resource.change(|object| set(object, &parts, &Put { value, options: &options, texts }));
            match put {
                Ok(true) => {}
                Ok(false) => {
                    let message = format!("replacement: {id} has no field {path}; options.create makes it");
                    return Err(target.failed(message));
                }
                Err(message) => return Err(target.failed(format!("replacement: {id}: {path}: {message}"))),
            }
        }
    }
    Ok(())
}

/// The parts of a field path: names with dots between, `[name=x]`, `*`, or the number of an item. A dot after a backslash,
/// or in brackets, belongs to the name.
fn parts(path: &str) -> Vec<String> {
    let (mut parts, mut part, mut depth) = (Vec::new(), String::new(), 0_usize);
    let mut letters = path.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => part.extend(letters.next()),
            '.' if depth == 0 => parts.push(std::mem::take(&mut part)),
            letter => {
                match letter {
                    '[' => depth += 1,
                    ']' => depth = depth.saturating_sub(1),
                    _ => {}
                }
                part.push(letter);
            }
        }
    }
    parts.push(part);
    parts.retain(|part| !part.is_empty());
    parts
}

/// `[name=x]` as name and value.
fn keyed(part: &str) -> Option<(&str, &str)> {
    part.strip_prefix('[')?.strip_suffix(']')?.split_once('=')
}

fn is_item(item: &Value, (key, wanted): (&str, &str)) -> bool {
    let found = if key.is_empty() { Some(item) } else { item.get(key) };
    found.and_then(scalar).is_some_and(|found| found == wanted)
}

fn get<'v>(value: &'v Value, path: &[String]) -> Option<&'v Value> {
    let Some((first, rest)) = path.split_first() else { return Some(value) };
    let below = match value {
        Value::Array(items) => match keyed(first) {
            Some(key) => items.iter().find(|item| is_item(item, key)),
            None => first.trim_matches(['[', ']']).parse::<usize>().ok().and_then(|at| items.get(at)),
        },
        value => value.get(first.trim_matches(['[', ']'])),
    };
    get(below?, rest)
}

/// What is put into a field.
struct Put<'a> {
    value: &'a Value,
    options: &'a FieldOptions,
    /// Whether a new field is a text even if it looks like a number.
    texts: bool,
}

/// Sets a field, or several. False if there is none.
fn set(value: &mut Value, path: &[String], put: &Put<'_>) -> Result<bool, String> {
    let Some((first, rest)) = path.split_first() else { return fields(value, put).map(|()| true) };
    match value {
        Value::Array(items) => {
            let index = first.parse::<usize>().ok();
            let mut found = false;
            for (at, item) in items.iter_mut().enumerate() {
                let fits = first == "*" || index == Some(at) || keyed(first).is_some_and(|key| is_item(item, key));
                if fits {
                    found |= set(item, rest, put)?;
                }
            }
            match keyed(first).filter(|_| !found && put.options.create) {
                Some((key, wanted)) => {
                    items.push(Value::Object(Map::from_iter([(key.to_owned(), wanted.into())])));
                    let made = items.last_mut().expect("it was just pushed");
                    set(made, rest, put)
                }
                None => Ok(found),
            }
        }
        Value::Object(map) if first == "*" => {
            let mut found = false;
            for field in map.values_mut() {
                found |= set(field, rest, put)?;
            }
            Ok(found)
        }
        Value::Object(map) => match map.get_mut(first) {
            Some(field) => set(field, rest, put),
            None if put.options.create => {
                let next_is_item = rest.first().is_some_and(|next| keyed(next).is_some());
                let empty = if next_is_item { Value::Array(Vec::new()) } else { Value::Object(Map::new()) };
                set(map.entry(first.clone()).or_insert(if rest.is_empty() { Value::Null } else { empty }), rest, put)
            }
            None => Ok(false),
        },
        _ => Ok(false),
    }
}

/// Puts the value into a field, or in the place of one piece of it.
fn fields(field: &mut Value, put: &Put<'_>) -> Result<(), String> {
    let options = put.options;
    if options.delimiter.is_empty() {
        *field = match scalar(put.value) {
            Some(text) => like(field, text, put.texts),
            None => put.value.clone(),
        };
        return Ok(());
    }
    let (Some(old), Some(new)) = (scalar(field), scalar(put.value)) else {
        return Err("a delimiter is only for texts".to_owned());
    };
    let mut pieces: Vec<String> = old.split(&options.delimiter).map(str::to_owned).collect();
    match usize::try_from(options.index) {
        Err(_) => pieces.insert(0, new),
        Ok(index) if index < pieces.len() => pieces[index] = new,
        Ok(_) => pieces.push(new),
    }
    *field = like(field, pieces.join(&options.delimiter), put.texts);
    Ok(())
}

/// A text as a value of the kind that is there: upstream changes what a scalar says and leaves its kind alone. What is
/// new is what YAML takes it for.
fn like(field: &Value, text: String, texts: bool) -> Value {
    let plain = || serde_json::from_str(&text).ok().filter(|value: &Value| value.is_number() || value.is_boolean());
    match field {
        Value::Number(_) | Value::Bool(_) => plain().unwrap_or_else(|| text.clone().into()),
        Value::Null if !texts => plain().unwrap_or_else(|| text.clone().into()),
        _ => text.into(),
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}
