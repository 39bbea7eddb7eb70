//! Field selectors, as upstream's `fields` package.
//! It must not know which fields a kind lets its clients select on.

use std::fmt;

use super::SelectorError;

/// One condition on one field, as `fields.Requirement`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldRequirement {
    /// Dotted path of the field, such as `metadata.name`.
    pub path: String,
    /// The value compared with.
    pub value: String,
    /// Whether the field must have the value; else it must not.
    pub equals: bool,
}

/// A conjunction of conditions on fields, as `fields.Selector`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSelector {
    requirements: Vec<FieldRequirement>,
}

impl FieldSelector {
    /// Parses the `fieldSelector` of a request: `metadata.name=a,status.phase!=Running`.
    /// A backslash makes `\`, `,` or `=` part of a value.
    ///
    /// # Errors
    /// The text of upstream's parser when a term has no operator or an escape is malformed.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        let terms = split_terms(text).into_iter().filter(|term| !term.is_empty());
        let requirements = terms.map(|term| requirement(text, term)).collect::<Result<_, _>>()?;
        Ok(Self { requirements })
    }

    /// The conditions, in the order they were written.
    #[must_use]
    pub fn requirements(&self) -> &[FieldRequirement] {
        &self.requirements
    }

    /// Whether an object is selected; `field` gives the value at a path, and a missing field counts as the empty string.
    pub fn matches(&self, field: impl Fn(&str) -> Option<String>) -> bool {
        self.requirements.iter().all(|r| (field(&r.path).unwrap_or_default() == r.value) == r.equals)
    }

    /// The one value a path must have, if the selector says so. Lets a list of `metadata.name=x` become a get.
    #[must_use]
    pub fn exact(&self, path: &str) -> Option<&str> {
        self.requirements.iter().find(|r| r.equals && r.path == path).map(|r| r.value.as_str())
    }

    /// Whether every object is selected.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.requirements.is_empty()
    }
}

impl fmt::Display for FieldSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, r) in self.requirements.iter().enumerate() {
            let (comma, sign) = (if index == 0 { "" } else { "," }, if r.equals { "=" } else { "!=" });
            write!(f, "{comma}{}{sign}{}", r.path, escape(&r.value))?;
        }
        Ok(())
    }
}

fn escape(value: &str) -> String {
    value.chars().flat_map(|c| ['\\', '=', ','].contains(&c).then_some('\\').into_iter().chain([c])).collect()
}

fn split_terms(text: &str) -> Vec<&str> {
    let (mut terms, mut start, mut escaped) = (Vec::new(), 0, false);
    for (index, c) in text.char_indices() {
        if c == ',' && !escaped {
            terms.push(&text[start..index]);
            start = index + 1;
        }
        escaped = c == '\\' && !escaped;
    }
    terms.push(&text[start..]);
    terms
}

fn requirement(selector: &str, term: &str) -> Result<FieldRequirement, SelectorError> {
    let refused = || SelectorError::new(format!("invalid selector: '{selector}'; can't understand '{term}'"));
    let at = term.find('=').ok_or_else(refused)?;
    let (path, equals) = match term[..at].strip_suffix('!') {
        Some(path) => (path, false),
        None => (&term[..at], true),
    };
    let rest = &term[at + 1..];
    let value = if equals { rest.strip_prefix('=').unwrap_or(rest) } else { rest };
    Ok(FieldRequirement { path: path.to_owned(), value: unescape(value)?, equals })
}

fn unescape(value: &str) -> Result<String, SelectorError> {
    let mut text = String::with_capacity(value.len());
    let mut characters = value.chars();
    while let Some(c) = characters.next() {
        match c {
            '\\' => match characters.next() {
                Some(escaped @ ('\\' | ',' | '=')) => text.push(escaped),
                other => {
                    let sequence: String = ['\\'].into_iter().chain(other).collect();
                    return Err(SelectorError::new(format!(
                        "invalid field selector: invalid escape sequence: {sequence}"
                    )));
                }
            },
            '=' => return Err(SelectorError::new("invalid field selector: unescaped character in value: =")),
            c => text.push(c),
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_matches_and_prints() {
        let selector = FieldSelector::parse("metadata.name=a,status.phase!=Running,spec.nodeName==").unwrap();
        let field = |path: &str| (path == "metadata.name").then(|| "a".to_owned());
        assert!(selector.matches(field));
        assert_eq!(selector.exact("metadata.name"), Some("a"));
        assert_eq!(selector.to_string(), "metadata.name=a,status.phase!=Running,spec.nodeName=");
        let escaped = FieldSelector::parse(r"reason=a\,b\=c").unwrap();
        assert_eq!(escaped.exact("reason"), Some("a,b=c"));
        assert_eq!(FieldSelector::parse(&escaped.to_string()).unwrap(), escaped);
    }

    #[test]
    fn refuses_what_it_cannot_read() {
        let error = FieldSelector::parse("phase").unwrap_err();
        assert_eq!(error.to_string(), "invalid selector: 'phase'; can't understand 'phase'");
        assert!(FieldSelector::parse(r"a=b\c").is_err() && FieldSelector::parse("a=b=c").is_err());
    }
}
