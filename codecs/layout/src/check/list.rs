//! Lists: what their elements are made of, and those that are chosen by a number.

use weft_ron::Step;

use super::frame::Builder;
use super::groups::Placing;
use super::shape::Holds;
use crate::program::{Format, GroupExtent, Piece, Text};
use crate::raw::{self, Amount, Element, Entry};

impl<'r> Builder<'_, '_, 'r> {
    /// A list of elements, some of which may be chosen by their first number.
    pub(super) fn list(
        &mut self,
        name: &str,
        amount: &Amount,
        elements: &[Element],
        entries: &'r [(u64, Entry)],
    ) -> u32 {
        let (pieces, bytes_min) = self.pieces(elements);
        if !entries.is_empty() {
            self.chosen(&pieces, entries);
        }
        let Some(extent) = self.amount(amount) else {
            return 0;
        };
        let format = Format::Elements(pieces.clone().into());
        let slot = if entries.is_empty() {
            self.name(name, Holds::List, None);
            self.shape.slots.len().saturating_sub(1)
        } else {
            self.group(name, Holds::List, extent.clone(), format.clone())
                .1
        };
        let begin = self.begin_group(&extent, entries.is_empty());
        if !entries.is_empty() {
            let placing = Placing {
                group: self.shape.groups.len().saturating_sub(1),
                format,
                path: Vec::new(),
            };
            self.path.push(Step::Index(3));
            self.numbered_entries(&placing, entries);
            self.path.pop();
        }
        self.end_group(begin);
        match &extent {
            GroupExtent::Count(count) => self.repeat(*count, pieces.into(), bytes_min),
            GroupExtent::Bytes(text) => self.pass_text(text),
        }
        self.ends_here(slot);
        self.extent_bytes_min(&extent)
    }

    /// What each element is made of, and its fewest bytes.
    fn pieces(&mut self, elements: &[Element]) -> (Vec<Piece>, u32) {
        let mut pieces = Vec::new();
        let mut bytes_min = 0u32;
        for (index, element) in elements.iter().enumerate() {
            let steps = [Step::Index(2), Step::Index(index), Step::Index(0)];
            let piece = match element {
                Element::Int(int) => Some(Piece::Number(int.number(self.raw.endian))),
                Element::Str(extent) | Element::Bytes(extent) => {
                    self.text(extent, &steps).map(Piece::Text)
                }
            };
            let bytes = match &piece {
                Some(Piece::Text(Text::By { .. } | Text::Rest)) => {
                    self.refuse(
                        &steps,
                        "each element needs a length or an end of its own",
                        "write the type of the length before it, Fixed, Padded, Zero or Until",
                    );
                    0
                }
                Some(Piece::Text(text)) => self.text_bytes_min(text),
                Some(Piece::Number(number)) => u32::try_from(number.bytes()).unwrap_or(0),
                None => 0,
            };
            bytes_min = bytes_min.saturating_add(bytes);
            pieces.extend(piece);
        }
        if elements.is_empty() {
            self.refuse(
                &[Step::Index(2)],
                "a list of elements of no bytes has no bound",
                "list what each element is made of: [Int(U32), Str(U8)]",
            );
        }
        (pieces, bytes_min)
    }

    /// Elements can be chosen: an integer stands first in them, the value last.
    fn chosen(&mut self, pieces: &[Piece], entries: &[(u64, Entry)]) {
        let (Some(Piece::Number(tag)), Some(value), true) =
            (pieces.first(), pieces.last(), pieces.len() > 1)
        else {
            self.refuse(
                &[Step::Index(2)],
                "nothing in an element tells which it is",
                "let an Int stand first and the value last, or describe a Map",
            );
            return;
        };
        if matches!(
            value,
            Piece::Text(Text::Until(_) | Text::Word(_) | Text::Padded(..))
        ) {
            self.refuse(
                &[Step::Index(2)],
                "the value of an element that has a name needs a length before it",
                "write Str(U16) or the like, or an Int",
            );
        }
        let endian = self.raw.endian;
        for (line, (number, entry)) in entries.iter().enumerate() {
            let steps = [Step::Index(3), Step::Index(line)];
            if *number > tag.max() {
                self.refuse(
                    &steps,
                    format!("no element has the number {number}: its integer ends before it"),
                    "correct the number, or widen the integer",
                );
            }
            let int = match entry {
                Entry::Int(_, int) | Entry::Id(_, raw::IdType::Int(int)) => {
                    Some(int.number(endian))
                }
                _ => None,
            };
            let fits = match value {
                Piece::Number(number) => int == Some(*number),
                Piece::Text(_) => true,
            };
            if !fits {
                self.refuse(
                    &steps,
                    "the last part of an element is an integer, and this is not that one",
                    "give it the same type, as an Int or Id",
                );
            }
        }
    }
}
