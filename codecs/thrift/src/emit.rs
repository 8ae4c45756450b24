//! Copying a frame with another id in it: the message's, the header transport's, and the
//! length where a compact id takes more or fewer bytes.

use weft_codec::{EmitError, Head, Kind, Malformed, NewId, Rewrite, Side, Span};

use crate::{
    asked,
    cursor::varint_bytes,
    fields::TIMEOUT_HEADER,
    frame::{self, COMPACT, HEADER, LENGTH_BYTES, OPAQUE, ZLIB, notes},
    header, zlib,
};

/// The largest length that peers read, who take it as signed.
const LENGTH_MAX: u64 = i32::MAX as u64;

/// Copies `frame` to `out` with the edits of `rewrite`.
#[inline]
pub(crate) fn emit(
    _side: Side,
    head: &Head,
    frame: &[u8],
    rewrite: &Rewrite<'_>,
    out: &mut Vec<u8>,
) -> Result<(), EmitError> {
    let (_, _, flags) = notes(head);
    let fixed = flags & (HEADER | COMPACT) == 0;
    match rewrite.id {
        NewId::Keep if flags & HEADER == 0 => {
            out.extend_from_slice(frame);
            Ok(())
        }
        NewId::Wire(id) if fixed => {
            let id = u32::try_from(id).map_err(|_| EmitError::Id(id))?;
            with_fixed_id(head, frame, id.to_be_bytes(), out)
        }
        NewId::Callers(asked) if fixed => match asked.bytes.as_slice() {
            &[0, 4, a, b, c, d, ..] => with_fixed_id(head, frame, [a, b, c, d], out),
            _ => Err(other_protocol()),
        },
        _ => other(head, frame, flags, rewrite, out),
    }
}

/// Strict binary: the id's four bytes are written over.
#[inline]
fn with_fixed_id(
    head: &Head,
    frame: &[u8],
    id: [u8; 4],
    out: &mut Vec<u8>,
) -> Result<(), EmitError> {
    let start = head.id.start as usize;
    let end = head.id.end() as usize;
    let (Some(before), Some(after)) = (frame.get(..start), frame.get(end..)) else {
        return Err(not_the_head());
    };
    out.reserve(frame.len());
    out.extend_from_slice(before);
    out.extend_from_slice(&id);
    out.extend_from_slice(after);
    Ok(())
}

#[cold]
fn not_the_head() -> EmitError {
    EmitError::Malformed(Malformed::new(0, "the head is of another frame"))
}

#[cold]
fn other_protocol() -> EmitError {
    EmitError::Malformed(Malformed::new(
        0,
        "the answer is not in the protocol of its request",
    ))
}

/// The ids to put in: the header's, if there is one, and the message's.
struct Ids {
    header: Option<[u8; 4]>,
    message: [u8; 8],
    message_len: usize,
}

impl Ids {
    fn message(&self) -> &[u8] {
        self.message.get(..self.message_len).unwrap_or_default()
    }

    fn new(header: Option<[u8; 4]>, message: &[u8]) -> Result<Self, EmitError> {
        let mut ids = Self {
            header,
            message: [0; 8],
            message_len: message.len(),
        };
        match ids.message.get_mut(..message.len()) {
            Some(place) => place.copy_from_slice(message),
            None => return Err(not_the_head()),
        }
        Ok(ids)
    }

    /// `None`: the frame's own ids stay.
    fn of(id: NewId<'_>, flags: u32) -> Result<Option<Self>, EmitError> {
        let compact = flags & COMPACT != 0;
        match id {
            NewId::Keep => Ok(None),
            NewId::Wire(id) => {
                let id = u32::try_from(id).map_err(|_| EmitError::Id(id))?;
                let header = Some(id.to_be_bytes());
                if compact {
                    let (bytes, len) = varint_bytes(id);
                    Self::new(header, bytes.get(..len).unwrap_or_default()).map(Some)
                } else {
                    Self::new(header, &id.to_be_bytes()).map(Some)
                }
            }
            NewId::Callers(asked) => {
                let caller = asked::read(asked).ok_or_else(other_protocol)?;
                if caller.compact != compact || caller.header.is_some() != (flags & HEADER != 0) {
                    return Err(other_protocol());
                }
                Self::new(caller.header.map(|(_, id)| id), caller.id).map(Some)
            }
        }
    }
}

/// Compact messages and the header transport.
fn other(
    head: &Head,
    frame: &[u8],
    flags: u32,
    rewrite: &Rewrite<'_>,
    out: &mut Vec<u8>,
) -> Result<(), EmitError> {
    let base = out.len();
    match Ids::of(rewrite.id, flags)? {
        None => out.extend_from_slice(frame),
        Some(_) if flags & OPAQUE != 0 => {
            return Err(EmitError::Malformed(Malformed::new(
                header::ID.start as usize,
                "the id stands under a transform that cannot be undone",
            )));
        }
        Some(ids) if flags & ZLIB != 0 => under_zlib(head, frame, flags, &ids, out)?,
        Some(ids) => spliced(head, frame, flags, &ids, out)?,
    }
    if let Some(left) = rewrite.deadline_ms
        && flags & HEADER != 0
        && matches!(head.kind, Kind::Request | Kind::OneWay)
    {
        let (_, payload_at, _) = notes(head);
        shorten_deadline(out.get_mut(base..).unwrap_or_default(), payload_at, left);
    }
    Ok(())
}

