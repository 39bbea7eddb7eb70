//! Quantities of resources, such as `500m`, `1.5Gi` or `1e3`: exact, and printed as Kubernetes prints them
//! (`apimachinery/pkg/api/resource`). It must not know which resource is counted.

use std::cmp::Ordering;
use std::fmt;
use std::iter::Sum;
use std::ops::{Add, Sub};
use std::str::FromStr;

use serde_json::Value;

const NANOS: i128 = 1_000_000_000;
/// Upstream holds quantities between plus and minus 2^63 - 1 and cuts off what is beyond.
const MOST: i128 = (i64::MAX as i128) * NANOS;

const BINARY: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
const DECIMAL: [&str; 10] = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];

/// An amount of something, exact down to a billionth. Two quantities are equal if they amount to the same.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quantity {
    nanos: i128,
    format: Format,
}

/// The family of suffixes a quantity is printed with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// `m`, `k`, `M`, …
    #[default]
    DecimalSi,
    /// `Ki`, `Mi`, …
    BinarySi,
    /// `e3`, `e6`, …
    DecimalExponent,
}

/// Why a text is no quantity, in the words of Kubernetes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It does not look like a quantity.
    #[error("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")]
    Format,
    /// The suffix is none that is known.
    #[error("unable to parse quantity's suffix")]
    Suffix,
    /// The number is none.
    #[error("unable to parse numeric part of quantity")]
    Number,
}

impl Quantity {
    /// A whole amount.
    #[must_use]
    pub fn from_units(units: i64) -> Self {
        Self { nanos: i128::from(units) * NANOS, format: Format::DecimalSi }
    }

    /// An amount of thousandths.
    #[must_use]
    pub fn from_milli(milli: i64) -> Self {
        Self { nanos: i128::from(milli) * (NANOS / 1000), format: Format::DecimalSi }
    }

    /// This amount, printed with suffixes of this family.
    #[must_use]
    pub fn with_format(self, format: Format) -> Self {
        Self { format, ..self }
    }

    /// The quantity a JSON string or number stands for.
    ///
    /// # Errors
    /// If it is none.
    pub fn from_value(value: &Value) -> Result<Self, Error> {
        match value {
            Value::String(text) => text.parse(),
            Value::Number(number) => number.to_string().parse(),
            _ => Err(Error::Format),
        }
    }

    /// The amount in units, rounded away from zero, as `Quantity.Value`.
    #[must_use]
    pub fn value(&self) -> i64 {
        to_i64(divide(self.nanos, NANOS))
    }

    /// The amount in thousandths, rounded away from zero, as `Quantity.MilliValue`.
    #[must_use]
    pub fn milli_value(&self) -> i64 {
        to_i64(divide(self.nanos, NANOS / 1000))
    }

    /// Whether the amount is nothing.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.nanos == 0
    }

    /// Whether the amount is below zero.
    #[must_use]
    pub fn is_negative(&self) -> bool {
        self.nanos < 0
    }

    fn combined(self, other: Self, nanos: i128) -> Self {
        let format = if self.is_zero() { other.format } else { self.format };
        Self { nanos: nanos.clamp(-MOST, MOST), format }
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.nanos == other.nanos
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.nanos.cmp(&other.nanos)
    }
}

/// Keeps the left one's suffixes, unless it is zero.
impl Add for Quantity {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        self.combined(other, self.nanos + other.nanos)
    }
}

/// Keeps the left one's suffixes, unless it is zero.
impl Sub for Quantity {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self.combined(other, self.nanos - other.nanos)
    }
}

impl Sum for Quantity {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::default(), Add::add)
    }
}

impl FromStr for Quantity {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (negative, rest) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, suffix) = rest.split_at(end);
        if number.is_empty() || !suffix.bytes().all(|b| b.is_ascii_digit() || b"eEinumkKMGTP+-".contains(&b)) {
            return Err(Error::Format);
        }
        let (base, exponent, format) = read_suffix(suffix)?;
        let nanos = read_number(number)?.scaled(base, exponent);
        Ok(Self { nanos: if negative { -nanos } else { nanos }, format })
    }
}

/// The suffix as a power: of 2 (by tens) or of 10.
fn read_suffix(suffix: &str) -> Result<(i128, i32, Format), Error> {
    if let Some(power) = BINARY.iter().skip(1).position(|name| *name == suffix) {
        return Ok((1024, power as i32 + 1, Format::BinarySi));
    }
    if let Some(power) = DECIMAL.iter().position(|name| *name == suffix) {
        return Ok((10, 3 * (power as i32 - 3), Format::DecimalSi));
    }
    let exponent = suffix.strip_prefix(['e', 'E']).ok_or(Error::Suffix)?;
    let exponent = exponent.parse::<i32>().map_err(|_| Error::Suffix)?;
    Ok((10, exponent, Format::DecimalExponent))
}

/// A decimal number: digits, and how many of them stand behind the point.
struct Decimal {
    digits: i128,
    fraction: i32,
    /// Whether digits too small to matter were cut off: the amount is then rounded up.
    inexact: bool,
}

