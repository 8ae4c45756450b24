//! The proof kit: what every codec must pass, as a library that its tests and
//! `weft codec check` call.
//!
//! ```ignore
//! let report = Proof::new(&codec).vectors("../../protocols/acme/vectors")?.run_all()?;
//! ```
//!
//! Modules stand in the order in which the checks run. The kit knows the contract and no
//! protocol; it opens no socket and reads no clock, but for [`linear_work`].

mod vector;
pub use vector::{Vector, VectorError, VectorFile, load, load_file};

mod report;
pub use report::{Failures, Report};

mod feed;
pub use feed::{Fed, feed};

mod decode;

mod cuts;
pub use cuts::linear_work;

mod ids;

mod tails;

mod parts;

mod replies;

mod hostile;
pub use hostile::look_into;

use std::path::Path;

use crate::{Codec, Limits};

/// A codec and the vectors it is proved against. Built by chaining; each `check_…` can be
/// called alone, [`Proof::run_all`] calls them all.
#[derive(Debug)]
pub struct Proof<'c> {
    codec: &'c dyn Codec,
    files: Vec<VectorFile>,
    seed: u64,
    mutations: u32,
    limits: Limits,
    report: Report,
    failures: Failures,
}

impl<'c> Proof<'c> {
    /// A proof without vectors, with seed 1, 20,000 mutations and a frame limit of 1 MiB.
    #[must_use]
    pub fn new(codec: &'c dyn Codec) -> Self {
        Self {
            codec,
            files: Vec::new(),
            seed: 1,
            mutations: 20_000,
            limits: Limits {
                frame_bytes_max: 1 << 20,
                ..Limits::default()
            },
            report: Report::default(),
            failures: Failures::default(),
        }
    }

    /// Adds every `*.ron` file of a folder, in the order of their names.
    ///
    /// # Errors
    /// A file that cannot be read or is not of the format, with line and column; a folder
    /// without vectors.
    pub fn vectors(mut self, folder: impl AsRef<Path>) -> Result<Self, VectorError> {
        self.files.extend(load(folder.as_ref())?);
        Ok(self)
    }

    /// Adds frames that a test made itself: one stream, in order.
    #[must_use]
    pub fn with(mut self, file: VectorFile) -> Self {
        self.files.push(file);
        self
    }

    /// The seed of every random choice. Default 1; a failure names it.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// How many mutated buffers [`Proof::check_hostile`] makes. Default 20,000.
    #[must_use]
    pub fn mutations(mut self, mutations: u32) -> Self {
        self.mutations = mutations;
        self
    }

    /// The limits given to every scan. Default: those of [`Limits`], but 1 MiB for a frame.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Runs every check and gives the counts of what was done. The others start from frames
    /// that decode, so that they are left out where [`Proof::check_vectors`] found a failure:
    /// they would only repeat it.
    ///
    /// # Errors
    /// [`Failures`], at most 20 for each check, readable as they print.
    pub fn run_all(mut self) -> Result<Report, Failures> {
        self.check_vectors();
        if !self.failures.is_empty() {
            self.failures.left_out = true;
            return self.finish();
        }
        self.check_cuts();
        self.check_ids();
        self.check_tails();
        self.check_parts();
        self.check_replies();
        self.check_hostile();
        self.finish()
    }

    /// Ends a proof whose checks were called one by one.
    ///
    /// # Errors
    /// [`Failures`] if any check failed, or none did anything.
    pub fn finish(mut self) -> Result<Report, Failures> {
        if self.report == Report::default() {
            self.failures.add("proof", "nothing was checked");
        }
        if self.failures.is_empty() {
            Ok(self.report)
        } else {
            Err(self.failures)
        }
    }
}

#[cfg(test)]
mod tests;
