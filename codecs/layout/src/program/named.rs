//! The names of a description, for people.

use super::{EntryKey, Place};
use crate::number::Number;

/// A name, and where what it stands for begins and ends.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) shows: Shows,
    pub(crate) begins: Place,
    /// `None` for bits, which stand where their word does.
    pub(crate) ends: Option<Place>,
}

/// What is shown of it. Numbers are those of fields, groups and checksums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shows {
    /// The value of a field.
    Field(usize),
    /// The same, and what it makes of the frame.
    Kind(usize),
    /// Bits of the word before it.
    Bits(usize),
    Id,
    /// The entries of a group.
    Group(usize),
    /// Fields of their own, which follow.
    Section,
    /// Elements that are passed over.
    List,
    Body,
    Sum(usize),
}

/// The name of what stands in a group under a key.
#[derive(Debug)]
pub(crate) struct NamedEntry {
    pub(crate) name: String,
    pub(crate) group: usize,
    /// Its key, behind those of the messages around it.
    pub(crate) path: Vec<EntryKey>,
    /// How it is written, if it is an integer.
    pub(crate) number: Option<Number>,
}
