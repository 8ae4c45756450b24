//! Words of bits, ids, lengths, the body and checksums.

use weft_ron::Step;

use super::frame::Builder;
use super::shape::Holds;
use crate::checksum::Algorithm;
use crate::id::IdForm;
use crate::number::{Form, Number};
use crate::program::{
    Base, IdField, IdSpot, Length, Over, Part as Piece, Place, Spot, Sum, Text, Varying, What,
    Where,
};
use crate::raw::{self, BitRange, Counts, Part};

impl<'r> Builder<'_, '_, 'r> {
    /// An integer whose bits have names.
    pub(super) fn bits(
        &mut self,
        name: &'r str,
        number: Number,
        table: &'r [(String, BitRange)],
    ) -> u32 {
        let whole = Spot {
            at: Where::Place(self.place),
            what: What::Number(number),
        };
        self.name(name, Holds::Int, Some(whole));
        let slot = self.shape.slots.len().saturating_sub(1);
        if !number.is_fixed() || number.form != Form::Unsigned {
            self.refuse(
                &[Step::Index(1)],
                "bits of an integer that is signed or of variable width",
                "write U8 to U64",
            );
        }
        let width = number.width.saturating_mul(8);
        let mut parts = Vec::new();
        let mut taken = 0u64;
        for (line, (bit, range)) in table.iter().enumerate() {
            let at = [Step::Index(2), Step::Index(line)];
            let bits = range.last.saturating_sub(range.first).saturating_add(1);
            if range.first > range.last || range.last >= width {
                self.refuse(
                    &at,
                    format!("`{bit}` is not among the {width} bits of `{name}`"),
                    format!("write a bit from 0 to {}", width.saturating_sub(1)),
                );
                continue;
            }
            let unused = 64u32.saturating_sub(u32::from(bits));
            let mask = u64::MAX.checked_shr(unused).unwrap_or(0);
            let mask = mask.checked_shl(u32::from(range.first)).unwrap_or(0);
            if taken & mask != 0 {
                self.refuse(
                    &at,
                    format!("`{bit}` shares bits with a name before it"),
                    "give each bit one name",
                );
            }
            taken |= mask;
            let spot = Spot {
                at: Where::Place(self.place),
                what: What::Bits(number, range.first, bits),
            };
            self.path.extend(at);
            let field = self.name(bit, Holds::Bits, Some(spot)).unwrap_or(0);
            self.path.truncate(self.path.len().saturating_sub(2));
            parts.push((field, range.first, bits));
        }
        self.shape.parts.push(Piece::Bits(number, parts));
        self.pass_number(number);
        self.ends_here(slot);
        u32::from(number.width)
    }

    /// Bytes of an id of this type, if they are always as many.
    pub(super) fn id_bytes(&self, id: &raw::IdType) -> Option<u8> {
        match id {
            raw::IdType::Int(int) => {
                let number = int.number(self.raw.endian);
                number.is_fixed().then_some(number.width)
            }
            raw::IdType::Form(form) => u8::try_from(form.wire_bytes()?).ok(),
            raw::IdType::Str(..) => None,
        }
    }

    /// The id.
    pub(super) fn id(&mut self, name: &str, id: &raw::IdType) -> u32 {
        let steps = [Step::Index(1)];
        let (form, extent) = match id {
            raw::IdType::Int(int) => (IdForm::Number(int.number(self.raw.endian)), None),
            raw::IdType::Form(form) => (*form, None),
            raw::IdType::Str(extent, form) => (*form, Some(extent)),
        };
        let text = match extent {
            Some(extent) => {
                let Some(text) = self.word(extent, &[Step::Index(1), Step::Index(0)]) else {
                    return 0;
                };
                if matches!(text, Text::Fixed(_) | Text::Padded(..) | Text::Rest) {
                    self.refuse(
                        &steps,
                        "an id that cannot be patched: it has no length of its own",
                        "write Hex(n) or Text(n) for a text of n bytes, or Str(U8) and the like",
                    );
                }
                Some(text)
            }
            None => None,
        };
        let bytes = self.id_bytes(id);
        self.varying_id(bytes, text.as_ref());
        let spot = IdSpot {
            at: Where::Place(self.place),
            text: text.clone(),
            within: self.within.clone(),
        };
        self.add_id(name, (form, bytes), spot);
        let slot = self.shape.slots.len().saturating_sub(1);
        self.shape.parts.push(Piece::Id(text.clone()));
        match (&text, form, bytes) {
            (Some(text), ..) => self.pass_text(text),
            (None, _, Some(bytes)) => self.place = self.place.and(u32::from(bytes)),
            (None, IdForm::Number(number), None) => self.pass_number(number),
            (None, _, None) => {}
        }
        self.ends_here(slot);
        let text_min = text.as_ref().map(|text| self.text_bytes_min(text));
        text_min.unwrap_or(u32::from(bytes.unwrap_or(1)))
    }

