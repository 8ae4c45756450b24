//! The codec that reads nothing: bytes are relayed as they come (plain L4).
//!
//! Its correlation is [`Correlation::Raw`], by which the engine never asks it for frames: a
//! connection is given a lane of its own and bytes pass both ways. It can say nothing, so the
//! mesh closes where another protocol would answer with an error.

#![warn(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::arithmetic_side_effects
)]

use weft_codec::{
    Asked, Balance, CannotSay, Codec, ConnectionState, Correlation, EmitError, Field, Head,
    KeyNames, Limits, Malformed, OneWayAnswers, Order, Rewrite, Say, Sayings, ScanState, Scanned,
    Side, Sniff, Speaker, Traits, Value, Verdict,
};

/// The codec of no protocol, called `raw`.
#[derive(Debug)]
pub struct Raw {
    traits: Traits,
}

impl Default for Raw {
    fn default() -> Self {
        Self::new()
    }
}

impl Raw {
    /// A codec; all are alike.
    #[must_use]
    pub fn new() -> Self {
        Self {
            traits: Traits {
                correlation: Correlation::Raw,
                order: Order::InOrder,
                state: ConnectionState::Stateless,
                ids: None,
                speaks_first: Speaker::Downstream,
                one_way_answers: OneWayAnswers::Never,
                says: Sayings::default(),
                keys: KeyNames::default(),
                balance: Balance::PeakEwma,
                frame_bytes_min: 1,
            },
        }
    }
}

impl Codec for Raw {
    fn name(&self) -> &str {
        "raw"
    }

    fn traits(&self) -> &Traits {
        &self.traits
    }

    /// Never: on a port that several protocols share, bytes of none of them are refused.
    fn sniff(&self, _prefix: &[u8]) -> Sniff {
        Sniff::No
    }

    /// Finds no frame, whatever the bytes: the engine relays them without asking.
    fn scan(
        &self,
        _side: Side,
        _limits: &Limits,
        _state: &mut ScanState,
        bytes: &[u8],
        _heads: &mut Vec<Head>,
    ) -> Result<Scanned, Malformed> {
        Ok(Scanned {
            consumed: 0,
            need: bytes.len().saturating_add(1),
        })
    }

    fn remember(&self, _head: &Head, _frame: &[u8], _asked: &mut Asked) {}

    fn field<'a>(
        &self,
        _side: Side,
        _head: &Head,
        _frame: &'a [u8],
        _field: Field<'_>,
    ) -> Option<Value<'a>> {
        None
    }

    fn classify(&self, _head: &Head, _frame: &[u8]) -> Verdict {
        Verdict::Ok
    }

    fn emit(
        &self,
        _side: Side,
        _head: &Head,
        frame: &[u8],
        _rewrite: &Rewrite<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), EmitError> {
        out.extend_from_slice(frame);
        Ok(())
    }

    fn say(&self, _what: &Say<'_>, _out: &mut Vec<u8>) -> Result<(), CannotSay> {
        Err(CannotSay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weft_codec::proof::Proof;

    #[test]
    fn no_bytes_are_a_frame() {
        let raw = Raw::new();
        let mut heads = Vec::new();
        let scanned = raw
            .scan(
                Side::Downstream,
                &Limits::default(),
                &mut ScanState::default(),
                b"*1\r\n$4\r\nPING\r\n",
                &mut heads,
            )
            .unwrap();
        assert_eq!((scanned.consumed, scanned.need, heads.len()), (0, 15, 0));
    }

    #[test]
    fn hostile_bytes_are_taken_in_silence() {
        let raw = Raw::new();
        let mut proof = Proof::new(&raw);
        proof.check_replies();
        proof.check_hostile();
        let report = proof
            .finish()
            .unwrap_or_else(|failures| panic!("{failures}"));
        assert_eq!(report.mutated_heads, 0);
    }

    #[test]
    fn a_copy_is_the_bytes() {
        let mut out = Vec::new();
        Raw::new()
            .emit(
                Side::Upstream,
                &Head::default(),
                b"any",
                &Rewrite::NOTHING,
                &mut out,
            )
            .unwrap();
        assert_eq!(out, b"any");
    }
}