fn read_number(text: &str) -> Result<Decimal, Error> {
    /// Finer than a billionth of an `Ei` needs nobody; it keeps all arithmetic below within 128 bits.
    const FRACTION_MAX: usize = 18;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.contains('.') || (whole.is_empty() && fraction.is_empty()) {
        return Err(Error::Number);
    }
    let (fraction, rest) = fraction.split_at(fraction.len().min(FRACTION_MAX));
    let inexact = rest.bytes().any(|digit| digit != b'0');
    let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().unwrap_or(MOST).min(MOST) };
    let small: i128 = if fraction.is_empty() { 0 } else { fraction.parse().map_err(|_| Error::Number)? };
    let places = fraction.len() as i32;
    let digits = whole.saturating_mul(10_i128.pow(places.unsigned_abs())).saturating_add(small);
    Ok(Decimal { digits, fraction: places, inexact })
}

impl Decimal {
    /// The number times a power, in billionths, rounded up and cut off at the most there can be.
    fn scaled(&self, base: i128, exponent: i32) -> i128 {
        let (factor, shift) = if base == 10 { (1, exponent) } else { (base.pow(exponent.unsigned_abs()), 0) };
        let digits = self.digits.saturating_mul(factor);
        // 9: from units to billionths.
        let shift = shift.saturating_sub(self.fraction).saturating_add(9);
        let nanos = match 10_i128.checked_pow(shift.unsigned_abs()) {
            _ if digits == 0 => 0,
            Some(power) if shift >= 0 => digits.saturating_mul(power),
            Some(power) => divide(digits, power),
            None if shift >= 0 => MOST,
            None => 1,
        };
        nanos.saturating_add(i128::from(self.inexact)).min(MOST)
    }
}

/// Prints the canonical form: no fraction, the largest suffix that keeps the amount exact.
impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = self.nanos / NANOS;
        let is_whole = self.nanos % NANOS == 0;
        if self.nanos == 0 {
            return f.write_str("0");
        }
        if self.format == Format::BinarySi && is_whole && units.abs() >= 1024 {
            let (number, power) = reduce(units, 1024, BINARY.len() - 1);
            return write!(f, "{number}{}", BINARY[power]);
        }
        let (number, power) = reduce(self.nanos, 1000, DECIMAL.len() - 1);
        match (self.format, 3 * (power as i32 - 3)) {
            (Format::DecimalExponent, 0) => write!(f, "{number}"),
            (Format::DecimalExponent, exponent) => write!(f, "{number}e{exponent}"),
            _ => write!(f, "{number}{}", DECIMAL[power]),
        }
    }
}

fn reduce(mut number: i128, base: i128, most: usize) -> (i128, usize) {
    let mut power = 0;
    while power < most && number % base == 0 {
        number /= base;
        power += 1;
    }
    (number, power)
}

/// Division that rounds away from zero, as upstream rounds quantities.
fn divide(number: i128, by: i128) -> i128 {
    number / by + (number % by).signum()
}

fn to_i64(number: i128) -> i64 {
    i64::try_from(number).unwrap_or(if number < 0 { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> String {
        text.parse::<Quantity>().map_or_else(|error| error.to_string(), |quantity| quantity.to_string())
    }

    #[test]
    fn canonical_forms() {
        let cases = [
            ("1000m", "1"),
            ("0.5", "500m"),
            ("1024Ki", "1Mi"),
            ("1.5Gi", "1536Mi"),
            ("0.5Ki", "512"),
            ("1.1Ki", "1126400m"),
            ("1e3", "1e3"),
            ("1E3", "1e3"),
            ("12e4", "120e3"),
            ("1E", "1E"),
            ("2000000", "2M"),
            ("1025", "1025"),
            ("1025Ki", "1025Ki"),
            ("0.1n", "1n"),
            ("-0.1n", "-1n"),
            ("1u", "1u"),
            ("+5", "5"),
            (".5", "500m"),
            ("5.", "5"),
            ("0Mi", "0"),
            ("-0", "0"),
            ("9223372036854775807", "9223372036854775807"),
            ("99999999999999999999999999999999999999999999", "9223372036854775807"),
            ("1e99", "9223372036854775807"),
            ("1e-99", "1e-9"),
            ("10Ei", "9223372036854775807"),
            ("1.000000000000000000000000001Gi", "1073741824000000001n"),
        ];
        for (text, expected) in cases {
            assert_eq!(canonical(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_quantity() {
        for text in ["", "abc", "-", "1 Gi", "1GiB", "0x10"] {
            assert_eq!(text.parse::<Quantity>(), Err(Error::Format), "{text}");
        }
        for text in ["1ki", "1mm", "1e", "1K", "1e1.5"] {
            assert!(text.parse::<Quantity>().is_err(), "{text}");
        }
        assert_eq!("1.2.3".parse::<Quantity>(), Err(Error::Number));
    }

    #[test]
    fn arithmetic() {
        let parse = |text: &str| text.parse::<Quantity>().unwrap();
        assert_eq!((parse("1Gi") + parse("512Mi")).to_string(), "1536Mi");
        assert_eq!((parse("0") + parse("1Gi")).to_string(), "1Gi");
        assert_eq!((parse("1") - parse("100m")).to_string(), "900m");
        assert!(parse("1Gi") > parse("1G") && parse("1000m") == parse("1"));
        assert_eq!((parse("1500m").value(), parse("1500m").milli_value(), parse("1u").milli_value()), (2, 1500, 1));
        assert_eq!(["100m", "0.2"].map(parse).into_iter().sum::<Quantity>().to_string(), "300m");
        assert_eq!(Quantity::from_value(&serde_json::json!(2)).unwrap().to_string(), "2");
        assert_eq!(Quantity::from_milli(1500).to_string(), "1500m");
    }
}
