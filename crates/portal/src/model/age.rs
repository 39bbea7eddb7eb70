//! How long ago something was, in a few characters.
//! It must not know the time; the caller does.

use jiff::Timestamp;

/// As kubectl prints ages: the largest unit, two of them where the first is small.
#[must_use]
pub fn age(since: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(since).as_secs().max(0);
    match seconds {
        0..120 => format!("{seconds}s"),
        120..600 => format!("{}m{}s", seconds / 60, seconds % 60),
        600..10_800 => format!("{}m", seconds / 60),
        10_800..28_800 => format!("{}h{}m", seconds / 3600, seconds % 3600 / 60),
        28_800..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}
