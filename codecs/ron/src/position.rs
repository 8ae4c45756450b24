//! Places in a text, as people count them.

use serde::Serialize;

/// A place in a text. The order is that of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Position {
    /// The line, counted from 1.
    pub line: u32,
    /// The column, counted from 1, in characters.
    pub column: u32,
}

impl Position {
    /// The first character of a text.
    pub const START: Self = Self { line: 1, column: 1 };

    /// The place of the byte at `offset`; past the end, the place behind the last character.
    #[must_use]
    pub fn of_offset(text: &str, offset: usize) -> Self {
        let mut position = Self::START;
        for (at, character) in text.char_indices() {
            if at >= offset {
                break;
            }
            if character == '\n' {
                position.line = position.line.saturating_add(1);
                position.column = 1;
            } else {
                position.column = position.column.saturating_add(1);
            }
        }
        position
    }

    /// The byte offset of this place in `text`; the text's length if it is past its end.
    #[must_use]
    pub fn to_offset(self, text: &str) -> usize {
        let mut here = Self::START;
        for (at, character) in text.char_indices() {
            if here >= self {
                return at;
            }
            if character == '\n' {
                here.line = here.line.saturating_add(1);
                here.column = 1;
            } else {
                here.column = here.column.saturating_add(1);
            }
        }
        text.len()
    }
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_and_its_place_are_the_same_thing() {
        let text = "a\nbä c\n\nd";
        for (offset, _) in text.char_indices() {
            let position = Position::of_offset(text, offset);
            assert_eq!(position.to_offset(text), offset, "{position}");
        }
        assert_eq!(
            Position::of_offset(text, 6),
            Position { line: 2, column: 4 }
        );
    }

    #[test]
    fn a_place_past_the_end_is_the_end() {
        let far = Position { line: 9, column: 1 };
        assert_eq!(far.to_offset("a\nb"), 3);
        assert_eq!(
            Position::of_offset("a\nb", 99),
            Position { line: 2, column: 2 }
        );
    }
}
