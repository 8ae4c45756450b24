//! The head of a frame whose fields must be walked for: conditions, sections, groups, checksums.
//!
//! Unless a frame is long enough to be cut through, it is waited for as soon as its extent is
//! known, so that it is walked once.

use weft_codec::{Correlation, Cut, Effect, Head, Kind, Limits, ScanState, Side, Span};

use crate::id::ID_BYTES_MAX;
use crate::number::Number;
use crate::program::{Base, Does, Kinds, Over, Program, Sum, in_ranges};
use crate::scan::{Hold, Outline, Wrong, by_direction, head_of, kind_of, note_of, starts_with};
use crate::stop::Stop;
use crate::walk::Walker;

impl Program {
    /// The head of the frame at the beginning of `rest`. `state` remembers what was searched.
    #[inline(never)]
    pub(crate) fn full_head(
        &self,
        (side, limits): (Side, &Limits),
        state: &mut ScanState,
        rest: &[u8],
    ) -> Result<Head, Hold> {
        self.first_look(rest)?;
        let mut walker = Walker::new(self, side, rest, limits.head_bytes_max as usize);
        walker.resume = *state;
        let found = self.walked_head(&mut walker, limits);
        *state = match found {
            Err(Hold::Need(_)) => walker.resume,
            _ => ScanState::default(),
        };
        found
    }

    fn walked_head(&self, walker: &mut Walker<'_, '_>, limits: &Limits) -> Result<Head, Hold> {
        let rest = walker.frame;
        let frame_bytes = self.walked_length(walker, limits)?;
        let is_cut = frame_bytes > limits.cut_through_bytes && !self.bodies.is_empty();
        let head_bytes = if is_cut {
            let end = limits.head_bytes_max.min(frame_bytes);
            walker.end = end as usize;
            let head = head_of(self.walked_body(walker), (end, frame_bytes), rest)?;
            // Of a frame that is cut, no byte of its checksum may be there yet.
            if head < frame_bytes && rest.len() > self.tail_at(frame_bytes as usize) {
                return Err(Hold::Need(frame_bytes as usize));
            }
            head
        } else {
            if rest.len() < frame_bytes as usize {
                return Err(Hold::Need(frame_bytes as usize));
            }
            walker.end = frame_bytes as usize;
            walker.run(u16::MAX)?;
            // What the fields say of themselves must lie in the frame.
            let end = walker.position(self.extent.end)?;
            if end > frame_bytes as usize {
                return Err(Hold::Wrong(frame_bytes as usize, Wrong::Overrun));
            }
            frame_bytes
        };
        self.late_magics(walker)?;
        let outline = Outline {
            frame_bytes,
            kind: self.walked_kind(walker)?,
            ..self.walked_id(walker, frame_bytes)?
        };
        if head_bytes == frame_bytes {
            self.check_sums(walker)?;
        }
        let does = self.does(walker)?;
        let effect = does.map_or(Effect::Stateless, |(_, does)| does.effect);
        let more = match &self.more {
            Some(condition) => walker.holds(condition)?,
            None => false,
        };
        let asks = matches!(outline.kind, Kind::Request | Kind::Answer);
        let by_id = self.traits.correlation == Correlation::ById;
        Ok(Head {
            frame_bytes,
            head_bytes,
            id: outline.id,
            id_value: outline.id_value,
            kind: outline.kind,
            cut: self.cut(),
            effect,
            more,
            exclusive: (asks && by_id && outline.id.is_empty())
                || does.is_some_and(|(_, does)| does.once),
            notes: [note_of(walker.side), does.map_or(0, |(n, _)| n), 0, 0],
            ..Head::default()
        })
    }

