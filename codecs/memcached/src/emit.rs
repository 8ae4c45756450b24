//! Copying a frame with another opaque in it, a quiet operation with its loud twin's code, and
//! an answer to a quiet one as quietly as it was asked.

use weft_codec::{Asked, Effect, EmitError, Head, Malformed, NewId, Rewrite, Side};

use crate::frame::{Notes, OPAQUE};
use crate::operation::{self, Role, Silence, status};

/// A request, as [`remember`] noted it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller {
    pub(crate) opcode: u8,
    /// It is not of its operation's form, and no server saw it.
    pub(crate) invalid: bool,
    pub(crate) opaque: [u8; 4],
}

/// Notes in `asked` what an answer must carry back: the operation's code and the opaque; and
/// whether the request is refused for its form.
pub(crate) fn remember(head: &Head, frame: &[u8], asked: &mut Asked) {
    let opcode = Notes::of(head).opcode;
    let role = operation::by_code(opcode).map(|operation| operation.role);
    let invalid = head.effect == Effect::Local && role != Some(Role::Barrier);
    let opaque = head.id.of(frame).unwrap_or_default();
    asked.bytes.extend_from_slice(&[opcode, u8::from(invalid)]);
    asked.bytes.extend_from_slice(opaque);
}

/// What [`remember`] noted, or `None` if it did not.
pub(crate) fn caller(asked: &Asked) -> Option<Caller> {
    match asked.bytes.as_slice() {
        &[opcode, invalid, a, b, c, d] => Some(Caller {
            opcode,
            invalid: invalid != 0,
            opaque: [a, b, c, d],
        }),
        _ => None,
    }
}

/// Copies `frame` to `out` with the edits of `rewrite`; nothing of an answer that its caller does
/// not want.
#[inline]
pub(crate) fn emit(
    side: Side,
    head: &Head,
    frame: &[u8],
    rewrite: &Rewrite<'_>,
    out: &mut Vec<u8>,
) -> Result<(), EmitError> {
    let opcode = Notes::of(head).opcode;
    let (opcode, opaque) = match (rewrite.id, side) {
        (NewId::Keep, _) => {
            out.extend_from_slice(frame);
            return Ok(());
        }
        (NewId::Wire(id), _) => {
            let id = u32::try_from(id).map_err(|_| EmitError::Id(id))?;
            let opcode = match side {
                Side::Downstream => operation::loud(opcode),
                Side::Upstream => opcode,
            };
            (opcode, id.to_be_bytes())
        }
        (NewId::Callers(asked), side) => {
            let caller = caller(asked).ok_or_else(not_the_head)?;
            if operation::loud(opcode) != operation::loud(caller.opcode) {
                return Err(other_operation());
            }
            if side == Side::Upstream && is_silent(head, caller) {
                return Ok(());
            }
            (caller.opcode, caller.opaque)
        }
    };
    let (Some(magic), Some(between), Some(after)) = (
        frame.first(),
        frame.get(2..OPAQUE.start as usize),
        frame.get(OPAQUE.end() as usize..),
    ) else {
        return Err(not_the_head());
    };
    out.reserve(frame.len());
    out.extend_from_slice(&[*magic, opcode]);
    out.extend_from_slice(between);
    out.extend_from_slice(&opaque);
    out.extend_from_slice(after);
    Ok(())
}

/// Whether the caller's operation is quiet about this answer.
fn is_silent(head: &Head, caller: Caller) -> bool {
    let silence = operation::by_code(caller.opcode).map(|operation| operation.silence);
    match (silence, Notes::of(head).status) {
        (Some(Silence::OnMiss), status::NOT_FOUND) | (Some(Silence::OnSuccess), status::OK) => true,
        (Some(Silence::OnMiss | Silence::OnSuccess | Silence::Never) | None, _) => false,
    }
}

#[cold]
fn not_the_head() -> EmitError {
    EmitError::Malformed(Malformed::new(0, "the head is of another frame"))
}

#[cold]
fn other_operation() -> EmitError {
    EmitError::Malformed(Malformed::new(
        1,
        "the answer is to another operation than was asked",
    ))
}
