//! The life of lanes: opened, connected, logged in, written, idle, retired, lost; and what
//! their instances learn from it.

use std::rc::Rc;
use std::time::Duration;

use weft_codec::{OneWayAnswers, ProxyError, Verdict};

use crate::buffer::Outbox;
use crate::client::ClientKey;
use crate::engine::{Alarm, PoolName};
use crate::exchange::{Class, ExchangeKey, Phase};
use crate::instance::{InstanceKey, Reach};
use crate::lane::{Lane, LaneKey, LaneState};
use crate::report::Outcome;
use crate::wheel::Timer;
use crate::{Action, CloseCause, ConnId, ConnectFailure, Engine, Nanos};

/// How long the shell may be late with its own connect timeout, and a login may take.
const CONNECT_SLACK: Duration = Duration::from_secs(1);
/// An exchange that failed to get a lane on so many instances fails.
const TRIES_MAX: usize = 8;

impl Engine {
    /// Opens a lane in a pool, or one that is bound to a client. An exchange that changes
    /// facets founds the pool of the facets that it asks for.
    pub(crate) fn open_lane(
        &mut self,
        pool: &PoolName,
        bound: Option<ClientKey>,
        wanted_by: Option<ExchangeKey>,
    ) -> Option<LaneKey> {
        let now = self.now.monotonic;
        let run = self.instances.get_mut(pool.instance)?;
        let service = self.services.get(run.service)?;
        let wanted_by = wanted_by.and_then(|key| Some((key, self.exchanges.get(key)?)));
        let founder = wanted_by.filter(|(_, exchange)| {
            exchange.facet.is_some() && exchange.facet.as_ref() == pool.facets.as_ref()
        });
        let login = match &founder {
            Some((_, exchange)) => self
                .clients
                .get(exchange.client)
                .and_then(|client| client.facets.clone()),
            None => pool.facets.clone(),
        };
        let codec = std::sync::Arc::clone(&service.state.codec);
        let policy = run.lanes.clone();
        let key = self.lanes.insert(Lane {
            instance: pool.instance,
            class: pool.class,
            facets: pool.facets.clone(),
            login,
            pending: crate::lane::pending(&*codec, pool.class, policy.depth),
            codec,
            limits: service.state.limits,
            state: LaneState::Connecting,
            partial: Vec::new(),
            scan: Default::default(),
            need: 0,
            outbox: Outbox::default(),
            queued: 0,
            written: 0,
            in_flight: 0,
            abandoned: 0,
            one_ways: Default::default(),
            lingering: Default::default(),
            bound,
            founder: founder.map(|(key, _)| key),
            writing: None,
            reading: None,
            opened: now,
            progress: now,
            idle_since: now,
            stuck_since: None,
            timer: Timer::NONE,
            timer_at: Nanos::NEVER,
            unknown_answers: 0,
            dispatched: 0,
            serial_score: 0,
            dirty: false,
            paused: false,
            ended: false,
            shut: false,
            policy,
        });
        self.counters.lanes_opened += 1;
        let timeout = run.lanes.connect_timeout;
        let address = run.instance.address.clone();
        if bound.is_none() {
            let pool = run.pool_or_new(pool.class, pool.facets.as_ref());
            pool.lanes.push(key);
            pool.connecting += 1;
        }
        self.actions.push(Action::Open {
            conn: ConnId::of_lane(key),
            address,
            timeout,
        });
        self.arm_lane(key);
        Some(key)
    }

    pub(crate) fn lane_connected(&mut self, key: LaneKey) {
        let now = self.now.monotonic;
        let Some(lane) = self.lanes.get_mut(key) else {
            return;
        };
        if lane.state != LaneState::Connecting {
            return;
        }
        lane.idle_since = now;
        lane.progress = now;
        let (instance, bound) = (lane.instance, lane.bound.is_some());
        let pool = PoolName {
            instance,
            class: lane.class,
            facets: lane.facets.clone(),
        };
        let login = lane.login.clone();
        let answers = login
            .as_ref()
            .map_or(0, |facets| facets.requests.len() as u32);
        lane.state = LaneState::Login(answers);
        for (_, request) in login.iter().flat_map(|facets| &facets.requests) {
            lane.outbox
                .room(&mut self.spares)
                .extend_from_slice(request);
            lane.queued += request.len() as u64;
        }
        if !bound {
            self.end_connecting(&pool);
        }
        self.instance_reached(instance);
        if answers > 0 {
            self.mark_lane(key);
        } else {
            self.lane_ready(key);
        }
    }

