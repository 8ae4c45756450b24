//! The acme protocol as a codec in Rust: the yardstick of what its description costs, and a small
//! whole codec for those who write one.
//!
//! It does what `protocols/acme/protocol.ron` does, by hand: the same proof with the same vectors
//! holds for both. The layout is in `protocols/acme/spec.md`. Configurations cannot name it: acme
//! is described. `weft codec bench` calls it `acme-by-hand`, and the benches put it in the
//! description's place.
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

use std::borrow::Cow;

use weft_codec::{
    Asked, Balance, CannotSay, Codec, ConnectionState, Correlation, Cut, EmitError, Field, Head,
    IdDomain, IdKind, KeyNames, Kind, Limits, Malformed, NewId, OneWayAnswers, Order, ProxyError,
    Rewrite, Say, Sayings, ScanState, Scanned, Side, Sniff, Span, Speaker, Traits, Value, Verdict,
};

const MAGIC: &[u8] = b"AC\x01";
const KIND_AT: usize = 3;
const STATUS_AT: usize = 4;
const ID_AT: usize = 6;
const TIMEOUT_AT: usize = 10;
const SIZE_AT: usize = 14;
/// Bytes before the service's name.
const HEADER_BYTES: usize = 18;
/// The same, as frames count.
const FRAME_BYTES_FIXED: u32 = 18;
/// The header, two empty names and no metadata.
const FRAME_BYTES_MIN: u32 = 22;
/// The status of the first proxy error.
const STATUS_PROXY: u16 = 900;

/// The acme protocol, by hand.
#[derive(Debug)]
pub struct Acme {
    traits: Traits,
}

impl Acme {
    /// The codec.
    #[must_use]
    pub fn new() -> Self {
        Self {
            traits: Traits {
                correlation: Correlation::ById,
                order: Order::AsReady,
                state: ConnectionState::Stateless,
                ids: Some(IdDomain {
                    kind: IdKind::Integer(4),
                    wire_first: 1,
                    wire_last: 0x7FFF_FFFF,
                }),
                speaks_first: Speaker::Downstream,
                one_way_answers: OneWayAnswers::Never,
                says: Sayings {
                    error: true,
                    ping: true,
                    pong: true,
                    deadline: true,
                    ..Sayings::default()
                },
                keys: KeyNames {
                    fixed: Vec::new(),
                    prefixes: vec!["meta.".into()],
                },
                balance: Balance::PeakEwma,
                frame_bytes_min: FRAME_BYTES_MIN,
            },
        }
    }
}

impl Default for Acme {
    fn default() -> Self {
        Self::new()
    }
}

