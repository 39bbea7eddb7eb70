//! How deep the parts of a file nest, told from its tokens before it is parsed: parser and analyzer recurse for each level,
//! and a stack that runs out ends the process.
//! It must not tell less than there is; it may tell more.

use rsjsonnet_lang::arena::Arena;
use rsjsonnet_lang::interner::StrInterner;
use rsjsonnet_lang::lexer::{LexError, Lexer};
use rsjsonnet_lang::span::SpanManager;
use rsjsonnet_lang::token::{STokenKind, TokenKind};

/// What nests in one pair of brackets, or in a file outside of all.
#[derive(Default)]
struct Level {
    /// Keywords that take all that follows: `local a = 1; …`, `if a then …`.
    opened: usize,
    /// Whether commas separate the names of a `local` here.
    binds: bool,
    /// Dots, calls and indices since the last operator, and signs: `a.b.c()`, `---a`.
    chain: usize,
}

/// The longest run of characters that operators are made of. The lexer tries for the longest operator that there is, and
/// again after each: time goes with the square of it.
pub(crate) fn longest_run(input: &[u8]) -> usize {
    let runs = input.split(|byte| !b"!$:~+-&|^=<>*/%".contains(byte));
    runs.map(<[u8]>::len).max().unwrap_or(0)
}

/// The deepest nesting of a file.
///
/// # Errors
/// When it is not made of tokens.
pub(crate) fn depth(input: &[u8]) -> Result<usize, LexError> {
    let (arena, words, mut spans) = (Arena::new(), StrInterner::new(), SpanManager::new());
    let own = Arena::new();
    let (context, _) = spans.insert_source_context(input.len());
    let tokens = Lexer::new(&arena, &own, &words, &mut spans, context, input).lex_to_eof(false)?;
    let mut levels = vec![Level::default()];
    let (mut below, mut deepest) = (0, 0);
    for token in tokens {
        let TokenKind::Simple(kind) = token.kind else { continue };
        let last = levels.len() - 1;
        let level = &mut levels[last];
        let before = level.opened + level.chain;
        match kind {
            STokenKind::LeftParen | STokenKind::LeftBracket | STokenKind::LeftBrace => {
                level.chain += 1;
                below += before + 2;
                levels.push(Level::default());
                deepest = deepest.max(below);
                continue;
            }
            STokenKind::RightParen | STokenKind::RightBracket | STokenKind::RightBrace if last > 0 => {
                levels.pop();
                let outer = &levels[last - 1];
                // What was added for this pair; its own call counts in the chain now.
                below -= outer.opened + outer.chain + 1;
                continue;
            }
            STokenKind::Comma => {
                level.chain = 0;
                level.opened = if level.binds { level.opened } else { 0 };
            }
            STokenKind::Semicolon => (level.chain, level.binds) = (0, false),
            STokenKind::Local => (level.opened, level.binds) = (level.opened + 1, true),
            STokenKind::Assert
            | STokenKind::Error
            | STokenKind::If
            | STokenKind::Then
            | STokenKind::Else
            | STokenKind::For
            | STokenKind::Function
            | STokenKind::Import
            | STokenKind::Importstr
            | STokenKind::Importbin => level.opened += 1,
            STokenKind::Dot | STokenKind::Minus | STokenKind::Plus | STokenKind::Exclam | STokenKind::Tilde => {
                level.chain += 1;
            }
            STokenKind::Self_ | STokenKind::Super | STokenKind::Dollar | STokenKind::Null => {}
            STokenKind::True | STokenKind::False | STokenKind::Tailstrict => {}
            // An operator between two others: what follows is beside what was before.
            _ => level.chain = 0,
        }
        deepest = deepest.max(below + level.opened + level.chain);
    }
    Ok(deepest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> usize {
        depth(text.as_bytes()).unwrap()
    }

    #[test]
    fn whatever_nests_is_counted() {
        for (part, end) in [
            ("(", ")"),
            ("[", "]"),
            ("{a:", "}"),
            ("-", ""),
            ("!", ""),
            ("local x=1;", ""),
            ("local x=1,y=2;", ""),
            ("if true then ", ""),
            ("if false then 1 else ", ""),
            ("function(x,y) ", ""),
            ("assert true;", ""),
            ("error ", ""),
            ("import ", ""),
            ("f(", ")"),
            ("[if a then ", "]"),
        ] {
            let text = format!("{}1{}", part.repeat(500), end.repeat(500));
            assert!(of(&text) >= 500, "{part}: {}", of(&text));
        }
        for part in [".a", "()", "[0]", " {}"] {
            assert!(of(&format!("x{}", part.repeat(500))) >= 500, "{part}");
        }
    }

    #[test]
    fn what_stands_side_by_side_is_not() {
        let fields: String =
            (0..5000).map(|n| format!("f{n}: if a.b.c(1, 2) > 2 then [x.y] else {{z: 'a,b'}},")).collect();
        assert!(of(&format!("{{{fields}}}")) < 20, "{}", of(&format!("{{{fields}}}")));
        assert!(of(&format!("1{}", " * a.b(2)".repeat(5000))) < 10);
    }
}
