//! Writing a frame part by part. Lengths that stand before what they count are written as zeros
//! and filled in when that is there.

use crate::group::PROTO;
use crate::number::Number;
use crate::program::{
    Base, Condition, Count, EntryKey, EntryPart, Format, GroupPart, InsidePart, Part, Piece, Text,
    Want,
};
use crate::speak::{Filled, Filling};

/// Writes one frame.
pub(crate) struct Writer<'a, 'o> {
    filling: Filling<'a>,
    out: &'o mut Vec<u8>,
    begin: usize,
    /// Where each field stands, by its number.
    marks: Vec<Option<Mark>>,
    open: Vec<Open>,
    length: Option<(usize, usize)>,
    /// The first byte of the body, and the byte behind its last.
    body: Option<(usize, usize)>,
}

/// A field that has been written.
#[derive(Clone, Copy)]
struct Mark {
    start: usize,
    end: usize,
    /// Its value and how it is written, if it is an integer.
    number: Option<(u64, Number)>,
}

/// Something that has begun and not ended.
struct Open {
    close: Close,
    /// Where its content begins.
    start: usize,
    entries: u64,
}

/// What is to be done at its end.
#[derive(Clone, Copy)]
enum Close {
    Nothing,
    /// An integer directly before the content counts its bytes.
    Prefix(Number, i64),
    /// A field counts its bytes.
    By(usize, i64),
    /// The content has so many bytes, filled up with this one.
    Fixed(usize, u8),
    /// An integer directly before the content counts its entries.
    Count(Number),
    /// A field counts its entries.
    CountBy(usize),
}

impl<'a, 'o> Writer<'a, 'o> {
    pub(crate) fn new(filling: Filling<'a>, out: &'o mut Vec<u8>) -> Self {
        let begin = out.len();
        Self {
            filling,
            begin,
            marks: vec![None; filling.program.fields.len()],
            open: Vec::new(),
            length: None,
            body: None,
            out,
        }
    }

    /// Appends the frame, or `None` if something does not fit; then part of it may be there.
    pub(crate) fn write(mut self) -> Option<()> {
        let parts = &self.filling.program.parts;
        let mut next = 0usize;
        while let Some(part) = parts.get(next) {
            next = next.saturating_add(1);
            match part {
                Part::Branch(condition, to) if !self.holds(condition) => next = *to,
                Part::Optional(fields, to) if !self.fills_any(fields) => next = *to,
                Part::Jump(to) => next = *to,
                Part::Entry(entry) if !self.is_wanted(entry) => next = entry.behind,
                Part::Entry(entry) => self.entry(entry)?,
                part => self.part(part)?,
            }
        }
        self.fill_length()
    }

    fn part(&mut self, part: &Part) -> Option<()> {
        match part {
            Part::Bytes(bytes) => self.out.extend_from_slice(bytes),
            Part::Number(number, field) => {
                let value = self.filling.number(*field)?;
                self.number(*number, value, &[*field])?;
            }
            Part::Bits(number, fields) => self.bits(*number, fields)?,
            Part::Text(text, field) => self.text(text, *field)?,
            Part::Digits(field) => {
                let digits = self.filling.number(*field)?.to_string();
                self.out.extend_from_slice(digits.as_bytes());
            }
            Part::Id(text) => self.id(text.as_ref())?,
            Part::Length(index) => {
                self.length = Some((*index, self.out.len()));
                let length = self.filling.program.extent.lengths.get(*index)?;
                length.number.push(0, self.out).then_some(())?;
            }
            Part::Sum(bytes) => {
                let end = self.out.len().saturating_add(usize::from(*bytes));
                self.out.resize(end, 0);
            }
            Part::Body(text, field, inside) => {
                let start = self.out.len();
                if inside.iter().any(|part| self.filling.fills(part.field)) {
                    self.body_from(text, *field, inside)?;
                } else {
                    self.text(text, *field)?;
                }
                self.body = Some((start, self.out.len()));
            }
            Part::Empty(Count::Prefix(number)) => number.push(0, self.out).then_some(())?,
            Part::Empty(Count::By(_)) => {}
            Part::Group(GroupPart::Bytes(text)) | Part::Enter(text) => self.enter(text)?,
            Part::Group(GroupPart::Count(Count::Prefix(number))) => {
                number.push(0, self.out).then_some(())?;
                self.opened(Close::Count(*number));
            }
            Part::Group(GroupPart::Count(Count::By(field))) => {
                self.opened(Close::CountBy(*field));
            }
            Part::Leave => self.leave()?,
            Part::Optional(..) | Part::Branch(..) | Part::Jump(_) | Part::Entry(_) => {}
        }
        Some(())
    }

