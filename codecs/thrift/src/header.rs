//! The header transport (THeader): its fixed part, protocol, transforms and info headers.

use std::ops::Range;

use weft_codec::{Malformed, Span};

use crate::{
    cursor::Cursor,
    message::{Protocol, Reach},
};

/// The magic at offset 4, where a bare message has its version.
pub(crate) const MAGIC: [u8; 2] = [0x0f, 0xff];
/// Where the flags stand; the header id follows them.
pub(crate) const FLAGS_AT: usize = 6;
/// Where the header id stands, a fixed `u32`.
pub(crate) const ID: Span = Span::new(8, 4);
/// Where the header's variable part begins: after length, magic, flags, id and word count.
pub(crate) const INFO_AT: usize = 14;
/// The one transform that this codec can undo.
const TRANSFORM_ZLIB: u32 = 1;
/// Info block of keys and values for one message.
const INFO_KEY_VALUE: u32 = 1;

/// What stands between the peers' payload and us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transform {
    None,
    /// zlib once.
    Zlib,
    /// Anything else: the payload cannot be read.
    Opaque,
}

/// What the header says about the payload.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    pub(crate) protocol: Protocol,
    pub(crate) transform: Transform,
    pub(crate) id: u32,
    /// Where the payload begins.
    pub(crate) payload_at: usize,
}

/// What reading a header came to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Begin {
    Is(Header),
    /// So many bytes of the frame must be there.
    Need(usize),
}

/// Reads the header of a frame that has the magic; only the beginning of it may be there.
///
/// # Errors
/// A header that reaches past the frame or the limit, or a protocol other than binary and
/// compact.
pub(crate) fn read(frame: &[u8], reach: Reach) -> Result<Begin, Malformed> {
    if reach.frame_bytes < INFO_AT {
        return Err(Malformed::new(4, "the frame ends inside the fixed header"));
    }
    let Some(&[_, _, _, _, _, _, _, _, i0, i1, i2, i3, w0, w1]) = frame.first_chunk::<INFO_AT>()
    else {
        return Ok(Begin::Need(INFO_AT));
    };
    let words = usize::from(u16::from_be_bytes([w0, w1]));
    let payload_at = INFO_AT.saturating_add(words.saturating_mul(4));
    if payload_at >= reach.frame_bytes {
        return Err(Malformed::new(
            12,
            format!(
                "a header of {words} words in a frame of {} bytes",
                reach.frame_bytes
            ),
        ));
    }
    if payload_at > reach.head_bytes_max {
        return Err(Malformed::new(
            12,
            format!(
                "a header of {words} words; the limit for a head is {} bytes",
                reach.head_bytes_max
            ),
        ));
    }
    let Some(header) = frame.get(..payload_at) else {
        return Ok(Begin::Need(payload_at));
    };
    let mut cursor = Cursor::new(header, INFO_AT);
    let protocol = match cursor.whole_varint() {
        Some(0) => Protocol::Binary,
        Some(2) => Protocol::Compact,
        Some(other) => {
            return Err(Malformed::new(
                INFO_AT,
                format!("header protocol {other}; expected 0 (binary) or 2 (compact)"),
            ));
        }
        None => return Err(broken(INFO_AT)),
    };
    let transform = transforms(&mut cursor).ok_or_else(|| broken(cursor.at()))?;
    Ok(Begin::Is(Header {
        protocol,
        transform,
        id: u32::from_be_bytes([i0, i1, i2, i3]),
        payload_at,
    }))
}

#[cold]
fn broken(at: usize) -> Malformed {
    Malformed::new(at, "the header ends inside its protocol or transforms")
}

fn transforms(cursor: &mut Cursor<'_>) -> Option<Transform> {
    let count = cursor.whole_varint()?;
    let mut transform = Transform::None;
    // Each takes a byte at least, so the header's end bounds the loop.
    for number in 0..count {
        transform = match cursor.whole_varint()? {
            TRANSFORM_ZLIB if number == 0 => Transform::Zlib,
            _ => Transform::Opaque,
        };
    }
    Some(transform)
}

/// Where the value of an info header stands in the frame. Of a key that is there twice the
/// last one counts, as for the peers, who fill a map.
pub(crate) fn info(frame: &[u8], payload_at: usize, key: &[u8]) -> Option<Range<usize>> {
    let mut cursor = Cursor::new(frame.get(..payload_at)?, INFO_AT);
    cursor.whole_varint()?;
    transforms(&mut cursor)?;
    let mut found = None;
    while cursor.whole_varint() == Some(INFO_KEY_VALUE) {
        let count = cursor.whole_varint()?;
        for _ in 0..count {
            let len = cursor.whole_varint()?;
            let name = cursor.take(len as usize)?;
            let len = cursor.whole_varint()?;
            let start = cursor.at();
            cursor.take(len as usize)?;
            if name == key {
                found = Some(start..cursor.at());
            }
        }
    }
    found
}
