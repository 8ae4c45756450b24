//! Which values of an integer are meant: `7`, `1..=99`, or `_` for all others.

use ron::value::RawValue;
use serde::de::{Deserialize, Deserializer, Error};

/// Values of an integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pattern {
    /// `7` or `1..=99`: from the first to the last, both included.
    Range(u64, u64),
    /// `_`: whatever no pattern before it takes.
    Others,
}

impl Pattern {
    /// Reads a pattern as it is written.
    fn parse(text: &str) -> Option<Self> {
        if text == "_" {
            return Some(Self::Others);
        }
        let (first, last) = match text.split_once("..=") {
            Some((first, last)) => (integer(first.trim())?, integer(last.trim())?),
            None => (integer(text)?, integer(text)?),
        };
        (first <= last).then_some(Self::Range(first, last))
    }

    /// Whether some value is in both; `_` meets nothing.
    pub(crate) fn meets(self, other: Self) -> bool {
        match (self, other) {
            (Self::Range(first, last), Self::Range(low, high)) => first <= high && low <= last,
            _ => false,
        }
    }
}

/// A decimal, hexadecimal, octal or binary integer.
fn integer(text: &str) -> Option<u64> {
    let digits = text.replace('_', "");
    let (digits, radix) = match digits.get(..2) {
        Some("0x") => (digits.get(2..)?, 16),
        Some("0o") => (digits.get(2..)?, 8),
        Some("0b") => (digits.get(2..)?, 2),
        _ => (digits.as_str(), 10),
    };
    u64::from_str_radix(digits, radix).ok()
}

impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Range(first, last) if first == last => write!(f, "{first}"),
            Self::Range(first, last) => write!(f, "{first}..={last}"),
            Self::Others => f.write_str("_"),
        }
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let text = raw.get_ron().trim();
        Self::parse(text).ok_or_else(|| {
            D::Error::custom(format_args!(
                "`{text}` is no pattern: write a number (`7`), a range (`1..=99`) or `_` for all \
                 others"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_ranges_and_the_rest_are_read() {
        let read = |text| ron::from_str::<Pattern>(text).ok();
        assert_eq!(read("7"), Some(Pattern::Range(7, 7)));
        assert_eq!(read("0xFF_FF"), Some(Pattern::Range(0xFFFF, 0xFFFF)));
        assert_eq!(read("1..=99"), Some(Pattern::Range(1, 99)));
        assert_eq!(read(" 0b10..=0o17"), Some(Pattern::Range(2, 15)));
        assert_eq!(read("_"), Some(Pattern::Others));
        for wrong in ["9..=1", "1..9", "x", "-1", "\"1\"", "1.5"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
