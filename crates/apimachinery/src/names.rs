//! The grammars of names, labels and annotations, with the messages of `apimachinery/pkg/util/validation`.
//! It must not know which field follows which grammar.
//!
//! Each `check_…` returns what is wrong, nothing if all is well.

use std::fmt::Write;

/// Most characters in a DNS-1123 label, DNS-1035 label, label value or the name part of a label key.
pub const LABEL_MAX: usize = 63;
/// Most characters in a DNS-1123 subdomain.
pub const SUBDOMAIN_MAX: usize = 253;
/// Most bytes in all annotations of an object together.
pub const ANNOTATIONS_MAX: usize = 256 * 1024;

const DNS1123_LABEL: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const DNS1035_LABEL: &str = "[a-z]([-a-z0-9]*[a-z0-9])?";
const DNS1123_SUBDOMAIN: &str = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
const QUALIFIED_NAME: &str = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const QUALIFIED_RULE: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an \
                              alphanumeric character";

/// Whether a name is a DNS-1123 label, such as `my-name`.
#[must_use]
pub fn is_dns1123_label(name: &str) -> bool {
    name.len() <= LABEL_MAX && is_label(name)
}

/// Whether a name is a DNS-1123 subdomain, such as `example.com`.
#[must_use]
pub fn is_dns1123_subdomain(name: &str) -> bool {
    name.len() <= SUBDOMAIN_MAX && name.split('.').all(is_label)
}

/// Whether a name is a DNS-1035 label: as DNS-1123, but starting with a letter.
#[must_use]
pub fn is_dns1035_label(name: &str) -> bool {
    is_dns1123_label(name) && name.starts_with(|c: char| c.is_ascii_lowercase())
}

/// Whether a text can be a label's value.
#[must_use]
pub fn is_label_value(value: &str) -> bool {
    value.is_empty() || (value.len() <= LABEL_MAX && is_qualified_part(value))
}

/// What is wrong with a DNS-1123 label.
#[must_use]
pub fn check_dns1123_label(name: &str) -> Vec<String> {
    let rule = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start \
                and end with an alphanumeric character";
    check(name, LABEL_MAX, is_label(name), || {
        let is_dotted = is_dns1123_subdomain(name);
        if is_dotted {
            "must not contain dots".to_owned()
        } else {
            regex_error(rule, DNS1123_LABEL, &["my-name", "123-abc"])
        }
    })
}

/// What is wrong with a DNS-1123 subdomain.
#[must_use]
pub fn check_dns1123_subdomain(name: &str) -> Vec<String> {
    let rule = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and \
                must start and end with an alphanumeric character";
    let fits = name.split('.').all(is_label);
    check(name, SUBDOMAIN_MAX, fits, || regex_error(rule, DNS1123_SUBDOMAIN, &["example.com"]))
}

/// What is wrong with a DNS-1035 label.
#[must_use]
pub fn check_dns1035_label(name: &str) -> Vec<String> {
    let rule = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic \
                character, and end with an alphanumeric character";
    let fits = is_label(name) && name.starts_with(|c: char| c.is_ascii_lowercase());
    check(name, LABEL_MAX, fits, || regex_error(rule, DNS1035_LABEL, &["my-name", "abc-123"]))
}

/// What is wrong with a name that becomes a path segment, such as a role's.
#[must_use]
pub fn check_path_segment(name: &str) -> Vec<String> {
    if matches!(name, "." | "..") {
        return vec![format!("may not be '{name}'")];
    }
    ["/", "%"].iter().filter(|bad| name.contains(**bad)).map(|bad| format!("may not contain '{bad}'")).collect()
}

/// What is wrong with a label's value.
#[must_use]
pub fn check_label_value(value: &str) -> Vec<String> {
    let rule = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and \
                must start and end with an alphanumeric character";
    let fits = value.is_empty() || is_qualified_part(value);
    let pattern = format!("({QUALIFIED_NAME})?");
    let mut errors = check(value, usize::MAX, fits, || regex_error(rule, &pattern, &["MyValue", "my_value", "12345"]));
    if value.len() > LABEL_MAX {
        // Upstream counts the same, but words it like this for keys and values of labels.
        errors.insert(0, format!("must be no more than {LABEL_MAX} bytes"));
    }
    errors
}

/// What is wrong with a qualified name: `name` or `prefix/name`, as in keys of labels and in finalizers.
#[must_use]
pub fn check_qualified_name(key: &str) -> Vec<String> {
    let examples = ["MyName", "my.name", "123-abc"];
    let mut parts = key.split('/');
    let (prefix, name) = match (parts.next().unwrap_or_default(), parts.next(), parts.next()) {
        (name, None, _) => (None, name),
        (prefix, Some(name), None) => (Some(prefix), name),
        _ => {
            let rule = regex_error(&format!("a valid label key {QUALIFIED_RULE}"), QUALIFIED_NAME, &examples);
            return vec![format!("{rule} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')")];
        }
    };
    let mut errors = prefix.map(check_prefix).unwrap_or_default();
    if name.is_empty() {
        errors.push("name part must be non-empty".to_owned());
    } else if name.len() > LABEL_MAX {
        errors.push(format!("name part must be no more than {LABEL_MAX} bytes"));
    }
    if !is_qualified_part(name) {
        errors.push(regex_error(&format!("name part {QUALIFIED_RULE}"), QUALIFIED_NAME, &examples));
    }
    errors
}

