//! Fields that are there only while bytes are left.

use weft_ron::Step;

use super::frame::Builder;
use super::shape::{Holds, exclude};
use crate::program::{Part, Varying};
use crate::raw;

/// Where an Optional has ended.
pub(super) struct Closed {
    /// The arms around it.
    ways: Vec<(usize, usize)>,
    /// The sections around it.
    within: Vec<u16>,
}

impl<'r> Builder<'_, '_, 'r> {
    /// Fields that are there only while bytes are left in what they stand in.
    pub(super) fn optional(&mut self, items: &'r [raw::Field]) -> u32 {
        let mut lengths = self.lengths.iter();
        let bounded = lengths.any(|length| {
            let slot = self.shape.slots.get(length.slot);
            slot.is_some_and(|slot| !slot.excludes(&self.ways))
        });
        if self.within.is_empty() && !bounded {
            self.refuse(
                &[],
                "an Optional, but nothing before it says where the frame ends",
                "put a Length before it, or put it in a Section",
            );
        }
        let (ways, within) = (self.ways.clone(), self.within.clone());
        let fork = self.fork();
        self.ways.push((fork, 0));
        let branch = self.stride(Varying::Optional(0));
        let (part, slot) = (self.shape.parts.len(), self.shape.slots.len());
        self.shape.parts.push(Part::Optional(Vec::new(), 0));
        self.path.push(Step::Index(0));
        self.items(items);
        self.path.pop();
        let jump = self.stride(Varying::Jump(0));
        let join = self.stride(Varying::Join);
        self.lead(branch, join);
        self.lead(jump, join);
        self.ways.pop();
        self.optionals.push(Closed { ways, within });
        let inside = self.shape.slots.get(slot..).unwrap_or_default();
        let fields = inside.iter().filter_map(|slot| slot.field).collect();
        let wrong = inside
            .iter()
            .find(|slot| matches!(slot.holds, Holds::Body | Holds::Id | Holds::Length));
        if let Some(wrong) = wrong {
            let message = format!("{} in an Optional", wrong.holds.word());
            let help = "move it out: only fields that a frame can do without may stand in it";
            self.refuse(&[], message, help);
        }
        let end = self.shape.parts.len();
        if let Some(part) = self.shape.parts.get_mut(part) {
            *part = Part::Optional(fields, end);
        }
        0
    }

    /// Whether it can be told from an Optional before it: what stands behind one could not. False,
    /// and a complaint, if not.
    pub(super) fn is_told(&mut self, item: &raw::Field) -> bool {
        let passes = matches!(
            item,
            raw::Field::If(..)
                | raw::Field::Switch(..)
                | raw::Field::Requests(_)
                | raw::Field::Answers(_)
                | raw::Field::Opaque(_)
                | raw::Field::Body(..)
        );
        let mut optionals = self.optionals.iter();
        let behind = optionals
            .any(|closed| closed.within == self.within && !exclude(&closed.ways, &self.ways));
        let mut slots = self.shape.slots.iter();
        let trails = slots.any(|slot| slot.holds == Holds::Body && !slot.excludes(&self.ways));
        if passes || trails || !behind {
            return true;
        }
        self.refuse(
            &[],
            "this field stands behind an Optional: bytes that are left could be of either",
            "put it into the Optional, as its last field",
        );
        false
    }
}
