//! When things go wrong under way: lanes that die, time that runs out, clients that leave; and
//! whether an exchange may try again.
//!
//! The rule of safety: a request of which no byte was written may go elsewhere; one that was
//! written only if its route marks the method idempotent, or the peer says that it did not
//! execute it.

use std::time::Duration;

use weft_codec::ProxyError;

use crate::client::PassTo;
use crate::engine::Alarm;
use crate::exchange::{Class, ExchangeKey, Phase};
use crate::hop;
use crate::instance::InstanceKey;
use crate::lane::{Lane, LaneKey, LaneState, ReadTo};
use crate::pending::Entry;
use crate::report::Outcome;
use crate::wheel::Timer;
use crate::{CloseCause, ConnId, Engine, Nanos};

/// The latency that a failure counts as: fast failures must not look cheap.
pub(crate) const PENALTY_NS: u64 = 1_000_000_000;
/// Moves of an unwritten exchange before it fails.
const REQUEUES_MAX: u8 = 8;

impl Engine {
    /// A lane is gone: each exchange on it goes elsewhere or fails.
    pub(crate) fn lane_gone(&mut self, key: LaneKey, cause: CloseCause) {
        // Also what the shell closed that was still being opened.
        self.end_connecting(key);
        let Some(mut lane) = self.lanes.remove(key) else {
            return;
        };
        self.counters.closed[cause as usize] += 1;
        self.tails.forget(ConnId::of_lane(key));
        self.wheel.cancel(&mut lane.timer);
        let instance = lane.instance;
        let mut exchanges = lane.pending.live();
        exchanges.extend(lane.one_ways.iter().map(|(_, exchange)| *exchange));
        // A one-way request that is still coming in is in neither list: it is its client's last.
        let writer = lane.writing.and_then(|client| self.clients.get(client));
        exchanges.extend(writer.and_then(|client| client.last));
        self.keep_unwritten(&lane, &exchanges);
        if let Some(run) = self.instances.get_mut(instance) {
            run.in_flight = run.in_flight.saturating_sub(lane.in_flight);
            if !exchanges.is_empty() && !matches!(cause, CloseCause::Drained | CloseCause::PeerGone)
            {
                run.failed += exchanges.len() as u64;
                run.latency.observe(self.now.monotonic, PENALTY_NS);
                run.doubted = true;
            } else if cause == CloseCause::Idle {
                // It stood until nobody wanted it: there is nothing left to find out.
                run.doubted = false;
            }
            if run.growth.trial {
                run.growth.trial = false;
            }
        }
        self.end_half_passed(&lane, key);
        for exchange in exchanges {
            self.lost(exchange, key, &lane);
        }
        if let Some(client) = lane.bound {
            self.bound_lane_gone(client, key);
        } else {
            let why = match lane.state {
                LaneState::Login(_) if lane.hop => self.not_greeted(key, instance),
                LaneState::Connecting | LaneState::Login(_) => {
                    "the connection ended before it was usable"
                }
                _ => "",
            };
            let pool = self.pool_of(&lane);
            self.forget_lane(&pool, key, why);
            let refused =
                lane.queued == 0 && matches!(cause, CloseCause::Finished | CloseCause::Reset);
            self.doubt(instance, refused);
        }
        self.spares.put(std::mem::take(&mut lane.partial));
        self.remove_withdrawn(instance);
    }

    /// Requests that are still in a dead lane's outbox can be sent elsewhere: keeps them.
    fn keep_unwritten(&mut self, lane: &Lane, exchanges: &[ExchangeKey]) {
        for key in exchanges {
            let Some(exchange) = self.exchanges.get_mut(*key) else {
                continue;
            };
            let Phase::OnLane { begin, end, .. } = exchange.phase else {
                continue;
            };
            if begin < lane.written || exchange.kept.is_some() || exchange.streamed {
                continue;
            }
            let range = (begin - lane.written) as usize..(end - lane.written) as usize;
            if let Some(bytes) = lane.outbox.unsent().get(range) {
                let bytes = if lane.hop { hop::native(bytes) } else { bytes };
                self.kept_bytes += bytes.len();
                exchange.kept = Some(bytes.to_vec());
            }
        }
    }

