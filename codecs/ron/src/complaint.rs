//! One mistake in a text, said so that its author can mend it at once.

use std::fmt;

use serde::Serialize;

use crate::Position;

/// A mistake in a text: where it is, what it is, and how to mend it.
///
/// Shown, it reads like a compiler's complaint:
///
/// ```text
/// acme.ron:12:9: unknown field `lenght`
///   expected one of `length`, `kind`
///   did you mean `length`?
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Complaint {
    /// The file's name, as the caller gave it.
    pub file: String,
    /// The line, counted from 1.
    pub line: u32,
    /// The column, counted from 1, in characters.
    pub column: u32,
    /// What is wrong, in one line without a full stop.
    pub message: String,
    /// The words that would have been valid, if there is a closed list of them.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub expected: Box<[String]>,
    /// The valid word that is nearest to what was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nearest: Option<String>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

impl Complaint {
    /// A complaint at a place.
    #[must_use]
    pub fn new(file: &str, at: Position, message: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line: at.line,
            column: at.column,
            message: message.into(),
            expected: Box::default(),
            nearest: None,
            help: None,
        }
    }

    /// The same, with the words that would have been valid; the one nearest to `found` is
    /// offered.
    #[must_use]
    pub fn expecting<W: AsRef<str>>(
        mut self,
        found: &str,
        words: impl IntoIterator<Item = W>,
    ) -> Self {
        self.expected = words
            .into_iter()
            .map(|word| word.as_ref().to_owned())
            .collect();
        self.nearest = nearest(found, &self.expected).map(str::to_owned);
        self
    }

    /// The same, with what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Where it is.
    #[must_use]
    pub fn position(&self) -> Position {
        Position {
            line: self.line,
            column: self.column,
        }
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            line,
            column,
            message,
            ..
        } = self;
        write!(f, "{file}:{line}:{column}: {message}")?;
        match &*self.expected {
            [] => {}
            [only] => write!(f, "\n  expected `{only}`")?,
            [first, others @ ..] => {
                write!(f, "\n  expected one of `{first}`")?;
                for word in others {
                    write!(f, ", `{word}`")?;
                }
            }
        }
        if let Some(nearest) = &self.nearest {
            write!(f, "\n  did you mean `{nearest}`?")?;
        }
        if let Some(help) = &self.help {
            write!(f, "\n  help: {help}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Complaint {}

/// The word that `found` was probably meant to be: the same but for case, or at most a third of
/// its letters away. `None` if nothing is near.
#[must_use]
pub fn nearest<'w, W: AsRef<str>>(found: &str, words: &'w [W]) -> Option<&'w str> {
    let written = found.to_lowercase();
    let away_max = (written.chars().count() / 3).max(1);
    words
        .iter()
        .map(|word| {
            let word = word.as_ref();
            let away = strsim::damerau_levenshtein(&written, &word.to_lowercase());
            (away, word)
        })
        .filter(|(away, _)| *away <= away_max)
        .min_by_key(|(away, _)| *away)
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Complaint {
        let at = Position {
            line: 12,
            column: 9,
        };
        Complaint::new("acme.ron", at, "unknown field `lenght`")
            .expecting("lenght", ["kind", "length"])
    }

    #[test]
    fn a_complaint_reads_like_a_compilers() {
        assert_eq!(
            sample().help("write it so").to_string(),
            "acme.ron:12:9: unknown field `lenght`\n  expected one of `kind`, `length`\n  \
             did you mean `length`?\n  help: write it so"
        );
    }

    #[test]
    fn a_complaint_is_json_without_what_it_lacks() {
        let json = serde_json::to_string(&Complaint::new("a", Position::START, "no")).unwrap();
        assert_eq!(json, r#"{"file":"a","line":1,"column":1,"message":"no"}"#);
    }

    #[test]
    fn the_nearest_word_is_near_or_none() {
        let words = ["timeout", "retries", "balance"];
        assert_eq!(nearest("TimeOut", &words), Some("timeout"));
        assert_eq!(nearest("retires", &words), Some("retries"));
        assert_eq!(nearest("colour", &words), None);
        assert_eq!(nearest("x", &[] as &[&str]), None);
    }
}
