//! Exchanges that wait: for an instance, in their service; for a lane, in a pool.

use std::rc::Rc;

use smallvec::SmallVec;
use weft_codec::{Codec as _, Head, ProxyError, Side};

use crate::admit::Incoming;
use crate::client::ClientKey;
use crate::engine::{Alarm, PoolName};
use crate::exchange::{Exchange, ExchangeKey, Phase};
use crate::service::ServiceRun;
use crate::{Engine, Nanos};

/// So many requests that wait for a lane of their client's are passed by others.
const PASSED_MAX: usize = 64;

impl Engine {
    /// Keeps a request that must wait; sheds it, and answers false, where there is no room.
    pub(crate) fn keep_waiting(&mut self, key: ExchangeKey, incoming: Incoming<'_>) -> bool {
        let Some(exchange) = self.exchanges.get_mut(key) else {
            return false;
        };
        let Some(rule) = &exchange.rule else {
            return false;
        };
        let waiting_max = rule.policy().queue.waiting_max as usize;
        let room = self
            .kept_lease
            .covers(self.kept_bytes + incoming.frame.len());
        let Some(service) = self.services.get_mut(rule.service) else {
            return false;
        };
        let refused = if exchange.kept.is_none() && !room {
            Some("no room to keep a waiting request")
        } else if !service.room.enter(waiting_max) {
            Some("too many requests wait for this service")
        } else {
            None
        };
        if let Some(why) = refused {
            self.fail(key, ProxyError::Overload, why, true);
            return false;
        }
        if exchange.kept.is_none() {
            let kept = self.spares.take_copy(incoming.frame);
            self.kept_bytes += kept.len();
            exchange.kept = Some(kept);
        }
        true
    }

    /// Forgets that an exchange waited.
    pub(crate) fn leave_queue(&mut self, key: ExchangeKey) {
        let Some(exchange) = self.exchanges.get_mut(key) else {
            return;
        };
        Self::waits_no_more(&mut self.services, exchange);
    }

    #[inline]
    pub(crate) fn waits_no_more(services: &mut [ServiceRun], exchange: &mut Exchange) {
        if !matches!(exchange.phase, Phase::Waiting | Phase::Queued(_)) {
            return;
        }
        exchange.phase = Phase::New;
        let service = exchange.rule.as_ref().map(|rule| rule.service);
        if let Some(service) = service.and_then(|service| services.get_mut(service)) {
            service.room.leave();
        }
    }

    /// Waits, for a while, until the service has an available instance.
    pub(crate) fn wait_for_instance(
        &mut self,
        key: ExchangeKey,
        service: usize,
        incoming: Incoming<'_>,
    ) {
        let Some(rule) = self
            .exchanges
            .get(key)
            .and_then(|exchange| exchange.rule.clone())
        else {
            return;
        };
        let subset = self
            .services
            .get(service)
            .and_then(|s| s.subsets.get(rule.subset));
        if subset.is_none_or(|subset| subset.members.is_empty()) {
            return self.fail(key, ProxyError::NoInstance, "", false);
        }
        if !self.keep_waiting(key, incoming) {
            return;
        }
        let until = self
            .now
            .monotonic
            .after(rule.policy().queue.no_instance_wait);
        if let Some(exchange) = self.exchanges.get_mut(key) {
            exchange.phase = Phase::Waiting;
        }
        if let Some(run) = self.services.get_mut(service) {
            run.waiting.push_back((until, key));
        }
        self.arm_waiting(service, until);
        self.hasten(service, rule.subset);
        self.probe_due(service);
    }

    /// Sets a service's timer, unless it goes off earlier anyway.
    fn arm_waiting(&mut self, service: usize, until: Nanos) {
        if let Some(run) = self.services.get_mut(service)
            && until < run.waiting_alarm_at
        {
            run.waiting_alarm_at = until;
            self.wheel.set(until, Alarm::Waiting(service));
        }
    }

    /// The time to wait for an instance is over for some.
    pub(crate) fn waiting_alarm(&mut self, service: usize) {
        let now = self.now.monotonic;
        let mut expired = Vec::new();
        let mut next = Nanos::NEVER;
        if let Some(run) = self.services.get_mut(service)
            && run.waiting_alarm_at <= now
        {
            run.waiting_alarm_at = Nanos::NEVER;
            run.waiting.retain(|(until, key)| {
                if *until <= now {
                    expired.push(*key);
                } else {
                    next = next.min(*until);
                }
                *until > now
            });
        }
        if next < Nanos::NEVER {
            self.arm_waiting(service, next);
        }
        for key in expired {
            if self
                .exchanges
                .get(key)
                .is_some_and(|exchange| exchange.phase == Phase::Waiting)
            {
                self.fail(
                    key,
                    ProxyError::ConnectFailed,
                    "no instance can be connected",
                    false,
                );
            }
        }
    }

