//! The codec's face: what Thrift is, and where each question is answered.

use weft_codec::{
    Asked, Balance, CannotSay, Codec, ConnectionState, Correlation, EmitError, Field, Head,
    IdDomain, IdKind, KeyNames, Limits, Malformed, OneWayAnswers, Order, Parts, Rewrite, Say,
    Sayings, ScanState, Scanned, Side, Sniff, Speaker, Traits, Value, Verdict,
};

use crate::{asked, emit, fields, frame, parts, say};

/// The Thrift codec: name `thrift`, without options and without state.
#[derive(Clone, Debug)]
pub struct Thrift {
    traits: Traits,
}

/// The first id that lanes use: with it compact ids begin to take four bytes.
const WIRE_FIRST: u64 = 1 << 21;

/// The last id that takes four bytes in compact; positive as an `i32` too.
const WIRE_LAST: u64 = (1 << 28) - 1;

impl Thrift {
    /// The codec.
    #[must_use]
    pub fn new() -> Self {
        Self {
            traits: Traits {
                correlation: Correlation::ById,
                order: Order::AsReady,
                state: ConnectionState::Stateless,
                ids: Some(IdDomain {
                    kind: IdKind::Varint,
                    wire_first: WIRE_FIRST,
                    wire_last: WIRE_LAST,
                }),
                speaks_first: Speaker::Downstream,
                one_way_answers: OneWayAnswers::Never,
                says: Sayings {
                    error: true,
                    deadline: true,
                    ..Sayings::default()
                },
                keys: KeyNames {
                    fixed: Vec::new(),
                    prefixes: vec![fields::HEADER_PREFIX.to_owned()],
                },
                balance: Balance::PeakEwma,
                frame_bytes_min: frame::FRAME_BYTES_MIN,
            },
        }
    }
}

impl Default for Thrift {
    fn default() -> Self {
        Self::new()
    }
}

impl Codec for Thrift {
    fn name(&self) -> &str {
        "thrift"
    }

    fn traits(&self) -> &Traits {
        &self.traits
    }

    fn sniff(&self, prefix: &[u8]) -> Sniff {
        frame::sniff(prefix)
    }

    fn scan(
        &self,
        side: Side,
        limits: &Limits,
        _state: &mut ScanState,
        bytes: &[u8],
        heads: &mut Vec<Head>,
    ) -> Result<Scanned, Malformed> {
        frame::scan(side, limits, bytes, heads)
    }

    fn remember(&self, head: &Head, frame: &[u8], asked: &mut Asked) {
        asked::write(head, frame, asked);
    }

    fn field<'a>(
        &self,
        side: Side,
        head: &Head,
        frame: &'a [u8],
        field: Field<'_>,
    ) -> Option<Value<'a>> {
        fields::read(side, head, frame, field)
    }

    fn classify(&self, head: &Head, frame: &[u8]) -> Verdict {
        fields::classify(head, frame)
    }

    fn emit(
        &self,
        side: Side,
        head: &Head,
        frame: &[u8],
        rewrite: &Rewrite<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), EmitError> {
        emit::emit(side, head, frame, rewrite, out)
    }

    fn say(&self, what: &Say<'_>, out: &mut Vec<u8>) -> Result<(), CannotSay> {
        match what {
            Say::Error {
                error,
                words,
                asked,
            } => say::error(*error, words, asked, out),
            Say::Local { .. }
            | Say::Pong { .. }
            | Say::Ping { .. }
            | Say::GoAway
            | Say::Farewell { .. }
            | Say::Cancel { .. } => Err(CannotSay),
        }
    }

    fn parts(&self, _side: Side, head: Option<&Head>, frame: &[u8], parts: &mut Parts) {
        let end = head.map_or(frame.len(), |head| head.frame_bytes as usize);
        parts::name(frame.get(..end).unwrap_or(frame), parts);
    }
}

#[cfg(test)]
mod tests;
