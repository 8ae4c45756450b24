//! What the threads of a run and those who watch it share: counts, handed over ten times a
//! second, and the order to stop.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use hdrhistogram::CreationError;

use super::driver::nanos;
use super::tally::Tally;

/// Shared by the threads of a run and its watchers.
#[derive(Debug)]
pub(crate) struct Live {
    tallies: Mutex<Tallies>,
    started: Instant,
    /// Nanoseconds since `started`; 0 while nobody said stop.
    stopped_ns: AtomicU64,
}

#[derive(Debug)]
struct Tallies {
    /// Since the run began; latencies since the warm-up ended.
    total: Tally,
    /// Since somebody last looked.
    recent: Tally,
    /// When something was last handed over, in nanoseconds since the run began …
    added_ns: u64,
    /// … and when that was as somebody last looked.
    taken_ns: u64,
}

impl Live {
    /// Nothing counted yet.
    pub(crate) fn new(methods: usize, started: Instant) -> Result<Self, CreationError> {
        Ok(Self {
            tallies: Mutex::new(Tallies {
                total: Tally::new(methods)?,
                recent: Tally::new(methods)?,
                added_ns: 0,
                taken_ns: 0,
            }),
            started,
            stopped_ns: AtomicU64::new(0),
        })
    }

    /// Adds what a thread has counted; its latencies belong to the total only after the warm-up.
    pub(super) fn add(&self, part: &Tally, measuring: bool) {
        let mut tallies = self.lock();
        tallies.total.add(part, measuring);
        tallies.recent.add(part, true);
        tallies.added_ns = nanos(self.started.elapsed());
    }

    /// What has been counted since the last call, and the time in which it was.
    pub(crate) fn take_recent(&self, methods: usize) -> Result<(Tally, Duration), CreationError> {
        let fresh = Tally::new(methods)?;
        let mut tallies = self.lock();
        let span = tallies.added_ns.saturating_sub(tallies.taken_ns);
        tallies.taken_ns = tallies.added_ns;
        let recent = std::mem::replace(&mut tallies.recent, fresh);
        Ok((recent, Duration::from_nanos(span)))
    }

    /// Everything counted so far.
    pub(crate) fn total(&self) -> Tally {
        self.lock().total.clone()
    }

    /// Sends nothing more; what is in flight is awaited.
    pub(crate) fn stop(&self) {
        let now = nanos(self.started.elapsed()).max(1);
        // Only the first order counts.
        let _ = self
            .stopped_ns
            .compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Whether somebody said stop.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped_ns.load(Ordering::Relaxed) != 0
    }

    /// When somebody said stop, in nanoseconds since the run began.
    pub(super) fn stopped_at_ns(&self) -> Option<u64> {
        match self.stopped_ns.load(Ordering::Relaxed) {
            0 => None,
            at => Some(at),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Tallies> {
        // Counts that a panicking thread left are still counts.
        self.tallies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
