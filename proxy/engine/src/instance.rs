//! An instance as this engine sees it: its lanes, what waits for them, and how well it serves.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use weft_model::{Instance, LanePolicy};

use crate::Nanos;
use crate::client::Facets;
use crate::exchange::{Class, ExchangeKey};
use crate::lane::LaneKey;
use crate::latency::Latencies;
use crate::table::Key;
use crate::wheel::Timer;

pub(crate) type InstanceKey = Key<InstanceRun>;

/// Latency decays towards what is observed with this time constant (linkerd, Finagle).
const EWMA_DECAY_NS: f64 = 10e9;

/// An instance and what this engine learnt of it.
#[derive(Debug)]
pub(crate) struct InstanceRun {
    /// Index in the engine's services.
    pub(crate) service: usize,
    pub(crate) instance: Instance,
    /// It is in the state no longer; it goes when its last lane does.
    pub(crate) withdrawn: bool,
    pub(crate) reach: Reach,
    /// A lane broke with work on it, and no answer has come since.
    pub(crate) doubted: bool,
    /// A connect failed while other lanes stand: no other is begun before this moment.
    pub(crate) open_after: Nanos,
    /// Connects that failed in a row.
    pub(crate) failures: u32,
    pub(crate) timer: Timer,
    pub(crate) latency: PeakEwma,
    pub(crate) latencies: Latencies,
    pub(crate) in_flight: u32,
    pub(crate) last_pick: Nanos,
    pub(crate) pools: Vec<Pool>,
    pub(crate) lanes: LanePolicy,
    /// Latency of exchanges that had a lane to themselves, in nanoseconds.
    pub(crate) solo_ns: Option<f64>,
    /// It serves one request at a time on a connection; believed until this moment.
    pub(crate) serial_until: Nanos,
    /// It answers pings while it works: a pong came in time ahead of an answer.
    pub(crate) pongs_overtake: bool,
    pub(crate) growth: Growth,
    pub(crate) ok: u64,
    pub(crate) failed: u64,
}

/// Whether an instance can be connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    Up,
    /// Connects failed; nobody tries before this moment.
    Down {
        until: Nanos,
    },
    /// One lane is being opened to see whether it is back.
    Probing,
}

/// Lanes of one key, and what waits for them.
#[derive(Debug)]
pub(crate) struct Pool {
    pub(crate) class: Class,
    pub(crate) facets: Option<Rc<Facets>>,
    pub(crate) lanes: Vec<LaneKey>,
    /// Of these, how many nothing can be put on yet: they connect, log in or greet.
    pub(crate) connecting: u32,
    pub(crate) queue: VecDeque<ExchangeKey>,
    /// What waits first waits for the lane of its client's older requests: others may pass.
    pub(crate) detour: bool,
}

/// Whether another lane makes the instance faster: tried, measured, kept or given up.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Growth {
    /// Answers since `since`.
    pub(crate) answers: u32,
    pub(crate) since: Nanos,
    /// The best rate of answers lately: what a trial must beat.
    pub(crate) rate_peak: f64,
    pub(crate) trial: bool,
    /// A trial has brought something: exchanges are spread over all lanes.
    pub(crate) spread: bool,
    /// No trial before this moment.
    pub(crate) rest_until: Nanos,
}

impl InstanceRun {
    pub(crate) fn new(service: usize, instance: Instance, lanes: LanePolicy, start: f64) -> Self {
        Self {
            service,
            instance,
            withdrawn: false,
            reach: Reach::Up,
            doubted: false,
            open_after: Nanos(0),
            failures: 0,
            timer: Timer::NONE,
            latency: PeakEwma::new(start),
            latencies: Latencies::default(),
            in_flight: 0,
            last_pick: Nanos(0),
            pools: Vec::new(),
            lanes,
            solo_ns: None,
            serial_until: Nanos(0),
            pongs_overtake: false,
            growth: Growth::default(),
            ok: 0,
            failed: 0,
        }
    }

    /// Whether new exchanges may be given to it.
    #[inline]
    pub(crate) fn is_available(&self) -> bool {
        self.reach == Reach::Up && !self.withdrawn && !self.instance.draining
    }

