//! What rules and policies may ask of a frame.

use std::borrow::Cow;

use weft_codec::{Field as Asked, Head, Side, Value, Verdict};

use crate::plain::past_run;
use crate::program::{Ask, Deadline, EntryKey, Field, Format, Key, KeyOf, Keyed, Place, Program};
use crate::program::{QuickRead, QuickStatus, Text, Want, What, Where, in_ranges};
use crate::scan::side_of;
use crate::stop::Stop;
use crate::walk::Walker;

/// Nanoseconds of the unit that the mesh counts deadlines in.
pub(crate) const MILLISECOND: u64 = 1_000_000;

impl Program {
    /// Reads one field: see [`weft_codec::Codec::field`].
    #[inline]
    pub(crate) fn field<'f>(
        &self,
        side: Side,
        head: &Head,
        frame: &'f [u8],
        field: Asked<'_>,
    ) -> Option<Value<'f>> {
        // Asked of every request.
        if let Asked::DeadlineMs = field {
            let deadline = self.deadline.as_ref()?;
            if deadline.unit_ns == MILLISECOND
                && let Some(slot) = deadline.slot
                && let Some(left) = slot.read(within(head, frame))
            {
                return (left > 0).then_some(Value::Number(left));
            }
        }
        self.quick_field(side, head, frame, field)
    }

    /// Reads one field, at once where it can be.
    #[inline(never)]
    fn quick_field<'f>(
        &self,
        side: Side,
        head: &Head,
        frame: &'f [u8],
        field: Asked<'_>,
    ) -> Option<Value<'f>> {
        let ask = match field {
            Asked::Service => self.service.as_ref()?,
            Asked::Method => self.method.as_ref()?,
            Asked::Key(name) => {
                let key = self.keys.iter().find_map(|key| key.takes(name));
                if let Some((key, inner)) = key
                    && let Some((place, entries)) = key.quick
                {
                    let frame = within(head, frame);
                    let at = self.plain_reach(place, frame, frame.len()).ok()?;
                    let found = entries.find(frame, at, inner.as_bytes())?;
                    return Some(Value::Bytes(Cow::Borrowed(found)));
                }
                return self.other_field(side, head, frame, field);
            }
            _ => return self.other_field(side, head, frame, field),
        };
        // An empty text names nothing.
        if let Some((place, quick @ QuickRead::Run(_))) = ask.quick {
            let text = self.quick_text(place, quick, within(head, frame))?;
            return (!text.is_empty()).then_some(Value::Bytes(Cow::Borrowed(text)));
        }
        self.other_field(side, head, frame, field)
    }

    /// The fields that need more than one look.
    #[inline(never)]
    fn other_field<'f>(
        &self,
        side: Side,
        head: &Head,
        frame: &'f [u8],
        field: Asked<'_>,
    ) -> Option<Value<'f>> {
        let view = View::new(self, side, head, frame);
        // An empty text names nothing.
        let name = |ask: Ask| {
            view.named(ask.field)
                .filter(|value| !matches!(value, Value::Bytes(bytes) if bytes.is_empty()))
        };
        match field {
            Asked::Service => name(self.service?),
            Asked::Method => name(self.method?),
            Asked::Key(name) => view.key(name),
            Asked::DeadlineMs => {
                let left = view.milliseconds(self.deadline?)?;
                (left > 0).then_some(Value::Number(left))
            }
            Asked::Status => view.status(),
            Asked::Facet => {
                let [_, facet, ..] = head.notes;
                (!self.effects.is_empty()).then_some(Value::Number(u64::from(facet)))
            }
            Asked::HashKey(number) => {
                // Those that the frame has, in the order of the description.
                let mut keys = self.hash_keys.iter().filter_map(|ask| name(*ask));
                keys.nth(usize::try_from(number).ok()?)
            }
        }
    }

    /// The bytes of a text behind plain strides.
    #[inline(always)]
    pub(crate) fn quick_text<'f>(
        &self,
        place: Place,
        quick: QuickRead,
        frame: &'f [u8],
    ) -> Option<&'f [u8]> {
        let at = self.plain_reach(place, frame, frame.len()).ok()?;
        match quick {
            QuickRead::Number(_) => None,
            QuickRead::Run(number) => {
                let behind = past_run(number, frame, at, frame.len()).ok()?;
                frame.get(at.saturating_add(number.bytes())..behind)
            }
            QuickRead::Fixed(bytes) => frame.get(at..at.saturating_add(bytes as usize)),
        }
    }

    /// What an answer means: by the first of the verdicts that holds, then by its status. One
    /// that has none is good; one whose status cannot be reached is not.
    #[inline]
    pub(crate) fn classify(&self, head: &Head, frame: &[u8]) -> Verdict {
        if let Some(QuickStatus { slot, table }) = self.quick_status()
            && let Some(value) = slot.read(within(head, frame))
        {
            let mut lines = table.iter();
            let line = lines.find(|(first, last, _)| (*first..=*last).contains(&value));
            return line.map_or(Verdict::ApplicationError, |(_, _, verdict)| *verdict);
        }
        self.looked_up(head, frame)
    }

    /// The status that is read with one load.
    fn quick_status(&self) -> Option<&QuickStatus> {
        self.status.as_ref()?.quick.as_ref()
    }

    /// What an answer means whose status needs more than one look.
    #[inline(never)]
    fn looked_up(&self, head: &Head, frame: &[u8]) -> Verdict {
        let view = View::new(self, side_of(head), head, frame);
        if !self.verdicts.is_empty() {
            let mut walker = view.walker();
            // What cannot be reached passes no test.
            let _ = walker.run(u16::MAX);
            for (condition, verdict) in &self.verdicts {
                if walker.holds(condition) == Ok(true) {
                    return *verdict;
                }
            }
        }
        let Some(status) = &self.status else {
            return Verdict::Ok;
        };
        let found = view.value(status.ask.field);
        if found.is_none() && view.lacks(status.ask.field) {
            return Verdict::Ok;
        }
        let line = status.table.iter().find(|(want, _)| match (want, &found) {
            (Want::Present, _) => true,
            (Want::Range(first, last), Some(Found::Number(value))) => {
                (*first..=*last).contains(value)
            }
            (Want::Text(text), Some(Found::Bytes(bytes))) => text.as_ref() == *bytes,
            _ => false,
        });
        match line {
            Some((_, verdict)) => *verdict,
            None => Verdict::ApplicationError,
        }
    }
}