    /// Appends an integer, which is these fields.
    fn number(&mut self, number: Number, value: u64, fields: &[usize]) -> Option<()> {
        let start = self.out.len();
        number.push(value, self.out).then_some(())?;
        for field in fields {
            *self.marks.get_mut(*field)? = Some(Mark {
                start,
                end: self.out.len(),
                number: Some((value, number)),
            });
        }
        Some(())
    }

    /// Appends an integer that is made of fields.
    fn bits(&mut self, number: Number, fields: &[(usize, u8, u8)]) -> Option<()> {
        let mut word = 0u64;
        let start = self.out.len();
        for (field, first, bits) in fields {
            let value = self.filling.number(*field)?;
            if *bits < 64 && value.checked_shr(u32::from(*bits)).unwrap_or(0) > 0 {
                return None;
            }
            word |= value.checked_shl(u32::from(*first)).unwrap_or(0);
            *self.marks.get_mut(*field)? = Some(Mark {
                start,
                end: start,
                number: Some((value, number)),
            });
        }
        number.push(word, self.out).then_some(())
    }

    /// Appends a text.
    fn text(&mut self, text: &Text, field: usize) -> Option<()> {
        let filled = self.filling.text(field);
        let digits;
        let (content, may_be_cut) = match filled {
            Filled::Bytes(bytes) => (bytes, false),
            Filled::Digits(written) => {
                digits = written;
                (digits.as_bytes(), false)
            }
            Filled::Words(words) => (words.as_bytes(), true),
            Filled::Nothing => (&[][..], false),
        };
        let content = if may_be_cut {
            cut_to(content, self.room(text), text)
        } else {
            content
        };
        self.enter(text)?;
        let start = self.out.len();
        self.out.extend_from_slice(content);
        let end = self.out.len();
        if let Some(mark) = self.marks.get_mut(field) {
            *mark = Some(Mark {
                start,
                end,
                number: None,
            });
        }
        self.out.extend_from_slice(behind_text(text));
        self.leave()
    }

    /// Appends a body of which some fields are filled: those stand in it first, and what fills
    /// it stands behind them.
    fn body_from(&mut self, text: &Text, field: usize, inside: &[InsidePart]) -> Option<()> {
        let mut body: Vec<u8> = Vec::new();
        for part in inside {
            if !self.filling.fills(part.field) {
                continue;
            }
            let (from, bytes) = (part.offset as usize, part.bytes as usize);
            let to = from.checked_add(bytes)?;
            if body.len() < to {
                body.resize(to, 0);
            }
            let place = body.get_mut(from..to)?;
            match (part.number, self.filling.text(part.field)) {
                (Some(number), _) => {
                    let value = self.filling.number(part.field)?;
                    number.write(value, place, 0).then_some(())?;
                }
                (None, Filled::Bytes(text)) => {
                    place.get_mut(..text.len())?.copy_from_slice(text);
                }
                (None, Filled::Digits(digits)) => {
                    place
                        .get_mut(..digits.len())?
                        .copy_from_slice(digits.as_bytes());
                }
                (None, Filled::Words(_) | Filled::Nothing) => {}
            }
        }
        let room = self.room(text).saturating_sub(body.len());
        self.enter(text)?;
        self.out.extend_from_slice(&body);
        match self.filling.text(field) {
            Filled::Words(words) => {
                let words = cut_to(words.as_bytes(), room, text);
                self.out.extend_from_slice(words);
            }
            Filled::Bytes(bytes) => self.out.extend_from_slice(bytes),
            Filled::Digits(digits) => self.out.extend_from_slice(digits.as_bytes()),
            Filled::Nothing => {}
        }
        self.leave()
    }

    /// How many bytes a text can hold.
    fn room(&self, text: &Text) -> usize {
        let number_room = |number: Number, plus: i64| {
            let max = i128::from(number.max()).saturating_sub(i128::from(plus));
            usize::try_from(max.max(0)).unwrap_or(usize::MAX)
        };
        match text {
            Text::Run { number, plus } => number_room(*number, *plus),
            Text::By { field, plus } => {
                let mark = self.marks.get(*field).copied().flatten();
                let number = mark.and_then(|mark| mark.number);
                number.map_or(0, |(_, number)| number_room(number, *plus))
            }
            Text::Fixed(bytes) | Text::Padded(bytes, _) => *bytes as usize,
            Text::Until(_) | Text::Word(_) | Text::Rest => usize::MAX,
        }
    }

