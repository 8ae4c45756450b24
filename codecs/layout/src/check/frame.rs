//! The fields of a frame: where each stands, and where the frame ends.

use weft_ron::Step;

use super::Checker;
use crate::number::Number;
use crate::program::{Base, Entries, Extent, Magic, Place, Stride, Varying};
use crate::raw::{self, Counts, Field, Part, Protocol};

/// A field with its place.
#[derive(Debug)]
pub(super) struct Slot {
    /// Its name; empty for constants.
    pub(super) name: String,
    /// Where it begins.
    pub(super) place: Place,
    pub(super) holds: Holds,
}

/// What a field holds.
#[derive(Debug)]
pub(super) enum Holds {
    Magic(Vec<u8>),
    Enum(Number),
    Int(Number),
    Id(Number),
    Length(Number),
    /// Bytes behind their count.
    Run(Number),
    /// So many bytes.
    Fixed(u32),
    Map(Entries),
    Body,
}

impl Holds {
    /// The word of the language, with its article, for complaints.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Magic(_) => "a Magic",
            Self::Enum(_) => "an Enum",
            Self::Int(_) => "an Int",
            Self::Id(_) => "the Id",
            Self::Length(_) => "the Length",
            Self::Run(_) => "a Str or Bytes with a length",
            Self::Fixed(_) => "a Str or Bytes of fixed length",
            Self::Map(_) => "a Map",
            Self::Body => "the Body",
        }
    }

    /// The integer that it is, if it is one.
    pub(super) fn number(&self) -> Option<Number> {
        match self {
            Self::Enum(number) | Self::Int(number) | Self::Id(number) | Self::Length(number) => {
                Some(*number)
            }
            _ => None,
        }
    }

    /// Its fewest bytes.
    fn bytes_min(&self) -> u32 {
        match self {
            Self::Magic(bytes) => u32::try_from(bytes.len()).unwrap_or(u32::MAX),
            Self::Enum(number)
            | Self::Int(number)
            | Self::Id(number)
            | Self::Length(number)
            | Self::Run(number) => u32::from(number.width),
            Self::Fixed(bytes) => *bytes,
            Self::Map(entries) => u32::from(entries.count.width),
            Self::Body => 0,
        }
    }
}

impl Slot {
    /// The place and integer of a field that is one.
    pub(super) fn placed_number(&self) -> Option<(Place, Number)> {
        Some((self.place, self.holds.number()?))
    }
}

/// The frame with everything placed.
#[derive(Debug, Default)]
pub(super) struct Shape {
    pub(super) slots: Vec<Slot>,
    pub(super) strides: Vec<Stride>,
    pub(super) magics: Vec<Magic>,
    /// `None` only after a complaint.
    pub(super) extent: Option<Extent>,
    pub(super) body: Option<Place>,
    pub(super) frame_bytes_min: u32,
}

impl Shape {
    /// The id's field.
    pub(super) fn id(&self) -> Option<&Slot> {
        let mut slots = self.slots.iter();
        slots.find(|slot| matches!(slot.holds, Holds::Id(_)))
    }

    /// The field of the frame's kind, with its index.
    pub(super) fn kind(&self) -> Option<(usize, &Slot)> {
        let mut slots = self.slots.iter().enumerate();
        slots.find(|(_, slot)| matches!(slot.holds, Holds::Enum(_)))
    }
}

/// The largest field of fixed length, in bytes: well below the limit for heads.
const FIXED_BYTES_MAX: u32 = 4096;

/// The most fields that a frame may have: it bounds every walk over a program.
const FIELDS_MAX: usize = 256;

