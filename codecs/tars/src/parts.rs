//! The parts of a packet for people: its length, then its fields by the names of `RequestPacket` or
//! `ResponsePacket`. Reads from the beginning and stops where the bytes stop making sense, so that
//! broken packets are named as far as they go.

use weft_codec::{Parts, Side, Span};

use crate::fields::code;
use crate::frame::{FRAME_BYTES_MIN, LENGTH_BYTES};
use crate::jce::{FieldHead, Reader, kind};
use crate::packet::{self, Says, request, response};

/// Which of the two packets a frame is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Request,
    Response,
}

/// Names the parts of the packet that begins `bytes`.
pub(crate) fn name(side: Side, bytes: &[u8], parts: &mut Parts) {
    let Some(length) = bytes.first_chunk::<LENGTH_BYTES>() else {
        return rest("length (incomplete)", 0, bytes.len(), parts);
    };
    let frame_bytes = u32::from_be_bytes(*length);
    if frame_bytes < FRAME_BYTES_MIN {
        return rest("unreadable", 0, bytes.len(), parts);
    }
    parts.number("length", Span::between(0, LENGTH_BYTES), frame_bytes.into());
    let frame = bytes.get(..frame_bytes as usize).unwrap_or(bytes);
    let mut reader = Reader::new(frame, LENGTH_BYTES, frame_bytes as usize);
    let form = match (side, packet::read_answer(reader)) {
        (Side::Downstream, _) => Form::Request,
        (Side::Upstream, Ok(answer)) if matches!(answer.says, Says::Tup { .. }) => Form::Request,
        (Side::Upstream, _) => Form::Response,
    };
    while !parts.is_full() && reader.at() < frame.len() {
        let at = reader.at();
        let Ok(head) = reader.head() else {
            break;
        };
        if field(form, head, &mut reader, frame, parts).is_none() {
            return rest(field_name(form, head.tag), at, frame.len(), parts);
        }
    }
    rest("unreadable", reader.at(), frame.len(), parts);
}

fn rest(name: &'static str, start: usize, end: usize, parts: &mut Parts) {
    if start < end {
        parts.bytes(name, Span::between(start, end));
    }
}

fn field_name(form: Form, tag: u8) -> &'static str {
    match (form, tag) {
        (_, request::VERSION) => "version",
        (_, request::PACKET_TYPE) => "packet's type",
        (Form::Request, request::MESSAGE_TYPE) | (Form::Response, response::MESSAGE_TYPE) => {
            "message's type"
        }
        (Form::Request, request::ID) | (Form::Response, response::ID) => "id",
        (Form::Request, request::SERVANT) => "servant",
        (Form::Request, request::FUNCTION) => "function",
        (Form::Request, request::BUFFER) | (Form::Response, response::BUFFER) => "body",
        (Form::Request, request::TIMEOUT) => "timeout ms",
        (Form::Request, request::CONTEXT) | (Form::Response, response::CONTEXT) => "context",
        (Form::Request, request::STATUS) | (Form::Response, response::STATUS) => "status",
        (Form::Response, response::RESULT) => "result",
        (Form::Response, response::DESCRIPTION) => "result in words",
        _ => "field of no name",
    }
}

/// Adds the field of a head that was read; `None` if its value cannot be read or is not all there.
fn field(
    form: Form,
    head: FieldHead,
    reader: &mut Reader<'_>,
    frame: &[u8],
    parts: &mut Parts,
) -> Option<()> {
    let name = field_name(form, head.tag);
    match head.kind {
        kind::ZERO | kind::INT8 | kind::INT16 | kind::INT32 | kind::INT64 => {
            let integer = reader.integer(head).ok()?;
            let meaning = match (form, head.tag) {
                (_, request::PACKET_TYPE) if integer.value == packet::ONE_WAY => " (one-way)",
                (Form::Response, response::RESULT) => result_in_words(integer.value),
                _ => "",
            };
            let words = format!("{}{meaning}", integer.value);
            parts.words(name, integer.span, words);
        }
        kind::STRING1 | kind::STRING4 => {
            let text = reader.text(head).ok()?;
            let text = text.of(frame)?;
            parts.text(name, Span::between(head.at, reader.at()), text);
        }
        kind::MAP => {
            let entries = *reader;
            reader.skip(head).ok()?;
            parts.words(name, Span::between(head.at, reader.at()), "");
            parts.inside(|parts| {
                map(entries, frame, parts);
            });
        }
        _ => {
            reader.skip(head).ok()?;
            parts.bytes(name, Span::between(head.at, reader.at()));
        }
    }
    Some(())
}

/// The entries of a map of texts, which was found well-formed; of other maps none.
fn map(mut reader: Reader<'_>, frame: &[u8], parts: &mut Parts) -> Option<()> {
    for _ in 0..reader.count().ok()? {
        let head = reader.head().ok()?;
        let key = reader.text(head).ok()?.of(frame)?;
        let start = head.at;
        let head = reader.head().ok()?;
        let value = reader.text(head).ok()?.of(frame)?;
        let name = match key {
            [] => "entry".to_owned(),
            key => key.escape_ascii().to_string(),
        };
        parts.text(name, Span::between(start, reader.at()), value);
        if parts.is_full() {
            return None;
        }
    }
    Some(())
}

/// A result of the framework, as `BaseF.tars` numbers them.
fn result_in_words(result: i64) -> &'static str {
    match i32::try_from(result).unwrap_or(i32::MAX) {
        0 => " (ok)",
        code::DECODE => " (the server cannot decode it)",
        -2 => " (the server cannot encode it)",
        -3 => " (no such function)",
        code::NO_SERVANT => " (no such servant)",
        code::QUEUE_TIMEOUT => " (too long in the server's queue)",
        code::INVOKE_TIMEOUT => " (time-out)",
        code::CONNECT => " (no connection)",
        code::OVERLOAD => " (overload)",
        code::NO_ADAPTER => " (no server)",
        code::SEND_REQUEST => " (not sent)",
        code::UNKNOWN => " (unknown error)",
        ..0 => " (another error of the framework)",
        _ => " (the application's)",
    }
}
