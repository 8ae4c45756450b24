//! The mesh's words as Dubbo says them: errors as responses with a status and a text, heartbeats
//! and their answers, and the event by which a server says that it takes nothing new.

use weft_codec::{Asked, CannotSay, ProxyError};
use weft_hessian2::{Dialect, put_text};

use crate::{
    asked,
    frame::READ_ONLY,
    header::{EVENT, HESSIAN2, MAGIC, REQUEST, TWO_WAY, status},
};

fn status_of(error: ProxyError) -> u8 {
    match error {
        ProxyError::NoRoute => status::SERVICE_NOT_FOUND,
        ProxyError::Deadline => status::SERVER_TIMEOUT,
        ProxyError::Overload | ProxyError::RateLimited => status::THREADPOOL_EXHAUSTED,
        ProxyError::Malformed => status::BAD_REQUEST,
        ProxyError::Denied | ProxyError::Unsupported => status::SERVICE_ERROR,
        ProxyError::NoInstance
        | ProxyError::ConnectFailed
        | ProxyError::ResetBeforeSending
        | ProxyError::ResetAfterSending
        | ProxyError::Draining => status::SERVER_ERROR,
    }
}

/// Appends an error. Its text is hessian whatever the request was written in: the response's own
/// flags say so.
pub(crate) fn error(
    error: ProxyError,
    words: &str,
    asked: &Asked,
    out: &mut Vec<u8>,
) -> Result<(), CannotSay> {
    let caller = asked::read(asked).ok_or(CannotSay)?;
    let mut body = Vec::new();
    put_text(Dialect::Final, words, &mut body);
    put(HESSIAN2, status_of(error), caller.id, &body, out);
    Ok(())
}

/// Appends the answer to a heartbeat, with the status on which some clients insist.
pub(crate) fn pong(asked: &Asked, out: &mut Vec<u8>) -> Result<(), CannotSay> {
    let caller = asked::read(asked).ok_or(CannotSay)?;
    let flags = EVENT | caller.serialization;
    put(flags, status::OK, caller.id, caller.body, out);
    Ok(())
}

/// Appends a heartbeat.
pub(crate) fn ping(id: u64, out: &mut Vec<u8>) {
    let flags = REQUEST | TWO_WAY | EVENT | HESSIAN2;
    put(flags, 0, id.to_be_bytes(), b"N", out);
}

/// Appends the event that nothing new is taken. It asks for no answer.
pub(crate) fn read_only(out: &mut Vec<u8>) {
    put(REQUEST | EVENT | HESSIAN2, 0, [0; 8], READ_ONLY, out);
}

fn put(flags: u8, status: u8, id: [u8; 8], body: &[u8], out: &mut Vec<u8>) {
    // Bodies said by the mesh are short: a text of at most `TEXT_CHARS_MAX` characters.
    let length = u32::try_from(body.len()).unwrap_or(0);
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&[flags, status]);
    out.extend_from_slice(&id);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(body);
}
