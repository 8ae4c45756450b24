//! The codec's face: what Dubbo is, and where each question is answered.

use weft_codec::{
    Asked, Balance, CannotSay, Codec, ConnectionState, Correlation, EmitError, Field, Head,
    IdDomain, IdKind, KeyNames, Limits, Malformed, OneWayAnswers, Order, Parts, Rewrite, Say,
    Sayings, ScanState, Scanned, Side, Sniff, Speaker, Traits, Value, Verdict,
};

use crate::{asked, emit, fields, frame, header, parts, say};

/// The Dubbo codec: name `dubbo`, without options and without state.
#[derive(Clone, Debug)]
pub struct Dubbo {
    traits: Traits,
}

/// The last id that lanes use: within what JavaScript's numbers hold, and positive.
const WIRE_LAST: u64 = (1 << 48) - 1;

impl Dubbo {
    /// The codec.
    #[must_use]
    pub fn new() -> Self {
        Self {
            traits: Traits {
                correlation: Correlation::ById,
                order: Order::AsReady,
                state: ConnectionState::Stateless,
                ids: Some(IdDomain {
                    kind: IdKind::Integer(8),
                    wire_first: 1,
                    wire_last: WIRE_LAST,
                }),
                speaks_first: Speaker::Downstream,
                one_way_answers: OneWayAnswers::Maybe,
                says: Sayings {
                    error: true,
                    ping: true,
                    pong: true,
                    go_away: true,
                    deadline: true,
                    cancel: false,
                    farewell: false,
                },
                keys: KeyNames {
                    fixed: vec![fields::VERSION.to_owned(), fields::GROUP.to_owned()],
                    prefixes: vec![fields::ATTACHMENT_PREFIX.to_owned()],
                },
                balance: Balance::PeakEwma,
                frame_bytes_min: header::HEADER_BYTES,
            },
        }
    }
}

impl Default for Dubbo {
    fn default() -> Self {
        Self::new()
    }
}

impl Codec for Dubbo {
    fn name(&self) -> &str {
        "dubbo"
    }

    fn traits(&self) -> &Traits {
        &self.traits
    }

    fn sniff(&self, prefix: &[u8]) -> Sniff {
        header::sniff(prefix)
    }

    fn scan(
        &self,
        _side: Side,
        limits: &Limits,
        _state: &mut ScanState,
        bytes: &[u8],
        heads: &mut Vec<Head>,
    ) -> Result<Scanned, Malformed> {
        frame::scan(limits, bytes, heads)
    }

    fn remember(&self, head: &Head, frame: &[u8], asked: &mut Asked) {
        asked::write(head, frame, asked);
    }

    fn field<'a>(
        &self,
        _side: Side,
        head: &Head,
        frame: &'a [u8],
        field: Field<'_>,
    ) -> Option<Value<'a>> {
        fields::read(head, frame, field)
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
            Say::Pong { asked } => say::pong(asked, out),
            Say::Ping { id } => {
                say::ping(*id, out);
                Ok(())
            }
            Say::GoAway => {
                say::read_only(out);
                Ok(())
            }
            Say::Local { .. } | Say::Farewell { .. } | Say::Cancel { .. } => Err(CannotSay),
        }
    }

    fn parts(&self, _side: Side, _head: Option<&Head>, frame: &[u8], parts: &mut Parts) {
        parts::name(frame, parts);
    }
}

#[cfg(test)]
mod tests;
