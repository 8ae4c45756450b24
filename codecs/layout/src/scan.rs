//! Finding frames. Knows offsets; what the fields are for is not asked here.

use weft_codec::{Cut, Effect, Head, Kind, Limits, Malformed, Scanned, Side, Sniff, Span};

use crate::program::{Base, Extent, Kinds, Meaning, Place, Program, Stop, in_ranges, read};

/// What a frame is, before all of it is there.
#[derive(Clone, Copy, Debug)]
struct Outline {
    frame_bytes: u32,
    kind: Kind,
    id: Span,
    id_value: u64,
}

/// Why there is no outline.
#[derive(Clone, Copy, Debug)]
enum Hold {
    /// So many bytes of the frame must be there.
    Need(usize),
    /// The byte at this offset of the frame is wrong.
    Wrong(usize, Wrong),
}

/// What is wrong. Words are made only once a stream has ended by it.
#[derive(Clone, Copy, Debug)]
enum Wrong {
    Magic(usize),
    Kind(u64),
    Short(u64),
    Long { bytes: u64, limit: u32 },
    Overrun,
    Head(u32),
}

impl From<Stop> for Hold {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Need(bytes) => Self::Need(bytes),
            Stop::Beyond(at) => Self::Wrong(at, Wrong::Overrun),
        }
    }
}

