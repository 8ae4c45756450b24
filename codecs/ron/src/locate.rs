//! Finding a value in a text by its path, for complaints of checks that see only values.

use crate::token::{Class, Token, Tokens};
use crate::{Position, token};

/// One step from a value into a value inside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// Into the field of this name: `name: value` in parentheses.
    Field(&'a str),
    /// Into the n-th value of a list or tuple, or of what stands in a variant's parentheses,
    /// counted from 0.
    Index(usize),
    /// Into the value of a map under this key, written as it is or as a string.
    Key(&'a str),
}

/// Where the value at the end of `path` begins.
///
/// Names of structs and variants and `Some` are walked through. If the text does not go that
/// far (an absent optional field, for instance) it is the place of the last value on the way.
#[must_use]
pub fn locate(text: &str, path: &[Step<'_>]) -> Position {
    Position::of_offset(text, walk(text, path).value)
}

/// Where the name or key of the last step stands; like [`locate`] where it has none.
#[must_use]
pub fn locate_name(text: &str, path: &[Step<'_>]) -> Position {
    let found = walk(text, path);
    Position::of_offset(text, found.name.unwrap_or(found.value))
}

/// A value that was found.
struct Found {
    /// Offset of its name or key, if it has one.
    name: Option<usize>,
    /// Offset of the value.
    value: usize,
}

/// Walks as far as the text goes.
fn walk(text: &str, path: &[Step<'_>]) -> Found {
    let mut found = Found {
        name: None,
        value: first_value(text),
    };
    for step in path {
        let Some(next) = enter(text, found.value, *step) else {
            break;
        };
        found = next;
    }
    found
}

/// The offset of the outermost value: behind attributes such as `#![enable(…)]`.
fn first_value(text: &str) -> usize {
    let mut at = token::skip_blank(text, 0);
    while text.get(at..).is_some_and(|rest| rest.starts_with('#')) {
        let mut depth = 0usize;
        let closed = Tokens::new(text, at).find(|token| {
            match token.class {
                Class::Open => depth = depth.saturating_add(1),
                Class::Close => depth = depth.saturating_sub(1),
                _ => return false,
            }
            depth == 0
        });
        let Some(closed) = closed else { break };
        at = token::skip_blank(text, closed.end);
    }
    at
}

/// One step into the value at `at`.
fn enter(text: &str, at: usize, step: Step<'_>) -> Option<Found> {
    let mut inside = Tokens::new(text, at);
    let first = inside.next()?;
    let open = match first.class {
        Class::Open => first,
        Class::Word => inside.next().filter(|token| token.class == Class::Open)?,
        _ => return None,
    };
    // `Some((…))`, `Variant((…))`: the only value inside stands for the whole, unless it is what
    // is asked for.
    let wraps = first.of(text) == "Some";
    let mut elements = Elements {
        text,
        tokens: Tokens::new(text, open.end),
        done: false,
    };
    if wraps {
        return enter(text, elements.next()?.value, step);
    }
    match step {
        Step::Index(index) => elements.nth(index),
        Step::Field(name) => elements
            .find(|element| element.key(text) == Some(name))
            .or_else(|| enter_newtype(text, open.end, step)),
        Step::Key(key) => {
            elements.find(|element| element.key(text).map(|k| k.trim_matches('"')) == Some(key))
        }
    }
}

/// A field asked of `Variant((field: …))`: the variant's one value has it.
fn enter_newtype(text: &str, at: usize, step: Step<'_>) -> Option<Found> {
    let only = Tokens::new(text, at).next()?;
    (only.class == Class::Open)
        .then(|| enter(text, only.start, step))
        .flatten()
}

impl Found {
    /// The text of the name or key.
    fn key<'t>(&self, text: &'t str) -> Option<&'t str> {
        let token = Tokens::new(text, self.name?).next()?;
        Some(token.of(text).trim_start_matches("r#"))
    }
}

/// The values between an opening mark and its closing one.
struct Elements<'t> {
    text: &'t str,
    tokens: Tokens<'t>,
    done: bool,
}

impl Elements<'_> {
    /// The next token; `None`, for ever, at the closing mark.
    fn token(&mut self, depth: &mut usize) -> Option<Token> {
        let token = self.tokens.next()?;
        match token.class {
            Class::Open => *depth = depth.saturating_add(1),
            Class::Close if *depth == 0 => {
                self.done = true;
                return None;
            }
            Class::Close => *depth = depth.saturating_sub(1),
            _ => {}
        }
        Some(token)
    }
}

