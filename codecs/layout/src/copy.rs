//! Copying a frame with another id or deadline in it: one copy, then a few bytes patched.

use weft_codec::{Asked, EmitError, Head, Kind, Malformed, NewId, Rewrite, Side};

use crate::ask::within;
use crate::number::Number;
use crate::program::{Echoed, Place, Program, past_run};

impl Program {
    /// Copies a frame with edits: see [`weft_codec::Codec::emit`].
    #[inline]
    pub(crate) fn emit(
        &self,
        side: Side,
        head: &Head,
        frame: &[u8],
        rewrite: &Rewrite<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), EmitError> {
        let frame = within(head, frame);
        let begin = out.len();
        out.extend_from_slice(frame);
        let patched = self.patch_id(head, rewrite.id, begin, out).and_then(|()| {
            match (rewrite.deadline_ms, self.deadline) {
                (Some(left), Some(deadline))
                    if side == Side::Downstream
                        && matches!(head.kind, Kind::Request | Kind::OneWay) =>
                {
                    self.patch_deadline(deadline, left, begin, frame, out)
                }
                _ => Ok(()),
            }
        });
        if patched.is_err() {
            out.truncate(begin);
        }
        patched
    }

    /// Puts the id into the copy that begins at `begin`.
    #[inline]
    fn patch_id(
        &self,
        head: &Head,
        id: NewId<'_>,
        begin: usize,
        out: &mut [u8],
    ) -> Result<(), EmitError> {
        let Some((_, number)) = self.id else {
            return Ok(());
        };
        let at = begin.saturating_add(head.id.start as usize);
        match id {
            NewId::Keep => Ok(()),
            NewId::Wire(id) if id > number.max() => Err(EmitError::Id(id)),
            NewId::Wire(id) => number
                .write(id, out, at)
                .then_some(())
                .ok_or_else(|| incomplete(head)),
            NewId::Callers(asked) => {
                let there = out.get_mut(at..at.saturating_add(number.bytes()));
                let noted = asked.bytes.get(..number.bytes());
                let (Some(there), Some(noted)) = (there, noted) else {
                    return Err(incomplete(head));
                };
                there.copy_from_slice(noted);
                Ok(())
            }
        }
    }

    /// Puts the time that is left into the copy; 0 would mean that there is no deadline.
    fn patch_deadline(
        &self,
        (place, number): (Place, Number),
        left_ms: u64,
        begin: usize,
        frame: &[u8],
        out: &mut [u8],
    ) -> Result<(), EmitError> {
        let at = self
            .reach(place, frame, frame.len())
            .map_err(|_| Malformed::new(0, "the deadline cannot be reached"))?;
        let left_ms = left_ms.clamp(1, number.max());
        if number.write(left_ms, out, begin.saturating_add(at)) {
            Ok(())
        } else {
            Err(Malformed::new(at, "the deadline is not all there").into())
        }
    }

    /// Notes the caller's id and what replies echo, as it stands on the wire; a field that the
    /// frame does not carry is noted as zero or empty.
    pub(crate) fn remember(&self, head: &Head, frame: &[u8], asked: &mut Asked) {
        const ZEROS: [u8; 8] = [0; 8];
        let frame = within(head, frame);
        if let Some((_, number)) = self.id {
            let id = head.id.of(frame).unwrap_or_default();
            let id = if id.len() == number.bytes() {
                id
            } else {
                &ZEROS
            };
            let id = id.get(..number.bytes()).unwrap_or_default();
            asked.bytes.extend_from_slice(id);
        }
        for echo in &self.echoes {
            let end = frame.len();
            let at = self.reach(echo.place, frame, end).ok();
            let found = at.and_then(|at| {
                let behind = match echo.what {
                    Echoed::Fixed(bytes) => at.saturating_add(bytes as usize),
                    Echoed::Run(number) => past_run(number, frame, at, end).ok()?,
                };
                frame.get(at..behind)
            });
            match (found, echo.what) {
                (Some(found), _) => asked.bytes.extend_from_slice(found),
                (None, Echoed::Fixed(bytes)) => {
                    let noted = asked.bytes.len().saturating_add(bytes as usize);
                    asked.bytes.resize(noted, 0);
                }
                (None, Echoed::Run(number)) => {
                    let empty = ZEROS.get(..number.bytes()).unwrap_or_default();
                    asked.bytes.extend_from_slice(empty);
                }
            }
        }
    }
}

/// The id's place lies behind the bytes that are there.
#[cold]
fn incomplete(head: &Head) -> EmitError {
    Malformed::new(head.id.start as usize, "the id cannot be replaced").into()
}