    /// Ends what a dead lane carried in pieces.
    fn end_half_passed(&mut self, lane: &Lane, key: LaneKey) {
        if let Some(client) = lane.writing.and_then(|client| self.clients.get_mut(client))
            && let Some(pass) = &mut client.pass
            && pass.to == PassTo::Lane(key)
        {
            pass.to = PassTo::Swallow;
            client.flags.blocked = false;
        }
        if let Some(client) = lane.writing {
            self.update_pause(client);
        }
        match lane.reading.map(|reading| reading.to) {
            // An answer that was cut off: the one case in which an instance's failure closes a
            // client's connection.
            Some(ReadTo::Client {
                client, exchange, ..
            }) => {
                if let Some(exchange) = exchange {
                    self.finish(exchange, Outcome::Failed(ProxyError::ResetAfterSending));
                }
                self.client_gone_by_us(client, CloseCause::PeerGone);
            }
            Some(ReadTo::Held { exchange, .. }) => {
                // One that has ended meanwhile has its words already.
                let lives = |phase| !matches!(phase, Phase::Held(_));
                if self.exchanges.get(exchange).is_some_and(|e| lives(e.phase)) {
                    self.retry_or_fail(exchange, true, ProxyError::ResetAfterSending);
                }
            }
            Some(ReadTo::Discard) | None => {}
        }
    }

    /// One exchange of a dead lane.
    fn lost(&mut self, key: ExchangeKey, lane_key: LaneKey, lane: &Lane) {
        let Some(exchange) = self.exchanges.get_mut(key) else {
            return;
        };
        let Phase::OnLane {
            lane: on, begin, ..
        } = exchange.phase
        else {
            return;
        };
        if on != lane_key {
            return;
        }
        let written = begin < lane.written;
        exchange.phase = Phase::New;
        if !exchange.tried.contains(&lane.instance) {
            exchange.tried.push(lane.instance);
        }
        if lane.bound.is_some() {
            // Its state died with the lane.
            let error = if written {
                ProxyError::ResetAfterSending
            } else {
                ProxyError::ResetBeforeSending
            };
            return self.fail(key, error, "", false);
        }
        if written {
            self.retry_or_fail(key, true, ProxyError::ResetAfterSending);
        } else {
            self.requeue(key);
        }
    }

    /// Gives an exchange of which nothing was written to another lane.
    fn requeue(&mut self, key: ExchangeKey) {
        let Some(exchange) = self.exchanges.get_mut(key) else {
            return;
        };
        exchange.requeues = exchange.requeues.saturating_add(1);
        if exchange.kept.is_none() || exchange.requeues > REQUEUES_MAX {
            return self.fail(key, ProxyError::ResetBeforeSending, "", false);
        }
        self.counters.requeues += 1;
        self.homeless.push_back(key);
    }

    fn retry_or_fail(&mut self, key: ExchangeKey, written: bool, error: ProxyError) {
        if self.may_retry(key, written) {
            self.isolate(key);
            self.retry(key);
        } else {
            self.fail(key, error, "", false);
        }
    }

    /// A request under which a lane died gets a lane to itself next time: it may be what the
    /// server closed the connection for, and then takes nobody along; and it does not share the
    /// fate of others a second time.
    fn isolate(&mut self, key: ExchangeKey) {
        if let Some(exchange) = self.exchanges.get_mut(key)
            && exchange.class == Class::Shared
        {
            exchange.class = Class::Alone;
        }
    }

    /// Whether an exchange may be sent again; charges the budget if so.
    pub(crate) fn may_retry(&mut self, key: ExchangeKey, written: bool) -> bool {
        let now = self.now.monotonic;
        let Some(exchange) = self.exchanges.get(key) else {
            return false;
        };
        let Some(rule) = exchange.rule.clone() else {
            return false;
        };
        let retry = &rule.policy().retry;
        let safe = !written || exchange.idempotent;
        let able = exchange.kept.is_some() && !exchange.answer_begun && exchange.deadline > now;
        if !safe || !able || exchange.retries >= retry.retries_max {
            return false;
        }
        let granted = self
            .services
            .get_mut(rule.service)
            .is_some_and(|run| run.budget.charge(now, retry));
        if !granted {
            self.counters.retries_refused += 1;
        }
        granted
    }