impl Codec for Acme {
    fn name(&self) -> &'static str {
        "acme"
    }

    fn traits(&self) -> &Traits {
        &self.traits
    }

    fn sniff(&self, prefix: &[u8]) -> Sniff {
        match outline(&Limits::default(), prefix) {
            Ok(outline) if matches!(outline.kind, Kind::Answer | Kind::Pong) => Sniff::No,
            Ok(_) => Sniff::Yes,
            Err(Hold::Need(bytes)) => Sniff::Need(bytes),
            Err(Hold::Wrong(..)) => Sniff::No,
        }
    }

    fn scan(
        &self,
        _side: Side,
        limits: &Limits,
        _state: &mut ScanState,
        bytes: &[u8],
        heads: &mut Vec<Head>,
    ) -> Result<Scanned, Malformed> {
        let mut at = 0usize;
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            let found = outline(limits, rest)
                .and_then(|outline| Ok((outline, head_bytes(outline.frame_bytes, limits, rest)?)));
            match found {
                Ok((outline, head_bytes)) => {
                    heads.push(Head {
                        start: u32::try_from(at).unwrap_or(u32::MAX),
                        frame_bytes: outline.frame_bytes,
                        head_bytes,
                        id: Span::new(6, 4),
                        id_value: outline.id.into(),
                        kind: outline.kind,
                        cut: Cut::Cuttable,
                        ..Head::default()
                    });
                    at = at.saturating_add(outline.frame_bytes as usize);
                }
                Err(Hold::Need(need)) => {
                    return Ok(Scanned {
                        consumed: at,
                        need: need.max(rest.len().saturating_add(1)),
                    });
                }
                Err(Hold::Wrong(byte, reason)) => {
                    let byte = byte.min(rest.len());
                    return Err(Malformed::new(at.saturating_add(byte), reason));
                }
            }
        }
    }

    fn remember(&self, _head: &Head, frame: &[u8], asked: &mut Asked) {
        let id = frame.get(ID_AT..TIMEOUT_AT).unwrap_or(&[0; 4]);
        asked.bytes.extend_from_slice(id);
        let names = names(frame).and_then(|(_, _, end)| frame.get(HEADER_BYTES..end));
        asked.bytes.extend_from_slice(names.unwrap_or(&[0, 0]));
    }

    fn field<'a>(
        &self,
        _side: Side,
        head: &Head,
        frame: &'a [u8],
        field: Field<'_>,
    ) -> Option<Value<'a>> {
        let frame = within(head, frame);
        let text = |bytes: &'a [u8]| Some(Value::Bytes(Cow::Borrowed(bytes)));
        let name = |bytes: &'a [u8]| text(bytes).filter(|_| !bytes.is_empty());
        match field {
            Field::Service => name(short(frame, HEADER_BYTES)?.0),
            Field::Method => name(names(frame)?.1),
            Field::Key(key) => text(meta(frame, key.strip_prefix("meta.")?.as_bytes())?),
            Field::DeadlineMs => {
                let left = u64::from(u32_at(frame, TIMEOUT_AT)?);
                (left > 0).then_some(Value::Number(left))
            }
            Field::Status => Some(Value::Number(u16_at(frame, STATUS_AT)?.into())),
            Field::HashKey(_) | Field::Facet => None,
        }
    }

    fn classify(&self, head: &Head, frame: &[u8]) -> Verdict {
        match u16_at(within(head, frame), STATUS_AT) {
            Some(0) => Verdict::Ok,
            Some(503) => Verdict::Overload,
            Some(504) => Verdict::NotExecuted,
            _ => Verdict::ApplicationError,
        }
    }

    fn emit(
        &self,
        side: Side,
        head: &Head,
        frame: &[u8],
        rewrite: &Rewrite<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), EmitError> {
        let id: Option<[u8; 4]> = match rewrite.id {
            NewId::Keep => None,
            NewId::Wire(id) => {
                let id = u32::try_from(id).map_err(|_| EmitError::Id(id))?;
                Some(id.to_be_bytes())
            }
            NewId::Callers(asked) => {
                let noted = asked.bytes.first_chunk::<4>().ok_or_else(incomplete)?;
                Some(*noted)
            }
        };
        let frame = within(head, frame);
        if frame.len() < HEADER_BYTES {
            return Err(incomplete().into());
        }
        let begin = out.len();
        out.extend_from_slice(frame);
        let copy = out.get_mut(begin..).unwrap_or_default();
        if let (Some(id), Some(there)) = (id, copy.get_mut(ID_AT..TIMEOUT_AT)) {
            there.copy_from_slice(&id);
        }
        if let Some(left) = rewrite.deadline_ms
            && side == Side::Downstream
            && matches!(head.kind, Kind::Request | Kind::OneWay)
            && let Some(there) = copy.get_mut(TIMEOUT_AT..SIZE_AT)
        {
            let left = u32::try_from(left).unwrap_or(u32::MAX).max(1);
            there.copy_from_slice(&left.to_be_bytes());
        }
        Ok(())
    }

    fn say(&self, what: &Say<'_>, out: &mut Vec<u8>) -> Result<(), CannotSay> {
        match what {
            Say::Error {
                error,
                words,
                asked,
            } => {
                let number = (0..).zip(ProxyError::ALL).find(|(_, one)| one == error);
                let status = STATUS_PROXY.saturating_add(number.map_or(0, |(number, _)| number));
                let (id, names) = noted(asked)?;
                say(out, 1, status, id, names, words.as_bytes());
            }
            Say::Pong { asked } => {
                let (id, names) = noted(asked)?;
                say(out, 4, 0, id, names, b"");
            }
            Say::Ping { id } => {
                let id = u32::try_from(*id).map_err(|_| CannotSay)?;
                say(out, 3, 0, &id.to_be_bytes(), &[0, 0], b"");
            }
            Say::Local { .. } | Say::GoAway | Say::Farewell { .. } | Say::Cancel { .. } => {
                return Err(CannotSay);
            }
        }
        Ok(())
    }
}

