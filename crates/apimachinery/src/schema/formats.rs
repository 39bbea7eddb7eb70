//! The string formats that Kubernetes checks (`kube-openapi/pkg/validation/strfmt`); all others are accepted.
//! It must not know schemas.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use base64::Engine;

/// Whether a string is of a format; a format nobody checks accepts every string.
pub(super) fn accepts(format: &str, text: &str) -> bool {
    match format {
        "date-time" | "datetime" => jiff::Timestamp::from_str(text).is_ok(),
        "date" => jiff::civil::Date::from_str(text).is_ok() && text.len() == 10,
        "ipv4" => Ipv4Addr::from_str(text).is_ok(),
        "ipv6" => Ipv6Addr::from_str(text).is_ok(),
        "cidr" => is_cidr(text),
        "byte" => base64::engine::general_purpose::STANDARD.decode(text).is_ok(),
        "uuid" | "uuid3" | "uuid4" | "uuid5" => is_uuid(text),
        "mac" => is_mac(text),
        "email" => text.split_once('@').is_some_and(|(user, host)| !user.is_empty() && !host.is_empty()),
        "uri" => is_uri(text),
        "hostname" => !text.is_empty() && crate::names::is_dns1123_subdomain(&text.to_ascii_lowercase()),
        "duration" => is_duration(text),
        _ => true,
    }
}

fn is_cidr(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else { return false };
    let Ok(bits) = bits.parse::<u8>() else { return false };
    (Ipv4Addr::from_str(address).is_ok() && bits <= 32) || (Ipv6Addr::from_str(address).is_ok() && bits <= 128)
}

fn is_uuid(text: &str) -> bool {
    let plain: String = text.chars().filter(|c| *c != '-').collect();
    matches!(text.len(), 32 | 36) && plain.len() == 32 && plain.bytes().all(|b| b.is_ascii_hexdigit())
}

fn is_mac(text: &str) -> bool {
    let parts: Vec<&str> = text.split([':', '-']).collect();
    parts.len() == 6 && parts.iter().all(|part| part.len() == 2 && part.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// An absolute path or a scheme followed by something, as Go's `url.ParseRequestURI`.
fn is_uri(text: &str) -> bool {
    if text.chars().any(|c| c.is_control() || c == ' ') {
        return false;
    }
    let scheme = text.split_once(':').map(|(scheme, _)| scheme);
    text.starts_with('/') || scheme.is_some_and(|s| s.starts_with(|c: char| c.is_ascii_alphabetic()))
}

/// Go's durations (`1h30m`, `-2.5s`) and the spelled-out ones that strfmt also takes (`3 days`).
fn is_duration(text: &str) -> bool {
    const UNITS: [&str; 16] =
        ["ns", "us", "µs", "ms", "s", "m", "h", "d", "w", "sec", "second", "minute", "min", "hour", "day", "week"];
    let mut rest = text.trim().trim_start_matches(['-', '+']);
    if rest == "0" {
        return true;
    }
    let mut parts = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let tail = rest[digits..].trim_start();
        let unit = tail.find(|c: char| !c.is_alphabetic()).unwrap_or(tail.len());
        let name = &tail[..unit];
        let known = UNITS.contains(&name) || name.strip_suffix('s').is_some_and(|one| UNITS.contains(&one));
        if digits == 0 || rest[..digits].parse::<f64>().is_err() || !known {
            return false;
        }
        rest = tail[unit..].trim_start();
        parts += 1;
    }
    parts > 0
}

#[cfg(test)]
mod tests {
    use super::accepts;

    #[test]
    fn tells_good_from_bad() {
        let good = [
            ("date-time", "2024-02-29T10:00:00Z"),
            ("date", "2024-02-29"),
            ("ipv4", "10.0.0.1"),
            ("ipv6", "::1"),
            ("cidr", "10.0.0.0/8"),
            ("byte", "aGk="),
            ("uuid", "123e4567-e89b-12d3-a456-426614174000"),
            ("mac", "00:1b:63:84:45:e6"),
            ("email", "a@b.c"),
            ("uri", "https://example.com/x"),
            ("hostname", "example.com"),
            ("duration", "1h30m"),
            ("whatever", "anything"),
        ];
        for (format, text) in good {
            assert!(accepts(format, text), "{format} should accept {text}");
        }
        for (format, text) in good.iter().take(12).map(|(format, _)| (format, "no good!")) {
            assert!(!accepts(format, text), "{format} should refuse {text}");
        }
    }
}
