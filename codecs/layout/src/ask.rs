//! What rules and policies may ask of a frame.

use std::borrow::Cow;

use weft_codec::{Field, Head, Value, Verdict};

use crate::program::{Key, KeyOf, Program, Readable, Reader, in_ranges, past_run, read};

impl Program {
    /// Reads one field: see [`weft_codec::Codec::field`].
    pub(crate) fn field<'f>(
        &self,
        head: &Head,
        frame: &'f [u8],
        field: Field<'_>,
    ) -> Option<Value<'f>> {
        let frame = within(head, frame);
        match field {
            Field::Service => self.name(self.service.as_ref()?, frame),
            Field::Method => self.name(self.method.as_ref()?, frame),
            Field::Key(name) => self.key(name, frame),
            Field::DeadlineMs => {
                let (place, number) = self.deadline?;
                let at = self.reach(place, frame, frame.len()).ok()?;
                let left = number.read(frame, at)?;
                (left > 0).then_some(Value::Number(left))
            }
            Field::Status => self.status(frame).map(Value::Number),
            Field::HashKey(_) | Field::Facet => None,
        }
    }

    /// What an answer's status means; one without a status is good.
    pub(crate) fn classify(&self, head: &Head, frame: &[u8]) -> Verdict {
        let frame = within(head, frame);
        match (&self.status, self.status(frame)) {
            (Some(status), Some(value)) => {
                *in_ranges(&status.ranges, value).unwrap_or(&Verdict::ApplicationError)
            }
            (Some(_), None) => Verdict::ApplicationError,
            (None, _) => Verdict::Ok,
        }
    }

    /// The status of an answer.
    fn status(&self, frame: &[u8]) -> Option<u64> {
        let status = self.status.as_ref()?;
        let at = self.reach(status.place, frame, frame.len()).ok()?;
        status.number.read(frame, at)
    }

    /// The value of a field that names something; an empty text names nothing.
    fn name<'f>(&self, reader: &Reader, frame: &'f [u8]) -> Option<Value<'f>> {
        self.value(reader, frame)
            .filter(|value| !matches!(value, Value::Bytes(bytes) if bytes.is_empty()))
    }

    /// The value of a field.
    fn value<'f>(&self, reader: &Reader, frame: &'f [u8]) -> Option<Value<'f>> {
        let end = frame.len();
        let at = self.reach(reader.place, frame, end).ok()?;
        let bytes = match &reader.what {
            Readable::Number(number, names) => {
                let value = read(*number, frame, at, end).ok()?;
                return Some(match in_ranges(names, value) {
                    Some(name) => Value::Bytes(Cow::Owned(name.clone().into_bytes())),
                    None => Value::Number(value),
                });
            }
            Readable::Run(number) => {
                let behind = past_run(*number, frame, at, end).ok()?;
                frame.get(at.saturating_add(number.bytes())..behind)?
            }
            Readable::Fixed(bytes) => frame.get(at..at.saturating_add(*bytes as usize))?,
        };
        Some(Value::Bytes(Cow::Borrowed(bytes)))
    }

    /// The value of a named key.
    fn key<'f>(&self, name: &str, frame: &'f [u8]) -> Option<Value<'f>> {
        let (key, inner) = self.keys.iter().find_map(|key| key.takes(name))?;
        let (place, entries) = match &key.of {
            KeyOf::Field(reader) => return self.value(reader, frame),
            KeyOf::Entry(place, entries, _) | KeyOf::AnyEntry(place, entries) => (place, entries),
        };
        let at = self.reach(*place, frame, frame.len()).ok()?;
        let found = entries.find(frame, at, inner.as_bytes())?;
        Some(Value::Bytes(Cow::Borrowed(found)))
    }
}

impl Key {
    /// This key and the entry that `name` asks of it, if it is asked.
    fn takes<'n>(&'n self, name: &'n str) -> Option<(&'n Self, &'n str)> {
        match &self.of {
            KeyOf::Field(_) => (self.name == name).then_some((self, "")),
            KeyOf::Entry(_, _, inner) => (self.name == name).then_some((self, inner.as_str())),
            KeyOf::AnyEntry(..) => Some((self, name.strip_prefix(self.name.as_str())?)),
        }
    }
}

/// The bytes of the frame that are there.
pub(crate) fn within<'f>(head: &Head, frame: &'f [u8]) -> &'f [u8] {
    frame.get(..head.frame_bytes as usize).unwrap_or(frame)
}
