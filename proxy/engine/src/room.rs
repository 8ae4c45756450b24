//! How many exchanges may wait in one service, over all engines of the process.
//!
//! The bound belongs to the policy of a route, so that it may differ between routes and change
//! with a state. What is shared therefore counts upwards, and whoever enters says what its bound
//! is. Engines take places in batches, as in `share`; where the bound is too small for batches
//! they take one at a time and keep none, so that a small bound is exact.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// The places taken in each service of a process, by name. Looked up when an engine first hears
/// of a service, never for a request.
#[derive(Debug, Default)]
pub(crate) struct Rooms(Mutex<BTreeMap<String, Weak<AtomicUsize>>>);

impl Rooms {
    /// One engine's part of the room of this service.
    pub(crate) fn of(&self, service: &str, workers: usize) -> Room {
        let mut rooms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rooms.retain(|_, taken| taken.strong_count() > 0);
        let known = rooms.get(service).and_then(Weak::upgrade);
        let taken = known.unwrap_or_else(|| {
            let taken = Arc::default();
            rooms.insert(service.to_owned(), Arc::downgrade(&taken));
            taken
        });
        Room {
            taken,
            workers: workers.max(1),
            batch: 0,
            held: 0,
            used: 0,
        }
    }
}

/// The places that one engine has taken in a service; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Room {
    taken: Arc<AtomicUsize>,
    workers: usize,
    /// At most two of these are kept in hand unused: an eighth of the bound over all engines.
    batch: usize,
    held: usize,
    used: usize,
}

impl Room {
    /// Exchanges of this engine that wait.
    pub(crate) fn used(&self) -> usize {
        self.used
    }

    /// Takes a place, if the process has taken no more than `waiting_max` with it.
    pub(crate) fn enter(&mut self, waiting_max: usize) -> bool {
        let fits = if self.used < self.held {
            // Taken under another route's bound, or before this one was lowered?
            self.taken.load(Ordering::Relaxed) <= waiting_max
        } else {
            self.extend(waiting_max)
        };
        self.used += usize::from(fits);
        fits
    }

    /// Leaves a place.
    pub(crate) fn leave(&mut self) {
        self.used = self.used.saturating_sub(1);
        if self.held > self.used.saturating_add(self.batch.saturating_mul(2)) {
            let back = self.held - self.used - self.batch;
            self.held -= back;
            self.taken.fetch_sub(back, Ordering::Relaxed);
        }
    }

    fn extend(&mut self, waiting_max: usize) -> bool {
        self.batch = waiting_max / self.workers.saturating_mul(16);
        let wanted = self.batch.max(1);
        let more = |taken: usize| {
            let left = waiting_max.saturating_sub(taken);
            (left > 0).then(|| taken + wanted.min(left))
        };
        let before = self
            .taken
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        let Ok(before) = before else {
            return false;
        };
        self.held += wanted.min(waiting_max - before);
        true
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.taken.fetch_sub(self.held, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_four(rooms: &Rooms) -> Vec<Room> {
        (0..4).map(|_| rooms.of("s", 4)).collect()
    }

    fn fill(room: &mut Room, waiting_max: usize) -> usize {
        (0..).take_while(|_| room.enter(waiting_max)).count()
    }

    #[test]
    fn engines_together_never_let_more_wait_than_may() {
        let mut rng = fastrand::Rng::with_seed(1);
        for waiting_max in [1, 3, 63, 64, 1_000] {
            let rooms = Rooms::default();
            let mut engines = of_four(&rooms);
            let mut most = 0;
            for _ in 0..50_000 {
                let engine = &mut engines[rng.usize(0..4)];
                if rng.u8(0..5) > 1 {
                    engine.enter(waiting_max);
                } else {
                    engine.leave();
                }
                most = most.max(engines.iter().map(Room::used).sum());
            }
            assert!(most <= waiting_max, "{most} of {waiting_max}");
            assert!(most * 8 >= waiting_max * 7, "{most} of {waiting_max}");
        }
    }

    #[test]
    fn one_engine_gets_nearly_all_after_the_others_have_left() {
        for (waiting_max, least) in [(1, 1), (3, 3), (63, 63), (1_000, 875)] {
            let rooms = Rooms::default();
            let mut engines = of_four(&rooms);
            for engine in &mut engines {
                for _ in 0..fill(engine, waiting_max) {
                    engine.leave();
                }
            }
            let got = fill(&mut engines[0], waiting_max);
            assert!(got >= least, "{got} of {waiting_max}");
        }
    }

    #[test]
    fn a_lower_bound_holds_against_what_was_taken_under_a_higher_one() {
        let rooms = Rooms::default();
        let mut engines = of_four(&rooms);
        assert_eq!(fill(&mut engines[0], 100), 100);
        assert!(!engines[1].enter(50));
        engines[0].leave();
        assert!(!engines[0].enter(50));
        assert!(engines[0].enter(100));
    }

    #[test]
    fn an_engine_that_is_gone_gives_its_places_back() {
        let rooms = Rooms::default();
        let mut engines = of_four(&rooms);
        assert_eq!(fill(&mut engines[0], 10), 10);
        assert!(!engines[1].enter(10));
        engines.remove(0);
        assert_eq!(fill(&mut engines[0], 10), 10);
    }

    #[test]
    fn services_have_rooms_of_their_own() {
        let rooms = Rooms::default();
        let (mut one, mut other) = (rooms.of("one", 1), rooms.of("other", 1));
        assert_eq!((fill(&mut one, 5), fill(&mut other, 5)), (5, 5));
    }
}
