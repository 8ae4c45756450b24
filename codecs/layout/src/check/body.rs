//! The body, and the fields that are read in it.

use weft_ron::Step;

use super::frame::{Builder, FIXED_BYTES_MAX};
use super::shape::Holds;
use crate::program::{Base, BodyAt, InsidePart, Part, Spot, Text, Varying, What, Where};
use crate::raw::{self, Inside};

/// The most bytes of an integer of variable width.
const VARINT_BYTES_MAX: u32 = 10;

impl<'r> Builder<'_, '_, 'r> {
    /// The body.
    pub(super) fn body(
        &mut self,
        name: &str,
        extent: Option<&raw::Extent>,
        inside: &'r [(u32, Inside)],
    ) -> u32 {
        let text = match extent {
            Some(extent) => self.text(extent, &[Step::Index(1)]),
            None => Some(Text::Rest),
        };
        let Some(text) = text else { return 0 };
        if matches!(text, Text::Until(_) | Text::Padded(..)) {
            self.refuse(
                &[Step::Index(1)],
                "a body that ends with a delimiter or is padded cannot be passed on in pieces",
                "describe it as Bytes, or say what counts its bytes",
            );
        }
        if !self.within.is_empty() {
            self.refuse(
                &[],
                "the Body stands in a section",
                "describe it as Bytes(\"…\", Rest)",
            );
        }
        if let (Some((branch, part)), true) = (self.opaque, self.ways.is_empty()) {
            self.opaque = None;
            let jump = self.stride(Varying::Jump(0));
            let join = self.stride(Varying::Join);
            let end = self.shape.parts.len();
            self.lead(branch, join);
            self.lead(jump, join);
            self.lead_part(part, end);
        }
        self.rest |= text == Text::Rest;
        let place = self.place;
        for (length, counting) in self.shape.lengths.iter_mut().zip(&self.lengths) {
            let slot = self.shape.slots.get(counting.slot);
            if let Base::Body(body) = &mut length.base
                && slot.is_some_and(|slot| !slot.excludes(&self.ways))
            {
                *body = place;
            }
        }
        let spot = Spot {
            at: Where::Place(place),
            what: What::Text(text.clone()),
        };
        let field = self.name(name, Holds::Body, Some(spot)).unwrap_or(0);
        let slot = self.shape.slots.len().saturating_sub(1);
        let parts = self.inside(&text, inside);
        // What is read of the body belongs to the head of a frame that passes in pieces.
        let reach = parts
            .iter()
            .map(|part| part.offset.saturating_add(part.bytes));
        let reach = reach.max().map_or(0, |reach| match &text {
            Text::Run { number, .. } if number.is_fixed() => {
                reach.saturating_add(u32::from(number.width))
            }
            Text::Run { .. } => reach.saturating_add(VARINT_BYTES_MAX),
            _ => reach,
        });
        self.shape.bodies.push(place.and(reach));
        self.shape
            .parts
            .push(Part::Body(text.clone(), field, parts));
        let bytes_min = self.text_bytes_min(&text);
        self.stride(Varying::Body(text));
        self.ends_here(slot);
        bytes_min
    }

    /// The fields in the body.
    fn inside(&mut self, text: &Text, inside: &'r [(u32, Inside)]) -> Vec<InsidePart> {
        let mut parts = Vec::new();
        for (line, (offset, entry)) in inside.iter().enumerate() {
            let steps = [Step::Index(2), Step::Index(line)];
            let (name, holds, what, bytes) = match entry {
                Inside::Int(name, int) => {
                    let number = int.number(self.raw.endian);
                    (
                        name,
                        Holds::Int,
                        What::Number(number),
                        u32::from(number.width),
                    )
                }
                Inside::Str(name, bytes) | Inside::Bytes(name, bytes) => {
                    (name, Holds::Text, What::Text(Text::Fixed(*bytes)), *bytes)
                }
            };
            if bytes == 0 {
                self.refuse(
                    &steps,
                    format!("`{name}` in the body has no fixed length"),
                    "write U8 to U64, or how many bytes it has",
                );
                continue;
            }
            if offset.saturating_add(bytes) > FIXED_BYTES_MAX {
                self.refuse(
                    &steps,
                    format!("`{name}` stands too far behind the body's beginning"),
                    format!("the first {FIXED_BYTES_MAX} bytes can be looked at"),
                );
                continue;
            }
            let number = match &what {
                What::Number(number) => Some(*number),
                _ => None,
            };
            let spot = Spot {
                at: Where::Body(BodyAt {
                    place: self.place,
                    text: text.clone(),
                    offset: *offset,
                }),
                what,
            };
            self.path.extend(steps);
            let field = self.name(name, holds, Some(spot)).unwrap_or(0);
            self.path.truncate(self.path.len().saturating_sub(2));
            if let Some(slot) = self.shape.slots.last_mut() {
                slot.begins = None;
            }
            parts.push(InsidePart {
                offset: *offset,
                bytes,
                field,
                number,
            });
        }
        parts
    }
}
