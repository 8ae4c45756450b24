//! The bytes of the protocols that the scenarios speak, written down by hand: a test that used
//! the proxy's codecs would not notice their mistakes.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

/// A protocol of the scenarios.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    /// Framed binary Thrift; the body is the argument struct's one string.
    Thrift,
    /// The in-house protocol of the demo.
    Acme,
    /// The protocol of the README's tour, an opcode for a method.
    LengthId,
    /// Redis: `GET` and a key as the body, without ids.
    Redis,
}

/// A message as the scenarios see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    /// The id on the wire.
    pub(crate) id: u32,
    /// The method.
    pub(crate) method: String,
    /// What is said.
    pub(crate) body: Vec<u8>,
    /// Whether it is an error that the proxy itself said.
    pub(crate) is_proxy_error: bool,
}

/// More than any message here; a larger length is a test's failure, not an allocation.
const FRAME_MAX: usize = 32 << 20;
/// Acme's fixed part.
const ACME_HEAD: usize = 18;
/// Acme's first status of a proxy error.
const ACME_PROXY_ERROR: u16 = 900;
/// Length, id and opcode of `length-id`.
const LENGTH_ID_HEAD: usize = 10;
/// The opcode by which `length-id` tells errors.
const LENGTH_ID_ERROR: u16 = 0xFFFF;

impl Wire {
    /// The name that configurations write.
    pub(crate) fn protocol(self) -> &'static str {
        match self {
            Self::Thrift => "thrift",
            Self::Acme => "acme",
            Self::LengthId => "length-id",
            Self::Redis => "redis",
        }
    }

    /// A request.
    pub(crate) fn request(self, id: u32, method: &str, body: &[u8]) -> Vec<u8> {
        match self {
            Self::Thrift => thrift(1, id, method, body),
            Self::Acme => acme(0, id, method, body),
            Self::LengthId => length_id(id, body),
            Self::Redis => [b"*2\r\n$3\r\nGET\r\n", bulk(body).as_slice()].concat(),
        }
    }

    /// The answer to it.
    pub(crate) fn answer(self, request: &Message, body: &[u8]) -> Vec<u8> {
        match self {
            Self::Thrift => thrift(2, request.id, &request.method, body),
            Self::Acme => acme(1, request.id, &request.method, body),
            Self::LengthId => length_id(request.id, body),
            Self::Redis => bulk(body),
        }
    }

    /// Reads one message; `None` at the end of the stream.
    ///
    /// # Errors
    /// The stream broke, or what came is not of this protocol.
    pub(crate) async fn read<R: AsyncRead + Unpin>(
        self,
        stream: &mut R,
    ) -> io::Result<Option<Message>> {
        let head_bytes = match self {
            Self::Thrift => 4,
            Self::Acme => ACME_HEAD,
            Self::LengthId => LENGTH_ID_HEAD,
            Self::Redis => return read_redis(stream).await,
        };
        let mut frame = vec![0; head_bytes];
        if let Err(error) = stream.read_exact(&mut frame).await {
            return match error.kind() {
                io::ErrorKind::UnexpectedEof => Ok(None),
                _ => Err(error),
            };
        }
        let rest_bytes = match self {
            // What its length counts begins behind the length.
            Self::LengthId => (u32_at(&frame, 0) as usize).saturating_sub(LENGTH_ID_HEAD - 4),
            _ => u32_at(&frame, head_bytes - 4) as usize,
        };
        if rest_bytes > FRAME_MAX {
            return Err(garbage("a length beyond reason"));
        }
        frame.resize(head_bytes + rest_bytes, 0);
        stream.read_exact(&mut frame[head_bytes..]).await?;
        match self {
            Self::Thrift => parse_thrift(&frame),
            Self::Acme => parse_acme(&frame),
            _ => Some(parse_length_id(&frame)),
        }
        .map(Some)
        .ok_or_else(|| garbage("not a message"))
    }
}

fn garbage(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap()
}

/// Version and type, name, sequence id, then a struct with field 1, a string.
fn thrift(kind: u8, id: u32, method: &str, body: &[u8]) -> Vec<u8> {
    let mut rest = vec![0x80, 1, 0, kind];
    rest.extend(length(method.as_bytes()).to_be_bytes());
    rest.extend(method.as_bytes());
    rest.extend(id.to_be_bytes());
    rest.extend([11, 0, 1]);
    rest.extend(length(body).to_be_bytes());
    rest.extend(body);
    rest.push(0);
    [length(&rest).to_be_bytes().as_slice(), &rest].concat()
}

