//! Inline commands: one line of words, as telnet users and `redis-benchmark` send them.
//!
//! Called by [`crate::request`] for a request that does not begin with `*`. Splits words as
//! Redis does (`sdssplitargs` in its `sds.c`), and is stricter where Redis would accept bytes
//! that no one types: a line that the server might read differently is refused.

use std::borrow::Cow;

use weft_codec::{Limits, Malformed, ScanState};

/// The longest inline command: `PROTO_INLINE_MAX_SIZE` of Redis.
const LINE_BYTES_MAX: usize = 64 << 10;

/// How far a line was found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// It ends before this offset.
    Ends(usize),
    /// So many bytes must be there before another look.
    Need(usize),
}

/// Finds the end of an inline command and checks its characters.
///
/// # Errors
/// [`Malformed`]: another protocol, a control character, a line that is too long.
pub(crate) fn line(
    frame: &[u8],
    limits: &Limits,
    state: &mut ScanState,
) -> Result<Line, Malformed> {
    if state.walked == 0 {
        first_byte(frame)?;
    }
    let bytes_max = LINE_BYTES_MAX
        .min(usize::try_from(limits.head_bytes_max).unwrap_or(usize::MAX))
        .min(usize::try_from(limits.frame_bytes_max).unwrap_or(usize::MAX));
    let searched = usize::try_from(state.walked).unwrap_or(usize::MAX);
    let window = frame.get(..bytes_max).unwrap_or(frame);
    for (index, byte) in window
        .get(searched..)
        .unwrap_or_default()
        .iter()
        .enumerate()
    {
        let at = searched.saturating_add(index);
        match byte {
            b'\n' => {
                let end = at.saturating_add(1);
                other_protocol(frame.get(..end).unwrap_or(frame))?;
                return Ok(Line::Ends(end));
            }
            b'\r' => {
                if frame
                    .get(at.saturating_add(1))
                    .is_some_and(|next| *next != b'\n')
                {
                    return Err(Malformed::new(at, "CR without LF inside an inline command"));
                }
            }
            b'\t' | b' '..=b'~' | 0x80.. => {}
            _ => {
                return Err(Malformed::new(
                    at,
                    "a control character inside an inline command: not the Redis protocol",
                ));
            }
        }
    }
    if window.len() >= bytes_max {
        return Err(Malformed::new(
            bytes_max,
            format!("an inline command of more than {bytes_max} bytes"),
        ));
    }
    // A CR at the very end is looked at again, with what follows it.
    let clean = match window.last() {
        Some(b'\r') => window.len().saturating_sub(1),
        _ => window.len(),
    };
    state.walked = u32::try_from(clean).unwrap_or(u32::MAX);
    Ok(Line::Need(frame.len().saturating_add(1)))
}

/// Refuses at once what cannot begin a command.
fn first_byte(frame: &[u8]) -> Result<(), Malformed> {
    match frame.first() {
        Some(b'a'..=b'z' | b'A'..=b'Z' | b' ' | b'\t' | b'\r' | b'\n' | b'"' | b'\'') | None => {
            Ok(())
        }
        Some(0x16) => Err(Malformed::new(
            0,
            "a TLS hello: this listener expects the Redis protocol in plain text",
        )),
        Some(_) => Err(Malformed::new(
            0,
            "expected a Redis command: `*` and a count, or a line that begins with a letter",
        )),
    }
}

/// Refuses HTTP, as Redis does for `POST` and `Host:`: a web page could make a browser send
/// commands in a request's body.
fn other_protocol(line: &[u8]) -> Result<(), Malformed> {
    let first = line
        .split(|byte| byte.is_ascii_whitespace())
        .next()
        .unwrap_or_default();
    let last = line
        .trim_ascii_end()
        .rsplit(|byte| *byte == b' ')
        .next()
        .unwrap_or_default();
    if first.eq_ignore_ascii_case(b"POST")
        || first.eq_ignore_ascii_case(b"Host:")
        || last.starts_with(b"HTTP/1.")
    {
        return Err(Malformed::new(
            0,
            "an HTTP request: this listener expects the Redis protocol",
        ));
    }
    Ok(())
}

/// A word and what follows it.
type Split<'a> = Option<(Cow<'a, [u8]>, &'a [u8])>;

