//! Prints answers: tables for people, JSON and YAML for programs.

use serde_json::Value;

use crate::arguments::Format;
use crate::error::Error;
use crate::paint;

/// Prints a value as JSON or YAML, or calls `text` for people.
///
/// # Errors
/// When the value cannot be written as YAML.
pub(crate) fn print(format: Format, value: &Value, text: impl FnOnce()) -> Result<(), Error> {
    match format {
        Format::Text => text(),
        Format::Json => anstream::println!("{value:#}"),
        Format::Yaml => anstream::print!("{}", mainstay_apimachinery::yaml::to_string(value)),
    }
    Ok(())
}

/// Prints rows under headings, columns aligned; cells may carry colours.
pub(crate) fn table(headings: &[&str], rows: &[Vec<String>]) {
    let mut widths: Vec<usize> = headings.iter().map(|heading| heading.len()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(visible_width(cell));
        }
    }
    let headings: Vec<String> = headings.iter().map(|heading| paint::faint(heading)).collect();
    for row in std::iter::once(&headings).chain(rows) {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| pad(cell, *width)).collect();
        anstream::println!("{}", cells.join("  ").trim_end());
    }
}

fn pad(cell: &str, width: usize) -> String {
    format!("{cell}{}", " ".repeat(width.saturating_sub(visible_width(cell))))
}

/// Characters a terminal shows: without escape sequences of the form `ESC [ … m`.
fn visible_width(cell: &str) -> usize {
    let mut width = 0;
    let mut escaped = false;
    for character in cell.chars() {
        match (escaped, character) {
            (false, '\u{1b}') => escaped = true,
            (false, _) => width += 1,
            (true, 'm') => escaped = false,
            (true, _) => {}
        }
    }
    width
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_have_no_width() {
        assert_eq!(visible_width(&paint::good("Synced")), 6);
        assert_eq!(pad(&paint::good("ok"), 4).len() - paint::good("ok").len(), 2);
    }
}