    /// An id whose length varies needs lengths around it that can follow.
    pub(super) fn varying_id(&mut self, bytes: Option<u8>, text: Option<&Text>) {
        if bytes.is_some() {
            return;
        }
        let sections = self.within.iter().filter_map(|stride| {
            let stride = self.shape.strides.get(usize::from(*stride))?;
            match &stride.what {
                Varying::Enter(text) => Some(text),
                _ => None,
            }
        });
        let stiff = sections.chain(text).any(|text| match text {
            Text::Fixed(_) | Text::Padded(..) => true,
            Text::By { field, .. } => self.shape.fixed_number(*field).is_none(),
            _ => false,
        });
        if stiff {
            self.refuse(
                &[],
                "this id cannot be patched: another id may be longer, and what counts its bytes \
                 is fixed, a part of a word, or of variable width",
                "count them by an integer of fixed width, or give the id a fixed length",
            );
        }
    }

    /// Adds a spot of the id; on every way it has the same type.
    pub(super) fn add_id(&mut self, name: &str, (form, bytes): (IdForm, Option<u8>), spot: IdSpot) {
        let others = self.shape.slots.iter();
        let mut others = others.filter(|slot| slot.holds == Holds::Id);
        let twice = others.any(|slot| !slot.excludes(&self.ways));
        if twice {
            self.refuse(
                &[],
                "a frame has only one Id",
                "describe the other as an Int, or as Bytes",
            );
        }
        self.name(name, Holds::Id, None);
        match &mut self.shape.id {
            Some(id) if (id.form, id.bytes) != (form, bytes) => {
                self.refuse(
                    &[Step::Index(1)],
                    "the id has another type on another way",
                    "give it the same type everywhere",
                );
            }
            Some(id) => id.spots.push(spot),
            None => {
                self.shape.id = Some(IdField {
                    spots: vec![spot],
                    form,
                    bytes,
                });
            }
        }
    }

    /// A length.
    pub(super) fn length(&mut self, name: &'r str, number: Number, counts: Counts) -> u32 {
        let mut others = self.lengths.iter();
        let twice = others.any(|other| {
            let slot = self.shape.slots.get(other.slot);
            slot.is_some_and(|slot| !slot.excludes(&self.ways))
        });
        if twice {
            self.refuse(
                &[],
                "a frame has only one Length",
                "describe the other as an Int, and what it counts with By(\"its name\")",
            );
        }
        let (part, plus) = match counts {
            Counts::Body => (Part::Body, 0),
            Counts::Rest => (Part::Rest, 0),
            Counts::Frame => (Part::Frame, 0),
            Counts::Plus(part, plus) => (part, plus),
        };
        if !self.within.is_empty() {
            self.refuse(
                &[],
                format!("the length `{name}` stands in a section"),
                "move it before the section; a section's own length is its second part",
            );
        }
        if part == Part::Frame && !number.is_fixed() {
            self.refuse(
                &[Step::Index(2)],
                format!("`{name}` is of variable width and counts itself"),
                "let it count Rest, and a constant if need be",
            );
        }
        let bytes = plus.unsigned_abs();
        // The length carries what it counts and `plus`: the frame is found by taking it off.
        let (more, fewer) = if plus < 0 { (bytes, 0) } else { (0, bytes) };
        self.lengths.push(super::frame::Counting {
            path: self.path.clone(),
            name,
            slot: self.shape.slots.len(),
            part,
        });
        self.shape.lengths.push(Length {
            place: self.place,
            number,
            base: match part {
                Part::Frame => Base::Frame,
                Part::Rest => Base::Rest,
                Part::Body => Base::Body(Place::default()),
            },
            more,
            fewer,
        });
        let spot = Spot {
            at: Where::Place(self.place),
            what: What::Number(number),
        };
        self.name(name, Holds::Length, Some(spot));
        let slot = self.shape.slots.len().saturating_sub(1);
        let index = self.shape.lengths.len().saturating_sub(1);
        self.shape.parts.push(Piece::Length(index));
        self.pass_number(number);
        self.ends_here(slot);
        u32::try_from(number.bytes()).unwrap_or(0)
    }

