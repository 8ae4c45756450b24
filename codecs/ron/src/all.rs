//! Reading on after a mistake, so that a file with several is mended in one go: what cannot be
//! read is blanked out, and the rest is read again.

use serde::de::DeserializeOwned;

use crate::token::{Class, Tokens};
use crate::{Complaint, from_str};

/// More mistakes than anyone mends at once; it also bounds the work.
const MISTAKES_MAX: usize = 32;

/// Reads RON text like [`from_str`] and tells every mistake, not only the first.
///
/// For types whose fields may all be absent: a field that cannot be read counts as absent for
/// the mistakes behind it.
///
/// # Errors
/// Up to 32 mistakes, in the order of the text. Where the text is no RON at all, the first.
pub fn from_str_all<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, Vec<Complaint>> {
    let mut complaints: Vec<Complaint> = Vec::new();
    let mut rest = text.to_owned();
    loop {
        let complaint = match from_str(file, &rest) {
            Ok(value) if complaints.is_empty() => return Ok(value),
            Ok(_) => break,
            Err(complaint) => complaint,
        };
        // The same place twice: blanking did not help.
        if complaints
            .iter()
            .any(|earlier| earlier.position() == complaint.position())
        {
            break;
        }
        let at = complaint.position().to_offset(&rest);
        complaints.push(complaint);
        match blanked(&rest, at) {
            Some(blanked) if complaints.len() < MISTAKES_MAX => rest = blanked,
            _ => break,
        }
    }
    complaints.sort_by_key(Complaint::position);
    Err(complaints)
}

/// The text without the innermost field or list element around `at`: blanks stand in its place,
/// so that everything else keeps its line and column. `None` if there is no such element, or the
/// text's marks do not match.
fn blanked(text: &str, at: usize) -> Option<String> {
    let (start, end) = element_around(text, at)?;
    let (before, element, after) = (text.get(..start)?, text.get(start..end)?, text.get(end..)?);
    let blank = element.chars().map(|c| if c == '\n' { c } else { ' ' });
    Some(before.chars().chain(blank).chain(after.chars()).collect())
}

/// Byte offsets of the innermost element around `at`, its comma included.
fn element_around(text: &str, at: usize) -> Option<(usize, usize)> {
    // The mark that opened each list or struct, and where its current element began.
    let mut open: Vec<(&str, Option<usize>)> = Vec::new();
    let mut found = None;
    for token in Tokens::new(text, 0) {
        let ended = match token.class {
            Class::Close => {
                let (mark, element) = open.pop()?;
                let matching =
                    matches!((mark, token.of(text)), ("(", ")") | ("[", "]") | ("{", "}"));
                if !matching {
                    return None;
                }
                element.map(|start| (start, token.start))
            }
            Class::Comma => {
                let element = open.last_mut().and_then(|(_, element)| element.take());
                element.map(|start| (start, token.end))
            }
            _ => {
                if let Some((_, element)) = open.last_mut() {
                    element.get_or_insert(token.start);
                }
                if token.class == Class::Open {
                    open.push((token.of(text), None));
                }
                None
            }
        };
        if let Some((start, end)) = ended
            && found.is_none()
            && (start..end).contains(&at)
        {
            found = Some((start, end));
        }
    }
    found.filter(|_| open.is_empty())
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::from_str_all;

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(default, deny_unknown_fields)]
    struct Outer {
        name: Option<String>,
        count: Option<u8>,
        list: Vec<Inner>,
    }

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(default, deny_unknown_fields)]
    struct Inner {
        word: Option<Word>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    enum Word {
        This,
    }

    fn places(text: &str) -> Vec<(u32, u32, Option<String>)> {
        from_str_all::<Outer>("f", text)
            .unwrap_err()
            .into_iter()
            .map(|c| (c.line, c.column, c.nearest))
            .collect()
    }

    #[test]
    fn every_mistake_is_told_at_its_own_place() {
        let text = "(nmae: \"é, (\", // a comment ]\n  count: \"many\",\n  list: [(word: Thsi), \
                    (wrd: This,), (word: This)])";
        assert_eq!(
            places(text),
            [
                (1, 2, Some("name".into())),
                (2, 10, None),
                (3, 17, Some("This".into())),
                (3, 25, Some("word".into())),
            ]
        );
    }

    #[test]
    fn what_is_right_is_read() {
        let read = from_str_all::<Outer>("f", "(count: 3)").unwrap();
        assert_eq!(read.count, Some(3));
    }

    #[test]
    fn marks_that_do_not_match_are_told_once() {
        assert_eq!(places("(nmae: 1, list: [)").len(), 1);
        assert_eq!(places("(list: [(word: This], count: 1)").len(), 1);
        assert_eq!(places("").len(), 1);
    }

    #[test]
    fn a_text_of_mistakes_alone_ends() {
        let text = format!("({})", "x: 1, ".repeat(100));
        assert_eq!(places(&text).len(), 32);
    }
}