fn check_prefix(prefix: &str) -> Vec<String> {
    if prefix.is_empty() {
        return vec!["prefix part must be non-empty".to_owned()];
    }
    check_dns1123_subdomain(prefix).into_iter().map(|error| format!("prefix part {error}")).collect()
}

/// What is wrong with a key of a `ConfigMap` or `Secret`.
#[must_use]
pub fn check_config_key(key: &str) -> Vec<String> {
    let fits = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'));
    let rule = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'";
    let mut errors =
        check(key, SUBDOMAIN_MAX, fits, || regex_error(rule, "[-._a-zA-Z0-9]+", &["key.name", "KEY_NAME", "key-name"]));
    match key {
        "." | ".." => errors.push(format!("must not be '{key}'")),
        _ if key.starts_with("..") => errors.push("must not start with '..'".to_owned()),
        _ => {}
    }
    errors
}

/// What is wrong with the name of an environment variable.
#[must_use]
pub fn check_env_name(name: &str) -> Vec<String> {
    if name.is_empty() || name.contains('=') || !name.bytes().all(|b| (b' '..=b'~').contains(&b)) {
        let rule = "a valid environment variable name must consist only of printable ASCII characters other than '='";
        return vec![rule.to_owned()];
    }
    Vec::new()
}

/// What is wrong with the name of a port: at most 15 of `a-z`, `0-9` and `-`, with a letter.
#[must_use]
pub fn check_port_name(name: &str) -> Vec<String> {
    let mut errors = Vec::new();
    if name.len() > 15 {
        errors.push("must be no more than 15 characters".to_owned());
    }
    if !name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') || name.is_empty() {
        errors.push("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)".to_owned());
    }
    if !name.bytes().any(|b| b.is_ascii_lowercase()) {
        errors.push("must contain at least one letter (a-z)".to_owned());
    }
    if name.contains("--") {
        errors.push("must not contain consecutive hyphens".to_owned());
    }
    if name.starts_with('-') || name.ends_with('-') {
        errors.push("must not begin or end with a hyphen".to_owned());
    }
    errors
}

fn check(text: &str, most: usize, fits: bool, rule: impl FnOnce() -> String) -> Vec<String> {
    let mut errors = Vec::new();
    if text.len() > most {
        errors.push(format!("must be no more than {most} characters"));
    }
    if !fits {
        errors.push(rule());
    }
    errors
}

fn is_label(name: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    ends_are(name, inner) && name.bytes().all(|b| inner(b) || b == b'-')
}

fn is_qualified_part(name: &str) -> bool {
    let inner = |b: u8| b.is_ascii_alphanumeric();
    ends_are(name, inner) && name.bytes().all(|b| inner(b) || matches!(b, b'-' | b'_' | b'.'))
}

fn ends_are(name: &str, inner: impl Fn(u8) -> bool) -> bool {
    name.bytes().next().is_some_and(&inner) && name.bytes().last().is_some_and(&inner)
}

/// As `validation.RegexError`: `rule (e.g. 'a',  or 'b', regex used for validation is '…')`.
fn regex_error(rule: &str, pattern: &str, examples: &[&str]) -> String {
    let mut text = format!("{rule} (e.g. ");
    for (index, example) in examples.iter().enumerate() {
        // The two blanks are upstream's.
        let separator = if index > 0 { " or " } else { "" };
        write!(text, "{separator}'{example}', ").expect("writing to a String cannot fail");
    }
    text + &format!("regex used for validation is '{pattern}')")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grammars() {
        assert!(is_dns1123_label("a-1") && !is_dns1123_label("A") && !is_dns1123_label("-a") && !is_dns1123_label(""));
        assert!(is_dns1123_subdomain("a.b-c.1") && !is_dns1123_subdomain("a..b"));
        assert!(is_dns1035_label("a1") && !is_dns1035_label("1a"));
        assert!(is_label_value("") && is_label_value("A_b.c") && !is_label_value("a b"));
        assert!(check_qualified_name("example.com/Name").is_empty());
        assert_eq!(check_qualified_name("/x"), ["prefix part must be non-empty"]);
        assert!(check_dns1123_label(&"a".repeat(64)).contains(&"must be no more than 63 characters".to_owned()));
    }

    #[test]
    fn messages_are_those_of_upstream() {
        assert_eq!(
            check_dns1123_subdomain("A"),
            [
                "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must \
              start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
              '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
            ]
        );
        assert_eq!(check_dns1123_label("a.b"), ["must not contain dots"]);
        assert_eq!(
            check_label_value("a b"),
            ["a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must \
              start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used \
              for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"]
        );
    }
}
