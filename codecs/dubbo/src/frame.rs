//! Finding frames, and what each is.

use weft_codec::{Cut, Head, Kind, Limits, Malformed, Scanned, Span};

use crate::{
    header::{self, EVENT, HEADER_BYTES, HESSIAN2, Header, REQUEST, SERIALIZATION, TWO_WAY},
    invocation::{self, Invocation},
};

/// Event data that says nothing: a heartbeat.
const NULL: &[u8] = b"N";

/// Event data by which a server says that it takes nothing new: the text `R`.
pub(crate) const READ_ONLY: &[u8] = b"\x01R";

/// How much of a large answer is its head: the header, and what kind of result follows.
const ANSWER_HEAD_BYTES: u32 = HEADER_BYTES + 1;

/// Finds all heads in `bytes`. Needs no state: what is unfinished is looked at again only when
/// as many bytes are there as were asked for.
pub(crate) fn scan(
    limits: &Limits,
    bytes: &[u8],
    heads: &mut Vec<Head>,
) -> Result<Scanned, Malformed> {
    let mut consumed = 0usize;
    loop {
        let rest = bytes.get(consumed..).unwrap_or_default();
        let found = first(limits, rest).map_err(|mut malformed| {
            malformed.at = malformed.at.saturating_add(consumed);
            malformed
        })?;
        match found {
            Found::Head(mut head) => {
                let Ok(start) = u32::try_from(consumed) else {
                    return Ok(Scanned { consumed, need: 1 });
                };
                head.start = start;
                consumed = consumed.saturating_add(head.frame_bytes as usize);
                heads.push(head);
                if consumed >= bytes.len() {
                    // One byte can be wrong already.
                    return Ok(Scanned { consumed, need: 1 });
                }
            }
            Found::Need(need) => return Ok(Scanned { consumed, need }),
        }
    }
}

enum Found {
    Head(Head),
    Need(usize),
}

/// The first frame of `bytes`.
#[inline]
fn first(limits: &Limits, bytes: &[u8]) -> Result<Found, Malformed> {
    let header = match Header::read(bytes)? {
        Ok(header) => header,
        Err(need) => return Ok(Found::Need(need)),
    };
    let frame_bytes = header.body_bytes.saturating_add(HEADER_BYTES);
    if frame_bytes > limits.frame_bytes_max {
        return Err(too_long(header.body_bytes, limits));
    }
    let cut = cut_of(header.flags);
    match bytes.get(..frame_bytes as usize) {
        Some(frame) => Ok(Found::Head(Head {
            head_bytes: frame_bytes,
            ..head_of(&header, frame, frame_bytes, cut)
        })),
        None if cut == Cut::Whole || frame_bytes <= limits.cut_through_bytes => {
            Ok(Found::Need(frame_bytes as usize))
        }
        None => {
            let head_bytes = ANSWER_HEAD_BYTES.min(frame_bytes);
            match bytes.get(..head_bytes as usize) {
                None => Ok(Found::Need(head_bytes as usize)),
                Some(frame) => Ok(Found::Head(Head {
                    head_bytes,
                    ..head_of(&header, frame, frame_bytes, cut)
                })),
            }
        }
    }
}

/// A request's attachments, among them what rules and deadlines need, stand at its very end: it
/// must be complete. Answers, and requests whose body cannot be read, need not be.
fn cut_of(flags: u8) -> Cut {
    let readable = flags & SERIALIZATION == HESSIAN2;
    if flags & EVENT != 0 || (flags & REQUEST != 0 && readable) {
        Cut::Whole
    } else {
        Cut::Cuttable
    }
}

#[inline]
fn head_of(header: &Header, frame: &[u8], frame_bytes: u32, cut: Cut) -> Head {
    let kind = kind_of(header.flags, header::body(frame));
    let mut head = Head {
        frame_bytes,
        id: header::ID,
        id_value: header.id,
        kind,
        cut,
        ..Head::default()
    };
    if matches!(kind, Kind::Request | Kind::OneWay)
        && header.flags & SERIALIZATION == HESSIAN2
        && let Some(invocation) = invocation::read(frame)
    {
        head.method = invocation.method;
        head.notes = notes_of(&invocation);
    }
    head
}

#[inline]
fn kind_of(flags: u8, body: &[u8]) -> Kind {
    let two_way = flags & TWO_WAY != 0;
    match (flags & REQUEST != 0, flags & EVENT != 0) {
        (true, false) if two_way => Kind::Request,
        (true, false) => Kind::OneWay,
        (false, false) => Kind::Answer,
        (false, true) => Kind::Pong,
        (true, true) => match body {
            // Heartbeats are answered whether they ask for it or not: there are clients that do
            // not, and servers answer them.
            NULL | [] => Kind::Ping,
            READ_ONLY => Kind::GoAway,
            _ if two_way => Kind::Ping,
            // An event that nobody knows and nobody waits for: like a pong, it ends here.
            _ => Kind::Pong,
        },
    }
}

/// What [`Head::notes`] hold of a request: where path and version stand, where the parameter types
/// begin, and where the value of the attachment `timeout` begins; 0 where there is none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Notes {
    pub(crate) path: Span,
    pub(crate) version: Span,
    pub(crate) types_at: usize,
    pub(crate) timeout_at: usize,
}

/// Reads the notes of a head.
pub(crate) fn notes(head: &Head) -> Notes {
    let [path, version, types_at, timeout_at] = head.notes;
    let span = |packed: u32| Span::new(packed >> 16, packed & 0xffff);
    Notes {
        path: span(path),
        version: span(version),
        types_at: types_at as usize,
        timeout_at: timeout_at as usize,
    }
}

fn notes_of(invocation: &Invocation) -> [u32; 4] {
    // The names stand within the first 64 KiB, or they were not read.
    let packed = |span: Span| span.start << 16 | span.len & 0xffff;
    [
        packed(invocation.path),
        packed(invocation.version),
        invocation.types_at,
        invocation.timeout_at,
    ]
}

#[cold]
fn too_long(body_bytes: u32, limits: &Limits) -> Malformed {
    Malformed::new(
        12,
        format!(
            "a body of {body_bytes} bytes; the limit is {}",
            limits.frame_bytes_max.saturating_sub(HEADER_BYTES)
        ),
    )
}
