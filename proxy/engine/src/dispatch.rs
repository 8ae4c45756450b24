//! From an admitted exchange to a lane: choose an instance, pick or open a lane, or wait.

use std::rc::Rc;

use weft_codec::{Correlation, Head, NewId, OneWayAnswers, ProxyError, Rewrite, Side};

use crate::balance::{Choice, Choosing};
use crate::client::PassTo;
use crate::engine::PoolName;
use crate::exchange::{Class, ExchangeKey, Phase};
use crate::instance::InstanceKey;
use crate::lane::LaneKey;
use crate::pending::Entry;
use crate::request::Incoming;
use crate::{Engine, Nanos};

impl Engine {
    /// Gives an exchange to an instance.
    pub(crate) fn dispatch(&mut self, key: ExchangeKey, incoming: Incoming<'_>) {
        let Some(exchange) = self.exchanges.get(key) else {
            return;
        };
        let Some(rule) = exchange.rule.clone() else {
            return;
        };
        let tried = exchange.tried.clone();
        let choosing = Choosing {
            rule: &rule,
            tried: &tried,
            idempotent: exchange.idempotent,
        };
        match self.choose(choosing, &incoming.fields()) {
            Choice::Instance(instance) => self.assign(key, instance, incoming),
            Choice::NoneNow => self.wait_for_instance(key, rule.service, incoming),
            Choice::Split => self.fail(
                key,
                ProxyError::Unsupported,
                "the keys of this request live on different instances",
                false,
            ),
        }
    }

    /// Gives an exchange to a lane of an instance, or lets it wait for one.
    fn assign(&mut self, key: ExchangeKey, instance: InstanceKey, incoming: Incoming<'_>) {
        let Some(pool) = self.pool_name(key, instance) else {
            return;
        };
        let first = self.instances.get_mut(instance).is_some_and(|run| {
            run.pool_or_new(pool.class, pool.facets.as_ref())
                .queue
                .is_empty()
        });
        let lane = if first {
            self.pick_lane(&pool, key)
        } else {
            None
        };
        if let Some(lane) = lane {
            return self.place(key, lane, incoming);
        }
        if !self.keep_waiting(key, incoming) {
            return;
        }
        if let Some(exchange) = self.exchanges.get_mut(key) {
            exchange.phase = Phase::Queued(instance);
        }
        if let Some(run) = self.instances.get_mut(instance) {
            run.pool_or_new(pool.class, pool.facets.as_ref())
                .queue
                .push_back(key);
        }
        self.open_if_wanted(&pool, key);
    }

    /// The pool that an exchange needs on an instance.
    fn pool_name(&self, key: ExchangeKey, instance: InstanceKey) -> Option<PoolName> {
        let exchange = self.exchanges.get(key)?;
        let facets = match &exchange.facet {
            Some(facets) => Some(Rc::clone(facets)),
            None => self
                .clients
                .get(exchange.client)
                .and_then(|client| client.facets.clone()),
        };
        Some(PoolName {
            instance,
            class: exchange.class,
            facets,
        })
    }

    /// A lane of the pool that takes the exchange now: the one with the least in flight. A
    /// client that matches answers by position keeps to the lane that its last request to this
    /// instance took, so that its requests are not executed out of turn.
    fn pick_lane(&mut self, pool: &PoolName, key: ExchangeKey) -> Option<LaneKey> {
        let affine = self.affine_lane(pool, key);
        let outbox_max = self.settings.lane_outbox_pause_bytes;
        let now = self.now.monotonic;
        let run = self.instances.get_mut(pool.instance)?;
        let serial = now < run.serial_until;
        let lanes = &run.pool(pool.class, pool.facets.as_ref())?.lanes;
        let mut best: Option<(u32, LaneKey)> = None;
        for &candidate in lanes {
            let Some(lane) = self.lanes.get(candidate) else {
                continue;
            };
            let depth = if serial { 1 } else { lane.depth() };
            if !lane.takes(depth, outbox_max) || affine.is_some_and(|affine| affine != candidate) {
                continue;
            }
            if best.is_none_or(|(in_flight, _)| lane.in_flight < in_flight) {
                best = Some((lane.in_flight, candidate));
            }
        }
        let (in_flight, lane) = best?;
        if in_flight > 0 && affine.is_none() {
            self.open_if_stuck(pool, lane);
        }
        Some(lane)
    }

    /// The lane of this pool that carries an older exchange of the same in-order client.
    fn affine_lane(&self, pool: &PoolName, key: ExchangeKey) -> Option<LaneKey> {
        let exchange = self.exchanges.get(key)?;
        let client = self.clients.get(exchange.client)?;
        if client.in_flight < 2 || client.listener.correlation != Correlation::InOrder {
            return None;
        }
        let mut at = exchange.previous;
        while let Some(older) = at.and_then(|older| self.exchanges.get(older)) {
            if let Phase::OnLane { lane, .. } = older.phase
                && self
                    .lanes
                    .get(lane)
                    .is_some_and(|lane| lane.instance == pool.instance && lane.class == pool.class)
            {
                return Some(lane);
            }
            at = older.previous;
        }
        None
    }

