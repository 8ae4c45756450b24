//! Acme, the in-house protocol of the demo: `protocols/acme/protocol.ron` describes it.

use super::cursor::{Cursor, length_u32, put_short};
use super::{Answer, Ask, FRAME_BYTES_MAX, Nonsense, Outcome, Reply, Request, RequestKind};

const MAGIC: &[u8] = b"AC\x01";
const REQUEST: u8 = 0;
const ANSWER: u8 = 1;
const ONE_WAY: u8 = 2;
const PING: u8 = 3;
const PONG: u8 = 4;

/// Bytes before the service's name.
const HEADER_BYTES: usize = 18;

/// The status of an error that the sample backend makes up.
const STATUS_ERROR: u16 = 1;
/// Statuses from here on are a proxy's.
const STATUS_PROXY: u16 = 900;

/// The key under which a backend says its name.
const BACKEND_KEY: &[u8] = b"backend";

/// Appends a request.
pub(crate) fn write_request(ask: &Ask<'_>, out: &mut Vec<u8>) {
    let names = 2 + ask.service.len() + ask.method.len();
    let size = names + 2 + ask.body.0.len() + ask.body.1.len();
    begin(out, REQUEST, 0, ask.id, size);
    put_short(out, ask.service.as_bytes());
    put_short(out, ask.method.as_bytes());
    out.extend_from_slice(&[0, 0]);
    out.extend_from_slice(ask.body.0);
    out.extend_from_slice(ask.body.1);
}

/// Appends the answer to `request`: its body, and the backend's name in `meta`.
pub(crate) fn write_answer(request: &Request<'_>, reply: &Reply<'_>, out: &mut Vec<u8>) {
    if request.kind == RequestKind::Ping {
        let size = 4 + request.service.len() + request.method.len() + request.body.len();
        begin(out, PONG, 0, request.id, size);
        put_short(out, request.service);
        put_short(out, request.method);
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(request.body);
        return;
    }
    let names = 2 + request.service.len() + request.method.len();
    let meta = 2 + 1 + BACKEND_KEY.len() + 2 + reply.backend.len();
    let status = if reply.error { STATUS_ERROR } else { 0 };
    let size = names + meta + request.body.len();
    begin(out, ANSWER, status, request.id, size);
    put_short(out, request.service);
    put_short(out, request.method);
    out.extend_from_slice(&[0, 1]);
    put_short(out, BACKEND_KEY);
    let [_, _, high, low] = length_u32(reply.backend.len());
    out.extend_from_slice(&[high, low]);
    out.extend_from_slice(reply.backend);
    out.extend_from_slice(request.body);
}

fn begin(out: &mut Vec<u8>, kind: u8, status: u16, id: u32, size: usize) {
    out.reserve(HEADER_BYTES + size);
    out.extend_from_slice(MAGIC);
    out.push(kind);
    out.extend_from_slice(&status.to_be_bytes());
    out.extend_from_slice(&id.to_be_bytes());
    // No deadline: the proxy's own applies.
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&length_u32(size));
}

/// A whole frame.
struct Frame<'a> {
    frame_bytes: usize,
    kind: u8,
    status: u16,
    id: u32,
    service: &'a [u8],
    method: &'a [u8],
    backend: &'a [u8],
    body: &'a [u8],
}

fn read_frame(bytes: &[u8]) -> Result<Option<Frame<'_>>, Nonsense> {
    let mut cursor = Cursor(bytes);
    let Some(magic) = cursor.take(3) else {
        return Ok(None);
    };
    if magic != MAGIC {
        return Err(Nonsense("a frame without the magic of acme"));
    }
    let (Some(kind), Some(status), Some(id), Some(_timeout), Some(size)) = (
        cursor.u8(),
        cursor.u16(),
        cursor.u32(),
        cursor.u32(),
        cursor.length(),
    ) else {
        return Ok(None);
    };
    if size > FRAME_BYTES_MAX {
        return Err(Nonsense("an acme frame over the limit"));
    }
    let Some(rest) = cursor.take(size) else {
        return Ok(None);
    };
    let mut rest = Cursor(rest);
    let names = (rest.short(), rest.short(), rest.u16());
    let (Some(service), Some(method), Some(pairs)) = names else {
        return Err(Nonsense("an acme frame that ends early"));
    };
    let mut backend: &[u8] = b"";
    for _ in 0..pairs {
        let (Some(key), Some(value)) = (rest.short(), rest.medium()) else {
            return Err(Nonsense("an acme frame that ends inside its meta"));
        };
        if key == BACKEND_KEY {
            backend = value;
        }
    }
    Ok(Some(Frame {
        frame_bytes: HEADER_BYTES + size,
        kind,
        status,
        id,
        service,
        method,
        backend,
        body: rest.0,
    }))
}

/// Reads one request; `None` while it is not whole.
pub(crate) fn read_request(bytes: &[u8]) -> Result<Option<Request<'_>>, Nonsense> {
    let Some(frame) = read_frame(bytes)? else {
        return Ok(None);
    };
    let kind = match frame.kind {
        REQUEST => RequestKind::Call,
        ONE_WAY => RequestKind::OneWay,
        PING => RequestKind::Ping,
        _ => return Err(Nonsense("an acme frame that is no request")),
    };
    Ok(Some(Request {
        frame_bytes: frame.frame_bytes,
        kind,
        id: frame.id,
        service: frame.service,
        method: frame.method,
        body: frame.body,
    }))
}

/// Reads one answer; `None` while it is not whole.
pub(crate) fn read_answer(bytes: &[u8]) -> Result<Option<Answer<'_>>, Nonsense> {
    let Some(frame) = read_frame(bytes)? else {
        return Ok(None);
    };
    if frame.kind != ANSWER {
        return Err(Nonsense("an acme frame that is no answer"));
    }
    let outcome = match frame.status {
        0 => Outcome::Ok,
        STATUS_PROXY.. => Outcome::ProxyError,
        _ => Outcome::ApplicationError,
    };
    Ok(Some(Answer {
        frame_bytes: frame.frame_bytes,
        id: Some(frame.id),
        outcome,
        method: frame.method,
        payload: frame.body,
        backend: frame.backend,
    }))
}
