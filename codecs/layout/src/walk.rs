//! The walk over a frame's strides: where each place of it is.
//!
//! A walk only leads forward. It reads nothing behind the bytes that are there and nothing behind
//! the end that it was given; what it cannot reach it says as a [`Stop`].

use weft_codec::{ScanState, Side};

use crate::plain::past_run;
use crate::program::{
    Base, Count, Field, Length, NEST_MAX, Piece, Place, Program, Repeat, STRIDES_MAX, Text,
    Varying, Where,
};
use crate::stop::Stop;

/// An anchor on a way that was not taken.
const ABSENT: u32 = u32::MAX;

/// Where a text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extents {
    /// The first byte of its content.
    pub(crate) start: usize,
    /// Behind the last byte of its content.
    pub(crate) end: usize,
    /// Behind whatever ends it.
    pub(crate) behind: usize,
}

/// A walk over one frame. It can be taken up again where it stopped.
#[derive(Debug)]
pub(crate) struct Walker<'p, 'f> {
    pub(crate) program: &'p Program,
    pub(crate) side: Side,
    pub(crate) frame: &'f [u8],
    /// How far the head may reach.
    pub(crate) end: usize,
    /// Where the frame ends, as far as that is known.
    pub(crate) frame_end: usize,
    /// How far a search for a delimiter came before: see [`Self::search`].
    pub(crate) resume: ScanState,
    /// Where each stride ended; the first is the frame's beginning.
    anchors: [u32; STRIDES_MAX + 1],
    next: u16,
    at: usize,
    /// Where the sections end in which the walk is.
    ends: [usize; NEST_MAX],
    depth: usize,
    /// The part of an element that is being passed, from 1; 0 outside of elements.
    piece: u32,
}

impl<'p, 'f> Walker<'p, 'f> {
    /// A walk that has not begun.
    pub(crate) fn new(program: &'p Program, side: Side, frame: &'f [u8], end: usize) -> Self {
        Self {
            program,
            side,
            frame,
            end,
            frame_end: usize::MAX,
            resume: ScanState::default(),
            anchors: [ABSENT; STRIDES_MAX + 1],
            next: 0,
            at: 0,
            ends: [0; NEST_MAX],
            depth: 0,
            piece: 0,
        }
    }

    /// Walks past so many strides.
    pub(crate) fn run(&mut self, strides: u16) -> Result<(), Stop> {
        let program = self.program;
        while self.next < strides {
            let Some(stride) = program.strides.get(usize::from(self.next)) else {
                return Ok(());
            };
            let begin = self.at.saturating_add(stride.gap as usize);
            let end = self.bound();
            let mut next = self.next.saturating_add(1);
            let at = match &stride.what {
                Varying::Run(number) => past_run(*number, self.frame, begin, end)?,
                Varying::Entries(entries) => entries.past(self.frame, begin, end)?,
                Varying::Number(number) => number.decode(self.frame, begin, end)?.1,
                Varying::Text(text) => self.text(text, begin)?.behind,
                Varying::Body(text) => self.text_in(text, begin, self.frame_end)?.behind,
                Varying::Repeat(repeat) => self.past_repeat(repeat, begin)?,
                Varying::Enter(text) => {
                    let section = self.text(text, begin)?;
                    if let Some(slot) = self.ends.get_mut(self.depth) {
                        *slot = section.end;
                    }
                    self.depth = self.depth.saturating_add(1);
                    section.start
                }
                Varying::Leave => {
                    if begin > end {
                        return Err(Stop::Beyond(self.at));
                    }
                    self.depth = self.depth.saturating_sub(1);
                    end
                }
                Varying::Branch(condition, to) => {
                    if !self.holds(condition)? {
                        next = *to;
                    }
                    begin
                }
                Varying::Optional(to) => {
                    let end = match self.depth {
                        0 => self.frame_end.saturating_sub(self.trailers()?),
                        _ => end,
                    };
                    if begin >= end {
                        next = *to;
                    }
                    begin
                }
                Varying::Jump(to) => {
                    next = *to;
                    begin
                }
                Varying::Join => begin,
            };
            if next == self.next.saturating_add(1)
                && let Some(anchor) = self.anchors.get_mut(usize::from(next))
            {
                *anchor = u32::try_from(at).map_err(|_| Stop::Beyond(begin))?;
            }
            self.next = next;
            self.at = at;
        }
        Ok(())
    }

    /// The end of what the walk stands in.
    fn bound(&self) -> usize {
        match self.depth.checked_sub(1) {
            Some(inner) => self.ends.get(inner).copied().unwrap_or(0),
            None => self.end,
        }
    }

    /// How many strides it has passed.
    pub(crate) fn passed(&self) -> u16 {
        self.next
    }

    /// The offset of a place that the walk has passed.
    pub(crate) fn position(&self, place: Place) -> Result<usize, Stop> {
        if place.strides == 0 {
            return Ok(place.bytes as usize);
        }
        match self.anchors.get(usize::from(place.strides)) {
            Some(&anchor) if anchor != ABSENT => {
                Ok((anchor as usize).saturating_add(place.bytes as usize))
            }
            _ => Err(Stop::Absent),
        }
    }

