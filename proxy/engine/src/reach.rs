//! Whether instances can be connected: down after a failed connect, tried again with growing
//! pauses and only when there is traffic, up again with their service's median latency.

use std::time::Duration;

use crate::engine::{Alarm, PoolName};
use crate::exchange::Class;
use crate::instance::{InstanceKey, Reach};
use crate::lane::LaneState;
use crate::wheel::Timer;
use crate::{ConnId, ConnectFailure, Engine, Nanos};

/// What an instance is believed to cost before anything is known of its service: 30 ms.
const START_NS: f64 = 30e6;

impl Engine {
    /// A connect succeeded: the instance is reachable.
    pub(crate) fn instance_reached(&mut self, key: InstanceKey) {
        let now = self.now.monotonic;
        let Some(run) = self.instances.get_mut(key) else {
            return;
        };
        let was_out = run.reach != Reach::Up;
        run.failures = 0;
        run.open_after = Nanos(0);
        run.reach = Reach::Up;
        run.last_pick = now;
        if run.growth.trial {
            run.growth.since = now;
            run.growth.answers = 0;
        }
        let service = run.service;
        if was_out {
            run.doubted = false;
            let start = self.median_latency(service, key);
            if let Some(run) = self.instances.get_mut(key) {
                run.latency = crate::instance::PeakEwma::new(start);
            }
            self.wake_waiting(service);
        }
    }

    /// A connect failed: nobody tries again for a while, unless other lanes stand.
    pub(crate) fn instance_failed(&mut self, key: InstanceKey, failure: ConnectFailure) {
        let now = self.now.monotonic;
        let stands = self
            .lanes
            .iter()
            .any(|(_, lane)| lane.instance == key && !matches!(lane.state, LaneState::Connecting));
        let (min, max) = (self.settings.reconnect_min, self.settings.reconnect_max);
        let Some(run) = self.instances.get_mut(key) else {
            return;
        };
        run.latency.observe(now, crate::loss::PENALTY_NS);
        if matches!(run.reach, Reach::Down { until } if until > now) || run.open_after > now {
            // Connects that were begun together fail together: that is one failure.
            return;
        }
        run.failures = run.failures.saturating_add(1);
        let service = self.services.get(run.service);
        let urgent = service.is_some_and(|service| !service.waiting.is_empty());
        // Full jitter over an exponential cap, and never less than the minimum; but exchanges
        // that have nowhere to go are worth a try each time.
        let doublings = if urgent { 1 } else { run.failures.min(16) };
        let cap = min.saturating_mul(1u32 << doublings).min(max).max(min);
        let wait = self.rng.u64(min.as_nanos() as u64..=cap.as_nanos() as u64);
        let until = Nanos(now.0.saturating_add(wait));
        if stands {
            // It serves, but takes no more connections for now.
            run.growth.trial = false;
            run.growth.rest_until = now.after(Duration::from_secs(5));
            run.open_after = until;
            self.wheel.cancel(&mut run.timer);
            run.timer = self.wheel.set(until, Alarm::Instance(key));
            return;
        }
        let first = run.reach == Reach::Up;
        run.reach = Reach::Down { until };
        // Another process may answer here next.
        run.pongs_overtake = false;
        let text = format!("instance {}: connect failed ({failure:?})", run.instance.id);
        self.wheel.cancel(&mut run.timer);
        run.timer = self.wheel.set(until, Alarm::Instance(key));
        if first {
            self.report(ConnId(0), text);
        }
    }

    pub(crate) fn instance_alarm(&mut self, key: InstanceKey) {
        let Some(run) = self.instances.get_mut(key) else {
            return;
        };
        run.timer = Timer::NONE;
        let index = run.service;
        if !matches!(run.reach, Reach::Down { .. }) {
            // More lanes may be opened again to what waits for one.
            let waiting = run.pools.iter().filter(|pool| !pool.queue.is_empty());
            self.pump.extend(waiting.map(|pool| PoolName {
                instance: key,
                class: pool.class,
                facets: pool.facets.clone(),
            }));
            return;
        }
        let Some(service) = self.services.get_mut(index) else {
            return;
        };
        if !service.due.contains(&key) {
            service.due.push(key);
        }
        if !service.waiting.is_empty() {
            self.probe_due(index);
        }
    }

