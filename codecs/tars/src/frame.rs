//! Finding packets: length, form and kind of each, and what bytes that are no TARS look like.

use weft_codec::{Cut, Effect, Head, Kind, Limits, Malformed, Scanned, Side, Sniff, Span};

use crate::jce::{Reader, Stop};
use crate::packet::{self, Answer, Request, Says};

/// The length, and the fields that no packet is without, each at its shortest.
pub(crate) const FRAME_BYTES_MIN: u32 = 10;

/// Bytes of the packet's length, which counts itself.
pub(crate) const LENGTH_BYTES: usize = 4;

/// From so many bytes on, an unfinished packet must look like one.
const BEGINNING_BYTES: usize = 8;

/// The call by which clients ask whether a servant is alive.
const PING: &[u8] = b"tars_ping";

/// The answer is in the form of a request, as TUP has it.
pub(crate) const TUP: u32 = 1 << 8;

/// What [`Head::notes`] hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Notes {
    /// Where the servant's name stands; empty in an answer that has none.
    pub(crate) servant: Span,
    /// The result of an answer that is not in the form of a request.
    pub(crate) result: i32,
    /// Where the fields begin that were not read.
    pub(crate) rest_at: usize,
    pub(crate) version: u8,
    /// Whether an answer is in the form of a request.
    pub(crate) tup: bool,
}

impl Notes {
    pub(crate) fn of(head: &Head) -> Self {
        let [first, second, rest_at, flags] = head.notes;
        let [version, ..] = flags.to_le_bytes();
        let tup = flags & TUP != 0;
        let named = tup || head.kind != Kind::Answer;
        Self {
            servant: if named {
                Span::new(first, second)
            } else {
                Span::default()
            },
            result: if named { 0 } else { first.cast_signed() },
            rest_at: rest_at as usize,
            version,
            tup,
        }
    }
}

/// Finds all heads in `bytes`. Needs no state: what is unfinished is looked at again only when
/// as many bytes are there as were asked for.
pub(crate) fn scan(
    side: Side,
    limits: &Limits,
    bytes: &[u8],
    heads: &mut Vec<Head>,
) -> Result<Scanned, Malformed> {
    let mut consumed = 0usize;
    loop {
        let rest = bytes.get(consumed..).unwrap_or_default();
        let found = first(side, limits, rest).map_err(|mut malformed| {
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
                    let need = LENGTH_BYTES;
                    return Ok(Scanned { consumed, need });
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

/// The first packet of `bytes`.
fn first(side: Side, limits: &Limits, bytes: &[u8]) -> Result<Found, Malformed> {
    let Some(&length) = bytes.first_chunk::<4>() else {
        return Ok(Found::Need(LENGTH_BYTES));
    };
    let frame_bytes = u32::from_be_bytes(length);
    if !(FRAME_BYTES_MIN..=limits.frame_bytes_max).contains(&frame_bytes) {
        return Err(wrong_length(length, limits));
    }
    let whole = bytes.get(..frame_bytes as usize);
    let reader = |bytes| {
        Reader::new(bytes, LENGTH_BYTES, frame_bytes as usize).within(limits.head_bytes_max)
    };
    let read = match (whole, side) {
        (Some(frame), Side::Downstream) => packet::read_request(reader(frame))
            .map(|request| head_of_request(frame, frame_bytes, &request)),
        (Some(frame), Side::Upstream) => packet::read_answer(reader(frame))
            .map(|answer| head_of_answer(frame_bytes, frame_bytes, &answer)),
        // The maps of a request stand behind its body, so it must be there whole; an answer may
        // be passed on once its id is known.
        (None, Side::Upstream) if frame_bytes > limits.cut_through_bytes => {
            packet::read_answer(reader(bytes)).map(|answer| {
                let head_bytes = u32::try_from(answer.rest_at).unwrap_or(u32::MAX);
                head_of_answer(frame_bytes, head_bytes, &answer)
            })
        }
        // Bytes that are no TARS are refused at the eighth, not kept until the length that they
        // seem to claim.
        (None, _) => match bytes.first_chunk::<BEGINNING_BYTES>() {
            None => return Ok(Found::Need(BEGINNING_BYTES)),
            Some(beginning) => match packet::version(&mut reader(beginning)) {
                Err(Stop::Malformed(malformed)) => return Err(malformed),
                _ => return Ok(Found::Need(frame_bytes as usize)),
            },
        },
    };
    match read {
        Ok(head) => Ok(Found::Head(head)),
        Err(Stop::Need(need)) => Ok(Found::Need(need)),
        Err(Stop::Malformed(malformed)) => Err(malformed),
    }
}

fn head_of_request(frame: &[u8], frame_bytes: u32, request: &Request) -> Head {
    let kind = if request.one_way {
        Kind::OneWay
    } else {
        Kind::Request
    };
    Head {
        start: 0,
        frame_bytes,
        head_bytes: frame_bytes,
        id: request.id.span,
        id_value: id_value(request.id.value),
        method: request.function,
        kind,
        cut: Cut::Whole,
        effect: if request.function.of(frame) == Some(PING) {
            Effect::Local
        } else {
            Effect::Stateless
        },
        notes: [
            request.servant.start,
            request.servant.len,
            u32::try_from(request.rest_at).unwrap_or(u32::MAX),
            request.version.into(),
        ],
        ..Head::default()
    }
}

fn head_of_answer(frame_bytes: u32, head_bytes: u32, answer: &Answer) -> Head {
    let rest_at = u32::try_from(answer.rest_at).unwrap_or(u32::MAX);
    let version = u32::from(answer.version);
    let (method, notes) = match answer.says {
        Says::Result(result) => (
            Span::default(),
            [result.cast_unsigned(), 0, rest_at, version],
        ),
        Says::Tup { servant, function } => (
            function,
            [servant.start, servant.len, rest_at, version | TUP],
        ),
    };
    Head {
        start: 0,
        frame_bytes,
        head_bytes,
        id: answer.id.span,
        id_value: id_value(answer.id.value),
        method,
        kind: Kind::Answer,
        cut: Cut::Cuttable,
        notes,
        ..Head::default()
    }
}

/// An id as a number: ids are `i32`, their bits count.
fn id_value(id: i64) -> u64 {
    i32::try_from(id).map_or(0, |id| u64::from(id.cast_unsigned()))
}

/// Whether a client's first bytes are a TARS packet.
pub(crate) fn sniff(prefix: &[u8]) -> Sniff {
    match prefix {
        // 1 GiB and more: another protocol's first letters.
        [first, ..] if *first >= 0x40 => Sniff::No,
        // The version in one byte, then the packet's type: 0, or in one byte.
        [_, _, _, _, 0x10, 1 | 2 | 3 | 5, 0x2c | 0x20, ..] => Sniff::Yes,
        [_, _, _, _, _, _, _, ..] => Sniff::No,
        _ => Sniff::Need(7),
    }
}

#[cold]
fn wrong_length(length: [u8; 4], limits: &Limits) -> Malformed {
    let bytes = u32::from_be_bytes(length);
    let reason = if bytes < FRAME_BYTES_MIN {
        format!("a packet length of {bytes}, too short for a packet; it counts itself")
    } else {
        let looks = match &length {
            b"GET " | b"POST" | b"PUT " | b"HEAD" => ": looks like an HTTP request",
            [0x16, 0x03, ..] => ": looks like a TLS handshake",
            _ => "",
        };
        let limit = limits.frame_bytes_max;
        format!("a packet length of {bytes}; the limit is {limit}{looks}")
    };
    Malformed::new(0, reason)
}
