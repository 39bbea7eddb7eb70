//! Prints answers: tables for people, JSON and YAML for programs. A reader that goes away early, such as `head`, ends
//! the command without complaint. It must not know what it prints.

use std::fmt::Display;
use std::io::{ErrorKind, Write};

use serde_json::Value;

use crate::arguments::Format;
use crate::error::Error;
use crate::paint;

/// Prints a line, as `println!` does.
macro_rules! say {
    () => {
        $crate::output::line("")
    };
    ($($text:tt)*) => {
        $crate::output::line(format_args!($($text)*))
    };
}
pub(crate) use say;

/// Prints a line; without colours where nobody would see them.
pub(crate) fn line(text: impl Display) {
    let mut stdout = anstream::stdout();
    if let Err(error) = writeln!(stdout, "{text}").and_then(|()| stdout.flush())
        && error.kind() == ErrorKind::BrokenPipe
    {
        std::process::exit(0);
    }
}

/// Prints a value as JSON or YAML, or calls `text` for people.
///
/// # Errors
/// None today; printing may come to refuse a value.
pub(crate) fn print(format: Format, value: &Value, text: impl FnOnce()) -> Result<(), Error> {
    match format {
        Format::Text => text(),
        Format::Json => line(format_args!("{value:#}")),
        Format::Yaml => line(mainstay_apimachinery::yaml::to_string(value).trim_end()),
    }
    Ok(())
}

/// Prints one of several values: a line of JSON, or a YAML document.
pub(crate) fn print_next(format: Format, value: &Value, text: impl FnOnce()) {
    match format {
        Format::Text => text(),
        Format::Json => line(value),
        Format::Yaml => line(format_args!("---\n{}", mainstay_apimachinery::yaml::to_string(value).trim_end())),
    }
}

/// Prints rows under headings, columns aligned; cells may carry colours.
pub(crate) fn table(headings: &[&str], rows: &[Vec<String>]) {
    Table::fitting(headings, rows).print(rows);
}

/// The widths of a table's columns, kept for rows that follow.
pub(crate) struct Table {
    widths: Vec<usize>,
}

impl Table {
    /// Prints the headings of a table whose columns fit rows.
    pub(crate) fn fitting(headings: &[&str], rows: &[Vec<String>]) -> Self {
        let mut widths: Vec<usize> = headings.iter().map(|heading| heading.len()).collect();
        for row in rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(visible_width(cell));
            }
        }
        let table = Self { widths };
        table.print(&[headings.iter().map(|heading| paint::faint(heading)).collect()]);
        table
    }

    /// Prints rows.
    pub(crate) fn print(&self, rows: &[Vec<String>]) {
        for row in rows {
            let cells: Vec<String> = row.iter().zip(&self.widths).map(|(cell, width)| pad(cell, *width)).collect();
            line(cells.join("  ").trim_end());
        }
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
