//! A compiled description behind the contract of a codec.

use weft_codec::{
    Asked, CannotSay, Codec, EmitError, Field, Head, Limits, Malformed, Parts, Rewrite, Say,
    ScanState, Scanned, Side, Sniff, Tail, Traits, Value, Verdict,
};
use weft_ron::Complaint;

use crate::check;
use crate::program::Program;

/// A protocol that was described in RON.
#[derive(Debug)]
pub struct Layout {
    program: Program,
}

impl Layout {
    /// Reads, checks and compiles a description. `file_name` is only repeated in complaints.
    ///
    /// # Errors
    /// Every mistake that was found, in the order of the text, each with its line, column,
    /// reason and mend. A text that cannot be read at all gives the first mistake alone.
    pub fn compile(file_name: &str, text: &str) -> Result<Self, Vec<Complaint>> {
        let raw = weft_ron::from_str(file_name, text).map_err(|complaint| vec![complaint])?;
        let program = check::check(file_name, text, &raw)?;
        Ok(Self { program })
    }
}

impl Codec for Layout {
    fn name(&self) -> &str {
        &self.program.name
    }

    fn traits(&self) -> &Traits {
        &self.program.traits
    }

    fn idempotent(&self) -> &[String] {
        &self.program.idempotent
    }

    fn sniff(&self, prefix: &[u8]) -> Sniff {
        self.program.sniff(prefix)
    }

    fn scan(
        &self,
        side: Side,
        limits: &Limits,
        state: &mut ScanState,
        bytes: &[u8],
        heads: &mut Vec<Head>,
    ) -> Result<Scanned, Malformed> {
        self.program.scan((side, limits), state, bytes, heads)
    }

    fn remember(&self, head: &Head, frame: &[u8], asked: &mut Asked) {
        self.program.remember(head, frame, asked);
    }

    fn field<'a>(
        &self,
        side: Side,
        head: &Head,
        frame: &'a [u8],
        field: Field<'_>,
    ) -> Option<Value<'a>> {
        self.program.field(side, head, frame, field)
    }

    fn classify(&self, head: &Head, frame: &[u8]) -> Verdict {
        self.program.classify(head, frame)
    }

    fn emit(
        &self,
        side: Side,
        head: &Head,
        frame: &[u8],
        rewrite: &Rewrite<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), EmitError> {
        self.program.emit(side, (head, frame), rewrite, out)
    }

    fn tail(&self, _side: Side, head: &Head, frame: &[u8], emitted: &[u8]) -> Option<Tail> {
        self.program.tail(head, frame, emitted)
    }

    fn parts(&self, side: Side, head: Option<&Head>, frame: &[u8], parts: &mut Parts) {
        self.program.name_parts(side, head, frame, parts);
    }

    fn say(&self, what: &Say<'_>, out: &mut Vec<u8>) -> Result<(), CannotSay> {
        self.program.say(what, out)
    }
}
