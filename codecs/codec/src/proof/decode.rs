//! First check: every vector decodes as it says, and comes out byte for byte.

use std::fmt::Debug;

use super::{Proof, Vector, feed::feed};
use crate::{Codec, Field, Head, Limits, Rewrite, Side, Sniff, Value};

const CHECK: &str = "vectors";

impl Proof<'_> {
    /// Scans every vector alone and compares what it gives with what the vector says; copies it
    /// with no edits; sniffs the first frame of each stream.
    pub fn check_vectors(&mut self) {
        for file in &self.files {
            for vector in &file.frames {
                match check(self.codec, &self.limits, vector) {
                    Ok(()) => self.report.vectors += 1,
                    Err(what) => self
                        .failures
                        .add(CHECK, format!("{} `{}`: {what}", file.name, vector.name)),
                }
            }
            let first = file.frames.iter().find(|v| v.side == Side::Downstream);
            if let Some(first) = first
                && self.codec.sniff(&first.bytes) == Sniff::No
            {
                self.failures.add(
                    CHECK,
                    format!(
                        "{} `{}`: sniffed as another protocol",
                        file.name, first.name
                    ),
                );
            }
        }
    }
}

/// The one head of a vector that is one whole frame.
pub(super) fn only_head(
    codec: &dyn Codec,
    limits: &Limits,
    side: Side,
    bytes: &[u8],
) -> Result<Head, String> {
    let fed = feed(codec, side, limits, [bytes]);
    if let Some(complaint) = fed.complaint {
        return Err(format!("malformed at {complaint}"));
    }
    if let Some(broken) = fed.broken {
        return Err(broken);
    }
    match fed.heads.as_slice() {
        [head] if head.start == 0 && head.frame_bytes as usize == bytes.len() => Ok(*head),
        [head] => Err(format!("a frame of {} bytes: {head:?}", bytes.len())),
        heads => Err(format!("{} frames instead of one", heads.len())),
    }
}

fn same<T: PartialEq + Debug>(what: &str, got: &T, said: &T) -> Result<(), String> {
    if got == said {
        Ok(())
    } else {
        Err(format!("{what} is {got:?}, the vector says {said:?}"))
    }
}

fn check(codec: &dyn Codec, limits: &Limits, vector: &Vector) -> Result<(), String> {
    let frame = vector.bytes.as_slice();
    let head = only_head(codec, limits, vector.side, frame)?;
    same("the kind", &head.kind, &vector.kind)?;
    if let Some(id) = &vector.id {
        let got = head.id.of(frame).unwrap_or_default();
        same("the id's bytes", &got, &id.as_slice())?;
    }
    if let Some(id_value) = vector.id_value {
        same("the id", &head.id_value, &id_value)?;
    }
    if let Some(effect) = vector.effect {
        same("the effect", &head.effect, &effect)?;
    }
    if let Some(exclusive) = vector.exclusive {
        same("exclusive", &head.exclusive, &exclusive)?;
    }
    if let Some(verdict) = vector.verdict {
        same("the verdict", &codec.classify(&head, frame), &verdict)?;
    }
    check_fields(codec, &head, vector)?;
    let mut out = b"before".to_vec();
    codec
        .emit(vector.side, &head, frame, &Rewrite::NOTHING, &mut out)
        .map_err(|error| format!("cannot be copied: {error}"))?;
    same("the copy", &out.get(6..), &Some(frame))
}

fn check_fields(codec: &dyn Codec, head: &Head, vector: &Vector) -> Result<(), String> {
    let field = |field| codec.field(vector.side, head, &vector.bytes, field);
    let text = |what| field(what).map(|value| text_of(&value));
    let said = |text: &String| (!text.is_empty()).then(|| text.clone());
    if let Some(service) = &vector.service {
        same("the service", &text(Field::Service), &said(service))?;
    }
    if let Some(method) = &vector.method {
        same("the method", &text(Field::Method), &said(method))?;
        let span = head.method.of(&vector.bytes).unwrap_or_default();
        if !span.is_empty() {
            same("the method's span", &span, &method.as_bytes())?;
        }
    }
    for (name, value) in &vector.fields {
        same(name, &text(Field::Key(name)), &Some(value.clone()))?;
        if !codec.traits().keys.contains(name) {
            return Err(format!("the traits do not name the key {name}"));
        }
    }
    if let Some(keys) = &vector.hash_keys {
        for (number, key) in (0u32..).zip(keys) {
            same("the hash key", &text(Field::HashKey(number)), &said(key))?;
        }
        let past = u32::try_from(keys.len()).unwrap_or(u32::MAX);
        same(
            "the hash key past the last",
            &text(Field::HashKey(past)),
            &None,
        )?;
    }
    let number = |what| field(what).and_then(|value| value.number());
    if let Some(left) = vector.deadline_ms {
        same("the deadline", &number(Field::DeadlineMs), &Some(left))?;
    }
    if let Some(status) = vector.status {
        same("the status", &number(Field::Status), &Some(status))?;
    }
    Ok(())
}

fn text_of(value: &Value<'_>) -> String {
    String::from_utf8_lossy(&value.to_bytes()).into_owned()
}
