//! One field of a schedule: lists, ranges, steps and names. It must not know which field it is.

use jiff::SignedDuration;

/// Marks a field that was `*` or `?`.
pub(super) const STAR: u64 = 1 << 63;

/// A text is no schedule. Upstream's texts, which users meet in refusals and Events.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the texts say it")]
pub enum Error {
    #[error("empty spec string")]
    Empty,
    #[error("provided bad location {0}: unknown time zone {0}")]
    Zone(String),
    #[error("unrecognized descriptor: {0}")]
    Descriptor(String),
    #[error("failed to parse duration {0}: time: invalid duration \"{1}\"")]
    Duration(String, String),
    #[error("expected exactly 5 fields, found {0}: [{1}]")]
    Fields(usize, String),
    #[error("too many hyphens: {0}")]
    Hyphens(String),
    #[error("too many slashes: {0}")]
    Slashes(String),
    #[error("beginning of range ({0}) below minimum ({1}): {2}")]
    BelowMinimum(u32, u32, String),
    #[error("end of range ({0}) above maximum ({1}): {2}")]
    AboveMaximum(u32, u32, String),
    #[error("beginning of range ({0}) beyond end of range ({1}): {2}")]
    Backwards(u32, u32, String),
    #[error("step of range should be a positive number: {0}")]
    NoStep(String),
    #[error("failed to parse int from {0}: strconv.Atoi: parsing \"{0}\": invalid syntax")]
    Number(String),
}

/// The numbers a field may have, and names for them, counted from the least.
pub(super) struct Bounds {
    pub least: u32,
    pub most: u32,
    pub names: &'static [&'static str],
}

impl Bounds {
    /// The bits of a field such as `1-5,*/2`.
    pub(super) fn read(&self, field: &str) -> Result<u64, Error> {
        field.split(',').filter(|part| !part.is_empty()).try_fold(0, |bits, part| Ok(bits | self.range(part)?))
    }

    /// Upstream: `getRange`.
    fn range(&self, text: &str) -> Result<u64, Error> {
        let (span, step) = match text.split('/').collect::<Vec<_>>().as_slice() {
            [span] => (*span, None),
            [span, step] => (*span, Some(number(step)?)),
            _ => return Err(Error::Slashes(text.to_owned())),
        };
        let (from, to, star) = self.span(span, text, step.is_some())?;
        let step = step.unwrap_or(1);
        self.check((from, to, step), text)?;
        let steps = usize::try_from(step).unwrap_or(usize::MAX);
        let bits = (from..=to).step_by(steps).fold(0, |bits, number| bits | (1 << number));
        // A step makes `*` a restriction like any other.
        Ok(if star && step == 1 { bits | STAR } else { bits })
    }

    fn span(&self, span: &str, text: &str, stepped: bool) -> Result<(u32, u32, bool), Error> {
        match span.split('-').collect::<Vec<_>>().as_slice() {
            ["*" | "?", ..] => Ok((self.least, self.most, true)),
            [one] => {
                let from = self.number(one)?;
                Ok((from, if stepped { self.most } else { from }, false))
            }
            [from, to] => Ok((self.number(from)?, self.number(to)?, false)),
            _ => Err(Error::Hyphens(text.to_owned())),
        }
    }

    fn check(&self, (from, to, step): (u32, u32, u32), text: &str) -> Result<(), Error> {
        let text = text.to_owned();
        if from < self.least {
            return Err(Error::BelowMinimum(from, self.least, text));
        }
        if to > self.most {
            return Err(Error::AboveMaximum(to, self.most, text));
        }
        if from > to {
            return Err(Error::Backwards(from, to, text));
        }
        if step == 0 { Err(Error::NoStep(text)) } else { Ok(()) }
    }

    fn number(&self, text: &str) -> Result<u32, Error> {
        let named = (self.least..).zip(self.names).find(|(_, name)| name.eq_ignore_ascii_case(text));
        named.map_or_else(|| number(text), |(number, _)| Ok(number))
    }
}

fn number(text: &str) -> Result<u32, Error> {
    text.parse().map_err(|_| Error::Number(text.to_owned()))
}

/// A duration as Go writes it, such as `1h30m` or `1.5s`.
pub(super) fn duration(text: &str) -> Option<SignedDuration> {
    let mut total = SignedDuration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (amount, after) = rest.split_at(digits);
        let unit_end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, next) = after.split_at(unit_end);
        let seconds = match unit {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" => 1e-6,
            "ns" => 1e-9,
            _ => return None,
        };
        let amount: f64 = amount.parse().ok()?;
        total = total.checked_add(SignedDuration::try_from_secs_f64(amount * seconds).ok()?)?;
        rest = next;
    }
    (!text.is_empty()).then_some(total)
}
