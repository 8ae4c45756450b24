//! A checked description as flat tables over byte offsets.
//!
//! The parts of a frame whose length varies (texts, maps) are *strides*, in wire order. Every
//! field stands a fixed number of bytes behind the end of some stride, or behind the frame's
//! beginning: its [`Place`]. Most protocols have extent, kind and id before the first stride;
//! those are read at constant offsets, with no walk at all.

use weft_codec::{Kind, Traits, Verdict};

use crate::number::Number;

/// A compiled description.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) name: String,
    pub(crate) traits: Traits,
    /// The parts of varying length, in wire order.
    pub(crate) strides: Vec<Stride>,
    /// Constants, all before the first stride.
    pub(crate) magics: Vec<Magic>,
    /// Where a frame ends.
    pub(crate) extent: Extent,
    /// The fewest bytes that a frame can have.
    pub(crate) frame_bytes_min: u32,
    /// How many bytes must be there before a frame is looked at.
    pub(crate) first_look: usize,
    pub(crate) kinds: Kinds,
    /// The id, if frames carry one.
    pub(crate) id: Option<(Place, Number)>,
    /// Where the body begins; without one a frame must be there whole.
    pub(crate) body: Option<Place>,
    pub(crate) service: Option<Reader>,
    pub(crate) method: Option<Reader>,
    pub(crate) keys: Vec<Key>,
    /// Milliseconds that the caller will still wait.
    pub(crate) deadline: Option<(Place, Number)>,
    pub(crate) status: Option<Status>,
    /// What is remembered of a request beside its id, in this order.
    pub(crate) echoes: Vec<Echo>,
    pub(crate) error: Option<Template>,
    pub(crate) ping: Option<Template>,
    pub(crate) pong: Option<Template>,
}

/// Where a field begins: so many bytes behind the end of so many strides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// Strides before it.
    pub(crate) strides: u16,
    /// Bytes behind the end of the last of them.
    pub(crate) bytes: u32,
}

/// A part of varying length.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stride {
    /// Bytes of fixed length before it, from the end of the stride before.
    pub(crate) gap: u32,
    pub(crate) what: Varying,
}

/// What varies.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Varying {
    /// Bytes behind an integer that counts them.
    Run(Number),
    /// A map behind an integer that counts its entries.
    Entries(Entries),
}

/// How a map is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entries {
    /// Counts the entries.
    pub(crate) count: Number,
    /// Counts the bytes of a key.
    pub(crate) key: Number,
    /// Counts the bytes of a value.
    pub(crate) value: Number,
}

/// Constant bytes.
#[derive(Debug)]
pub(crate) struct Magic {
    /// Their offset.
    pub(crate) at: usize,
    pub(crate) bytes: Box<[u8]>,
}

/// Where a frame ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Extent {
    /// At the end of its fields, all of which tell their own length.
    Fields(Place),
    /// A length says it: the frame has `base + value + more - fewer` bytes.
    Length {
        place: Place,
        number: Number,
        /// From where the length counts.
        base: Base,
        /// Bytes that the length leaves out.
        more: u64,
        /// Bytes that it counts too much.
        fewer: u64,
    },
}

/// From where a length counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Base {
    /// From the frame's first byte.
    Frame,
    /// From the byte behind the length.
    Rest,
    /// From the body's first byte.
    Body(Place),
}

/// How a frame's kind is known.
#[derive(Debug)]
pub(crate) enum Kinds {
    /// By its direction alone: requests from clients, answers from servers.
    Direction,
    /// By an integer of one byte: what each value means.
    Byte {
        place: Place,
        meanings: Box<[Meaning; 256]>,
    },
    /// By a wider integer: the first range that holds the value says it.
    Ranges {
        place: Place,
        number: Number,
        ranges: Vec<(u64, u64, Meaning)>,
    },
}

/// What a value of the kind's integer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// The description does not say.
    Unknown,
    /// A request from a client, an answer from a server.
    Message,
    /// This kind.
    Is(Kind),
}

/// How a value is read for rules.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(crate) place: Place,
    pub(crate) what: Readable,
}

/// What can be read for rules.
#[derive(Debug)]
pub(crate) enum Readable {
    /// An integer, and the names that some of its values have.
    Number(Number, Vec<(u64, u64, String)>),
    /// Bytes behind an integer that counts them.
    Run(Number),
    /// So many bytes.
    Fixed(u32),
}

/// A key that rules may ask for.
#[derive(Debug)]
pub(crate) struct Key {
    /// Its name; for [`KeyOf::AnyEntry`] the prefix.
    pub(crate) name: String,
    pub(crate) of: KeyOf,
}

/// What a key stands for.
#[derive(Debug)]
pub(crate) enum KeyOf {
    /// A field.
    Field(Reader),
    /// The entry of a map under this key.
    Entry(Place, Entries, String),
    /// The entry of a map whose key follows the prefix.
    AnyEntry(Place, Entries),
}

/// Where an answer's status stands and what it means.
#[derive(Debug)]
pub(crate) struct Status {
    pub(crate) place: Place,
    pub(crate) number: Number,
    /// The first range that holds the value says it; the last one holds every value.
    pub(crate) ranges: Vec<(u64, u64, Verdict)>,
}

/// A field that a reply carries back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Echo {
    pub(crate) place: Place,
    pub(crate) what: Echoed,
}

/// How it stands on the wire, and so in what is remembered.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Echoed {
    /// An integer or bytes of this length.
    Fixed(u32),
    /// Bytes behind an integer that counts them.
    Run(Number),
}

/// A frame of the mesh's own, in wire order.
#[derive(Debug)]
pub(crate) struct Template {
    pub(crate) parts: Vec<Piece>,
}

