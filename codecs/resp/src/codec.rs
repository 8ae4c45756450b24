//! The contract's face of this crate: every method hands on to the module that knows.

use std::borrow::Cow;

use weft_codec::{
    Asked, Balance, CannotSay, Codec, ConnectionState, Correlation, EmitError, Field, Head,
    KeyNames, Limits, Malformed, NewId, OneWayAnswers, Order, Parts, Rewrite, Say, Sayings,
    ScanState, Scanned, Side, Sniff, Speaker, Traits, Value, Verdict,
};

use crate::command::{self, Role, UNKNOWN};
use crate::effect;
use crate::keys;
use crate::notes::RequestNotes;
use crate::request::Step;
use crate::words::Words;
use crate::{answer, local, parts, request, verdict};

/// The codec of the Redis protocol, called `redis`.
#[derive(Debug)]
pub struct Resp {
    traits: Traits,
}

impl Default for Resp {
    fn default() -> Self {
        Self::new()
    }
}

impl Resp {
    /// A codec; all are alike.
    #[must_use]
    pub fn new() -> Self {
        Self {
            traits: Traits {
                correlation: Correlation::InOrder,
                order: Order::InOrder,
                state: ConnectionState::PerRequest,
                ids: None,
                speaks_first: Speaker::Downstream,
                one_way_answers: OneWayAnswers::Never,
                says: Sayings {
                    error: true,
                    ..Sayings::default()
                },
                keys: KeyNames {
                    fixed: vec!["key".to_owned(), "command".to_owned()],
                    prefixes: Vec::new(),
                },
                balance: Balance::RingHash,
                frame_bytes_min: 1,
            },
        }
    }
}

impl Codec for Resp {
    fn name(&self) -> &str {
        "redis"
    }

    fn traits(&self) -> &Traits {
        &self.traits
    }

    fn sniff(&self, prefix: &[u8]) -> Sniff {
        sniff(prefix)
    }

    fn scan(
        &self,
        side: Side,
        limits: &Limits,
        state: &mut ScanState,
        bytes: &[u8],
        heads: &mut Vec<Head>,
    ) -> Result<Scanned, Malformed> {
        let mut start = 0_usize;
        loop {
            let frame = match bytes.get(start..) {
                Some([]) | None => return Ok(scanned(start, 1)),
                Some(frame) => frame,
            };
            let step = match side {
                Side::Downstream => request::next(frame, limits, state),
                Side::Upstream => answer::next(frame, limits, state),
            };
            match step {
                Ok(Step::Frame(mut head)) => {
                    *state = ScanState::default();
                    head.start = u32::try_from(start).unwrap_or(u32::MAX);
                    start = start.saturating_add(head.frame_bytes as usize);
                    heads.push(head);
                }
                Ok(Step::Need(need)) => return Ok(scanned(start, need)),
                Err(malformed) => {
                    *state = ScanState::default();
                    return Err(Malformed {
                        at: malformed.at.saturating_add(start),
                        ..malformed
                    });
                }
            }
        }
    }

    fn remember(&self, head: &Head, frame: &[u8], asked: &mut Asked) {
        let notes = RequestNotes::unpack(head.notes);
        let role = command::by_number(notes.command).role;
        match effect::resolved(role, frame) {
            Role::Local(answer) => answer.remember(asked),
            Role::Quit => local::Local::Ok.remember(asked),
            Role::Reset => local::Local::Reset.remember(asked),
            _ => {}
        }
    }

    fn field<'a>(
        &self,
        side: Side,
        head: &Head,
        frame: &'a [u8],
        field: Field<'_>,
    ) -> Option<Value<'a>> {
        match side {
            Side::Downstream => request_field(head, frame, field),
            Side::Upstream => answer_field(head, frame, field),
        }
    }

    fn hash_keys(&self, head: &Head, frame: &[u8], each: &mut dyn FnMut(&[u8]) -> bool) {
        let notes = RequestNotes::unpack(head.notes);
        keys::each(frame, &notes, &mut |key| each(&keys::hashed(key)));
    }

    fn classify(&self, head: &Head, frame: &[u8]) -> Verdict {
        verdict::of(frame, value_at(head))
    }

    fn emit(
        &self,
        _side: Side,
        head: &Head,
        frame: &[u8],
        rewrite: &Rewrite<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), EmitError> {
        if let NewId::Wire(id) = rewrite.id {
            return Err(EmitError::Id(id));
        }
        if frame.len() < head.head_bytes as usize {
            return Err(
                Malformed::new(frame.len(), "the head of the frame is not complete").into(),
            );
        }
        let whole = frame.get(..head.frame_bytes as usize).unwrap_or(frame);
        out.extend_from_slice(whole);
        Ok(())
    }

    fn say(&self, what: &Say<'_>, out: &mut Vec<u8>) -> Result<(), CannotSay> {
        local::say(what, out)
    }

    fn parts(&self, side: Side, head: Option<&Head>, frame: &[u8], parts: &mut Parts) {
        let end = head.map_or(frame.len(), |head| head.frame_bytes as usize);
        parts::name(side, frame.get(..end).unwrap_or(frame), parts);
    }
}