    fn end_connecting(&mut self, pool: &PoolName) {
        let found = self
            .instances
            .get_mut(pool.instance)
            .and_then(|run| run.pool(pool.class, pool.facets.as_ref()));
        if let Some(pool) = found {
            pool.connecting = pool.connecting.saturating_sub(1);
        }
    }

    /// A connect succeeded: the instance is reachable.
    fn instance_reached(&mut self, key: InstanceKey) {
        let now = self.now.monotonic;
        let Some(run) = self.instances.get_mut(key) else {
            return;
        };
        let was_out = run.reach != Reach::Up;
        run.failures = 0;
        run.reach = Reach::Up;
        run.last_pick = now;
        if run.growth.trial {
            run.growth.since = now;
            run.growth.answers = 0;
        }
        let service = run.service;
        if was_out {
            let start = self.median_latency(service, key);
            if let Some(run) = self.instances.get_mut(key) {
                run.latency = crate::instance::PeakEwma::new(start);
            }
            self.wake_waiting(service);
        }
    }

    /// A lane is connected and logged in.
    fn lane_ready(&mut self, key: LaneKey) {
        let Some(lane) = self.lanes.get_mut(key) else {
            return;
        };
        lane.state = LaneState::Ready;
        if let Some(client) = lane.bound {
            self.arm_lane(key);
            return self.list_client(client);
        }
        if let Some(founder) = lane.founder {
            let instance = lane.instance;
            if self
                .exchanges
                .get(founder)
                .is_some_and(|e| e.phase == Phase::Queued(instance))
            {
                self.leave_queue(founder);
                self.with_kept(founder, |engine, incoming| {
                    engine.place(founder, key, incoming)
                });
            } else {
                // Whoever wanted these facets is gone, and the lane does not have them.
                return self.close_lane(key, CloseCause::Drained);
            }
        }
        self.arm_lane(key);
        self.pump_lane(key);
    }

    /// An answer to the replay of facets.
    pub(crate) fn login_answer(
        &mut self,
        key: LaneKey,
        answer: crate::answer::Answer<'_>,
        left: u32,
    ) {
        if answer.head.kind != weft_codec::Kind::Answer {
            return;
        }
        if answer.codec.classify(answer.head, answer.frame) != Verdict::Ok {
            let text = format!(
                "{}: the replay of a client's session was refused",
                self.lane_name(key)
            );
            self.report(ConnId::of_lane(key), text);
            return self.close_lane(key, CloseCause::Untrusted);
        }
        self.discard_rest(key, answer.missing());
        if let Some(lane) = self.lanes.get_mut(key) {
            lane.state = LaneState::Login(left.saturating_sub(1));
        }
        if left <= 1 {
            self.lane_ready(key);
        }
    }

    /// After an exchange that changes facets was answered: the client has them, and its lane is
    /// open to others, or neither.
    pub(crate) fn note_facet_answer(
        &mut self,
        key: LaneKey,
        exchange: ExchangeKey,
        verdict: Verdict,
    ) {
        let Some(found) = self.exchanges.get_mut(exchange) else {
            return;
        };
        let Some(facets) = found.facet.take() else {
            return;
        };
        let client = found.client;
        if verdict == Verdict::Ok
            && let Some(client) = self.clients.get_mut(client)
        {
            client.facets = Some(facets);
        }
        let Some(lane) = self.lanes.get_mut(key) else {
            return;
        };
        if lane.founder == Some(exchange) {
            lane.founder = None;
            if verdict == Verdict::Ok {
                self.pump_lane(key);
            } else {
                self.retire_lane(key, CloseCause::Drained);
            }
        }
    }

    pub(crate) fn lane_connect_failed(&mut self, key: LaneKey, failure: ConnectFailure) {
        self.counters.connects_failed += 1;
        let Some(mut lane) = self.lanes.remove(key) else {
            return;
        };
        self.wheel.cancel(&mut lane.timer);
        self.instance_failed(lane.instance, failure);
        if let Some(client) = lane.bound {
            self.unbind_failed(client, lane.instance);
        } else {
            let pool = PoolName {
                instance: lane.instance,
                class: lane.class,
                facets: lane.facets,
            };
            self.end_connecting(&pool);
            self.forget_lane(&pool, key, "could not connect");
        }
        self.remove_withdrawn(lane.instance);
    }

