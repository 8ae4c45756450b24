//! What a frame looks like once all its fields are placed.

use crate::number::Number;
use crate::program::{
    Condition, Field, Group, IdField, Length, Magic, Part, Place, Spot, Stride, Sum, Text, What,
    Where,
};

/// The frame with everything placed.
#[derive(Debug, Default)]
pub(super) struct Shape {
    pub(super) slots: Vec<Slot>,
    pub(super) fields: Vec<Field>,
    pub(super) groups: Vec<Group>,
    pub(super) strides: Vec<Stride>,
    pub(super) magics: Vec<Magic>,
    pub(super) late_magics: Vec<(Place, Box<[u8]>)>,
    pub(super) lengths: Vec<Length>,
    pub(super) id: Option<IdField>,
    pub(super) bodies: Vec<Place>,
    pub(super) trailers: Vec<(Vec<Condition>, u32)>,
    pub(super) sums: Vec<Sum>,
    pub(super) parts: Vec<Part>,
    /// A frame must be there whole.
    pub(super) whole: bool,
    /// Every frame ends in the only checksum there is, which covers all before it.
    pub(super) ends_in_sum: bool,
    /// Behind the last field.
    pub(super) end: Place,
    pub(super) frame_bytes_min: u32,
}

/// A name of the description.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) name: String,
    pub(super) holds: Holds,
    /// The arms in which it stands: the number of the fork and of the arm.
    pub(super) ways: Vec<(usize, usize)>,
    /// The number of its field; `None` for what has no value.
    pub(super) field: Option<usize>,
    /// The number of its group, for maps and the like.
    pub(super) group: Option<usize>,
    /// Where it begins; `None` for what stands in a group.
    pub(super) begins: Option<Place>,
    /// Where what follows begins.
    pub(super) ends: Option<Place>,
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    Enum,
    Int,
    Bits,
    Decimal,
    Id,
    Length,
    Text,
    Map,
    List,
    Tlv,
    Proto,
    Section,
    Body,
    Sum,
}

impl Holds {
    /// The word of the language, with its article, for complaints.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Enum => "an Enum",
            Self::Int => "an Int",
            Self::Bits => "a field of Bits",
            Self::Decimal => "a Decimal",
            Self::Id => "the Id",
            Self::Length => "the Length",
            Self::Text => "a Str or Bytes",
            Self::Map => "a Map",
            Self::List => "a List",
            Self::Tlv => "a Tlv",
            Self::Proto => "a Proto or Message",
            Self::Section => "a Section",
            Self::Body => "the Body",
            Self::Sum => "a Checksum",
        }
    }

    /// Whether it is a number that rules and conditions can compare.
    pub(super) fn is_number(self) -> bool {
        matches!(self, Self::Enum | Self::Int | Self::Bits | Self::Decimal)
    }

    /// Whether rules can compare it.
    pub(super) fn is_readable(self) -> bool {
        self.is_number() || self == Self::Text
    }
}

impl Slot {
    /// Whether no frame has both.
    pub(super) fn excludes(&self, ways: &[(usize, usize)]) -> bool {
        exclude(&self.ways, ways)
    }
}

/// Whether no frame goes both ways.
pub(super) fn exclude(ways: &[(usize, usize)], others: &[(usize, usize)]) -> bool {
    ways.iter().any(|(fork, arm)| {
        others
            .iter()
            .any(|(other, arm_there)| fork == other && arm != arm_there)
    })
}

impl Shape {
    /// The first of the names.
    pub(super) fn slot(&self, name: &str) -> Option<&Slot> {
        self.slots.iter().find(|slot| slot.name == name)
    }

    /// How a field is read at its first spot.
    pub(super) fn what(&self, field: usize) -> Option<&What> {
        let field = self.fields.get(field)?;
        field.spots.first().map(|spot| &spot.what)
    }

    /// The smallest and the largest value of a field that is a number.
    pub(super) fn range(&self, field: usize) -> Option<(i128, i128)> {
        Some(match self.what(field)? {
            What::Number(number) => (number.min(), i128::from(number.max())),
            What::Bits(_, _, bits) => {
                let unused = 64u32.saturating_sub(u32::from(*bits));
                (0, i128::from(u64::MAX.checked_shr(unused).unwrap_or(0)))
            }
            What::Decimal => (i128::from(i64::MIN), i128::from(u64::MAX)),
            What::Text(_) => return None,
        })
    }

    /// The integer that a whole field is, if it is one of fixed width.
    pub(super) fn fixed_number(&self, field: usize) -> Option<Number> {
        match self.what(field)? {
            What::Number(number) if number.is_fixed() => Some(*number),
            _ => None,
        }
    }

    /// The only, constant place of a field.
    pub(super) fn constant_place(&self, field: usize) -> Option<Place> {
        match self.fields.get(field)?.spots.as_slice() {
            [
                Spot {
                    at: Where::Place(place),
                    ..
                },
            ] if place.strides == 0 => Some(*place),
            _ => None,
        }
    }

    /// Whether a field stands in a group or in the body.
    pub(super) fn is_keyed(&self, field: usize) -> bool {
        self.fields.get(field).is_some_and(|field| {
            let mut spots = field.spots.iter();
            spots.any(|spot| matches!(spot.at, Where::Keyed(_) | Where::Body(_)))
        })
    }

    /// Whether a field is a text whose length can be chosen.
    pub(super) fn is_open_text(&self, field: usize) -> bool {
        match self.what(field) {
            Some(What::Text(text)) => !matches!(text, Text::Fixed(_)),
            _ => false,
        }
    }
}