/// Splits the first word off a line; `None` at its end.
///
/// # Errors
/// Quotes that are not closed, or not followed by a space: Redis closes the connection.
pub(crate) fn word(line: &[u8]) -> Result<Split<'_>, Malformed> {
    let line = line.trim_ascii_start();
    let Some(first) = line.first() else {
        return Ok(None);
    };
    let plain = line
        .iter()
        .position(|byte| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\''))
        .unwrap_or(line.len());
    let (head, rest) = line.split_at_checked(plain).unwrap_or((line, &[]));
    match rest.first() {
        Some(b'"' | b'\'') => {
            let mut word = head.to_vec();
            let rest = quoted(rest, &mut word)?;
            Ok(Some((Cow::Owned(word), rest)))
        }
        _ => {
            debug_assert!(!first.is_ascii_whitespace());
            Ok(Some((Cow::Borrowed(head), rest)))
        }
    }
}

/// Appends a quoted part to `word`; gives what follows it.
fn quoted<'a>(part: &'a [u8], word: &mut Vec<u8>) -> Result<&'a [u8], Malformed> {
    let unbalanced = || Malformed::new(0, "unbalanced quotes in an inline command");
    let (quote, mut rest) = part.split_first().ok_or_else(unbalanced)?;
    loop {
        let (byte, after) = rest.split_first().ok_or_else(unbalanced)?;
        rest = after;
        if byte == quote {
            // Redis wants a space or the end after a closing quote.
            return match rest.first() {
                Some(next) if !next.is_ascii_whitespace() => Err(unbalanced()),
                _ => Ok(rest),
            };
        }
        if *byte != b'\\' {
            word.push(*byte);
            continue;
        }
        let (escaped, after) = rest.split_first().ok_or_else(unbalanced)?;
        if *quote == b'\'' {
            // Within single quotes only `\'` is an escape.
            if *escaped == b'\'' {
                word.push(b'\'');
                rest = after;
            } else {
                word.push(b'\\');
            }
            continue;
        }
        rest = after;
        if let (b'x', Some((value, after))) = (escaped, hex(after)) {
            word.push(value);
            rest = after;
            continue;
        }
        word.push(match escaped {
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'b' => 0x08,
            b'a' => 0x07,
            other => *other,
        });
    }
}

/// Two hexadecimal digits and what follows them.
fn hex(digits: &[u8]) -> Option<(u8, &[u8])> {
    let (pair, rest) = digits.split_at_checked(2)?;
    let text = std::str::from_utf8(pair).ok()?;
    if !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    Some((u8::from_str_radix(text, 16).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Result<Vec<String>, Malformed> {
        let mut rest = line.as_bytes();
        let mut words = Vec::new();
        while let Some((found, after)) = word(rest)? {
            words.push(found.escape_ascii().to_string());
            rest = after;
        }
        Ok(words)
    }

    #[test]
    fn words_are_split_as_redis_splits_them() {
        assert_eq!(words("SET  k\tv \r\n").unwrap(), ["SET", "k", "v"]);
        assert_eq!(
            words("set 'a b' \"c\\x41\\n\"\r\n").unwrap(),
            ["set", "a b", "cA\\n"]
        );
        assert_eq!(words("'it\\'s' a\\b\r\n").unwrap(), ["it\\'s", "a\\\\b"]);
        assert_eq!(words("k\"v\"\r\n").unwrap(), ["kv"]);
        assert_eq!(words(" \r\n").unwrap(), [""; 0]);
    }

    #[test]
    fn unbalanced_quotes_are_refused() {
        for line in ["SET \"k\r\n", "SET 'k\r\n", "SET \"k\"v\r\n", "SET \"k\\"] {
            assert!(words(line).is_err(), "{line}");
        }
    }

    fn ends(line: &[u8]) -> Result<Line, Malformed> {
        super::line(line, &Limits::default(), &mut ScanState::default())
    }

    #[test]
    fn other_protocols_are_told_from_commands() {
        for stray in [
            &b"GET / HTTP/1.1\r\n"[..],
            b"POST /x\r\n",
            b"Host: example\r\n",
            b"\x16\x03\x01\x02\x00",
            b"\0\0\0\x10",
            b"PI\0NG\r\n",
            b"PI\rNG\r\n",
        ] {
            assert!(ends(stray).is_err(), "{}", stray.escape_ascii());
        }
        assert_eq!(ends(b"GET /\r\n"), Ok(Line::Ends(7)));
        assert_eq!(ends(b"PING\n"), Ok(Line::Ends(5)));
        assert_eq!(ends(b"PING\r"), Ok(Line::Need(6)));
    }

    #[test]
    fn a_line_without_end_is_refused_at_its_limit() {
        let line = vec![b'a'; LINE_BYTES_MAX];
        assert_eq!(ends(&line).unwrap_err().at, LINE_BYTES_MAX);
        assert_eq!(ends(&line[1..]), Ok(Line::Need(LINE_BYTES_MAX)));
    }
}
