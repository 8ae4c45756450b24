//! Proxy errors as Thrift says them: an exception message that carries a
//! TApplicationException, in the caller's transport and protocol, under the caller's id.

use weft_codec::{Asked, CannotSay, ProxyError};

use crate::{
    asked::{self, Caller},
    cursor::varint_bytes,
    header,
};

/// Types of a TApplicationException, as Apache Thrift numbers them.
const UNKNOWN_METHOD: u8 = 1;
const INTERNAL_ERROR: u8 = 6;
const PROTOCOL_ERROR: u8 = 7;

fn exception_type(error: ProxyError) -> u8 {
    match error {
        ProxyError::NoRoute => UNKNOWN_METHOD,
        ProxyError::Malformed => PROTOCOL_ERROR,
        ProxyError::NoInstance
        | ProxyError::ConnectFailed
        | ProxyError::Deadline
        | ProxyError::Overload
        | ProxyError::RateLimited
        | ProxyError::Denied
        | ProxyError::ResetBeforeSending
        | ProxyError::ResetAfterSending
        | ProxyError::Draining
        | ProxyError::Unsupported => INTERNAL_ERROR,
    }
}

/// Appends the frame.
pub(crate) fn error(
    error: ProxyError,
    words: &str,
    asked: &Asked,
    out: &mut Vec<u8>,
) -> Result<(), CannotSay> {
    let caller = asked::read(asked).ok_or(CannotSay)?;
    let base = out.len();
    // The length is put in when it is known.
    out.extend_from_slice(&[0; 4]);
    if let Some((flags, id)) = caller.header {
        out.extend_from_slice(&header::MAGIC);
        out.extend_from_slice(&flags);
        out.extend_from_slice(&id);
        // One word of header: protocol, no transforms, two bytes of padding.
        let protocol = if caller.compact { 2 } else { 0 };
        out.extend_from_slice(&[0, 1, protocol, 0, 0, 0]);
    }
    let kind = exception_type(error);
    let written = if caller.compact {
        compact(&caller, kind, words, out)
    } else {
        binary(&caller, kind, words, out)
    };
    let bytes = out.len().saturating_sub(base).saturating_sub(4);
    let length = written.and_then(|()| i32::try_from(bytes).ok());
    match (
        length,
        out.get_mut(base..).and_then(<[u8]>::first_chunk_mut),
    ) {
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

fn binary(caller: &Caller<'_>, kind: u8, words: &str, out: &mut Vec<u8>) -> Option<()> {
    out.extend_from_slice(&[0x80, 0x01, 0, 3]);
    out.extend_from_slice(&u32::try_from(caller.method.len()).ok()?.to_be_bytes());
    out.extend_from_slice(caller.method);
    out.extend_from_slice(caller.id);
    // Field 1, a string; field 2, an i32; stop.
    out.extend_from_slice(&[0x0b, 0, 1]);
    out.extend_from_slice(&u32::try_from(words.len()).ok()?.to_be_bytes());
    out.extend_from_slice(words.as_bytes());
    out.extend_from_slice(&[0x08, 0, 2, 0, 0, 0, kind, 0]);
    Some(())
}

fn compact(caller: &Caller<'_>, kind: u8, words: &str, out: &mut Vec<u8>) -> Option<()> {
    // Exception (3) in the high three bits, version 1 in the low five.
    out.extend_from_slice(&[0x82, 0x61]);
    out.extend_from_slice(caller.id);
    put_text(caller.method, out)?;
    out.push(0x18);
    put_text(words.as_bytes(), out)?;
    // An i32 is zig-zag in compact.
    out.extend_from_slice(&[0x15, kind << 1, 0]);
    Some(())
}

fn put_text(text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let (bytes, len) = varint_bytes(u32::try_from(text.len()).ok()?);
    out.extend_from_slice(bytes.get(..len)?);
    out.extend_from_slice(text);
    Some(())
}