    /// The length of the frame, as far as the walk must go to know it.
    pub(crate) fn walked_length(
        &self,
        walker: &mut Walker<'_, '_>,
        limits: &Limits,
    ) -> Result<u32, Hold> {
        for length in &self.extent.lengths {
            let at = match walker.reach(length.place) {
                Err(Stop::Absent) => continue,
                reached => reached?,
            };
            let (value, behind) = length.number.decode(walker.frame, at, walker.end)?;
            if length.number.value(value) < 0 {
                return Err(Hold::Wrong(at, Wrong::Short(0)));
            }
            let body = match length.base {
                // What stands behind the body is not counted with it.
                Base::Body(body) => walker.reach(body)?.saturating_add(walker.trailers()?),
                _ => 0,
            };
            let bytes = Self::counted(length, (behind, value), body);
            let frame_bytes = self.within_limits(at, bytes, limits)?;
            walker.frame_end = frame_bytes as usize;
            if self.cut() == Cut::Whole || frame_bytes <= limits.cut_through_bytes {
                walker.end = frame_bytes as usize;
            }
            return Ok(frame_bytes);
        }
        walker.run(u16::MAX)?;
        let bytes = walker.position(self.extent.end)?;
        let frame_bytes =
            self.within_limits(0, u64::try_from(bytes).unwrap_or(u64::MAX), limits)?;
        walker.frame_end = frame_bytes as usize;
        Ok(frame_bytes)
    }

    /// Where the body begins.
    fn walked_body(&self, walker: &mut Walker<'_, '_>) -> Result<usize, Stop> {
        for body in &self.bodies {
            match walker.reach(*body) {
                Err(Stop::Absent) => {}
                reached => return reached,
            }
        }
        // This way has no body: its head is all of it.
        walker.run(u16::MAX)?;
        walker.position(self.extent.end)
    }

    /// Constants that stand behind parts of varying length, or on some ways only.
    fn late_magics(&self, walker: &Walker<'_, '_>) -> Result<(), Hold> {
        for (index, (place, bytes)) in self.late_magics.iter().enumerate() {
            let at = match walker.position(*place) {
                Err(Stop::Absent) => continue,
                at => at?,
            };
            let there = walker.frame.get(at..).unwrap_or_default();
            if !starts_with(there, bytes) {
                return Err(Hold::Wrong(
                    at.min(walker.frame.len()),
                    Wrong::LateMagic(index),
                ));
            }
        }
        Ok(())
    }

    /// Compares the checksums of a frame that is there whole.
    fn check_sums(&self, walker: &Walker<'_, '_>) -> Result<(), Hold> {
        for (index, sum) in self.sums.iter().enumerate() {
            let at = match self.ends_in_sum {
                true => self.tail_at(walker.frame_end),
                false => match walker.position(sum.place) {
                    Err(Stop::Absent) => continue,
                    at => at?,
                },
            };
            check(walker, (sum, at), index)?;
        }
        Ok(())
    }

    /// What the frame is.
    fn walked_kind(&self, walker: &mut Walker<'_, '_>) -> Result<Kind, Hold> {
        let side = walker.side;
        let (at, value, meaning) = match &self.kinds {
            Kinds::Direction => return Ok(by_direction(side)),
            Kinds::Rules(rules) => {
                for (condition, meaning) in rules {
                    if walker.holds(condition)? {
                        return kind_of(side, Some(*meaning)).ok_or(Hold::Wrong(0, Wrong::NoKind));
                    }
                }
                return Err(Hold::Wrong(0, Wrong::NoKind));
            }
            Kinds::Byte { place, meanings } => {
                let at = place.bytes as usize;
                let value = Number::big(1).read(walker.frame, at, walker.end)?;
                let index = usize::try_from(value).unwrap_or(0);
                (at, value, meanings.get(index).copied())
            }
            Kinds::Ranges {
                place,
                number,
                ranges,
            } => {
                let at = place.bytes as usize;
                let value = number.read(walker.frame, at, walker.end)?;
                let meaning = in_ranges(ranges, number.value(value));
                (at, value, meaning.copied())
            }
        };
        kind_of(side, meaning).ok_or(Hold::Wrong(at, Wrong::Kind(value)))
    }

