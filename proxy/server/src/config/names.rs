//! Names: they stand in logs, metrics and commands, so they are short, plain and unique.

use super::place::{Findings, Place};

/// Longest name, in bytes.
const NAME_BYTES_MAX: usize = 100;

/// A name that must be there.
pub(super) fn name(
    found: &mut Findings<'_>,
    place: &Place<'_>,
    written: Option<&String>,
) -> Option<String> {
    let Some(name) = written else {
        found.missing(place, "name", "\"…\"");
        return None;
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let fits = (1..=NAME_BYTES_MAX).contains(&name.len());
    if !fits || !name.chars().all(plain) {
        found.refuse(
            &place.field("name"),
            format!("`{name}` cannot be a name"),
            format!("1 to {NAME_BYTES_MAX} letters, digits, dots, dashes and underscores"),
        );
    }
    Some(name.clone())
}

/// What was seen, and in which line: each key may stand once.
#[derive(Debug)]
pub(super) struct Unique<K> {
    what: &'static str,
    seen: Vec<(K, u32)>,
}

impl<K: PartialEq + std::fmt::Display> Unique<K> {
    /// Nothing seen yet; `what` says in complaints what the keys are.
    pub(super) fn new(what: &'static str) -> Self {
        Self {
            what,
            seen: Vec::new(),
        }
    }

    /// Complains if `key` was seen before.
    pub(super) fn see(&mut self, found: &mut Findings<'_>, place: &Place<'_>, key: K) {
        match self.seen.iter().find(|(earlier, _)| *earlier == key) {
            Some((_, line)) => found.refuse(
                place,
                format!("{} `{key}` stands twice, first in line {line}", self.what),
                "give each its own",
            ),
            None => self.seen.push((key, found.line(place))),
        }
    }
}