    /// Copies and patches a request into a lane's outbox.
    pub(crate) fn place(&mut self, key: ExchangeKey, lane_key: LaneKey, incoming: Incoming<'_>) {
        let now = self.now.monotonic;
        let (Some(exchange), Some(lane)) =
            (self.exchanges.get_mut(key), self.lanes.get_mut(lane_key))
        else {
            return;
        };
        let entry = if exchange.one_way {
            Entry::Lingering
        } else {
            Entry::Live(key)
        };
        let answers = lane.codec.traits().one_way_answers;
        let by_id = matches!(lane.pending, crate::pending::Pending::ById(_));
        // In order, a one-way takes a place only if it is always answered.
        let awaited = by_id || !exchange.one_way || answers == OneWayAnswers::Always;
        let wire_id = if awaited {
            lane.pending.push(entry)
        } else {
            Some(0)
        };
        let Some(wire_id) = wire_id else {
            return self.fail(key, ProxyError::Overload, "no free id on the lane", true);
        };
        let left_ms = || exchange.deadline.since(now).div_ceil(1_000_000).max(1);
        let deadline_ms =
            (incoming.listener.reads_deadline && exchange.deadline != Nanos::NEVER).then(left_ms);
        let id = if by_id {
            NewId::Wire(wire_id)
        } else {
            NewId::Keep
        };
        let out = lane.outbox.room(&mut self.spares);
        let before = out.len();
        let rewrite = Rewrite { id, deadline_ms };
        let emitted = lane.codec.emit(
            Side::Downstream,
            incoming.head,
            incoming.frame,
            &rewrite,
            out,
        );
        let bytes = (out.len() - before) as u64;
        if let Err(error) = emitted {
            if awaited {
                lane.pending.take(wire_id);
            }
            return self.fail(key, ProxyError::Malformed, &error.to_string(), false);
        }
        let begin = lane.queued;
        lane.queued += bytes;
        if lane.in_flight == 0 {
            lane.progress = now;
        }
        exchange.depth = lane.in_flight;
        exchange.phase = Phase::OnLane {
            lane: lane_key,
            wire_id,
            begin,
            end: lane.queued,
        };
        exchange.attempts = exchange.attempts.saturating_add(1);
        exchange.dispatched = now;
        lane.in_flight += 1;
        lane.dispatched += 1;
        let (client, instance, one_way) = (exchange.client, lane.instance, exchange.one_way);
        if incoming.missing() > 0 {
            lane.writing = Some(client);
        } else if one_way {
            lane.one_ways.push_back((lane.queued, key));
        }
        if let Some(run) = self.instances.get_mut(instance) {
            run.in_flight += 1;
        }
        self.keep_for_retry(key, incoming);
        if incoming.missing() > 0 {
            self.point_pass(client, key, lane_key);
        }
        self.mark_lane(lane_key);
    }

    /// Points the pieces of a cut-through request at the lane that got its head.
    fn point_pass(&mut self, client: crate::client::ClientKey, key: ExchangeKey, lane: LaneKey) {
        if let Some(client) = self.clients.get_mut(client)
            && let Some(pass) = &mut client.pass
            && pass.to == PassTo::Waiting(key)
        {
            pass.to = PassTo::Lane(lane);
        }
    }

    /// Keeps the request if its policy may send it again after bytes of it went out.
    fn keep_for_retry(&mut self, key: ExchangeKey, incoming: Incoming<'_>) {
        let Some(exchange) = self.exchanges.get_mut(key) else {
            return;
        };
        let retry = exchange.rule.as_ref().map(|rule| &rule.policy().retry);
        let wanted = exchange.idempotent
            && !exchange.streamed
            && retry.is_some_and(|retry| {
                exchange.retries < retry.retries_max
                    && incoming.frame.len() <= retry.keep_bytes_max as usize
            });
        if !wanted {
            if let Some(kept) = exchange.kept.take() {
                self.kept_bytes -= kept.len();
                self.spares.put(kept);
            }
        } else if exchange.kept.is_none()
            && self.kept_bytes + incoming.frame.len() <= self.settings.kept_bytes_max
        {
            let mut kept = self.spares.take();
            kept.extend_from_slice(incoming.frame);
            self.kept_bytes += kept.len();
            exchange.kept = Some(kept);
        }
    }