/// The frame with its ids replaced where they stand, and its length mended.
fn spliced(
    head: &Head,
    frame: &[u8],
    flags: u32,
    ids: &Ids,
    out: &mut Vec<u8>,
) -> Result<(), EmitError> {
    let id = ids.message();
    let length = length_after(head.frame_bytes, head.id.len as usize, id.len())?;
    let middle = LENGTH_BYTES as usize..head.id.start as usize;
    let (Some(before), Some(after)) = (frame.get(middle), frame.get(head.id.end() as usize..))
    else {
        return Err(not_the_head());
    };
    let base = out.len();
    out.reserve(frame.len().saturating_add(id.len()));
    out.extend_from_slice(&length);
    out.extend_from_slice(before);
    out.extend_from_slice(id);
    out.extend_from_slice(after);
    if flags & HEADER != 0 {
        put_header_id(out.get_mut(base..).unwrap_or_default(), ids);
    }
    Ok(())
}

fn put_header_id(frame: &mut [u8], ids: &Ids) {
    let place = frame.get_mut(header::ID.start as usize..header::ID.end() as usize);
    if let (Some(place), Some(id)) = (place, ids.header) {
        place.copy_from_slice(&id);
    }
}

/// The length field of a frame of `frame_bytes` in which `was` bytes become `is`.
fn length_after(frame_bytes: u32, was: usize, is: usize) -> Result<[u8; 4], EmitError> {
    let counted = u64::from(frame_bytes.saturating_sub(LENGTH_BYTES));
    let bytes = counted.saturating_sub(was as u64).saturating_add(is as u64);
    match u32::try_from(bytes) {
        Ok(length) if bytes <= LENGTH_MAX => Ok(length.to_be_bytes()),
        _ => Err(EmitError::TooLong {
            bytes,
            limit: LENGTH_MAX,
        }),
    }
}

/// An answer that its server compressed although the request shared a lane: it is opened, gets
/// its caller's id, and is closed again.
fn under_zlib(
    head: &Head,
    frame: &[u8],
    flags: u32,
    ids: &Ids,
    out: &mut Vec<u8>,
) -> Result<(), EmitError> {
    let (_, payload_at, _) = notes(head);
    let (message, beginning) = frame::beginning(frame, payload_at)?;
    let payload = frame.get(payload_at..).unwrap_or_default();
    if ids.header.as_ref().map(<[u8; 4]>::as_slice) == header::ID.of(frame)
        && message.id.of(beginning.bytes()) == Some(ids.message())
    {
        // Its own ids, as on a lane of its own: the bytes stay as they are.
        out.extend_from_slice(frame);
        return Ok(());
    }
    let inflated = zlib::open(payload).ok_or_else(|| {
        EmitError::Malformed(Malformed::new(
            payload_at,
            "the zlib payload is broken or too large to open",
        ))
    })?;
    let Span { start, .. } = message.id;
    let (Some(before), Some(after)) = (
        inflated.get(..start as usize),
        inflated.get(message.id.end() as usize..),
    ) else {
        return Err(not_the_head());
    };
    let closed = zlib::close(&[before, ids.message(), after].concat());
    let length = length_after(head.frame_bytes, payload.len(), closed.len())?;
    let Some(between) = frame.get(LENGTH_BYTES as usize..payload_at) else {
        return Err(not_the_head());
    };
    let base = out.len();
    out.extend_from_slice(&length);
    out.extend_from_slice(between);
    out.extend_from_slice(&closed);
    if flags & HEADER != 0 {
        put_header_id(out.get_mut(base..).unwrap_or_default(), ids);
    }
    Ok(())
}

/// Writes the time left over the caller's, in as many digits, so that no length changes. A time
/// that is not shorter stays the caller's.
fn shorten_deadline(frame: &mut [u8], payload_at: usize, left: u64) {
    let Some(span) = header::info(frame, payload_at, TIMEOUT_HEADER) else {
        return;
    };
    let Some(digits) = frame.get_mut(span) else {
        return;
    };
    let said = std::str::from_utf8(digits)
        .ok()
        .and_then(|text| text.parse::<u64>().ok());
    if said.is_none_or(|said| said <= left) {
        return;
    }
    let mut rest = left;
    for digit in digits.iter_mut().rev() {
        let low = u8::try_from(rest.checked_rem(10).unwrap_or(0)).unwrap_or(0);
        *digit = b'0'.saturating_add(low);
        rest = rest.checked_div(10).unwrap_or(0);
    }
}