impl Iterator for Elements<'_> {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        if self.done {
            return None;
        }
        let mut depth = 0usize;
        let mut found: Option<Found> = None;
        while let Some(token) = self.token(&mut depth) {
            match token.class {
                Class::Comma if depth == 0 => return found,
                Class::Colon if depth == 0 => {
                    if let Some(key) = found.as_mut().filter(|found| found.name.is_none()) {
                        key.name = Some(key.value);
                        key.value = token::skip_blank(self.text, token.end);
                    }
                }
                _ if found.is_none() => {
                    found = Some(Found {
                        name: None,
                        value: token.start,
                    });
                }
                _ => {}
            }
        }
        self.done = true;
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Step::{Field, Index, Key};

    const TEXT: &str = r#"#![enable(implicit_some)]
// A comment with (marks]
Config(
    name: "a (b", /* not: this */
    list: [
        Int("status", U16),
        Map("meta", (count: U16, key: Str(U8))),
    ],
    pair: Some((1, [2, 3])),
    table: { 0: Request, "text": (deep: r"x,y"), (1): Two },
    variant: Http((port: 80)),
)
"#;

    #[track_caller]
    fn finds(path: &[Step<'_>], expected: &str) {
        let at = locate(TEXT, path).to_offset(TEXT);
        let rest = TEXT.get(at..).unwrap();
        assert!(rest.starts_with(expected), "{path:?} finds {rest}");
    }

    #[test]
    fn the_empty_path_is_the_outermost_value() {
        finds(&[], "Config(");
    }

    #[test]
    fn fields_indexes_and_keys_lead_to_their_values() {
        finds(&[Field("name")], "\"a (b\"");
        finds(&[Field("list"), Index(0), Index(1)], "U16)");
        finds(&[Field("list"), Index(1)], "Map(");
        finds(&[Field("list"), Index(1), Index(1), Field("key")], "Str(");
        finds(&[Field("table"), Key("0")], "Request");
        finds(&[Field("table"), Key("text"), Field("deep")], "r\"x,y\"");
    }

    #[test]
    fn wrappers_are_walked_through() {
        finds(&[Field("pair"), Index(1), Index(0)], "2, 3");
        finds(&[Field("variant"), Field("port")], "80");
    }

    #[test]
    fn a_path_past_the_text_stops_where_the_text_does() {
        finds(&[Field("list"), Index(7)], "[\n");
        finds(&[Field("nothing")], "Config(");
        finds(&[Field("name"), Field("deeper")], "\"a (b\"");
    }

    #[test]
    fn a_name_is_found_beside_its_value() {
        let at = locate_name(TEXT, &[Field("table"), Key("0")]);
        assert_eq!(
            at,
            Position {
                line: 10,
                column: 14
            }
        );
        let at = locate_name(TEXT, &[Field("list"), Index(0)]);
        assert_eq!(at, Position { line: 6, column: 9 });
    }

    #[test]
    fn broken_text_gives_some_place_and_no_panic() {
        for end in 0..TEXT.len() {
            let Some(part) = TEXT.get(..end) else {
                continue;
            };
            let _ = locate(part, &[Field("list"), Index(1), Index(1), Field("key")]);
            let _ = locate_name(part, &[Field("table"), Key("text")]);
        }
    }
}