    /// Appends the id.
    fn id(&mut self, text: Option<&Text>) -> Option<()> {
        let field = self.filling.program.id.as_ref()?;
        if let Some(text) = text {
            self.enter(text)?;
        }
        match self.filling.asked {
            Some(asked) => {
                let id = self.filling.program.asked_id(asked)?;
                self.out.extend_from_slice(id);
            }
            None => field.form.push(self.filling.id, self.out).then_some(())?,
        }
        if let Some(text) = text {
            self.out.extend_from_slice(behind_text(text));
            self.leave()?;
        }
        Some(())
    }

    /// Whether the template fills one of these fields.
    fn fills_any(&self, fields: &[usize]) -> bool {
        fields.iter().any(|field| self.filling.fills(*field))
    }

    /// Whether an entry is written.
    fn is_wanted(&self, entry: &EntryPart) -> bool {
        match &entry.fields {
            None => true,
            Some(fields) => self.fills_any(fields),
        }
    }

    /// Begins an entry of a group: its key, and what counts its value.
    fn entry(&mut self, entry: &EntryPart) -> Option<()> {
        if let Some(group) = self.open.last_mut() {
            group.entries = group.entries.saturating_add(1);
        }
        match (&entry.format, &entry.key) {
            (Format::Pairs { key, value }, EntryKey::Text(name)) => {
                self.enter(key)?;
                self.out.extend_from_slice(name);
                self.out.extend_from_slice(behind_text(key));
                self.leave()?;
                self.enter(value)
            }
            (Format::Tlv { tag, length, .. }, EntryKey::Number(number)) => {
                tag.push(*number, self.out).then_some(())?;
                self.enter(&match entry.wire {
                    2 => Text::Run {
                        number: *length,
                        plus: 0,
                    },
                    _ => Text::Rest,
                })
            }
            (Format::Elements(pieces), EntryKey::Number(number)) => {
                let (last, before) = pieces.split_last()?;
                for (index, piece) in before.iter().enumerate() {
                    match piece {
                        Piece::Number(tag) if index == 0 => {
                            tag.push(*number, self.out).then_some(())?;
                        }
                        Piece::Number(other) => other.push(0, self.out).then_some(())?,
                        Piece::Text(text) => {
                            self.enter(text)?;
                            self.out.extend_from_slice(behind_text(text));
                            self.leave()?;
                        }
                    }
                }
                match last {
                    Piece::Text(text) => self.enter(text),
                    Piece::Number(_) => self.enter(&Text::Rest),
                }
            }
            (Format::Proto, EntryKey::Number(number)) => {
                PROTO.push(*number, self.out).then_some(())?;
                self.enter(&match entry.wire {
                    2 => Text::Run {
                        number: PROTO,
                        plus: 0,
                    },
                    _ => Text::Rest,
                })
            }
            _ => None,
        }
    }

    /// Begins what is as long as a text.
    fn enter(&mut self, text: &Text) -> Option<()> {
        let close = match text {
            Text::Run { number, plus } => {
                let zero = u64::try_from((*plus).max(0)).unwrap_or(0);
                number.push(zero, self.out).then_some(())?;
                Close::Prefix(*number, *plus)
            }
            Text::By { field, plus } => Close::By(*field, *plus),
            Text::Fixed(bytes) => Close::Fixed(*bytes as usize, 0),
            Text::Padded(bytes, fill) => Close::Fixed(*bytes as usize, *fill),
            Text::Until(_) | Text::Word(_) | Text::Rest => Close::Nothing,
        };
        self.opened(close);
        Some(())
    }

    fn opened(&mut self, close: Close) {
        self.open.push(Open {
            close,
            start: self.out.len(),
            entries: 0,
        });
    }

    /// Ends what was begun last.
    fn leave(&mut self) -> Option<()> {
        let open = self.open.pop()?;
        let bytes = self.out.len().saturating_sub(open.start);
        let counted = |plus: i64| {
            let counted = i128::try_from(bytes).ok()?.checked_add(i128::from(plus))?;
            u64::try_from(counted).ok()
        };
        match open.close {
            Close::Nothing => Some(()),
            Close::Fixed(wanted, fill) => {
                let end = open.start.saturating_add(wanted);
                (bytes <= wanted).then(|| self.out.resize(end, fill))
            }
            Close::Prefix(number, plus) => self.set_before(number, counted(plus)?, open.start),
            Close::Count(number) => self.set_before(number, open.entries, open.start),
            Close::By(field, plus) => self.set_field(field, counted(plus)?),
            Close::CountBy(field) => self.set_field(field, open.entries),
        }
    }

