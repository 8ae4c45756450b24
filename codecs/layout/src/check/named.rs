//! The names of a description, kept for people.

use super::shape::{Holds, Shape, Slot};
use crate::id::IdForm;
use crate::number::Number;
use crate::program::{Named, NamedEntry, Shows, What, Where};

/// The names of what stands in a frame, in wire order, and of what stands in its groups.
pub(super) fn named(shape: &Shape) -> (Vec<Named>, Vec<NamedEntry>) {
    let mut sums = 0usize;
    let mut names = Vec::new();
    let mut entries = Vec::new();
    for slot in &shape.slots {
        entries.extend(in_groups(shape, slot));
        let shows = match (slot.holds, slot.field, slot.group) {
            (Holds::Sum, ..) => {
                sums = sums.saturating_add(1);
                Some(Shows::Sum(sums.saturating_sub(1)))
            }
            (Holds::Bits, Some(field), _) => Some(Shows::Bits(field)),
            (Holds::Enum, Some(field), _) => Some(Shows::Kind(field)),
            (Holds::Body, ..) => Some(Shows::Body),
            (Holds::Section, ..) => Some(Shows::Section),
            (Holds::List, _, None) => Some(Shows::List),
            (Holds::Id, ..) => Some(Shows::Id),
            (_, _, Some(group)) => Some(Shows::Group(group)),
            (_, Some(field), _) => Some(Shows::Field(field)),
            _ => None,
        };
        let is_bits = slot.holds == Holds::Bits;
        if let (Some(shows), Some(begins)) = (shows, slot.begins)
            && (is_bits || slot.ends.is_some())
        {
            names.push(Named {
                name: slot.name.clone(),
                shows,
                begins,
                ends: slot.ends.filter(|_| !is_bits),
            });
        }
    }
    (names, entries)
}

/// The entries of groups that have this name.
fn in_groups(shape: &Shape, slot: &Slot) -> Vec<NamedEntry> {
    let entry = |at: &Where, number: Option<Number>| match at {
        Where::Keyed(keyed) => Some(NamedEntry {
            name: slot.name.clone(),
            group: keyed.group,
            path: keyed.path.clone(),
            number,
        }),
        Where::Place(_) | Where::Body(_) => None,
    };
    let of_id = shape.id.as_ref().and_then(|id| match id.form {
        IdForm::Number(number) => Some(number),
        _ => None,
    });
    let of_field = |what: &What| match what {
        What::Number(number) => Some(*number),
        _ => None,
    };
    let id = shape.id.as_ref().filter(|_| slot.holds == Holds::Id);
    let ids = id.iter().flat_map(|id| &id.spots);
    let field = slot.field.and_then(|field| shape.fields.get(field));
    let fields = field.iter().flat_map(|field| &field.spots);
    ids.filter_map(|spot| entry(&spot.at, of_id))
        .chain(fields.filter_map(|spot| entry(&spot.at, of_field(&spot.what))))
        .collect()
}
