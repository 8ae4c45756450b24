//! The beginning of a message: type, name and sequence id, in strict binary or compact.
//!
//! Offsets are counted from the frame's first byte, so that spans need no moving.

use weft_codec::{Malformed, Span};

use crate::cursor::{Cursor, Varint};

/// How a message is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// TBinaryProtocol with its version word.
    Binary,
    /// TCompactProtocol, version 1.
    Compact,
}

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Call,
    Reply,
    Exception,
    OneWay,
}

impl Type {
    #[inline]
    fn read(number: u8, at: usize) -> Result<Self, Malformed> {
        match number {
            1 => Ok(Self::Call),
            2 => Ok(Self::Reply),
            3 => Ok(Self::Exception),
            4 => Ok(Self::OneWay),
            _ => Err(wrong_type(number, at)),
        }
    }
}

#[cold]
fn wrong_type(number: u8, at: usize) -> Malformed {
    Malformed::new(
        at,
        format!(
            "message type {number}; expected 1 (call), 2 (reply), 3 (exception) or 4 (one-way)"
        ),
    )
}

/// A message's beginning.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message {
    pub(crate) protocol: Protocol,
    pub(crate) kind: Type,
    pub(crate) name: Span,
    pub(crate) id: Span,
    pub(crate) id_value: u32,
    /// Where the arguments or the result begin.
    pub(crate) body: u32,
}

/// What reading a message's beginning came to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Begin {
    Is(Message),
    /// So many bytes of the frame must be there.
    Need(usize),
}

/// Where a message may reach to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reach {
    /// Bytes of the whole frame.
    pub(crate) frame_bytes: usize,
    /// The largest head.
    pub(crate) head_bytes_max: usize,
}

/// First byte of strict binary's version word, `80 01`.
const BINARY_VERSION: [u8; 2] = [0x80, 0x01];
/// First byte of a compact message.
const COMPACT_ID: u8 = 0x82;
/// Low five bits of a compact message's second byte.
const COMPACT_VERSION: u8 = 1;

/// Which protocol a message of these first two bytes is of.
#[inline]
pub(crate) fn protocol_of(first: u8, second: u8) -> Option<Protocol> {
    if [first, second] == BINARY_VERSION {
        Some(Protocol::Binary)
    } else if first == COMPACT_ID && second & 0x1f == COMPACT_VERSION {
        Some(Protocol::Compact)
    } else {
        None
    }
}

/// Reads the message that begins at `at` in `frame`, of which only the beginning may be there.
///
/// # Errors
/// Not a message, or a name that reaches past the frame or the limit.
#[inline]
pub(crate) fn read(frame: &[u8], at: usize, reach: Reach) -> Result<Begin, Malformed> {
    let Some(message) = frame.get(at..) else {
        return Ok(Begin::Need(at.saturating_add(4)));
    };
    let &[first, second, third, fourth, ..] = message else {
        return need(at.saturating_add(4), at, reach);
    };
    match protocol_of(first, second) {
        Some(Protocol::Binary) => {
            let kind = Type::read(fourth, at.saturating_add(3))?;
            binary(frame, at, kind, reach)
        }
        Some(Protocol::Compact) => {
            let kind = Type::read(second >> 5, at.saturating_add(1))?;
            compact(frame, at, kind, reach)
        }
        None => Err(not_a_message(at, [first, second, third, fourth])),
    }
}

#[inline]
fn binary(frame: &[u8], at: usize, kind: Type, reach: Reach) -> Result<Begin, Malformed> {
    let len_at = at.saturating_add(4);
    let name_at = at.saturating_add(8);
    let Some(len) = frame.get(len_at..).and_then(<[u8]>::first_chunk::<4>) else {
        return need(name_at, at, reach);
    };
    let name_len = u32::from_be_bytes(*len);
    let name_end = name_at.saturating_add(name_len as usize);
    let body = name_end.saturating_add(4);
    if body > reach.frame_bytes || body > reach.head_bytes_max {
        return Err(name_too_long(len_at, name_len, body, reach));
    }
    let Some(id) = frame.get(name_end..).and_then(<[u8]>::first_chunk::<4>) else {
        return Ok(Begin::Need(body));
    };
    Ok(Begin::Is(Message {
        protocol: Protocol::Binary,
        kind,
        name: span(name_at, name_end),
        id: span(name_end, body),
        id_value: u32::from_be_bytes(*id),
        body: offset(body),
    }))
}

fn compact(frame: &[u8], at: usize, kind: Type, reach: Reach) -> Result<Begin, Malformed> {
    let whole = frame.get(..reach.frame_bytes).unwrap_or(frame);
    let id_at = at.saturating_add(2);
    let mut cursor = Cursor::new(whole, id_at);
    let id_value = match cursor.varint() {
        Varint::Is(id) => id,
        Varint::Unfinished => return need(cursor.at().saturating_add(1), id_at, reach),
        Varint::TooLong => return Err(Malformed::new(id_at, "a sequence id of over 32 bits")),
    };
    let len_at = cursor.at();
    let name_len = match cursor.varint() {
        Varint::Is(len) => len,
        Varint::Unfinished => return need(cursor.at().saturating_add(1), len_at, reach),
        Varint::TooLong => return Err(Malformed::new(len_at, "a name length of over 32 bits")),
    };
    let name_at = cursor.at();
    let body = name_at.saturating_add(name_len as usize);
    if body > reach.frame_bytes || body > reach.head_bytes_max {
        return Err(name_too_long(len_at, name_len, body, reach));
    }
    if whole.len() < body {
        return Ok(Begin::Need(body));
    }
    Ok(Begin::Is(Message {
        protocol: Protocol::Compact,
        kind,
        name: span(name_at, body),
        id: span(id_at, len_at),
        id_value,
        body: offset(body),
    }))
}

/// Asks for more bytes, if the frame and the limit have them.
#[cold]
fn need(bytes: usize, at: usize, reach: Reach) -> Result<Begin, Malformed> {
    if bytes > reach.frame_bytes {
        Err(Malformed::new(
            at,
            "the frame ends inside the message's head",
        ))
    } else if bytes > reach.head_bytes_max {
        Err(Malformed::new(at, "the message's head is over the limit"))
    } else {
        Ok(Begin::Need(bytes))
    }
}

#[cold]
fn name_too_long(at: usize, name_len: u32, body: usize, reach: Reach) -> Malformed {
    let Reach {
        frame_bytes,
        head_bytes_max,
    } = reach;
    let reason = if body > frame_bytes {
        format!("a name of {name_len} bytes in a frame of {frame_bytes}")
    } else {
        format!("a name of {name_len} bytes; the limit for a head is {head_bytes_max}")
    };
    Malformed::new(at, reason)
}

#[cold]
fn not_a_message(at: usize, found: [u8; 4]) -> Malformed {
    let [a, b, c, d] = found;
    let looks = match found {
        [0x80, ..] => ": another version of binary",
        [0x82, ..] => ": another version of compact",
        [0, 0, _, _] => ": looks like binary without its version word; set strict write",
        [b'[' | b'{', ..] => ": looks like JSON",
        _ => "",
    };
    Malformed::new(
        at,
        format!(
            "expected 80 01 (strict binary), 82 (compact) or 0f ff (header), \
             found {a:02x} {b:02x} {c:02x} {d:02x}{looks}"
        ),
    )
}

#[inline]
fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

#[inline]
fn span(start: usize, end: usize) -> Span {
    Span::new(offset(start), offset(end.saturating_sub(start)))
}