    /// Where the id stands, and its number.
    fn walked_id(&self, walker: &mut Walker<'_, '_>, frame_bytes: u32) -> Result<Outline, Hold> {
        let mut outline = Outline {
            frame_bytes,
            kind: Kind::Request,
            id: Span::default(),
            id_value: 0,
        };
        let Some(id) = &self.id else {
            return Ok(outline);
        };
        let (start, end) = match walker.id_content(id) {
            Err(Stop::Absent) => return Ok(outline),
            found => found?,
        };
        let len = end.saturating_sub(start);
        if len == 0 || len > ID_BYTES_MAX {
            return Err(Hold::Wrong(start, Wrong::Id));
        }
        let bytes = walker.frame.get(start..end).ok_or(Hold::Need(end))?;
        let start = u32::try_from(start).map_err(|_| Hold::Wrong(0, Wrong::Id))?;
        outline.id = Span::new(start, u32::try_from(len).unwrap_or(0));
        outline.id_value = id.form.value(bytes);
        Ok(outline)
    }

    /// What a request does to its connection, and the number of the rule that says it.
    fn does(&self, walker: &mut Walker<'_, '_>) -> Result<Option<(u32, &Does)>, Hold> {
        for (number, does) in (0u32..).zip(&self.effects) {
            if walker.holds(&does.when)? {
                return Ok(Some((number, does)));
            }
        }
        Ok(None)
    }

    /// The kind of the first bytes of a connection; `None` if it is too early to tell and they
    /// are of this protocol as far as can be seen.
    pub(crate) fn sniffed_kind(
        &self,
        limits: &Limits,
        prefix: &[u8],
    ) -> Result<Option<Kind>, Hold> {
        /// How many bytes are worth waiting for.
        const BYTES_MAX: usize = 64;
        self.first_look(prefix)?;
        let end = limits.head_bytes_max as usize;
        let mut walker = Walker::new(self, Side::Downstream, prefix, end);
        let mut look = || {
            self.walked_length(&mut walker, limits)?;
            walker.run(u16::MAX)?;
            self.late_magics(&walker)?;
            self.walked_kind(&mut walker)
        };
        match look() {
            Ok(kind) => Ok(Some(kind)),
            Err(Hold::Need(bytes)) if bytes > BYTES_MAX && !self.magics.is_empty() => Ok(None),
            Err(Hold::Need(bytes)) if bytes > BYTES_MAX && prefix.len() >= BYTES_MAX => Ok(None),
            Err(hold) => Err(hold),
        }
    }
}

/// Compares the checksum at `at`.
fn check(walker: &Walker<'_, '_>, (sum, at): (&Sum, usize), index: usize) -> Result<(), Hold> {
    let found = sum.number.read(walker.frame, at, walker.frame_end)?;
    let frame = walker.frame.get(..walker.frame_end).unwrap_or(walker.frame);
    let expected = sum.computed(walker, frame, at)?;
    if found == expected {
        Ok(())
    } else {
        Err(Hold::Wrong(at, Wrong::Sum { index, expected }))
    }
}

impl Sum {
    /// The checksum of `frame`, which stands at `at` in it.
    pub(crate) fn computed(
        &self,
        walker: &Walker<'_, '_>,
        frame: &[u8],
        at: usize,
    ) -> Result<u64, Stop> {
        let behind = at.saturating_add(self.number.bytes());
        let before = frame.get(..at).ok_or(Stop::Beyond(at))?;
        let rest = frame.get(behind..).ok_or(Stop::Beyond(at))?;
        let zeros = [0u8; 8];
        let zeros = zeros.get(..self.number.bytes()).unwrap_or_default();
        Ok(match self.over {
            Over::Before => self.algorithm.over(&[before]),
            Over::Behind => self.algorithm.over(&[rest]),
            Over::Frame => self.algorithm.over(&[before, zeros, rest]),
            Over::Between(from, to) => {
                let from = walker.position(from)?;
                let to = walker.position(to)?;
                let covered = frame.get(from..to).ok_or(Stop::Beyond(from))?;
                self.algorithm.over(&[covered])
            }
        })
    }
}
