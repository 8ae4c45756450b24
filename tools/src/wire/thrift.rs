//! Thrift, framed, binary: a method of the shape `string name(1: string body)`.
//!
//! Layout: Apache Thrift, "Thrift Binary protocol encoding" and "Framed transport".

use super::cursor::{Cursor, length_u32};
use super::{
    Answer, Ask, FRAME_BYTES_MAX, Nonsense, Outcome, Reply, Request, RequestKind, said_by_proxy,
};

const VERSION: u32 = 0x8001_0000;
const CALL: u8 = 1;
const REPLY: u8 = 2;
const EXCEPTION: u8 = 3;
const ONE_WAY: u8 = 4;

const STOP: u8 = 0;
const STRING: u8 = 11;
const STRUCT: u8 = 12;

/// Appends a call.
pub(crate) fn write_request(ask: &Ask<'_>, out: &mut Vec<u8>) {
    let body_bytes = ask.body.0.len() + ask.body.1.len();
    begin(out, CALL, ask.method.as_bytes(), ask.id, 8 + body_bytes);
    out.extend_from_slice(&[STRING, 0, 1]);
    out.extend_from_slice(&length_u32(body_bytes));
    out.extend_from_slice(ask.body.0);
    out.extend_from_slice(ask.body.1);
    out.push(STOP);
}

/// Appends the answer to `request`: its body, then `@` and the backend's name. An error is a
/// declared exception (field 1 of the result) with the same text in it.
pub(crate) fn write_answer(request: &Request<'_>, reply: &Reply<'_>, out: &mut Vec<u8>) {
    let text_bytes = request.body.len() + 1 + reply.backend.len();
    let frame = if reply.error { 12 } else { 8 };
    begin(out, REPLY, request.method, request.id, frame + text_bytes);
    if reply.error {
        out.extend_from_slice(&[STRUCT, 0, 1, STRING, 0, 1]);
    } else {
        out.extend_from_slice(&[STRING, 0, 0]);
    }
    out.extend_from_slice(&length_u32(text_bytes));
    out.extend_from_slice(request.body);
    out.push(b'@');
    out.extend_from_slice(reply.backend);
    if reply.error {
        out.push(STOP);
    }
    out.push(STOP);
}

fn begin(out: &mut Vec<u8>, kind: u8, method: &[u8], id: u32, content_bytes: usize) {
    out.extend_from_slice(&length_u32(12 + method.len() + content_bytes));
    out.extend_from_slice(&(VERSION | u32::from(kind)).to_be_bytes());
    out.extend_from_slice(&length_u32(method.len()));
    out.extend_from_slice(method);
    out.extend_from_slice(&id.to_be_bytes());
}

/// A message without its struct.
struct Message<'a> {
    frame_bytes: usize,
    kind: u8,
    method: &'a [u8],
    id: u32,
    content: Cursor<'a>,
}

fn read_message(bytes: &[u8]) -> Result<Option<Message<'_>>, Nonsense> {
    let mut cursor = Cursor(bytes);
    let Some(length) = cursor.length() else {
        return Ok(None);
    };
    if length > FRAME_BYTES_MAX {
        return Err(Nonsense("a Thrift frame over the limit"));
    }
    let Some(frame) = cursor.take(length) else {
        return Ok(None);
    };
    let mut cursor = Cursor(frame);
    let (Some(version), Some(method), Some(id)) = (cursor.u32(), cursor.long(), cursor.u32())
    else {
        return Err(Nonsense("a Thrift message that ends early"));
    };
    if version & 0xffff_0000 != VERSION {
        return Err(Nonsense("a Thrift message without version 1"));
    }
    Ok(Some(Message {
        frame_bytes: 4 + length,
        kind: version.to_be_bytes()[3],
        method,
        id,
        content: cursor,
    }))
}

/// Reads one request; `None` while it is not whole.
pub(crate) fn read_request(bytes: &[u8]) -> Result<Option<Request<'_>>, Nonsense> {
    let Some(mut message) = read_message(bytes)? else {
        return Ok(None);
    };
    let kind = match message.kind {
        CALL => RequestKind::Call,
        ONE_WAY => RequestKind::OneWay,
        _ => return Err(Nonsense("a Thrift message that is no call")),
    };
    // Arguments of other types are not looked into: their answer has an empty body.
    let body = match message.content.u8() {
        Some(STRING) => message.content.u16().and_then(|_| message.content.long()),
        _ => None,
    };
    Ok(Some(Request {
        frame_bytes: message.frame_bytes,
        kind,
        id: message.id,
        service: b"",
        method: message.method,
        body: body.unwrap_or_default(),
    }))
}

/// Reads one answer; `None` while it is not whole.
pub(crate) fn read_answer(bytes: &[u8]) -> Result<Option<Answer<'_>>, Nonsense> {
    let Some(mut message) = read_message(bytes)? else {
        return Ok(None);
    };
    let content = &mut message.content;
    let (outcome, payload) = match message.kind {
        REPLY => read_result(content).ok_or(Nonsense("a Thrift result of another shape"))?,
        EXCEPTION => {
            let words = read_words(content).ok_or(Nonsense("a Thrift exception without words"))?;
            (said_by_proxy(words), words)
        }
        _ => return Err(Nonsense("a Thrift message that is no answer")),
    };
    Ok(Some(Answer {
        frame_bytes: message.frame_bytes,
        id: Some(message.id),
        outcome,
        method: message.method,
        payload,
        backend: b"",
    }))
}

/// Field 0 is the result; any other is a declared exception.
fn read_result<'a>(content: &mut Cursor<'a>) -> Option<(Outcome, &'a [u8])> {
    match (content.u8()?, content.u16()?) {
        (STRING, 0) => Some((Outcome::Ok, content.long()?)),
        (STRUCT, _) => Some((Outcome::ApplicationError, read_words(content)?)),
        _ => None,
    }
}

/// The first string of a struct.
fn read_words<'a>(content: &mut Cursor<'a>) -> Option<&'a [u8]> {
    loop {
        let kind = content.u8()?;
        if kind == STOP {
            return None;
        }
        content.u16()?;
        match kind {
            STRING => return content.long(),
            // A TApplicationException may put its number first.
            8 => content.take(4)?,
            _ => return None,
        };
    }
}