    /// Sends an exchange again, on another instance if there is one, after a backoff with full
    /// jitter.
    pub(crate) fn retry(&mut self, key: ExchangeKey) {
        let now = self.now.monotonic;
        let Some(exchange) = self.exchanges.get_mut(key) else {
            return;
        };
        // What was held of a lost answer must not stand before the next.
        self.answer_bytes -= exchange.answer.len();
        exchange.answer.clear();
        exchange.retries = exchange.retries.saturating_add(1);
        exchange.phase = Phase::Backoff;
        let Some(rule) = exchange.rule.clone() else {
            return;
        };
        let retry = &rule.policy().retry;
        let cap = retry
            .backoff_base
            .saturating_mul(1u32 << u32::from(exchange.retries - 1).min(16))
            .min(retry.backoff_max);
        let wait = self.rng.u64(0..=cap.as_nanos() as u64);
        self.counters.retries += 1;
        self.wheel
            .set(now.after(Duration::from_nanos(wait)), Alarm::Exchange(key));
    }

    /// Takes an exchange off its lane before its answer came. Its id, or its place, stays taken
    /// until the answer comes or the lane dies.
    pub(crate) fn abandon(&mut self, key: ExchangeKey, timed_out: bool) {
        self.leave_queue(key);
        let now = self.now.monotonic;
        let Some(exchange) = self.exchanges.get_mut(key) else {
            return;
        };
        let Phase::OnLane {
            lane: lane_key,
            wire_id,
            ..
        } = exchange.phase
        else {
            return;
        };
        let (one_way, dispatched) = (exchange.one_way, exchange.dispatched);
        let abandoned = Entry::Abandoned {
            timed_out,
            caller_id: exchange.caller_id,
        };
        self.release_attempt(lane_key, key);
        if one_way {
            // In order its place stays taken until the answer comes, if one will.
            if self.lane_is_by_id(lane_key) {
                let until = now.after(self.settings.one_way_linger);
                self.linger(lane_key, wire_id, until);
            }
            return self.after_answer(lane_key);
        }
        let Some(lane) = self.lanes.get_mut(lane_key) else {
            return;
        };
        let waited = lane.pending.replace(wire_id, key, abandoned);
        if waited {
            lane.abandoned += 1;
        }
        let (instance, class) = (lane.instance, lane.class);
        let too_many = lane.abandoned > lane.abandoned_max();
        if lane.founder == Some(key) {
            lane.founder = None;
            self.retire_lane(lane_key, CloseCause::Drained);
        }
        if waited {
            self.say_cancel(lane_key, wire_id);
        }
        if timed_out {
            self.note_failure(instance, now.since(dispatched).max(PENALTY_NS));
        }
        if matches!(class, Class::Exclusive | Class::Alone) {
            // Nothing else can use it before the answer comes.
            self.close_lane(lane_key, CloseCause::Drained);
        } else if too_many {
            self.retire_lane(lane_key, CloseCause::Untrusted);
        }
        self.after_answer(lane_key);
    }

    fn note_failure(&mut self, instance: InstanceKey, latency_ns: u64) {
        if let Some(run) = self.instances.get_mut(instance) {
            run.failed += 1;
            run.latency.observe(self.now.monotonic, latency_ns);
        }
    }

    /// Takes an attempt off the books of its lane and instance.
    pub(crate) fn release_attempt(&mut self, lane_key: LaneKey, key: ExchangeKey) {
        if let Some(exchange) = self.exchanges.get_mut(key) {
            exchange.phase = Phase::New;
        }
        let Some(lane) = self.lanes.get_mut(lane_key) else {
            return;
        };
        lane.in_flight = lane.in_flight.saturating_sub(1);
        if lane.in_flight == 0 {
            lane.idle_since = self.now.monotonic;
        }
        if let Some(run) = self.instances.get_mut(lane.instance) {
            run.in_flight = run.in_flight.saturating_sub(1);
        }
    }

    /// An exchange's deadline, or the end of its backoff.
    pub(crate) fn exchange_alarm(&mut self, key: ExchangeKey) {
        let now = self.now.monotonic;
        let Some(exchange) = self.exchanges.get_mut(key) else {
            return;
        };
        if exchange.deadline > now {
            if exchange.phase == Phase::Backoff {
                exchange.phase = Phase::New;
                self.homeless.push_back(key);
            }
            return;
        }
        exchange.timer = Timer::NONE;
        exchange.deadline = Nanos::NEVER;
        let more = match exchange.phase {
            Phase::Held(_) => return,
            Phase::Waiting => "while no instance was available",
            Phase::Queued(_) => "while it waited for a connection to an instance",
            Phase::Backoff => "between two attempts",
            Phase::New | Phase::OnLane { .. } => "",
        };
        self.abandon(key, true);
        self.fail(key, ProxyError::Deadline, more, false);
    }
}
