//! Finds where a field stands in a YAML text. It must not know what the text means.

use serde_saphyr::granit_parser::{Event, Parser, Span};

/// The places of one document's nodes.
#[derive(Debug)]
pub(super) struct Tree(Option<Entry>);

/// A node and where it starts: its key for a map entry, itself otherwise.
#[derive(Debug)]
struct Entry {
    line: usize,
    column: usize,
    node: Node,
}

#[derive(Debug)]
enum Node {
    Leaf,
    Map(Vec<(String, Entry)>),
    List(Vec<Entry>),
}

impl Tree {
    /// Reads the positions of the document whose first node stands on this line. The text has been parsed before, so it
    /// is sound and its depth is bounded.
    pub(super) fn read(source: &str, line: usize) -> Self {
        let mut reader = Reader { events: Parser::new_from_str(source) };
        while let Some((event, span)) = reader.next() {
            if is_node(&event) {
                let entry = reader.entry(&event, span);
                if entry.line == line {
                    return Self(Some(entry));
                }
            }
        }
        Self(None)
    }

    /// The place of a path such as `spec.ports[0].name` or `metadata.labels[app]`; the nearest one above if it is missing.
    pub(super) fn find(&self, path: &str) -> Option<(usize, usize)> {
        let mut entry = self.0.as_ref()?;
        let mut rest = path;
        while let Some((child, tail)) = entry.step(rest) {
            (entry, rest) = (child, tail);
        }
        Some((entry.line, entry.column))
    }
}

impl Entry {
    /// The child a path starts with, and what is left of the path. Keys may hold dots, so the longest that fits wins.
    fn step<'p>(&self, path: &'p str) -> Option<(&Self, &'p str)> {
        match &self.node {
            Node::Leaf => None,
            Node::Map(entries) => {
                let fitting = entries.iter().filter_map(|(key, entry)| Some((key, entry, after_key(path, key)?)));
                fitting.max_by_key(|(key, ..)| key.len()).map(|(_, entry, tail)| (entry, tail))
            }
            Node::List(items) => {
                let (index, tail) = path.strip_prefix('[')?.split_once(']')?;
                Some((items.get(index.parse::<usize>().ok()?)?, tail.trim_start_matches('.')))
            }
        }
    }
}

fn after_key<'p>(path: &'p str, key: &str) -> Option<&'p str> {
    if key.is_empty() {
        return None;
    }
    if let Some(tail) = path.strip_prefix('[').and_then(|path| path.strip_prefix(key)).and_then(|p| p.strip_prefix(']'))
    {
        return Some(tail.trim_start_matches('.'));
    }
    let tail = path.strip_prefix(key)?;
    match tail.bytes().next() {
        None | Some(b'[') => Some(tail),
        Some(b'.') => Some(&tail[1..]),
        Some(_) => None,
    }
}

struct Reader<'s> {
    events: Parser<'s, serde_saphyr::granit_parser::StrInput<'s>>,
}

impl<'s> Reader<'s> {
    /// The next event that matters; a broken text ends it.
    fn next(&mut self) -> Option<(Event<'s>, Span)> {
        loop {
            match self.events.next()?.ok()? {
                (Event::Comment(..) | Event::Anchor(..), _) => {}
                found => return Some(found),
            }
        }
    }

    fn entry(&mut self, event: &Event<'s>, span: Span) -> Entry {
        let (line, column) = (span.start.line(), span.start.col() + 1);
        Entry { line, column, node: self.node(event) }
    }

    fn node(&mut self, event: &Event<'s>) -> Node {
        match event {
            Event::MappingStart(..) => self.map(),
            Event::SequenceStart(..) => self.list(),
            _ => Node::Leaf,
        }
    }

    fn map(&mut self) -> Node {
        let mut entries = Vec::new();
        while let Some((key, span)) = self.next() {
            if matches!(key, Event::MappingEnd) {
                break;
            }
            let mut entry = self.entry(&key, span);
            let Some((value, _)) = self.next() else { break };
            entry.node = self.node(&value);
            if let Event::Scalar(text, ..) = key {
                entries.push((text.into_owned(), entry));
            }
        }
        Node::Map(entries)
    }

    fn list(&mut self) -> Node {
        let mut items = Vec::new();
        while let Some((item, span)) = self.next() {
            if matches!(item, Event::SequenceEnd) {
                break;
            }
            items.push(self.entry(&item, span));
        }
        Node::List(items)
    }
}

fn is_node(event: &Event<'_>) -> bool {
    matches!(
        event,
        Event::Scalar(..)
            | Event::MappingStart(..)
            | Event::SequenceStart(..)
            | Event::Alias(..)
            | Event::UnresolvedAlias(..)
    )
}
