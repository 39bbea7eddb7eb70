//! Lua 5.1's patterns, matched with a count of steps: the matcher that comes with Lua cannot be stopped, and a pattern of thirty
//! characters keeps it busy for years.
//!
//! It must not know Lua values: bytes in, positions out.

mod class;

use class::Class;

/// The most items a pattern may have; each may cost a level of recursion.
const MAX_ITEMS: usize = 256;
/// The most captures a pattern may have, as in Lua.
const MAX_CAPTURES: usize = 32;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("malformed pattern ({0})")]
    Malformed(&'static str),
    /// What the counter of steps said.
    #[error("{0}")]
    Stopped(mlua::Error),
}

/// One element of a pattern.
#[derive(Clone, Debug)]
enum Item {
    /// A class once.
    One(Class),
    /// A class as often as possible, at least so often.
    Greedy(Class, usize),
    /// A class as seldom as possible.
    Lazy(Class),
    /// A class or nothing.
    Optional(Class),
    /// `%b`: from an opening byte to the closing one that belongs to it.
    Balanced(u8, u8),
    /// `%f`: from outside a set to inside.
    Frontier(Class),
    /// `%1`: what a capture captured.
    Back(usize),
    Open,
    /// `()`: the position itself.
    Position,
    Close,
    /// `$` at the end.
    End,
}

/// A compiled pattern.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    items: Vec<Item>,
    anchored: bool,
}

/// What a part of a pattern matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Capture {
    /// Not closed yet.
    Open(usize),
    /// From a byte to another.
    Span(usize, usize),
    /// `()`: a position, from 0.
    Position(usize),
}

/// A whole match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Match {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) captures: Vec<Capture>,
}

/// Counts steps; an error stops the match.
pub(super) type Counter<'a> = &'a dyn Fn() -> mlua::Result<()>;

impl Pattern {
    /// Reads a pattern. `anchors` tells whether a leading `^` ties it to the start, which it does not in `gmatch`.
    pub(super) fn new(text: &[u8], anchors: bool) -> Result<Self, Error> {
        let anchored = anchors && text.first() == Some(&b'^');
        let mut rest = if anchored { text.get(1..).unwrap_or_default() } else { text };
        let (mut items, mut captures) = (Vec::new(), 0);
        while let Some((&byte, after)) = rest.split_first() {
            if items.len() == MAX_ITEMS {
                return Err(Error::Malformed("it has more than 256 items"));
            }
            let (item, after) = item(byte, after, rest)?;
            captures += usize::from(matches!(item, Item::Open | Item::Position));
            items.push(item);
            rest = after;
        }
        if captures > MAX_CAPTURES {
            return Err(Error::Malformed("too many captures"));
        }
        Ok(Self { items, anchored })
    }

    /// The first match at or after a position.
    pub(super) fn find(&self, text: &[u8], from: usize, count: Counter<'_>) -> Result<Option<Match>, Error> {
        for start in from..=text.len() {
            let mut run = Run { items: &self.items, text, count, captures: Vec::new() };
            if let Some(end) = run.matches(0, start)? {
                return Ok(Some(Match { start, end, captures: run.finished()? }));
            }
            if self.anchored {
                break;
            }
        }
        Ok(None)
    }

    pub(super) fn is_anchored(&self) -> bool {
        self.anchored
    }
}

/// The item that starts with a byte, and what follows it. `whole` is both.
fn item<'a>(byte: u8, after: &'a [u8], whole: &'a [u8]) -> Result<(Item, &'a [u8]), Error> {
    let skip = |count: usize| after.get(count..).unwrap_or_default();
    match (byte, after) {
        (b'(', [b')', ..]) => Ok((Item::Position, skip(1))),
        (b'(', _) => Ok((Item::Open, after)),
        (b')', _) => Ok((Item::Close, after)),
        (b'$', []) => Ok((Item::End, after)),
        (b'%', [b'b', open, close, ..]) => Ok((Item::Balanced(*open, *close), skip(3))),
        (b'%', [b'b', ..]) => Err(Error::Malformed("missing arguments to '%b'")),
        (b'%', [b'f', ..]) => match class::read(skip(1))? {
            (set @ Class::Set { .. }, rest) => Ok((Item::Frontier(set), rest)),
            _ => Err(Error::Malformed("missing '[' after '%f'")),
        },
        (b'%', [digit @ b'0'..=b'9', ..]) => match usize::from(digit - b'0').checked_sub(1) {
            Some(index) => Ok((Item::Back(index), skip(1))),
            None => Err(Error::Malformed("invalid capture index")),
        },
        _ => {
            let (class, rest) = class::read(whole)?;
            Ok(match rest {
                [b'*', rest @ ..] => (Item::Greedy(class, 0), rest),
                [b'+', rest @ ..] => (Item::Greedy(class, 1), rest),
                [b'-', rest @ ..] => (Item::Lazy(class), rest),
                [b'?', rest @ ..] => (Item::Optional(class), rest),
                rest => (Item::One(class), rest),
            })
        }
    }
}

/// One attempt to match from one place.
struct Run<'a> {
    items: &'a [Item],
    text: &'a [u8],
    count: Counter<'a>,
    captures: Vec<Capture>,
}