    /// A connect failed: nobody tries again for a while, unless other lanes stand.
    fn instance_failed(&mut self, key: InstanceKey, failure: ConnectFailure) {
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
        run.failures = run.failures.saturating_add(1);
        if stands {
            run.growth.trial = false;
            run.growth.rest_until = now.after(Duration::from_secs(5));
            return;
        }
        // Full jitter over an exponential cap, and never less than the minimum.
        let cap = min
            .saturating_mul(1u32 << run.failures.min(16))
            .min(max)
            .max(min);
        let wait = self.rng.u64(min.as_nanos() as u64..=cap.as_nanos() as u64);
        let until = Nanos(now.0.saturating_add(wait));
        let first = run.reach == Reach::Up;
        run.reach = Reach::Down { until };
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

    pub(crate) fn lane_wrote(&mut self, key: LaneKey, n: usize) {
        let Some(lane) = self.lanes.get_mut(key) else {
            return;
        };
        let was_over = lane.outbox.len() >= self.settings.lane_outbox_pause_bytes;
        let n = lane.outbox.wrote(n, &mut self.spares);
        lane.written += n as u64;
        self.counters.upstream_bytes_out += n as u64;
        let (written, bound) = (lane.written, lane.bound);
        let is_over = lane.outbox.len() >= self.settings.lane_outbox_pause_bytes;
        let (sends, blocks) = (
            !lane.one_ways.is_empty(),
            lane.writing.is_some() || bound.is_some(),
        );
        if sends {
            self.end_one_ways(key, written);
        }
        if blocks {
            self.unblock_writer(key);
        }
        if was_over && !is_over {
            self.pump_lane(key);
        }
        if let Some(client) = bound
            && self
                .clients
                .get(client)
                .is_some_and(crate::client::Client::is_raw)
        {
            self.shut_raw(client);
        }
    }

    /// One-ways whose last byte is written have their outcome.
    fn end_one_ways(&mut self, key: LaneKey, written: u64) {
        while let Some(lane) = self.lanes.get_mut(key) {
            let Some((end, exchange)) = lane.one_ways.front().copied() else {
                return;
            };
            if end > written {
                return;
            }
            lane.one_ways.pop_front();
            let answers = lane.codec.traits().one_way_answers;
            if let Some(Phase::OnLane { wire_id, .. }) =
                self.exchanges.get(exchange).map(|exchange| exchange.phase)
            {
                if answers == OneWayAnswers::Never && self.lane_is_by_id(key) {
                    self.take_lingering(key, wire_id);
                } else if self.lane_is_by_id(key) {
                    let until = self.now.monotonic.after(self.settings.one_way_linger);
                    self.linger(key, wire_id, until);
                }
                self.release_attempt(key, exchange);
                self.finish(exchange, Outcome::Sent);
                self.after_answer(key);
            }
        }
    }

    fn lane_is_by_id(&self, key: LaneKey) -> bool {
        self.lanes
            .get(key)
            .is_some_and(|lane| matches!(lane.pending, crate::pending::Pending::ById(_)))
    }

    /// Frees the id of a one-way request, if nothing else has it by now.
    fn take_lingering(&mut self, key: LaneKey, wire_id: u64) {
        if let Some(lane) = self.lanes.get_mut(key)
            && lane.pending.peek(wire_id) == Some(crate::pending::Entry::Lingering)
        {
            lane.pending.take(wire_id);
        }
    }

    /// Keeps the id of a one-way request reserved for a while, and frees those whose time is up.
    pub(crate) fn linger(&mut self, key: LaneKey, wire_id: u64, until: Nanos) {
        let now = self.now.monotonic;
        if let Some(lane) = self.lanes.get_mut(key) {
            lane.lingering.push_back((until, wire_id));
        }
        while let Some((until, id)) = self
            .lanes
            .get(key)
            .and_then(|lane| lane.lingering.front().copied())
        {
            if until > now {
                break;
            }
            if let Some(lane) = self.lanes.get_mut(key) {
                lane.lingering.pop_front();
            }
            self.take_lingering(key, id);
        }
    }

    pub(crate) fn lane_ended(&mut self, key: LaneKey) {
        let Some(lane) = self.lanes.get_mut(key) else {
            return;
        };
        lane.ended = true;
        match lane.bound {
            Some(client)
                if self
                    .clients
                    .get(client)
                    .is_some_and(crate::client::Client::is_raw) =>
            {
                self.shut_raw(client);
            }
            _ => self.close_lane(key, CloseCause::Finished),
        }
    }

    /// Takes nothing new on a lane; closes it when nothing is in flight.
    pub(crate) fn retire_lane(&mut self, key: LaneKey, cause: CloseCause) {
        let Some(lane) = self.lanes.get_mut(key) else {
            return;
        };
        match lane.state {
            LaneState::Retiring(_) => return,
            LaneState::Connecting => return self.close_lane(key, cause),
            LaneState::Login(_) | LaneState::Ready => lane.state = LaneState::Retiring(cause),
        }
        self.close_if_retired(key);
    }

    pub(crate) fn close_if_retired(&mut self, key: LaneKey) {
        let Some(lane) = self.lanes.get(key) else {
            return;
        };
        if let LaneState::Retiring(cause) = lane.state
            && lane.in_flight == 0
            && lane.reading.is_none()
            && lane.writing.is_none()
        {
            self.close_lane(key, cause);
        }
    }

    /// Closes a lane now.
    pub(crate) fn close_lane(&mut self, key: LaneKey, cause: CloseCause) {
        if self.lanes.get(key).is_some() {
            self.actions.push(Action::Close {
                conn: ConnId::of_lane(key),
                cause,
            });
            self.lane_gone(key, cause);
        }
    }

    pub(crate) fn close_all_lanes(&mut self) {
        for key in self.lanes.keys() {
            self.close_lane(key, CloseCause::Drained);
        }
    }

    pub(crate) fn resume_lane(&mut self, key: LaneKey) {
        if let Some(lane) = self.lanes.get_mut(key)
            && lane.paused
        {
            lane.paused = false;
            self.actions.push(Action::Resume {
                conn: ConnId::of_lane(key),
            });
        }
    }

    /// Takes a lane out of its pool. What waits there goes elsewhere if no lane is left.
    pub(crate) fn forget_lane(&mut self, pool: &PoolName, key: LaneKey, why: &str) {
        let Some(run) = self.instances.get_mut(pool.instance) else {
            return;
        };
        let stays = run.is_wanted() && run.reach == Reach::Up;
        let Some(index) = run
            .pools
            .iter()
            .position(|p| p.class == pool.class && p.facets == pool.facets)
        else {
            return;
        };
        let found = &mut run.pools[index];
        found.lanes.retain(|lane| *lane != key);
        if !found.lanes.is_empty() {
            return self.pump.push(pool.clone());
        }
        if stays && !found.queue.is_empty() && why.is_empty() {
            // The instance is well as far as we know: another lane will do.
            return self.pump.push(pool.clone());
        }
        let queue = std::mem::take(&mut found.queue);
        if pool.facets.is_some() || pool.class != Class::Shared {
            run.pools.swap_remove(index);
        }
        for exchange in queue {
            self.move_on(exchange, pool.instance, why);
        }
    }

    /// An exchange that waited for a lane tries another instance.
    fn move_on(&mut self, key: ExchangeKey, instance: InstanceKey, why: &str) {
        let Some(exchange) = self.exchanges.get_mut(key) else {
            return;
        };
        if exchange.phase != Phase::Queued(instance) {
            return;
        }
        if !exchange.tried.contains(&instance) {
            exchange.tried.push(instance);
        }
        exchange.requeues = exchange.requeues.saturating_add(1);
        let over = usize::from(exchange.requeues) > TRIES_MAX;
        self.leave_queue(key);
        if over {
            return self.fail(key, ProxyError::ConnectFailed, why, false);
        }
        self.counters.requeues += 1;
        self.homeless.push_back(key);
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

    /// When a lane must be looked at, and why it would be closed then.
    fn lane_deadline(&self, lane: &Lane) -> Option<(Nanos, CloseCause)> {
        let opened = lane
            .opened
            .after(lane.policy.connect_timeout)
            .after(CONNECT_SLACK);
        let stall = self.settings.frame_stall_timeout;
        match lane.state {
            LaneState::Connecting => return Some((opened, CloseCause::Stalled)),
            LaneState::Login(_) => return Some((opened.after(CONNECT_SLACK), CloseCause::Stalled)),
            LaneState::Ready | LaneState::Retiring(_) => {}
        }
        let half_read = !lane.partial.is_empty() || lane.reading.is_some();
        if let Some(since) = lane.stuck_since {
            Some((
                since.after(self.settings.tombstone_grace),
                CloseCause::Stalled,
            ))
        } else if half_read && !lane.paused && lane.bound.is_none() {
            Some((lane.progress.after(stall), CloseCause::Stalled))
        } else if lane.in_flight == 0 && lane.bound.is_none() {
            Some((lane.idle_since.after(lane.policy.idle), CloseCause::Idle))
        } else {
            None
        }
    }

    /// Arms a lane's one timer, unless it goes off earlier anyway.
    pub(crate) fn arm_lane(&mut self, key: LaneKey) {
        let Some(lane) = self.lanes.get(key) else {
            return;
        };
        let Some((at, _)) = self.lane_deadline(lane) else {
            return;
        };
        let Some(lane) = self.lanes.get_mut(key) else {
            return;
        };
        if lane.timer.is_set() && lane.timer_at <= at {
            return;
        }
        self.wheel.cancel(&mut lane.timer);
        lane.timer = self.wheel.set(at, Alarm::Lane(key));
        lane.timer_at = at;
    }

    pub(crate) fn lane_alarm(&mut self, key: LaneKey) {
        let now = self.now.monotonic;
        let Some(lane) = self.lanes.get_mut(key) else {
            return;
        };
        lane.timer = Timer::NONE;
        let lifetime = lane.policy.lifetime;
        let aged = !lifetime.is_zero() && lane.opened.after(lifetime) <= now;
        let connecting = lane.state == LaneState::Connecting;
        let Some(lane) = self.lanes.get(key) else {
            return;
        };
        match self.lane_deadline(lane) {
            Some((at, _)) if at <= now && connecting => {
                // The shell should have said so.
                self.actions.push(Action::Close {
                    conn: ConnId::of_lane(key),
                    cause: CloseCause::Stalled,
                });
                self.lane_connect_failed(key, ConnectFailure::TimedOut);
            }
            Some((at, cause)) if at <= now => self.close_lane(key, cause),
            Some(_) if aged => self.retire_lane(key, CloseCause::Idle),
            Some(_) => self.arm_lane(key),
            None => {}
        }
    }

    /// How logs name a lane.
    pub(crate) fn lane_name(&self, key: LaneKey) -> String {
        let run = self
            .lanes
            .get(key)
            .and_then(|lane| self.instances.get(lane.instance));
        run.map_or_else(String::new, |run| {
            let service = self
                .services
                .get(run.service)
                .map(|s| s.state.service.name.as_str());
            format!(
                "service {} instance {}",
                service.unwrap_or(""),
                run.instance.id
            )
        })
    }

    /// The service's median latency without one instance; 30 ms if there is no other.
    pub(crate) fn median_latency(&self, service: usize, without: InstanceKey) -> f64 {
        let Some(service) = self.services.get(service) else {
            return START_NS;
        };
        let mut costs: Vec<f64> = service
            .instances
            .iter()
            .filter(|key| **key != without)
            .filter_map(|key| self.instances.get(*key))
            .filter(|run| run.reach == Reach::Up && run.ok > 0)
            .map(|run| run.latency.cost_ns())
            .collect();
        costs.sort_by(f64::total_cmp);
        costs.get(costs.len() / 2).copied().unwrap_or(START_NS)
    }

    /// The pool that a lane belongs to.
    pub(crate) fn pool_of(&self, lane: &Lane) -> PoolName {
        PoolName {
            instance: lane.instance,
            class: lane.class,
            facets: lane.facets.as_ref().map(Rc::clone),
        }
    }
}

/// What an instance is believed to cost before anything is known of its service: 30 ms.
pub(crate) const START_NS: f64 = 30e6;
