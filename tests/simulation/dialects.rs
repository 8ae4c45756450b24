//! Dialects of real protocols, written by hand from their specifications: Thrift's framed binary
//! transport and Redis. They know nothing of the codecs under test.
//!
//! Both carry the same blob: flags, client, sequence, nonce, name, filler.

use weft_codec::{Kind, ProxyError};

use crate::message::{Dialect, Message, Read, Status, check_filler, write_filler};

/// Bytes of a blob without its filler.
const BLOB: usize = 19;

/// Appends what requests and answers of every dialect carry: flags, client, sequence, nonce, name, filler.
pub(crate) fn write_blob(message: &Message, out: &mut Vec<u8>) {
    out.push(u8::from(message.status == Status::Application));
    out.extend_from_slice(&message.client.to_be_bytes());
    out.extend_from_slice(&message.sequence.to_be_bytes());
    out.extend_from_slice(&message.nonce.to_be_bytes());
    out.extend_from_slice(&message.name.to_be_bytes());
    write_filler(message.nonce, message.filler, out);
}

fn number(bytes: &[u8], at: usize, len: usize) -> Option<u64> {
    let bytes = bytes.get(at..at + len)?;
    Some(bytes.iter().fold(0, |n, byte| n << 8 | u64::from(*byte)))
}

/// Reads it.
pub(crate) fn read_blob(blob: &[u8], message: &mut Message) -> Option<()> {
    if number(blob, 0, 1)? == 1 {
        message.status = Status::Application;
    }
    message.client = number(blob, 1, 4)? as u32;
    message.sequence = number(blob, 5, 4)? as u32;
    message.nonce = number(blob, 9, 8)?;
    message.name = number(blob, 17, 2)? as u16;
    message.filler = blob.len().checked_sub(BLOB)? as u32;
    check_filler(message.nonce, &blob[BLOB..]).then_some(())
}

/// The error that these words speak of.
fn spoken(words: &[u8]) -> Option<ProxyError> {
    let words = String::from_utf8_lossy(words);
    ProxyError::ALL
        .into_iter()
        .find(|error| words.contains(error.words()))
}

/// An answer of the mesh: it names no nonce.
fn proxy_error(words: &[u8], message: &mut Message) -> Option<()> {
    message.kind = Kind::Answer;
    message.status = Status::Proxy(spoken(words)?);
    message.nonce = Message::NOBODYS;
    Some(())
}

/// Reads a whole frame with `read`, or says that it is broken.
fn whole(frame: &[u8], read: impl FnOnce(&[u8], &mut Message) -> Option<()>) -> Read {
    let mut message = Message::empty(Kind::Request);
    match read(frame, &mut message) {
        Some(()) => Read::Message(message, frame.len()),
        None => Read::Broken(format!("{:?}", String::from_utf8_lossy(frame))),
    }
}

/// Thrift: framed transport, strict binary protocol, multiplexed names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ThriftDialect;

const STRING: u8 = 11;

impl Dialect for ThriftDialect {
    fn write(&self, message: &Message, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&[0; 4]);
        let (kind, name) = match message.kind {
            Kind::OneWay => (4, format!("s{}:tell", message.name)),
            Kind::Answer if message.idempotent => (2, "get".to_owned()),
            Kind::Answer => (2, "put".to_owned()),
            _ if message.idempotent => (1, format!("s{}:get", message.name)),
            _ => (1, format!("s{}:put", message.name)),
        };
        out.extend_from_slice(&[0x80, 1, 0, kind]);
        out.extend_from_slice(&(name.len() as u32).to_be_bytes());
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(&(message.id as u32).to_be_bytes());
        let field = u8::from(message.kind != Kind::Answer);
        out.extend_from_slice(&[STRING, 0, field]);
        let blob = BLOB as u32 + message.filler;
        out.extend_from_slice(&blob.to_be_bytes());
        write_blob(message, out);
        out.push(0);
        let frame = (out.len() - start - 4) as u32;
        out[start..start + 4].copy_from_slice(&frame.to_be_bytes());
    }

    fn read(&self, bytes: &[u8], _from_client: bool) -> Read {
        let Some(length) = number(bytes, 0, 4) else {
            return Read::More;
        };
        match bytes.get(..4 + length as usize) {
            None if length > 64 << 20 => Read::Broken(format!("a frame of {length} bytes")),
            None => Read::More,
            Some(frame) => whole(frame, read_thrift),
        }
    }
}