    /// Writes an integer again that stands directly before `end`, as the zero that it was or
    /// what counts nothing.
    fn set_before(&mut self, number: Number, value: u64, end: usize) -> Option<()> {
        let start = if number.is_fixed() {
            end.checked_sub(number.bytes())?
        } else {
            // The highest group of a small number is its only one.
            end.checked_sub(1)?
        };
        self.set(number, value, start, end)
    }

    /// Writes a field again.
    fn set_field(&mut self, field: usize, value: u64) -> Option<()> {
        let mark = (*self.marks.get(field)?)?;
        let (_, number) = mark.number?;
        self.set(number, value, mark.start, mark.end)?;
        let end = mark.start.saturating_add(number.encoded_bytes(value));
        *self.marks.get_mut(field)? = Some(Mark {
            end,
            number: Some((value, number)),
            ..mark
        });
        Some(())
    }

    /// Writes an integer over the bytes from `start` to `end`. What stands behind it moves if
    /// it needs more.
    fn set(&mut self, number: Number, value: u64, start: usize, end: usize) -> Option<()> {
        if number.is_fixed() {
            return number.write(value, self.out, start).then_some(());
        }
        let mut bytes = Vec::new();
        number.push(value, &mut bytes).then_some(())?;
        let moved = bytes.len().checked_sub(end.checked_sub(start)?)?;
        self.out.splice(start..end, bytes);
        let shift = |at: &mut usize| {
            if *at >= end {
                *at = at.saturating_add(moved);
            }
        };
        for mark in self.marks.iter_mut().flatten() {
            shift(&mut mark.start);
            shift(&mut mark.end);
        }
        for open in &mut self.open {
            if open.start > end {
                shift(&mut open.start);
            }
        }
        if let Some((start, end)) = &mut self.body {
            shift(start);
            shift(end);
        }
        if let Some((_, at)) = &mut self.length {
            shift(at);
        }
        Some(())
    }

    /// Writes the length of the frame, which ends with the output.
    fn fill_length(&mut self) -> Option<()> {
        let Some((index, at)) = self.length else {
            return Some(());
        };
        let length = *self.filling.program.extent.lengths.get(index)?;
        let behind = at.checked_add(length.number.bytes())?;
        let (from, to) = match length.base {
            Base::Frame => (self.begin, self.out.len()),
            Base::Rest => (behind, self.out.len()),
            Base::Body(_) => self.body?,
        };
        let counted = to.checked_sub(from)? as u64;
        let value = counted
            .checked_add(length.fewer)?
            .checked_sub(length.more)?;
        self.set(length.number, value, at, behind)
    }

    /// Whether a condition holds for what has been written.
    fn holds(&self, condition: &Condition) -> bool {
        let mark = |field: usize| self.marks.get(field).copied().flatten();
        let lines = condition.lines.iter();
        let any = lines.map(|line| {
            line.iter().all(|test| match &test.want {
                Want::From(side) => self.filling.side == *side,
                Want::Present => mark(test.field).is_some(),
                Want::Range(first, last) => mark(test.field)
                    .and_then(|mark| mark.number)
                    .is_some_and(|(raw, number)| (*first..=*last).contains(&number.value(raw))),
                Want::Text(text) => mark(test.field)
                    .and_then(|mark| self.out.get(mark.start..mark.end))
                    .is_some_and(|there| there == text.as_ref()),
            })
        });
        any.into_iter().any(|line| line) != condition.not
    }
}

/// What ends a text on the wire.
fn behind_text(text: &Text) -> &[u8] {
    match text {
        Text::Until(delimiter) => delimiter,
        Text::Word(_) => b" ",
        _ => &[],
    }
}

/// As many of the words as there is room for, without what would end the text early.
fn cut_to<'w>(words: &'w [u8], room: usize, text: &Text) -> &'w [u8] {
    let mut bytes = words.len().min(room);
    if let Text::Until(delimiter) = text
        && let Some(found) = memchr::memmem::find(words, delimiter)
    {
        bytes = bytes.min(found);
    }
    // Not inside a character.
    while words.get(bytes).is_some_and(|byte| byte & 0xC0 == 0x80) {
        bytes = bytes.saturating_sub(1);
    }
    words.get(..bytes).unwrap_or_default()
}
