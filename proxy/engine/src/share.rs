//! One engine among those of a process, and its share of what is bounded for all of them.
//!
//! Lanes are divided: each engine may open its part. What is held per request or byte is leased
//! in batches, because clients come to workers unevenly: an engine compares with what it has
//! leased, and only where that is used up does it touch a number that others touch too.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use weft_model::LanePolicy;

use crate::room::{Room, Rooms};
use crate::{Engine, Settings};

/// An engine's place in its process.
#[derive(Clone, Debug)]
pub struct Share {
    /// Which engine it is, counted from 0.
    pub worker: usize,
    /// How many there are; at least 1.
    pub workers: usize,
    /// What they lease from.
    pub budgets: Arc<Budgets>,
}

impl Share {
    /// The share of an engine that is alone: everything.
    #[must_use]
    pub fn whole(settings: &Settings) -> Self {
        Self {
            worker: 0,
            workers: 1,
            budgets: Arc::new(Budgets::new(settings, 1)),
        }
    }

    /// This engine's part of the room in which exchanges of a service wait.
    pub(crate) fn room(&self, service: &str) -> Room {
        self.budgets.rooms.of(service, self.workers)
    }

    /// This engine's part of a service's lane policy. The parts of all engines add up to
    /// `lanes_max`. A service with a home has all its lanes there; another engine may still have
    /// clients from before it was so, and serves them on one lane.
    pub(crate) fn lanes(&self, policy: &LanePolicy, home: Option<usize>) -> LanePolicy {
        let workers = u32::try_from(self.workers.max(1)).unwrap_or(u32::MAX);
        let (each, more) = (policy.lanes_max / workers, policy.lanes_max % workers);
        let lanes_max = match home {
            Some(home) if home == self.worker => policy.lanes_max,
            Some(_) => 1,
            None if self.worker < more as usize => each + 1,
            None => each.max(1),
        };
        LanePolicy {
            lanes_max,
            ..policy.clone()
        }
    }
}

/// What the engines of one process may hold together.
#[derive(Debug)]
pub struct Budgets {
    exchanges: Budget,
    answer_bytes: Budget,
    kept_bytes: Budget,
    rooms: Rooms,
}

impl Budgets {
    /// The bounds of `settings` for so many engines.
    #[must_use]
    pub fn new(settings: &Settings, workers: usize) -> Self {
        Self {
            exchanges: Budget::new(settings.exchanges_max, workers),
            answer_bytes: Budget::new(settings.answer_bytes_max, workers),
            kept_bytes: Budget::new(settings.kept_bytes_max, workers),
            rooms: Rooms::default(),
        }
    }
}

#[derive(Debug)]
struct Budget {
    left: AtomicUsize,
    /// Engines keep at most two of these in hand unused: an eighth of the whole together.
    batch: usize,
}

impl Budget {
    fn new(whole: usize, workers: usize) -> Self {
        Self {
            left: AtomicUsize::new(whole),
            batch: (whole / workers.max(1).saturating_mul(16)).max(1),
        }
    }

    /// Takes `needed`, and more up to a batch if there is more; nothing if there is less.
    fn take(&self, needed: usize) -> usize {
        let wanted = needed.max(self.batch);
        let rest = |left: usize| (left >= needed).then(|| left - wanted.min(left));
        let taken = self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, rest);
        taken.map_or(0, |left| wanted.min(left))
    }

    fn give(&self, back: usize) {
        self.left.fetch_add(back, Ordering::Relaxed);
    }
}

/// Which budget of the process.
#[derive(Clone, Copy, Debug)]
pub(crate) enum What {
    Exchanges,
    AnswerBytes,
    KeptBytes,
}

/// One engine's part of a budget; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Lease {
    budgets: Arc<Budgets>,
    what: What,
    held: usize,
}

impl Lease {
    pub(crate) fn new(budgets: &Arc<Budgets>, what: What) -> Self {
        Self {
            budgets: Arc::clone(budgets),
            what,
            held: 0,
        }
    }

