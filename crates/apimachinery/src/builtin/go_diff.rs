//! Two printed values side by side as upstream's messages show them: a unified diff of their lines, with the choices
//! of Python's `difflib`, which Go's `pmezard/go-difflib` follows. It must not know what is compared.

use std::collections::HashMap;
use std::ops::Range;

use super::go_print::Printed;

/// Lines around a change.
const CONTEXT: usize = 3;
/// From so many lines on, lines that stand in more than a hundredth of the places are no anchors.
const MANY_LINES: usize = 200;

/// What changed from `old` to `new`; empty if nothing did.
pub(super) fn diff(old: &Printed, new: &Printed) -> String {
    let (old, new) = (old.lines(), new.lines());
    let changes = Matcher::new(&old, &new).changes();
    let mut text = String::new();
    for group in grouped(&changes) {
        text.push_str(&hunk(&group, &old, &new));
    }
    text
}

/// Lines of the old side and the lines of the new one that take their place.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Change {
    old: Range<usize>,
    new: Range<usize>,
}

struct Matcher<'a> {
    old: &'a [String],
    new: &'a [String],
    places: HashMap<&'a str, Vec<usize>>,
}

impl<'a> Matcher<'a> {
    fn new(old: &'a [String], new: &'a [String]) -> Self {
        let mut places: HashMap<&str, Vec<usize>> = HashMap::new();
        for (index, line) in new.iter().enumerate() {
            places.entry(line).or_default().push(index);
        }
        if new.len() >= MANY_LINES {
            places.retain(|_, found| found.len() <= new.len() / 100 + 1);
        }
        Self { old, new, places }
    }

    fn changes(&self) -> Vec<Change> {
        let mut matches = Vec::new();
        self.matches(0..self.old.len(), 0..self.new.len(), &mut matches);
        matches.push((self.old.len(), self.new.len(), 0));
        let (mut old, mut new) = (0, 0);
        let mut changes: Vec<Change> = Vec::new();
        for (at_old, at_new, length) in matches {
            if old < at_old || new < at_new {
                changes.push(Change { old: old..at_old, new: new..at_new });
            }
            (old, new) = (at_old + length, at_new + length);
        }
        changes
    }

    fn matches(&self, old: Range<usize>, new: Range<usize>, found: &mut Vec<(usize, usize, usize)>) {
        let (at_old, at_new, length) = self.longest(&old, &new);
        if length == 0 {
            return;
        }
        self.matches(old.start..at_old, new.start..at_new, found);
        found.push((at_old, at_new, length));
        self.matches(at_old + length..old.end, at_new + length..new.end, found);
    }

    /// The longest run of equal lines, the first one of several.
    fn longest(&self, old: &Range<usize>, new: &Range<usize>) -> (usize, usize, usize) {
        let mut best = (old.start, new.start, 0);
        let mut lengths: HashMap<usize, usize> = HashMap::new();
        for at_old in old.clone() {
            let mut next = HashMap::new();
            for at_new in self.places.get(self.old[at_old].as_str()).into_iter().flatten().filter(|at| new.contains(at))
            {
                let before = at_new.checked_sub(1).and_then(|before| lengths.get(&before)).copied().unwrap_or(0);
                let length = before + 1;
                next.insert(*at_new, length);
                if length > best.2 {
                    best = (at_old + 1 - length, at_new + 1 - length, length);
                }
            }
            lengths = next;
        }
        self.widened(best, old, new)
    }

    /// Takes in equal lines around it that are no anchors.
    fn widened(&self, found: (usize, usize, usize), old: &Range<usize>, new: &Range<usize>) -> (usize, usize, usize) {
        let (mut at_old, mut at_new, mut length) = found;
        while at_old > old.start && at_new > new.start && self.old[at_old - 1] == self.new[at_new - 1] {
            (at_old, at_new, length) = (at_old - 1, at_new - 1, length + 1);
        }
        while at_old + length < old.end
            && at_new + length < new.end
            && self.old[at_old + length] == self.new[at_new + length]
        {
            length += 1;
        }
        (at_old, at_new, length)
    }
}

/// Changes that are near each other, together.
fn grouped(changes: &[Change]) -> Vec<Vec<Change>> {
    let mut groups: Vec<Vec<Change>> = Vec::new();
    for change in changes {
        match groups.last_mut() {
            Some(group) if group.last().is_some_and(|last| change.old.start - last.old.end <= 2 * CONTEXT) => {
                group.push(change.clone());
            }
            _ => groups.push(vec![change.clone()]),
        }
    }
    groups
}

fn hunk(group: &[Change], old: &[String], new: &[String]) -> String {
    let (Some(first), Some(last)) = (group.first(), group.last()) else { return String::new() };
    let start_old = first.old.start.saturating_sub(CONTEXT);
    let start_new = first.new.start - (first.old.start - start_old);
    let end_old = (last.old.end + CONTEXT).min(old.len());
    let end_new = last.new.end + (end_old - last.old.end);
    let mut text = format!("@@ -{} +{} @@\n", span(start_old..end_old), span(start_new..end_new));
    let mut line = |mark: char, line: &str| text.extend([mark.to_string().as_str(), line, "\n"]);
    let mut at = start_old;
    for change in group {
        old[at..change.old.start].iter().for_each(|text| line(' ', text));
        old[change.old.clone()].iter().for_each(|text| line('-', text));
        new[change.new.clone()].iter().for_each(|text| line('+', text));
        at = change.old.end;
    }
    old[at..end_old].iter().for_each(|text| line(' ', text));
    text
}

fn span(lines: Range<usize>) -> String {
    match lines.len() {
        1 => format!("{}", lines.start + 1),
        0 => format!("{},0", lines.start),
        count => format!("{},{count}", lines.start + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin::go_print::{ephemeral_container, pod_spec};
    use serde_json::json;

    #[test]
    fn a_changed_line_is_shown_with_its_neighbours() {
        let of = |image: &str| ephemeral_container(&json!({"name": "debug", "image": image}));
        let expected = "@@ -1,6 +1,6 @@\n {\n  \"Name\": \"debug\",\n- \"Image\": \"a\",\n+ \"Image\": \"b\",\n  \"Command\": null,\n  \
            \"Args\": null,\n  \"WorkingDir\": \"\",\n";
        assert_eq!(diff(&of("a"), &of("b")), expected);
        assert_eq!(diff(&of("a"), &of("a")), "");
    }

    #[test]
    fn far_changes_are_hunks_of_their_own() {
        let old = json!({"containers": [{"name": "c", "image": "i"}], "restartPolicy": "Always", "schedulerName": "s"});
        let mut new = old.clone();
        new["restartPolicy"] = json!("Never");
        new["schedulerName"] = json!("t");
        let text = diff(&pod_spec(&old), &pod_spec(&new));
        assert_eq!(text.matches("@@ -").count(), 2, "{text}");
        assert!(
            text.starts_with(
                "@@ -35,7 +35,7 @@\n   }\n  ],\n  \"EphemeralContainers\": null,\n- \"RestartPolicy\": \"Always\",\n"
            ),
            "{text}"
        );
    }
}
