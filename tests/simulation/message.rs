//! Messages as clients and backends mean them, and the dialects that put them on the wire.
//!
//! Written apart from the codecs on purpose: a mistake in a codec must show as a disagreement.

use weft_codec::{Effect, Kind, ProxyError};

use crate::codec::{Choice, EFFECTS, ERROR_STATUS, KINDS, MAGIC, PREFIX, SUFFIX};

/// One frame as its sender means it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    /// What it is.
    pub(crate) kind: Kind,
    /// The id that it carries; 0 where the dialect has none.
    pub(crate) id: u64,
    /// Its bytes as they were read, where they are more than a number: an answer repeats them.
    pub(crate) id_bytes: Vec<u8>,
    /// Whose login it relies on, where the dialect has logins; 0 is nobody's.
    pub(crate) user: u8,
    /// Of an answer.
    pub(crate) status: Status,
    /// May be executed twice.
    pub(crate) idempotent: bool,
    /// May not be cut through.
    pub(crate) whole: bool,
    /// What it does to its connection.
    pub(crate) effect: Effect,
    /// Its id cannot be patched.
    pub(crate) exclusive: bool,
    /// More frames of the same answer follow.
    pub(crate) more: bool,
    /// Milliseconds left; 0 for none.
    pub(crate) deadline_ms: u32,
    /// Who asked.
    pub(crate) client: u32,
    /// Which of the client's requests.
    pub(crate) sequence: u32,
    /// Unique in the run.
    pub(crate) nonce: u64,
    /// The service asked for, or the server that answered.
    pub(crate) name: u16,
    /// Filler bytes, made from the nonce.
    pub(crate) filler: u32,
}

/// What an answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum Status {
    /// Served.
    #[default]
    Ok,
    /// The application's own error.
    Application,
    /// The server has too much to do.
    Overload,
    /// The server did not execute it.
    NotExecuted,
    /// The mesh speaks.
    Proxy(ProxyError),
}

impl Message {
    /// The nonce of an answer that carries none: the mesh's errors in real protocols.
    pub(crate) const NOBODYS: u64 = u64::MAX;

    /// A message with nothing in it but its kind.
    pub(crate) fn empty(kind: Kind) -> Self {
        Self {
            kind,
            id: 0,
            id_bytes: Vec::new(),
            user: 0,
            status: Status::Ok,
            idempotent: false,
            whole: false,
            effect: Effect::Stateless,
            exclusive: false,
            more: false,
            deadline_ms: 0,
            client: 0,
            sequence: 0,
            nonce: 0,
            name: 0,
            filler: 0,
        }
    }

    /// The answer of `server` to this request.
    pub(crate) fn answer(&self, server: u16, filler: u32, status: Status) -> Self {
        Self {
            kind: Kind::Answer,
            status,
            name: server,
            filler,
            whole: false,
            effect: Effect::Stateless,
            deadline_ms: 0,
            ..self.clone()
        }
    }
}

/// What stands at the front of a stream.
#[derive(Debug)]
pub(crate) enum Read {
    /// A message and how many bytes it took.
    Message(Message, usize),
    /// Not all of it is there.
    More,
    /// Not of the dialect: the words say what.
    Broken(String),
}

/// How messages stand on the wire.
pub(crate) trait Dialect: std::fmt::Debug {
    /// Appends `message` to `out`.
    fn write(&self, message: &Message, out: &mut Vec<u8>);
    /// Reads the first message in `bytes`; `from_client` says who sent it.
    fn read(&self, bytes: &[u8], from_client: bool) -> Read;
}

/// The byte at `at` of a filler.
pub(crate) fn filler_byte(nonce: u64, at: usize) -> u8 {
    (nonce.rotate_left((at % 61) as u32) as u8) ^ (at >> 3) as u8
}

/// Appends `count` filler bytes.
pub(crate) fn write_filler(nonce: u64, count: u32, out: &mut Vec<u8>) {
    out.extend((0..count as usize).map(|at| filler_byte(nonce, at)));
}

/// Whether `bytes` are the filler of `nonce`.
pub(crate) fn check_filler(nonce: u64, bytes: &[u8]) -> bool {
    bytes
        .iter()
        .enumerate()
        .all(|(at, byte)| *byte == filler_byte(nonce, at))
}

