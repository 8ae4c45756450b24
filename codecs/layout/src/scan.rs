//! Finding frames. Knows offsets; what the fields are for is not asked here.

use weft_codec::{Cut, Head, Kind, Limits, Malformed, ScanState, Scanned, Side, Sniff, Span};

use crate::number::Number;
use crate::program::{Base, Kinds, Length, Meaning, Place, Program, Quick, in_ranges};
use crate::stop::Stop;

/// The note of a head that says who sent the frame.
const NOTE_UPSTREAM: u32 = 1;

/// What a frame is, before all of it is there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outline {
    pub(crate) frame_bytes: u32,
    pub(crate) kind: Kind,
    pub(crate) id: Span,
    pub(crate) id_value: u64,
}

/// Why there is no outline.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Hold {
    /// So many bytes of the frame must be there.
    Need(usize),
    /// The byte at this offset of the frame is wrong.
    Wrong(usize, Wrong),
}

/// What is wrong. Words are made only once a stream has ended by it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wrong {
    Magic(usize),
    LateMagic(usize),
    Kind(u64),
    NoKind,
    Short(u64),
    Long { bytes: u64, limit: u32 },
    Overrun,
    Twice,
    Head(u32),
    Id,
    Sum { index: usize, expected: u64 },
}

impl From<Stop> for Hold {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Need(bytes) => Self::Need(bytes),
            Stop::Beyond(at) => Self::Wrong(at, Wrong::Overrun),
            Stop::Twice(at) => Self::Wrong(at, Wrong::Twice),
            Stop::Absent => Self::Wrong(0, Wrong::Overrun),
        }
    }
}

/// The note that says who sent a frame.
pub(crate) fn note_of(side: Side) -> u32 {
    match side {
        Side::Downstream => 0,
        Side::Upstream => NOTE_UPSTREAM,
    }
}

/// Who sent the frame of a head.
pub(crate) fn side_of(head: &Head) -> Side {
    let [note, ..] = head.notes;
    if note & NOTE_UPSTREAM == 0 {
        Side::Downstream
    } else {
        Side::Upstream
    }
}

impl Program {
    /// Finds the heads of all frames in `bytes`: see [`weft_codec::Codec::scan`].
    pub(crate) fn scan(
        &self,
        (side, limits): (Side, &Limits),
        state: &mut ScanState,
        bytes: &[u8],
        heads: &mut Vec<Head>,
    ) -> Result<Scanned, Malformed> {
        let bytes_max = limits.frame_bytes_max.min(limits.cut_through_bytes);
        let glance = self.glance.as_ref();
        let glance = glance.filter(|glance| {
            glance.head_bytes <= limits.head_bytes_max && glance.frame_bytes_min <= bytes_max
        });
        let mut at = 0usize;
        loop {
            if let Some(glance) = glance {
                at = glance.all((side, bytes_max), bytes, at, heads);
            }
            let rest = bytes.get(at..).unwrap_or_default();
            let held = |need: usize| Scanned {
                consumed: at,
                need: need.max(rest.len().saturating_add(1)),
            };
            if rest.is_empty() {
                return Ok(held(self.magic_end()));
            }
            let Ok(start) = u32::try_from(at) else {
                return Ok(held(self.magic_end()));
            };
            let found = self.long_look((side, limits), state, (start, rest), heads);
            match found {
                Ok(frame_bytes) => at = at.saturating_add(frame_bytes as usize),
                Err(Hold::Need(need)) => return Ok(held(need)),
                Err(Hold::Wrong(byte, wrong)) => {
                    return Err(self.complain(at, byte, wrong, rest));
                }
            }
        }
    }

    /// Pushes the head of the frame at the beginning of `rest`, and gives the frame's bytes. It is
    /// kept out of the loop over glances, which has little to carry then.
    #[inline(never)]
    fn long_look(
        &self,
        (side, limits): (Side, &Limits),
        state: &mut ScanState,
        (start, rest): (u32, &[u8]),
        heads: &mut Vec<Head>,
    ) -> Result<u32, Hold> {
        let Some(quick) = &self.quick else {
            let head = self.full_head((side, limits), state, rest)?;
            heads.push(Head { start, ..head });
            return Ok(head.frame_bytes);
        };
        let outline = self.quick_outline(quick, (side, limits), rest)?;
        heads.push(Head {
            start,
            frame_bytes: outline.frame_bytes,
            head_bytes: self.head_bytes(limits, &outline, rest)?,
            id: outline.id,
            id_value: outline.id_value,
            kind: outline.kind,
            cut: self.cut(),
            notes: [note_of(side), 0, 0, 0],
            ..Head::default()
        });
        Ok(outline.frame_bytes)
    }