    fn budget(&self) -> &Budget {
        match self.what {
            What::Exchanges => &self.budgets.exchanges,
            What::AnswerBytes => &self.budgets.answer_bytes,
            What::KeptBytes => &self.budgets.kept_bytes,
        }
    }

    /// Whether so much may be held, after more was leased if that was needed.
    #[inline]
    pub(crate) fn covers(&mut self, used: usize) -> bool {
        used <= self.held || self.extend(used)
    }

    #[cold]
    fn extend(&mut self, used: usize) -> bool {
        self.held += self.budget().take(used - self.held);
        used <= self.held
    }

    /// Gives back what is far more than what is used.
    #[inline]
    pub(crate) fn settle(&mut self, used: usize) {
        let batch = self.budget().batch;
        if self.held > used.saturating_add(batch.saturating_mul(2)) {
            let back = self.held - used - batch;
            self.held -= back;
            self.budget().give(back);
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.budget().give(self.held);
    }
}

impl Engine {
    /// Whether more bytes of answers are held than the process may hold.
    #[inline]
    pub(crate) fn answers_over(&mut self) -> bool {
        !self.answer_lease.covers(self.answer_bytes)
    }

    /// At the end of a turn: gives back what this engine has leased and does not use.
    pub(crate) fn settle_leases(&mut self) {
        self.exchange_lease.settle(self.exchanges.len());
        self.answer_lease.settle(self.answer_bytes);
        self.kept_lease.settle(self.kept_bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(worker: usize, workers: usize) -> Share {
        let settings = Settings::default();
        Share {
            worker,
            workers,
            budgets: Arc::new(Budgets::new(&settings, workers)),
        }
    }

    fn lanes(worker: usize, workers: usize, lanes_max: u32, home: Option<usize>) -> u32 {
        let policy = LanePolicy {
            lanes_max,
            ..LanePolicy::default()
        };
        share(worker, workers).lanes(&policy, home).lanes_max
    }

    #[test]
    fn the_shares_of_lanes_add_up_to_the_whole() {
        for workers in 1..20 {
            for lanes_max in workers as u32..200 {
                let shares = (0..workers).map(|worker| lanes(worker, workers, lanes_max, None));
                assert_eq!(shares.sum::<u32>(), lanes_max, "{workers} workers");
            }
        }
    }

    #[test]
    fn a_service_with_a_home_has_all_its_lanes_there() {
        assert_eq!(lanes(2, 4, 3, Some(2)), 3);
        assert_eq!(lanes(1, 4, 3, Some(2)), 1, "for clients from before");
    }

    #[test]
    fn engines_together_never_lease_more_than_there_is_and_one_can_have_nearly_all() {
        let settings = Settings {
            exchanges_max: 1_000,
            ..Settings::default()
        };
        let budgets = Arc::new(Budgets::new(&settings, 4));
        let mut leases: Vec<Lease> = (0..4)
            .map(|_| Lease::new(&budgets, What::Exchanges))
            .collect();
        let mut used = [0usize; 4];
        let mut rng = fastrand::Rng::with_seed(1);
        for _ in 0..100_000 {
            let n = rng.usize(0..4);
            if rng.bool() && used[n] > 0 {
                used[n] -= 1;
            } else if leases[n].covers(used[n] + 1) {
                used[n] += 1;
            }
            leases[n].settle(used[n]);
            assert!(used.iter().sum::<usize>() <= 1_000);
        }
        for lease in &mut leases {
            lease.settle(0);
        }
        used = [0; 4];
        while leases[0].covers(used[0] + 1) {
            used[0] += 1;
        }
        assert!(used[0] >= 875, "{} of 1,000 for one engine", used[0]);
        drop(leases);
        assert_eq!(budgets.exchanges.left.load(Ordering::Relaxed), 1_000);
    }
}
