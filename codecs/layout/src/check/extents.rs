//! How far a text reaches, and the fields that are texts.

use weft_ron::Step;

use super::frame::{Builder, FIXED_BYTES_MAX};
use super::items::is_plain;
use super::shape::Holds;
use crate::program::{Part as Piece, Spot, Text, Varying, What, Where};
use crate::raw;

impl Builder<'_, '_, '_> {
    /// How far a text of a field or an id reaches.
    pub(super) fn word(&mut self, extent: &raw::Extent, steps: &[Step<'_>]) -> Option<Text> {
        let raw::Extent::Word(line_end) = extent else {
            return self.text(extent, steps);
        };
        if line_end.is_empty() || line_end.len() > 16 || line_end.contains(&b' ') {
            self.refuse(
                &[steps, &[Step::Index(0)]].concat(),
                "what ends the line of a word is 1 to 16 bytes, none of them a blank",
                "write the line's end: Word(\"\\r\\n\")",
            );
            return None;
        }
        Some(Text::Word(line_end.as_slice().into()))
    }

    /// How far a text reaches.
    pub(super) fn text(&mut self, extent: &raw::Extent, steps: &[Step<'_>]) -> Option<Text> {
        let endian = self.raw.endian;
        let fixed = |builder: &mut Self, bytes: u32| {
            if !(1..=FIXED_BYTES_MAX).contains(&bytes) {
                builder.refuse(
                    &[steps, &[Step::Index(0)]].concat(),
                    format!("a field of {bytes} bytes"),
                    format!("write 1 to {FIXED_BYTES_MAX}, so that the head has a bound"),
                );
            }
        };
        let small = |builder: &mut Self, plus: i64| {
            if plus.unsigned_abs() > 64 {
                builder.refuse(
                    &[steps, &[Step::Index(1)]].concat(),
                    format!("a length that counts {plus} bytes more than there are"),
                    "write a constant from -64 to 64",
                );
            }
        };
        Some(match extent {
            raw::Extent::Prefix(int) => Text::Run {
                number: int.number(endian),
                plus: 0,
            },
            raw::Extent::Plus(int, plus) => {
                small(self, *plus);
                Text::Run {
                    number: int.number(endian),
                    plus: *plus,
                }
            }
            raw::Extent::Fixed(bytes) => {
                fixed(self, *bytes);
                Text::Fixed(*bytes)
            }
            raw::Extent::Padded(bytes, fill) => {
                fixed(self, *bytes);
                Text::Padded(*bytes, *fill)
            }
            raw::Extent::Zero => Text::Until([0].as_slice().into()),
            raw::Extent::Word(_) => {
                self.refuse(
                    steps,
                    "only a Str, a Bytes or an Id is a word of a line",
                    "write Until(\" \"), or a length before it",
                );
                return None;
            }
            raw::Extent::Until(bytes) if bytes.is_empty() || bytes.len() > 16 => {
                self.refuse(
                    &[steps, &[Step::Index(0)]].concat(),
                    format!("a text that ends with {} bytes", bytes.len()),
                    "write 1 to 16 bytes: Until(\"\\r\\n\")",
                );
                return None;
            }
            raw::Extent::Until(bytes) => Text::Until(bytes.as_slice().into()),
            raw::Extent::By(name, plus) => {
                small(self, *plus);
                let steps = [steps, &[Step::Index(0)]].concat();
                let field = self.counting_field(name, &steps)?;
                Text::By { field, plus: *plus }
            }
            raw::Extent::Rest => Text::Rest,
        })
    }

    /// An earlier integer that counts bytes or elements.
    pub(super) fn counting_field(&mut self, name: &str, steps: &[Step<'_>]) -> Option<usize> {
        let path = [&self.path[..], steps].concat();
        let is_count = |holds: Holds| matches!(holds, Holds::Int | Holds::Bits);
        let field = self
            .checker
            .field(&self.shape, name, &path, ("an earlier Int", is_count))?;
        if self.shape.is_keyed(field) {
            self.checker.refuse(
                &path,
                format!(
                    "`{name}` stands in a group or in the body and cannot say where others end"
                ),
                "ask a field of the frame itself",
            );
            return None;
        }
        Some(field)
    }

    /// The fewest bytes of a text.
    pub(super) fn text_bytes_min(&self, text: &Text) -> u32 {
        match text {
            Text::Run { number, .. } => u32::try_from(number.bytes()).unwrap_or(0),
            Text::Fixed(bytes) | Text::Padded(bytes, _) => *bytes,
            Text::Until(delimiter) => u32::try_from(delimiter.len()).unwrap_or(0),
            Text::Word(_) | Text::By { .. } | Text::Rest => 0,
        }
    }

    /// Goes past a text.
    pub(super) fn pass_text(&mut self, text: &Text) {
        match text {
            Text::Fixed(bytes) | Text::Padded(bytes, _) => self.place = self.place.and(*bytes),
            Text::Run { number, plus: 0 } if is_plain(*number) => {
                self.stride(Varying::Run(*number));
            }
            text => {
                self.stride(Varying::Text(text.clone()));
            }
        }
    }

    /// A Str or Bytes.
    pub(super) fn text_field(&mut self, name: &str, extent: &raw::Extent) -> u32 {
        let Some(text) = self.word(extent, &[Step::Index(1)]) else {
            return 0;
        };
        if text == Text::Rest && self.within.is_empty() {
            self.shape.whole = true;
            self.rest = true;
        }
        let spot = Spot {
            at: Where::Place(self.place),
            what: What::Text(text.clone()),
        };
        let field = self.name(name, Holds::Text, Some(spot)).unwrap_or(0);
        let slot = self.shape.slots.len().saturating_sub(1);
        self.shape.parts.push(Piece::Text(text.clone(), field));
        self.pass_text(&text);
        self.ends_here(slot);
        self.text_bytes_min(&text)
    }
}
