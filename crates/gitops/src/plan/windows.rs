//! Whether the sync windows of a project let an application sync now. As Argo CD's `SyncWindows`.
//! It must not know what is synced, nor how a refusal is shown.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use mainstay_api::argoproj::Destination;
use mainstay_apimachinery::cron::{self, Schedule};
use serde::Deserialize;
use serde_json::Value;

use super::autosync::go_duration;
use super::{glob, project};

/// Longest window: the longest duration that Go's can hold.
const LONGEST: Duration = Duration::from_secs(i64::MAX as u64 / 1_000_000_000);
/// Starts that are followed to find where a chain of overlapping windows ends; it is looked at again from there.
const FOLLOWED: usize = 100;

/// What is asked of the windows.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Name of the application.
    pub application: &'a str,
    /// Where it deploys to.
    pub destination: &'a Destination,
    /// Whether a person asks, and not automation.
    pub manual: bool,
    /// When the operation began, if it did.
    pub began: Option<Timestamp>,
    /// The time.
    pub now: Timestamp,
}

/// Why there may be no sync, and until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// In words.
    pub reason: String,
    /// The next time at which a window opens or closes, if there is one.
    pub changes: Option<Timestamp>,
}

/// `SyncWindow` as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Written {
    kind: String,
    schedule: String,
    duration: String,
    applications: Vec<String>,
    namespaces: Vec<String>,
    clusters: Vec<String>,
    manual_sync: bool,
    time_zone: String,
    and_operator: bool,
    sync_overrun: bool,
    description: String,
}

/// A window that concerns an application.
struct Window {
    written: Written,
    schedule: Schedule,
    zone: TimeZone,
    duration: Duration,
}

/// What the windows of a project say. Without one that matches everything is let through.
#[must_use]
pub fn hold(windows: &[Value], request: &Request<'_>) -> Option<Hold> {
    let mut matching = Vec::new();
    for (index, value) in windows.iter().enumerate() {
        match read(value).and_then(|written| concerns(&written, request).then(|| window(written)).transpose()) {
            Ok(window) => matching.extend(window),
            // What a window forbids that cannot be read is not known: nothing is synced, as upstream.
            Err(why) => {
                let reason = format!("sync window {index} of the project cannot be read: {why}");
                return Some(Hold { reason, changes: None });
            }
        }
    }
    let holding = holding(&matching, request.now);
    if holding.is_empty() || request.manual && holding.iter().all(|window| window.written.manual_sync) {
        return None;
    }
    let overruns = holding.iter().all(|window| window.written.sync_overrun);
    if overruns && request.began.is_some_and(|began| self::holding(&matching, began).is_empty()) {
        return None;
    }
    let changes = matching.iter().filter_map(|window| window.changes(request.now)).min();
    Some(Hold { reason: said(&holding, changes), changes })
}

/// The windows that stand in the way: denials that are open, or else, if no permission is open, all permissions.
fn holding(windows: &[Window], now: Timestamp) -> Vec<&Window> {
    let (allow, deny): (Vec<&Window>, Vec<&Window>) = windows.iter().partition(|window| window.written.kind == "allow");
    let denying: Vec<&Window> = deny.into_iter().filter(|window| window.is_open(now)).collect();
    if !denying.is_empty() {
        return denying;
    }
    if allow.iter().any(|window| window.is_open(now)) { Vec::new() } else { allow }
}

fn said(holding: &[&Window], changes: Option<Timestamp>) -> String {
    let names: Vec<String> = holding.iter().map(|window| window.named()).collect();
    let which = if holding[0].written.kind == "allow" { "outside" } else { "within" };
    let by_hand = match holding.iter().all(|window| window.written.manual_sync) {
        true => "; a sync by hand is let through",
        false => "",
    };
    let until = changes.map(|at| format!("; windows change at {at:.0}")).unwrap_or_default();
    format!("{which} sync window {}{until}{by_hand}", names.join(" and "))
}

fn read(value: &Value) -> Result<Written, String> {
    let written = Written::deserialize(value).map_err(|error| error.to_string())?;
    if !["allow", "deny"].contains(&written.kind.as_str()) {
        return Err(format!("kind '{}' mismatch: can only be allow or deny", written.kind));
    }
    Ok(written)
}

