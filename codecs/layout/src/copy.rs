//! Copying a frame with another id or deadline in it: one copy, then a few bytes patched.

use smallvec::SmallVec;
use weft_codec::{Asked, EmitError, Head, Kind, Malformed, NewId, Rewrite, Side};

use crate::ask::{Found, MILLISECOND, View, within};
use crate::id::IdForm;
use crate::number::Number;
use crate::plain::past_run;
use crate::program::{Cases, Echo, IdField, Place, Program, Quick, QuickRead, What};
use crate::scan::{note_of, side_of};
use crate::stop::Stop;

/// An echoed text that the request did not have.
pub(crate) const NO_TEXT: u16 = u16::MAX;

/// Bytes of an id.
type IdBytes = SmallVec<[u8; 40]>;

impl Quick {
    /// Puts id and deadline into the copy of a frame, if each of them is an integer at a constant
    /// offset that can hold what is wanted. Otherwise the longer way finds out what to do.
    #[inline(always)]
    fn patched(&self, (side, head): (Side, &Head), rewrite: &Rewrite<'_>, copy: &mut [u8]) -> bool {
        if let Some(id) = self.id {
            let is_there = match rewrite.id {
                NewId::Keep => true,
                NewId::Wire(wire) => wire <= id.max() && id.write(wire, copy),
                NewId::Callers(asked) => id.put(&asked.bytes, copy),
            };
            if !is_there {
                return false;
            }
        }
        match rewrite.deadline_ms {
            Some(left) if carries_deadline(side, head) => self
                .deadline_ms
                .is_some_and(|slot| slot.write(left.max(1).min(slot.max()), copy)),
            _ => true,
        }
    }
}

impl Program {
    /// Copies a frame with edits: see [`weft_codec::Codec::emit`].
    #[inline]
    pub(crate) fn emit(
        &self,
        side: Side,
        (head, frame): (&Head, &[u8]),
        rewrite: &Rewrite<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), EmitError> {
        let frame = within(head, frame);
        let begin = out.len();
        out.extend_from_slice(frame);
        if let Some(quick) = &self.quick {
            let copy = out.get_mut(begin..).unwrap_or_default();
            if quick.patched((side, head), rewrite, copy) {
                return Ok(());
            }
        }
        let patched = self.full_patch((side, head), rewrite, begin, out);
        if patched.is_err() {
            out.truncate(begin);
        }
        patched
    }

    /// Puts id, deadline and checksums into the copy that begins at `begin`.
    #[inline(never)]
    fn full_patch(
        &self,
        (side, head): (Side, &Head),
        rewrite: &Rewrite<'_>,
        begin: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), EmitError> {
        if side == Side::Upstream
            && !self.quiet.is_empty()
            && self.is_silenced(head, out.get(begin..).unwrap_or_default(), rewrite.id)
        {
            out.truncate(begin);
            return Ok(());
        }
        let is_whole = out.len().saturating_sub(begin) == head.frame_bytes as usize;
        if let Some(left) = rewrite.deadline_ms
            && carries_deadline(side, head)
        {
            self.patch_deadline((head, begin), left, out)?;
        }
        if !self.quiet.is_empty() {
            self.patch_quiet((side, head), rewrite.id, begin, out)?;
        }
        self.patch_id((side, head), rewrite.id, begin, out)?;
        let changed = !matches!(rewrite.id, NewId::Keep) || rewrite.deadline_ms.is_some();
        // That of a frame which is cut through is mended at its end, by `tail`.
        if changed && is_whole && !self.sums.is_empty() {
            self.mend_sums(side, begin, out)?;
        }
        Ok(())
    }

    /// Puts the id into the copy that begins at `begin`.
    fn patch_id(
        &self,
        (side, head): (Side, &Head),
        id: NewId<'_>,
        begin: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), EmitError> {
        let Some(field) = self.id.as_ref().filter(|_| !head.id.is_empty()) else {
            return Ok(());
        };
        let at = begin.saturating_add(head.id.start as usize);
        match (id, field.form) {
            (NewId::Keep, _) => Ok(()),
            (NewId::Wire(id), IdForm::Number(number)) if number.is_fixed() => {
                if !number.holds(id) {
                    return Err(EmitError::Id(id));
                }
                number
                    .write(id, out, at)
                    .then_some(())
                    .ok_or_else(|| incomplete(head))
            }
            (NewId::Wire(id), form) => {
                let mut bytes = Vec::with_capacity(40);
                if !form.push(id, &mut bytes) {
                    return Err(EmitError::Id(id));
                }
                self.replace_id((side, head), &bytes, begin, out)
            }
            (NewId::Callers(asked), _) => {
                let noted = self.asked_id(asked).ok_or_else(|| incomplete(head))?;
                let there = out.get_mut(at..at.saturating_add(head.id.len as usize));
                match there {
                    Some(there) if there.len() == noted.len() => {
                        there.copy_from_slice(noted);
                        Ok(())
                    }
                    Some(_) if !noted.is_empty() && field.bytes.is_none() => {
                        let noted = IdBytes::from_slice(noted);
                        self.replace_id((side, head), &noted, begin, out)
                    }
                    _ => Err(incomplete(head)),
                }
            }
        }
    }

