//! Copying a frame with another id in it, and with the time that is left.

use weft_codec::{EmitError, Head, Malformed, NewId, Rewrite};
use weft_hessian2::overwrite;

use crate::{asked, fields, header};

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
        NewId::Wire(id) => Some(id.to_be_bytes()),
        NewId::Callers(asked) => Some(asked::read(asked).ok_or_else(not_the_head)?.id),
    };
    let base = out.len();
    out.reserve(frame.len());
    match id {
        None => out.extend_from_slice(frame),
        Some(id) => {
            let start = header::ID.start as usize;
            let end = header::ID.end() as usize;
            let (Some(before), Some(after)) = (frame.get(..start), frame.get(end..)) else {
                return Err(not_the_head());
            };
            out.extend_from_slice(before);
            out.extend_from_slice(&id);
            out.extend_from_slice(after);
        }
    }
    if let Some(left) = rewrite.deadline_ms {
        shorten_deadline(head, frame, left, out.get_mut(base..).unwrap_or_default());
    }
    Ok(())
}

/// Writes the time left over the caller's, in as many bytes. A time that is not shorter stays the
/// caller's.
fn shorten_deadline(head: &Head, frame: &[u8], left: u64, out: &mut [u8]) {
    let Some(timeout) = fields::timeout(head, frame) else {
        return;
    };
    let said = fields::milliseconds(&timeout);
    if said.is_some_and(|said| said > left)
        && let Ok(left) = u32::try_from(left.max(1))
    {
        // A smaller number always fits where the larger one stood.
        overwrite(&timeout, left, out);
    }
}

#[cold]
fn not_the_head() -> EmitError {
    EmitError::Malformed(Malformed::new(0, "the head is of another frame"))
}
