//! Values as people write them: numbers, words, durations such as `250ms`, sizes such as
//! `64KiB`. Nothing here knows where a value stands.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

/// A scalar as it was written. Which one fits is checked later, so that one wrong value does
/// not hide the mistakes behind it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Written {
    /// A text in quotes.
    Text(String),
    /// A whole number that is not negative.
    Whole(u64),
    /// Any other number.
    Number(f64),
    /// A bare word; which one, only the text tells.
    Word,
}

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Scalar)
    }
}

struct Scalar;

impl de::Visitor<'_> for Scalar {
    type Value = Written;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, a word or a text in quotes")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Written, E> {
        Ok(Written::Text(text.to_owned()))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Written, E> {
        Ok(Written::Whole(number))
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "only its sign matters: it is refused"
    )]
    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Written, E> {
        Ok(u64::try_from(number).map_or(Written::Number(number as f64), Written::Whole))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Written, E> {
        Ok(Written::Number(number))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Written, E> {
        Ok(Written::Word)
    }
}

/// Units of durations, smallest first, with their nanoseconds.
const DURATIONS: [(&str, u64); 7] = [
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

/// Units of sizes, smallest first, with their bytes.
const SIZES: [(&str, u64); 4] = [
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

/// Reads `250ms`, `1.5s`, `1m`.
///
/// # Errors
/// How to write it.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    const HELP: &str = "write a number and one of ms, s, m, h, d, for instance \"250ms\"";
    scaled(text, &DURATIONS)
        .map(Duration::from_nanos)
        .ok_or_else(|| HELP.to_owned())
}

/// Reads `512B`, `64KiB`, `1.5MiB`.
///
/// # Errors
/// How to write it.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    scaled(text, &SIZES).ok_or_else(|| {
        let unit = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.' || c == ' ');
        match unit.to_ascii_lowercase().as_str() {
            "k" | "kb" | "kib" => "sizes are written in units of 1,024: \"64KiB\"".to_owned(),
            "m" | "mb" | "mib" => "sizes are written in units of 1,024: \"16MiB\"".to_owned(),
            "g" | "gb" | "gib" => "sizes are written in units of 1,024: \"1GiB\"".to_owned(),
            _ => "write bytes as a number, or a number and one of B, KiB, MiB, GiB, for \
                  instance \"64KiB\""
                .to_owned(),
        }
    })
}

/// A decimal number and a unit, without a loss for whole numbers.
fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end)?;
    let unit = unit.trim_start();
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let scaled = whole.parse::<u64>().ok()?.checked_mul(*factor)?;
    // Nine digits behind the point are more than any unit needs.
    if part.len() > 9 || number.ends_with('.') {
        return None;
    }
    let mut digits = 0u128;
    let mut divisor = 1u128;
    for digit in part.bytes() {
        digits = digits * 10 + u128::from(digit.checked_sub(b'0').filter(|d| *d < 10)?);
        divisor *= 10;
    }
    let fraction = u64::try_from(digits * u128::from(*factor) / divisor).ok()?;
    scaled.checked_add(fraction)
}

/// Writes a duration as it would be written by hand: `250ms`, `2s`.
pub(crate) fn show_duration(duration: Duration) -> String {
    show(
        u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX),
        &DURATIONS,
        "s",
    )
}

/// Writes a size as it would be written by hand: `64KiB`.
pub(crate) fn show_size(bytes: u64) -> String {
    show(bytes, &SIZES, "B")
}

/// The largest unit that leaves a whole number.
fn show(value: u64, units: &[(&str, u64)], zero: &str) -> String {
    if value == 0 {
        return format!("0{zero}");
    }
    units
        .iter()
        .rev()
        .find(|(_, factor)| value.is_multiple_of(*factor))
        .map_or_else(
            || value.to_string(),
            |(unit, factor)| format!("{}{unit}", value / factor),
        )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_are_a_number_and_a_unit() {
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1_500)));
        assert_eq!(duration("2 m"), Ok(Duration::from_secs(120)));
        assert_eq!(duration("0s"), Ok(Duration::ZERO));
    }

    #[test]
    fn what_is_no_duration_says_how_to_write_one() {
        for text in [
            "",
            "10",
            "s",
            "-1s",
            "1.s",
            "1..5s",
            "1e3s",
            "5 sec",
            "99999999999999d",
        ] {
            assert!(
                duration(text).unwrap_err().contains("\"250ms\""),
                "{text:?}"
            );
        }
    }

    #[test]
    fn sizes_are_in_units_of_1024_and_say_so() {
        assert_eq!(size("64KiB"), Ok(65_536));
        assert_eq!(size("1.5MiB"), Ok(1_572_864));
        assert_eq!(size("12B"), Ok(12));
        assert!(size("64kb").unwrap_err().contains("\"64KiB\""));
        assert!(size("64 parsecs").is_err());
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(nanos in any::<u64>(), bytes in any::<u64>()) {
            let shown = Duration::from_nanos(nanos);
            prop_assert_eq!(duration(&show_duration(shown)), Ok(shown));
            prop_assert_eq!(size(&show_size(bytes)), Ok(bytes));
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".*") {
            let _ = duration(&text);
            let _ = size(&text);
        }
    }
}
