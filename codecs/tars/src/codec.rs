//! The codec's face: what TARS is, and where each question is answered.

use weft_codec::{
    Asked, Balance, CannotSay, Codec, ConnectionState, Correlation, EmitError, Field, Head,
    IdDomain, IdKind, KeyNames, Limits, Malformed, OneWayAnswers, Order, Parts, Rewrite, Say,
    Sayings, ScanState, Scanned, Side, Sniff, Speaker, Traits, Value, Verdict,
};

use crate::{asked, emit, fields, frame, parts, say};

/// The TARS codec: name `tars`, without options and without state.
#[derive(Clone, Debug)]
pub struct Tars {
    traits: Traits,
}

/// The first id that lanes use: with it ids begin to take 32 bits.
const WIRE_FIRST: u64 = 1 << 15;

/// The last positive id.
const WIRE_LAST: u64 = (1 << 31) - 1;

impl Tars {
    /// The codec.
    #[must_use]
    pub fn new() -> Self {
        let prefixes = [fields::CONTEXT_PREFIX, fields::STATUS_PREFIX];
        Self {
            traits: Traits {
                correlation: Correlation::ById,
                order: Order::AsReady,
                // Nothing changes a connection, but pings are answered by the mesh itself.
                state: ConnectionState::PerRequest,
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
                    prefixes: prefixes.map(str::to_owned).to_vec(),
                },
                balance: Balance::PeakEwma,
                frame_bytes_min: frame::FRAME_BYTES_MIN,
            },
        }
    }
}

impl Default for Tars {
    fn default() -> Self {
        Self::new()
    }
}

impl Codec for Tars {
    fn name(&self) -> &str {
        "tars"
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
        _side: Side,
        head: &Head,
        frame: &[u8],
        rewrite: &Rewrite<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), EmitError> {
        emit::emit(head, frame, rewrite, out)
    }

    fn say(&self, what: &Say<'_>, out: &mut Vec<u8>) -> Result<(), CannotSay> {
        match what {
            Say::Error {
                error,
                words,
                asked,
            } => say::error(*error, words, asked, out),
            Say::Local { asked } => say::alive(asked, out),
            Say::Pong { .. }
            | Say::Ping { .. }
            | Say::GoAway
            | Say::Farewell { .. }
            | Say::Cancel { .. } => Err(CannotSay),
        }
    }

    fn parts(&self, side: Side, _head: Option<&Head>, frame: &[u8], into: &mut Parts) {
        parts::name(side, frame, into);
    }
}

#[cfg(test)]
mod tests;