fn window(written: Written) -> Result<Window, String> {
    let schedule = Schedule::parse(&written.schedule)
        .map_err(|error| format!("cannot parse schedule '{}': {error}", written.schedule))?;
    let zone = cron::zone(&written.time_zone).ok_or_else(|| format!("unknown time zone '{}'", written.time_zone))?;
    let duration = go_duration(&written.duration)
        .filter(|duration| *duration <= LONGEST)
        .ok_or_else(|| format!("cannot parse duration '{}'", written.duration))?;
    Ok(Window { written, schedule, zone, duration })
}

/// Whether a window is about an application: one of its lists names it, or all of them do if it says `andOperator`. One
/// without lists is about none.
fn concerns(window: &Written, request: &Request<'_>) -> bool {
    let [name, server] = project::canonical(request.destination);
    let any = |patterns: &[String], texts: &[&str]| {
        let texts = texts.iter().filter(|text| !text.is_empty());
        patterns.iter().any(|pattern| texts.clone().any(|text| glob::matches(pattern, text)))
    };
    let lists = [
        (&window.applications, any(&window.applications, &[request.application])),
        (&window.namespaces, any(&window.namespaces, &[&request.destination.namespace])),
        (&window.clusters, any(&window.clusters, &[name, server])),
    ];
    let mut given = lists.into_iter().filter(|(list, _)| !list.is_empty()).map(|(_, named)| named).peekable();
    let concerned = given.peek().is_some();
    concerned && if window.and_operator { given.all(|named| named) } else { given.any(|named| named) }
}

impl Window {
    fn named(&self) -> String {
        let Written { kind, schedule, duration, description, .. } = &self.written;
        let about = if description.is_empty() { String::new() } else { format!(" ({description})") };
        format!("{kind} '{schedule}' for {duration}{about}")
    }

    /// The first start of a window that is still open.
    fn open_since(&self, now: Timestamp) -> Option<Timestamp> {
        let start = self.schedule.next(now.checked_sub(self.duration).unwrap_or(Timestamp::MIN), &self.zone)?;
        (start <= now).then_some(start)
    }

    fn is_open(&self, now: Timestamp) -> bool {
        self.open_since(now).is_some()
    }

