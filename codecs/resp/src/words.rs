//! The words of a request, one after the other: of an array, or of an inline line.
//!
//! For the few requests whose words are looked at: keys, subcommands, options. Walks bytes that
//! [`crate::request`] or [`crate::inline`] has already found well-formed; over other bytes it
//! ends early.

use std::borrow::Cow;

use crate::inline;
use crate::wire::{self, Number};

/// The words of one request; the command is the first.
#[derive(Clone, Debug)]
pub(crate) enum Words<'a> {
    /// A RESP array of bulk strings.
    Array { frame: &'a [u8], at: usize },
    /// What is left of an inline line.
    Inline(&'a [u8]),
}

impl<'a> Words<'a> {
    /// The words of a frame whose head is there. The last word of a frame that is cut through
    /// is not among them.
    pub(crate) fn of(frame: &'a [u8]) -> Self {
        if frame.first() != Some(&b'*') {
            return Self::Inline(frame);
        }
        match wire::number(frame, 0) {
            Ok(Number::Some(_, at)) => Self::Array { frame, at },
            _ => Self::Inline(&[]),
        }
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = Cow<'a, [u8]>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Array { frame, at } => {
                let (start, len) = bulk(frame, *at)?;
                let end = start.checked_add(len)?;
                let word = frame.get(start..end)?;
                *at = end.checked_add(2)?;
                Some(Cow::Borrowed(word))
            }
            Self::Inline(rest) => {
                let (word, after) = inline::word(rest).ok().flatten()?;
                *rest = after;
                Some(word)
            }
        }
    }
}

/// Where the bytes of the bulk string at `at` begin and how many they are.
#[inline]
pub(crate) fn bulk(frame: &[u8], at: usize) -> Option<(usize, usize)> {
    if frame.get(at) != Some(&b'$') {
        return None;
    }
    match wire::number(frame, at) {
        Ok(Number::Some(len, start)) => Some((start, usize::try_from(len).ok()?)),
        _ => None,
    }
}
