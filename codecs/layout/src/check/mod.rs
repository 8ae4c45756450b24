//! From what was written to what runs: every mistake is found here, with its place and mend.
//!
//! The checks run in the order of the description and all of them run, so that one look shows
//! every mistake; those that would only repeat an earlier one stay silent.

mod shape;

mod frame;
mod body;
mod extents;
mod groups;
mod items;
mod list;
mod optional;
mod ways;

mod table;

mod keys;
mod meaning;
mod named;
mod cases;
mod replies;
mod spoken;

mod assemble;
mod quick;
mod quiet;

use weft_ron::{Complaint, Step, locate, locate_name};

use crate::program::Program;
use crate::raw::Protocol;
use shape::{Holds, Shape, Slot};

/// Checks a description and compiles it.
///
/// # Errors
/// All complaints, in the order of the text.
pub(crate) fn check(file: &str, text: &str, raw: &Protocol) -> Result<Program, Vec<Complaint>> {
    let mut checker = Checker {
        file,
        text,
        complaints: Vec::new(),
    };
    let program = checker.protocol(raw);
    let mut complaints = checker.complaints;
    match program {
        Some(program) if complaints.is_empty() => Ok(program),
        _ => {
            complaints.sort_by_key(Complaint::position);
            complaints.dedup();
            Err(complaints)
        }
    }
}

/// What is wanted of a named field, in words and as a test.
type Wanted<'w, F> = (&'w str, F);

/// Collects complaints about one text.
struct Checker<'t> {
    file: &'t str,
    text: &'t str,
    complaints: Vec<Complaint>,
}

impl Checker<'_> {
    /// A complaint about the value at the end of `path`.
    fn at(&self, path: &[Step<'_>], message: impl Into<String>) -> Complaint {
        Complaint::new(self.file, locate(self.text, path), message)
    }

    /// Keeps a complaint about the value at the end of `path`, with its mend.
    fn refuse(&mut self, path: &[Step<'_>], message: impl Into<String>, help: impl Into<String>) {
        let complaint = self.at(path, message).help(help);
        self.complaints.push(complaint);
    }

    /// The name `name`, if it holds what is wanted; else a complaint that offers those that do.
    fn slot<'s>(
        &mut self,
        shape: &'s Shape,
        name: &str,
        path: &[Step<'_>],
        wanted: Wanted<'_, impl Fn(Holds) -> bool>,
    ) -> Option<&'s Slot> {
        let place = locate(self.text, path);
        self.slot_at((shape, name), place, wanted)
    }

    fn slot_at<'s>(
        &mut self,
        (shape, name): (&'s Shape, &str),
        place: weft_ron::Position,
        (types, wanted): Wanted<'_, impl Fn(Holds) -> bool>,
    ) -> Option<&'s Slot> {
        let named = shape.slot(name);
        if let Some(slot) = named.filter(|slot| wanted(slot.holds)) {
            return Some(slot);
        }
        let message = match named {
            Some(slot) => format!(
                "`{name}` is {}, but {types} is needed here",
                slot.holds.word()
            ),
            None if types.contains("earlier") => {
                format!("no field `{name}` stands before this one")
            }
            None => format!("the frame has no field `{name}`"),
        };
        let mut words: Vec<&str> = Vec::new();
        for slot in shape.slots.iter().filter(|slot| wanted(slot.holds)) {
            if !words.contains(&slot.name.as_str()) {
                words.push(&slot.name);
            }
        }
        let complaint = Complaint::new(self.file, place, message).expecting(name, &words);
        self.complaints.push(if words.is_empty() {
            complaint.help(format!("describe {types} in `frame`"))
        } else {
            complaint
        });
        None
    }

    /// The number of the field `name`, like [`Self::slot`].
    fn field(
        &mut self,
        shape: &Shape,
        name: &str,
        path: &[Step<'_>],
        wanted: Wanted<'_, impl Fn(Holds) -> bool>,
    ) -> Option<usize> {
        self.slot(shape, name, path, wanted)
            .and_then(|slot| slot.field)
    }

    /// Like [`Self::field`], for a name that is the key of a map.
    fn field_by_name(
        &mut self,
        shape: &Shape,
        name: &str,
        path: &[Step<'_>],
        wanted: Wanted<'_, impl Fn(Holds) -> bool>,
    ) -> Option<usize> {
        let place = locate_name(self.text, path);
        self.slot_at((shape, name), place, wanted)
            .and_then(|slot| slot.field)
    }
}

#[cfg(test)]
mod tests;
