//! Reading JSON that a stranger wrote: null is the same as nothing, lists have an end, and errors are short.
//! It must not know any payload.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, IgnoredAny, SeqAccess, Visitor};

use crate::provider::shortened;
use crate::{Error, Provider};

/// Longest reason that is repeated, in bytes: `serde_json` quotes values that do not fit.
const MAX_REASON: usize = 200;

/// Reads a payload. Members that are not asked for are skipped; `serde_json` does so without recursion, and refuses what is
/// asked for when it is nested deeper than 127 levels.
pub(crate) fn read<T: DeserializeOwned>(provider: Provider, event: &str, body: &[u8]) -> Result<T, Error> {
    let malformed = |why: String| Error::Malformed { provider, event: shortened(event), why };
    let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
    match first {
        None => return Err(malformed("the payload is empty".to_owned())),
        Some(b'{') => {}
        Some(_) => return Err(malformed("the payload is no JSON object".to_owned())),
    }
    serde_json::from_slice(body).map_err(|error| malformed(reason(&error)))
}

/// What is wrong and where; the place stands first, since a quoted value may be cut.
fn reason(error: &serde_json::Error) -> String {
    let mut text = format!("line {} column {}: {error}", error.line(), error.column());
    if text.len() > MAX_REASON {
        let mut end = MAX_REASON;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push('…');
    }
    text
}

/// A list of which at most `MAX` items are kept, so that a payload of millions of tiny items takes little memory. Null
/// items are left out, and null is an empty list.
#[derive(Clone, Debug)]
pub(crate) struct List<T, const MAX: usize> {
    /// The first items.
    pub items: Vec<T>,
    /// Whether there were more.
    pub is_cut: bool,
}

impl<T, const MAX: usize> Default for List<T, MAX> {
    fn default() -> Self {
        Self { items: Vec::new(), is_cut: false }
    }
}

impl<'de, T: Deserialize<'de>, const MAX: usize> Deserialize<'de> for List<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_option(ListVisitor(PhantomData))
    }
}

/// Collects the items of a [`List`].
struct ListVisitor<T, const MAX: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for ListVisitor<T, MAX> {
    type Value = List<T, MAX>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list")
    }

    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(List::default())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut list = List::default();
        while list.items.len() < MAX {
            match items.next_element::<Option<T>>()? {
                Some(item) => list.items.extend(item),
                None => return Ok(list),
            }
        }
        while items.next_element::<IgnoredAny>()?.is_some() {
            list.is_cut = true;
        }
        Ok(list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_keeps_no_more_than_it_may() {
        let list = |text: &str| {
            let list: List<u8, 2> = serde_json::from_str(text).unwrap();
            (list.items, list.is_cut)
        };
        assert_eq!(list("[1, null, 2]"), (vec![1, 2], false));
        assert_eq!(list("[1, 2, 3, 4]"), (vec![1, 2], true));
        assert_eq!(list("null"), (vec![], false));
    }

    #[test]
    fn reasons_are_short_and_say_where() {
        let long = format!("{{\n\"a\": \"{}\"}}", "ä".repeat(1000));
        let read =
            |body: &str| read::<std::collections::BTreeMap<String, u8>>(Provider::GitHub, "push", body.as_bytes());
        let Err(Error::Malformed { why, .. }) = read(&long) else { panic!("a text is no number") };
        assert!(why.starts_with("line 2 column ") && why.len() < MAX_REASON + 5, "{why}");
        for (body, said) in
            [("", "empty"), (" \n", "empty"), ("[1]", "no JSON object"), ("\u{feff}{}", "no JSON object")]
        {
            assert!(read(body).is_err_and(|error| error.to_string().contains(said)), "{body:?}");
        }
    }
}
