//! Durations and shares as the command line writes them.

use std::time::Duration;

/// Reads a duration with its unit, for instance `5ms`, `1.5s`, `200us`, `2m`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let wrong =
        || format!("`{text}` is no duration; write a number and a unit: 200us, 5ms, 1.5s or 2m");
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text.get(digits.len()..) {
        Some("us") => 1e-6,
        Some("ms") => 1e-3,
        Some("s") => 1.0,
        Some("m") => 60.0,
        _ => return Err(wrong()),
    };
    let number: f64 = digits.trim().parse().map_err(|_| wrong())?;
    Duration::try_from_secs_f64(number * unit).map_err(|_| wrong())
}

/// Reads a share from 0 to 1: `0.01`, `1%` or `1/100`.
pub(crate) fn share(text: &str) -> Result<f64, String> {
    let value = if let Some(percent) = text.strip_suffix('%') {
        percent.trim().parse::<f64>().ok().map(|n| n / 100.0)
    } else if let Some((part, whole)) = text.split_once('/') {
        match (part.trim().parse::<f64>(), whole.trim().parse::<f64>()) {
            (Ok(part), Ok(whole)) => Some(part / whole),
            _ => None,
        }
    } else {
        text.parse().ok()
    };
    value
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or_else(|| {
            format!("`{text}` is no share; write a number from 0 to 1: 0.01, 1% or 1/100")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        assert_eq!(duration("5ms"), Ok(Duration::from_millis(5)));
        assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("200us"), Ok(Duration::from_micros(200)));
        for wrong in ["5", "ms", "-1s", "5 parsecs", ""] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn shares_lie_between_nothing_and_all() {
        assert_eq!(share("1/500"), Ok(0.002));
        assert_eq!(share("0.25"), Ok(0.25));
        assert_eq!(share("50%"), Ok(0.5));
        for wrong in ["2", "-0.1", "1/0", "0/0", "many"] {
            assert!(share(wrong).is_err(), "{wrong}");
        }
    }
}
