//! Names: they stand in logs, metrics and commands, so they are short, plain and unique.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt::Display;
use std::hash::Hash;

use super::place::{Findings, Path, Place};

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
    check(found, place, name);
    Some(name.clone())
}

/// What the proxy calls itself: as written, or as the machine is called.
pub(super) fn of_proxy(found: &mut Findings<'_>, written: Option<&String>) -> String {
    if let Some(name) = written {
        check(found, &Place::ROOT, name);
        return name.clone();
    }
    let machine = rustix::system::uname();
    machine.nodename().to_string_lossy().into_owned()
}

fn check(found: &mut Findings<'_>, place: &Place<'_>, name: &str) {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let fits = (1..=NAME_BYTES_MAX).contains(&name.len());
    if !fits || !name.chars().all(plain) {
        found.refuse(
            &place.field("name"),
            format!("`{name}` cannot be a name"),
            format!("1 to {NAME_BYTES_MAX} letters, digits, dots, dashes and underscores"),
        );
    }
}

/// What was seen, and where: each key may stand once.
#[derive(Debug)]
pub(super) struct Unique<K> {
    what: &'static str,
    seen: HashMap<K, Path>,
}

impl<K: Eq + Hash + Display> Unique<K> {
    /// Nothing seen yet; `what` says in complaints what the keys are.
    pub(super) fn new(what: &'static str) -> Self {
        Self {
            what,
            seen: HashMap::new(),
        }
    }

    /// Complains if `key` was seen before.
    pub(super) fn see(&mut self, found: &mut Findings<'_>, place: &Place<'_>, key: K) {
        match self.seen.entry(key) {
            Entry::Vacant(first) => {
                first.insert(place.path());
            }
            // A line is looked up only for a complaint: it costs a walk through the text.
            Entry::Occupied(first) => {
                let line = found.line(first.get());
                found.refuse(
                    place,
                    format!(
                        "{} `{}` stands twice, first in line {line}",
                        self.what,
                        first.key()
                    ),
                    "give each its own",
                );
            }
        }
    }
}
