//! The words of the mesh as TARS says them: a proxy error is an answer with a result of the
//! framework and a description; a ping is answered as servers answer it.

use weft_codec::{Asked, CannotSay, ProxyError};

use crate::asked::{self, Caller};
use crate::fields::{RESULT_CODE, RESULT_DESCRIPTION, code};
use crate::jce::{IntegerBytes, kind, put_bytes, put_text};
use crate::packet::{request, response};

/// The result that clients know for the same.
fn result_of(error: ProxyError) -> i32 {
    match error {
        ProxyError::NoRoute => code::NO_SERVANT,
        ProxyError::NoInstance => code::NO_ADAPTER,
        ProxyError::ConnectFailed => code::CONNECT,
        ProxyError::Deadline => code::INVOKE_TIMEOUT,
        ProxyError::Overload | ProxyError::RateLimited => code::OVERLOAD,
        ProxyError::ResetBeforeSending => code::SEND_REQUEST,
        ProxyError::Malformed => code::DECODE,
        ProxyError::Denied
        | ProxyError::ResetAfterSending
        | ProxyError::Draining
        | ProxyError::Unsupported => code::UNKNOWN,
    }
}

/// Appends an error answer.
pub(crate) fn error(
    error: ProxyError,
    words: &str,
    asked: &Asked,
    out: &mut Vec<u8>,
) -> Result<(), CannotSay> {
    let caller = asked::read(asked).ok_or(CannotSay)?;
    let empty = if caller.is_tup() { TUP_NOTHING } else { &[] };
    answer(&caller, result_of(error), words, empty, out)
}

/// A map without entries, which TUP packs arguments into.
const TUP_NOTHING: &[u8] = &[0x08, 0x0c];

/// The number 0 as the result of a function: under tag 0, and in both TUPs under the empty name.
const NOTHING_WRONG: &[u8] = &[0x0c];
const TUP_2_NOTHING_WRONG: &[u8] = &[
    0x08, 0x00, 1, 0x06, 0, 0x18, 0x00, 1, 0x06, 5, b'i', b'n', b't', b'3', b'2', 0x1d, 0x00, 0x00,
    1, 0x0c,
];
const TUP_3_NOTHING_WRONG: &[u8] = &[0x08, 0x00, 1, 0x06, 0, 0x1d, 0x00, 0x00, 1, 0x0c];

/// Appends the answer to a ping; nothing if the ping wants none.
pub(crate) fn alive(asked: &Asked, out: &mut Vec<u8>) -> Result<(), CannotSay> {
    let caller = asked::read(asked).ok_or(CannotSay)?;
    if caller.one_way {
        return Ok(());
    }
    let body = match caller.version {
        2 => TUP_2_NOTHING_WRONG,
        3 => TUP_3_NOTHING_WRONG,
        _ => NOTHING_WRONG,
    };
    answer(&caller, 0, "", body, out)
}

fn answer(
    caller: &Caller<'_>,
    result: i32,
    words: &str,
    body: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), CannotSay> {
    let base = out.len();
    // The length is put in when it is known.
    out.extend_from_slice(&[0; 4]);
    let written = if caller.is_tup() {
        tup(caller, result, words, body, out)
    } else {
        response(caller, result, words, body, out)
    };
    let bytes = out.len().saturating_sub(base);
    let length = written.and_then(|()| i32::try_from(bytes).ok());
    let place = out.get_mut(base..).and_then(<[u8]>::first_chunk_mut);
    match (length, place) {
        (Some(length), Some(place)) => {
            *place = length.to_be_bytes();
            Ok(())
        }
        _ => {
            out.truncate(base);
            Err(CannotSay)
        }
    }
}

fn put_integer(tag: u8, value: i32, out: &mut Vec<u8>) {
    out.extend_from_slice(IntegerBytes::new(tag, value).as_slice());
}

fn put_empty_map(tag: u8, out: &mut Vec<u8>) {
    out.push(tag << 4 | kind::MAP);
    put_integer(0, 0, out);
}

/// A `ResponsePacket`.
fn response(
    caller: &Caller<'_>,
    result: i32,
    words: &str,
    body: &[u8],
    out: &mut Vec<u8>,
) -> Option<()> {
    put_integer(request::VERSION, caller.version.into(), out);
    put_integer(request::PACKET_TYPE, 0, out);
    out.extend_from_slice(caller.id(response::ID)?.as_slice());
    put_integer(response::MESSAGE_TYPE, 0, out);
    put_integer(response::RESULT, result, out);
    put_bytes(response::BUFFER, body, out)?;
    put_empty_map(response::STATUS, out);
    put_text(response::DESCRIPTION, words.as_bytes(), out)?;
    put_empty_map(response::CONTEXT, out);
    Some(())
}

/// A `RequestPacket` that answers one.
fn tup(
    caller: &Caller<'_>,
    result: i32,
    words: &str,
    body: &[u8],
    out: &mut Vec<u8>,
) -> Option<()> {
    put_integer(request::VERSION, caller.version.into(), out);
    put_integer(request::PACKET_TYPE, 0, out);
    put_integer(request::MESSAGE_TYPE, 0, out);
    out.extend_from_slice(caller.id(request::ID)?.as_slice());
    put_text(request::SERVANT, caller.servant, out)?;
    put_text(request::FUNCTION, caller.function, out)?;
    put_bytes(request::BUFFER, body, out)?;
    put_integer(request::TIMEOUT, 0, out);
    put_empty_map(request::CONTEXT, out);
    out.push(request::STATUS << 4 | kind::MAP);
    put_integer(0, 2, out);
    put_text(0, RESULT_CODE.as_bytes(), out)?;
    put_text(1, result.to_string().as_bytes(), out)?;
    put_text(0, RESULT_DESCRIPTION.as_bytes(), out)?;
    put_text(1, words.as_bytes(), out)?;
    Some(())
}
