//! The fields of a frame as they are written.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, SeqAccess, Visitor};

use super::{Bytes, Extent, IdType, IntType, Pairs, Tag, When};
use crate::checksum::Algorithm;
use crate::pattern::Pattern;

/// One field of the frame. What stands first in each is its name.
#[derive(Debug, Deserialize)]
pub(crate) enum Field {
    Magic(Bytes),
    Enum(String, IntType, Pairs<Pattern, super::KindWord>),
    Int(String, IntType),
    Bits(String, IntType, Pairs<String, BitRange>),
    Id(String, IdType),
    Length(String, IntType, Counts),
    Str(String, Extent),
    Bytes(String, Extent),
    Map(
        String,
        Amount,
        Item,
        Item,
        #[serde(default)] Pairs<String, Entry>,
    ),
    List(
        String,
        Amount,
        Vec<Element>,
        #[serde(default)] Pairs<u64, Entry>,
    ),
    Tlv(String, Extent, Tag, IntType, Pairs<u64, Entry>),
    Proto(String, Extent, Pairs<u64, Entry>),
    Section(String, Extent, Vec<Field>),
    If(When, Vec<Field>, #[serde(default)] Vec<Field>),
    Switch(String, Pairs<Pattern, Vec<Field>>),
    Optional(Vec<Field>),
    Requests(Vec<Field>),
    Answers(Vec<Field>),
    Opaque(When),
    Body(
        String,
        #[serde(default)] Option<Extent>,
        #[serde(default)] Pairs<u32, Inside>,
    ),
    Checksum(String, IntType, Algorithm, Over),
}

impl Field {
    /// Its name, where it has one.
    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Self::Enum(name, ..)
            | Self::Int(name, _)
            | Self::Bits(name, ..)
            | Self::Id(name, _)
            | Self::Length(name, ..)
            | Self::Str(name, _)
            | Self::Bytes(name, _)
            | Self::Map(name, ..)
            | Self::List(name, ..)
            | Self::Tlv(name, ..)
            | Self::Proto(name, ..)
            | Self::Section(name, ..)
            | Self::Body(name, ..)
            | Self::Checksum(name, ..) => Some(name),
            Self::Magic(_)
            | Self::If(..)
            | Self::Switch(..)
            | Self::Optional(_)
            | Self::Requests(_)
            | Self::Answers(_)
            | Self::Opaque(_) => None,
        }
    }
}

/// Bits of an integer from the first to the last, 0 being the least significant: `7` or
/// `(0, 4)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BitRange {
    pub(crate) first: u8,
    pub(crate) last: u8,
}

impl<'de> Deserialize<'de> for BitRange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = BitRange;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a bit (`7`), or the first and the last of several (`(0, 4)`)")
            }
            fn visit_u64<E: de::Error>(self, bit: u64) -> Result<BitRange, E> {
                let bit = u8::try_from(bit).unwrap_or(u8::MAX);
                Ok(BitRange {
                    first: bit,
                    last: bit,
                })
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<BitRange, A::Error> {
                let missing = |at| de::Error::invalid_length(at, &self);
                let first = seq.next_element()?.ok_or_else(|| missing(0))?;
                let last = seq.next_element()?.ok_or_else(|| missing(1))?;
                Ok(BitRange { first, last })
            }
        }
        deserializer.deserialize_any(Read)
    }
}

/// A value in a group, by its key.
#[derive(Debug, Deserialize)]
pub(crate) enum Entry {
    Int(String, IntType),
    /// A number in decimal digits.
    Decimal(String),
    Str(String),
    Bytes(String),
    Id(String, IdType),
    /// A protobuf message in a protobuf message.
    Message(String, Pairs<u64, Entry>),
}

/// What stands in the body, by its offset there.
#[derive(Debug, Deserialize)]
pub(crate) enum Inside {
    Int(String, IntType),
    /// So many bytes.
    Str(String, u32),
    Bytes(String, u32),
}

/// How many elements a list or map has.
#[derive(Clone, Debug)]
pub(crate) enum Amount {
    /// As many as the integer before them says.
    Prefix(IntType),
    /// As many as an earlier field says.
    Count(String),
    /// As many as fit into so many bytes.
    Within(Extent),
}

/// What a length counts.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub(crate) enum Counts {
    /// The bytes of the body.
    Body,
    /// All bytes behind the length.
    Rest,
    /// The whole frame.
    Frame,
    /// One of these and so many more, or fewer.
    Plus(Part, i64),
}

/// What a [`Counts::Plus`] adds to.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub(crate) enum Part {
    Body,
    Rest,
    Frame,
}

/// A key or a value of a map.
#[derive(Clone, Debug, Deserialize)]
pub(crate) enum Item {
    Str(Extent),
    Bytes(Extent),
}

impl Item {
    /// How far it reaches.
    pub(crate) fn extent(&self) -> &Extent {
        match self {
            Self::Str(extent) | Self::Bytes(extent) => extent,
        }
    }
}

/// A part of an element of a list.
#[derive(Clone, Debug, Deserialize)]
pub(crate) enum Element {
    Int(IntType),
    Str(Extent),
    Bytes(Extent),
}

/// What a checksum covers.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub(crate) enum Over {
    /// Everything before it.
    Before,
    /// Everything behind it.
    Behind,
    /// The whole frame, with zeros in its own place.
    Frame,
    /// From the first field to the second, both included.
    Fields(String, String),
}
