//! The parts of a frame for people. Reads from the beginning and stops where the bytes end, so that
//! broken frames are named as far as they go.

use weft_codec::{Parts, Span};

use crate::fields::status_in_words;
use crate::frame::{ANSWER, HEADER_BYTES, OPAQUE, REQUEST};
use crate::operation;

/// Names the parts of the frame that begins `bytes`.
pub(crate) fn name(bytes: &[u8], parts: &mut Parts) {
    let Some(header) = bytes.first_chunk::<HEADER_BYTES>() else {
        return rest("header (incomplete)", 0, bytes, parts);
    };
    let &[
        magic,
        opcode,
        k0,
        k1,
        extras_len,
        data_type,
        s0,
        s1,
        b0,
        b1,
        b2,
        b3,
        o0,
        o1,
        o2,
        o3,
        c0,
        c1,
        c2,
        c3,
        c4,
        c5,
        c6,
        c7,
    ] = header;
    let is_answer = match magic {
        REQUEST => false,
        ANSWER => true,
        _ => return rest("unreadable", 0, bytes, parts),
    };
    let what = if is_answer { "answer" } else { "request" };
    parts.named("magic", Span::new(0, 1), magic.into(), what);
    let operation = operation::by_code(opcode);
    let meaning = operation.map_or("unknown", |operation| operation.name);
    parts.named("operation", Span::new(1, 1), opcode.into(), meaning);
    let key_len = u32::from(u16::from_be_bytes([k0, k1]));
    parts.number("key length", Span::new(2, 2), key_len.into());
    parts.number("extras length", Span::new(4, 1), extras_len.into());
    parts.number("data type", Span::new(5, 1), data_type.into());
    let status = u16::from_be_bytes([s0, s1]);
    let place = Span::new(6, 2);
    if is_answer {
        parts.named("status", place, status.into(), status_in_words(status));
    } else {
        parts.number("bucket", place, status.into());
    }
    let body_len = u32::from_be_bytes([b0, b1, b2, b3]);
    parts.number("body length", Span::new(8, 4), body_len.into());
    let opaque = u32::from_be_bytes([o0, o1, o2, o3]);
    parts.number("opaque", OPAQUE, opaque.into());
    let version = u64::from_be_bytes([c0, c1, c2, c3, c4, c5, c6, c7]);
    parts.number("version of the value", Span::new(16, 8), version);
    let body = Body {
        at: 24,
        end: body_len.saturating_add(24),
        bytes,
    };
    let names = match operation {
        Some(operation) if is_answer => operation.extras_of_answer(),
        Some(operation) => operation.form.extras(),
        None => &[],
    };
    body.name([extras_len.into(), key_len], names, parts);
}

/// What is left of a frame's body.
struct Body<'a> {
    at: u32,
    end: u32,
    bytes: &'a [u8],
}

impl Body<'_> {
    fn name(mut self, [extras, key]: [u32; 2], names: &[(&'static str, u32)], parts: &mut Parts) {
        let Some(place) = self.take(extras, "extras", parts) else {
            return;
        };
        if !place.is_empty() {
            parts.bytes("extras", place);
            parts.inside(|parts| self.extras(place, names, parts));
        }
        let Some(place) = self.take(key, "key", parts) else {
            return;
        };
        if let Some(key) = place.of(self.bytes).filter(|key| !key.is_empty()) {
            parts.text("key", place, key);
        }
        let value = self.end.saturating_sub(self.at);
        let Some(place) = self.take(value, "value", parts) else {
            return;
        };
        if let Some(value) = place.of(self.bytes).filter(|value| !value.is_empty()) {
            parts.text("value", place, value);
        }
    }

    /// The numbers that extras are made of, where they are as the operation has them.
    fn extras(&self, place: Span, names: &[(&'static str, u32)], parts: &mut Parts) {
        let all: u32 = names.iter().map(|(_, len)| len).sum();
        if all != place.len {
            return;
        }
        let mut at = place.start;
        for (name, len) in names {
            let span = Span::new(at, *len);
            let bytes = span.of(self.bytes).unwrap_or_default();
            let value = bytes
                .iter()
                .fold(0, |value: u64, byte| value << 8 | u64::from(*byte));
            parts.number(*name, span, value);
            at = span.end();
        }
    }

    /// The next `len` bytes of the body, if they are there; else whatever is there is named as the
    /// beginning of `name`.
    fn take(&mut self, len: u32, name: &'static str, parts: &mut Parts) -> Option<Span> {
        let place = Span::new(self.at, len);
        if place.end() > self.end || place.end() as usize > self.bytes.len() {
            let here = self.bytes.get(..self.end as usize).unwrap_or(self.bytes);
            rest(name, self.at, here, parts);
            return None;
        }
        self.at = place.end();
        Some(place)
    }
}

/// Everything from `start` on, if there is anything.
fn rest(name: &'static str, start: u32, bytes: &[u8], parts: &mut Parts) {
    let end = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    if start < end {
        parts.bytes(name, Span::new(start, end.saturating_sub(start)));
    }
}
