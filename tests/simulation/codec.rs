//! A small framed protocol whose traits can be chosen: every correlation mode and id width.
//!
//! This is the codec that engines under test are given. Clients and backends do not use it:
//! they read and write the same bytes by themselves, in `message.rs`.
//!
//! | offset | bytes | what |
//! | --- | --- | --- |
//! | 0 | 1 | `W` |
//! | 1 | 1 | kind |
//! | 2 | 1 | flags: 1 idempotent, 2 must be whole, 4 to 28 effect, 32 exclusive, 64 more follows |
//! | 3 | 1 | status of an answer; 100 and more are proxy errors |
//! | 4 | 4 | bytes that follow, big-endian |
//! | 8 | w | id, big-endian, w = 0, 1, 2, 4 or 8 |
//! | 8+w | 4 | deadline in milliseconds, 0 for none |
//! | 12+w | 18 | client u32, sequence u32, nonce u64, service or server u16 |
//! | 30+w | | filler, a function of the nonce |

use std::borrow::Cow;

use weft_codec::{
    Asked, Balance, CannotSay, Codec, ConnectionState, Correlation, Cut, Effect, EmitError, Field,
    Head, IdDomain, IdKind, KeyNames, Kind, Limits, Malformed, NewId, OneWayAnswers, Order,
    ProxyError, Rewrite, Say, Sayings, ScanState, Scanned, Side, Sniff, Span, Speaker, Traits,
    Value, Verdict,
};

/// The first byte of every frame.
pub(crate) const MAGIC: u8 = b'W';
/// Bytes before the id.
pub(crate) const PREFIX: usize = 8;
/// Bytes from the deadline to the filler.
pub(crate) const SUFFIX: usize = 22;
/// Status of the first proxy error.
pub(crate) const ERROR_STATUS: u8 = 100;
/// The server name in answers that the mesh gives by itself.
pub(crate) const MESH: u16 = 0xFFFF;
/// Kinds by their number on the wire.
pub(crate) const KINDS: [Kind; 9] = [
    Kind::Request,
    Kind::Answer,
    Kind::OneWay,
    Kind::Ping,
    Kind::Pong,
    Kind::Push,
    Kind::GoAway,
    Kind::Cancel,
    Kind::Handshake,
];
/// Effects by their number in the flags.
pub(crate) const EFFECTS: [Effect; 8] = [
    Effect::Stateless,
    Effect::Blocking,
    Effect::Pin,
    Effect::Unpin,
    Effect::Local,
    Effect::Quit,
    Effect::Facet,
    Effect::Tunnel,
];

/// What may be chosen about the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    /// How answers find their requests.
    pub(crate) correlation: Correlation,
    /// The order that clients expect.
    pub(crate) order: Order,
    /// Bytes of an id; 0 for none.
    pub(crate) id_bytes: usize,
    /// Whether one-ways are answered.
    pub(crate) one_way: OneWayAnswers,
    /// Whether heads carry effects.
    pub(crate) effects: bool,
    /// Whether a cancel and a go-away can be said.
    pub(crate) polite: bool,
    /// Whether servers greet.
    pub(crate) greets: bool,
}

impl Choice {
    /// Ids of so many bytes, answers in any order.
    pub(crate) const fn by_id(id_bytes: usize) -> Self {
        Self {
            correlation: Correlation::ById,
            order: Order::AsReady,
            id_bytes,
            one_way: OneWayAnswers::Never,
            effects: false,
            polite: false,
            greets: false,
        }
    }

    /// No ids, everything in order.
    pub(crate) const fn in_order() -> Self {
        Self::by_id(0).with(Correlation::InOrder, Order::InOrder)
    }

    /// The same with another correlation and order.
    pub(crate) const fn with(mut self, correlation: Correlation, order: Order) -> Self {
        self.correlation = correlation;
        self.order = order;
        self
    }
}

/// The codec.
#[derive(Debug)]
pub(crate) struct SimCodec {
    traits: Traits,
    id_bytes: usize,
}

impl SimCodec {
    pub(crate) fn new(choice: Choice) -> Self {
        let ids = (choice.id_bytes > 0).then(|| IdDomain {
            kind: IdKind::Integer(choice.id_bytes as u8),
            wire_first: 0,
            wire_last: match choice.id_bytes {
                8 => u64::MAX,
                bytes => (1 << (8 * bytes)) - 1,
            },
        });
        let traits = Traits {
            correlation: choice.correlation,
            order: choice.order,
            state: if choice.effects {
                ConnectionState::PerRequest
            } else {
                ConnectionState::Stateless
            },
            ids,
            speaks_first: if choice.greets {
                Speaker::Upstream
            } else {
                Speaker::Downstream
            },
            one_way_answers: choice.one_way,
            says: Sayings {
                error: true,
                ping: choice.id_bytes > 0,
                pong: true,
                go_away: choice.polite,
                farewell: false,
                cancel: choice.polite,
                deadline: true,
            },
            keys: KeyNames {
                fixed: vec!["client".to_owned()],
                prefixes: Vec::new(),
            },
            balance: Balance::PeakEwma,
            frame_bytes_min: (PREFIX + choice.id_bytes + SUFFIX) as u32,
        };
        Self {
            traits,
            id_bytes: choice.id_bytes,
        }
    }

