//! Operations that servers answer only sometimes: sent as what they always answer, and silenced again
//! on the way back.

use smallvec::SmallVec;
use weft_codec::{Asked, EmitError, Head, Malformed, NewId, Side};

use crate::ask::View;
use crate::program::{Program, Quiet, What};
use crate::stop::Stop;
use crate::walk::Walker;

/// Bytes in which the value of a field is noted.
const VALUE_BYTES: usize = 8;

/// The number that is noted of a request that is not quiet.
const LOUD: u8 = u8::MAX;

impl Program {
    /// How many bytes are noted of each request.
    fn quiet_bytes(&self) -> usize {
        let values = self.quiet.iter().map(|quiet| quiet.loud.len()).max();
        values.map_or(0, |values| {
            values.saturating_mul(VALUE_BYTES).saturating_add(1)
        })
    }

    /// Notes which of the quiet operations a request is, and what its fields say.
    pub(crate) fn note_quiet(&self, head: &Head, frame: &[u8], bytes: &mut SmallVec<[u8; 48]>) {
        let noted = self.quiet_bytes();
        if noted == 0 {
            return;
        }
        let end = bytes.len().saturating_add(noted);
        let mut walker = View::new(self, Side::Downstream, head, frame).walker();
        // What cannot be reached passes no test.
        let _ = walker.run(u16::MAX);
        let found = self.quiet_one(&mut walker);
        bytes.push(found.map_or(LOUD, |(number, _)| number));
        for (field, _) in found.iter().flat_map(|(_, quiet)| &quiet.loud) {
            let value = walker.integer(*field).unwrap_or(0);
            let value = u64::try_from(value & i128::from(u64::MAX)).unwrap_or(0);
            bytes.extend_from_slice(&value.to_le_bytes());
        }
        bytes.resize(end, 0);
    }

    /// The first of the quiet operations that a frame is.
    fn quiet_one(&self, walker: &mut Walker<'_, '_>) -> Option<(u8, &Quiet)> {
        let mut all = (0u8..LOUD).zip(&self.quiet);
        all.find(|(_, quiet)| walker.holds(&quiet.when) == Ok(true))
    }

    /// What was noted of a request that is quiet: which, and what its fields said.
    fn noted_quiet<'a>(&'a self, asked: &'a Asked) -> Option<(&'a Quiet, &'a [u8])> {
        let cases = [&self.errors, &self.farewells];
        let behind = cases.iter().filter(|cases| cases.noted.is_some()).count();
        let end = asked.bytes.len().checked_sub(behind)?;
        let start = end.checked_sub(self.quiet_bytes())?;
        let (number, values) = asked.bytes.get(start..end)?.split_first()?;
        Some((self.quiet.get(usize::from(*number))?, values))
    }

    /// Whether an answer is one that its caller does not want to hear.
    pub(crate) fn is_silenced(&self, head: &Head, frame: &[u8], id: NewId<'_>) -> bool {
        let NewId::Callers(asked) = id else {
            return false;
        };
        let Some((quiet, _)) = self.noted_quiet(asked) else {
            return false;
        };
        let mut walker = View::new(self, Side::Upstream, head, frame).walker();
        let _ = walker.run(u16::MAX);
        walker.holds(&quiet.silent) == Ok(true)
    }

    /// Makes the copy that begins at `begin` loud, if it is a quiet request on its way to a lane; or
    /// what its caller knows, on its way back.
    pub(crate) fn patch_quiet(
        &self,
        (side, head): (Side, &Head),
        id: NewId<'_>,
        begin: usize,
        out: &mut [u8],
    ) -> Result<(), EmitError> {
        let copy = out.get(begin..).unwrap_or_default();
        let mut walker = View::new(self, side, head, copy).walker();
        // A frame that is cut through is there only up to its body.
        let _ = walker.run(u16::MAX);
        let mut edits: SmallVec<[Edit; 4]> = SmallVec::new();
        let mut edit = |walker: &mut Walker<'_, '_>, field: usize, from, to| match Edit::find(
            walker, field, from, to,
        ) {
            Err(Stop::Absent) => Ok(()),
            Err(_) => Err(unreachable()),
            Ok(found) => {
                edits.extend(found);
                Ok(())
            }
        };
        match (id, side) {
            (NewId::Keep, _) | (NewId::Wire(_), Side::Upstream) => return Ok(()),
            (NewId::Wire(_), Side::Downstream) => {
                let found = self.quiet_one(&mut walker);
                for (field, loud) in found.iter().flat_map(|(_, quiet)| &quiet.loud) {
                    edit(&mut walker, *field, None, *loud)?;
                }
            }
            (NewId::Callers(asked), _) => {
                let Some((quiet, values)) = self.noted_quiet(asked) else {
                    return Ok(());
                };
                for ((field, loud), value) in quiet.loud.iter().zip(values.chunks(VALUE_BYTES)) {
                    let value = value.try_into().map_or(0, u64::from_le_bytes);
                    edit(&mut walker, *field, Some(*loud), value)?;
                }
            }
        }
        for edit in edits {
            edit.put(begin, out).ok_or_else(unreachable)?;
        }
        Ok(())
    }
}

/// An integer that gets another value.
#[derive(Clone, Copy)]
struct Edit {
    at: usize,
    number: crate::number::Number,
    value: u64,
}

impl Edit {
    /// The edit that gives a field this value; `None` if it has not the value that it must have.
    fn find(
        walker: &mut Walker<'_, '_>,
        field: usize,
        from: Option<u64>,
        to: u64,
    ) -> Result<Option<Self>, Stop> {
        let field = walker.program.fields.get(field).ok_or(Stop::Absent)?;
        let spot = walker.spot(field)?;
        let (at, end) = walker.content_at(spot)?;
        let (number, first, bits) = match spot.what {
            What::Number(number) => (number, 0, 64),
            What::Bits(number, first, bits) => (number, u32::from(first), u32::from(bits)),
            What::Text(_) | What::Decimal => return Err(Stop::Absent),
        };
        let raw = number.read(walker.frame, at, end)?;
        let mask = u64::MAX
            .checked_shr(64u32.saturating_sub(bits))
            .unwrap_or(0)
            .checked_shl(first)
            .unwrap_or(0);
        let placed = |value: u64| value.checked_shl(first).unwrap_or(0) & mask;
        if from.is_some_and(|from| placed(from) != raw & mask) {
            return Ok(None);
        }
        Ok(Some(Self {
            at,
            number,
            value: raw & !mask | placed(to),
        }))
    }

    fn put(self, begin: usize, out: &mut [u8]) -> Option<()> {
        let at = begin.checked_add(self.at)?;
        self.number.write(self.value, out, at).then_some(())
    }
}

fn unreachable() -> EmitError {
    Malformed::new(0, "what makes an operation quiet cannot be reached").into()
}
