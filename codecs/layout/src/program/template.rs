//! Frames of the mesh's own.

use weft_codec::{Asked, Side};

use super::{Ask, Condition, Count, EntryKey, Format, Text};
use crate::number::Number;

/// A part of a frame, in wire order, as it is written. Numbers name fields.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    /// Always these bytes.
    Bytes(Box<[u8]>),
    /// An integer.
    Number(Number, usize),
    /// An integer made of fields, each with its first bit and its number of bits.
    Bits(Number, Vec<(usize, u8, u8)>),
    /// A text.
    Text(Text, usize),
    /// A number in decimal digits.
    Digits(usize),
    /// The id, behind what tells its length if it varies.
    Id(Option<Text>),
    /// A length, written when all else is known: the n-th of the extent's.
    Length(usize),
    /// A checksum, written last: so many zeros.
    Sum(u8),
    /// The body, and the fields in it, in any order.
    Body(Text, usize, Vec<InsidePart>),
    /// A list, or a map of which no entry is known by name: without elements.
    Empty(Count),
    /// A group begins; its entries follow as parts of their own.
    Group(GroupPart),
    /// An entry of the group around it: its value follows.
    Entry(EntryPart),
    /// A section begins.
    Enter(Text),
    /// What the last Enter, Group or Entry began ends.
    Leave,
    /// If the template fills none of these fields, the writing goes on at this part.
    Optional(Vec<usize>, usize),
    /// If the condition does not hold, the writing goes on at this part.
    Branch(Condition, usize),
    /// The writing goes on at this part.
    Jump(usize),
}

/// A field in the body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InsidePart {
    /// Bytes of the body before it.
    pub(crate) offset: u32,
    /// Its bytes.
    pub(crate) bytes: u32,
    pub(crate) field: usize,
    /// How it is written, if it is an integer.
    pub(crate) number: Option<Number>,
}

/// How a group begins.
#[derive(Clone, Debug)]
pub(crate) enum GroupPart {
    /// Its entries are counted.
    Count(Count),
    /// Its bytes are counted.
    Bytes(Text),
}

/// An entry of a group.
#[derive(Clone, Debug)]
pub(crate) struct EntryPart {
    pub(crate) format: Format,
    pub(crate) key: EntryKey,
    /// The kind of the value as on protobuf's wire: 2 if a length stands before it.
    pub(crate) wire: u8,
    /// Left out if the template fills none of these fields; the id's entry is never left out.
    pub(crate) fields: Option<Vec<usize>>,
    /// The part behind its Leave.
    pub(crate) behind: usize,
}

/// How a template fills a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// With this number.
    Is(u64),
    /// With these bytes.
    Text(Box<[u8]>),
    /// With what the request had: the n-th of [`super::Program::echoes`].
    Echo(usize),
    /// With this number, and for each later proxy error the next one, if the second says so.
    Status(u64, bool),
    /// With the cause in words.
    Words,
}

/// How the parts are filled to say one thing; fields that are not named stay zero or empty.
#[derive(Debug)]
pub(crate) struct Template {
    /// Who says it; `None` for a pong, which goes the other way than its ping.
    pub(crate) side: Option<Side>,
    /// By the number of the field.
    pub(crate) sources: Vec<Option<Source>>,
}

/// What is said by what the request is: the first whose condition holds.
#[derive(Debug, Default)]
pub(crate) struct Cases {
    pub(crate) list: Vec<(Condition, Template)>,
    /// How many bytes from the end of what is remembered of a request stands which of them it
    /// is; `None` if it is the same for all.
    pub(crate) noted: Option<usize>,
}

impl Cases {
    /// Whether requests must be looked at.
    pub(crate) fn differ(&self) -> bool {
        self.list.iter().any(|(when, _)| !when.is_always())
    }

    /// What is said to a request.
    pub(crate) fn told(&self, asked: &Asked) -> Option<&Template> {
        let case = match self.noted {
            Some(back) => {
                let at = asked.bytes.len().checked_sub(back)?;
                usize::from(*asked.bytes.get(at)?)
            }
            None => 0,
        };
        self.list.get(case).map(|(_, template)| template)
    }

    /// Makes a request one to which the one of this number is said.
    pub(crate) fn set(&self, asked: &mut Asked, case: usize) {
        let at = self
            .noted
            .and_then(|back| asked.bytes.len().checked_sub(back));
        if let Some(noted) = at.and_then(|at| asked.bytes.get_mut(at)) {
            *noted = u8::try_from(case).unwrap_or(u8::MAX);
        }
    }
}

/// A field that a reply carries back: what is remembered of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Echo {
    pub(crate) ask: Ask,
    /// Bytes of an integer; `None` for a text, whose length is remembered before it.
    pub(crate) width: Option<u8>,
}
