//! The levels and versions that the labels of a namespace ask for, as `k8s.io/pod-security-admission/api`.
//! It must not know pods.

use std::fmt;

use mainstay_apimachinery::{FieldError, FieldErrorKind, FieldPath};
use serde_json::{Map, Value};

const PREFIX: &str = "pod-security.kubernetes.io/";

/// How much is asked of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    Privileged,
    Baseline,
    Restricted,
}

/// A version of the checks: of a minor release, or the latest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Version {
    Minor(u32),
    Latest,
}

/// A level in a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LevelVersion {
    pub(super) level: Level,
    pub(super) version: Version,
}

/// What a namespace asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Policy {
    pub(super) enforce: LevelVersion,
    pub(super) warn: LevelVersion,
}

const DEFAULT: LevelVersion = LevelVersion { level: Level::Privileged, version: Version::Latest };

/// Prints as `restricted:latest`.
impl fmt::Display for LevelVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Privileged => "privileged",
            Level::Baseline => "baseline",
            Level::Restricted => "restricted",
        };
        match self.version {
            Version::Latest => write!(f, "{level}:latest"),
            Version::Minor(minor) => write!(f, "{level}:v1.{minor}"),
        }
    }
}

impl Policy {
    /// The policy of a namespace's labels, and what is wrong with them. What is wrong is enforced as strictly as there
    /// is, and warned of not at all.
    pub(super) fn of(labels: &Map<String, Value>) -> (Self, Vec<FieldError>) {
        let mut errors = Vec::new();
        let mut policy = Self { enforce: DEFAULT, warn: DEFAULT };
        if !labels.keys().any(|key| key.starts_with(PREFIX)) {
            return (policy, errors);
        }
        let mut read = Reader { labels, errors: &mut errors };
        let level = read.level("enforce");
        policy.enforce.level = level.unwrap_or(Ok(Level::Privileged)).unwrap_or(Level::Restricted);
        let version = read.version("enforce-version");
        policy.enforce.version = version.unwrap_or(Version::Latest);
        read.level("audit");
        read.version("audit-version");
        let warn = read.level("warn");
        policy.warn.level = warn.unwrap_or(Ok(Level::Privileged)).unwrap_or(Level::Privileged);
        let warn_version = read.version("warn-version");
        policy.warn.version = warn_version.unwrap_or(Version::Latest);
        // Who enforces and says nothing of warnings is warned of the same.
        if warn.is_none() && level.is_some_and(|level| level.is_ok_and(|level| level > Level::Privileged)) {
            policy.warn.level = policy.enforce.level;
            if warn_version.is_none() {
                policy.warn.version = policy.enforce.version;
            }
        }
        (policy, errors)
    }
}

struct Reader<'a> {
    labels: &'a Map<String, Value>,
    errors: &'a mut Vec<FieldError>,
}

impl Reader<'_> {
    fn level(&mut self, label: &str) -> Option<Result<Level, ()>> {
        let text = self.labels.get(&format!("{PREFIX}{label}"))?.as_str().unwrap_or_default();
        Some(match text {
            "privileged" => Ok(Level::Privileged),
            "baseline" => Ok(Level::Baseline),
            "restricted" => Ok(Level::Restricted),
            _ => {
                self.refuse(label, text, "must be one of privileged, baseline, restricted");
                Err(())
            }
        })
    }

    fn version(&mut self, label: &str) -> Option<Version> {
        let text = self.labels.get(&format!("{PREFIX}{label}"))?.as_str().unwrap_or_default();
        if text == "latest" {
            return Some(Version::Latest);
        }
        let minor = text.strip_prefix("v1.").filter(|minor| *minor == "0" || !minor.starts_with('0'));
        let minor = minor.filter(|minor| minor.bytes().all(|byte| byte.is_ascii_digit()));
        let minor = minor.and_then(|minor| minor.parse().ok());
        if minor.is_none() {
            self.refuse(label, text, "must be \"latest\" or \"v1.x\"");
        }
        Some(minor.map_or(Version::Latest, Version::Minor))
    }

    fn refuse(&mut self, label: &str, value: &str, why: &str) {
        let path = FieldPath::root().child("metadata").child("labels").key(&format!("{PREFIX}{label}"));
        self.errors.push(FieldError::new(FieldErrorKind::Invalid, path, Value::from(value), why));
    }
}