    /// Whether the first bytes of a connection are of this protocol.
    pub(crate) fn sniff(&self, prefix: &[u8]) -> Sniff {
        let limits = Limits::default();
        let kind = match &self.quick {
            Some(quick) => self
                .quick_outline(quick, (Side::Downstream, &limits), prefix)
                .map(|outline| Some(outline.kind)),
            None => self.sniffed_kind(&limits, prefix),
        };
        match kind {
            Ok(Some(Kind::Answer | Kind::Pong | Kind::Push)) => Sniff::No,
            Ok(_) => Sniff::Yes,
            Err(Hold::Need(bytes)) => Sniff::Need(bytes),
            Err(Hold::Wrong(..)) => Sniff::No,
        }
    }

    /// Whether frames can be passed on before they are complete.
    pub(crate) fn cut(&self) -> Cut {
        if self.bodies.is_empty() {
            Cut::Whole
        } else if self.ends_in_sum {
            Cut::ChecksumTail
        } else {
            Cut::Cuttable
        }
    }

    /// Reads extent, kind and id of the frame at the beginning of `rest`.
    #[inline(always)]
    fn quick_outline(
        &self,
        quick: &Quick,
        (side, limits): (Side, &Limits),
        rest: &[u8],
    ) -> Result<Outline, Hold> {
        self.first_look(rest)?;
        let head_max = limits.head_bytes_max as usize;
        let frame_bytes = match &quick.length {
            Some(length) => self.quick_length(length, limits, rest)?,
            None => self.within_limits(0, u64::from(self.frame_bytes_min), limits)?,
        };
        let end = head_max.min(frame_bytes as usize);
        let kind = self.quick_kind(side, rest, end)?;
        let (id, id_value) = match quick.id {
            None => (Span::default(), 0),
            Some(slot) => (slot.span(), slot.number().read_plain(rest, slot.at(), end)?),
        };
        Ok(Outline {
            frame_bytes,
            kind,
            id,
            id_value,
        })
    }

    /// Waits for the first bytes and compares the constants in them.
    #[inline(always)]
    pub(crate) fn first_look(&self, rest: &[u8]) -> Result<(), Hold> {
        if rest.len() < self.first_look {
            return Err(self.early(rest));
        }
        for (index, magic) in self.magics.iter().enumerate() {
            let there = rest.get(magic.at..).unwrap_or_default();
            if !starts_with(there, &magic.bytes) {
                return Err(Hold::Wrong(magic.at, Wrong::Magic(index)));
            }
        }
        Ok(())
    }

    /// What can be said of too few bytes: a wrong first constant is wrong at once. Like every
    /// complaint, it is made as soon as the bytes that were asked for are there, and not before,
    /// so that it does not depend on how the stream was cut.
    #[cold]
    fn early(&self, rest: &[u8]) -> Hold {
        let Some(magic) = self.magics.first() else {
            return Hold::Need(self.first_look);
        };
        match rest.get(magic.at..self.magic_end()) {
            None => Hold::Need(self.magic_end()),
            Some(there) if *there == *magic.bytes => Hold::Need(self.first_look),
            Some(_) => Hold::Wrong(magic.at, Wrong::Magic(0)),
        }
    }

    /// How many bytes the first constant needs; without one, the first look.
    fn magic_end(&self) -> usize {
        self.magics.first().map_or(self.first_look, |magic| {
            magic.at.saturating_add(magic.bytes.len())
        })
    }

    /// The length of a frame whose length stands at a constant offset.
    #[inline(always)]
    fn quick_length(&self, length: &Length, limits: &Limits, rest: &[u8]) -> Result<u32, Hold> {
        let head_max = limits.head_bytes_max as usize;
        let at = length.place.bytes as usize;
        let value = length.number.read_plain(rest, at, head_max)?;
        let behind = at.saturating_add(length.number.bytes());
        let body = match length.base {
            Base::Body(body) => self.plain_reach(body, rest, head_max)?,
            _ => 0,
        };
        let bytes = Self::counted(length, (behind, value), body);
        self.within_limits(at, bytes, limits)
    }

    /// A frame's length, if it is one.
    #[inline(always)]
    pub(crate) fn within_limits(
        &self,
        at: usize,
        bytes: u64,
        limits: &Limits,
    ) -> Result<u32, Hold> {
        match u32::try_from(bytes) {
            _ if bytes < u64::from(self.frame_bytes_min) => {
                Err(Hold::Wrong(at, Wrong::Short(bytes)))
            }
            Ok(fits) if fits <= limits.frame_bytes_max => Ok(fits),
            _ => {
                let limit = limits.frame_bytes_max;
                Err(Hold::Wrong(at, Wrong::Long { bytes, limit }))
            }
        }
    }

    /// What the frame is, by an integer at a constant offset.
    #[inline(always)]
    fn quick_kind(&self, side: Side, rest: &[u8], end: usize) -> Result<Kind, Hold> {
        let (at, value, meaning) = match &self.kinds {
            Kinds::Direction | Kinds::Rules(_) => return Ok(by_direction(side)),
            Kinds::Byte { place, meanings } => {
                let at = place.bytes as usize;
                let value = Number::big(1).read_plain(rest, at, end)?;
                let index = usize::try_from(value).unwrap_or(0);
                (at, value, meanings.get(index))
            }
            Kinds::Ranges {
                place,
                number,
                ranges,
            } => {
                let at = place.bytes as usize;
                let value = number.read(rest, at, end)?;
                (at, value, in_ranges(ranges, number.value(value)))
            }
        };
        kind_of(side, meaning.copied()).ok_or(Hold::Wrong(at, Wrong::Kind(value)))
    }

