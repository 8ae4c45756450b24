//! Fields for rules, and what an answer means.

use std::borrow::Cow;

use weft_codec::{Field, Head, Kind, Span, Value, Verdict};
use weft_hessian2::{Dialect, Item, Reader, Scalar};

use crate::{
    frame::{Notes, notes},
    header::{self, status},
    invocation::each_attachment,
};

/// The version of the service.
pub(crate) const VERSION: &str = "version";

/// The group of the service, which is an attachment.
pub(crate) const GROUP: &str = "group";

/// Prefix of the keys that are attachments.
pub(crate) const ATTACHMENT_PREFIX: &str = "attachments.";

/// Reads a field of a frame.
pub(crate) fn read<'a>(head: &Head, frame: &'a [u8], field: Field<'_>) -> Option<Value<'a>> {
    match field {
        Field::Status if head.kind == Kind::Answer => {
            Some(Value::Number(header::status_of(frame).into()))
        }
        Field::Method => text(head.method, frame),
        Field::Service => text(request(head)?.path, frame),
        Field::Key(VERSION) => text(request(head)?.version, frame),
        Field::Key(GROUP) => attachment(head, frame, GROUP),
        Field::Key(key) => attachment(head, frame, key.strip_prefix(ATTACHMENT_PREFIX)?),
        Field::DeadlineMs => milliseconds(&timeout(head, frame)?).map(Value::Number),
        Field::Status | Field::HashKey(_) | Field::Facet => None,
    }
}

/// The notes of a request whose body was read.
fn request(head: &Head) -> Option<Notes> {
    let notes = notes(head);
    let is_request = matches!(head.kind, Kind::Request | Kind::OneWay);
    (is_request && notes.types_at != 0).then_some(notes)
}

fn text(span: Span, frame: &[u8]) -> Option<Value<'_>> {
    let bytes = span.of(frame)?;
    (!bytes.is_empty()).then_some(Value::Bytes(Cow::Borrowed(bytes)))
}

/// An attachment by name. Of a name that is there twice the last one counts, as for the peers,
/// who fill a map.
fn attachment<'a>(head: &Head, frame: &'a [u8], name: &str) -> Option<Value<'a>> {
    let notes = request(head)?;
    let mut found = None;
    each_attachment(frame, notes.types_at, |key, value| {
        if key == name.as_bytes() {
            found = Some(value);
        }
    });
    match found?.scalar {
        Scalar::Text(text) => Some(Value::Bytes(Cow::Borrowed(text))),
        Scalar::Bool(true) => Some(Value::Bytes(Cow::Borrowed(b"true"))),
        Scalar::Bool(false) => Some(Value::Bytes(Cow::Borrowed(b"false"))),
        Scalar::Int(number) => Some(match u64::try_from(number) {
            Ok(number) => Value::Number(number),
            Err(_) => Value::Bytes(Cow::Owned(number.to_string().into_bytes())),
        }),
        Scalar::Null | Scalar::Other => None,
    }
}

/// The attachment `timeout`.
pub(crate) fn timeout<'a>(head: &Head, frame: &'a [u8]) -> Option<Item<'a>> {
    let at = request(head)?.timeout_at;
    if at == 0 {
        return None;
    }
    Reader::new(Dialect::Final, frame, at).item()
}

/// A time limit, which Java writes as a text and others as a number; nothing or 0 is none.
pub(crate) fn milliseconds(item: &Item<'_>) -> Option<u64> {
    let left = match item.scalar {
        Scalar::Int(number) => u64::try_from(number).ok()?,
        Scalar::Text(text) => std::str::from_utf8(text).ok()?.parse().ok()?,
        _ => return None,
    };
    (left > 0).then_some(left)
}

/// Kinds of result that hold an exception of the service, without and with attachments.
const EXCEPTIONS: [u8; 2] = [0x90, 0x93];

/// What an answer says.
pub(crate) fn classify(head: &Head, frame: &[u8]) -> Verdict {
    if head.kind != Kind::Answer {
        return Verdict::Ok;
    }
    match header::status_of(frame) {
        status::OK => match header::body(frame).first() {
            Some(kind) if EXCEPTIONS.contains(kind) => Verdict::ApplicationError,
            _ => Verdict::Ok,
        },
        status::THREADPOOL_EXHAUSTED => Verdict::Overload,
        status::SERVICE_NOT_FOUND | status::CHANNEL_INACTIVE => Verdict::Unavailable,
        _ => Verdict::ApplicationError,
    }
}