    /// The offset of a place, after walking as far as it needs.
    pub(crate) fn reach(&mut self, place: Place) -> Result<usize, Stop> {
        self.run(place.strides)?;
        self.position(place)
    }

    /// Where a stride begins that the walk has passed.
    pub(crate) fn begin_of(&self, stride: u16) -> Result<usize, Stop> {
        let gap = self
            .program
            .strides
            .get(usize::from(stride))
            .map_or(0, |stride| stride.gap);
        self.position(Place {
            strides: stride,
            bytes: gap,
        })
    }

    /// The content of a text that begins at `at`.
    pub(crate) fn text(&mut self, text: &Text, at: usize) -> Result<Extents, Stop> {
        self.text_in(text, at, self.bound())
    }

    /// The content of a text that begins at `at` and must end by `end`.
    pub(crate) fn text_in(&mut self, text: &Text, at: usize, end: usize) -> Result<Extents, Stop> {
        let (start, bytes) = match text {
            Text::Until(delimiter) => return self.search((delimiter, false), at, end),
            Text::Word(line_end) => return self.search((line_end, true), at, end),
            Text::Run { number, plus } => {
                let (counted, start) = number.decode(self.frame, at, self.bound())?;
                let counted = number.value(counted);
                (start, bytes_of(counted, *plus).ok_or(Stop::Beyond(at))?)
            }
            Text::Fixed(bytes) | Text::Padded(bytes, _) => (at, *bytes as usize),
            Text::By { field, plus } => {
                let counted = match self.integer(*field) {
                    Err(Stop::Absent) => i128::from(*plus),
                    counted => counted?,
                };
                (at, bytes_of(counted, *plus).ok_or(Stop::Beyond(at))?)
            }
            Text::Rest => {
                let end = match self.depth {
                    0 => self.frame_end.saturating_sub(self.trailers()?),
                    _ => end,
                };
                (at, end.checked_sub(at).ok_or(Stop::Beyond(at))?)
            }
        };
        let behind = start.saturating_add(bytes);
        let rest = matches!(text, Text::Rest) && self.depth == 0;
        if behind > end && !rest {
            return Err(Stop::Beyond(at));
        }
        Ok(Extents {
            start,
            end: behind,
            behind,
        })
    }

    /// Bytes of the fields behind the body.
    pub(crate) fn trailers(&mut self) -> Result<usize, Stop> {
        let program = self.program;
        let mut sum = 0usize;
        for (conditions, bytes) in &program.trailers {
            let mut there = true;
            for condition in conditions {
                there = there && self.holds(condition)?;
            }
            if there {
                sum = sum.saturating_add(*bytes as usize);
            }
        }
        Ok(sum)
    }

    /// What tells a search from others: the number of its stride, and of its part of an element.
    fn search_name(&self) -> u32 {
        u32::from(self.next).saturating_add(1) | self.piece.wrapping_shl(8)
    }

    /// A text up to a delimiter, or a word up to a blank or the end of its line. What was
    /// searched in vain is remembered, so that a text that comes byte by byte is not searched
    /// from its beginning each time.
    fn search(
        &mut self,
        (delimiter, is_word): (&[u8], bool),
        at: usize,
        end: usize,
    ) -> Result<Extents, Stop> {
        let name = self.search_name();
        let mut known = 0;
        let [before, _, began] = self.resume.words;
        if before & 0xFFFF == name && began as usize == at {
            known = self.resume.walked as usize;
            self.resume = ScanState::default();
        }
        let from = known.max(at);
        let there = self.frame.len().min(end);
        let searched = self.frame.get(from..there).unwrap_or_default();
        let found = if is_word {
            word_end(searched, delimiter)
        } else {
            let found = memchr::memmem::find(searched, delimiter);
            found.map(|found| (found, delimiter.len()))
        };
        if let Some((found, passed)) = found {
            let content_end = from.saturating_add(found);
            return Ok(Extents {
                start: at,
                end: content_end,
                behind: content_end.saturating_add(passed),
            });
        }
        if self.frame.len() >= end {
            return Err(Stop::Beyond(at));
        }
        let kept = there.saturating_sub(delimiter.len().saturating_sub(1));
        self.resume.walked = u32::try_from(kept.max(from)).unwrap_or(0);
        self.resume.words = [name, 0, u32::try_from(at).unwrap_or(0)];
        Err(Stop::Need(self.frame.len().saturating_add(1)))
    }