/// Why there is no head.
enum Hold {
    /// So many bytes of the frame must be there.
    Need(usize),
    /// The byte at this offset of the frame is wrong.
    Wrong(usize, Cow<'static, str>),
}

/// What the header says.
#[derive(Clone, Copy)]
struct Outline {
    frame_bytes: u32,
    kind: Kind,
    id: u32,
}

/// Extent, kind and id of the frame at the beginning of `rest`.
#[inline]
fn outline(limits: &Limits, rest: &[u8]) -> Result<Outline, Hold> {
    let Some(magic) = rest.get(..MAGIC.len()) else {
        return Err(Hold::Need(MAGIC.len()));
    };
    if magic != MAGIC {
        return Err(Hold::Wrong(0, "not a frame of acme".into()));
    }
    let Some(header) = rest.first_chunk::<HEADER_BYTES>() else {
        return Err(Hold::Need(HEADER_BYTES));
    };
    let size = u32_at(header, SIZE_AT).unwrap_or_default();
    let frame_bytes = size.saturating_add(FRAME_BYTES_FIXED);
    if frame_bytes < FRAME_BYTES_MIN || frame_bytes > limits.frame_bytes_max {
        return Err(out_of_bounds(frame_bytes));
    }
    let kind = match header.get(KIND_AT) {
        Some(0) => Kind::Request,
        Some(1) => Kind::Answer,
        Some(2) => Kind::OneWay,
        Some(3) => Kind::Ping,
        Some(4) => Kind::Pong,
        _ => return Err(Hold::Wrong(KIND_AT, "an unknown kind of frame".into())),
    };
    Ok(Outline {
        frame_bytes,
        kind,
        id: u32_at(header, ID_AT).unwrap_or_default(),
    })
}

#[cold]
fn out_of_bounds(frame_bytes: u32) -> Hold {
    Hold::Wrong(SIZE_AT, format!("a frame of {frame_bytes} bytes").into())
}

/// How much of the frame is its head: all of it, unless it is long enough to be cut through.
#[inline]
fn head_bytes(frame_bytes: u32, limits: &Limits, rest: &[u8]) -> Result<u32, Hold> {
    let whole = rest.len() >= frame_bytes as usize;
    if frame_bytes <= limits.cut_through_bytes {
        return if whole {
            Ok(frame_bytes)
        } else {
            Err(Hold::Need(frame_bytes as usize))
        };
    }
    let end = limits.head_bytes_max.min(frame_bytes) as usize;
    let body = body_at(rest, end)?;
    Ok(if whole {
        frame_bytes
    } else {
        u32::try_from(body).unwrap_or(u32::MAX)
    })
}

/// Where the payload begins, which must be at or before `end`.
fn body_at(rest: &[u8], end: usize) -> Result<usize, Hold> {
    let overrun = |at| Hold::Wrong(at, "a field reaches past its frame or the limit".into());
    let past = |at: usize, width: usize| -> Result<usize, Hold> {
        let content = at.saturating_add(width);
        if content > end {
            return Err(overrun(at));
        }
        let length = match width {
            1 => rest.get(at).copied().map(usize::from),
            _ => u16_at(rest, at).map(usize::from),
        };
        let behind = content.saturating_add(length.ok_or(Hold::Need(content))?);
        if behind > end {
            Err(overrun(at))
        } else {
            Ok(behind)
        }
    };
    let mut at = past(past(HEADER_BYTES, 1)?, 1)?;
    let first = at.saturating_add(2);
    if first > end {
        return Err(overrun(at));
    }
    let entries = u16_at(rest, at).ok_or(Hold::Need(first))?;
    at = first;
    for _ in 0..entries {
        at = past(past(at, 1)?, 2)?;
    }
    if rest.len() < at {
        return Err(Hold::Need(at));
    }
    Ok(at)
}

/// The bytes of the frame that are there.
fn within<'f>(head: &Head, frame: &'f [u8]) -> &'f [u8] {
    frame.get(..head.frame_bytes as usize).unwrap_or(frame)
}

/// A text after a length of one byte, and the offset behind it.
fn short(frame: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let start = at.saturating_add(1);
    let end = start.saturating_add(usize::from(*frame.get(at)?));
    Some((frame.get(start..end)?, end))
}

/// Service, method, and the offset behind them.
fn names(frame: &[u8]) -> Option<(&[u8], &[u8], usize)> {
    let (service, at) = short(frame, HEADER_BYTES)?;
    let (method, at) = short(frame, at)?;
    Some((service, method, at))
}

/// The value of an entry of the metadata.
fn meta<'f>(frame: &'f [u8], wanted: &[u8]) -> Option<&'f [u8]> {
    let (_, _, at) = names(frame)?;
    let entries = u16_at(frame, at)?;
    let mut at = at.saturating_add(2);
    for _ in 0..entries {
        let (key, behind) = short(frame, at)?;
        let start = behind.saturating_add(2);
        let end = start.saturating_add(usize::from(u16_at(frame, behind)?));
        let value = frame.get(start..end)?;
        if key == wanted {
            return Some(value);
        }
        at = end;
    }
    None
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn incomplete() -> Malformed {
    Malformed::new(0, "the frame is not all there")
}

/// The id and the names of a request.
fn noted(asked: &Asked) -> Result<(&[u8; 4], &[u8]), CannotSay> {
    asked.bytes.split_first_chunk::<4>().ok_or(CannotSay)
}

/// Appends a frame of the mesh's own.
fn say(out: &mut Vec<u8>, kind: u8, status: u16, id: &[u8; 4], names: &[u8], body: &[u8]) {
    out.extend_from_slice(MAGIC);
    out.push(kind);
    out.extend_from_slice(&status.to_be_bytes());
    out.extend_from_slice(id);
    out.extend_from_slice(&[0; 4]);
    let size =
        u32::try_from(names.len().saturating_add(2).saturating_add(body.len())).unwrap_or(u32::MAX);
    out.extend_from_slice(&size.to_be_bytes());
    out.extend_from_slice(names);
    out.extend_from_slice(&[0, 0]);
    out.extend_from_slice(body);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acme_by_hand_passes_the_proof_kit_with_the_vectors_of_its_description() {
        let codec = Acme::new();
        let vectors = concat!(env!("CARGO_MANIFEST_DIR"), "/../../protocols/acme/vectors");
        let report = weft_codec::proof::Proof::new(&codec)
            .vectors(vectors)
            .unwrap()
            .run_all()
            .unwrap_or_else(|failures| panic!("{failures}"));
        assert!(report.ids > 0 && report.replies > 0 && report.cuts > 0);
    }
}
