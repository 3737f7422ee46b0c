//! Quantities as Compose writes them: durations, byte sizes, CPU shares, port ranges. Parsing and printing only.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A quantity that does not read as one; the text says what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UnitError(String);

macro_rules! as_text {
    ($name:ident, $describe:literal) => {
        impl TryFrom<String> for $name {
            type Error = UnitError;

            fn try_from(text: String) -> Result<Self, UnitError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> String {
                value.to_string()
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "description": $describe })
            }
        }
    };
}

/// A span of time, to the nanosecond; written as Compose does: `1m30s`, `500ms`, and `d`, `w` besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span(pub Duration);

impl Span {
    /// A span of whole seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// The span in nanoseconds, as Docker's API counts; at most `i64::MAX`.
    pub fn nanos(self) -> i64 {
        i64::try_from(self.0.as_nanos()).unwrap_or(i64::MAX)
    }

    /// The span in seconds, rounded up.
    pub fn whole_seconds(self) -> u64 {
        self.0.as_secs() + u64::from(self.0.subsec_nanos() > 0)
    }

    /// A span from Docker's nanoseconds; what is negative counts as none.
    pub fn from_nanos(nanos: i64) -> Self {
        Self(Duration::from_nanos(u64::try_from(nanos).unwrap_or(0)))
    }
}

const DURATION_UNITS: [(&str, u128); 8] = [
    ("w", 604_800_000_000_000),
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

impl FromStr for Span {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let wrong = || UnitError(format!("{text:?} is not a duration: write it as 10s, 1m30s or 500ms"));
        let mut rest = text.trim();
        if rest == "0" {
            return Ok(Self::default());
        }
        let mut total: u128 = 0;
        if rest.is_empty() {
            return Err(wrong());
        }
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
            let (number, tail) = rest.split_at(digits);
            let letters = tail
                .find(|c: char| c.is_ascii_digit() || c == '.')
                .unwrap_or(tail.len());
            let (unit, tail) = tail.split_at(letters);
            let (_, size) = DURATION_UNITS
                .iter()
                .find(|(name, _)| *name == unit)
                .ok_or_else(wrong)?;
            let (whole, part) = number.split_once('.').unwrap_or((number, ""));
            let whole: u128 = whole.parse::<u64>().map_err(|_| wrong())?.into();
            total = total.saturating_add(whole.saturating_mul(*size));
            let mut scale = *size;
            for digit in part.chars() {
                scale /= 10;
                total = total.saturating_add(u128::from(digit.to_digit(10).ok_or_else(wrong)?) * scale);
            }
            rest = tail;
        }
        let nanos = u64::try_from(total).map_err(|_| UnitError(format!("{text:?} is too long a time")))?;
        Ok(Self(Duration::from_nanos(nanos)))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut nanos = self.0.as_nanos();
        if nanos == 0 {
            return f.pad("0s");
        }
        let mut text = String::new();
        for (unit, size) in DURATION_UNITS.iter().skip(1) {
            let count = nanos / size;
            if count > 0 {
                text.push_str(&format!("{count}{unit}"));
                nanos %= size;
            }
        }
        f.pad(&text)
    }
}

as_text!(Span, "a duration such as 10s, 1m30s, 500ms");

/// A number of bytes; units are binary (`256M`, `256MB` and `256MiB` are the same), as Compose has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Bytes(pub u64);

impl FromStr for Bytes {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let wrong = || UnitError(format!("{text:?} is not a size: write it as 256M, 1.5G or 1048576"));
        let trimmed = text.trim();
        let digits = trimmed
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(trimmed.len());
        let (number, unit) = trimmed.split_at(digits);
        let shift = match unit.trim().to_ascii_lowercase().as_str() {
            "" | "b" => 0,
            "k" | "kb" | "kib" => 10,
            "m" | "mb" | "mib" => 20,
            "g" | "gb" | "gib" => 30,
            "t" | "tb" | "tib" => 40,
            "p" | "pb" | "pib" => 50,
            _ => return Err(wrong()),
        };
        let (whole, part) = number.split_once('.').unwrap_or((number, ""));
        let scale = 1u64 << shift;
        let total = whole
            .parse::<u64>()
            .ok()
            .and_then(|n| n.checked_mul(scale))
            .ok_or_else(wrong)?;
        // All digits at once: tenth by tenth, each would be rounded down. 18 of them are below a byte of any unit.
        let digits = part.get(..18).unwrap_or(part);
        let fraction = match digits {
            "" => 0,
            digits => digits.parse::<u64>().map_err(|_| wrong())?,
        };
        let parts = (0..digits.len()).fold(1u128, |parts, _| parts * 10);
        let fraction = u128::from(fraction) * u128::from(scale) / parts;
        let total = total.saturating_add(u64::try_from(fraction).unwrap_or(u64::MAX));
        Ok(Self(total))
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit, shift) in [("P", 50), ("T", 40), ("G", 30), ("M", 20), ("K", 10)] {
            if self.0 != 0 && self.0.is_multiple_of(1 << shift) {
                return f.pad(&format!("{}{unit}", self.0 >> shift));
            }
        }
        f.pad(&self.0.to_string())
    }
}

