//! Patterns of paths: `*` and `?` within a name, `**` across, `[a-z]`, `{a,b}`.

use regex::{Regex, RegexBuilder};

/// A compiled pattern.
pub(crate) struct Glob(Regex);

impl Glob {
    pub(crate) fn new(pattern: &str) -> Result<Self, String> {
        let expression = format!("^(?s:{})$", expression(pattern));
        let compiled = RegexBuilder::new(&expression).size_limit(1 << 20).build();
        compiled.map(Self).map_err(|_| format!("{pattern:?} is no pattern of paths"))
    }

    pub(crate) fn matches(&self, path: &str) -> bool {
        self.0.is_match(path)
    }
}

fn expression(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() * 2);
    let mut letters = pattern.chars().peekable();
    let mut alternatives = 0;
    while let Some(letter) = letters.next() {
        match letter {
            '*' if letters.next_if_eq(&'*').is_some() => out.push_str(".*"),
            '*' => out.push_str("[^/]*"),
            '?' => out.push_str("[^/]"),
            '[' => {
                out.push('[');
                if letters.next_if(|next| matches!(next, '!' | '^')).is_some() {
                    out.push('^');
                }
                for inner in letters.by_ref() {
                    match inner {
                        ']' => break,
                        '-' => out.push('-'),
                        other => out.push_str(&regex::escape(&other.to_string())),
                    }
                }
                out.push(']');
            }
            '{' => {
                alternatives += 1;
                out.push_str("(?:");
            }
            '}' if alternatives > 0 => {
                alternatives -= 1;
                out.push(')');
            }
            ',' if alternatives > 0 => out.push('|'),
            '\\' => out.push_str(&regex::escape(&letters.next().unwrap_or('\\').to_string())),
            other => out.push_str(&regex::escape(&other.to_string())),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stay_within_a_name_unless_doubled() {
        for (pattern, path, expected) in [
            ("conf/*", "conf/a.yaml", true),
            ("conf/*", "conf/sub/b.ini", false),
            ("conf/**", "conf/sub/b.ini", true),
            ("**.yaml", "a/b.yaml", true),
            ("{a,b}/*.t?t", "b/x.txt", true),
            ("[!a]x", "bx", true),
            ("[a-c]x", "dx", false),
            ("a+b", "a+b", true),
        ] {
            assert_eq!(Glob::new(pattern).unwrap().matches(path), expected, "{pattern} {path}");
        }
        assert!(Glob::new("{a").is_err());
    }
}
