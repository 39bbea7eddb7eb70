//! Texts that many printers share: ages, labels, selectors, containers.
//! It must not know which columns a kind has.

use jiff::Timestamp;
use mainstay_apimachinery::object;
use serde_json::{Map, Value};

use super::access::{list, or, text};

/// What upstream shows where there is nothing.
pub(super) const NONE: &str = "<none>";

/// `metadata.name`.
pub(super) fn name(object: &Value) -> Value {
    object::name(object).into()
}

/// How long ago the object was made.
pub(super) fn age(object: &Value, now: Timestamp) -> Value {
    since(text(object, "/metadata/creationTimestamp"), now).into()
}

/// How long ago an RFC 3339 time was; `<unknown>` where there is none.
pub(super) fn since(time: &str, now: Timestamp) -> String {
    match time.parse::<Timestamp>() {
        Ok(time) => human_duration(now.duration_since(time).as_secs()),
        Err(_) => "<unknown>".to_owned(),
    }
}

/// Seconds as `duration.HumanDuration` prints them: `5m3s`, `2d4h`, `120d`.
pub(super) fn human_duration(seconds: i64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    match () {
        () if seconds < -1 => "<invalid>".to_owned(),
        () if seconds < 0 => "0s".to_owned(),
        () if seconds < 120 => format!("{seconds}s"),
        () if minutes < 10 => two(minutes, 'm', seconds % 60, 's'),
        () if minutes < 180 => format!("{minutes}m"),
        () if hours < 8 => two(hours, 'h', minutes % 60, 'm'),
        () if hours < 48 => format!("{hours}h"),
        () if days < 8 => two(days, 'd', hours % 24, 'h'),
        () if days < 730 => format!("{days}d"),
        () if days < 365 * 8 => two(days / 365, 'y', days % 365, 'd'),
        () => format!("{}y", days / 365),
    }
}

fn two(big: i64, big_unit: char, small: i64, small_unit: char) -> String {
    if small == 0 { format!("{big}{big_unit}") } else { format!("{big}{big_unit}{small}{small_unit}") }
}

/// `a=b,c=d`, as `labels.FormatLabels`.
pub(super) fn labels(map: Option<&Value>) -> String {
    let empty = Map::new();
    let map = map.and_then(Value::as_object).unwrap_or(&empty);
    let pairs: Vec<String> = map.iter().map(|(k, v)| format!("{k}={}", v.as_str().unwrap_or_default())).collect();
    or(&pairs.join(","), NONE).to_owned()
}

/// A label selector as `metav1.FormatLabelSelector`.
pub(super) fn selector(selector: Option<&Value>) -> String {
    let Some(selector) = selector else { return NONE.to_owned() };
    let mut parts: Vec<String> = Vec::new();
    for (key, value) in selector.get("matchLabels").and_then(Value::as_object).into_iter().flatten() {
        parts.push(format!("{key}={}", value.as_str().unwrap_or_default()));
    }
    parts.extend(list(selector, "/matchExpressions").iter().map(expression));
    or(&parts.join(","), NONE).to_owned()
}

fn expression(expression: &Value) -> String {
    let key = text(expression, "/key");
    let values = join(list(expression, "/values").iter().filter_map(Value::as_str), ",");
    match text(expression, "/operator") {
        "In" => format!("{key} in ({values})"),
        "NotIn" => format!("{key} notin ({values})"),
        "DoesNotExist" => format!("!{key}"),
        _ => key.to_owned(),
    }
}

/// Names and images of the containers of a pod template at a pointer.
pub(super) fn containers(object: &Value, pointer: &str) -> [Value; 2] {
    let containers = list(object, pointer);
    let of = |field: &str| join(containers.iter().map(|container| text(container, field)), ",");
    [of("/name").into(), of("/image").into()]
}

/// Texts with a separator between them.
pub(super) fn join<'a>(texts: impl Iterator<Item = &'a str>, separator: &str) -> String {
    texts.collect::<Vec<_>>().join(separator)
}

/// A scalar as text: strings without quotes.
pub(super) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn durations_read_as_upstream_prints_them() {
        let cases = [
            (-5, "<invalid>"),
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (303, "5m3s"),
            (3600, "60m"),
            (4 * 3600 + 60, "4h1m"),
            (9 * 3600, "9h"),
            (50 * 3600, "2d2h"),
            (30 * 86400, "30d"),
            (6 * 365 * 86400 + 328 * 86400, "6y328d"),
            (10 * 365 * 86400, "10y"),
        ];
        for (seconds, text) in cases {
            assert_eq!(human_duration(seconds), text);
        }
    }

    #[test]
    fn selectors_show_labels_and_expressions() {
        let both = json!({"matchLabels": {"app": "d"}, "matchExpressions": [
            {"key": "tier", "operator": "In", "values": ["a", "b"]}, {"key": "old", "operator": "DoesNotExist"}]});
        assert_eq!(selector(Some(&both)), "app=d,tier in (a,b),!old");
        assert_eq!(selector(Some(&json!({}))), "<none>");
    }
}