    /// When it opens if it is closed; when it closes, or is looked at again, if it is open.
    fn changes(&self, now: Timestamp) -> Option<Timestamp> {
        let Some(mut start) = self.open_since(now) else { return self.schedule.next(now, &self.zone) };
        let end = |start: Timestamp| start.checked_add(self.duration).ok();
        for _ in 0..FOLLOWED {
            match self.schedule.next(start, &self.zone) {
                Some(next) if Some(next) <= end(start) => start = next,
                _ => break,
            }
        }
        end(start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn at(time: &str) -> Timestamp {
        format!("2026-03-02T{time}Z").parse().unwrap()
    }

    fn asked(windows: &Value, manual: bool, now: &str, began: Option<&str>) -> Option<Hold> {
        let destination = Destination { name: "production".into(), namespace: "shop".into(), ..Destination::default() };
        let began = began.map(at);
        let request =
            Request { application: "shop-production", destination: &destination, manual, began, now: at(now) };
        hold(windows.as_array().unwrap(), &request)
    }

    fn held(windows: &Value, now: &str) -> bool {
        asked(windows, false, now, None).is_some()
    }

    fn night(kind: &str, more: Value) -> Value {
        let mut window = json!({"kind": kind, "schedule": "0 22 * * *", "duration": "2h", "applications": ["shop-*"]});
        window.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!([window])
    }

    #[test]
    fn a_denial_holds_while_it_is_open() {
        let deny = night("deny", json!({}));
        assert_eq!(
            ["21:59:59", "22:00:00", "23:59:59", "00:00:00"].map(|now| held(&deny, now)),
            [false, true, true, false]
        );
        let hold = asked(&deny, false, "22:30:00", None).unwrap();
        assert_eq!(hold.changes, Some("2026-03-03T00:00:00Z".parse().unwrap()));
        assert_eq!(hold.reason, "within sync window deny '0 22 * * *' for 2h; windows change at 2026-03-03T00:00:00Z");
    }

    #[test]
    fn a_permission_holds_while_it_is_closed() {
        let allow = night("allow", json!({"description": "at night"}));
        assert!(held(&allow, "12:00:00") && !held(&allow, "22:30:00"));
        let hold = asked(&allow, false, "12:00:00", None).unwrap();
        assert_eq!(hold.changes, Some(at("22:00:00")));
        assert!(hold.reason.starts_with("outside sync window allow '0 22 * * *' for 2h (at night)"), "{}", hold.reason);
        let both = json!([allow[0], night("deny", json!({}))[0]]);
        assert!(held(&both, "22:30:00"), "a denial goes before a permission");
    }

    #[test]
    fn lists_say_whom_it_concerns() {
        let is_held = |lists: Value| {
            let mut window = json!({"kind": "deny", "schedule": "* * * * *", "duration": "1h"});
            window.as_object_mut().unwrap().extend(lists.as_object().unwrap().clone());
            held(&json!([window]), "12:00:00")
        };
        assert!(!is_held(json!({})), "no list, nobody");
        assert!(is_held(json!({"applications": ["other", "shop-*"]})));
        assert!(is_held(json!({"applications": ["other"], "namespaces": ["shop"]})));
        assert!(!is_held(json!({"applications": ["other"], "namespaces": ["shop"], "andOperator": true})));
        assert!(is_held(json!({"clusters": ["prod*"], "namespaces": ["shop"], "andOperator": true})));
        assert!(!is_held(json!({"clusters": ["dev"]})));
    }

    #[test]
    fn people_pass_where_every_holding_window_lets_them() {
        let with = |manual: bool| night("deny", json!({"manualSync": manual}));
        let passes = |windows: &Value| asked(windows, true, "22:30:00", None).is_none();
        assert!(passes(&with(true)) && !passes(&with(false)));
        assert!(!passes(&json!([with(true)[0], with(false)[0]])));
        assert!(held(&with(true), "22:30:00"), "automation does not");
    }

    #[test]
    fn what_began_while_it_might_goes_on_where_that_is_said() {
        let with = |overrun: bool| night("deny", json!({"syncOverrun": overrun}));
        let goes_on = |windows: &Value, began: &str| asked(windows, false, "22:30:00", Some(began)).is_none();
        assert!(goes_on(&with(true), "21:30:00") && !goes_on(&with(false), "21:30:00"));
        assert!(!goes_on(&with(true), "22:10:00"), "it began within the window");
    }

    #[test]
    fn zones_and_chains() {
        let berlin = json!({"timeZone": "Europe/Berlin"});
        assert!(held(&night("deny", berlin.clone()), "21:30:00") && !held(&night("deny", berlin), "23:30:00"));
        let chain = json!([{"kind": "deny", "schedule": "0,30 8-9 * * *", "duration": "45m", "namespaces": ["*"]}]);
        assert_eq!(asked(&chain, false, "08:10:00", None).unwrap().changes, Some(at("10:15:00")));
        let always = json!([{"kind": "deny", "schedule": "* * * * *", "duration": "1h", "namespaces": ["*"]}]);
        assert!(asked(&always, false, "08:10:00", None).unwrap().changes > Some(at("09:00:00")));
    }

    #[test]
    fn what_cannot_be_read_holds_everything_it_may_be_about() {
        for (wrong, expected) in [
            (json!({"kind": "maybe"}), "kind 'maybe' mismatch: can only be allow or deny"),
            (json!({"schedule": "x"}), "cannot parse schedule 'x': "),
            (json!({"duration": "forever"}), "cannot parse duration 'forever'"),
            (json!({"duration": "99999999h"}), "cannot parse duration"),
            (json!({"timeZone": "Mars/Base"}), "unknown time zone 'Mars/Base'"),
            (json!({"applications": 5}), "invalid type"),
        ] {
            let windows = night("deny", wrong);
            let hold = asked(&windows, true, "12:00:00", None).unwrap();
            assert!(hold.reason.contains(expected), "{}", hold.reason);
        }
        assert!(!held(&night("deny", json!({"schedule": "x", "applications": ["other"]})), "22:30:00"));
    }
}