    fn head_bytes(&self) -> usize {
        PREFIX + self.id_bytes + SUFFIX
    }

    /// The head of the frame that begins `bytes`, or how many bytes it takes to say.
    fn head(&self, limits: &Limits, bytes: &[u8], at: usize) -> Result<Option<Head>, Malformed> {
        if bytes.first().is_some_and(|byte| *byte != MAGIC) {
            return Err(Malformed::new(at, "expected `W`"));
        }
        if bytes.len() < PREFIX {
            return Ok(None);
        }
        let kind = *KINDS
            .get(bytes[1] as usize)
            .ok_or_else(|| Malformed::new(at + 1, "unknown kind"))?;
        let rest = u32::from_be_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]) as u64;
        let frame_bytes = PREFIX as u64 + rest;
        if frame_bytes < self.head_bytes() as u64 {
            return Err(Malformed::new(at + 4, "too short for a frame"));
        }
        if frame_bytes > u64::from(limits.frame_bytes_max) {
            return Err(Malformed::new(at + 4, "over the frame limit"));
        }
        if bytes.len() < self.head_bytes() {
            return Ok(None);
        }
        let cut = if bytes[2] & 2 == 0 {
            Cut::Cuttable
        } else {
            Cut::Whole
        };
        let through = cut == Cut::Cuttable && frame_bytes > u64::from(limits.cut_through_bytes);
        if !through && (bytes.len() as u64) < frame_bytes {
            return Ok(None);
        }
        let id = &bytes[PREFIX..PREFIX + self.id_bytes];
        Ok(Some(Head {
            start: at as u32,
            frame_bytes: frame_bytes as u32,
            head_bytes: if through {
                self.head_bytes() as u32
            } else {
                frame_bytes as u32
            },
            id: Span::new(PREFIX as u32, self.id_bytes as u32),
            id_value: id.iter().fold(0, |id, byte| id << 8 | u64::from(*byte)),
            method: Span::default(),
            kind,
            cut,
            effect: EFFECTS[(bytes[2] >> 2 & 7) as usize],
            more: bytes[2] & 64 != 0,
            exclusive: bytes[2] & 32 != 0,
            notes: [0; 4],
        }))
    }

    /// How many bytes must be there before another look is worth it.
    fn need(&self, limits: &Limits, bytes: &[u8]) -> usize {
        let head = self.head_bytes();
        if bytes.len() < head {
            return if bytes.len() < PREFIX { PREFIX } else { head };
        }
        let rest = u32::from_be_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]) as usize;
        let frame = PREFIX + rest;
        if bytes[2] & 2 == 0 && frame > limits.cut_through_bytes as usize {
            head
        } else {
            frame
        }
    }

    fn write(&self, what: (Kind, u8), id: u64, who: &[u8], text: &[u8], out: &mut Vec<u8>) {
        let (kind, status) = what;
        let kind = KINDS.iter().position(|k| *k == kind).unwrap_or(0) as u8;
        out.extend_from_slice(&[MAGIC, kind, 0, status]);
        let rest = (self.id_bytes + SUFFIX + text.len()) as u32;
        out.extend_from_slice(&rest.to_be_bytes());
        out.extend_from_slice(&id.to_be_bytes()[8 - self.id_bytes..]);
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(who.get(..16).unwrap_or(&[0; 16]));
        out.extend_from_slice(&MESH.to_be_bytes());
        out.extend_from_slice(text);
    }
}

/// The id that `remember` noted.
fn asked_id(asked: &Asked) -> u64 {
    let mut id = [0; 8];
    if let Some(bytes) = asked.bytes.get(..8) {
        id.copy_from_slice(bytes);
    }
    u64::from_be_bytes(id)
}

impl Codec for SimCodec {
    fn name(&self) -> &str {
        "sim"
    }

    fn traits(&self) -> &Traits {
        &self.traits
    }