/// A part of a [`Template`].
#[derive(Debug)]
pub(crate) enum Piece {
    /// Always these bytes.
    Bytes(Vec<u8>),
    /// The id.
    Id(Number),
    /// The status: `first`, plus the number of the proxy error if `each`.
    Status {
        number: Number,
        first: u64,
        each: bool,
    },
    /// The n-th of [`Program::echoes`].
    Echo(usize),
    /// The length, written when all else is known.
    Length,
    /// The words, behind an integer that counts their bytes.
    Words(Number),
    /// The body: the words, or nothing.
    Body { words: bool },
}

/// Why a place was not reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// So many bytes of the frame must be there.
    Need(usize),
    /// A stride that begins here reaches past the end.
    Beyond(usize),
}

impl Program {
    /// The offset of a place in `frame`, whose strides must end by `end`.
    #[inline]
    pub(crate) fn reach(&self, place: Place, frame: &[u8], end: usize) -> Result<usize, Stop> {
        if place.strides == 0 {
            return Ok(place.bytes as usize);
        }
        self.walk(place, frame, end)
    }

    /// [`Self::reach`] over at least one stride.
    fn walk(&self, place: Place, frame: &[u8], end: usize) -> Result<usize, Stop> {
        let mut at = 0;
        for stride in self.strides.iter().take(usize::from(place.strides)) {
            let begin = skip(at, stride.gap as usize);
            at = match stride.what {
                Varying::Run(number) => past_run(number, frame, begin, end),
                Varying::Entries(entries) => entries.past(frame, begin, end),
            }?;
        }
        let at = skip(at, place.bytes as usize);
        if at > end {
            return Err(Stop::Beyond(end));
        }
        Ok(at)
    }
}

/// `at` and so many bytes more. A place past the end of memory is past any frame's end.
#[inline]
fn skip(at: usize, bytes: usize) -> usize {
    at.saturating_add(bytes)
}

/// The integer at `at`, of which all bytes must stand before `end`.
#[inline]
pub(crate) fn read(number: Number, frame: &[u8], at: usize, end: usize) -> Result<u64, Stop> {
    let behind = skip(at, number.bytes());
    if behind > end {
        return Err(Stop::Beyond(at));
    }
    number.read(frame, at).ok_or(Stop::Need(behind))
}

/// The offset behind a run that begins at `at`.
#[inline]
pub(crate) fn past_run(number: Number, frame: &[u8], at: usize, end: usize) -> Result<usize, Stop> {
    let bytes = read(number, frame, at, end)?;
    let behind =
        usize::try_from(bytes).map_or(usize::MAX, |bytes| skip(skip(at, number.bytes()), bytes));
    if behind > end {
        return Err(Stop::Beyond(at));
    }
    Ok(behind)
}

impl Entries {
    /// The fewest bytes of an entry; never 0.
    fn entry_bytes_min(self) -> usize {
        skip(self.key.bytes(), self.value.bytes()).max(1)
    }

    /// How many entries `bytes` can hold at most.
    fn entries_max(self, bytes: usize) -> usize {
        bytes.checked_div(self.entry_bytes_min()).unwrap_or(0)
    }

    /// The offset behind a map that begins at `at`. The count is believed only as far as the
    /// bytes before `end` could hold so many entries, so the walk is bounded by the frame.
    fn past(self, frame: &[u8], at: usize, end: usize) -> Result<usize, Stop> {
        let count = read(self.count, frame, at, end)?;
        let mut at = skip(at, self.count.bytes());
        let entries_max = self.entries_max(end.saturating_sub(at));
        let mut left = usize::try_from(count).unwrap_or(usize::MAX);
        if left > entries_max {
            return Err(Stop::Beyond(at.saturating_sub(self.count.bytes())));
        }
        // The walk goes in rounds: each waits until every entry that is left can be there, then
        // takes all that begin before that place. So the looks at a map that comes byte by byte
        // are few, and what they see of it does not depend on how the stream was cut.
        let mut round = at;
        while left > 0 {
            if at >= round {
                round = skip(at, left.saturating_mul(self.entry_bytes_min()));
                if round > end {
                    return Err(Stop::Beyond(at));
                }
                if frame.len() < round {
                    return Err(Stop::Need(round));
                }
            }
            at = past_run(self.key, frame, at, end)
                .and_then(|value| past_run(self.value, frame, value, end))?;
            left = left.saturating_sub(1);
        }
        Ok(at)
    }

    /// The value under `wanted` in the map that begins at `at`; the first if it stands twice.
    pub(crate) fn find<'f>(self, frame: &'f [u8], at: usize, wanted: &[u8]) -> Option<&'f [u8]> {
        let end = frame.len();
        let count = read(self.count, frame, at, end).ok()?;
        let mut at = skip(at, self.count.bytes());
        let entries_max = self.entries_max(end.saturating_sub(at));
        for _ in 0..usize::try_from(count)
            .unwrap_or(usize::MAX)
            .min(entries_max)
        {
            let value_at = past_run(self.key, frame, at, end).ok()?;
            let behind = past_run(self.value, frame, value_at, end).ok()?;
            if frame.get(skip(at, self.key.bytes())..value_at)? == wanted {
                return frame.get(skip(value_at, self.value.bytes())..behind);
            }
            at = behind;
        }
        None
    }
}

/// The meaning of the first range that holds `value`.
pub(crate) fn in_ranges<M>(ranges: &[(u64, u64, M)], value: u64) -> Option<&M> {
    ranges
        .iter()
        .find(|(first, last, _)| (*first..=*last).contains(&value))
        .map(|(_, _, meaning)| meaning)
}
