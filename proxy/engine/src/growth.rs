//! How many lanes an instance gets.
//!
//! Few lanes batch best: one write carries many requests. But a server may serve one request at
//! a time per connection, or give each connection a thread of its own. So a lane that looks
//! serial is believed to be serial, and otherwise a lane under pressure is a reason to try one
//! more: it stays if the instance answers more per second with it.

use std::time::Duration;

use crate::engine::PoolName;
use crate::exchange::Class;
use crate::instance::InstanceRun;
use crate::lane::{Lane, LaneKey};
use crate::{CloseCause, Engine, Nanos};

/// Answers in a row that must look serial.
const SERIAL_SCORE: u8 = 8;
/// How long an instance is believed to be serial before it is looked at again.
const SERIAL_BELIEF: Duration = Duration::from_secs(10);
/// Below this a lane's latency tells nothing of the server: it is the proxy's own batching.
const SERIAL_SOLO_NS: f64 = 1e6;
/// The rate of answers is taken over at least this time.
const WINDOW: Duration = Duration::from_millis(50);
/// The best rate is forgotten by so much per window.
const PEAK_DECAY: f64 = 0.97;
/// What another lane must bring.
const GAIN: f64 = 1.05;
/// How long a trial that brought nothing is remembered.
const REST: Duration = Duration::from_secs(5);
/// A lane that answered nothing for twice its usual latency and this is stuck.
const STUCK: Duration = Duration::from_millis(5);
/// The same for a lane whose usual latency is not known.
const STUCK_UNKNOWN: Duration = Duration::from_millis(30);

/// What an answer told about its lane and instance.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Learnt {
    /// The lane is believed to be serial from now on.
    pub(crate) serial: bool,
    /// A window is over; the lane was under pressure or not.
    pub(crate) judge: Option<bool>,
}

impl Lane {
    /// Whether it has answered nothing for so long that [`Engine::open_if_stuck`] is to look.
    #[inline]
    pub(crate) fn may_be_stuck(&self, now: Nanos) -> bool {
        now.since(self.progress) >= STUCK.as_nanos() as u64
    }
}

impl Engine {
    /// What one answer on a shared lane tells: its latency, and how many others were in flight
    /// before it.
    #[inline]
    pub(crate) fn learn(
        lane: &mut Lane,
        run: &mut InstanceRun,
        now: Nanos,
        (latency_ns, depth): (u64, u32),
    ) -> Learnt {
        let latency = latency_ns as f64;
        run.growth.answers += 1;
        let solo = match run.solo_ns {
            None => latency,
            Some(solo) if depth == 0 => solo + (latency - solo) / 8.0,
            Some(solo) => solo.min(latency),
        };
        run.solo_ns = Some(solo);
        let gap = now.since(lane.answered) as f64;
        lane.answered = now;
        let mut learnt = Learnt::default();
        if depth > 0 && gap < 0.3 * solo {
            // Two answers closer than one takes: it works on several at once.
            lane.serial_score = 0;
            run.serial_until = Nanos(0);
        } else if depth > 0 && solo >= SERIAL_SOLO_NS && gap >= 0.7 * solo {
            lane.serial_score = lane.serial_score.saturating_add(1);
            if lane.serial_score >= SERIAL_SCORE {
                learnt.serial = run.serial_until <= now;
                run.serial_until = now.after(SERIAL_BELIEF);
            }
        }
        let window = now.since(run.growth.since);
        if window >= WINDOW.as_nanos() as u64 && window as f64 >= 20.0 * solo {
            learnt.judge = Some(depth >= 2 && latency > 3.0 * solo);
        }
        learnt
    }

    /// At the end of a window: keeps or gives up a trial, and begins another under pressure.
    pub(crate) fn judge_growth(&mut self, key: LaneKey, pressure: bool) {
        let now = self.now.monotonic;
        let Some(lane) = self.lanes.get(key) else {
            return;
        };
        let pool = self.pool_of(lane);
        let Some(run) = self.instances.get_mut(pool.instance) else {
            return;
        };
        let (lanes_max, serial) = (run.lanes.lanes_max as usize, now < run.serial_until);
        let growth = &mut run.growth;
        let rate = f64::from(growth.answers) / now.since(growth.since).max(1) as f64;
        let (trial, gained) = (growth.trial, rate >= growth.rate_peak * GAIN);
        growth.rate_peak = rate.max(growth.rate_peak * PEAK_DECAY);
        growth.answers = 0;
        growth.since = now;
        growth.trial = false;
        growth.spread |= trial && gained;
        if trial && !gained {
            growth.rest_until = now.after(REST);
        }
        let rests = now < growth.rest_until;
        let Some(found) = run.pool(pool.class, pool.facets.as_ref()) else {
            return;
        };
        let (lanes, connecting, last) = (
            found.lanes.len(),
            found.connecting,
            found.lanes.last().copied(),
        );
        if trial && !gained && lanes > 1 {
            match last {
                // Its answer has still to be handed over.
                Some(last) if last == key => self.retire_after_answer(key, CloseCause::Idle),
                Some(last) => self.retire_lane(last, CloseCause::Idle),
                None => {}
            }
        } else if pressure && !rests && !serial && connecting == 0 && lanes < lanes_max {
            run.growth.trial = true;
            self.open_lane(&pool, None, None);
        }
    }

    /// Opens another lane beside one that has answered nothing for too long while it has work.
    pub(crate) fn open_if_stuck(&mut self, pool: &PoolName, lane: LaneKey) {
        let now = self.now.monotonic;
        let Some(lane) = self.lanes.get(lane) else {
            return;
        };
        let Some(run) = self.instances.get_mut(pool.instance) else {
            return;
        };
        let patience = match run.solo_ns {
            Some(solo) => STUCK.as_nanos() as u64 + (2.0 * solo) as u64,
            None => STUCK_UNKNOWN.as_nanos() as u64,
        };
        if pool.class != Class::Shared || now.since(lane.progress) < patience {
            return;
        }
        if run.growth.trial || now < run.growth.rest_until {
            return;
        }
        let lanes_max = run.lanes.lanes_max as usize;
        let Some(found) = run.pool(pool.class, pool.facets.as_ref()) else {
            return;
        };
        if found.connecting == 0 && found.lanes.len() < lanes_max {
            // A trial like any other: it must bring something to stay.
            run.growth.trial = true;
            self.open_lane(pool, None, None);
        }
    }
}