impl Checker<'_> {
    /// Places every field.
    pub(super) fn frame(&mut self, raw: &Protocol) -> Shape {
        let mut shape = Shape::default();
        let mut place = Place::default();
        if !(1..=FIELDS_MAX).contains(&raw.frame.len()) {
            self.refuse(
                &[Step::Field("frame")],
                format!("a frame of {} fields", raw.frame.len()),
                format!("list 1 to {FIELDS_MAX} in wire order: [Length(…), Id(…), Body(…)]"),
            );
        }
        for (index, field) in raw.frame.iter().enumerate() {
            let path = [Step::Field("frame"), Step::Index(index)];
            self.field_name(&shape, field, &path);
            self.field_order(&shape, field, &path);
            let holds = self.holds(raw, field, &path);
            shape.frame_bytes_min = shape.frame_bytes_min.saturating_add(holds.bytes_min());
            if let Holds::Magic(bytes) = &holds {
                self.magic(&mut shape, place, bytes, &path);
            }
            if matches!(holds, Holds::Body) {
                shape.body = Some(place);
            }
            let begins = place;
            place = behind(place, &holds, &mut shape.strides);
            shape.slots.push(Slot {
                name: field.name().unwrap_or_default().to_owned(),
                place: begins,
                holds,
            });
        }
        shape.extent = self.extent(raw, &shape, place);
        shape
    }

    /// Names are unique and can be used in keys.
    fn field_name(&mut self, shape: &Shape, field: &Field, path: &[Step<'_>]) {
        let Some(name) = field.name() else { return };
        let path = [path, &[Step::Index(0)]].concat();
        if name.is_empty() || name.contains(['.', '*']) {
            self.refuse(
                &path,
                format!("`{name}` is no name for a field: it is empty or holds `.` or `*`"),
                "use letters, digits and `_`",
            );
        } else if shape.slots.iter().any(|slot| slot.name == name) {
            self.refuse(
                &path,
                format!("two fields are named `{name}`"),
                "give each its own name",
            );
        }
    }

    /// One Id, Length, Enum and Body at most, and nothing behind the body.
    fn field_order(&mut self, shape: &Shape, field: &Field, path: &[Step<'_>]) {
        let has = |wanted: fn(&Holds) -> bool| shape.slots.iter().any(|slot| wanted(&slot.holds));
        let (word, twice) = match field {
            Field::Id(..) => ("Id", has(|holds| matches!(holds, Holds::Id(_)))),
            Field::Length(..) => ("Length", has(|holds| matches!(holds, Holds::Length(_)))),
            Field::Enum(..) => ("Enum", has(|holds| matches!(holds, Holds::Enum(_)))),
            Field::Body(_) => ("Body", has(|holds| matches!(holds, Holds::Body))),
            _ => ("", false),
        };
        if twice {
            self.refuse(
                path,
                format!("a frame has only one {word}"),
                "describe the other as an Int, or as Bytes",
            );
        }
        if shape.body.is_none() || matches!(field, Field::Body(_)) {
            return;
        }
        let name = field.name().unwrap_or("this constant");
        match field {
            Field::Length(..) => self.refuse(
                path,
                format!("the length `{name}` stands behind the body that it measures"),
                format!("move `{name}` before the Body: its end cannot be found otherwise"),
            ),
            Field::Id(..) => self.refuse(
                path,
                format!("the id `{name}` behind the body cannot be patched before all has come"),
                format!("move `{name}` before the Body"),
            ),
            _ => self.refuse(
                path,
                format!("`{name}` stands behind the body, where no head reaches"),
                "make the Body the last field; what follows it is part of it",
            ),
        }
    }

    /// What the field holds, with its order of bytes.
    fn holds(&mut self, raw: &Protocol, field: &Field, path: &[Step<'_>]) -> Holds {
        let endian = raw.endian;
        match field {
            Field::Magic(bytes) => Holds::Magic(bytes.0.clone()),
            Field::Enum(_, int, _) => Holds::Enum(int.number(endian)),
            Field::Int(_, int) => Holds::Int(int.number(endian)),
            Field::Id(_, int) => Holds::Id(int.number(endian)),
            Field::Length(_, int, _) => Holds::Length(int.number(endian)),
            Field::Str(_, raw::Extent::Prefix(int)) | Field::Bytes(_, raw::Extent::Prefix(int)) => {
                Holds::Run(int.number(endian))
            }
            Field::Str(_, raw::Extent::Fixed(bytes))
            | Field::Bytes(_, raw::Extent::Fixed(bytes)) => {
                if !(1..=FIXED_BYTES_MAX).contains(bytes) {
                    self.refuse(
                        &[path, &[Step::Index(1), Step::Index(0)]].concat(),
                        format!("a field of {bytes} bytes"),
                        format!("write 1 to {FIXED_BYTES_MAX}, so that the head has a bound"),
                    );
                }
                Holds::Fixed(*bytes)
            }
            Field::Map(_, count, key, value) => Holds::Map(Entries {
                count: count.number(endian),
                key: key.prefix().number(endian),
                value: value.prefix().number(endian),
            }),
            Field::Body(_) => Holds::Body,
        }
    }

    /// A constant must stand where it can be seen at once.
    fn magic(&mut self, shape: &mut Shape, place: Place, bytes: &[u8], path: &[Step<'_>]) {
        let path = [path, &[Step::Index(0)]].concat();
        if bytes.is_empty() {
            self.refuse(&path, "a Magic of no bytes", "remove it");
        } else if place.strides > 0 {
            self.refuse(
                &path,
                "a Magic behind a field of varying length",
                "describe these bytes with Bytes(\"name\", Fixed(…))",
            );
        } else {
            shape.magics.push(Magic {
                at: place.bytes as usize,
                bytes: bytes.into(),
            });
        }
    }

    /// Where a frame ends: by its length, or with its last field.
    fn extent(&mut self, raw: &Protocol, shape: &Shape, end: Place) -> Option<Extent> {
        let length = raw
            .frame
            .iter()
            .enumerate()
            .find_map(|(index, field)| match field {
                Field::Length(name, _, counts) => Some((index, name, *counts)),
                _ => None,
            });
        let Some((index, name, counts)) = length else {
            if shape.body.is_some() {
                self.refuse(
                    &[Step::Field("frame")],
                    "nothing says where the body ends, so the frame has no bound",
                    "add a Length before the Body: Length(\"size\", U32, Rest)",
                );
                return None;
            }
            return Some(Extent::Fields(end));
        };
        let path = [Step::Field("frame"), Step::Index(index), Step::Index(2)];
        let (part, plus) = match counts {
            Counts::Body => (Part::Body, 0),
            Counts::Rest => (Part::Rest, 0),
            Counts::Frame => (Part::Frame, 0),
            Counts::Plus(part, plus) => (part, plus),
        };
        let base = match (part, shape.body) {
            (Part::Frame, _) => Base::Frame,
            (Part::Rest, _) => Base::Rest,
            (Part::Body, Some(body)) => Base::Body(body),
            (Part::Body, None) => {
                self.refuse(
                    &path,
                    format!("`{name}` counts the body, but the frame has none"),
                    "add Body(\"body\") as the last field, or count Rest or Frame",
                );
                return None;
            }
        };
        let (place, number) = shape.slots.get(index)?.placed_number()?;
        let bytes = plus.unsigned_abs();
        // The length carries what it counts and `plus`: the frame is found by taking it off.
        let (more, fewer) = if plus < 0 { (bytes, 0) } else { (0, bytes) };
        let frame_max = number.max().saturating_add(more).saturating_sub(fewer);
        let frame_min = shape.frame_bytes_min;
        if base == Base::Frame && frame_max < u64::from(frame_min) {
            self.refuse(
                &path,
                format!("`{name}` counts up to {frame_max} bytes, but no frame has so few"),
                format!("give it an integer for {frame_min} bytes and more"),
            );
        }
        Some(Extent::Length {
            place,
            number,
            base,
            more,
            fewer,
        })
    }
}

/// The place behind a field; a field of varying length becomes a stride.
fn behind(place: Place, holds: &Holds, strides: &mut Vec<Stride>) -> Place {
    let what = match holds {
        Holds::Run(number) => Varying::Run(*number),
        Holds::Map(entries) => Varying::Entries(*entries),
        fixed => {
            return Place {
                bytes: place.bytes.saturating_add(fixed.bytes_min()),
                ..place
            };
        }
    };
    strides.push(Stride {
        gap: place.bytes,
        what,
    });
    Place {
        strides: place.strides.saturating_add(1),
        bytes: 0,
    }
}
