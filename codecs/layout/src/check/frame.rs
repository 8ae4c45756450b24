//! The fields of a frame, one after another: where each stands, and how it is written.

use weft_ron::Step;

use super::Checker;
use super::optional::Closed;
use super::shape::{Holds, Shape, Slot};
use crate::number::Number;
use crate::program::{
    Condition, Field, Magic, NEST_MAX, Over, Part, Place, STRIDES_MAX, Spot, Stride, Text, Varying,
    What, Where,
};
use crate::raw::{self, Protocol};

/// The largest field of fixed length, in bytes: well below the limit for heads.
pub(super) const FIXED_BYTES_MAX: u32 = 4096;

/// The most fields that a frame may have: it bounds every walk over a program.
const FIELDS_MAX: usize = 256;

/// Builds the shape of a frame.
pub(super) struct Builder<'c, 't, 'r> {
    pub(super) checker: &'c mut Checker<'t>,
    pub(super) raw: &'r Protocol,
    pub(super) shape: Shape,
    /// Where the next field begins.
    pub(super) place: Place,
    /// Where the description is.
    pub(super) path: Vec<Step<'r>>,
    /// The arms around it.
    pub(super) ways: Vec<(usize, usize)>,
    /// Forks so far; the first is the direction.
    pub(super) forks: usize,
    /// The sections around it, as numbers of their strides.
    pub(super) within: Vec<u16>,
    /// The conditions of the arms around it.
    pub(super) conditions: Vec<Condition>,
    /// The branch and the part that an Opaque must lead to the body.
    pub(super) opaque: Option<(usize, usize)>,
    /// Where the Enum stands in the description.
    pub(super) kinds: Option<Vec<Step<'r>>>,
    /// How deep the description is nested.
    pub(super) depth: usize,
    /// Checksums over named fields, to be placed when all fields are.
    pub(super) spans: Vec<(usize, Vec<Step<'r>>, &'r str, &'r str)>,
    /// Lengths, in the order of the shape's.
    pub(super) lengths: Vec<Counting<'r>>,
    /// The Optionals before it.
    pub(super) optionals: Vec<Closed>,
    /// Whether something reaches to the end of the frame.
    pub(super) rest: bool,
    fields_seen: usize,
}

/// A length as it is described.
pub(super) struct Counting<'r> {
    pub(super) path: Vec<Step<'r>>,
    pub(super) name: &'r str,
    /// The number of its name.
    pub(super) slot: usize,
    pub(super) part: raw::Part,
}

impl<'c, 't, 'r> Builder<'c, 't, 'r> {
    /// Places every field of a description.
    pub(super) fn build(checker: &'c mut Checker<'t>, raw: &'r Protocol) -> Self {
        let mut builder = Self {
            checker,
            raw,
            shape: Shape::default(),
            place: Place::default(),
            path: vec![Step::Field("frame")],
            ways: Vec::new(),
            forks: 1,
            within: Vec::new(),
            conditions: Vec::new(),
            opaque: None,
            kinds: None,
            depth: 0,
            spans: Vec::new(),
            lengths: Vec::new(),
            optionals: Vec::new(),
            rest: false,
            fields_seen: 0,
        };
        let bytes_min = builder.items(&raw.frame);
        builder.shape.frame_bytes_min = bytes_min.max(1);
        builder.shape.end = builder.place;
        builder.finish();
        builder
    }