impl Program {
    /// Finds the heads of all frames in `bytes`: see [`weft_codec::Codec::scan`].
    pub(crate) fn scan(
        &self,
        side: Side,
        limits: &Limits,
        bytes: &[u8],
        heads: &mut Vec<Head>,
    ) -> Result<Scanned, Malformed> {
        let mut at = 0usize;
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            let held = |need: usize| Scanned {
                consumed: at,
                need: need.max(rest.len().saturating_add(1)),
            };
            if rest.is_empty() {
                return Ok(held(self.magic_end()));
            }
            let found = self
                .outline(side, limits, rest)
                .and_then(|outline| Ok((outline, self.head_bytes(limits, &outline, rest)?)));
            let (outline, head_bytes) = match found {
                Ok(found) => found,
                Err(Hold::Need(need)) => return Ok(held(need)),
                Err(Hold::Wrong(byte, wrong)) => {
                    return Err(self.complain(at, byte, wrong, rest));
                }
            };
            let Ok(start) = u32::try_from(at) else {
                return Ok(held(self.magic_end()));
            };
            heads.push(Head {
                start,
                frame_bytes: outline.frame_bytes,
                head_bytes,
                id: outline.id,
                id_value: outline.id_value,
                kind: outline.kind,
                cut: self.cut(),
                effect: Effect::Stateless,
                ..Head::default()
            });
            at = at.saturating_add(outline.frame_bytes as usize);
        }
    }

    /// Whether the first bytes of a connection are of this protocol.
    pub(crate) fn sniff(&self, prefix: &[u8]) -> Sniff {
        match self.outline(Side::Downstream, &Limits::default(), prefix) {
            Ok(outline) if matches!(outline.kind, Kind::Answer | Kind::Pong | Kind::Push) => {
                Sniff::No
            }
            Ok(_) => Sniff::Yes,
            Err(Hold::Need(bytes)) => Sniff::Need(bytes),
            Err(Hold::Wrong(..)) => Sniff::No,
        }
    }

    /// Frames with a body can be passed on before it is complete.
    fn cut(&self) -> Cut {
        if self.body.is_some() {
            Cut::Cuttable
        } else {
            Cut::Whole
        }
    }

    /// Reads extent, kind and id of the frame at the beginning of `rest`.
    #[inline]
    fn outline(&self, side: Side, limits: &Limits, rest: &[u8]) -> Result<Outline, Hold> {
        if rest.len() < self.first_look {
            return Err(self.early(rest));
        }
        for (index, magic) in self.magics.iter().enumerate() {
            let there = rest.get(magic.at..).unwrap_or_default();
            if !starts_with(there, &magic.bytes) {
                return Err(Hold::Wrong(magic.at, Wrong::Magic(index)));
            }
        }
        let head_max = limits.head_bytes_max as usize;
        let frame_bytes = self.frame_bytes(limits, rest)?;
        let end = head_max.min(frame_bytes as usize);
        let kind = self.kind(side, rest, end)?;
        let (id, id_value) = match self.id {
            None => (Span::default(), 0),
            Some((place, number)) => {
                let at = self.reach(place, rest, end)?;
                let value = read(number, rest, at, end)?;
                let start = u32::try_from(at).map_err(|_| Hold::Wrong(0, Wrong::Overrun))?;
                (Span::new(start, u32::from(number.width)), value)
            }
        };
        Ok(Outline {
            frame_bytes,
            kind,
            id,
            id_value,
        })
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

    /// The length of the frame, within the limits.
    #[inline]
    fn frame_bytes(&self, limits: &Limits, rest: &[u8]) -> Result<u32, Hold> {
        let head_max = limits.head_bytes_max as usize;
        let (at, bytes) = match self.extent {
            Extent::Fields(end) => {
                let end = self.reach(end, rest, head_max)?;
                (0, u64::try_from(end).unwrap_or(u64::MAX))
            }
            Extent::Length {
                place,
                number,
                base,
                more,
                fewer,
            } => {
                let at = self.reach(place, rest, head_max)?;
                let value = read(number, rest, at, head_max)?;
                let base = match base {
                    Base::Frame => 0,
                    Base::Rest => at.saturating_add(number.bytes()),
                    Base::Body(body) => self.reach(body, rest, head_max)?,
                };
                let counted = value.saturating_add(more).saturating_add(base as u64);
                (at, counted.saturating_sub(fewer))
            }
        };
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

    /// What the frame is.
    #[inline]
    fn kind(&self, side: Side, rest: &[u8], end: usize) -> Result<Kind, Hold> {
        let (at, value, meaning) = match &self.kinds {
            Kinds::Direction => return Ok(by_direction(side)),
            Kinds::Byte { place, meanings } => {
                let at = self.reach(*place, rest, end)?;
                let value = match rest.get(at) {
                    Some(value) if at < end => *value,
                    _ if at < end => return Err(Hold::Need(at.saturating_add(1))),
                    _ => return Err(Hold::Wrong(at, Wrong::Overrun)),
                };
                let meaning = meanings.get(usize::from(value));
                (at, u64::from(value), meaning)
            }
            Kinds::Ranges {
                place,
                number,
                ranges,
            } => {
                let at = self.reach(*place, rest, end)?;
                let value = read(*number, rest, at, end)?;
                (at, value, in_ranges(ranges, value))
            }
        };
        match meaning {
            Some(Meaning::Is(kind)) => Ok(*kind),
            Some(Meaning::Message) => Ok(by_direction(side)),
            Some(Meaning::Unknown) | None => Err(Hold::Wrong(at, Wrong::Kind(value))),
        }
    }

    /// How much of the frame is its head: all of it, unless it is long enough to be cut through.
    #[inline]
    fn head_bytes(&self, limits: &Limits, outline: &Outline, rest: &[u8]) -> Result<u32, Hold> {
        let frame_bytes = outline.frame_bytes;
        if frame_bytes > limits.cut_through_bytes
            && let Some(body) = self.body
        {
            return self.cut_head_bytes(limits, frame_bytes, body, rest);
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
        let head = match self.reach(body, rest, end as usize) {
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

    /// The complaint in words.
    #[cold]
    fn complain(&self, start: usize, byte: usize, wrong: Wrong, rest: &[u8]) -> Malformed {
        let name = &self.name;
        let reason = match wrong {
            Wrong::Magic(index) => {
                let expected = self.magics.get(index).map_or(&[][..], |magic| &magic.bytes);
                let there = rest.get(byte..).unwrap_or_default();
                let found = there.get(..expected.len()).unwrap_or(there);
                format!(
                    "not a frame of {name}: `{}` stands where `{}` must",
                    found.escape_ascii(),
                    expected.escape_ascii()
                )
            }
            Wrong::Kind(value) => format!("{name} has no kind of frame with the value {value}"),
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
            Wrong::Head(limit) => {
                format!("the head reaches past the limit of {limit} bytes for heads")
            }
        };
        // A length may claim more than is there; the offset may not.
        let at = start.saturating_add(byte.min(rest.len()));
        Malformed::new(at, reason)
    }
}

/// What a frame is that does not say it.
fn by_direction(side: Side) -> Kind {
    match side {
        Side::Downstream => Kind::Request,
        Side::Upstream => Kind::Answer,
    }
}

/// `bytes` begins with `constant`, which is short: a loop is cheaper than a call.
#[inline]
fn starts_with(bytes: &[u8], constant: &[u8]) -> bool {
    bytes.len() >= constant.len() && bytes.iter().zip(constant).all(|(a, b)| a == b)
}
