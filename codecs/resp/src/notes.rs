//! What a scan notes in [`weft_codec::Head::notes`] so that later questions are cheap.

use weft_codec::Span;

use crate::command::{self, Keys};

/// Notes about a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RequestNotes {
    /// The command's number in the table.
    pub(crate) command: u16,
    /// How many words it has, the command included; 0 for an empty request.
    pub(crate) words: u32,
    /// Where the second word stands, if the request is an array that has it in its head.
    pub(crate) second: Span,
}

impl RequestNotes {
    #[inline]
    pub(crate) fn pack(self) -> [u32; 4] {
        [
            u32::from(self.command),
            self.words,
            self.second.start,
            self.second.len,
        ]
    }

    #[inline]
    pub(crate) fn unpack(notes: [u32; 4]) -> Self {
        let [command, words, start, len] = notes;
        Self {
            command: u16::try_from(command).unwrap_or_default(),
            words,
            second: Span::new(start, len),
        }
    }

    /// Whether the second word is known to be the first key, as for most commands.
    #[inline]
    pub(crate) fn second_is_first_key(&self) -> bool {
        let keys = command::by_number(self.command).keys;
        self.second.start != 0
            && match keys {
                Keys::Range { first, last, .. } => first == 1 && last == 1,
                _ => false,
            }
    }
}

/// Notes about an answer: the offset of its value, past the attributes before it.
#[inline]
pub(crate) fn answer(value_at: usize) -> [u32; 4] {
    [u32::try_from(value_at).unwrap_or(u32::MAX), 0, 0, 0]
}
