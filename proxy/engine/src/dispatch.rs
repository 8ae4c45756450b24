//! From an admitted exchange to a lane: choose an instance, pick or open a lane, or wait.

use std::rc::Rc;

use weft_codec::ProxyError;

use crate::admit::Incoming;
use crate::balance::{Choice, Choosing};
use crate::engine::PoolName;
use crate::exchange::{Class, ExchangeKey, Phase};
use crate::instance::{InstanceKey, Reach};
use crate::lane::{Lane, LaneKey, LaneState};
use crate::{Engine, Nanos};

impl Engine {
    /// Gives an exchange to an instance.
    pub(crate) fn dispatch(&mut self, key: ExchangeKey, incoming: Incoming<'_>) {
        let Some(exchange) = self.exchanges.get_mut(key) else {
            return;
        };
        let Some(rule) = exchange.rule.clone() else {
            return;
        };
        let idempotent = exchange.idempotent;
        let tried = match exchange.tried.is_empty() {
            true => None,
            false => Some(std::mem::take(&mut exchange.tried)),
        };
        let choosing = Choosing {
            rule: &rule,
            tried: tried.as_deref().unwrap_or_default(),
            idempotent,
        };
        let choice = self.choose(choosing, &incoming.fields());
        if let Some(tried) = tried
            && let Some(exchange) = self.exchanges.get_mut(key)
        {
            exchange.tried = tried;
        }
        match choice {
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
        let (first, detour) = self
            .instances
            .get_mut(instance)
            .map_or((false, false), |run| {
                let pool = run.pool(pool.class, pool.facets.as_ref());
                pool.map_or((true, false), |pool| (pool.queue.is_empty(), pool.detour))
            });
        let affine = incoming
            .listener
            .executes_in_order
            .then(|| self.affine_lane(&pool, key))
            .flatten();
        let lane = if first {
            self.pick_lane(&pool, affine)
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
        self.enqueue(key, instance, &pool);
        if detour || (first && affine.is_some()) {
            // One look at what waits is enough for all the requests of one read.
            if self.pump.last() != Some(&pool) {
                self.pump.push(pool);
            }
        } else {
            self.open_if_wanted(&pool, key);
        }
    }

    /// Adds an exchange to its pool's queue: at the end, but one that lost its place before the
    /// younger ones of a client whose requests are executed in order.
    fn enqueue(&mut self, key: ExchangeKey, instance: InstanceKey, pool: &PoolName) {
        let Some(exchange) = self.exchanges.get(key) else {
            return;
        };
        let mut younger = exchange.next.filter(|_| {
            self.clients
                .get(exchange.client)
                .is_some_and(|client| client.listener.executes_in_order)
        });
        let Some(run) = self.instances.get_mut(instance) else {
            return;
        };
        let queue = &mut run.pool_or_new(pool.class, pool.facets.as_ref()).queue;
        let mut place = None;
        while let (None, Some(candidate)) = (place, younger) {
            let Some(exchange) = self.exchanges.get(candidate) else {
                break;
            };
            if exchange.phase == Phase::Queued(instance) {
                place = queue.iter().position(|queued| *queued == candidate);
            }
            younger = exchange.next;
        }
        queue.insert(place.unwrap_or(queue.len()), key);
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
        // Natively it needs a lane of its own until it is answered; on the hop it does not.
        let alone = exchange.exclusive && (facets.is_some() || !self.speaks_hop(exchange));
        Some(PoolName {
            instance,
            class: if alone {
                Class::Exclusive
            } else {
                exchange.class
            },
            facets,
        })
    }

    /// A lane of the pool that takes the exchange now: the first with room, since few lanes
    /// batch best, or the one with the least in flight where lanes are known to bring
    /// something. A client that matches answers by position keeps to the `affine` lane that its
    /// last request to this instance took, so that its requests are not executed out of turn.
    pub(crate) fn pick_lane(
        &mut self,
        pool: &PoolName,
        affine: Option<LaneKey>,
    ) -> Option<LaneKey> {
        let outbox_max = self.settings.lane_outbox_pause_bytes;
        let now = self.now.monotonic;
        let run = self.instances.get_mut(pool.instance)?;
        let (serial, lanes_max) = (now < run.serial_until, run.lanes.lanes_max as usize);
        let spread = run.growth.trial || run.growth.spread;
        let lanes = &run.pool(pool.class, pool.facets.as_ref())?.lanes;
        // Once there are as many lanes as permitted, a serial server's requests queue on them.
        let serial = serial && lanes.len() < lanes_max;
        let takes = |lane: &Lane| {
            let depth = if serial { 1 } else { lane.depth() };
            lane.takes(depth, outbox_max)
        };
        if let Some(affine) = affine {
            let lane = self.lanes.get(affine)?;
            return (takes(lane) && lanes.contains(&affine)).then_some(affine);
        }
        let mut best: Option<(u32, LaneKey)> = None;
        for &candidate in lanes {
            let Some(lane) = self.lanes.get(candidate).filter(|lane| takes(lane)) else {
                continue;
            };
            if best.is_none_or(|(in_flight, _)| lane.in_flight < in_flight) {
                best = Some((lane.in_flight, candidate));
                if !spread {
                    break;
                }
            }
        }
        let (in_flight, picked) = best?;
        if in_flight > 0
            && self
                .lanes
                .get(picked)
                .is_some_and(|lane| lane.may_be_stuck(now))
        {
            self.open_if_stuck(pool, picked);
        }
        Some(picked)
    }

    /// The lane of this pool that carries an older exchange of the same in-order client.
    pub(crate) fn affine_lane(&self, pool: &PoolName, key: ExchangeKey) -> Option<LaneKey> {
        let exchange = self.exchanges.get(key)?;
        let client = self.clients.get(exchange.client)?;
        if client.in_flight < 2 || !client.listener.executes_in_order {
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

    /// Opens a lane if what waits in the pool has use for one.
    pub(crate) fn open_if_wanted(&mut self, pool: &PoolName, key: ExchangeKey) {
        let now = self.now.monotonic;
        let unlimited = self
            .exchanges
            .get(key)
            .is_some_and(|e| e.deadline == Nanos::NEVER);
        let Some(run) = self.instances.get_mut(pool.instance) else {
            return;
        };
        if now < run.open_after || matches!(run.reach, Reach::Down { .. }) {
            // What waits here moves on when the last lane of the pool has failed.
            return;
        }
        let serial = now < run.serial_until;
        let (lanes_max, depth) = (run.lanes.lanes_max as usize, run.lanes.depth);
        let found = run.pool_or_new(pool.class, pool.facets.as_ref());
        let lanes_max = match pool.class {
            // One per client that blocks; clients are limited elsewhere.
            Class::Exclusive if unlimited => usize::MAX,
            _ => lanes_max,
        };
        let one_each = serial || depth == 1 || pool.class != Class::Shared;
        // A lane that is going away takes nothing: as many again may stand in for such.
        let standing = if found.lanes.len() < lanes_max {
            found.lanes.len()
        } else if found.lanes.len() >= lanes_max.saturating_mul(2) {
            lanes_max
        } else {
            let retires = |lane: &&LaneKey| {
                self.lanes
                    .get(**lane)
                    .is_some_and(|lane| matches!(lane.state, LaneState::Retiring(_)))
            };
            found.lanes.len() - found.lanes.iter().filter(retires).count()
        };
        let wanted = if one_each {
            found.queue.len()
        } else {
            found.queue.len().div_ceil(depth as usize)
        };
        if standing < lanes_max && (found.connecting as usize) < wanted {
            self.open_lane(pool, None, Some(key));
        }
    }
}