    /// Lets what waits for an instance of this service try again.
    pub(crate) fn wake_waiting(&mut self, service: usize) {
        let waiting = self
            .services
            .get_mut(service)
            .map(|run| std::mem::take(&mut run.waiting));
        for (_, key) in waiting.into_iter().flatten() {
            if self
                .exchanges
                .get(key)
                .is_some_and(|exchange| exchange.phase == Phase::Waiting)
            {
                self.leave_queue(key);
                self.homeless.push_back(key);
            }
        }
    }

    /// Gives an exchange that lost its place, or whose backoff is over, to an instance.
    pub(crate) fn rehome(&mut self, key: ExchangeKey) {
        self.with_kept(key, |engine, incoming| engine.dispatch(key, incoming));
    }

    /// Puts what waits in a pool on its lanes, as far as there is room. A request that waits for
    /// the lane of its client's older ones is passed by others.
    pub(crate) fn pump_pool(&mut self, pool: &PoolName) {
        let mut passed = 0;
        let mut stopped = None;
        // What else these clients have here waits for the same lane.
        let mut passed_clients: SmallVec<[ClientKey; 8]> = SmallVec::new();
        while let Some(key) = self.queued(pool, passed) {
            let waits = self
                .exchanges
                .get(key)
                .filter(|exchange| exchange.phase == Phase::Queued(pool.instance));
            if let Some(client) = waits.map(|exchange| exchange.client) {
                if passed < PASSED_MAX && passed_clients.contains(&client) {
                    passed += 1;
                    continue;
                }
                let affine = self.affine_lane(pool, key);
                let Some(lane) = self.pick_lane(pool, affine) else {
                    if passed < PASSED_MAX && affine.is_some() {
                        passed += 1;
                        passed_clients.push(client);
                        continue;
                    }
                    stopped = Some(key);
                    break;
                };
                self.unqueue(pool, passed);
                self.leave_queue(key);
                self.with_kept(key, |engine, incoming| engine.place(key, lane, incoming));
            } else {
                self.unqueue(pool, passed);
            }
        }
        let run = self.instances.get_mut(pool.instance);
        if let Some(found) = run.and_then(|run| run.pool(pool.class, pool.facets.as_ref())) {
            found.detour = passed > 0;
        }
        if let Some(key) = stopped {
            self.open_if_wanted(pool, key);
        }
    }

    /// What waits at a place in a pool's queue.
    fn queued(&mut self, pool: &PoolName, at: usize) -> Option<ExchangeKey> {
        let run = self.instances.get_mut(pool.instance)?;
        let found = run.pool(pool.class, pool.facets.as_ref())?;
        found.queue.get(at).copied()
    }

    fn unqueue(&mut self, pool: &PoolName, at: usize) {
        let run = self.instances.get_mut(pool.instance);
        if let Some(found) = run.and_then(|run| run.pool(pool.class, pool.facets.as_ref())) {
            found.queue.remove(at);
        }
    }

    /// Reads the head of a kept request again and goes on with it.
    pub(crate) fn with_kept(
        &mut self,
        key: ExchangeKey,
        go_on: impl FnOnce(&mut Self, Incoming<'_>),
    ) {
        let Some(exchange) = self.exchanges.get_mut(key) else {
            return;
        };
        let Some(kept) = exchange.kept.take() else {
            return;
        };
        let client = exchange.client;
        let Some(listener) = self
            .clients
            .get(client)
            .map(|client| Rc::clone(client.listener.of_requests()))
        else {
            return;
        };
        let mut heads: Vec<Head> = Vec::with_capacity(1);
        let limits = &listener.listener.limits;
        let outer = self.panics.begin();
        let scanned = listener.codec.scan(
            Side::Downstream,
            limits,
            &mut Default::default(),
            &kept,
            &mut heads,
        );
        self.kept_bytes -= kept.len();
        match (scanned, heads.first()) {
            (Ok(_), Some(head)) => {
                let incoming = Incoming {
                    listener: &listener,
                    head,
                    frame: &kept,
                    ahead: &[],
                };
                go_on(self, incoming);
            }
            _ => self.fail(
                key,
                ProxyError::Malformed,
                "the kept request cannot be read",
                false,
            ),
        }
        if self.panics.end(outer) {
            self.client_panicked(client, Some(key));
        }
        self.spares.put(kept);
    }
}
