//! Patterns over text: what rules and policies write to name many methods at once.

use std::fmt;
use std::str::FromStr;

/// A pattern over text: exact, by prefix (`get*`), by suffix (`*Async`), or anything (`*`).
///
/// Bytes are compared as they are, so case counts. There is no way to write a star that stands
/// for itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TextMatch {
    /// `*`: anything that is present.
    Any,
    /// The text itself.
    Exact(String),
    /// `text*`.
    Prefix(String),
    /// `*text`.
    Suffix(String),
}

/// Why a text is no pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// There is nothing to match.
    #[error("the pattern is empty; `*` matches anything")]
    Empty,
    /// More than one star, or one inside the text.
    #[error("a star stands once, at the beginning or at the end: `get*`, `*Async` or `*`")]
    Star,
}

impl TextMatch {
    /// Whether `text` matches.
    #[must_use]
    pub fn matches(&self, text: &[u8]) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(exact) => text == exact.as_bytes(),
            Self::Prefix(prefix) => text.starts_with(prefix.as_bytes()),
            Self::Suffix(suffix) => text.ends_with(suffix.as_bytes()),
        }
    }

    /// Whether every text that `other` matches is matched by this pattern too.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) => true,
            (_, Self::Any) => false,
            (_, Self::Exact(exact)) => self.matches(exact.as_bytes()),
            (Self::Prefix(mine), Self::Prefix(theirs)) => theirs.starts_with(mine.as_str()),
            (Self::Suffix(mine), Self::Suffix(theirs)) => theirs.ends_with(mine.as_str()),
            _ => false,
        }
    }
}

impl FromStr for TextMatch {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let (pattern, rest) = if text.is_empty() {
            return Err(PatternError::Empty);
        } else if text == "*" {
            return Ok(Self::Any);
        } else if let Some(prefix) = text.strip_suffix('*') {
            (Self::Prefix(prefix.to_owned()), prefix)
        } else if let Some(suffix) = text.strip_prefix('*') {
            (Self::Suffix(suffix.to_owned()), suffix)
        } else {
            (Self::Exact(text.to_owned()), text)
        };
        if rest.contains('*') {
            return Err(PatternError::Star);
        }
        Ok(pattern)
    }
}

/// The text that [`FromStr`] reads back.
impl fmt::Display for TextMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Exact(exact) => f.write_str(exact),
            Self::Prefix(prefix) => write!(f, "{prefix}*"),
            Self::Suffix(suffix) => write!(f, "*{suffix}"),
        }
    }
}

/// A set of text patterns; matches if one of them does. Empty matches nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patterns(pub Vec<TextMatch>);

impl Patterns {
    /// Whether one pattern matches.
    #[must_use]
    pub fn matches(&self, text: &[u8]) -> bool {
        self.0.iter().any(|pattern| pattern.matches(text))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::{PatternError, TextMatch};

    #[test]
    fn a_star_at_either_end_makes_a_prefix_or_a_suffix() {
        assert_eq!("get*".parse(), Ok(TextMatch::Prefix("get".into())));
        assert_eq!("*Async".parse(), Ok(TextMatch::Suffix("Async".into())));
        assert_eq!("get".parse(), Ok(TextMatch::Exact("get".into())));
        assert_eq!("*".parse(), Ok(TextMatch::Any));
    }

    #[test]
    fn a_star_elsewhere_is_refused() {
        for text in ["a*b", "*a*", "**", "a**"] {
            assert_eq!(
                text.parse::<TextMatch>(),
                Err(PatternError::Star),
                "{text:?}"
            );
        }
        assert_eq!("".parse::<TextMatch>(), Err(PatternError::Empty));
    }

    #[test]
    fn a_pattern_covers_another_only_if_it_matches_all_of_it() {
        let covers = |a: &str, b: &str| {
            let (a, b): (TextMatch, TextMatch) = (a.parse().unwrap(), b.parse().unwrap());
            a.covers(&b)
        };
        assert!(covers("*", "get*"));
        assert!(covers("get*", "getUser*"));
        assert!(covers("get*", "get"));
        assert!(covers("*Async", "*getAsync"));
        assert!(!covers("getUser*", "get*"));
        assert!(!covers("get*", "*get"));
        assert!(!covers("get", "*"));
    }
}
