//! Which values of a field are meant: `7`, `-1`, `1..=99`, `"text"`, or `_` for all others.

use ron::value::RawValue;
use serde::de::{Deserialize, Deserializer, Error};

use crate::number::Number;

/// Values of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pattern {
    /// `7` or `1..=99`: from the first to the last, both included.
    Range(i128, i128),
    /// `"PING"`: a text of exactly these bytes.
    Text(String),
    /// `_`: whatever no pattern before it takes.
    Others,
}

impl Pattern {
    /// Reads a pattern as it is written.
    fn parse(text: &str) -> Option<Self> {
        if text == "_" {
            return Some(Self::Others);
        }
        if text.starts_with('"') {
            return ron::from_str(text).ok().map(Self::Text);
        }
        let (first, last) = match text.split_once("..=") {
            Some((first, last)) => (integer(first.trim())?, integer(last.trim())?),
            None => (integer(text)?, integer(text)?),
        };
        (first <= last).then_some(Self::Range(first, last))
    }

    /// Whether some value is in both; `_` meets nothing.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Range(first, last), Self::Range(low, high)) => first <= high && low <= last,
            (Self::Text(one), Self::Text(other)) => one == other,
            _ => false,
        }
    }

    /// The first value that it takes, as it is written into `number`.
    pub(crate) fn first(&self, number: Number) -> Option<u64> {
        let Self::Range(first, _) = self else {
            return None;
        };
        let raw = u64::try_from(*first & i128::from(u64::MAX)).ok()?;
        (number.value(raw) == *first && number.holds(raw)).then_some(raw)
    }
}

/// A decimal, hexadecimal, octal or binary integer, perhaps with a sign.
fn integer(text: &str) -> Option<i128> {
    let (text, negative) = match text.strip_prefix('-') {
        Some(digits) => (digits, true),
        None => (text, false),
    };
    let digits = text.replace('_', "");
    let (digits, radix) = match digits.get(..2) {
        Some("0x") => (digits.get(2..)?, 16),
        Some("0o") => (digits.get(2..)?, 8),
        Some("0b") => (digits.get(2..)?, 2),
        _ => (digits.as_str(), 10),
    };
    let value = i128::from(u64::from_str_radix(digits, radix).ok()?);
    Some(if negative {
        value.wrapping_neg()
    } else {
        value
    })
}

impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Range(first, last) if first == last => write!(f, "{first}"),
            Self::Range(first, last) => write!(f, "{first}..={last}"),
            Self::Text(text) => write!(f, "{text:?}"),
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
                "`{text}` is no pattern: write a number (`7`), a range (`1..=99`), a text \
                 (`\"PING\"`) or `_` for all others"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_ranges_texts_and_the_rest_are_read() {
        let read = |text| ron::from_str::<Pattern>(text).ok();
        assert_eq!(read("7"), Some(Pattern::Range(7, 7)));
        assert_eq!(read("-1"), Some(Pattern::Range(-1, -1)));
        assert_eq!(read("0xFF_FF"), Some(Pattern::Range(0xFFFF, 0xFFFF)));
        assert_eq!(read("1..=99"), Some(Pattern::Range(1, 99)));
        assert_eq!(read(" 0b10..=0o17"), Some(Pattern::Range(2, 15)));
        assert_eq!(read("\"a\\n\""), Some(Pattern::Text("a\n".to_owned())));
        assert_eq!(read("_"), Some(Pattern::Others));
        for wrong in ["9..=1", "1..9", "x", "--1", "1.5", "\"1"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_first_value_is_the_one_that_the_integer_writes() {
        let number = Number::big(2);
        assert_eq!(Pattern::Range(3, 9).first(number), Some(3));
        assert_eq!(Pattern::Range(0x1_0000, 0x1_0000).first(number), None);
        assert_eq!(Pattern::Range(-1, -1).first(number), None);
    }
}
