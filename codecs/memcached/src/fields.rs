//! Fields for rules, and what an answer means.

use std::borrow::Cow;

use weft_codec::{Field, Head, Kind, Side, Value, Verdict};

use crate::frame::Notes;
use crate::operation::{self, Role, status};

/// The key that names the key of an operation.
pub(crate) const KEY: &str = "key";
/// The key that names the operation.
pub(crate) const COMMAND: &str = "command";

/// Reads a field of a frame.
#[inline]
pub(crate) fn read<'a>(
    side: Side,
    head: &Head,
    frame: &'a [u8],
    field: Field<'_>,
) -> Option<Value<'a>> {
    let notes = Notes::of(head);
    match field {
        Field::Method => Some(name(notes.opcode)),
        Field::Key(COMMAND) if side == Side::Downstream => Some(name(notes.opcode)),
        Field::HashKey(0) | Field::Key(KEY) if side == Side::Downstream => {
            let role = operation::by_code(notes.opcode)?.role;
            let key = notes.key.of(frame)?;
            (role == Role::Keyed && !key.is_empty()).then_some(Value::Bytes(Cow::Borrowed(key)))
        }
        Field::Status if head.kind == Kind::Answer => Some(Value::Number(notes.status.into())),
        // There is one facet: who is logged in.
        Field::Facet if side == Side::Downstream => Some(Value::Number(0)),
        Field::Service
        | Field::Key(_)
        | Field::HashKey(_)
        | Field::DeadlineMs
        | Field::Status
        | Field::Facet => None,
    }
}

/// The operation's name, or its code in hexadecimal if it has none.
fn name(opcode: u8) -> Value<'static> {
    Value::Bytes(match operation::by_code(opcode) {
        Some(operation) => Cow::Borrowed(operation.name.as_bytes()),
        None => Cow::Owned(format!("{opcode:#04x}").into_bytes()),
    })
}

/// What an answer says. A miss, a value that is there already or has changed: served.
#[inline]
pub(crate) fn classify(head: &Head) -> Verdict {
    if head.kind != Kind::Answer {
        return Verdict::Ok;
    }
    match Notes::of(head).status {
        status::OK | status::NOT_FOUND | status::EXISTS | status::NOT_STORED => Verdict::Ok,
        status::NOT_MY_BUCKET => Verdict::NotExecuted,
        status::OUT_OF_MEMORY | status::BUSY => Verdict::Overload,
        status::INTERNAL | status::TEMPORARY => Verdict::Unavailable,
        _ => Verdict::ApplicationError,
    }
}

/// A status as the protocol's pages call it.
pub(crate) fn status_in_words(number: u16) -> &'static str {
    match number {
        status::OK => "ok",
        status::NOT_FOUND => "not found",
        status::EXISTS => "exists",
        0x03 => "value too large",
        status::INVALID => "invalid arguments",
        status::NOT_STORED => "not stored",
        0x06 => "not a number",
        status::NOT_MY_BUCKET => "not my bucket",
        status::AUTHENTICATION => "authentication error",
        0x21 => "next step of the login",
        0x81 => "unknown operation",
        status::OUT_OF_MEMORY => "out of memory",
        status::NOT_SUPPORTED => "not supported",
        status::INTERNAL => "internal error",
        status::BUSY => "busy",
        status::TEMPORARY => "temporary failure",
        _ => "unknown",
    }
}