fn parse_thrift(frame: &[u8]) -> Option<Message> {
    let kind = *frame.get(7)?;
    let name_end = 12 + u32_at(frame.get(..12)?, 8) as usize;
    let method = String::from_utf8(frame.get(12..name_end)?.to_vec()).ok()?;
    let id = u32_at(frame.get(..name_end + 4)?, name_end);
    let text = name_end + 11;
    let text_bytes = u32_at(frame.get(..text)?, text - 4) as usize;
    Some(Message {
        id,
        method,
        body: frame.get(text..text + text_bytes)?.to_vec(),
        // A TApplicationException also begins with a string: its words.
        is_proxy_error: kind == 3,
    })
}

/// `AC 1`, kind, status, id, time limit, size; service, method, no meta, body.
fn acme(kind: u8, id: u32, method: &str, body: &[u8]) -> Vec<u8> {
    let mut rest = vec![4];
    rest.extend(b"echo");
    rest.push(u8::try_from(method.len()).unwrap());
    rest.extend(method.as_bytes());
    rest.extend([0, 0]);
    rest.extend(body);
    let mut frame = b"AC\x01".to_vec();
    frame.push(kind);
    frame.extend([0, 0]);
    frame.extend(id.to_be_bytes());
    frame.extend([0; 4]);
    frame.extend(length(&rest).to_be_bytes());
    frame.extend(rest);
    frame
}

fn parse_acme(frame: &[u8]) -> Option<Message> {
    if !frame.starts_with(b"AC\x01") {
        return None;
    }
    let status = u16_at(frame, 4);
    let rest = frame.get(ACME_HEAD..)?;
    let service_end = 1 + usize::from(*rest.first()?);
    let method_end = service_end + 1 + usize::from(*rest.get(service_end)?);
    let method = String::from_utf8(rest.get(service_end + 1..method_end)?.to_vec()).ok()?;
    if u16_at(rest.get(..method_end + 2)?, method_end) != 0 {
        return None;
    }
    Some(Message {
        id: u32_at(frame, 6),
        method,
        body: rest.get(method_end + 2..)?.to_vec(),
        is_proxy_error: status >= ACME_PROXY_ERROR,
    })
}

/// Length of the rest, id, opcode 7, body.
fn length_id(id: u32, body: &[u8]) -> Vec<u8> {
    let mut frame = (length(body) + 6).to_be_bytes().to_vec();
    frame.extend(id.to_be_bytes());
    frame.extend([0, 7]);
    frame.extend(body);
    frame
}

fn parse_length_id(frame: &[u8]) -> Message {
    let opcode = u16_at(frame, 8);
    Message {
        id: u32_at(frame, 4),
        method: opcode.to_string(),
        body: frame[LENGTH_ID_HEAD..].to_vec(),
        is_proxy_error: opcode == LENGTH_ID_ERROR,
    }
}

fn bulk(text: &[u8]) -> Vec<u8> {
    let head = format!("${}\r\n", text.len());
    [head.as_bytes(), text, b"\r\n"].concat()
}

/// A request of bulk strings, a bulk string, or an error; its last text is the body.
async fn read_redis<R: AsyncRead + Unpin>(stream: &mut R) -> io::Result<Option<Message>> {
    let Some(line) = redis_line(stream).await? else {
        return Ok(None);
    };
    let (mark, rest) = line.split_at(1);
    let mut words = match mark {
        "*" => rest.parse().map_err(|_| garbage("not a count"))?,
        "-" | "+" => {
            return Ok(Some(Message {
                id: 0,
                method: String::new(),
                body: rest.as_bytes().to_vec(),
                is_proxy_error: rest.starts_with("ERR weft: "),
            }));
        }
        _ => 0,
    };
    let mut head = (mark == "$").then(|| line.clone());
    let mut body = Vec::new();
    while head.is_some() || words > 0 {
        let line = match head.take() {
            Some(line) => line,
            None => {
                words -= 1;
                let line = redis_line(stream).await?;
                line.ok_or(io::ErrorKind::UnexpectedEof)?
            }
        };
        let bytes: Option<usize> = line.strip_prefix('$').and_then(|n| n.parse().ok());
        let bytes = bytes.filter(|n| *n <= FRAME_MAX);
        body = vec![0; bytes.ok_or_else(|| garbage("not a length"))? + 2];
        stream.read_exact(&mut body).await?;
        body.truncate(body.len() - 2);
    }
    Ok(Some(Message {
        id: 0,
        method: String::new(),
        body,
        is_proxy_error: false,
    }))
}

/// One line without its end; `None` at the end of the stream.
async fn redis_line<R: AsyncRead + Unpin>(stream: &mut R) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    while !line.ends_with(b"\r\n") {
        let mut byte = [0];
        match stream.read(&mut byte).await? {
            0 if line.is_empty() => return Ok(None),
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            _ => line.push(byte[0]),
        }
    }
    line.truncate(line.len() - 2);
    match String::from_utf8(line) {
        Ok(line) if !line.is_empty() => Ok(Some(line)),
        _ => Err(garbage("not a line")),
    }
}
