//! The codec's face: what binary memcached is, and where each question is answered.

use weft_codec::{
    Asked, Balance, CannotSay, Codec, ConnectionState, Correlation, EmitError, Field, Head,
    IdDomain, IdKind, KeyNames, Limits, Malformed, OneWayAnswers, Order, Parts, Rewrite, Say,
    Sayings, ScanState, Scanned, Side, Sniff, Speaker, Traits, Value, Verdict,
};

use crate::{emit, fields, frame, parts, say};

/// The codec of memcached's binary protocol: name `memcached`, without options and without
/// state.
#[derive(Clone, Debug)]
pub struct Memcached {
    traits: Traits,
}

impl Memcached {
    /// The codec.
    #[must_use]
    pub fn new() -> Self {
        Self {
            traits: Traits {
                // Servers answer in order; the opaque tells an answer all the same, and tells it
                // surely.
                correlation: Correlation::ById,
                order: Order::InOrder,
                state: ConnectionState::PerRequest,
                ids: Some(IdDomain {
                    kind: IdKind::Integer(4),
                    wire_first: 1,
                    wire_last: u32::MAX as u64,
                }),
                speaks_first: Speaker::Downstream,
                one_way_answers: OneWayAnswers::Never,
                says: Sayings {
                    error: true,
                    ..Sayings::default()
                },
                keys: KeyNames {
                    fixed: vec![fields::KEY.to_owned(), fields::COMMAND.to_owned()],
                    prefixes: Vec::new(),
                },
                balance: Balance::RingHash,
                frame_bytes_min: 24,
            },
        }
    }
}

impl Default for Memcached {
    fn default() -> Self {
        Self::new()
    }
}

impl Codec for Memcached {
    fn name(&self) -> &str {
        "memcached"
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
        emit::remember(head, frame, asked);
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

    fn classify(&self, head: &Head, _frame: &[u8]) -> Verdict {
        fields::classify(head)
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
            Say::Local { asked } => say::local(asked, out),
            Say::Pong { .. }
            | Say::Ping { .. }
            | Say::GoAway
            | Say::Farewell { .. }
            | Say::Cancel { .. } => Err(CannotSay),
        }
    }

    fn parts(&self, _side: Side, _head: Option<&Head>, frame: &[u8], into: &mut Parts) {
        parts::name(frame, into);
    }
}

#[cfg(test)]
mod tests;