    /// How much of the frame is its head: all of it, unless it is long enough to be cut through.
    #[inline(always)]
    fn head_bytes(&self, limits: &Limits, outline: &Outline, rest: &[u8]) -> Result<u32, Hold> {
        let frame_bytes = outline.frame_bytes;
        if frame_bytes > limits.cut_through_bytes
            && let Some(body) = self.bodies.first()
        {
            return self.cut_head_bytes(limits, frame_bytes, *body, rest);
        }
        if rest.len() < frame_bytes as usize {
            return Err(Hold::Need(frame_bytes as usize));
        }
        Ok(frame_bytes)
    }

    /// The bytes before the body of a frame that is cut through.
    #[cold]
    fn cut_head_bytes(
        &self,
        limits: &Limits,
        frame_bytes: u32,
        body: Place,
        rest: &[u8],
    ) -> Result<u32, Hold> {
        let end = limits.head_bytes_max.min(frame_bytes);
        let reached = self.plain_reach(body, rest, end as usize);
        head_of(reached, (end, frame_bytes), rest)
    }

    /// The complaint in words.
    #[cold]
    fn complain(&self, start: usize, byte: usize, wrong: Wrong, rest: &[u8]) -> Malformed {
        let name = &self.name;
        let constant = |expected: &[u8]| {
            let there = rest.get(byte..).unwrap_or_default();
            let found = there.get(..expected.len()).unwrap_or(there);
            format!(
                "not a frame of {name}: `{}` stands where `{}` must",
                found.escape_ascii(),
                expected.escape_ascii()
            )
        };
        let reason = match wrong {
            Wrong::Magic(index) => {
                constant(self.magics.get(index).map_or(&[][..], |magic| &magic.bytes))
            }
            Wrong::LateMagic(index) => {
                let magic = self.late_magics.get(index);
                constant(magic.map_or(&[][..], |(_, bytes)| bytes))
            }
            Wrong::Kind(value) => format!("{name} has no kind of frame with the value {value}"),
            Wrong::NoKind => format!("no kind of frame that {name} has fits these fields"),
            Wrong::Short(bytes) => format!(
                "the length makes a frame of {bytes} bytes, but {name} has none below {}",
                self.frame_bytes_min
            ),
            Wrong::Long { bytes, limit } => {
                format!("a frame of {bytes} bytes, over the limit of {limit}")
            }
            Wrong::Overrun => "a field that begins here reaches past its frame, or past the \
                               limit for heads"
                .to_owned(),
            Wrong::Twice => "the id stands here a second time".to_owned(),
            Wrong::Head(limit) => {
                format!("the head reaches past the limit of {limit} bytes for heads")
            }
            Wrong::Id => "the id that begins here is empty or too long".to_owned(),
            Wrong::Sum { index, expected } => {
                let algorithm = self.sums.get(index).map(|sum| sum.algorithm);
                let algorithm = algorithm.map_or_else(String::new, |one| format!("{one:?}"));
                format!("the checksum is wrong: {algorithm} over this frame is {expected:#x}")
            }
        };
        // A length may claim more than is there; the offset may not.
        let at = start.saturating_add(byte.min(rest.len()));
        Malformed::new(at, reason)
    }
}

/// The head of a frame that is cut through, whose body was looked for up to `end`.
pub(crate) fn head_of(
    reached: Result<usize, Stop>,
    (end, frame_bytes): (u32, u32),
    rest: &[u8],
) -> Result<u32, Hold> {
    let head = match reached {
        Err(Stop::Beyond(at)) if end < frame_bytes => {
            return Err(Hold::Wrong(at, Wrong::Head(end)));
        }
        reached => reached?,
    };
    if rest.len() >= frame_bytes as usize {
        return Ok(frame_bytes);
    }
    if rest.len() < head {
        return Err(Hold::Need(head));
    }
    u32::try_from(head).map_err(|_| Hold::Wrong(0, Wrong::Overrun))
}

/// The kind that a meaning stands for.
#[inline]
pub(crate) fn kind_of(side: Side, meaning: Option<Meaning>) -> Option<Kind> {
    match meaning {
        Some(Meaning::Is(kind)) => Some(kind),
        Some(Meaning::Message) => Some(by_direction(side)),
        Some(Meaning::Unknown) | None => None,
    }
}

/// What a frame is that does not say it.
pub(crate) fn by_direction(side: Side) -> Kind {
    match side {
        Side::Downstream => Kind::Request,
        Side::Upstream => Kind::Answer,
    }
}

/// `bytes` begins with `constant`, which is short: a loop is cheaper than a call.
#[inline]
pub(crate) fn starts_with(bytes: &[u8], constant: &[u8]) -> bool {
    bytes.len() >= constant.len() && bytes.iter().zip(constant).all(|(a, b)| a == b)
}
