//! The mesh's words as Bolt says them: errors as answers with a status, in the caller's version and
//! serialization, and heartbeats with their answers.

use weft_codec::{Asked, CannotSay, ProxyError};
use weft_hessian2::{Dialect, put_text};

use crate::{
    asked::{self, Caller},
    fields::status,
    frame::crc_of,
    layout::{V1, command, rpc_type, serialization},
};

/// The class of an error's content in hessian.
const EXCEPTION: &str = "com.alipay.remoting.rpc.exception.RpcServerException";

/// The class of an answer in protobuf, errors too.
const RESPONSE: &str = "com.alipay.sofa.rpc.core.response.SofaResponse";

/// The type of a stack trace, which is empty.
const STACK_TRACE: &[u8] = b"Vt\0\x1c[java.lang.StackTraceElementn\0z";

/// What the header map of an error in protobuf says.
const RESPONSE_ERROR: &[u8] = b"\0\0\0\x18sofa_head_response_error\0\0\0\x04true";

/// The milliseconds that a heartbeat of ours says it will wait.
const HEARTBEAT_MS: u32 = 3_000;

fn status_of(error: ProxyError) -> u16 {
    match error {
        ProxyError::NoRoute => status::NO_PROCESSOR,
        ProxyError::Deadline => status::TIMEOUT,
        ProxyError::Overload | ProxyError::RateLimited => status::SERVER_THREADPOOL_BUSY,
        ProxyError::Malformed => status::CODEC_EXCEPTION,
        ProxyError::Denied | ProxyError::Unsupported => status::SERVER_EXCEPTION,
        ProxyError::NoInstance
        | ProxyError::ConnectFailed
        | ProxyError::ResetBeforeSending
        | ProxyError::ResetAfterSending
        | ProxyError::Draining => status::ERROR_COMM,
    }
}

/// Appends an error.
pub(crate) fn error(
    error: ProxyError,
    words: &str,
    asked: &Asked,
    out: &mut Vec<u8>,
) -> Result<(), CannotSay> {
    let caller = asked::read(asked).ok_or(CannotSay)?;
    let (class, headers, content) = match caller.serialization {
        serialization::HESSIAN2 => (EXCEPTION, &[][..], exception(words)),
        serialization::PROTOBUF => (RESPONSE, RESPONSE_ERROR, words.as_bytes().to_vec()),
        // Nobody knows how these are written; the words are at least readable in a capture.
        _ => (EXCEPTION, &[][..], words.as_bytes().to_vec()),
    };
    let frame = Frame {
        rpc_type: rpc_type::RESPONSE,
        command: command::RESPONSE,
        fields: &status_of(error).to_be_bytes(),
        class,
        headers,
        content: &content,
    };
    put(&caller, &frame, out)
}

/// An exception object with the words as its message, as the libraries write theirs.
fn exception(words: &str) -> Vec<u8> {
    let mut out = vec![b'O', 0xc8, 52];
    out.extend_from_slice(EXCEPTION.as_bytes());
    out.push(0x93);
    for field in ["detailMessage", "stackTrace", "cause"] {
        put_text(Dialect::Draft, field, &mut out);
    }
    out.extend_from_slice(b"o\x90");
    put_text(Dialect::Draft, words, &mut out);
    out.extend_from_slice(STACK_TRACE);
    out.push(b'N');
    out
}

/// Appends the answer to a heartbeat.
pub(crate) fn pong(asked: &Asked, out: &mut Vec<u8>) -> Result<(), CannotSay> {
    let caller = asked::read(asked).ok_or(CannotSay)?;
    let fields = &status::SUCCESS.to_be_bytes();
    put(&caller, &Frame::heartbeat(rpc_type::RESPONSE, fields), out)
}

/// Appends a heartbeat of version 1, which every server understands.
pub(crate) fn ping(id: u64, out: &mut Vec<u8>) -> Result<(), CannotSay> {
    let caller = Caller::plain(u32::try_from(id).map_err(|_| CannotSay)?);
    let fields = &HEARTBEAT_MS.to_be_bytes();
    put(&caller, &Frame::heartbeat(rpc_type::REQUEST, fields), out)
}

/// What is said, but for what the caller's version and serialization settle.
struct Frame<'a> {
    rpc_type: u8,
    command: u16,
    /// A request's time limit, or an answer's status.
    fields: &'a [u8],
    class: &'a str,
    headers: &'a [u8],
    content: &'a [u8],
}

impl<'a> Frame<'a> {
    fn heartbeat(rpc_type: u8, fields: &'a [u8]) -> Self {
        Self {
            rpc_type,
            command: command::HEARTBEAT,
            fields,
            class: "",
            headers: &[],
            content: &[],
        }
    }
}

/// Appends a frame in the caller's version, with a checksum if it uses them.
fn put(caller: &Caller, frame: &Frame<'_>, out: &mut Vec<u8>) -> Result<(), CannotSay> {
    let class_bytes = u16::try_from(frame.class.len()).map_err(|_| CannotSay)?;
    let headers_bytes = u16::try_from(frame.headers.len()).map_err(|_| CannotSay)?;
    let content_bytes = u32::try_from(frame.content.len()).map_err(|_| CannotSay)?;
    let base = out.len();
    out.push(caller.version);
    if caller.version != V1 {
        out.push(caller.variant);
    }
    out.push(frame.rpc_type);
    out.extend_from_slice(&frame.command.to_be_bytes());
    out.push(caller.command_version);
    out.extend_from_slice(&caller.id);
    out.push(caller.serialization);
    if caller.version != V1 {
        out.push(caller.switch);
    }
    out.extend_from_slice(frame.fields);
    out.extend_from_slice(&class_bytes.to_be_bytes());
    out.extend_from_slice(&headers_bytes.to_be_bytes());
    out.extend_from_slice(&content_bytes.to_be_bytes());
    out.extend_from_slice(frame.class.as_bytes());
    out.extend_from_slice(frame.headers);
    out.extend_from_slice(frame.content);
    if caller.crc() {
        let crc = crc_of(out.get(base..).unwrap_or_default());
        out.extend_from_slice(&crc);
    }
    Ok(())
}
