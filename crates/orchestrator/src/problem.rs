//! What is wrong with a definition: which resource, which field, why.
//! It must not know where definitions are read from; a file's line is found from the path by who has the file.

use std::fmt;

use mainstay_apimachinery::FieldPath;

/// One thing that is wrong with a ResourceGraphDefinition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The resource's id, where it is about one.
    pub resource: Option<String>,
    /// The field, from the root of the definition.
    pub path: FieldPath,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl Problem {
    /// A problem with the definition itself.
    pub fn general(path: FieldPath, message: impl Into<String>) -> Self {
        Self { resource: None, path, message: message.into() }
    }

    /// A problem with a resource.
    pub fn of_resource(id: &str, path: FieldPath, message: impl Into<String>) -> Self {
        Self { resource: Some(id.to_owned()), path, message: message.into() }
    }
}

/// Prints as ``resource `x`, field spec.resources[0].template.spec: why``.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(resource) = &self.resource {
            write!(f, "resource `{resource}`, ")?;
        }
        write!(f, "field {}: {}", self.path, self.message)
    }
}

/// `prefix` followed by a path below it.
#[must_use]
pub(crate) fn join(prefix: &FieldPath, path: &FieldPath) -> FieldPath {
    if path.as_str().is_empty() { prefix.clone() } else { prefix.child(path.as_str()) }
}

/// `; did you mean x?` for the known name nearest to a wrong one, or nothing if none is near.
#[must_use]
pub(crate) fn suggestion<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let near = known.into_iter().map(|name| (distance(wrong, name), name)).min();
    match near {
        Some((distance, name)) if distance <= 1 + wrong.len() / 4 => format!("; did you mean `{name}`?"),
        _ => String::new(),
    }
}

/// Levenshtein's distance, case ignored.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.to_lowercase().chars().collect(), b.to_lowercase().chars().collect());
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let next = (diagonal + usize::from(x != y)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = std::mem::replace(&mut row[j + 1], next);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_what_is_near() {
        assert_eq!(suggestion("replcas", ["replicas", "selector"]), "; did you mean `replicas`?");
        assert_eq!(suggestion("zzzz", ["replicas", "selector"]), "");
    }
}