/// The value of a field.
pub(crate) enum Found<'f> {
    Number(i128),
    Bytes(&'f [u8]),
}

/// The bytes of one frame that are there.
#[derive(Clone, Copy)]
pub(crate) struct View<'p, 'f> {
    program: &'p Program,
    side: Side,
    frame: &'f [u8],
    frame_bytes: usize,
}

impl<'p, 'f> View<'p, 'f> {
    pub(crate) fn new(program: &'p Program, side: Side, head: &Head, frame: &'f [u8]) -> Self {
        Self {
            program,
            side,
            frame: within(head, frame),
            frame_bytes: head.frame_bytes as usize,
        }
    }

    /// A walk over the frame.
    pub(crate) fn walker(&self) -> Walker<'p, 'f> {
        let mut walker = Walker::new(self.program, self.side, self.frame, self.frame_bytes);
        walker.frame_end = self.frame_bytes;
        walker
    }

    /// The value of a field, by its name where its value has one.
    #[inline]
    fn named(&self, number: usize) -> Option<Value<'f>> {
        let field = self.program.fields.get(number)?;
        let names = &field.names;
        Some(match self.value(number)? {
            Found::Bytes(bytes) => Value::Bytes(Cow::Borrowed(bytes)),
            Found::Number(number) => match in_ranges(names, number) {
                Some(name) => Value::Bytes(Cow::Owned(name.clone().into_bytes())),
                None => u64::try_from(number).map_or_else(
                    |_| Value::Bytes(Cow::Owned(number.to_string().into_bytes())),
                    Value::Number,
                ),
            },
        })
    }

    /// The value of a field.
    #[inline]
    pub(crate) fn value(&self, number: usize) -> Option<Found<'f>> {
        let field = self.program.fields.get(number)?;
        let Some((place, quick)) = field.quick else {
            return self.walked_value(number, field);
        };
        Some(match quick {
            QuickRead::Number(number) => {
                let at = self.plain_reach(place)?;
                let raw = number.read(self.frame, at, self.frame_bytes).ok()?;
                Found::Number(number.value(raw))
            }
            quick => Found::Bytes(self.program.quick_text(place, quick, self.frame)?),
        })
    }

    #[inline]
    fn plain_reach(&self, place: Place) -> Option<usize> {
        let (frame, end) = (self.frame, self.frame_bytes);
        self.program.plain_reach(place, frame, end).ok()
    }

    /// The value of a field that needs a walk.
    fn walked_value(&self, number: usize, field: &Field) -> Option<Found<'f>> {
        let mut walker = self.walker();
        walker.run(self.program.strides_needed(field)).ok()?;
        let spot = walker.spot(field).ok()?;
        if !matches!(spot.what, What::Text(_)) {
            return walker.integer(number).ok().map(Found::Number);
        }
        let (start, end) = walker.content(number).ok()?;
        self.frame.get(start..end).map(Found::Bytes)
    }

    /// Whether a frame that can be walked through does not have a field.
    fn lacks(&self, number: usize) -> bool {
        let mut walker = self.walker();
        let walked = walker.run(u16::MAX);
        walked.and_then(|()| walker.content(number)) == Err(Stop::Absent)
    }

    /// The status of an answer.
    fn status(&self) -> Option<Value<'f>> {
        let status = self.program.status.as_ref()?;
        Some(match self.value(status.ask.field)? {
            Found::Bytes(bytes) => match status_digits(bytes) {
                Some(number) => Value::Number(number),
                None => Value::Bytes(Cow::Borrowed(bytes)),
            },
            Found::Number(number) => Value::Number(u64::try_from(number).ok()?),
        })
    }

    /// The time that the caller will still wait; 0 if it sets no limit.
    fn milliseconds(&self, deadline: Deadline) -> Option<u64> {
        let left = match self.value(deadline.ask.field)? {
            Found::Number(number) => u64::try_from(number).unwrap_or(0),
            Found::Bytes(_) => return None,
        };
        let left_ns = u128::from(left).saturating_mul(u128::from(deadline.unit_ns));
        // What is less than a millisecond is not nothing.
        u64::try_from(left_ns.div_ceil(1_000_000)).ok()
    }

    /// The value of a named key.
    fn key(&self, name: &str) -> Option<Value<'f>> {
        let keys = &self.program.keys;
        let (key, inner) = keys.iter().find_map(|key| key.takes(name))?;
        let groups = match &key.of {
            KeyOf::Field(field) => return self.named(*field),
            KeyOf::Entry(groups, _) | KeyOf::AnyEntry(groups) => groups,
        };
        let found = groups.iter().find_map(|group| self.entry(*group, inner))?;
        Some(Value::Bytes(Cow::Borrowed(found)))
    }

    /// The entry of a map.
    fn entry(&self, number: usize, key: &str) -> Option<&'f [u8]> {
        let group = self.program.groups.get(number)?;
        let keyed = Keyed {
            group: number,
            path: vec![EntryKey::Text(key.as_bytes().into())],
        };
        if !matches!(group.format, Format::Pairs { .. }) {
            return None;
        }
        let mut walker = self.walker();
        walker
            .run(group.place.strides.saturating_add(1))
            .and_then(|()| walker.find(&keyed, false, &mut |_| {}))
            .ok()
            .and_then(|entry| self.frame.get(entry.start..entry.end))
    }
}