    /// A checksum.
    pub(super) fn checksum(
        &mut self,
        name: &str,
        (number, algorithm): (Number, Algorithm),
        over: &'r raw::Over,
    ) -> u32 {
        if !number.is_fixed() || number.form != Form::Unsigned || number.width < algorithm.bytes() {
            self.refuse(
                &[Step::Index(1)],
                format!("{algorithm:?} needs {} bytes", algorithm.bytes()),
                format!("write U{}", algorithm.bytes().saturating_mul(8)),
            );
        }
        self.name(name, Holds::Sum, None);
        let slot = self.shape.slots.len().saturating_sub(1);
        let over = match over {
            raw::Over::Before => Over::Before,
            raw::Over::Behind => Over::Behind,
            raw::Over::Frame => Over::Frame,
            raw::Over::Fields(from, to) => {
                let index = self.shape.sums.len();
                let path = [&self.path[..], &[Step::Index(3)]].concat();
                self.spans.push((index, path, from, to));
                Over::Frame
            }
        };
        self.shape.sums.push(Sum {
            place: self.place,
            number,
            algorithm,
            over,
        });
        self.shape.parts.push(Piece::Sum(number.width));
        self.place = self.place.and(u32::from(number.width));
        self.ends_here(slot);
        u32::from(number.width)
    }

    /// Places what checksums over named fields cover.
    pub(super) fn place_spans(&mut self) {
        for (index, path, from, to) in std::mem::take(&mut self.spans) {
            let mut find = |name: &str, step: usize| {
                let at = [&path[..], &[Step::Index(step)]].concat();
                let types = ("a field of the frame", |holds| holds != Holds::Decimal);
                let slot = self.checker.slot(&self.shape, name, &at, types)?;
                Some((slot.begins?, slot.ends?))
            };
            let (from, to) = (find(from, 0), find(to, 1));
            if let (Some((from, _)), Some((_, to))) = (from, to)
                && let Some(sum) = self.shape.sums.get_mut(index)
            {
                sum.over = Over::Between(from, to);
                let inside = from.strides <= sum.place.strides
                    && (from.strides, from.bytes) <= (sum.place.strides, sum.place.bytes)
                    && (sum.place.strides, sum.place.bytes) < (to.strides, to.bytes);
                if inside {
                    self.checker.refuse(
                        &path,
                        "a checksum among the fields that it covers",
                        "let it cover Frame, where its own bytes count as zeros",
                    );
                }
            }
        }
    }

    /// Something says where a frame ends.
    pub(super) fn bound(&mut self) {
        if self.lengths.is_empty() && self.rest && self.checker.complaints.is_empty() {
            self.checker.refuse(
                &self.path,
                "nothing says where the body ends, so the frame has no bound",
                "add a Length before the Body: Length(\"size\", U32, Rest)",
            );
        }
        let bytes_min = u64::from(self.shape.frame_bytes_min);
        let lengths = self.lengths.iter().zip(&self.shape.lengths);
        for (counting, length) in lengths {
            let name = counting.name;
            let path = [&counting.path[..], &[Step::Index(2)]].concat();
            if length.base == Base::Body(Place::default()) && counting.part == Part::Body {
                self.checker.refuse(
                    &path,
                    format!("`{name}` counts the body, but the frame has none"),
                    "add Body(\"body\") as the last field, or count Rest or Frame",
                );
            }
            let frame_max = length.number.max().saturating_add(length.more);
            let frame_max = frame_max.saturating_sub(length.fewer);
            if length.base == Base::Frame && frame_max < bytes_min {
                self.checker.refuse(
                    &path,
                    format!("`{name}` counts up to {frame_max} bytes, but no frame has so few"),
                    format!("give it an integer for {bytes_min} bytes and more"),
                );
            }
        }
    }
}

/// Whether an integer is unsigned and of fixed width.
pub(super) fn is_plain(number: Number) -> bool {
    number.is_fixed() && number.form == Form::Unsigned
}
