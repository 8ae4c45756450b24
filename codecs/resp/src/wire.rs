//! The two things that every RESP element is made of: lines that end in CR LF, and lengths.
//!
//! Lowest layer of this crate: knows positions in one frame, but neither commands nor limits.
//! Source: the RESP specification, "Redis serialization protocol specification", sections on
//! simple and bulk strings.

use weft_codec::Malformed;

/// The fewest bytes of a bulk string: `$0`, CR LF, CR LF.
pub(crate) const BULK_BYTES_MIN: u64 = 6;
/// The fewest bytes of any element of an answer: `_`, CR LF.
pub(crate) const ELEMENT_BYTES_MIN: u64 = 3;
/// Digits of the largest length that is read; more are malformed whatever they say.
const DIGITS_MAX: usize = 10;

/// A number that a header line carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Number {
    /// The line is not complete.
    Unfinished,
    /// `-1`: null; and the offset after the line.
    Null(usize),
    /// A count or length, and the offset after the line.
    Some(u64, usize),
}

/// Reads the number of the header line whose type byte is at `at`.
///
/// Redis writes and reads numbers without plus sign and leading zeros; anything else is
/// refused, because two readers might take it differently.
///
/// # Errors
/// The offset of the byte that cannot be.
#[inline]
pub(crate) fn number(frame: &[u8], at: usize) -> Result<Number, Malformed> {
    let digits = at.saturating_add(1);
    let digit = |byte: &u8| u64::from(byte.wrapping_sub(b'0'));
    // Almost every header has up to three digits: `$3`, CR LF.
    match frame.get(digits..) {
        Some([ones @ b'0'..=b'9', b'\r', b'\n', ..]) => {
            Ok(Number::Some(digit(ones), digits.saturating_add(3)))
        }
        Some([tens @ b'1'..=b'9', ones @ b'0'..=b'9', b'\r', b'\n', ..]) => {
            let value = digit(tens).wrapping_mul(10).wrapping_add(digit(ones));
            Ok(Number::Some(value, digits.saturating_add(4)))
        }
        Some(
            [
                hundreds @ b'1'..=b'9',
                tens @ b'0'..=b'9',
                ones @ b'0'..=b'9',
                b'\r',
                b'\n',
                ..,
            ],
        ) => {
            let tens = digit(hundreds).wrapping_mul(10).wrapping_add(digit(tens));
            let value = tens.wrapping_mul(10).wrapping_add(digit(ones));
            Ok(Number::Some(value, digits.saturating_add(5)))
        }
        _ => long_number(frame, digits),
    }
}

#[inline(never)]
fn long_number(frame: &[u8], digits: usize) -> Result<Number, Malformed> {
    let rest = frame.get(digits..).unwrap_or_default();
    match rest {
        [b'-', b'1', b'\r', b'\n', ..] => {
            return Ok(Number::Null(digits.saturating_add(4)));
        }
        [] | [b'-'] | [b'-', b'1'] | [b'-', b'1', b'\r'] => return Ok(Number::Unfinished),
        [b'?', ..] => {
            return Err(Malformed::new(
                digits,
                "streamed strings and aggregates (RESP3 `?`) are not supported: expected a length",
            ));
        }
        [b'0', b'0'..=b'9', ..] => {
            return Err(Malformed::new(digits, "a length with a leading zero"));
        }
        _ => {}
    }
    let mut value = 0_u64;
    for (index, byte) in rest.iter().enumerate() {
        let here = digits.saturating_add(index);
        match byte {
            b'0'..=b'9' if index < DIGITS_MAX => {
                value = value
                    .wrapping_mul(10)
                    .wrapping_add(u64::from(byte.wrapping_sub(b'0')));
            }
            b'0'..=b'9' => return Err(Malformed::new(here, "a length of more than 10 digits")),
            b'\r' if index > 0 => {
                let feed = here.saturating_add(1);
                return match frame.get(feed) {
                    None => Ok(Number::Unfinished),
                    Some(b'\n') => Ok(Number::Some(value, feed.saturating_add(1))),
                    Some(_) => Err(Malformed::new(feed, "expected LF after CR")),
                };
            }
            _ => {
                return Err(Malformed::new(
                    here,
                    "expected a digit of a length, or CR LF",
                ));
            }
        }
    }
    Ok(Number::Unfinished)
}

