//! Redis, as far as the load needs it: commands as arrays of bulk strings, and their replies.
//!
//! Layout: Redis, "Redis serialization protocol specification".

use std::io::Write;

use super::{Answer, FRAME_BYTES_MAX, Nonsense, Outcome, said_by_proxy};

/// Arguments of one command that the sample backend reads, its name included.
pub(crate) const ARGUMENTS_MAX: usize = 8;

/// No line is longer than this many bytes.
const LINE_BYTES_MAX: usize = 64 << 10;

/// Appends a command whose last argument comes in two parts.
pub(crate) fn write_command(arguments: &[&[u8]], last: Option<(&[u8], &[u8])>, out: &mut Vec<u8>) {
    let count = arguments.len() + usize::from(last.is_some());
    put_header(out, b'*', count);
    for argument in arguments {
        put_header(out, b'$', argument.len());
        out.extend_from_slice(argument);
        out.extend_from_slice(b"\r\n");
    }
    if let Some((first, second)) = last {
        put_header(out, b'$', first.len() + second.len());
        out.extend_from_slice(first);
        out.extend_from_slice(second);
        out.extend_from_slice(b"\r\n");
    }
}

/// Appends a SET of a value in two parts, gone by itself after an hour: load leaves no litter.
pub(crate) fn write_set(key: &[u8], first: &[u8], second: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"*5\r\n$3\r\nSET\r\n");
    write_bulk(key, out);
    put_header(out, b'$', first.len() + second.len());
    out.extend_from_slice(first);
    out.extend_from_slice(second);
    out.extend_from_slice(b"\r\n$2\r\nEX\r\n$4\r\n3600\r\n");
}

/// Appends a bulk string.
pub(crate) fn write_bulk(bytes: &[u8], out: &mut Vec<u8>) {
    put_header(out, b'$', bytes.len());
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

fn put_header(out: &mut Vec<u8>, kind: u8, number: usize) {
    out.push(kind);
    if number < 10 {
        out.push(b"0123456789".get(number).copied().unwrap_or(b'0'));
    } else {
        // Writing to a vector cannot fail.
        let _ = write!(out, "{number}");
    }
    out.extend_from_slice(b"\r\n");
}

/// A command: its length, how many arguments it has, and the first of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Command<'a> {
    /// The length of its bytes.
    pub(crate) frame_bytes: usize,
    /// How many arguments it has, its name included.
    pub(crate) count: usize,
    /// The first of them; the others are empty.
    pub(crate) arguments: [&'a [u8]; ARGUMENTS_MAX],
}

/// Reads one command, an array or an inline one; `None` while it is not whole.
pub(crate) fn read_command(bytes: &[u8]) -> Result<Option<Command<'_>>, Nonsense> {
    let Some(first) = bytes.first() else {
        return Ok(None);
    };
    let Some((line, mut at)) = line(bytes, 0)? else {
        return Ok(None);
    };
    let mut arguments: [&[u8]; ARGUMENTS_MAX] = [b""; ARGUMENTS_MAX];
    let mut count = 0;
    if *first != b'*' {
        let words = line.split(|b| *b == b' ').filter(|word| !word.is_empty());
        for word in words {
            if let Some(place) = arguments.get_mut(count) {
                *place = word;
            }
            count += 1;
        }
    } else {
        let expected = number(line)?.unwrap_or(0);
        while count < expected {
            let Some((bulk, next)) = bulk(bytes, at)? else {
                return Ok(None);
            };
            if let Some(place) = arguments.get_mut(count) {
                *place = bulk;
            }
            count += 1;
            at = next;
        }
    }
    Ok(Some(Command {
        frame_bytes: at,
        count,
        arguments,
    }))
}

/// Reads one reply; `None` while it is not whole.
pub(crate) fn read_answer(bytes: &[u8]) -> Result<Option<Answer<'_>>, Nonsense> {
    let Some((head, after)) = line(bytes, 0)? else {
        return Ok(None);
    };
    let text = head.get(1..).unwrap_or_default();
    let (outcome, payload, frame_bytes) = match head.first() {
        Some(b'+' | b':') => (Outcome::Ok, text, after),
        Some(b'-') => (said_by_proxy(text), text, after),
        Some(b'_') => (Outcome::Nothing, text, after),
        Some(b'$') => match number(head)? {
            None => (Outcome::Nothing, text, after),
            Some(_) => match bulk(bytes, 0)? {
                None => return Ok(None),
                Some((bulk, end)) => (Outcome::Ok, bulk, end),
            },
        },
        _ => return Err(Nonsense("a Redis reply of a kind that nobody asked for")),
    };
    Ok(Some(Answer {
        frame_bytes,
        id: None,
        outcome,
        method: b"",
        payload,
        backend: b"",
    }))
}

/// A line from `at` without its end, and where the next begins.
fn line(bytes: &[u8], at: usize) -> Result<Option<(&[u8], usize)>, Nonsense> {
    let rest = bytes.get(at..).unwrap_or_default();
    let window = rest.get(..LINE_BYTES_MAX).unwrap_or(rest);
    let Some(end) = window.iter().position(|b| *b == b'\n') else {
        if rest.len() >= LINE_BYTES_MAX {
            return Err(Nonsense("a Redis line over the limit"));
        }
        return Ok(None);
    };
    let line = window.get(..end).unwrap_or_default();
    Ok(Some((
        line.strip_suffix(b"\r").unwrap_or(line),
        at + end + 1,
    )))
}

/// A bulk string from `at`, and where the next begins; nil counts as empty.
fn bulk(bytes: &[u8], at: usize) -> Result<Option<(&[u8], usize)>, Nonsense> {
    let Some((head, start)) = line(bytes, at)? else {
        return Ok(None);
    };
    if head.first() != Some(&b'$') {
        return Err(Nonsense("a Redis argument that is no bulk string"));
    }
    let Some(length) = number(head)? else {
        return Ok(Some((b"", start)));
    };
    let end = start + length;
    match bytes.get(start..end + 2) {
        None => Ok(None),
        Some(text) => Ok(Some((text.get(..length).unwrap_or_default(), end + 2))),
    }
}

/// The number after a line's first byte; `None` where it is negative.
fn number(line: &[u8]) -> Result<Option<usize>, Nonsense> {
    let digits = line.get(1..).unwrap_or_default();
    if digits.first() == Some(&b'-') {
        return Ok(None);
    }
    let mut value = 0_usize;
    for digit in digits {
        if !digit.is_ascii_digit() || value > FRAME_BYTES_MAX {
            return Err(Nonsense(
                "a Redis length that is no number, or over the limit",
            ));
        }
        value = value * 10 + usize::from(digit - b'0');
    }
    if digits.is_empty() || value > FRAME_BYTES_MAX {
        return Err(Nonsense(
            "a Redis length that is no number, or over the limit",
        ));
    }
    Ok(Some(value))
}