    /// Keeps a request that must wait; sheds it, and answers false, where there is no room.
    fn keep_waiting(&mut self, key: ExchangeKey, incoming: Incoming<'_>) -> bool {
        let Some(exchange) = self.exchanges.get_mut(key) else {
            return false;
        };
        let Some(rule) = &exchange.rule else {
            return false;
        };
        let waiting_max = rule.policy().queue.waiting_max as usize;
        let room = self.kept_bytes + incoming.frame.len() <= self.settings.kept_bytes_max;
        let Some(service) = self.services.get_mut(rule.service) else {
            return false;
        };
        if service.waiting_count >= waiting_max {
            self.fail(
                key,
                ProxyError::Overload,
                "too many requests wait for this service",
                true,
            );
            return false;
        }
        if exchange.kept.is_none() && !room {
            self.fail(
                key,
                ProxyError::Overload,
                "no room to keep a waiting request",
                true,
            );
            return false;
        }
        if exchange.kept.is_none() {
            let mut kept = self.spares.take();
            kept.extend_from_slice(incoming.frame);
            self.kept_bytes += kept.len();
            exchange.kept = Some(kept);
        }
        service.waiting_count += 1;
        true
    }

    /// Forgets that an exchange waited.
    pub(crate) fn leave_queue(&mut self, key: ExchangeKey) {
        let Some(exchange) = self.exchanges.get_mut(key) else {
            return;
        };
        if !matches!(exchange.phase, Phase::Waiting | Phase::Queued(_)) {
            return;
        }
        exchange.phase = Phase::New;
        let service = exchange.rule.as_ref().map(|rule| rule.service);
        if let Some(service) = service.and_then(|service| self.services.get_mut(service)) {
            service.waiting_count = service.waiting_count.saturating_sub(1);
        }
    }

    /// Waits, for a while, until the service has an available instance.
    fn wait_for_instance(&mut self, key: ExchangeKey, service: usize, incoming: Incoming<'_>) {
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
        self.wheel
            .set(until, crate::engine::Alarm::Waiting(service));
        self.probe_due(service);
    }

    /// The time to wait for an instance is over for some.
    pub(crate) fn waiting_alarm(&mut self, service: usize) {
        let now = self.now.monotonic;
        let mut expired = Vec::new();
        if let Some(run) = self.services.get_mut(service) {
            run.waiting.retain(|(until, key)| {
                if *until <= now {
                    expired.push(*key);
                }
                *until > now
            });
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

    /// Puts what waits in a pool on its lanes, as far as there is room.
    pub(crate) fn pump_pool(&mut self, pool: &PoolName) {
        loop {
            let queue = self
                .instances
                .get_mut(pool.instance)
                .and_then(|run| run.pool(pool.class, pool.facets.as_ref()))
                .map(|pool| &mut pool.queue);
            let Some(queue) = queue else { return };
            let Some(key) = queue.front().copied() else {
                return;
            };
            let waits = self
                .exchanges
                .get(key)
                .is_some_and(|exchange| exchange.phase == Phase::Queued(pool.instance));
            if !waits {
                queue.pop_front();
                continue;
            }
            let Some(lane) = self.pick_lane(pool, key) else {
                return self.open_if_wanted(pool, key);
            };
            if let Some(pool) = self
                .instances
                .get_mut(pool.instance)
                .and_then(|run| run.pool(pool.class, pool.facets.as_ref()))
            {
                pool.queue.pop_front();
            }
            self.leave_queue(key);
            self.with_kept(key, |engine, incoming| engine.place(key, lane, incoming));
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
            .map(|client| Rc::clone(&client.listener))
        else {
            return;
        };
        let mut heads: Vec<Head> = Vec::with_capacity(1);
        let codec = &listener.listener.codec;
        let limits = &listener.listener.limits;
        let scanned = codec.scan(
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
        self.spares.put(kept);
    }

    /// Opens a lane if what waits in the pool has use for one.
    fn open_if_wanted(&mut self, pool: &PoolName, key: ExchangeKey) {
        let now = self.now.monotonic;
        let unlimited = self
            .exchanges
            .get(key)
            .is_some_and(|e| e.deadline == Nanos::NEVER);
        let Some(run) = self.instances.get_mut(pool.instance) else {
            return;
        };
        let serial = now < run.serial_until;
        let (lanes_max, depth) = (run.lanes.lanes_max as usize, run.lanes.depth);
        let found = run.pool_or_new(pool.class, pool.facets.as_ref());
        let lanes_max = match pool.class {
            // One per client that blocks; clients are limited elsewhere.
            Class::Exclusive if unlimited => usize::MAX,
            _ => lanes_max,
        };
        let one_each = serial || depth == 1 || pool.class != Class::Shared;
        let wanted = if one_each {
            found.queue.len()
        } else {
            found.queue.len().div_ceil(depth as usize)
        };
        if found.lanes.len() < lanes_max && (found.connecting as usize) < wanted {
            self.open_lane(pool, None, Some(key));
        }
    }
}
