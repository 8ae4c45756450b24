//! Copying a frame with another id in it, with the time that is left, and with its checksum
//! mended.

use weft_codec::{EmitError, Head, Malformed, NewId, Rewrite};

use crate::{
    asked,
    frame::crc_of,
    layout::{CRC_BYTES, Layout},
};

/// Copies `frame` to `out` with the edits of `rewrite`. No length changes.
#[inline]
pub(crate) fn emit(
    head: &Head,
    frame: &[u8],
    rewrite: &Rewrite<'_>,
    out: &mut Vec<u8>,
) -> Result<(), EmitError> {
    let id = match rewrite.id {
        NewId::Keep => None,
        NewId::Wire(id) => {
            let id = u32::try_from(id).map_err(|_| EmitError::Id(id))?;
            Some(id.to_be_bytes())
        }
        NewId::Callers(asked) => Some(asked::read(asked).ok_or_else(not_the_head)?.id),
    };
    let layout = Layout::again(frame).ok_or_else(not_the_head)?;
    let deadline = rewrite.deadline_ms.and_then(|left| {
        let left = u32::try_from(left.max(1)).ok()?;
        let said = layout.timeout(frame)?;
        (said > left).then_some(left)
    });
    let base = out.len();
    out.extend_from_slice(frame);
    let copy = out.get_mut(base..).unwrap_or_default();
    if let Some(id) = id {
        put(copy, layout.id.start as usize, id);
    }
    if let Some(left) = deadline {
        put(copy, layout.fields_at, left.to_be_bytes());
    }
    // That of a frame which is cut through is mended at its end, by `tail`.
    let is_whole = frame.len() == head.frame_bytes as usize;
    if layout.crc && is_whole && (id.is_some() || deadline.is_some()) {
        let end = copy.len().saturating_sub(CRC_BYTES as usize);
        let crc = crc_of(copy.get(..end).unwrap_or_default());
        put(copy, end, crc);
    }
    Ok(())
}

/// Writes four bytes over those at `at`; the layout has seen that they are there.
#[inline]
fn put(copy: &mut [u8], at: usize, bytes: [u8; 4]) {
    let place = copy.get_mut(at..).and_then(<[u8]>::first_chunk_mut);
    if let Some(place) = place {
        *place = bytes;
    }
}

#[cold]
fn not_the_head() -> EmitError {
    EmitError::Malformed(Malformed::new(0, "the head is of another frame"))
}
