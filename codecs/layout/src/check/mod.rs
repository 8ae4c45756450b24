//! From what was written to what runs: every mistake is found here, with its place and mend.
//!
//! The checks run in the order of the description and all of them run, so that one look shows
//! every mistake; those that would only repeat an earlier one stay silent.

mod frame;
mod keys;
mod meaning;
mod replies;
mod table;

use weft_codec::{Balance, ConnectionState, Sayings, Speaker, Traits};
use weft_ron::{Complaint, Step, locate};

use crate::program::{Extent, Kinds, Place, Program};
use crate::raw::{Deadline, Protocol};
use frame::{Holds, Shape, Slot};

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
            Err(complaints)
        }
    }
}

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

    /// The field that `name` names, if it holds what `wanted` accepts; else a complaint that
    /// offers the fields that do.
    fn slot<'s>(
        &mut self,
        shape: &'s Shape,
        name: &str,
        path: &[Step<'_>],
        types: &str,
        wanted: impl Fn(&Holds) -> bool,
    ) -> Option<&'s Slot> {
        let named = shape.slots.iter().find(|slot| slot.name == name);
        if let Some(slot) = named.filter(|slot| wanted(&slot.holds)) {
            return Some(slot);
        }
        let message = match named {
            Some(slot) => format!(
                "`{name}` is {}, but {types} is needed here",
                slot.holds.word()
            ),
            None => format!("the frame has no field `{name}`"),
        };
        let words = shape.slots.iter().filter(|slot| wanted(&slot.holds));
        let words: Vec<&str> = words.map(|slot| slot.name.as_str()).collect();
        let complaint = self.at(path, message).expecting(name, &words);
        self.complaints.push(if words.is_empty() {
            complaint.help(format!("describe {types} in `frame`"))
        } else {
            complaint
        });
        None
    }

    /// The whole description. `None`, and complaints, if it cannot be compiled.
    fn protocol(&mut self, raw: &Protocol) -> Option<Program> {
        if raw.name.is_empty() {
            self.refuse(
                &[Step::Field("name")],
                "the protocol has no name",
                "give it the name that configurations use",
            );
        }
        let shape = self.frame(raw);
        let kinds = self.kinds(raw, &shape);
        let names = self.names(raw, &shape);
        let service = self.reader(raw.service.as_deref(), "service", &shape, &names);
        let method = self.reader(raw.method.as_deref(), "method", &shape, &names);
        let (keys, key_names) = self.keys(raw, &shape, &names);
        let deadline = raw.deadline.as_ref().and_then(|Deadline::Millis(name)| {
            let path = [Step::Field("deadline"), Step::Index(0)];
            let is_int = |holds: &Holds| matches!(holds, Holds::Int(_));
            self.slot(&shape, name, &path, "an Int", is_int)?
                .placed_number()
        });
        let status = self.status(raw, &shape);
        let declared = self.declarations(raw, &shape);
        let replies = self.replies(raw, &shape, status.as_ref());
        if !self.complaints.is_empty() {
            return None;
        }
        let traits = Traits {
            correlation: declared.correlation,
            order: declared.order,
            state: ConnectionState::Stateless,
            ids: declared.ids,
            speaks_first: Speaker::Downstream,
            one_way_answers: declared.one_way_answers,
            says: Sayings {
                error: replies.error.is_some(),
                ping: replies.ping.is_some(),
                pong: replies.pong.is_some(),
                deadline: deadline.is_some(),
                ..Sayings::default()
            },
            keys: key_names,
            balance: Balance::PeakEwma,
            frame_bytes_min: shape.frame_bytes_min,
        };
        let id = shape.id().and_then(Slot::placed_number);
        let mut program = Program {
            name: raw.name.clone(),
            traits,
            strides: shape.strides,
            magics: shape.magics,
            extent: shape.extent?,
            frame_bytes_min: shape.frame_bytes_min,
            first_look: 0,
            kinds,
            id,
            body: shape.body,
            service,
            method,
            keys,
            deadline,
            status,
            echoes: replies.echoes,
            error: replies.error,
            ping: replies.ping,
            pong: replies.pong,
        };
        program.first_look = first_look(&program);
        Some(program)
    }
}

/// The bytes up to the last of those among constants, length, kind and id that stand at a fixed
/// offset: before they are there, no look is worth it. At least 1.
fn first_look(program: &Program) -> usize {
    let fixed = |place: Place, bytes: usize| match place.strides {
        0 => (place.bytes as usize).saturating_add(bytes),
        _ => 0,
    };
    let magics = program.magics.iter();
    let magic = magics
        .map(|magic| magic.at.saturating_add(magic.bytes.len()))
        .max();
    let length = match program.extent {
        Extent::Length { place, number, .. } => fixed(place, number.bytes()),
        Extent::Fields(end) => fixed(end, 0),
    };
    let kind = match &program.kinds {
        Kinds::Direction => 0,
        Kinds::Byte { place, .. } => fixed(*place, 1),
        Kinds::Ranges { place, number, .. } => fixed(*place, number.bytes()),
    };
    let id = program
        .id
        .map_or(0, |(place, number)| fixed(place, number.bytes()));
    magic.unwrap_or(0).max(length).max(kind).max(id).max(1)
}

#[cfg(test)]
mod tests;
