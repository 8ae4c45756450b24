//! Maps, lists, TLVs and protobuf messages.

use weft_ron::Step;

use super::frame::Builder;
use super::items::is_plain;
use super::shape::Holds;
use crate::id::IdForm;
use crate::number::Number;
use crate::program::{
    Count, Entries, EntryKey, EntryPart, Format, Group, GroupExtent, GroupPart, IdSpot, Keyed,
    NEST_MAX, Part, Piece, Repeat, Spot, Text, Varying, What, Where,
};
use crate::raw::{self, Amount, Entry, Item};

/// A group whose entries are being placed.
pub(super) struct Placing {
    /// Its number.
    pub(super) group: usize,
    pub(super) format: Format,
    /// The keys of the messages around the entries.
    pub(super) path: Vec<EntryKey>,
}

/// The value of an entry.
struct Valued {
    part: Part,
    /// Its field; `None` for the id.
    field: Option<usize>,
}

impl<'r> Builder<'_, '_, 'r> {
    /// A map of texts.
    pub(super) fn map(
        &mut self,
        name: &str,
        amount: &Amount,
        (key, value): (&Item, &Item),
        entries: &'r [(String, Entry)],
    ) -> u32 {
        let key = self.text(key.extent(), &[Step::Index(2), Step::Index(0)]);
        let value = self.text(value.extent(), &[Step::Index(3), Step::Index(0)]);
        let (Some(key), Some(value)) = (key, value) else {
            return 0;
        };
        for (text, index) in [(&key, 2), (&value, 3)] {
            if matches!(text, Text::By { .. } | Text::Rest) {
                self.refuse(
                    &[Step::Index(index)],
                    "each key and each value needs a length or an end of its own",
                    "write the type of the length before it, Fixed, Padded, Zero or Until",
                );
            }
        }
        let plain = match (&key, &value, amount) {
            (
                Text::Run { number: k, plus: 0 },
                Text::Run { number: v, plus: 0 },
                Amount::Prefix(count),
            ) if is_plain(*k) && is_plain(*v) => {
                let count = count.number(self.raw.endian);
                is_plain(count).then_some(Entries {
                    count,
                    key: *k,
                    value: *v,
                })
            }
            _ => None,
        };
        let pieces = [Piece::Text(key.clone()), Piece::Text(value.clone())];
        let bytes = self
            .text_bytes_min(&key)
            .saturating_add(self.text_bytes_min(&value));
        let Some(extent) = self.amount(amount) else {
            return 0;
        };
        let format = Format::Pairs { key, value };
        let (group, slot) = self.group(name, Holds::Map, extent.clone(), format.clone());
        if let Some(group) = self.shape.groups.get_mut(group) {
            group.plain = plain;
        }
        let begin = self.begin_group(&extent, entries.is_empty());
        let placing = Placing {
            group,
            format,
            path: Vec::new(),
        };
        for (line, (key, entry)) in entries.iter().enumerate() {
            self.path.extend([Step::Index(4), Step::Index(line)]);
            let repeated = entries.get(..line).unwrap_or_default();
            self.once(key, repeated.iter().any(|(other, _)| other == key));
            let key = EntryKey::Text(key.as_bytes().into());
            self.entry(&placing, key, entry);
            self.path.truncate(self.path.len().saturating_sub(2));
        }
        self.end_group(begin);
        match (plain, &extent) {
            (Some(entries), _) => {
                self.stride(Varying::Entries(entries));
            }
            (None, GroupExtent::Count(count)) => self.repeat(*count, pieces.into(), bytes),
            (None, GroupExtent::Bytes(text)) => self.pass_text(text),
        }
        self.ends_here(slot);
        self.extent_bytes_min(&extent)
    }

