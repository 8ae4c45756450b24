//! What a proof did, and what failed.

use std::fmt;

/// Counts of what was checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Vectors that decoded as they say and came out byte for byte.
    pub vectors: u64,
    /// Ways in which a stream was cut, each giving the same heads.
    pub cuts: u64,
    /// Ids put in and taken out again.
    pub ids: u64,
    /// Frames whose end was mended as it passed.
    pub tails: u64,
    /// Parts that were named, all lying where they must.
    pub parts: u64,
    /// Replies said and decoded.
    pub replies: u64,
    /// Mutated or random buffers scanned.
    pub mutations: u64,
    /// Heads that were still found in those.
    pub mutated_heads: u64,
    /// Complaints that were raised about those.
    pub mutated_complaints: u64,
}

/// The failures of a proof; printing them shows one paragraph each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    /// `(check, what failed)`.
    pub list: Vec<(&'static str, String)>,
    dropped: usize,
    /// Whether checks were left out because frames do not decode as they should.
    pub(super) left_out: bool,
}

/// How many failures of one check are kept.
const PER_CHECK_MAX: usize = 20;

impl Failures {
    pub(super) fn add(&mut self, check: &'static str, what: impl Into<String>) {
        if self.list.iter().filter(|(of, _)| *of == check).count() < PER_CHECK_MAX {
            self.list.push((check, what.into()));
        } else {
            self.dropped += 1;
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

impl fmt::Display for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = self.list.len() + self.dropped;
        writeln!(f, "{total} failure(s) of the codec's proof:")?;
        for (check, what) in &self.list {
            writeln!(f, "  {check}: {what}")?;
        }
        if self.dropped > 0 {
            writeln!(f, "  and {} more", self.dropped)?;
        }
        if self.left_out {
            writeln!(f, "  the other checks wait until every frame decodes")?;
        }
        Ok(())
    }
}

impl std::error::Error for Failures {}
