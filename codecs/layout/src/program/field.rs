//! Where named fields stand and how they are read.

use super::{Place, Text};
use crate::id::IdForm;
use crate::number::Number;

/// A named field. On different ways through a frame it may stand at different places.
#[derive(Debug)]
pub(crate) struct Field {
    /// At least one; of those that a frame has, the first counts.
    pub(crate) spots: Vec<Spot>,
    /// How it is read if it has one spot, behind plain strides only.
    pub(crate) quick: Option<(Place, QuickRead)>,
    /// Names that some values of an integer have.
    pub(crate) names: Vec<(i128, i128, String)>,
}

/// A field that is asked for often.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask {
    /// Its number.
    pub(crate) field: usize,
    /// [`Field::quick`].
    pub(crate) quick: Option<(Place, QuickRead)>,
}

impl Ask {
    /// The field of this number; how it can be read at once is found later.
    pub(crate) fn of(field: usize) -> Self {
        Self { field, quick: None }
    }
}

/// What is read at once.
#[derive(Clone, Copy, Debug)]
pub(crate) enum QuickRead {
    /// An integer of fixed width.
    Number(Number),
    /// Bytes behind an unsigned integer that counts them.
    Run(Number),
    /// So many bytes.
    Fixed(u32),
}

/// One place where a field can stand.
#[derive(Clone, Debug)]
pub(crate) struct Spot {
    pub(crate) at: Where,
    pub(crate) what: What,
}

/// Where it stands.
#[derive(Clone, Debug)]
pub(crate) enum Where {
    Place(Place),
    /// In a group, under a key.
    Keyed(Keyed),
    /// In the body, so many bytes behind its beginning, if the body is that long.
    Body(BodyAt),
}

/// A value in the body.
#[derive(Clone, Debug)]
pub(crate) struct BodyAt {
    /// Where the body begins, or what counts its bytes.
    pub(crate) place: Place,
    /// How far it reaches.
    pub(crate) text: Text,
    /// Bytes of it before the value.
    pub(crate) offset: u32,
}

/// A value in a group.
#[derive(Clone, Debug)]
pub(crate) struct Keyed {
    /// The number of the group in [`super::Program::groups`].
    pub(crate) group: usize,
    /// Its key, behind those of the messages around it.
    pub(crate) path: Vec<EntryKey>,
}

/// The key of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum EntryKey {
    Text(Box<[u8]>),
    Number(u64),
}

/// How a field is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Number(Number),
    /// So many bits of an integer, from this one on, 0 being the least significant.
    Bits(Number, u8, u8),
    Text(Text),
    /// A number in decimal digits, as long as the value that it is.
    Decimal,
}

/// A map, a TLV or a protobuf message.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) place: Place,
    pub(crate) extent: GroupExtent,
    pub(crate) format: Format,
    /// How it is written, if it is a counted map of runs.
    pub(crate) plain: Option<super::Entries>,
}

/// How far a group reaches.
#[derive(Clone, Debug)]
pub(crate) enum GroupExtent {
    /// So many entries.
    Count(super::Count),
    /// As far as a text would.
    Bytes(Text),
}

/// How the entries of a group are written.
#[derive(Clone, Debug)]
pub(crate) enum Format {
    /// A key and a value.
    Pairs { key: Text, value: Text },
    /// A type, a length, a value.
    Tlv {
        tag: Number,
        length: Number,
        /// Whether a type whose lowest bit is 0 is followed by one integer, of the length's
        /// type, instead of a length and a value.
        low_bit: bool,
    },
    /// Elements of a list: an integer that tells them apart, whatever stands between, and last
    /// the value. At least two pieces, the first of them a number.
    Elements(Box<[super::Piece]>),
    /// Protobuf's wire format.
    Proto,
}

/// The id of a protocol.
#[derive(Debug)]
pub(crate) struct IdField {
    pub(crate) spots: Vec<IdSpot>,
    pub(crate) form: IdForm,
    /// Its bytes, if they are always as many.
    pub(crate) bytes: Option<u8>,
}

/// One place where the id can stand.
#[derive(Clone, Debug)]
pub(crate) struct IdSpot {
    pub(crate) at: Where,
    /// How far it reaches if it is a text of varying length.
    pub(crate) text: Option<Text>,
    /// The sections around it, as numbers of their strides, outermost first.
    pub(crate) within: Vec<u16>,
}

/// A key that rules may ask for.
#[derive(Debug)]
pub(crate) struct Key {
    /// Its name; for [`KeyOf::AnyEntry`] the prefix.
    pub(crate) name: String,
    pub(crate) of: KeyOf,
    /// Where the map is, if it is the only one of its name and can be searched at once.
    pub(crate) quick: Option<(Place, super::Entries)>,
}

/// What a key stands for.
#[derive(Debug)]
pub(crate) enum KeyOf {
    /// A field.
    Field(usize),
    /// The entry of one of these maps under this key.
    Entry(Vec<usize>, String),
    /// The entry of one of these maps whose key follows the prefix.
    AnyEntry(Vec<usize>),
}
