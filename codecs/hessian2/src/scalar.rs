//! What one value came to.

use std::fmt;

/// A value as far as rules and codecs want to know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scalar<'a> {
    /// Nothing.
    Null,
    /// True or false.
    Bool(bool),
    /// An integer of 32 or 64 bits.
    Int(i64),
    /// A text that stands in one piece: its bytes as they are on the wire. Characters outside the
    /// basic plane are written as two halves of three bytes each by Java, and in four bytes by
    /// others, so that this need not be UTF-8.
    Text(&'a [u8]),
    /// Anything else: dates, floats, bytes, lists, maps, objects, references, and texts in pieces.
    Other,
}

/// How many bytes of a text are shown.
const TEXT_BYTES_SHOWN: usize = 256;

/// As a person reads it: texts quoted and escaped, `Other` as nothing.
impl fmt::Display for Scalar<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => value.fmt(f),
            Self::Int(value) => value.fmt(f),
            Self::Text(text) => {
                let shown = text.get(..TEXT_BYTES_SHOWN).unwrap_or(text);
                let more = if shown.len() < text.len() { "…" } else { "" };
                write!(f, "\"{}\"{more}", shown.escape_ascii())
            }
            Self::Other => Ok(()),
        }
    }
}

/// A value and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item<'a> {
    /// What it is.
    pub scalar: Scalar<'a>,
    /// Offset of its first byte in what the reader was given.
    pub start: usize,
    /// Offset of the byte after its last.
    pub end: usize,
}

impl<'a> Item<'a> {
    /// Its bytes, if it is a text in one piece.
    #[must_use]
    pub fn text(&self) -> Option<&'a [u8]> {
        match self.scalar {
            Scalar::Text(text) => Some(text),
            _ => None,
        }
    }
}