/// The dialect of `codec.rs`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SimDialect {
    /// Bytes of an id.
    pub(crate) id_bytes: usize,
}

impl SimDialect {
    pub(crate) fn new(choice: Choice) -> Self {
        Self {
            id_bytes: choice.id_bytes,
        }
    }
}

impl Dialect for SimDialect {
    fn write(&self, message: &Message, out: &mut Vec<u8>) {
        let kind = KINDS.iter().position(|k| *k == message.kind).unwrap_or(0) as u8;
        let effect = EFFECTS
            .iter()
            .position(|e| *e == message.effect)
            .unwrap_or(0) as u8;
        let flags = u8::from(message.idempotent)
            | u8::from(message.whole) << 1
            | effect << 2
            | u8::from(message.exclusive) << 5
            | u8::from(message.more) << 6;
        let status = match message.status {
            Status::Ok => 0,
            Status::Application => 1,
            Status::Overload => 2,
            Status::NotExecuted => 3,
            Status::Proxy(error) => {
                ERROR_STATUS
                    + ProxyError::ALL
                        .iter()
                        .position(|e| *e == error)
                        .unwrap_or(0) as u8
            }
        };
        out.extend_from_slice(&[MAGIC, kind, flags, status]);
        let rest = (self.id_bytes + SUFFIX) as u32 + message.filler;
        out.extend_from_slice(&rest.to_be_bytes());
        out.extend_from_slice(&message.id.to_be_bytes()[8 - self.id_bytes..]);
        out.extend_from_slice(&message.deadline_ms.to_be_bytes());
        out.extend_from_slice(&message.client.to_be_bytes());
        out.extend_from_slice(&message.sequence.to_be_bytes());
        out.extend_from_slice(&message.nonce.to_be_bytes());
        out.extend_from_slice(&message.name.to_be_bytes());
        write_filler(message.nonce, message.filler, out);
    }

    fn read(&self, bytes: &[u8], _from_client: bool) -> Read {
        let head = PREFIX + self.id_bytes + SUFFIX;
        if bytes.len() < head {
            return Read::More;
        }
        if bytes[0] != MAGIC {
            return Read::Broken(format!("begins with {:#04x}", bytes[0]));
        }
        let number = |at: usize, len: usize| {
            bytes[at..at + len]
                .iter()
                .fold(0u64, |n, byte| n << 8 | u64::from(*byte))
        };
        let frame = PREFIX + number(4, 4) as usize;
        if frame < head {
            return Read::Broken(format!("a frame of {frame} bytes"));
        }
        if bytes.len() < frame {
            return Read::More;
        }
        let Some(kind) = KINDS.get(bytes[1] as usize) else {
            return Read::Broken(format!("kind {}", bytes[1]));
        };
        let who = PREFIX + self.id_bytes + 4;
        let nonce = number(who + 8, 8);
        let status = match bytes[3] {
            0 => Status::Ok,
            2 => Status::Overload,
            3 => Status::NotExecuted,
            byte if byte >= ERROR_STATUS => {
                match ProxyError::ALL.get((byte - ERROR_STATUS) as usize) {
                    Some(error) => Status::Proxy(*error),
                    None => return Read::Broken(format!("status {byte}")),
                }
            }
            _ => Status::Application,
        };
        let from_mesh = matches!(status, Status::Proxy(_));
        if !from_mesh && !check_filler(nonce, &bytes[head..frame]) {
            return Read::Broken(format!("filler of {nonce:#x} is wrong"));
        }
        let message = Message {
            kind: *kind,
            id: number(PREFIX, self.id_bytes),
            id_bytes: Vec::new(),
            user: 0,
            status,
            idempotent: bytes[2] & 1 != 0,
            whole: bytes[2] & 2 != 0,
            effect: EFFECTS[(bytes[2] >> 2 & 7) as usize],
            exclusive: bytes[2] & 32 != 0,
            more: bytes[2] & 64 != 0,
            deadline_ms: number(who - 4, 4) as u32,
            client: number(who, 4) as u32,
            sequence: number(who + 4, 4) as u32,
            nonce,
            name: number(who + 16, 2) as u16,
            filler: (frame - head) as u32,
        };
        Read::Message(message, frame)
    }
}
