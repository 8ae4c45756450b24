//! The smallest protocol that has everything: eight bytes of head and a body.
//!
//! `length u16 · kind u8 · more u8 · id u32 · body`, big endian, the length of the whole frame.
//! The first byte of a body is the method, and says what a request does to its connection. A body
//! that begins with `+` ends in two bytes, the sum of all bytes of the frame before them.

use std::sync::atomic::{AtomicUsize, Ordering};

use weft_codec::{
    Asked, Balance, CHECKSUM_BYTES_MAX, CannotSay, Codec, ConnectionState, Correlation, Cut,
    Effect, EmitError, Field, Head, IdDomain, IdKind, KeyNames, Kind, Limits, Malformed, NewId,
    OneWayAnswers, Order, Rewrite, RunningSum, Say, Sayings, ScanState, Scanned, Side, Sniff, Span,
    Speaker, Tail, Traits, Value, Verdict,
};

pub(crate) const HEAD_BYTES: usize = 8;

const KINDS: [Kind; 9] = [
    Kind::Request,
    Kind::OneWay,
    Kind::Answer,
    Kind::Push,
    Kind::Ping,
    Kind::Pong,
    Kind::GoAway,
    Kind::Cancel,
    Kind::Handshake,
];

/// The test protocol; its traits are each test's own.
#[derive(Debug)]
pub(crate) struct Tiny {
    pub(crate) name: &'static str,
    pub(crate) traits: Traits,
    /// How often bytes of clients were scanned.
    pub(crate) scans: AtomicUsize,
    /// What one version noted, another may not read.
    pub(crate) version: u8,
    /// The method by which a client's first frame is known; any if there is none.
    pub(crate) opening: Option<u8>,
}

