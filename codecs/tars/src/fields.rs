//! Fields for rules, and what an answer means.

use std::borrow::Cow;

use weft_codec::{Field, Head, Kind, Side, Span, Value, Verdict};

use crate::frame::Notes;
use crate::jce::{Integer, kind};
use crate::packet::{field_after, request, response};

/// Prefix of the keys that stand in a packet's map of context.
pub(crate) const CONTEXT_PREFIX: &str = "context.";

/// Prefix of the keys that stand in a packet's map of status.
pub(crate) const STATUS_PREFIX: &str = "status.";

/// The key of status under which an answer of TUP has its result, in decimal.
pub(crate) const RESULT_CODE: &str = "STATUS_RESULT_CODE";

/// The key of status under which an answer of TUP has words for its result.
pub(crate) const RESULT_DESCRIPTION: &str = "STATUS_RESULT_DESC";

/// Reads a field of a packet.
pub(crate) fn read<'a>(
    side: Side,
    head: &Head,
    frame: &'a [u8],
    field: Field<'_>,
) -> Option<Value<'a>> {
    match field {
        Field::Service => text(Notes::of(head).servant.of(frame)?),
        Field::Method => text(head.method.of(frame)?),
        Field::Key(key) => key_of(head, frame, key),
        Field::DeadlineMs if side == Side::Downstream => {
            let timeout = timeout(head, frame)?;
            // 0 and below: no limit was set.
            u64::try_from(timeout.value)
                .ok()
                .filter(|ms| *ms > 0)
                .map(Value::Number)
        }
        Field::Status if head.kind == Kind::Answer => Some(status(result(head, frame)?)),
        Field::DeadlineMs | Field::Status | Field::HashKey(_) | Field::Facet => None,
    }
}

fn text(bytes: &[u8]) -> Option<Value<'_>> {
    (!bytes.is_empty()).then_some(Value::Bytes(Cow::Borrowed(bytes)))
}

/// A result as a number, or in decimal where it is negative, as all of the framework's are.
fn status(result: i64) -> Value<'static> {
    match u64::try_from(result) {
        Ok(result) => Value::Number(result),
        Err(_) => Value::Bytes(Cow::Owned(result.to_string().into_bytes())),
    }
}

/// A key of the maps of context and status.
fn key_of<'a>(head: &Head, frame: &'a [u8], key: &str) -> Option<Value<'a>> {
    let answer = head.kind == Kind::Answer && !Notes::of(head).tup;
    let (tag, name) = match key.strip_prefix(CONTEXT_PREFIX) {
        Some(name) if answer => (response::CONTEXT, name),
        Some(name) => (request::CONTEXT, name),
        None if answer => (response::STATUS, key.strip_prefix(STATUS_PREFIX)?),
        None => (request::STATUS, key.strip_prefix(STATUS_PREFIX)?),
    };
    let value = in_map(head, frame, tag, name)?;
    Some(Value::Bytes(Cow::Borrowed(value.of(frame)?)))
}

/// Where the value of a key stands in the map under `tag`.
fn in_map(head: &Head, frame: &[u8], tag: u8, name: &str) -> Option<Span> {
    let (found, mut reader) = field_after(frame, Notes::of(head).rest_at, tag)?;
    if found.kind != kind::MAP {
        return None;
    }
    reader.find(name.as_bytes()).ok()?
}

/// The field in which a request says how many milliseconds its caller waits.
pub(crate) fn timeout(head: &Head, frame: &[u8]) -> Option<Integer> {
    let (found, mut reader) = field_after(frame, Notes::of(head).rest_at, request::TIMEOUT)?;
    reader.integer(found).ok()
}

/// The result of an answer: a field of it, or in TUP a decimal text in its map of status; 0
/// where that is absent, as its peers read it. `None` while the map is not there.
fn result(head: &Head, frame: &[u8]) -> Option<i64> {
    let notes = Notes::of(head);
    if !notes.tup {
        return Some(notes.result.into());
    }
    if frame.len() < head.frame_bytes as usize {
        return None;
    }
    let Some(code) = in_map(head, frame, request::STATUS, RESULT_CODE) else {
        return Some(0);
    };
    std::str::from_utf8(code.of(frame)?).ok()?.parse().ok()
}

/// Results that the framework gives, as `BaseF.tars` numbers them.
pub(crate) mod code {
    /// The request waited in the server's queue for too long.
    pub(crate) const QUEUE_TIMEOUT: i32 = -6;
    pub(crate) const NO_SERVANT: i32 = -4;
    pub(crate) const DECODE: i32 = -1;
    pub(crate) const INVOKE_TIMEOUT: i32 = -7;
    /// No connection to a server.
    pub(crate) const CONNECT: i32 = -8;
    pub(crate) const OVERLOAD: i32 = -9;
    /// No server to choose.
    pub(crate) const NO_ADAPTER: i32 = -10;
    pub(crate) const SEND_REQUEST: i32 = -13;
    pub(crate) const UNKNOWN: i32 = -99;
}

/// What an answer says. Other negative results are the framework's complaints about one
/// request, results above 0 the application's own: neither speaks against the server.
pub(crate) fn classify(head: &Head, frame: &[u8]) -> Verdict {
    if head.kind != Kind::Answer {
        return Verdict::Ok;
    }
    let result = result(head, frame).unwrap_or(0);
    match i32::try_from(result) {
        Ok(0) => Verdict::Ok,
        Ok(code::OVERLOAD | code::QUEUE_TIMEOUT) => Verdict::Overload,
        Ok(code::CONNECT | code::NO_ADAPTER) => Verdict::Unavailable,
        _ => Verdict::ApplicationError,
    }
}