    /// Types, lengths and values.
    pub(super) fn tlv(
        &mut self,
        name: &str,
        extent: &raw::Extent,
        (tag, length): (&raw::Tag, Number),
        entries: &'r [(u64, Entry)],
    ) -> u32 {
        let low_bit = tag.low_bit;
        let tag = tag.int.number(self.raw.endian);
        let format = Format::Tlv {
            tag,
            length,
            low_bit,
        };
        let most = tag.max() >> u8::from(low_bit);
        for (line, (number, _)) in entries.iter().enumerate() {
            if *number > most {
                self.refuse(
                    &[Step::Index(4), Step::Index(line)],
                    format!("no entry has the type {number}: the type's integer ends before it"),
                    "correct the number, or widen the integer",
                );
            }
        }
        self.numbered(name, Holds::Tlv, (extent, format), (4, entries))
    }

    /// A protobuf message.
    pub(super) fn proto(
        &mut self,
        name: &str,
        extent: &raw::Extent,
        entries: &'r [(u64, Entry)],
    ) -> u32 {
        self.numbered(name, Holds::Proto, (extent, Format::Proto), (2, entries))
    }

    /// A group as long as a text, whose entries have numbers.
    fn numbered(
        &mut self,
        name: &str,
        holds: Holds,
        (extent, format): (&raw::Extent, Format),
        (index, entries): (usize, &'r [(u64, Entry)]),
    ) -> u32 {
        let Some(text) = self.text(extent, &[Step::Index(1)]) else {
            return 0;
        };
        if matches!(text, Text::Until(_) | Text::Padded(..)) {
            self.refuse(
                &[Step::Index(1)],
                "its values may hold the bytes that would end it",
                "write the type of the length before it, By(\"field\"), Fixed(bytes) or Rest",
            );
        }
        if text == Text::Rest && self.within.is_empty() {
            self.shape.whole = true;
            self.rest = true;
        }
        let extent = GroupExtent::Bytes(text.clone());
        let (group, slot) = self.group(name, holds, extent.clone(), format.clone());
        let begin = self.begin_group(&extent, entries.is_empty());
        let placing = Placing {
            group,
            format,
            path: Vec::new(),
        };
        self.path.push(Step::Index(index));
        self.numbered_entries(&placing, entries);
        self.path.pop();
        self.end_group(begin);
        self.pass_text(&text);
        self.ends_here(slot);
        self.text_bytes_min(&text)
    }

    pub(super) fn numbered_entries(&mut self, placing: &Placing, entries: &'r [(u64, Entry)]) {
        for (line, (number, entry)) in entries.iter().enumerate() {
            self.path.push(Step::Index(line));
            let repeated = entries.get(..line).unwrap_or_default();
            self.once(number, repeated.iter().any(|(other, _)| other == number));
            self.entry(placing, EntryKey::Number(*number), entry);
            self.path.pop();
        }
    }

    fn once(&mut self, key: &dyn std::fmt::Display, repeated: bool) {
        if repeated {
            self.refuse(
                &[],
                format!("the entry {key} stands twice"),
                "remove one of them",
            );
        }
    }

    /// What a list or map reaches to.
    pub(super) fn amount(&mut self, amount: &Amount) -> Option<GroupExtent> {
        let steps = [Step::Index(1), Step::Index(0)];
        Some(match amount {
            Amount::Prefix(int) => GroupExtent::Count(Count::Prefix(int.number(self.raw.endian))),
            Amount::Count(name) => {
                GroupExtent::Count(Count::By(self.counting_field(name, &steps)?))
            }
            Amount::Within(extent) => {
                let text = self.text(extent, &steps)?;
                if text == Text::Rest && self.within.is_empty() {
                    self.shape.whole = true;
                    self.rest = true;
                }
                GroupExtent::Bytes(text)
            }
        })
    }

    pub(super) fn extent_bytes_min(&self, extent: &GroupExtent) -> u32 {
        match extent {
            GroupExtent::Count(Count::Prefix(number)) => u32::try_from(number.bytes()).unwrap_or(0),
            GroupExtent::Count(Count::By(_)) => 0,
            GroupExtent::Bytes(text) => self.text_bytes_min(text),
        }
    }

    pub(super) fn repeat(&mut self, count: Count, pieces: Box<[Piece]>, bytes_min: u32) {
        self.stride(Varying::Repeat(Repeat {
            count,
            pieces,
            bytes_min: (bytes_min as usize).max(1),
        }));
    }

    /// Adds a group. Answers its number and that of its name.
    pub(super) fn group(
        &mut self,
        name: &str,
        holds: Holds,
        extent: GroupExtent,
        format: Format,
    ) -> (usize, usize) {
        self.name(name, holds, None);
        let slot = self.shape.slots.len().saturating_sub(1);
        let group = self.shape.groups.len();
        if let Some(slot) = self.shape.slots.get_mut(slot) {
            slot.group = Some(group);
        }
        self.shape.groups.push(Group {
            place: self.place,
            extent,
            format,
            plain: None,
        });
        (group, slot)
    }

    /// Begins the part of a group. Answers whether it must be ended.
    pub(super) fn begin_group(&mut self, extent: &GroupExtent, is_empty: bool) -> bool {
        let (part, open) = match extent {
            GroupExtent::Count(count) if is_empty => (Part::Empty(*count), false),
            GroupExtent::Count(count) => (Part::Group(GroupPart::Count(*count)), true),
            GroupExtent::Bytes(text) => (Part::Group(GroupPart::Bytes(text.clone())), true),
        };
        self.shape.parts.push(part);
        open
    }

    pub(super) fn end_group(&mut self, is_open: bool) {
        if is_open {
            self.shape.parts.push(Part::Leave);
        }
    }

    /// One entry: its value's field, and how it is written. Answers the fields in it; `None` if
    /// the id is among them.
    fn entry(&mut self, placing: &Placing, key: EntryKey, entry: &'r Entry) -> Option<Vec<usize>> {
        let wire = self.wire(&placing.format, entry);
        let key = match (key, &placing.format) {
            // Protobuf's key holds the number and the kind of the value.
            (EntryKey::Number(number), Format::Proto) => {
                EntryKey::Number(number.wrapping_shl(3) | u64::from(wire))
            }
            // And so does the type of such a TLV.
            (EntryKey::Number(number), Format::Tlv { low_bit: true, .. }) => {
                EntryKey::Number(number.wrapping_shl(1) | u64::from(wire == 2))
            }
            (key, _) => key,
        };
        let mut path = placing.path.clone();
        path.push(key.clone());
        let begin = self.shape.parts.len();
        self.shape.parts.push(Part::Entry(EntryPart {
            format: placing.format.clone(),
            key,
            wire,
            fields: None,
            behind: 0,
        }));
        let fields = match entry {
            Entry::Message(name, entries) => self.message(placing, (name, &entries.0), path),
            entry => self.value(placing.group, path, entry).and_then(|value| {
                self.shape.parts.push(value.part);
                value.field.map(|field| vec![field])
            }),
        };
        self.shape.parts.push(Part::Leave);
        let end = self.shape.parts.len();
        if let Some(Part::Entry(part)) = self.shape.parts.get_mut(begin) {
            part.fields.clone_from(&fields);
            part.behind = end;
        }
        fields
    }

    /// A message in a message.
    fn message(
        &mut self,
        placing: &Placing,
        (name, entries): (&str, &'r [(u64, Entry)]),
        path: Vec<EntryKey>,
    ) -> Option<Vec<usize>> {
        if !matches!(placing.format, Format::Proto) || path.len() > NEST_MAX {
            self.refuse(
                &[],
                format!("`{name}` is a protobuf message, but stands in none, or too deep"),
                "describe it as Bytes",
            );
            return Some(Vec::new());
        }
        self.name(name, Holds::Proto, None);
        let inner = Placing {
            group: placing.group,
            format: Format::Proto,
            path,
        };
        let mut fields = Some(Vec::new());
        self.path.push(Step::Index(1));
        for (line, (number, entry)) in entries.iter().enumerate() {
            self.path.push(Step::Index(line));
            let repeated = entries.get(..line).unwrap_or_default();
            self.once(number, repeated.iter().any(|(other, _)| other == number));
            let found = self.entry(&inner, EntryKey::Number(*number), entry);
            fields = match (fields, found) {
                (Some(mut fields), Some(found)) => {
                    fields.extend(found);
                    Some(fields)
                }
                _ => None,
            };
            self.path.pop();
        }
        self.path.pop();
        fields
    }

    /// The kind of a value on protobuf's wire: 0 is an integer that stands alone, 2 what has a
    /// length before it.
    fn wire(&mut self, format: &Format, entry: &Entry) -> u8 {
        let int = match entry {
            Entry::Int(_, int) | Entry::Id(_, raw::IdType::Int(int)) => *int,
            _ => return 2,
        };
        let number = int.number(self.raw.endian);
        if let Format::Tlv {
            length, low_bit, ..
        } = format
        {
            let alone = *low_bit && number == *length;
            return if alone { 0 } else { 2 };
        }
        if let Format::Elements(_) = format {
            // The list says how its values are written.
            return 2;
        }
        match (number.width, number.form) {
            (_, crate::number::Form::Decimal) | (0, crate::number::Form::VarintBe) => {}
            (0, _) => return 0,
            (4, _) => return 5,
            (8, _) => return 1,
            _ => {}
        }
        if matches!(format, Format::Proto) {
            self.refuse(
                &[Step::Index(1)],
                "protobuf has no integer of this type",
                "write Varint (int32, uint64, bool …), ZigZag (sint32 …), U32 (fixed32 …) or U64",
            );
        }
        2
    }

    /// An id whose length varies needs lengths around it in its group, too, that can follow.
    fn varying_entry(&mut self, group: usize, bytes: Option<u8>) {
        let group = self.shape.groups.get(group);
        let around = match group.map(|group| &group.extent) {
            Some(GroupExtent::Bytes(text)) => Some(text.clone()),
            _ => None,
        };
        let value = match group.map(|group| &group.format) {
            Some(Format::Elements(pieces)) => pieces.last().cloned(),
            _ => None,
        };
        self.varying_id(bytes, around.as_ref());
        if let Some(Piece::Text(text)) = value {
            self.varying_id(bytes, Some(&text));
        }
    }

    /// The value of an entry. `None` after a complaint.
    fn value(&mut self, group: usize, path: Vec<EntryKey>, entry: &Entry) -> Option<Valued> {
        let proto = self
            .shape
            .groups
            .get(group)
            .is_some_and(|group| matches!(group.format, Format::Proto));
        let number = |int: &raw::IntType| {
            let number = int.number(self.raw.endian);
            Number {
                little: number.little || proto,
                ..number
            }
        };
        let at = Where::Keyed(Keyed { group, path });
        let (name, holds, what) = match entry {
            Entry::Int(name, int) => (name, Holds::Int, What::Number(number(int))),
            Entry::Decimal(name) => (name, Holds::Decimal, What::Decimal),
            Entry::Str(name) | Entry::Bytes(name) => (name, Holds::Text, What::Text(Text::Rest)),
            Entry::Id(name, id) => {
                let form = match id {
                    raw::IdType::Int(int) => IdForm::Number(number(int)),
                    raw::IdType::Form(form) | raw::IdType::Str(raw::Extent::Rest, form) => *form,
                    raw::IdType::Str(..) => {
                        self.refuse(
                            &[Step::Index(1)],
                            "the id's length is that of its entry",
                            "write Str(Rest)",
                        );
                        return None;
                    }
                };
                let bytes = self.id_bytes(id);
                self.varying_entry(group, bytes);
                let spot = IdSpot {
                    at,
                    text: None,
                    within: self.within.clone(),
                };
                self.add_id(name, (form, bytes), spot);
                return Some(Valued {
                    part: Part::Id(None),
                    field: None,
                });
            }
            Entry::Message(..) => return None,
        };
        let spot = Spot {
            at,
            what: what.clone(),
        };
        let field = self.name(name, holds, Some(spot))?;
        if let Some(slot) = self.shape.slots.last_mut() {
            slot.begins = None;
        }
        let part = match what {
            What::Number(number) => Part::Number(number, field),
            What::Decimal => Part::Digits(field),
            _ => Part::Text(Text::Rest, field),
        };
        Some(Valued {
            part,
            field: Some(field),
        })
    }
}