    /// What one more request would cost here, in nanoseconds for a weight of 1.
    #[inline]
    pub(crate) fn cost(&self, now: Nanos) -> f64 {
        self.latency.cost_ns(now) * f64::from(self.in_flight + 1)
            / f64::from(self.instance.weight.max(1))
    }

    /// Whether it might be asked to serve again: not withdrawn, not draining.
    pub(crate) fn is_wanted(&self) -> bool {
        !self.withdrawn && !self.instance.draining
    }

    /// The pool of this key.
    #[inline]
    pub(crate) fn pool(&mut self, class: Class, facets: Option<&Rc<Facets>>) -> Option<&mut Pool> {
        self.pools.iter_mut().find(|pool| pool.is(class, facets))
    }

    /// The pool of this key, made if there is none.
    #[inline]
    pub(crate) fn pool_or_new(&mut self, class: Class, facets: Option<&Rc<Facets>>) -> &mut Pool {
        let found = self.pools.iter().position(|pool| pool.is(class, facets));
        let index = found.unwrap_or_else(|| {
            self.pools.push(Pool {
                class,
                facets: facets.cloned(),
                lanes: Vec::new(),
                connecting: 0,
                queue: VecDeque::new(),
                detour: false,
            });
            self.pools.len() - 1
        });
        &mut self.pools[index]
    }
}

impl Pool {
    fn is(&self, class: Class, facets: Option<&Rc<Facets>>) -> bool {
        self.class == class
            && match (&self.facets, facets) {
                (None, None) => true,
                (Some(mine), Some(theirs)) => Rc::ptr_eq(mine, theirs) || mine == theirs,
                _ => false,
            }
    }
}

/// Peak-EWMA latency: rises at once with a slow answer, falls slowly (Finagle's
/// `PeakEwma`; linkerd2 uses the same with a decay of 10 s).
///
/// As there, it falls with time alone: an instance that looks expensive is hardly picked, so
/// nothing else would show that it is well again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PeakEwma {
    cost_ns: f64,
    /// When something was last observed; zero before that.
    at: Nanos,
}

impl PeakEwma {
    pub(crate) fn new(start_ns: f64) -> Self {
        Self {
            cost_ns: start_ns,
            at: Nanos(0),
        }
    }

    #[inline]
    pub(crate) fn observe(&mut self, now: Nanos, latency_ns: u64) {
        let latency = latency_ns as f64;
        if latency >= self.cost_ns {
            self.cost_ns = latency;
        } else {
            let weight = self.weight(now);
            self.cost_ns = self.cost_ns * weight + latency * (1.0 - weight);
        }
        self.at = now;
    }

    /// What it costs now, by what was observed and how long ago that was.
    #[inline]
    pub(crate) fn cost_ns(&self, now: Nanos) -> f64 {
        if self.at == Nanos(0) {
            // What it is believed to cost before anything is known of it.
            return self.cost_ns;
        }
        self.cost_ns * self.weight(now)
    }

    /// What was observed, however long ago.
    pub(crate) fn latency(&self) -> Duration {
        Duration::from_nanos(self.cost_ns as u64)
    }

    /// How much of the past still counts: exp(-x), without a call for the small x of a busy
    /// instance.
    #[inline]
    fn weight(&self, now: Nanos) -> f64 {
        let x = now.since(self.at) as f64 / EWMA_DECAY_NS;
        if x < 0.01 { 1.0 - x } else { (-x).exp() }
    }
}

#[cfg(test)]
mod tests {
    use super::PeakEwma;
    use crate::Nanos;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_high_cost_wears_off_without_any_answer() {
        let mut latency = PeakEwma::new(1e6);
        latency.observe(Nanos(SECOND), SECOND);
        assert!(latency.cost_ns(Nanos(SECOND)) >= 1e9);
        assert!(latency.cost_ns(Nanos(11 * SECOND)) < 0.4e9);
        assert!(latency.cost_ns(Nanos(121 * SECOND)) < 1e6);
    }

    #[test]
    fn what_is_believed_before_the_first_answer_stays_until_it() {
        let mut latency = PeakEwma::new(30e6);
        assert!(latency.cost_ns(Nanos(1_000 * SECOND)) >= 30e6);
        latency.observe(Nanos(1_000 * SECOND), 1_000_000);
        assert!(latency.cost_ns(Nanos(1_000 * SECOND)) < 1.1e6);
    }
}
