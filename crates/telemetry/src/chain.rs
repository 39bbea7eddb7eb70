//! The one printer of error chains: an error's Display never prints its source, this does.

use std::error::Error;

/// `failed to sync app: failed to read repository: no such branch`.
///
/// A source whose text its parent already ends with is left out: some libraries print their source themselves.
#[must_use]
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let part = source.to_string();
        if !text.ends_with(&part) {
            text.push_str(": ");
            text.push_str(&part);
        }
        next = source.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("failed to read the file")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn prints_every_source_once() {
        let error = Outer(std::io::Error::other("disk is gone"));
        assert_eq!(chain(&error), "failed to read the file: disk is gone");
    }
}
