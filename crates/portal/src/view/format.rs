//! Times, commits and badges, the same on every page.
//! It must not know what they belong to.

use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};

use crate::model::{Health, age};
use crate::svg;

/// An age that the page keeps current, with the time itself as its title.
pub(crate) fn ago(time: &str, now: Timestamp) -> Markup {
    match time.parse::<Timestamp>() {
        Ok(since) => html! { time datetime=(since) title=(since) data-age { (age(since, now)) } },
        Err(_) => html! { span.muted { "–" } },
    }
}

/// `+340 ms`, `+1.84 s`, `+2 min 5 s`.
pub(crate) fn offset(duration: SignedDuration) -> String {
    format!("+{}", span(duration))
}

/// `340 ms`, `1.84 s`, `2 min 5 s`.
pub(crate) fn span(duration: SignedDuration) -> String {
    let ms = duration.as_millis();
    match ms {
        ..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{}.{:02} s", ms / 1_000, ms % 1_000 / 10),
        60_000..3_600_000 => format!("{} min {} s", ms / 60_000, ms % 60_000 / 1_000),
        _ => format!("{} h {} min", ms / 3_600_000, ms % 3_600_000 / 60_000),
    }
}

/// A query string of the parameters that have a value.
pub(crate) fn query(parameters: &[(&str, &str)]) -> String {
    let given: Vec<_> = parameters.iter().filter(|(_, value)| !value.is_empty()).collect();
    serde_urlencoded::to_string(given).unwrap_or_default()
}

/// A commit's first seven characters, with the whole as its title.
pub(crate) fn commit(sha: &str) -> Markup {
    match sha.get(..7) {
        Some(short) => html! { code.sha title=(sha) { (short) } },
        None => html! { span.muted { "–" } },
    }
}

/// A health as icon and word.
pub(crate) fn health(health: Health, message: &str) -> Markup {
    let title = if message.is_empty() { None } else { Some(message) };
    html! { span.badge.(svg::class(Some(health))) title=[title] { (svg::icon(health)) (health.as_str()) } }
}

/// A sync state as sign and word.
pub(crate) fn sync(state: &str) -> Markup {
    let (class, sign) = match state {
        "Synced" => ("synced", "="),
        "OutOfSync" => ("outofsync", "≠"),
        _ => ("unknown", "?"),
    };
    html! { span.badge.sync.(class) { span.sign aria-hidden="true" { (sign) } (state) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_short() {
        let of = |ms| span(SignedDuration::from_millis(ms));
        assert_eq!([of(0), of(340), of(1_849), of(125_000)], ["0 ms", "340 ms", "1.84 s", "2 min 5 s"]);
        assert_eq!(of(3_720_000), "1 h 2 min");
    }
}