fn read_thrift(frame: &[u8], message: &mut Message) -> Option<()> {
    if number(frame, 4, 2)? != 0x8001 {
        return None;
    }
    let kind = number(frame, 7, 1)?;
    let name_bytes = number(frame, 8, 4)? as usize;
    let name = frame.get(12..12 + name_bytes)?;
    let at = 12 + name_bytes;
    message.id = number(frame, at, 4)?;
    message.idempotent = name.ends_with(b"get");
    let size = number(frame, at + 7, 4)? as usize;
    let blob = frame.get(at + 11..at + 11 + size)?;
    message.kind = match kind {
        1 => Kind::Request,
        2 => Kind::Answer,
        3 => return proxy_error(blob, message),
        4 => Kind::OneWay,
        _ => return None,
    };
    if number(frame, at + 11 + size, 1)? != 0 || at + 12 + size != frame.len() {
        return None;
    }
    read_blob(blob, message)
}

/// Redis: GET and SET with the blob as the key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RedisDialect;

impl Dialect for RedisDialect {
    fn write(&self, message: &Message, out: &mut Vec<u8>) {
        let blob = BLOB + message.filler as usize;
        let before: &[u8] = match message.kind {
            Kind::Answer => b"",
            _ if message.idempotent => b"*2\r\n$3\r\nGET\r\n",
            _ => b"*3\r\n$3\r\nSET\r\n",
        };
        out.extend_from_slice(before);
        out.extend_from_slice(format!("${blob}\r\n").as_bytes());
        write_blob(message, out);
        out.extend_from_slice(b"\r\n");
        if message.kind != Kind::Answer && !message.idempotent {
            out.extend_from_slice(b"$1\r\n1\r\n");
        }
    }

    fn read(&self, bytes: &[u8], from_client: bool) -> Read {
        let (mut at, mut strings) = (0, Vec::new());
        let count = if from_client {
            match line(bytes, &mut at) {
                Some((b'*', count)) => count,
                Some(_) => return Read::Broken("no array".to_owned()),
                None => return Read::More,
            }
        } else {
            1
        };
        for _ in 0..count {
            if bytes.get(at) == Some(&b'-') {
                return match bytes.iter().position(|byte| *byte == b'\n') {
                    Some(end) => whole(&bytes[..=end], proxy_error),
                    None => Read::More,
                };
            }
            let size = match line(bytes, &mut at) {
                Some((b'$', size)) => size,
                Some((sort, _)) => return Read::Broken(format!("{:?}", sort as char)),
                None => return Read::More,
            };
            let Some(string) = bytes.get(at..at + size + 2) else {
                return Read::More;
            };
            at += size + 2;
            strings.push(&string[..size]);
        }
        whole(&bytes[..at], |_, message| match strings.as_slice() {
            [answer] if !from_client => {
                message.kind = Kind::Answer;
                read_blob(answer, message)
            }
            [command, key, ..] => {
                message.idempotent = *command == b"GET";
                read_blob(key, message)
            }
            _ => None,
        })
    }
}

/// The sort and number of the line at `at`, which moves past it.
fn line(bytes: &[u8], at: &mut usize) -> Option<(u8, usize)> {
    let rest = bytes.get(*at..)?;
    let end = rest.iter().take(32).position(|byte| *byte == b'\n')?;
    let digits = std::str::from_utf8(rest.get(1..end - 1)?).ok()?;
    *at += end + 1;
    Some((rest[0], digits.parse().ok()?))
}