fn scanned(consumed: usize, need: usize) -> Scanned {
    Scanned {
        consumed,
        need: need.max(1),
    }
}

fn value_at(head: &Head) -> usize {
    let [at, ..] = head.notes;
    usize::try_from(at).unwrap_or(usize::MAX)
}

#[inline]
fn request_field<'a>(head: &Head, frame: &'a [u8], field: Field<'_>) -> Option<Value<'a>> {
    let notes = RequestNotes::unpack(head.notes);
    match field {
        Field::Method | Field::Key("command") => method(head, &notes, frame).map(Value::Bytes),
        Field::Key("key") => nth_key(&notes, frame, 0).map(Value::Bytes),
        Field::HashKey(n) => nth_key(&notes, frame, n)
            .map(keys::hashed)
            .map(Value::Bytes),
        Field::Facet => {
            let role = command::by_number(notes.command).role;
            match effect::resolved(role, frame) {
                Role::Facet(facet) => Some(Value::Number(facet.number())),
                _ => None,
            }
        }
        Field::Service | Field::Key(_) | Field::DeadlineMs | Field::Status => None,
    }
}

/// The command in upper case.
fn method<'a>(head: &Head, notes: &RequestNotes, frame: &'a [u8]) -> Option<Cow<'a, [u8]>> {
    if notes.words == 0 {
        return None;
    }
    if notes.command != UNKNOWN {
        let name = command::by_number(notes.command).name;
        return Some(Cow::Borrowed(name.as_bytes()));
    }
    if !head.method.is_empty() {
        return head.method.of(frame).map(Cow::Borrowed);
    }
    let name = Words::of(frame).next()?;
    Some(Cow::Owned(name.to_ascii_uppercase()))
}

#[inline]
fn nth_key<'a>(notes: &RequestNotes, frame: &'a [u8], n: u32) -> Option<Cow<'a, [u8]>> {
    if n == 0 && notes.second_is_first_key() {
        return notes.second.of(frame).map(Cow::Borrowed);
    }
    keys::nth(frame, notes, n)
}

/// Of an answer only its status can be asked: `OK`, or the code of its error.
fn answer_field<'a>(head: &Head, frame: &'a [u8], field: Field<'_>) -> Option<Value<'a>> {
    match field {
        Field::Status => {
            let code = verdict::error_code(frame, value_at(head)).unwrap_or(b"OK");
            Some(Value::Bytes(Cow::Borrowed(code)))
        }
        _ => None,
    }
}

/// Whether a connection's first bytes are of this protocol: an array, or a line that begins
/// with a known command and is not HTTP.
fn sniff(prefix: &[u8]) -> Sniff {
    match prefix {
        [] => Sniff::Need(1),
        [b'*'] => Sniff::Need(2),
        [b'*', b'0'..=b'9', ..] => Sniff::Yes,
        [b'a'..=b'z' | b'A'..=b'Z', ..] => {
            let Some(end) = prefix.iter().position(u8::is_ascii_whitespace) else {
                let longest = command::NAME_BYTES_MAX;
                return match prefix.len() {
                    len if len > longest => Sniff::No,
                    len => Sniff::Need(len.saturating_add(1)),
                };
            };
            let name = prefix.get(..end).unwrap_or_default();
            if command::number_of(name) == UNKNOWN {
                return Sniff::No;
            }
            // `GET /` is the one beginning that HTTP shares.
            match prefix.get(end.saturating_add(1)) {
                Some(b'/') => Sniff::No,
                None if name.eq_ignore_ascii_case(b"GET") => Sniff::Need(end.saturating_add(2)),
                _ => Sniff::Yes,
            }
        }
        _ => Sniff::No,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes_tell_the_protocol() {
        for (prefix, expected) in [
            (&b""[..], Sniff::Need(1)),
            (b"*", Sniff::Need(2)),
            (b"*1\r\n", Sniff::Yes),
            (b"*x", Sniff::No),
            (b"PIN", Sniff::Need(4)),
            (b"ping\r\n", Sniff::Yes),
            (b"GET ", Sniff::Need(5)),
            (b"GET k\r\n", Sniff::Yes),
            (b"GET / HTTP/1.1\r\n", Sniff::No),
            (b"POST / HTTP/1.1\r\n", Sniff::No),
            (b"\x16\x03\x01", Sniff::No),
            (b"\x00\x00\x00\x1c\x80\x01", Sniff::No),
            (b"ALONGWORDTHATISNOCOMMANDOFREDIS", Sniff::No),
        ] {
            assert_eq!(sniff(prefix), expected, "{}", prefix.escape_ascii());
        }
    }

    #[test]
    fn a_copy_cannot_carry_an_id() {
        let head = Head {
            frame_bytes: 5,
            head_bytes: 5,
            ..Head::default()
        };
        let rewrite = Rewrite {
            id: NewId::Wire(7),
            deadline_ms: None,
        };
        let mut out = Vec::new();
        let refused = Resp::new().emit(Side::Upstream, &head, b"+OK\r\n", &rewrite, &mut out);
        assert_eq!(refused, Err(EmitError::Id(7)));
        assert!(out.is_empty());
    }
}