    /// An exchange waits because no instance of its subset can be reached: those that are left
    /// alone for long are tried again soon, whatever their record.
    pub(crate) fn hasten(&mut self, service: usize, subset: usize) {
        let now = self.now.monotonic;
        let min = self.settings.reconnect_min;
        let soon = now.after(min);
        let members = self
            .services
            .get(service)
            .and_then(|run| run.subsets.get(subset))
            .map(|subset| subset.members.clone());
        for key in members.into_iter().flatten() {
            let wait = self.rng.u64(0..=min.as_nanos() as u64);
            let Some(run) = self.instances.get_mut(key) else {
                continue;
            };
            if matches!(run.reach, Reach::Down { until } if until > soon) {
                let until = Nanos(now.0.saturating_add(wait));
                run.reach = Reach::Down { until };
                self.wheel.cancel(&mut run.timer);
                run.timer = self.wheel.set(until, Alarm::Instance(key));
            }
        }
    }

    /// Opens a lane to each instance whose time to be tried again has come. Only traffic calls
    /// it: an idle proxy leaves dead instances alone.
    pub(crate) fn probe_due(&mut self, service: usize) {
        let due = self
            .services
            .get_mut(service)
            .map(|run| std::mem::take(&mut run.due));
        for key in due.into_iter().flatten() {
            let Some(run) = self.instances.get_mut(key) else {
                continue;
            };
            if run.is_wanted() && matches!(run.reach, Reach::Down { .. }) {
                run.reach = Reach::Probing;
                let pool = PoolName {
                    instance: key,
                    class: Class::Shared,
                    facets: None,
                };
                self.open_lane(&pool, None, None);
            }
        }
    }

    /// The last lane of an instance is gone after one broke with work on it: a connect tells at
    /// once whether the instance is gone or only its connections. The failure made it look
    /// expensive, so no request would find out soon.
    ///
    /// A process that dies may close its connections before it stops to listen: a lane that it
    /// `refused`, closed before anything was sent on it, counts as a connect that failed.
    pub(crate) fn doubt(&mut self, key: InstanceKey, refused: bool) {
        let doubted = self
            .instances
            .get(key)
            .is_some_and(|run| run.doubted && run.is_wanted() && run.reach == Reach::Up);
        if !doubted
            || self.draining.is_some()
            || self.lanes.iter().any(|(_, lane)| lane.instance == key)
        {
            return;
        }
        if refused {
            return self.instance_failed(key, ConnectFailure::Other);
        }
        let pool = PoolName {
            instance: key,
            class: Class::Shared,
            facets: None,
        };
        self.open_lane(&pool, None, None);
    }

    /// The service's median latency without one instance; 30 ms if there is no other.
    pub(crate) fn median_latency(&self, service: usize, without: InstanceKey) -> f64 {
        let now = self.now.monotonic;
        let Some(service) = self.services.get(service) else {
            return START_NS;
        };
        let mut costs: Vec<f64> = service
            .instances
            .iter()
            .filter(|key| **key != without)
            .filter_map(|key| self.instances.get(*key))
            .filter(|run| run.reach == Reach::Up && run.ok > 0)
            .map(|run| run.latency.cost_ns(now))
            .collect();
        costs.sort_by(f64::total_cmp);
        costs.get(costs.len() / 2).copied().unwrap_or(START_NS)
    }

    /// Drops an instance that is in the state no longer, once its last lane is gone.
    pub(crate) fn remove_withdrawn(&mut self, key: InstanceKey) {
        let Some(run) = self.instances.get(key) else {
            return;
        };
        if run.withdrawn
            && !self.lanes.iter().any(|(_, lane)| lane.instance == key)
            && let Some(mut run) = self.instances.remove(key)
        {
            self.wheel.cancel(&mut run.timer);
        }
    }
}
