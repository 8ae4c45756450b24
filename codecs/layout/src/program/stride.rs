//! How far the parts of a frame reach.

use super::{Condition, Slot};
use crate::checksum::Algorithm;
use crate::number::Number;

/// Where a field begins: so many bytes behind the end of so many strides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// Strides before it.
    pub(crate) strides: u16,
    /// Bytes behind the end of the last of them.
    pub(crate) bytes: u32,
}

impl Place {
    /// The same place and so many bytes more.
    pub(crate) fn and(self, bytes: u32) -> Self {
        Self {
            bytes: self.bytes.saturating_add(bytes),
            ..self
        }
    }
}

/// A part of varying length, or a place where ways part or meet.
#[derive(Clone, Debug)]
pub(crate) struct Stride {
    /// Bytes of fixed length before it, from the end of the stride before.
    pub(crate) gap: u32,
    pub(crate) what: Varying,
}

/// A stride that is passed by its own bytes alone.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Plain {
    /// So many bytes, then a run.
    Run(u32, Number),
    /// So many bytes, then a map of runs.
    Entries(u32, Entries),
}

/// Extent and id at constant offsets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quick {
    /// Without one a frame always has as many bytes as the fewest.
    pub(crate) length: Option<Length>,
    pub(crate) id: Option<Slot>,
    /// The deadline, if it counts milliseconds.
    pub(crate) deadline_ms: Option<Slot>,
}

/// What varies.
#[derive(Clone, Debug)]
pub(crate) enum Varying {
    /// Bytes behind an unsigned integer of fixed width that counts them: the most frequent text.
    Run(Number),
    /// A map of such runs behind such an integer that counts its entries.
    Entries(Entries),
    /// An integer of variable width.
    Number(Number),
    /// Any other text, or a group that is as long as a text.
    Text(Text),
    /// The body: only this may reach past the limit for heads.
    Body(Text),
    /// Elements behind their count.
    Repeat(Repeat),
    /// A section begins: what follows must end within it.
    Enter(Text),
    /// A section ends: what is left of it is passed over.
    Leave,
    /// If the condition does not hold, the walk goes on at this stride.
    Branch(Condition, u16),
    /// If no byte is left in what this stands in, the walk goes on at this stride.
    Optional(u16),
    /// The walk goes on at this stride.
    Jump(u16),
    /// Ways meet.
    Join,
}

/// How far a text reaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Text {
    /// An integer before it counts its bytes and `plus`; a negative one means none.
    Run { number: Number, plus: i64 },
    /// So many bytes.
    Fixed(u32),
    /// So many bytes, of which trailing NULs and blanks do not count; the mesh fills up with this.
    Padded(u32, u8),
    /// Up to these bytes.
    Until(Box<[u8]>),
    /// Up to a blank, or to these bytes, which are then left to what follows.
    Word(Box<[u8]>),
    /// An earlier field counts its bytes and `plus`.
    By { field: usize, plus: i64 },
    /// Up to the end of what it stands in; of the frame, less the trailers.
    Rest,
}

/// How a map of runs is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entries {
    /// Counts the entries.
    pub(crate) count: Number,
    /// Counts the bytes of a key.
    pub(crate) key: Number,
    /// Counts the bytes of a value.
    pub(crate) value: Number,
}

/// Elements of one shape behind their count.
#[derive(Clone, Debug)]
pub(crate) struct Repeat {
    pub(crate) count: Count,
    /// One element.
    pub(crate) pieces: Box<[Piece]>,
    /// Its fewest bytes, at least 1.
    pub(crate) bytes_min: usize,
}

/// What counts elements.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Count {
    /// An integer before them.
    Prefix(Number),
    /// An earlier field.
    By(usize),
}

/// A part of an element.
#[derive(Clone, Debug)]
pub(crate) enum Piece {
    Number(Number),
    Text(Text),
}

/// Constant bytes.
#[derive(Debug)]
pub(crate) struct Magic {
    /// Their offset.
    pub(crate) at: usize,
    pub(crate) bytes: Box<[u8]>,
}

/// Where a frame ends.
#[derive(Debug)]
pub(crate) struct Extent {
    /// The lengths that say it, one for each way that has one: the first that is there counts.
    pub(crate) lengths: Vec<Length>,
    /// Without one a frame ends behind its last field.
    pub(crate) end: Place,
}

/// A length: the frame has `base + value + more - fewer` bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Length {
    pub(crate) place: Place,
    pub(crate) number: Number,
    /// From where the length counts.
    pub(crate) base: Base,
    /// Bytes that the length leaves out.
    pub(crate) more: u64,
    /// Bytes that it counts too much.
    pub(crate) fewer: u64,
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

/// A checksum.
#[derive(Debug)]
pub(crate) struct Sum {
    pub(crate) place: Place,
    pub(crate) number: Number,
    pub(crate) algorithm: Algorithm,
    pub(crate) over: Over,
}

/// What a checksum covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    /// From the frame's first byte to the checksum.
    Before,
    /// From behind the checksum to the frame's end.
    Behind,
    /// The whole frame, with zeros where the checksum stands.
    Frame,
    /// From one place to another.
    Between(Place, Place),
}
