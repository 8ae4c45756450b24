//! Fields for rules, and what an answer means.

use std::borrow::Cow;

use weft_codec::{Field, Head, Kind, Value, Verdict};
use weft_hessian2::Scalar;

use crate::{
    layout::{Layout, serialization::HESSIAN2},
    names::{header, map_entry, object_field},
};

/// The name of the request's class.
pub(crate) const CLASS: &str = "class";

/// Prefix of the keys that stand in the header map.
pub(crate) const HEADER_PREFIX: &str = "headers.";

/// Prefix of the keys that are request properties: of a hessian request in its content, of any
/// other in the header map.
pub(crate) const PROPERTY_PREFIX: &str = "props.";

/// Names in the header map.
const SERVICE: &[u8] = b"service";
const TARGET_SERVICE: &[u8] = b"sofa_head_target_service";
const METHOD_NAME: &[u8] = b"sofa_head_method_name";
const RESPONSE_ERROR: &[u8] = b"sofa_head_response_error";

/// Reads a field of a frame.
pub(crate) fn read<'a>(head: &Head, frame: &'a [u8], field: Field<'_>) -> Option<Value<'a>> {
    let layout = Layout::again(frame)?;
    match (head.kind, field) {
        (Kind::Answer, Field::Status) => Some(Value::Number(layout.status(frame)?.into())),
        (Kind::Request | Kind::OneWay, field) => of_request(&layout, frame, field),
        _ => None,
    }
}

fn of_request<'a>(layout: &Layout, frame: &'a [u8], field: Field<'_>) -> Option<Value<'a>> {
    match field {
        Field::Method => header(layout, frame, METHOD_NAME)
            .or_else(|| object_field(layout, frame, "methodName")?.text())
            .and_then(bytes),
        Field::Service => header(layout, frame, SERVICE)
            .or_else(|| header(layout, frame, TARGET_SERVICE))
            .or_else(|| object_field(layout, frame, "targetServiceUniqueName")?.text())
            .and_then(bytes),
        Field::DeadlineMs => layout.timeout(frame).map(|left| Value::Number(left.into())),
        Field::Key(CLASS) => layout.class.of(frame).and_then(bytes),
        Field::Key(key) => {
            if let Some(name) = key.strip_prefix(HEADER_PREFIX) {
                return header(layout, frame, name.as_bytes()).and_then(bytes);
            }
            property(layout, frame, key.strip_prefix(PROPERTY_PREFIX)?)
        }
        Field::Status | Field::HashKey(_) | Field::Facet => None,
    }
}

fn property<'a>(layout: &Layout, frame: &'a [u8], name: &str) -> Option<Value<'a>> {
    if layout.serialization != HESSIAN2 {
        return header(layout, frame, name.as_bytes()).and_then(bytes);
    }
    match map_entry(layout, frame, "requestProps", name)? {
        Scalar::Text(text) => bytes(text),
        Scalar::Bool(true) => bytes(b"true"),
        Scalar::Bool(false) => bytes(b"false"),
        Scalar::Int(number) => u64::try_from(number).ok().map(Value::Number),
        Scalar::Null | Scalar::Other => None,
    }
}

fn bytes(text: &[u8]) -> Option<Value<'_>> {
    (!text.is_empty()).then_some(Value::Bytes(Cow::Borrowed(text)))
}

/// Statuses of answers, as Bolt's `ResponseStatus` numbers them.
pub(crate) mod status {
    pub(crate) const SUCCESS: u16 = 0;
    pub(crate) const SERVER_EXCEPTION: u16 = 2;
    pub(crate) const SERVER_THREADPOOL_BUSY: u16 = 4;
    pub(crate) const ERROR_COMM: u16 = 5;
    pub(crate) const NO_PROCESSOR: u16 = 6;
    pub(crate) const TIMEOUT: u16 = 7;
    pub(crate) const CODEC_EXCEPTION: u16 = 9;
    pub(crate) const CONNECTION_CLOSED: u16 = 0x10;
}

/// What an answer says.
pub(crate) fn classify(head: &Head, frame: &[u8]) -> Verdict {
    if head.kind != Kind::Answer {
        return Verdict::Ok;
    }
    let Some(layout) = Layout::again(frame) else {
        return Verdict::Ok;
    };
    match layout.status(frame).unwrap_or(status::SUCCESS) {
        status::SUCCESS if says_error(&layout, frame) => Verdict::ApplicationError,
        status::SUCCESS => Verdict::Ok,
        status::SERVER_THREADPOOL_BUSY => Verdict::Overload,
        status::NO_PROCESSOR | status::CONNECTION_CLOSED => Verdict::Unavailable,
        _ => Verdict::ApplicationError,
    }
}

/// Whether an answer that succeeded carries a failure of the service all the same.
fn says_error(layout: &Layout, frame: &[u8]) -> bool {
    if layout.serialization != HESSIAN2 {
        return header(layout, frame, RESPONSE_ERROR) == Some(b"true");
    }
    object_field(layout, frame, "isError").is_some_and(|value| value.scalar == Scalar::Bool(true))
}