    /// The offset behind counted elements that begin at `at`: in rounds, like
    /// [`Entries::past`]. A walk that was broken off goes on where its round began, so that the
    /// rounds are the same however the stream was cut.
    fn past_repeat(&mut self, repeat: &Repeat, at: usize) -> Result<usize, Stop> {
        let end = self.bound();
        let begin = at;
        let (mut left, mut at) = self.count(repeat.count, at)?;
        let room = end.saturating_sub(at);
        if left > room.checked_div(repeat.bytes_min).unwrap_or(0) {
            return Err(Stop::Beyond(begin));
        }
        let [name, mark, _] = self.resume.words;
        if name & 0xFF == self.search_name() && name & 0xFF00 > 0 {
            (at, left) = (mark as usize, (name >> 16) as usize);
        }
        let mut round = at;
        let mut round_began = (at, left);
        while left > 0 {
            if at >= round {
                round_began = (at, left);
                round = at.saturating_add(left.saturating_mul(repeat.bytes_min));
                if round > end {
                    return Err(Stop::Beyond(at));
                }
                if self.frame.len() < round {
                    self.mark_round(round_began);
                    return Err(Stop::Need(round));
                }
            }
            let behind = self.past_element(repeat, at, end);
            self.piece = 0;
            if matches!(behind, Err(Stop::Need(_))) {
                self.mark_round(round_began);
            }
            at = behind?;
            if at > end {
                return Err(Stop::Beyond(begin));
            }
            left = left.saturating_sub(1);
        }
        Ok(at)
    }

    /// Remembers where a round began, beside a search that was broken off in it. So many
    /// elements that their number does not fit are walked from the first again.
    fn mark_round(&mut self, (at, left): (usize, usize)) {
        /// A part that no element has: nothing was searched.
        const NO_PIECE: u32 = 0xFF00;
        let own = self.search_name();
        let [name, mark, began] = &mut self.resume.words;
        if *name & 0xFF != own || *name & 0xFF00 == 0 {
            (*name, *began) = (own | NO_PIECE, 0);
        }
        match (u32::try_from(at), u16::try_from(left)) {
            (Ok(at), Ok(left)) => {
                *name = *name & 0xFFFF | u32::from(left) << 16;
                *mark = at;
            }
            _ => self.resume = ScanState::default(),
        }
    }

    /// The offset behind one element.
    fn past_element(&mut self, repeat: &Repeat, at: usize, end: usize) -> Result<usize, Stop> {
        let mut at = at;
        for (number, piece) in (1u32..).zip(&repeat.pieces) {
            self.piece = number.min(0xFE);
            at = match piece {
                Piece::Number(number) => number.decode(self.frame, at, end)?.1,
                Piece::Text(text) => self.text(text, at)?.behind,
            };
        }
        Ok(at)
    }

    /// How many elements there are, and where the first begins.
    pub(crate) fn count(&mut self, count: Count, at: usize) -> Result<(usize, usize), Stop> {
        let (counted, behind) = match count {
            Count::Prefix(number) => {
                let (counted, behind) = number.decode(self.frame, at, self.bound())?;
                (number.value(counted), behind)
            }
            Count::By(field) => match self.integer(field) {
                Err(Stop::Absent) => (0, at),
                counted => (counted?, at),
            },
        };
        let counted = usize::try_from(counted.max(0)).unwrap_or(usize::MAX);
        Ok((counted, behind))
    }
}

/// How many bytes a count that also counts `plus` means; a negative count means none.
fn bytes_of(counted: i128, plus: i64) -> Option<usize> {
    if counted < 0 || (counted == 0 && plus > 0) {
        return Some(0);
    }
    let bytes = counted.checked_sub(i128::from(plus))?;
    (bytes >= 0).then(|| usize::try_from(bytes).unwrap_or(usize::MAX))
}

impl Program {
    /// Strides that must be passed to read a field.
    pub(crate) fn strides_before(&self, field: &Field) -> u16 {
        let spots = field.spots.iter();
        spots
            .map(|spot| self.strides_of(&spot.at))
            .max()
            .unwrap_or(0)
    }

    /// Strides that must be passed to reach a value.
    pub(crate) fn strides_of(&self, at: &Where) -> u16 {
        match at {
            Where::Place(place) => place.strides,
            Where::Body(inside) => inside.place.strides,
            Where::Keyed(keyed) => self
                .groups
                .get(keyed.group)
                .map_or(0, |group| group.place.strides),
        }
    }

    /// Where the frame ends by a length at `at`; `reach` finds the body.
    #[inline]
    pub(crate) fn counted(length: &Length, (at, value): (usize, u64), body: usize) -> u64 {
        let base = match length.base {
            Base::Frame => 0,
            Base::Rest => at,
            Base::Body(_) => body,
        };
        let counted = value.saturating_add(length.more);
        counted
            .saturating_add(base as u64)
            .saturating_sub(length.fewer)
    }
}

/// Where a word ends, and how many bytes end it: a blank does, or the end of its line, which is
/// not passed over.
fn word_end(searched: &[u8], line_end: &[u8]) -> Option<(usize, usize)> {
    let first = *line_end.first()?;
    memchr::memchr2_iter(b' ', first, searched).find_map(|at| {
        let there = searched.get(at..)?;
        match there.first() {
            Some(b' ') => Some((at, 1)),
            _ => there.starts_with(line_end).then_some((at, 0)),
        }
    })
}
