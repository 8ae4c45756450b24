//! Fields for rules, and what an answer means.

use std::borrow::Cow;

use weft_codec::{Field, Head, Kind, Side, Value, Verdict};

use crate::{
    cursor::Cursor,
    frame::{self, COMPACT, EXCEPTION, HEADER, OPAQUE, ZLIB, notes},
    header,
};

/// Prefix of the keys that stand in info headers.
pub(crate) const HEADER_PREFIX: &str = "header.";

/// The info header in which clients say how many milliseconds they will wait, in decimal.
pub(crate) const TIMEOUT_HEADER: &[u8] = b"client_timeout";

/// Reads a field of a frame.
pub(crate) fn read<'a>(
    side: Side,
    head: &Head,
    frame: &'a [u8],
    field: Field<'_>,
) -> Option<Value<'a>> {
    match field {
        Field::Method => method(side, head, frame),
        Field::Service => service(side, head, frame),
        Field::Key(key) => {
            let name = key.strip_prefix(HEADER_PREFIX)?;
            let value = info(head, frame, name.as_bytes())?;
            Some(Value::Bytes(Cow::Borrowed(value)))
        }
        Field::DeadlineMs => {
            let value = info(head, frame, TIMEOUT_HEADER)?;
            let left = std::str::from_utf8(value).ok()?.parse().ok()?;
            Some(Value::Number(left))
        }
        Field::Status => exception_type(head, frame).map(|number| Value::Number(number.into())),
        Field::HashKey(_) | Field::Facet => None,
    }
}

fn info<'a>(head: &Head, frame: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (_, payload_at, flags) = notes(head);
    if flags & HEADER == 0 {
        return None;
    }
    frame.get(header::info(frame, payload_at, name)?)
}

fn method<'a>(side: Side, head: &Head, frame: &'a [u8]) -> Option<Value<'a>> {
    if let Some(method) = head.method.of(frame)
        && !method.is_empty()
    {
        return Some(Value::Bytes(Cow::Borrowed(method)));
    }
    let name = inflated_name(head, frame)?;
    let method = match split(side, &name) {
        Some((_, method)) => method.to_vec(),
        None => name,
    };
    (!method.is_empty()).then_some(Value::Bytes(Cow::Owned(method)))
}

fn service<'a>(side: Side, head: &Head, frame: &'a [u8]) -> Option<Value<'a>> {
    let (name, _, flags) = notes(head);
    let service = if flags & ZLIB == 0 {
        Cow::Borrowed(split(side, name.of(frame)?)?.0)
    } else {
        Cow::Owned(split(side, &inflated_name(head, frame)?)?.0.to_vec())
    };
    Some(Value::Bytes(service))
}

/// `Service:method` in a request of the multiplexed protocol; answers carry the method only.
fn split(side: Side, name: &[u8]) -> Option<(&[u8], &[u8])> {
    if side == Side::Upstream {
        return None;
    }
    let colon = name.iter().position(|byte| *byte == b':')?;
    let (service, rest) = name.split_at_checked(colon)?;
    Some((service, rest.get(1..)?))
}

/// The name of a message under zlib.
fn inflated_name(head: &Head, frame: &[u8]) -> Option<Vec<u8>> {
    let (_, payload_at, flags) = notes(head);
    if flags & ZLIB == 0 {
        return None;
    }
    let (message, inflated) = frame::beginning(frame, payload_at).ok()?;
    Some(message.name.of(inflated.bytes())?.to_vec())
}

/// TApplicationException types that are not the application's failure.
mod exception {
    /// fbthrift's LOADSHEDDING: refused before it was executed.
    pub(super) const LOAD_SHEDDING: u32 = 11;
}

/// What an answer says. An exception is an application error, and so is a reply that carries a
/// declared exception: its first field is not number 0.
pub(crate) fn classify(head: &Head, frame: &[u8]) -> Verdict {
    if head.kind != Kind::Answer {
        return Verdict::Ok;
    }
    let (_, _, flags) = notes(head);
    if flags & EXCEPTION != 0 {
        return match exception_type(head, frame) {
            Some(exception::LOAD_SHEDDING) => Verdict::Overload,
            _ => Verdict::ApplicationError,
        };
    }
    let declared = with_body(head, frame, |body| {
        if flags & COMPACT == 0 {
            // Type, then the field's number; a lone 0 is the end of an empty result.
            matches!(body, [kind, high, low, ..] if *kind != 0 && (*high, *low) != (0, 0))
        } else {
            // The number's distance from 0 in the high half of the first byte; 0 means that
            // it follows, as for the number 0 itself, in zig-zag.
            match body {
                [0, ..] | [] => false,
                [first, number, ..] if first >> 4 == 0 => *number != 0,
                _ => true,
            }
        }
    });
    match declared {
        Some(true) => Verdict::ApplicationError,
        _ => Verdict::Ok,
    }
}

/// Gives `read` the bytes from the result's first on: of a cut frame as many as are there, of a
/// compressed one the first kilobyte.
fn with_body<T>(head: &Head, frame: &[u8], read: impl FnOnce(&[u8]) -> T) -> Option<T> {
    let (name, payload_at, flags) = notes(head);
    if flags & OPAQUE != 0 {
        return None;
    }
    if flags & ZLIB != 0 {
        let (message, inflated) = frame::beginning(frame, payload_at).ok()?;
        return Some(read(inflated.bytes().get(message.body as usize..)?));
    }
    let body = if flags & COMPACT == 0 {
        head.id.end()
    } else {
        name.end()
    };
    Some(read(frame.get(body as usize..)?))
}

/// The type in a TApplicationException; 0 (unknown) where it has none.
fn exception_type(head: &Head, frame: &[u8]) -> Option<u32> {
    let (_, _, flags) = notes(head);
    if flags & EXCEPTION == 0 {
        return None;
    }
    let compact = flags & COMPACT != 0;
    with_body(head, frame, |body| {
        if compact {
            compact_type(body)
        } else {
            binary_type(body)
        }
        .unwrap_or(0)
    })
}

/// Two fields at most, in either order: 1, the message, and 2, the type.
fn binary_type(body: &[u8]) -> Option<u32> {
    let mut cursor = Cursor::new(body, 0);
    for _ in 0..2 {
        match cursor.take(3)? {
            [0x08, 0, 2] => return number(&mut cursor),
            [0x0b, ..] => {
                let len = number(&mut cursor)?;
                cursor.take(len as usize)?;
            }
            _ => return None,
        }
    }
    None
}

fn number(cursor: &mut Cursor<'_>) -> Option<u32> {
    cursor
        .take(4)?
        .first_chunk()
        .map(|word| u32::from_be_bytes(*word))
}

fn compact_type(body: &[u8]) -> Option<u32> {
    let mut cursor = Cursor::new(body, 0);
    for _ in 0..2 {
        match cursor.byte()? {
            // Field 1 or 2 as a string.
            0x18 | 0x28 => {
                let len = cursor.whole_varint()?;
                cursor.take(len as usize)?;
            }
            // Field 2 as an i32, one or two after the field before it; zig-zag.
            0x15 | 0x25 => {
                let zigzag = cursor.whole_varint()?;
                return Some(zigzag >> 1);
            }
            _ => return None,
        }
    }
    None
}
