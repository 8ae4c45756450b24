//! What is remembered of a request: which transport and protocol it came in, its ids, and its
//! method for an error's name.
//!
//! Format: flags (1 byte); for the header transport its flags (2) and id (4); length of the
//! message's id (1), the id's bytes as the caller wrote them; the method, to the end. A call of
//! strict binary with a method of up to 42 bytes fits without an allocation.

use weft_codec::{Asked, Field, Head, Side};

use crate::{
    cursor::varint_bytes,
    fields,
    frame::{COMPACT, HEADER, OPAQUE, ZLIB, notes},
    header,
};

/// What [`write`] wrote.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller<'a> {
    pub(crate) compact: bool,
    /// Flags and id of the header transport.
    pub(crate) header: Option<([u8; 2], [u8; 4])>,
    /// The message's id, as its bytes.
    pub(crate) id: &'a [u8],
    pub(crate) method: &'a [u8],
}

const FLAG_COMPACT: u8 = 1;
const FLAG_HEADER: u8 = 2;

/// Notes a request.
#[inline]
pub(crate) fn write(head: &Head, frame: &[u8], asked: &mut Asked) {
    let (_, _, flags) = notes(head);
    if flags & (HEADER | COMPACT) == 0
        && let Some(&[a, b, c, d]) = head.id.of(frame)
    {
        asked.bytes.extend_from_slice(&[0, 4, a, b, c, d]);
        asked
            .bytes
            .extend_from_slice(head.method.of(frame).unwrap_or_default());
        return;
    }
    write_other(head, frame, flags, asked);
}

fn write_other(head: &Head, frame: &[u8], flags: u32, asked: &mut Asked) {
    let mut first = 0;
    if flags & COMPACT != 0 {
        first |= FLAG_COMPACT;
    }
    if flags & HEADER != 0 {
        first |= FLAG_HEADER;
    }
    asked.bytes.push(first);
    if flags & HEADER != 0 {
        let fixed = frame.get(header::FLAGS_AT..header::ID.end() as usize);
        asked.bytes.extend_from_slice(fixed.unwrap_or(&[0; 6]));
    }
    if flags & (ZLIB | OPAQUE) == 0 {
        let id = head.id.of(frame).unwrap_or_default();
        asked.bytes.push(u8::try_from(id.len()).unwrap_or(0));
        asked.bytes.extend_from_slice(id);
        let method = head.method.of(frame).unwrap_or_default();
        asked.bytes.extend_from_slice(method);
        return;
    }
    // The message is under a transform: its id is known by value only.
    let value = u32::try_from(head.id_value).unwrap_or(0);
    if flags & COMPACT == 0 {
        asked.bytes.push(4);
        asked.bytes.extend_from_slice(&value.to_be_bytes());
    } else {
        let (bytes, len) = varint_bytes(value);
        asked.bytes.push(u8::try_from(len).unwrap_or(0));
        asked
            .bytes
            .extend_from_slice(bytes.get(..len).unwrap_or_default());
    }
    let method = fields::read(Side::Downstream, head, frame, Field::Method);
    if let Some(method) = method {
        asked.bytes.extend_from_slice(&method.to_bytes());
    }
}

/// Reads what [`write`] wrote, or `None` if it did not write it.
#[inline]
pub(crate) fn read(asked: &Asked) -> Option<Caller<'_>> {
    let (first, mut rest) = asked.bytes.split_first()?;
    let mut header = None;
    if first & FLAG_HEADER != 0 {
        let (flags, after) = rest.split_first_chunk::<2>()?;
        let (id, after) = after.split_first_chunk::<4>()?;
        header = Some((*flags, *id));
        rest = after;
    }
    let (len, rest) = rest.split_first()?;
    let (id, method) = rest.split_at_checked(usize::from(*len))?;
    Some(Caller {
        compact: first & FLAG_COMPACT != 0,
        header,
        id,
        method,
    })
}