/// Checks the CR LF that ends a bulk string at `at`; both bytes are there.
///
/// # Errors
/// The offset of the byte that is neither.
#[inline]
pub(crate) fn bulk_end(frame: &[u8], at: usize) -> Result<(), Malformed> {
    match frame.get(at..at.saturating_add(2)) {
        Some(b"\r\n") => Ok(()),
        _ => Err(Malformed::new(
            at,
            "expected CR LF after the bytes of a bulk string",
        )),
    }
}

/// Finds the end of the line that is searched from `from`: the offset after its CR LF, or
/// `None` if it is not there yet.
///
/// # Errors
/// The offset of a CR without LF, or of an LF without CR: readers differ about those.
#[inline]
pub(crate) fn line_end(frame: &[u8], from: usize) -> Result<Option<usize>, Malformed> {
    let rest = frame.get(from..).unwrap_or_default();
    let Some(stop) = first_break(rest) else {
        return Ok(None);
    };
    let at = from.saturating_add(stop);
    match (rest.get(stop), rest.get(stop.saturating_add(1))) {
        (Some(b'\r'), Some(b'\n')) => Ok(Some(at.saturating_add(2))),
        (Some(b'\r'), None) => Ok(None),
        (Some(b'\r'), Some(_)) => Err(Malformed::new(at, "CR without LF inside a line")),
        _ => Err(Malformed::new(at, "LF without CR inside a line")),
    }
}

/// The first CR or LF. Lines are short, so a few bytes are looked at before `memchr` is
/// worth its start.
#[inline]
fn first_break(rest: &[u8]) -> Option<usize> {
    const SHORT: usize = 12;
    let short = rest.get(..SHORT).unwrap_or(rest);
    if let Some(found) = short.iter().position(|byte| matches!(byte, b'\r' | b'\n')) {
        return Some(found);
    }
    let long = rest.get(SHORT..)?;
    memchr::memchr2(b'\r', b'\n', long).map(|found| found.saturating_add(SHORT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_to_their_line_end() {
        assert_eq!(number(b"$3\r\nabc", 0), Ok(Number::Some(3, 4)));
        assert_eq!(number(b"$16\r\nabc", 0), Ok(Number::Some(16, 5)));
        assert_eq!(number(b"$128\r\nabc", 0), Ok(Number::Some(128, 6)));
        assert_eq!(number(b"$907\r\nabc", 0), Ok(Number::Some(907, 6)));
        assert_eq!(number(b"*1048576\r\n", 0), Ok(Number::Some(1_048_576, 10)));
        assert_eq!(number(b"$-1\r\n", 0), Ok(Number::Null(5)));
        assert_eq!(number(b"$4294967296\r\n", 0), Ok(Number::Some(1 << 32, 13)));
    }

    #[test]
    fn every_beginning_of_a_length_is_unfinished() {
        for line in [&b"$123\r\n"[..], b"$-1\r\n", b"$0\r\n"] {
            for end in 1..line.len() {
                assert_eq!(number(&line[..end], 0), Ok(Number::Unfinished));
            }
        }
    }

    #[test]
    fn lengths_that_two_readers_might_take_differently_are_refused() {
        for line in [
            &b"$+3\r\n"[..],
            b"$03\r\n",
            b"$ 3\r\n",
            b"$\r\n",
            b"$3\n",
            b"$3\rx",
            b"$-2\r\n",
            b"$?\r\n",
            b"$12345678901\r\n",
        ] {
            assert!(number(line, 0).is_err(), "{}", line.escape_ascii());
        }
    }

    #[test]
    fn a_line_ends_only_at_cr_lf() {
        assert_eq!(line_end(b"+OK\r\n", 1), Ok(Some(5)));
        assert_eq!(line_end(b"+OK\r", 1), Ok(None));
        assert_eq!(line_end(b"+a long line of words\r\n", 1), Ok(Some(23)));
        assert_eq!(line_end(b"+a\nb\r\n", 1).map_err(|e| e.at), Err(2));
        assert_eq!(line_end(b"+a\rb\r\n", 1).map_err(|e| e.at), Err(2));
    }
}
