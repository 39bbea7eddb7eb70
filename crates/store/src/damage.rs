//! What is wrong with a store's data, and what to do about it.
//! It must not know how it was found.

use std::fmt;

/// Findings that are printed; a file that lost a page has hundreds alike.
const SHOWN: usize = 20;

/// One thing that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where: a record's key, or a part of the file.
    pub place: String,
    /// What is wrong there.
    pub what: String,
}

impl Finding {
    /// A finding.
    pub fn new(place: impl fmt::Display, what: impl fmt::Display) -> Self {
        Self { place: place.to_string(), what: what.to_string() }
    }
}

/// Data is not what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Everything that was found.
    pub findings: Vec<Finding>,
}

impl Damage {
    /// One finding.
    pub fn of(place: impl fmt::Display, what: impl fmt::Display) -> Self {
        Self { findings: vec![Finding::new(place, what)] }
    }
}

/// What to do about a damaged store.
pub const REMEDY: &str = "nothing was changed; keep a copy of the file, check the disk it is on, and put back the last \
                          snapshot with `mainstay store restore SNAPSHOT --force`";

impl std::error::Error for Damage {}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it is damaged")?;
        for finding in self.findings.iter().take(SHOWN) {
            write!(f, "\n  {}: {}", finding.place, finding.what)?;
        }
        if self.findings.len() > SHOWN {
            write!(f, "\n  and {} more", self.findings.len() - SHOWN)?;
        }
        write!(f, "\n{REMEDY}")
    }
}