    fn sniff(&self, prefix: &[u8]) -> Sniff {
        match prefix.first() {
            None => Sniff::Need(1),
            Some(&MAGIC) => Sniff::Yes,
            Some(_) => Sniff::No,
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
        let mut consumed = 0;
        while let Some(head) = self.head(limits, bytes.get(consumed..).unwrap_or(&[]), consumed)? {
            heads.push(head);
            consumed += head.frame_bytes as usize;
            if consumed > bytes.len() {
                break;
            }
        }
        let rest = bytes.get(consumed..).unwrap_or(&[]);
        let need = self.need(limits, rest);
        Ok(Scanned { consumed, need })
    }

    fn remember(&self, head: &Head, frame: &[u8], asked: &mut Asked) {
        asked.bytes.extend_from_slice(&head.id_value.to_be_bytes());
        let who = PREFIX + self.id_bytes + 4;
        asked
            .bytes
            .extend_from_slice(frame.get(who..who + 16).unwrap_or(&[]));
    }

    fn field<'a>(
        &self,
        _side: Side,
        _head: &Head,
        frame: &'a [u8],
        field: Field<'_>,
    ) -> Option<Value<'a>> {
        let who = PREFIX + self.id_bytes + 4;
        let word = |at: usize| -> Option<u64> {
            let bytes = frame.get(at..at + 4)?;
            Some(bytes.iter().fold(0, |n, byte| n << 8 | u64::from(*byte)))
        };
        match field {
            Field::Service => {
                let service = frame.get(who + 16..who + 18)?;
                Some(Value::Bytes(Cow::Owned(
                    format!("s{}", u16::from_be_bytes([service[0], service[1]])).into_bytes(),
                )))
            }
            Field::Method => Some(Value::Bytes(Cow::Borrowed(if frame.get(2)? & 1 == 1 {
                b"get"
            } else {
                b"put"
            }))),
            Field::Key("client") => word(who).map(Value::Number),
            Field::HashKey(0) => Some(Value::Bytes(Cow::Borrowed(frame.get(who + 8..who + 16)?))),
            Field::DeadlineMs => word(who - 4).filter(|ms| *ms > 0).map(Value::Number),
            Field::Status => Some(Value::Number(u64::from(*frame.get(3)?))),
            Field::Facet => word(who + 4).map(|sequence| Value::Number(sequence & 1)),
            _ => None,
        }
    }

    fn classify(&self, _head: &Head, frame: &[u8]) -> Verdict {
        match frame.get(3) {
            Some(0) | None => Verdict::Ok,
            Some(2) => Verdict::Overload,
            Some(3) => Verdict::NotExecuted,
            Some(4) => Verdict::Unavailable,
            Some(_) => Verdict::ApplicationError,
        }
    }

    fn emit(
        &self,
        _side: Side,
        head: &Head,
        frame: &[u8],
        rewrite: &Rewrite<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), EmitError> {
        if frame.len() < self.head_bytes() || frame.len() < head.head_bytes as usize {
            return Err(Malformed::new(frame.len(), "the head is not all there").into());
        }
        let id = match rewrite.id {
            NewId::Keep => None,
            NewId::Wire(id) => Some(id),
            NewId::Callers(asked) => Some(asked_id(asked)),
        };
        if let (Some(id), Some(domain)) = (id, &self.traits.ids)
            && id > domain.wire_last
        {
            return Err(EmitError::Id(id));
        }
        let start = out.len();
        out.extend_from_slice(frame);
        let at = start + PREFIX;
        if let Some(id) = id {
            out[at..at + self.id_bytes].copy_from_slice(&id.to_be_bytes()[8 - self.id_bytes..]);
        }
        if let Some(ms) = rewrite.deadline_ms {
            let ms = u32::try_from(ms).unwrap_or(u32::MAX);
            out[at + self.id_bytes..at + self.id_bytes + 4].copy_from_slice(&ms.to_be_bytes());
        }
        Ok(())
    }

    fn say(&self, what: &Say<'_>, out: &mut Vec<u8>) -> Result<(), CannotSay> {
        let who = |asked: &Asked| asked.bytes.get(8..).unwrap_or(&[]).to_vec();
        match what {
            Say::Error {
                error,
                words,
                asked,
            } => {
                let index = ProxyError::ALL.iter().position(|e| e == error);
                let status = ERROR_STATUS + index.unwrap_or(0) as u8;
                let id = asked_id(asked);
                self.write(
                    (Kind::Answer, status),
                    id,
                    &who(asked),
                    words.as_bytes(),
                    out,
                );
            }
            Say::Local { asked } => {
                self.write((Kind::Answer, 0), asked_id(asked), &who(asked), &[], out);
            }
            Say::Pong { asked } => {
                self.write((Kind::Pong, 0), asked_id(asked), &who(asked), &[], out);
            }
            Say::Ping { id } if self.traits.says.ping => {
                self.write((Kind::Ping, 0), *id, &[], &[], out);
            }
            Say::GoAway if self.traits.says.go_away => {
                self.write((Kind::GoAway, 0), 0, &[], &[], out);
            }
            Say::Cancel { id } if self.traits.says.cancel => {
                self.write((Kind::Cancel, 0), *id, &[], &[], out);
            }
            _ => return Err(CannotSay),
        }
        Ok(())
    }
}
