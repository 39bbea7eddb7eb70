//! `fieldPath` of a rule: where below the schema its errors are reported, such as `.spec.max` or `['a-b'].c`.
//! It must not know schemas beyond asking one whether a path is in it.

use mainstay_apimachinery::{FieldPath, Schema};

/// The fields of the path, outermost first.
pub(super) type Steps = Vec<String>;

/// Reads a path.
///
/// # Errors
/// When it is no path.
pub(super) fn parse(text: &str) -> Result<Steps, String> {
    let (mut steps, mut rest) = (Vec::new(), text.trim());
    while !rest.is_empty() {
        let (step, tail) = if let Some(inner) = rest.strip_prefix("['") {
            inner.split_once("']").ok_or("unexpected end of JSON path")?
        } else if let Some(inner) = rest.strip_prefix('.') {
            inner.split_at(inner.find(['.', '[']).unwrap_or(inner.len()))
        } else {
            return Err(format!("expected [ or . but got: {}", rest.chars().next().unwrap_or(' ')));
        };
        if step.is_empty() {
            return Err("unexpected end of JSON path".to_owned());
        }
        steps.push(step.to_owned());
        rest = tail;
    }
    if steps.is_empty() { Err("unexpected end of JSON path".to_owned()) } else { Ok(steps) }
}

/// Whether the schema has such a field.
///
/// # Errors
/// When it has not.
pub(super) fn check(steps: &Steps, schema: &Schema) -> Result<(), String> {
    let mut schema = schema;
    for step in steps {
        schema = schema.field(step).ok_or_else(|| {
            let quoted = format!("\"{step}\"");
            format!("does not refer to a valid field: field {quoted} not found")
        })?;
    }
    Ok(())
}

/// The path of the field below an object.
pub(super) fn below(path: &FieldPath, steps: &Steps) -> FieldPath {
    steps.iter().fold(path.clone(), |path, step| path.child(step))
}
