//! From text to serde types; the `ron` crate's errors become complaints with a place.

use ron::error::{Error, SpannedError};
use ron::extensions::Extensions;
use serde::de::DeserializeOwned;

use crate::{Complaint, Position, token};

/// Reads RON text. `file` is only repeated in the complaint.
///
/// `Some(…)` and the inner parentheses of newtypes may be left out.
///
/// # Errors
/// The first mistake, at its line and column. Where a field or variant is unknown the complaint
/// lists the valid ones and offers the nearest.
pub fn from_str<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, Complaint> {
    ron::Options::default()
        .with_default_extension(
            Extensions::IMPLICIT_SOME
                | Extensions::UNWRAP_NEWTYPES
                | Extensions::UNWRAP_VARIANT_NEWTYPES,
        )
        .from_str(text)
        .map_err(|error| complaint(file, text, &error))
}

/// The complaint for an error of the parser.
fn complaint(file: &str, text: &str, error: &SpannedError) -> Complaint {
    let cursor = offset(text, error.span.end);
    let at = |offset| Position::of_offset(text, offset);
    match &error.code {
        Error::NoSuchStructField {
            expected, found, ..
        } => {
            let place = at(token::last_word_before(text, cursor, found).unwrap_or(cursor));
            let new = Complaint::new(file, place, format!("unknown field `{found}`"));
            if expected.is_empty() {
                new.help("no field may stand here")
            } else {
                new.expecting(found, *expected)
            }
        }
        Error::NoSuchEnumVariant {
            expected, found, ..
        } => {
            let place = at(token::last_word_before(text, cursor, found).unwrap_or(cursor));
            Complaint::new(file, place, format!("unknown word `{found}`"))
                .expecting(found, *expected)
        }
        Error::MissingStructField { field, outer } => {
            let place = at(token::enclosing_value(text, cursor));
            let whose = outer
                .as_ref()
                .map_or_else(String::new, |outer| format!(" of `{outer}`"));
            Complaint::new(
                file,
                place,
                format!("the field `{field}`{whose} is missing"),
            )
            .help(format!("add `{field}: …`"))
        }
        Error::DuplicateStructField { field, .. } => {
            let place = at(token::last_word_before(text, cursor, field).unwrap_or(cursor));
            Complaint::new(file, place, format!("the field `{field}` stands twice"))
                .help("remove one of them")
        }
        Error::ExpectedDifferentLength { .. } => {
            let place = at(token::enclosing_value(text, cursor));
            Complaint::new(file, place, words(&error.code))
        }
        // A value of the wrong type has been read already: its place is where reading it began.
        Error::InvalidValueForType { .. } | Error::Message(_) | Error::IntegerOutOfBounds => {
            Complaint::new(
                file,
                at(token::last_token_before(text, cursor)),
                words(&error.code),
            )
        }
        other => broken(file, text, token::skip_blank(text, cursor), other),
    }
}

/// The complaint for a text that is no RON from `at` on, or none of what is wanted.
fn broken(file: &str, text: &str, at: usize, error: &Error) -> Complaint {
    let new = |message: &str| Complaint::new(file, Position::of_offset(text, at), message);
    let begin = |name: &str| format!("begin with `{name}(`");
    match error {
        _ if text.starts_with('\u{feff}') => Complaint::new(
            file,
            Position::START,
            "the file begins with a byte order mark",
        )
        .help("save it as UTF-8 without one"),
        Error::ExpectedNamedStructLike(name) if at >= text.len() => {
            new("nothing stands in the file").help(begin(name))
        }
        Error::ExpectedNamedStructLike(name) => new(&words(error)).help(begin(name)),
        Error::ExpectedArray => new("expected a list").help("write `[…]`"),
        Error::ExpectedMap => new("expected a map").help("write `{…}`"),
        Error::TrailingCharacters => new("something stands behind the end").help("remove it"),
        _ if at >= text.len() => match token::unclosed(text) {
            Some((open, start)) => {
                let place = Position::of_offset(text, start);
                new(&format!("the file ends inside the `{open}` of {place}"))
                    .help("close it, or see what is missing")
            }
            None => new(&words(error)),
        },
        _ => new(&words(error)),
    }
}

/// The parser's own words in our case: they begin small, as part of a line.
fn words(error: &Error) -> String {
    let said = error.to_string();
    let mut characters = said.chars();
    characters.next().map_or_else(String::new, |first| {
        first.to_lowercase().chain(characters).collect()
    })
}

/// The byte offset of a place that the parser gives.
fn offset(text: &str, place: ron::error::Position) -> usize {
    Position {
        line: u32::try_from(place.line).unwrap_or(u32::MAX),
        column: u32::try_from(place.col).unwrap_or(u32::MAX),
    }
    .to_offset(text)
}

#[cfg(test)]
mod tests;