impl Program {
    /// Strides that must be passed before a field can be read: one more where only the end of
    /// what it stands in tells its length.
    fn strides_needed(&self, field: &Field) -> u16 {
        let open = field.spots.iter().any(|spot| {
            matches!(spot.what, What::Text(Text::Rest)) || matches!(spot.at, Where::Keyed(_))
        });
        self.strides_before(field).saturating_add(u16::from(open))
    }
}

impl Key {
    /// This key and the entry that `name` asks of it, if it is asked.
    fn takes<'n>(&'n self, name: &'n str) -> Option<(&'n Self, &'n str)> {
        match &self.of {
            KeyOf::Field(_) => (self.name == name).then_some((self, "")),
            KeyOf::Entry(_, inner) => (self.name == name).then_some((self, inner.as_str())),
            KeyOf::AnyEntry(_) => Some((self, name.strip_prefix(self.name.as_str())?)),
        }
    }
}

/// The number that a status in decimal digits is; with zeros before it, it is a text.
fn status_digits(bytes: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(bytes).ok()?;
    let number = text.parse::<u64>().ok()?;
    (number.to_string() == text).then_some(number)
}

/// The bytes of the frame that are there.
pub(crate) fn within<'f>(head: &Head, frame: &'f [u8]) -> &'f [u8] {
    frame.get(..head.frame_bytes as usize).unwrap_or(frame)
}
