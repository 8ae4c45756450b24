//! Logs what the engine reports, at a bounded rate.
//!
//! A hostile peer must not fill a disk: each kind of complaint is logged at most a few times a
//! second, and what was left out is counted and told with the next line.

use std::collections::HashMap;

use weft_engine::Nanos;

/// Kinds that are told apart; further ones share one.
const KINDS_MAX: usize = 64;
/// Lines per kind and window.
const LINES_PER_WINDOW: u32 = 5;
/// A window's length in nanoseconds.
const WINDOW_NANOS: u64 = 1_000_000_000;

/// Decides which complaints are logged.
#[derive(Debug, Default)]
pub(crate) struct Complaints {
    kinds: HashMap<String, Kind>,
    /// Complaints since the start.
    pub(crate) told: u64,
    /// Those of them that were not logged.
    pub(crate) suppressed: u64,
}

#[derive(Debug, Default)]
struct Kind {
    window: u64,
    lines: u32,
    suppressed: u64,
}

impl Complaints {
    /// Whether to log `text` now; then with how many of its kind left out before it.
    pub(crate) fn admit(&mut self, now: Nanos, text: &str) -> Option<u64> {
        self.told += 1;
        let mut kind = kind_of(text);
        if self.kinds.len() >= KINDS_MAX && !self.kinds.contains_key(kind) {
            kind = "";
        }
        if !self.kinds.contains_key(kind) {
            self.kinds.insert(kind.to_owned(), Kind::default());
        }
        let known = self.kinds.get_mut(kind)?;
        let window = now.0 / WINDOW_NANOS;
        if known.window != window {
            known.window = window;
            known.lines = 0;
        }
        if known.lines >= LINES_PER_WINDOW {
            known.suppressed += 1;
            self.suppressed += 1;
            return None;
        }
        known.lines += 1;
        Some(std::mem::take(&mut known.suppressed))
    }
}

/// Complaints of one kind begin alike up to the first number.
fn kind_of(text: &str) -> &str {
    text.split(|c: char| c.is_ascii_digit())
        .next()
        .unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_one_kind_is_cut_and_counted_while_another_kind_is_still_heard() {
        let mut complaints = Complaints::default();
        let now = Nanos(7 * WINDOW_NANOS);
        let logged = (0..100)
            .filter(|i| complaints.admit(now, &format!("bad length {i}")).is_some())
            .count();
        assert_eq!(logged, 5);
        assert_eq!(complaints.admit(now, "unknown kind 3"), Some(0));
        let later = Nanos(8 * WINDOW_NANOS);
        assert_eq!(complaints.admit(later, "bad length 5"), Some(95));
        assert_eq!((complaints.told, complaints.suppressed), (102, 95));
    }

    #[test]
    fn endless_new_kinds_take_bounded_memory() {
        let mut complaints = Complaints::default();
        for i in 0..10_000_u32 {
            let word: String = i.to_string().bytes().map(|b| char::from(b + 49)).collect();
            let _logged = complaints.admit(Nanos(0), &word);
        }
        assert!(complaints.kinds.len() <= KINDS_MAX + 1);
    }
}