as_text!(Bytes, "a size in bytes such as 256M, 1G or 1048576; units are binary");

/// CPU time in billionths of one CPU, as Docker's `NanoCpus`; written as a decimal: `0.5`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cpus(pub u64);

impl Cpus {
    /// One whole CPU.
    pub const PER_CPU: u64 = 1_000_000_000;
}

impl FromStr for Cpus {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let wrong = || {
            UnitError(format!(
                "{text:?} is not a number of CPUs: write it as \"0.5\" or \"2\""
            ))
        };
        let (whole, part) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
        if part.len() > 9 || (whole.is_empty() && part.is_empty()) {
            return Err(wrong());
        }
        let whole: u64 = if whole.is_empty() {
            0
        } else {
            whole.parse().map_err(|_| wrong())?
        };
        let part: u64 = format!("{part:0<9}").parse().map_err(|_| wrong())?;
        whole
            .checked_mul(1_000_000_000)
            .and_then(|n| n.checked_add(part))
            .map(Self)
            .ok_or_else(wrong)
    }
}

impl fmt::Display for Cpus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0 / 1_000_000_000, self.0 % 1_000_000_000);
        if part == 0 {
            return f.pad(&whole.to_string());
        }
        f.pad(format!("{whole}.{part:09}").trim_end_matches('0'))
    }
}

as_text!(Cpus, "a number of CPUs as a decimal, such as \"0.5\"");

/// CPU time and memory that a container is promised, or several are: it counts for placement only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct Reserved {
    /// CPUs.
    pub cpus: Cpus,
    /// Memory.
    pub memory: Bytes,
}

impl Reserved {
    /// Whether nothing is promised.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

impl Reserved {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            cpus: Cpus(self.cpus.0.saturating_add(other.cpus.0)),
            memory: Bytes(self.memory.0.saturating_add(other.memory.0)),
        }
    }

    /// What is left of it without the other.
    #[must_use]
    pub fn less(self, other: Self) -> Self {
        Self {
            cpus: Cpus(self.cpus.0.saturating_sub(other.cpus.0)),
            memory: Bytes(self.memory.0.saturating_sub(other.memory.0)),
        }
    }
}

impl std::iter::Sum for Reserved {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), Self::plus)
    }
}

/// A range of ports, both ends in it: `20000-29999`, or one port alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PortRange {
    first: u16,
    last: u16,
}

impl PortRange {
    /// The range from `first` to `last`, both in it; none where `first` is 0 or above `last`.
    pub fn new(first: u16, last: u16) -> Option<Self> {
        (first > 0 && first <= last).then_some(Self { first, last })
    }

    /// Every port of the range, in ascending order.
    pub fn ports(self) -> std::ops::RangeInclusive<u16> {
        self.first..=self.last
    }
}

impl FromStr for PortRange {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        first
            .trim()
            .parse()
            .ok()
            .zip(last.trim().parse().ok())
            .and_then(|(first, last)| Self::new(first, last))
            .ok_or_else(|| {
                UnitError(format!(
                    "{text:?} is not a port or a range of ports: write it as 8080 or 20000-29999"
                ))
            })
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            return f.pad(&self.first.to_string());
        }
        f.pad(&format!("{}-{}", self.first, self.last))
    }
}

as_text!(PortRange, "a port or a range of ports such as 20000-29999");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_read_as_compose_reads_them() -> Result<(), UnitError> {
        assert_eq!("1m30s".parse::<Span>()?, Span::seconds(90));
        assert_eq!("1.5s".parse::<Span>()?.to_string(), "1s500ms");
        assert_eq!("2w".parse::<Span>()?.to_string(), "14d");
        assert_eq!("256MB".parse::<Bytes>()?, Bytes(256 << 20));
        assert_eq!("1.5g".parse::<Bytes>()?.to_string(), "1536M");
        assert_eq!("0.5".parse::<Cpus>()?, Cpus(500_000_000));
        assert_eq!(Cpus(1_250_000_000).to_string(), "1.25");
        assert_eq!("20000-29999".parse::<PortRange>()?.to_string(), "20000-29999");
        for wrong in ["", "10", "s", "1x", "-1s"] {
            assert!(wrong.parse::<Span>().is_err(), "{wrong}");
        }
        assert!("9-3".parse::<PortRange>().is_err());
        assert!("0".parse::<PortRange>().is_err());
        Ok(())
    }
}