    /// Puts the time that is left into the copy that begins at `begin`; 0 would mean that there
    /// is no deadline.
    fn patch_deadline(
        &self,
        (head, begin): (&Head, usize),
        left_ms: u64,
        out: &mut [u8],
    ) -> Result<(), EmitError> {
        let Some(deadline) = &self.deadline else {
            return Ok(());
        };
        let left = match deadline.unit_ns {
            MILLISECOND => left_ms,
            unit => {
                let left = u128::from(left_ms).saturating_mul(u128::from(MILLISECOND));
                u64::try_from(left.div_ceil(u128::from(unit.max(1)))).unwrap_or(u64::MAX)
            }
        };
        let left = left.max(1);
        if let Some(slot) = deadline.slot {
            let copy = out.get_mut(begin..).unwrap_or_default();
            let written = slot.write(left.min(slot.max()), copy);
            return written.then_some(()).ok_or_else(unreachable);
        }
        let frame = out.get(begin..).unwrap_or_default();
        if let Some((place, QuickRead::Number(number))) = deadline.ask.quick {
            let at = self
                .plain_reach(place, frame, frame.len())
                .map_err(|_| unreachable())?;
            return number
                .write(left.min(number.max()), out, begin.saturating_add(at))
                .then_some(())
                .ok_or_else(unreachable);
        }
        let Some(field) = self.fields.get(deadline.ask.field) else {
            return Ok(());
        };
        let mut walker = View::new(self, Side::Downstream, head, frame).walker();
        // A frame that is cut through is there only up to its body.
        let _ = walker.run(u16::MAX);
        let found = walker
            .spot(field)
            .and_then(|spot| Ok((&spot.what, walker.content_at(spot)?)));
        let (what, (start, end)) = match found {
            // A frame that has no room for it goes on without.
            Err(Stop::Absent) => return Ok(()),
            found => found.map_err(|_| unreachable())?,
        };
        let place = begin.saturating_add(start)..begin.saturating_add(end);
        let written = match what {
            What::Number(number) if number.is_fixed() => {
                number.write(left.min(number.max()), out, place.start)
            }
            What::Number(number) => write_varint(*number, left, out, place),
            What::Decimal => write_digits(left, out, place),
            _ => false,
        };
        written.then_some(()).ok_or_else(unreachable)
    }

    /// Notes the caller's id and what replies echo; a field that the frame does not carry is
    /// noted as zero, or as no text.
    #[inline]
    pub(crate) fn remember(&self, head: &Head, frame: &[u8], asked: &mut Asked) {
        let frame = within(head, frame);
        if let Some(Quick { id: Some(id), .. }) = &self.quick
            && let Some((place, runs)) = &self.echoed_runs
            && let (Some(id), Some(runs)) = (id.of(frame), self.runs_at(*place, runs, frame))
        {
            asked.bytes.extend_from_slice(id);
            asked.bytes.extend_from_slice(runs);
            return;
        }
        self.remember_each(head, frame, asked);
    }

    /// [`Self::remember`] part by part.
    #[inline(never)]
    fn remember_each(&self, head: &Head, frame: &[u8], asked: &mut Asked) {
        const ZEROS: [u8; 8] = [0; 8];
        let zeros = |width: usize| ZEROS.get(..width).unwrap_or_default();
        let bytes = &mut asked.bytes;
        match &self.quick {
            Some(Quick { id: Some(slot), .. }) => {
                let noted = slot.of(frame);
                bytes.extend_from_slice(noted.unwrap_or_else(|| zeros(slot.bytes())));
            }
            Some(_) => {}
            None => self.note_id((head, frame), bytes),
        }
        for echo in &self.echoes {
            let Some((place, QuickRead::Run(number))) = echo.ask.quick else {
                self.note_echo(echo, (head, frame), bytes);
                continue;
            };
            // As it stands on the wire, with its length: one copy.
            let run = self.plain_reach(place, frame, frame.len());
            let run = run.and_then(|at| Ok(at..past_run(number, frame, at, frame.len())?));
            let run = run.ok().and_then(|run| frame.get(run));
            bytes.extend_from_slice(run.unwrap_or_else(|| zeros(number.bytes())));
        }
        self.note_quiet(head, frame, bytes);
        for cases in [&self.errors, &self.farewells] {
            if cases.noted.is_some() {
                bytes.push(self.case_of(cases, head, frame));
            }
        }
    }