    /// Keeps a complaint about the value at `steps` in the field that is being placed.
    pub(super) fn refuse(
        &mut self,
        steps: &[Step<'_>],
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let path = [&self.path[..], steps].concat();
        self.checker.refuse(&path, message, help);
    }

    /// Places fields one after another. Answers their fewest bytes.
    pub(super) fn items(&mut self, items: &'r [raw::Field]) -> u32 {
        let mut bytes_min = 0u32;
        if self.depth > NEST_MAX {
            self.refuse(
                &[],
                format!("fields stand more than {NEST_MAX} deep in one another"),
                "describe what is inside as Bytes",
            );
            return 0;
        }
        self.depth = self.depth.saturating_add(1);
        for (index, item) in items.iter().enumerate() {
            self.path.push(Step::Index(index));
            self.fields_seen = self.fields_seen.saturating_add(1);
            let begins = self.place;
            if self.order(item) && self.is_told(item) {
                let bytes = self.item(item);
                bytes_min = bytes_min.saturating_add(bytes);
                self.trailer(item, begins);
            }
            self.path.pop();
        }
        self.depth = self.depth.saturating_sub(1);
        bytes_min
    }

    /// Places one field.
    fn item(&mut self, item: &'r raw::Field) -> u32 {
        let endian = self.raw.endian;
        match item {
            raw::Field::Magic(bytes) => self.magic(&bytes.0),
            raw::Field::Enum(name, int, _) => {
                if self.kinds.is_some() {
                    self.refuse(
                        &[],
                        "a frame has only one Enum",
                        "describe the other as an Int, or tell kinds with `kinds`",
                    );
                } else {
                    self.kinds = Some(self.path.clone());
                }
                self.int(name, int.number(endian), Holds::Enum)
            }
            raw::Field::Int(name, int) => self.int(name, int.number(endian), Holds::Int),
            raw::Field::Bits(name, int, bits) => self.bits(name, int.number(endian), &bits.0),
            raw::Field::Id(name, id) => self.id(name, id),
            raw::Field::Length(name, int, counts) => self.length(name, int.number(endian), *counts),
            raw::Field::Str(name, extent) | raw::Field::Bytes(name, extent) => {
                self.text_field(name, extent)
            }
            raw::Field::Map(name, amount, key, value, entries) => {
                self.map(name, amount, (key, value), &entries.0)
            }
            raw::Field::List(name, amount, elements, entries) => {
                self.list(name, amount, elements, &entries.0)
            }
            raw::Field::Tlv(name, extent, tag, length, entries) => {
                self.tlv(name, extent, (tag, length.number(endian)), &entries.0)
            }
            raw::Field::Proto(name, extent, entries) => self.proto(name, extent, &entries.0),
            raw::Field::Section(name, extent, items) => self.section(name, extent, items),
            raw::Field::If(when, then, otherwise) => self.fork_if(when, then, otherwise),
            raw::Field::Switch(field, arms) => self.fork_switch(field, &arms.0),
            raw::Field::Optional(items) => self.optional(items),
            raw::Field::Requests(items) => self.direction(weft_codec::Side::Downstream, items),
            raw::Field::Answers(items) => self.direction(weft_codec::Side::Upstream, items),
            raw::Field::Opaque(when) => self.opaque(when),
            raw::Field::Body(name, extent, inside) => self.body(name, extent.as_ref(), &inside.0),
            raw::Field::Checksum(name, int, algorithm, over) => {
                self.checksum(name, (int.number(endian), *algorithm), over)
            }
        }
    }

    /// What may stand behind the body: fields of fixed length, and forks between them. False if
    /// this field may not stand here.
    fn order(&mut self, item: &raw::Field) -> bool {
        let body = self
            .shape
            .slots
            .iter()
            .find(|slot| slot.holds == Holds::Body);
        if body.is_none_or(|body| body.excludes(&self.ways)) {
            return true;
        }
        let before = self.checker.complaints.len();
        let name = item.name().unwrap_or("this field").to_owned();
        match item {
            raw::Field::Magic(_)
            | raw::Field::Checksum(..)
            | raw::Field::If(..)
            | raw::Field::Requests(_)
            | raw::Field::Answers(_) => {}
            raw::Field::Int(_, int) if int.number(self.raw.endian).is_fixed() => {}
            raw::Field::Id(_, id) if self.id_bytes(id).is_some() => {}
            raw::Field::Body(..) => self.refuse(
                &[],
                "a frame has only one Body",
                "describe the other as Bytes before it",
            ),
            raw::Field::Length(..) => self.refuse(
                &[],
                format!("the length `{name}` stands behind the body that it measures"),
                format!("move `{name}` before the Body: its end cannot be found otherwise"),
            ),
            raw::Field::Id(..) => self.refuse(
                &[],
                format!("the id `{name}` behind the body cannot be patched: its length varies"),
                format!("move `{name}` before the Body, or give it a fixed length"),
            ),
            _ => self.refuse(
                &[],
                format!("`{name}` stands behind the body, where only fields of fixed length can"),
                "move it before the Body; what follows the Body is part of it",
            ),
        }
        self.checker.complaints.len() == before
    }

    /// Notes a field behind the body: the body ends before it.
    fn trailer(&mut self, item: &raw::Field, begins: Place) {
        let fixed = matches!(
            item,
            raw::Field::Magic(_)
                | raw::Field::Checksum(..)
                | raw::Field::Int(..)
                | raw::Field::Id(..)
        );
        let body = self
            .shape
            .slots
            .iter()
            .find(|slot| slot.holds == Holds::Body);
        let behind = body.is_some_and(|body| !body.excludes(&self.ways));
        if fixed && behind && begins.strides == self.place.strides {
            let bytes = self.place.bytes.saturating_sub(begins.bytes);
            self.shape.whole |= !matches!(item, raw::Field::Checksum(..));
            self.shape.trailers.push((self.conditions.clone(), bytes));
        }
    }

    /// Adds a name. Those of one frame are unique; on ways that exclude one another the same
    /// name may stand for the same kind of field, and is one field. Answers its number.
    pub(super) fn name(&mut self, name: &str, holds: Holds, spot: Option<Spot>) -> Option<usize> {
        let valid = !name.is_empty() && !name.contains(['.', '*']);
        if !valid {
            self.refuse(
                &[Step::Index(0)],
                format!("`{name}` is no name for a field: it is empty or holds `.` or `*`"),
                "use letters, digits and `_`",
            );
        }
        let same: Vec<&Slot> = self.shape.slots.iter().filter(|s| s.name == name).collect();
        let clash = same.iter().any(|slot| !slot.excludes(&self.ways));
        let other = same.iter().find(|slot| slot.holds != holds);
        let complaint = match (clash, other) {
            (true, _) => Some(format!("two fields are named `{name}`")),
            (false, Some(slot)) => Some(format!(
                "`{name}` is {} here and {} on another way",
                holds.word(),
                slot.holds.word()
            )),
            _ => None,
        };
        let known = same.iter().find_map(|slot| slot.field);
        if let Some(complaint) = complaint.filter(|_| valid) {
            self.refuse(&[Step::Index(0)], complaint, "give each its own name");
        }
        let field = spot.map(|spot| match known {
            Some(known) => {
                if let Some(field) = self.shape.fields.get_mut(known) {
                    field.spots.push(spot);
                }
                known
            }
            None => {
                self.shape.fields.push(Field {
                    spots: vec![spot],
                    quick: None,
                    names: Vec::new(),
                });
                self.shape.fields.len().saturating_sub(1)
            }
        });
        self.shape.slots.push(Slot {
            name: name.to_owned(),
            holds,
            ways: self.ways.clone(),
            field,
            group: None,
            begins: Some(self.place),
            ends: None,
        });
        field
    }

    /// Says where the field that was named last ends: here.
    pub(super) fn ends_here(&mut self, slot: usize) {
        let place = self.place;
        if let Some(slot) = self.shape.slots.get_mut(slot) {
            slot.ends = Some(place);
        }
    }

    /// A stride at the end of what has been placed. Answers its number.
    pub(super) fn stride(&mut self, what: Varying) -> usize {
        let number = self.shape.strides.len();
        if number == STRIDES_MAX {
            self.refuse(
                &[],
                format!("more than {STRIDES_MAX} fields of varying length, arms and sections"),
                "describe what no rule asks for as Bytes or as part of the Body",
            );
        }
        self.shape.strides.push(Stride {
            gap: self.place.bytes,
            what,
        });
        self.place = Place {
            strides: u16::try_from(self.shape.strides.len()).unwrap_or(u16::MAX),
            bytes: 0,
        };
        number
    }

    /// A field of an integer.
    pub(super) fn int(&mut self, name: &str, number: Number, holds: Holds) -> u32 {
        let spot = Spot {
            at: Where::Place(self.place),
            what: What::Number(number),
        };
        let field = self.name(name, holds, Some(spot)).unwrap_or(0);
        self.shape.parts.push(Part::Number(number, field));
        self.pass_number(number);
        self.ends_here(self.shape.slots.len().saturating_sub(1));
        u32::try_from(number.bytes()).unwrap_or(0)
    }

    /// Goes past an integer.
    pub(super) fn pass_number(&mut self, number: Number) {
        if number.is_fixed() {
            self.place = self.place.and(u32::from(number.width));
        } else {
            self.stride(Varying::Number(number));
        }
    }

    /// Constant bytes.
    fn magic(&mut self, bytes: &[u8]) -> u32 {
        let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        if bytes.is_empty() {
            self.refuse(&[Step::Index(0)], "a Magic of no bytes", "remove it");
        } else if self.place.strides == 0 {
            self.shape.magics.push(Magic {
                at: self.place.bytes as usize,
                bytes: bytes.into(),
            });
        } else {
            self.shape.late_magics.push((self.place, bytes.into()));
        }
        self.shape.parts.push(Part::Bytes(bytes.into()));
        self.place = self.place.and(len);
        len
    }

    /// What can be said only when all fields are known.
    fn finish(&mut self) {
        if !(1..=FIELDS_MAX).contains(&self.fields_seen) {
            self.refuse(
                &[],
                format!("a frame of {} fields", self.fields_seen),
                format!("list 1 to {FIELDS_MAX} in wire order: [Length(…), Id(…), Body(…)]"),
            );
        }
        if self.opaque.is_some() {
            self.refuse(
                &[],
                "an Opaque leads to the Body, but none follows it",
                "add Body(\"body\") behind what may be compressed or encrypted",
            );
        }
        self.place_spans();
        self.bound();
        self.shape.ends_in_sum = self.ends_in_sum();
        let must_verify = !self.shape.sums.is_empty() && !self.shape.ends_in_sum;
        if self.shape.whole || must_verify {
            self.shape.bodies.clear();
        }
    }

    /// Whether nothing but a checksum of all before it follows a body that is all the rest.
    fn ends_in_sum(&self) -> bool {
        let ([sum], [(conditions, _)]) =
            (self.shape.sums.as_slice(), self.shape.trailers.as_slice())
        else {
            return false;
        };
        let last = self.shape.strides.last();
        let body_is_last =
            last.is_some_and(|stride| matches!(stride.what, Varying::Body(Text::Rest)));
        let behind_it = usize::from(sum.place.strides) == self.shape.strides.len();
        sum.over == Over::Before
            && conditions.is_empty()
            && body_is_last
            && behind_it
            && sum.place.bytes == 0
    }
}