impl Run<'_> {
    /// Where a match of the items from one on ends, if it starts at a place.
    fn matches(&mut self, mut index: usize, mut at: usize) -> Result<Option<usize>, Error> {
        let items = self.items;
        while let Some(item) = items.get(index) {
            (self.count)().map_err(Error::Stopped)?;
            index += 1;
            let next = match item {
                Item::One(class) => self.has(class, at).then_some(at + 1),
                Item::Balanced(open, close) => self.balanced(*open, *close, at)?,
                Item::Frontier(set) => self.is_frontier(set, at).then_some(at),
                Item::Back(capture) => self.again(*capture, at)?,
                Item::End => (at == self.text.len()).then_some(at),
                Item::Greedy(class, least) => return self.greedy((class, *least), index, at),
                Item::Lazy(class) => return self.lazy(class, index, at),
                Item::Optional(class) => return self.optional(class, index, at),
                Item::Open => return self.open(Capture::Open(at), index, at),
                Item::Position => return self.open(Capture::Position(at), index, at),
                Item::Close => return self.close(index, at),
            };
            let Some(next) = next else { return Ok(None) };
            at = next;
        }
        Ok(Some(at))
    }

    fn has(&self, class: &Class, at: usize) -> bool {
        self.text.get(at).is_some_and(|byte| class.has(*byte))
    }

    fn greedy(&mut self, (class, least): (&Class, usize), index: usize, at: usize) -> Result<Option<usize>, Error> {
        let mut taken = 0;
        while self.has(class, at + taken) {
            (self.count)().map_err(Error::Stopped)?;
            taken += 1;
        }
        for taken in (least..=taken).rev() {
            if let Some(end) = self.matches(index, at + taken)? {
                return Ok(Some(end));
            }
        }
        Ok(None)
    }

    fn lazy(&mut self, class: &Class, index: usize, mut at: usize) -> Result<Option<usize>, Error> {
        loop {
            if let Some(end) = self.matches(index, at)? {
                return Ok(Some(end));
            }
            if !self.has(class, at) {
                return Ok(None);
            }
            at += 1;
        }
    }

    fn optional(&mut self, class: &Class, index: usize, at: usize) -> Result<Option<usize>, Error> {
        if self.has(class, at)
            && let Some(end) = self.matches(index, at + 1)?
        {
            return Ok(Some(end));
        }
        self.matches(index, at)
    }

    fn open(&mut self, capture: Capture, index: usize, at: usize) -> Result<Option<usize>, Error> {
        self.captures.push(capture);
        let end = self.matches(index, at)?;
        if end.is_none() {
            self.captures.pop();
        }
        Ok(end)
    }

    fn close(&mut self, index: usize, at: usize) -> Result<Option<usize>, Error> {
        let last = self.captures.iter_mut().rev().find_map(|capture| match capture {
            Capture::Open(start) => Some((*start, capture)),
            _ => None,
        });
        let Some((start, capture)) = last else { return Err(Error::Malformed("')' without '('")) };
        *capture = Capture::Span(start, at);
        let position = self.captures.iter().rposition(|capture| *capture == Capture::Span(start, at));
        let end = self.matches(index, at)?;
        if end.is_none()
            && let Some(capture) = position.and_then(|position| self.captures.get_mut(position))
        {
            *capture = Capture::Open(start);
        }
        Ok(end)
    }

    fn balanced(&self, open: u8, close: u8, at: usize) -> Result<Option<usize>, Error> {
        if self.text.get(at) != Some(&open) {
            return Ok(None);
        }
        let mut depth = 1_usize;
        for (offset, byte) in self.text.iter().enumerate().skip(at + 1) {
            (self.count)().map_err(Error::Stopped)?;
            if *byte == close {
                depth -= 1;
                if depth == 0 {
                    return Ok(Some(offset + 1));
                }
            } else if *byte == open {
                depth += 1;
            }
        }
        Ok(None)
    }

    fn is_frontier(&self, set: &Class, at: usize) -> bool {
        let before = at.checked_sub(1).and_then(|before| self.text.get(before)).copied().unwrap_or(0);
        let here = self.text.get(at).copied().unwrap_or(0);
        !set.has(before) && set.has(here)
    }

    fn again(&self, capture: usize, at: usize) -> Result<Option<usize>, Error> {
        let Some(Capture::Span(start, end)) = self.captures.get(capture) else {
            return Err(Error::Malformed("invalid capture index"));
        };
        let captured = self.text.get(*start..*end).unwrap_or_default();
        (0..=captured.len() / 64).try_for_each(|_| (self.count)()).map_err(Error::Stopped)?;
        let rest = self.text.get(at..).unwrap_or_default();
        Ok(rest.starts_with(captured).then_some(at + captured.len()))
    }

    fn finished(self) -> Result<Vec<Capture>, Error> {
        let open = self.captures.iter().any(|capture| matches!(capture, Capture::Open(_)));
        if open { Err(Error::Malformed("unfinished capture")) } else { Ok(self.captures) }
    }
}

#[cfg(test)]
mod tests;
