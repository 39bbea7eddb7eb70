//! How a text may be written in YAML; libyaml's analysis of scalars.

/// What was found out about a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Analysis {
    /// It has line breaks.
    pub(super) multiline: bool,
    /// It may stand as it is.
    pub(super) plain: bool,
    /// It may stand in single quotes.
    pub(super) single_quoted: bool,
    /// It may be written as a block.
    pub(super) block: bool,
}

/// What was seen on the way.
#[derive(Default)]
struct Seen {
    indicators: bool,
    breaks: bool,
    special: bool,
    edge_space: bool,
    trailing_space: bool,
    break_space: bool,
    space_break: bool,
}

pub(super) fn analyse(text: &str) -> Analysis {
    if text.is_empty() {
        return Analysis { multiline: false, plain: true, single_quoted: true, block: false };
    }
    let seen = look(text);
    let loose = seen.space_break || seen.special;
    Analysis {
        multiline: seen.breaks,
        plain: !(seen.edge_space || seen.break_space || loose || seen.breaks || seen.indicators),
        single_quoted: !(seen.break_space || loose),
        block: !(seen.trailing_space || loose),
    }
}

fn look(text: &str) -> Seen {
    let mut seen = Seen { indicators: text.starts_with("---") || text.starts_with("..."), ..Seen::default() };
    let letters: Vec<char> = text.chars().collect();
    let (mut after_space, mut after_break) = (false, false);
    for (at, &letter) in letters.iter().enumerate() {
        let (first, last) = (at == 0, at + 1 == letters.len());
        let before_blank = letters.get(at + 1).is_none_or(|next| is_blank(*next));
        let after_blank = first || is_blank(letters[at - 1]);
        seen.indicators |= indicates(letter, first, after_blank, before_blank);
        seen.special |= !is_printable(letter);
        match letter {
            ' ' => {
                seen.edge_space |= first || last;
                seen.trailing_space |= last;
                seen.break_space |= after_break;
                (after_space, after_break) = (true, false);
            }
            '\n' => {
                seen.breaks = true;
                seen.edge_space |= first || last;
                seen.space_break |= after_space;
                (after_space, after_break) = (false, true);
            }
            _ => (after_space, after_break) = (false, false),
        }
    }
    seen
}

fn indicates(letter: char, first: bool, after_blank: bool, before_blank: bool) -> bool {
    match letter {
        ':' => before_blank,
        '?' | '-' => first && before_blank,
        '#' => first || after_blank,
        ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' => first,
        _ => false,
    }
}

fn is_blank(letter: char) -> bool {
    matches!(letter, ' ' | '\t' | '\n' | '\r')
}

/// What libyaml writes without an escape.
pub(super) fn is_printable(letter: char) -> bool {
    matches!(letter, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}')
        && !matches!(letter, '\u{2028}' | '\u{2029}')
}
