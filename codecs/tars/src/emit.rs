//! Copying a packet with another id in it, with less time left, and with the length that
//! follows from both.

use weft_codec::{EmitError, Head, Kind, Malformed, NewId, Rewrite};

use crate::asked;
use crate::fields::timeout;
use crate::frame::{LENGTH_BYTES, Notes};
use crate::jce::{Integer, IntegerBytes};
use crate::packet::{request, response};

/// The largest length that peers read, who take it as signed.
const LENGTH_MAX: u64 = i32::MAX as u64;

/// Copies `frame` to `out` with the edits of `rewrite`.
pub(crate) fn emit(
    head: &Head,
    frame: &[u8],
    rewrite: &Rewrite<'_>,
    out: &mut Vec<u8>,
) -> Result<(), EmitError> {
    let id = new_id(head, rewrite.id)?;
    let timeout = new_timeout(head, frame, rewrite.deadline_ms);
    if id.is_none() && timeout.is_none() {
        out.extend_from_slice(frame);
        return Ok(());
    }
    let old_id = head.id.of(frame).ok_or_else(not_the_head)?;
    let id = id.as_ref().map_or(old_id, IntegerBytes::as_slice);
    let id_start = head.id.start as usize;
    let id_end = head.id.end() as usize;
    let mut bytes = changed(head.frame_bytes.into(), old_id.len(), id.len());
    let (between, new_timeout, after) = match &timeout {
        Some((old, new)) => {
            let (start, end) = (old.span.start as usize, old.span.end() as usize);
            bytes = changed(bytes, old.span.len as usize, new.as_slice().len());
            (frame.get(id_end..start), new.as_slice(), frame.get(end..))
        }
        None => (frame.get(id_end..), &[][..], Some(&[][..])),
    };
    let before = frame.get(LENGTH_BYTES..id_start);
    let (Some(before), Some(between), Some(after)) = (before, between, after) else {
        return Err(not_the_head());
    };
    let Some(length) = u32::try_from(bytes).ok().filter(|_| bytes <= LENGTH_MAX) else {
        return Err(EmitError::TooLong {
            bytes,
            limit: LENGTH_MAX,
        });
    };
    out.reserve(frame.len().saturating_add(id.len()));
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(before);
    out.extend_from_slice(id);
    out.extend_from_slice(between);
    out.extend_from_slice(new_timeout);
    out.extend_from_slice(after);
    Ok(())
}

/// A number of bytes of which `was` become `is`.
fn changed(bytes: u64, was: usize, is: usize) -> u64 {
    bytes.saturating_sub(was as u64).saturating_add(is as u64)
}

#[cold]
fn not_the_head() -> EmitError {
    EmitError::Malformed(Malformed::new(0, "the head is of another packet"))
}

/// The field of the id that is to go in, if another is. An answer that is not in the form of a
/// request has it under a tag of its own.
fn new_id(head: &Head, id: NewId<'_>) -> Result<Option<IntegerBytes>, EmitError> {
    let tag = if head.kind == Kind::Answer && !Notes::of(head).tup {
        response::ID
    } else {
        request::ID
    };
    match id {
        NewId::Keep => Ok(None),
        NewId::Wire(id) => {
            let bits = u32::try_from(id).map_err(|_| EmitError::Id(id))?;
            Ok(Some(IntegerBytes::new(tag, bits.cast_signed())))
        }
        NewId::Callers(asked) => asked::read(asked)
            .and_then(|caller| caller.id(tag))
            .map(Some)
            .ok_or_else(not_the_head),
    }
}

/// The field of a request's time limit and the one that replaces it. A time that is not shorter
/// stays the caller's, and so does none at all.
fn new_timeout(head: &Head, frame: &[u8], left_ms: Option<u64>) -> Option<(Integer, IntegerBytes)> {
    if head.kind == Kind::Answer {
        return None;
    }
    let left = i32::try_from(left_ms?).ok()?;
    let old = timeout(head, frame)?;
    if old.value <= i64::from(left) {
        return None;
    }
    Some((old, IntegerBytes::new(request::TIMEOUT, left)))
}
