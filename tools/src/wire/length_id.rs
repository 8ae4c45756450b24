//! The plainest protocol with ids: `protocols/length-id/protocol.ron` describes it.

use super::cursor::{Cursor, length_u32};
use super::{
    Answer, Ask, FRAME_BYTES_MAX, Nonsense, Outcome, Reply, Request, RequestKind, said_by_proxy,
};

/// The opcode of an answer that is an error.
const ERROR: [u8; 2] = [0xff, 0xff];

/// The opcode of a method: a number, or `echo` for 1.
pub(crate) fn opcode(method: &str) -> Option<u16> {
    if method == "echo" {
        return Some(1);
    }
    method.parse().ok().filter(|code| *code != u16::MAX)
}

/// Appends a request.
pub(crate) fn write_request(ask: &Ask<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(&length_u32(6 + ask.body.0.len() + ask.body.1.len()));
    out.extend_from_slice(&ask.id.to_be_bytes());
    out.extend_from_slice(&opcode(ask.method).unwrap_or(1).to_be_bytes());
    out.extend_from_slice(ask.body.0);
    out.extend_from_slice(ask.body.1);
}

/// Appends the answer to `request`: its body, then `@` and the backend's name.
pub(crate) fn write_answer(request: &Request<'_>, reply: &Reply<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(&length_u32(7 + request.body.len() + reply.backend.len()));
    out.extend_from_slice(&request.id.to_be_bytes());
    if reply.error {
        out.extend_from_slice(&ERROR);
    } else {
        out.extend_from_slice(request.method);
    }
    out.extend_from_slice(request.body);
    out.push(b'@');
    out.extend_from_slice(reply.backend);
}

/// A whole frame: its length, id, opcode and body.
type Frame<'a> = (usize, u32, &'a [u8], &'a [u8]);

fn read_frame(bytes: &[u8]) -> Result<Option<Frame<'_>>, Nonsense> {
    let mut cursor = Cursor(bytes);
    let Some(length) = cursor.length() else {
        return Ok(None);
    };
    if length > FRAME_BYTES_MAX {
        return Err(Nonsense("a length over the limit"));
    }
    let Some(frame) = cursor.take(length) else {
        return Ok(None);
    };
    let mut frame = Cursor(frame);
    let (Some(id), Some(code)) = (frame.u32(), frame.take(2)) else {
        return Err(Nonsense("a length that holds no id and opcode"));
    };
    Ok(Some((4 + length, id, code, frame.0)))
}

/// Reads one request; `None` while it is not whole.
pub(crate) fn read_request(bytes: &[u8]) -> Result<Option<Request<'_>>, Nonsense> {
    let frame = read_frame(bytes)?;
    Ok(frame.map(|(frame_bytes, id, method, body)| Request {
        frame_bytes,
        kind: RequestKind::Call,
        id,
        service: b"",
        method,
        body,
    }))
}

/// Reads one answer; `None` while it is not whole.
pub(crate) fn read_answer(bytes: &[u8]) -> Result<Option<Answer<'_>>, Nonsense> {
    let frame = read_frame(bytes)?;
    Ok(frame.map(|(frame_bytes, id, code, payload)| Answer {
        frame_bytes,
        id: Some(id),
        outcome: if code == ERROR {
            said_by_proxy(payload)
        } else {
            Outcome::Ok
        },
        method: b"",
        payload,
        backend: b"",
    }))
}