    /// Which of the cases a request is; past the last if none.
    fn case_of(&self, cases: &Cases, head: &Head, frame: &[u8]) -> u8 {
        let mut walker = View::new(self, side_of(head), head, frame).walker();
        // What cannot be reached passes no test.
        let _ = walker.run(u16::MAX);
        let mut list = cases.list.iter();
        let case = list.position(|(when, _)| walker.holds(when) == Ok(true));
        case.and_then(|case| u8::try_from(case).ok())
            .unwrap_or(u8::MAX)
    }

    /// The bytes of runs that stand one behind the other, if the frame has them all.
    #[inline]
    fn runs_at<'f>(&self, place: Place, runs: &[Number], frame: &'f [u8]) -> Option<&'f [u8]> {
        let end = frame.len();
        let begin = self.plain_reach(place, frame, end).ok()?;
        let mut at = begin;
        for number in runs {
            at = past_run(*number, frame, at, end).ok()?;
        }
        frame.get(begin..at)
    }

    /// Notes who sent the request, and its id of whatever kind.
    #[inline(never)]
    fn note_id(&self, (head, frame): (&Head, &[u8]), bytes: &mut SmallVec<[u8; 48]>) {
        bytes.push(u8::try_from(note_of(side_of(head))).unwrap_or(0));
        let Some(id) = &self.id else { return };
        let noted = head.id.of(frame).unwrap_or_default();
        match id.bytes.map(usize::from) {
            Some(width) if noted.len() == width => bytes.extend_from_slice(noted),
            Some(width) => bytes.resize(bytes.len().saturating_add(width), 0),
            None => {
                bytes.push(u8::try_from(noted.len()).unwrap_or(0));
                bytes.extend_from_slice(noted.get(..noted.len().min(255)).unwrap_or_default());
            }
        }
    }

    /// Notes an echo that needs more than one look.
    #[inline(never)]
    fn note_echo(
        &self,
        echo: &Echo,
        (head, frame): (&Head, &[u8]),
        bytes: &mut SmallVec<[u8; 48]>,
    ) {
        let found = View::new(self, side_of(head), head, frame).value(echo.ask.field);
        match (echo.width, found) {
            (Some(width), found) => {
                let number = match found {
                    Some(Found::Number(number)) => number.to_le_bytes(),
                    _ => [0; 16],
                };
                bytes.extend_from_slice(number.get(..usize::from(width)).unwrap_or_default());
            }
            (None, Some(Found::Bytes(text))) => note_text(Some(text), bytes),
            (None, _) => note_text(None, bytes),
        }
    }

    /// Where the id begins in what was remembered.
    fn asked_id_at(&self) -> usize {
        usize::from(self.quick.is_none())
    }

    /// Who sent the request that was remembered.
    pub(crate) fn asked_side(&self, asked: &Asked) -> Side {
        match asked.bytes.first() {
            Some(1) if self.quick.is_none() => Side::Upstream,
            _ => Side::Downstream,
        }
    }

    /// The id that was remembered.
    pub(crate) fn asked_id<'a>(&self, asked: &'a Asked) -> Option<&'a [u8]> {
        noted_at(self.id.as_ref()?, asked, self.asked_id_at()).map(|(id, _)| id)
    }

    /// What was remembered as the n-th echo: a number as its bytes, the lowest first. `None` if
    /// the request had no such text.
    pub(crate) fn asked_echo<'a>(&self, asked: &'a Asked, index: usize) -> Option<&'a [u8]> {
        let mut at = match &self.id {
            Some(id) => noted_at(id, asked, self.asked_id_at())?.1,
            None => self.asked_id_at(),
        };
        for (number, echo) in self.echoes.iter().enumerate() {
            let (found, behind) = noted_echo(echo, asked, at)?;
            if number == index {
                return found;
            }
            at = behind;
        }
        None
    }
}

impl Program {
    /// Sets every number that was remembered for a reply, as far as it holds so large a one.
    pub(crate) fn set_asked_numbers(&self, asked: &mut Asked, number: i128) {
        for place in self.asked_numbers(asked) {
            if let Some(there) = asked.bytes.get_mut(place) {
                let bytes = number.to_le_bytes();
                there.copy_from_slice(bytes.get(..there.len()).unwrap_or_default());
            }
        }
    }