impl Tiny {
    pub(crate) fn new(correlation: Correlation, order: Order) -> Self {
        Self {
            name: "tiny",
            version: 1,
            opening: None,
            traits: Traits {
                correlation,
                order,
                state: ConnectionState::PerRequest,
                ids: (correlation != Correlation::InOrder).then_some(IdDomain {
                    kind: IdKind::Integer(4),
                    wire_first: 1,
                    wire_last: u64::from(u32::MAX),
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
                keys: KeyNames::default(),
                balance: Balance::PeakEwma,
                frame_bytes_min: HEAD_BYTES as u32,
            },
            scans: AtomicUsize::new(0),
        }
    }
}

impl Tiny {
    fn is_mine(&self, head: &Head) {
        let version = u32::from(self.version);
        assert_eq!(head.notes[0], version, "read by another version");
    }
}

/// A whole frame.
pub(crate) fn frame(kind: Kind, id: u32, body: &[u8]) -> Vec<u8> {
    let number = KINDS.iter().position(|k| *k == kind).expect("listed");
    let mut bytes = ((HEAD_BYTES + body.len()) as u16).to_be_bytes().to_vec();
    bytes.extend([number as u8, 0]);
    bytes.extend(id.to_be_bytes());
    bytes.extend(body);
    bytes
}

/// An answer of which more frames follow.
pub(crate) fn part(id: u32, body: &[u8]) -> Vec<u8> {
    let mut bytes = frame(Kind::Answer, id, body);
    bytes[3] = 1;
    bytes
}

/// Bytes of the sum that ends some frames.
pub(crate) const SUM_BYTES: usize = 2;

/// A frame with a sum at its end.
pub(crate) fn summed(kind: Kind, id: u32, body: &[u8]) -> Vec<u8> {
    let mut bytes = frame(kind, id, &[b"+", body, b"??"].concat());
    mend(&mut bytes);
    bytes
}

/// Puts the sum of what stands before it at a frame's end.
fn mend(frame: &mut [u8]) {
    let at = frame.len() - SUM_BYTES;
    let mut sum = Added(0);
    sum.add(&frame[..at]);
    frame[at..].copy_from_slice(&sum.0.to_be_bytes());
}

/// All bytes added up.
#[derive(Debug)]
struct Added(u16);

impl RunningSum for Added {
    fn add(&mut self, bytes: &[u8]) {
        assert!(!bytes.ends_with(b"~tail"), "told to");
        for byte in bytes {
            self.0 = self.0.wrapping_add(u16::from(*byte));
        }
    }

    fn wire_bytes(&self) -> [u8; CHECKSUM_BYTES_MAX] {
        let [high, low] = self.0.to_be_bytes();
        [high, low, 0, 0, 0, 0, 0, 0]
    }
}

/// An id whose request cannot be answered in words without a panic.
pub(crate) const UNSPEAKABLE: u32 = 0xDEAD;

/// Panics if a body tells this call to: `"~emit"`.
fn obey(call: &str, frame: &[u8]) {
    let told = frame.get(HEAD_BYTES..).unwrap_or_default();
    assert_ne!(told.strip_prefix(b"~"), Some(call.as_bytes()), "told to");
}

fn read(frame: &[u8]) -> Head {
    let bytes = u32::from(u16::from_be_bytes([frame[0], frame[1]]));
    let id = u32::from_be_bytes([frame[4], frame[5], frame[6], frame[7]]);
    Head {
        frame_bytes: bytes,
        head_bytes: bytes.min(HEAD_BYTES as u32 + 1),
        id: Span::new(4, 4),
        id_value: u64::from(id),
        kind: KINDS[frame[2] as usize % KINDS.len()],
        cut: match frame.get(HEAD_BYTES) {
            Some(b'+') => Cut::ChecksumTail,
            _ => Cut::Cuttable,
        },
        effect: match frame.get(HEAD_BYTES) {
            Some(b'F') => Effect::Facet,
            Some(b'P') => Effect::Pin,
            Some(b'T') => Effect::Tunnel,
            Some(b'B') => Effect::Blocking,
            Some(b'Q') => Effect::Quit,
            _ => Effect::Stateless,
        },
        more: frame[3] == 1,
        exclusive: frame.get(HEAD_BYTES) == Some(&b'X')
            || frame
                .get(HEAD_BYTES..)
                .is_some_and(|body| body.starts_with(b"FX")),
        ..Head::default()
    }
}

fn said(out: &mut Vec<u8>, kind: Kind, id: u64) -> Result<(), CannotSay> {
    out.extend(frame(kind, id as u32, format!("{kind:?}").as_bytes()));
    Ok(())
}

impl Codec for Tiny {
    fn name(&self) -> &str {
        self.name
    }

    fn traits(&self) -> &Traits {
        &self.traits
    }

    fn sniff(&self, prefix: &[u8]) -> Sniff {
        match (self.opening, prefix.get(HEAD_BYTES)) {
            (None, _) => Sniff::Yes,
            (Some(_), None) => Sniff::Need(HEAD_BYTES + 1),
            (Some(opening), Some(method)) if opening == *method => Sniff::Yes,
            _ => Sniff::No,
        }
    }

    fn scan(
        &self,
        side: Side,
        limits: &Limits,
        _: &mut ScanState,
        bytes: &[u8],
        heads: &mut Vec<Head>,
    ) -> Result<Scanned, Malformed> {
        if side == Side::Downstream {
            self.scans.fetch_add(1, Ordering::Relaxed);
        }
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| rest.len() > HEAD_BYTES) {
            let mut head = read(rest);
            let whole = head.frame_bytes as usize;
            if whole <= HEAD_BYTES {
                return Err(Malformed::new(at, "a frame without a body"));
            }
            if rest.len() < whole && head.frame_bytes <= limits.cut_through_bytes {
                break;
            }
            if head.cut == Cut::ChecksumTail && (whole - SUM_BYTES + 1..whole).contains(&rest.len())
            {
                break;
            }
            if rest.len() >= whole {
                head.head_bytes = head.frame_bytes;
            }
            head.start = at as u32;
            head.notes[0] = u32::from(self.version);
            obey("scan", &rest[..whole.min(rest.len())]);
            heads.push(head);
            at += whole;
        }
        let need = bytes.len().saturating_sub(at) + 1;
        Ok(Scanned { consumed: at, need })
    }

    fn remember(&self, head: &Head, frame: &[u8], asked: &mut Asked) {
        obey("remember", frame);
        self.is_mine(head);
        asked.bytes.extend_from_slice(&frame[4..HEAD_BYTES]);
        asked.bytes.push(self.version);
    }

    fn field<'a>(&self, _: Side, _: &Head, frame: &'a [u8], field: Field<'_>) -> Option<Value<'a>> {
        obey("field", frame);
        match field {
            Field::Method => frame
                .get(HEAD_BYTES..=HEAD_BYTES)
                .map(|method| Value::Bytes(method.into())),
            // A caller in a hurry.
            Field::DeadlineMs if frame.get(HEAD_BYTES) == Some(&b'D') => Some(Value::Number(500)),
            _ => None,
        }
    }

    fn classify(&self, _: &Head, frame: &[u8]) -> Verdict {
        obey("classify", frame);
        Verdict::Ok
    }

    fn emit(
        &self,
        _: Side,
        head: &Head,
        frame: &[u8],
        rewrite: &Rewrite<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), EmitError> {
        // Nobody wants to hear "quiet".
        if matches!(rewrite.id, NewId::Callers(_)) && frame[HEAD_BYTES..].starts_with(b"quiet") {
            return Ok(());
        }
        let at = out.len();
        out.extend_from_slice(frame);
        obey("emit", frame);
        self.is_mine(head);
        let id = &mut out[at + 4..at + HEAD_BYTES];
        match rewrite.id {
            NewId::Keep => {}
            NewId::Wire(wire) => id.copy_from_slice(&(wire as u32).to_be_bytes()),
            NewId::Callers(asked) => {
                assert_eq!(asked.bytes[4], self.version, "asked by another version");
                id.copy_from_slice(&asked.bytes[..4]);
            }
        }
        if head.cut == Cut::ChecksumTail && frame.len() == head.frame_bytes as usize {
            mend(&mut out[at..]);
        }
        Ok(())
    }

    fn tail(&self, _: Side, head: &Head, frame: &[u8], emitted: &[u8]) -> Option<Tail> {
        let mut sums = [Added(0), Added(0)];
        sums[0].add(frame);
        sums[1].add(emitted);
        let [came, goes] = sums.map(Box::new);
        let covered = head.frame_bytes as usize - SUM_BYTES - frame.len();
        (head.cut == Cut::ChecksumTail).then(|| Tail::new(came, goes, covered as u64, SUM_BYTES))
    }

    fn say(&self, what: &Say<'_>, out: &mut Vec<u8>) -> Result<(), CannotSay> {
        let (kind, asked, body) = match what {
            Say::Error { error, asked, .. } => (Kind::Answer, asked, format!("!{}", error.label())),
            Say::Local { asked } => (Kind::Answer, asked, "local".to_owned()),
            Say::Pong { asked } => (Kind::Pong, asked, "pong".to_owned()),
            Say::Ping { id } => return said(out, Kind::Ping, *id),
            Say::Cancel { id } if self.traits.says.cancel => return said(out, Kind::Cancel, *id),
            Say::GoAway if self.traits.says.go_away => return said(out, Kind::GoAway, 0),
            // Whose first word was rude gets none.
            Say::Farewell { opening } if self.traits.says.farewell && opening.bytes[3] != 13 => {
                (Kind::GoAway, opening, "farewell".to_owned())
            }
            _ => return Err(CannotSay),
        };
        let id = u32::from_be_bytes(asked.bytes[..4].try_into().expect("four bytes"));
        assert_eq!(asked.bytes[4], self.version, "asked by another version");
        out.push(0);
        assert_ne!(id, UNSPEAKABLE, "told to");
        out.pop();
        out.extend(frame(kind, id, body.as_bytes()));
        Ok(())
    }
}