    /// Where the numbers stand in what was remembered.
    fn asked_numbers(&self, asked: &Asked) -> Vec<std::ops::Range<usize>> {
        let mut at = match &self.id {
            Some(field) => noted_at(field, asked, self.asked_id_at()).map_or(0, |(_, at)| at),
            None => self.asked_id_at(),
        };
        let mut places = Vec::new();
        for echo in &self.echoes {
            let Some((_, behind)) = noted_echo(echo, asked, at) else {
                break;
            };
            if echo.width.is_some() {
                places.push(at..behind);
            }
            at = behind;
        }
        places
    }
}

/// Notes a text: its length in two bytes, then the text.
#[inline]
fn note_text(text: Option<&[u8]>, bytes: &mut SmallVec<[u8; 48]>) {
    match text.map(|text| (u16::try_from(text.len()), text)) {
        Some((Ok(len), text)) if len < NO_TEXT => {
            bytes.extend_from_slice(&len.to_le_bytes());
            bytes.extend_from_slice(text);
        }
        _ => bytes.extend_from_slice(&NO_TEXT.to_le_bytes()),
    }
}

/// Whether a frame may carry the time that is left.
fn carries_deadline(side: Side, head: &Head) -> bool {
    side == Side::Downstream && matches!(head.kind, Kind::Request | Kind::OneWay)
}

/// The id that stands at `at` in what was remembered, and the offset behind it.
fn noted_at<'a>(field: &IdField, asked: &'a Asked, at: usize) -> Option<(&'a [u8], usize)> {
    let (start, len) = match field.bytes {
        Some(width) => (at, usize::from(width)),
        None => (at.saturating_add(1), usize::from(*asked.bytes.get(at)?)),
    };
    let behind = start.saturating_add(len);
    Some((asked.bytes.get(start..behind)?, behind))
}

/// The echo that stands at `at` in what was remembered, and the offset behind it.
fn noted_echo<'a>(echo: &Echo, asked: &'a Asked, at: usize) -> Option<(Option<&'a [u8]>, usize)> {
    let bytes = asked.bytes.as_slice();
    if let Some((_, QuickRead::Run(number))) = echo.ask.quick {
        let behind = past_run(number, bytes, at, bytes.len()).ok()?;
        let text = bytes.get(at.saturating_add(number.bytes())..behind)?;
        return Some((Some(text), behind));
    }
    if let Some(width) = echo.width {
        let behind = at.saturating_add(usize::from(width));
        return Some((Some(bytes.get(at..behind)?), behind));
    }
    let start = at.saturating_add(2);
    let len = u16::from_le_bytes(bytes.get(at..start)?.try_into().ok()?);
    if len == NO_TEXT {
        return Some((None, start));
    }
    let behind = start.saturating_add(usize::from(len));
    Some((Some(bytes.get(start..behind)?), behind))
}

/// Writes `value` in as many groups as stand there, or as near below it as they hold.
fn write_varint(number: Number, value: u64, out: &mut [u8], place: std::ops::Range<usize>) -> bool {
    let Some(there) = out.get_mut(place) else {
        return false;
    };
    let bits = u32::try_from(there.len()).unwrap_or(0).saturating_mul(7);
    let max = 1u64
        .checked_shl(bits)
        .map_or(u64::MAX, |all| all.saturating_sub(1));
    let max = if number.is_signed() { max >> 1 } else { max };
    let mut bytes = Vec::new();
    if !number.push(value.min(max), &mut bytes) || bytes.len() > there.len() {
        return false;
    }
    pad_varint(number, &mut bytes, there.len());
    there.copy_from_slice(&bytes);
    true
}

/// Lengthens a varint by groups of zeros.
fn pad_varint(number: Number, bytes: &mut Vec<u8>, len: usize) {
    while bytes.len() < len {
        if number.form == crate::number::Form::VarintBe {
            bytes.insert(0, 0x80);
        } else {
            if let Some(last) = bytes.last_mut() {
                *last |= 0x80;
            }
            bytes.push(0);
        }
    }
}

/// Writes `value` in as many decimal digits as stand there, or as near below it as they hold.
fn write_digits(value: u64, out: &mut [u8], place: std::ops::Range<usize>) -> bool {
    let Some(there) = out.get_mut(place) else {
        return false;
    };
    let mut left = value;
    for digit in there.iter_mut().rev() {
        *digit = b'0'.saturating_add(u8::try_from(left % 10).unwrap_or(0));
        left /= 10;
    }
    if left > 0 {
        there.fill(b'9');
    }
    !there.is_empty()
}

/// The id's place lies behind the bytes that are there.
#[cold]
pub(crate) fn incomplete(head: &Head) -> EmitError {
    Malformed::new(head.id.start as usize, "the id cannot be replaced").into()
}

/// The deadline's place lies behind the bytes that are there.
#[cold]
fn unreachable() -> EmitError {
    Malformed::new(0, "the deadline cannot be reached").into()
}
