//! How lanes begin: opened, connected, logged in; and what happens to those who waited for one
//! that did not come about.

use std::rc::Rc;

use weft_codec::{Codec as _, ProxyError, Verdict};

use crate::buffer::Outbox;
use crate::client::{Client, ClientKey, Facets};
use crate::engine::PoolName;
use crate::exchange::{Class, ExchangeKey, Phase};
use crate::instance::{InstanceKey, Reach};
use crate::lane::{Lane, LaneKey, LaneState};
use crate::liveness::Pings;
use crate::table::Table;
use crate::wheel::Timer;
use crate::{Action, CloseCause, ConnId, ConnectFailure, Engine, Nanos};

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
            Some((_, exchange)) => facets_of(&self.clients, exchange.client),
            None => pool.facets.clone(),
        };
        let (codec, hop) = service.codec_of_lane(pool, bound.is_some());
        let policy = run.lanes.clone();
        let pending = crate::lane::pending(&*codec, pool.class, policy.depth, self.rng.u64(..));
        let key = self.lanes.insert(Lane {
            instance: pool.instance,
            class: pool.class,
            facets: pool.facets.clone(),
            login,
            pings: Pings::new(&codec, &pending, now),
            pending,
            codec,
            hop,
            awaited: bound.is_none(),
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
            answered: now,
            serial_score: 0,
            dirty: false,
            paused: false,
            ended: false,
            shut: false,
            policy,
        });
        self.counters.lanes_opened += 1;
        if bound.is_none() {
            let pool = run.pool_or_new(pool.class, pool.facets.as_ref());
            pool.lanes.push(key);
            pool.connecting += 1;
        }
        self.actions.push(Action::Open {
            conn: ConnId::of_lane(key),
            address: run.instance.address.clone(),
            timeout: run.lanes.connect_timeout,
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
        let instance = lane.instance;
        let login = lane.login.clone();
        let answers = login
            .as_ref()
            .map_or(0, |facets| facets.requests.len() as u32);
        let answers = if lane.hop { 1 } else { answers };
        lane.state = LaneState::Login(answers);
        for (_, request) in login.iter().flat_map(|facets| &facets.requests) {
            lane.outbox
                .room(&mut self.spares)
                .extend_from_slice(request);
            lane.queued += request.len() as u64;
        }
        let greets = lane.hop;
        if greets {
            // Usable once the other proxy has answered: it knows then what it speaks with, and
            // can say go-away before it closes.
            self.greet(key);
        }
        self.instance_reached(instance);
        if answers > 0 {
            self.mark_lane(key);
        } else {
            self.lane_ready(key);
        }
    }

    /// A lane is usable, or never will be: its pool awaits it no longer.
    pub(crate) fn end_connecting(&mut self, key: LaneKey) {
        let Some(lane) = self.lanes.get_mut(key).filter(|lane| lane.awaited) else {
            return;
        };
        lane.awaited = false;
        let found = self
            .instances
            .get_mut(lane.instance)
            .and_then(|run| run.pool(lane.class, lane.facets.as_ref()));
        if let Some(pool) = found {
            pool.connecting = pool.connecting.saturating_sub(1);
        }
    }

    /// A lane is connected and logged in.
    fn lane_ready(&mut self, key: LaneKey) {
        self.end_connecting(key);
        let Some(lane) = self.lanes.get_mut(key) else {
            return;
        };
        lane.state = LaneState::Ready;
        // The time limit of connecting is over; what comes now is usually much later.
        self.wheel.cancel(&mut lane.timer);
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
        if self.lanes.get(key).is_some_and(|lane| lane.hop) {
            return match Self::greeted(answer) {
                true => self.lane_ready(key),
                false => self.close_lane(key, CloseCause::Drained),
            };
        }
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
        if answer.head.more {
            return;
        }
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
        if verdict == Verdict::Queued {
            // It takes effect on this lane when the transaction is executed, and on no other.
            if let Some(client) = self.clients.get_mut(client) {
                client.flags.session = true;
            }
            return;
        }
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
            // A lane of its own has served its purpose: whoever logs in next needs a fresh one.
            if verdict == Verdict::Ok && lane.class != Class::Exclusive {
                self.pump_lane(key);
            } else {
                self.retire_after_answer(key, CloseCause::Drained);
            }
        }
    }

    pub(crate) fn lane_connect_failed(&mut self, key: LaneKey, failure: ConnectFailure) {
        self.counters.connects_failed += 1;
        self.end_connecting(key);
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
            self.forget_lane(&pool, key, "could not connect");
        }
        self.remove_withdrawn(lane.instance);
    }

    /// Takes a lane out of its pool. What waits there goes elsewhere if no lane is left.
    pub(crate) fn forget_lane(&mut self, pool: &PoolName, key: LaneKey, why: &str) {
        let Some(run) = self.instances.get_mut(pool.instance) else {
            return;
        };
        let stays = run.is_wanted() && run.reach == Reach::Up;
        let down = run.is_wanted() && run.reach != Reach::Up;
        let Some(index) = run
            .pools
            .iter()
            .position(|p| p.class == pool.class && p.facets == pool.facets)
        else {
            return;
        };
        let found = &mut run.pools[index];
        found.lanes.retain(|lane| *lane != key);
        // Lanes that still connect to an instance which is known to be down are no hope: waiting
        // for them, each failure would only open another.
        if !found.lanes.is_empty() && !down {
            return self.pump.push(pool.clone());
        }
        if stays && !found.queue.is_empty() && why.is_empty() {
            // The instance is well as far as we know: another lane will do.
            return self.pump.push(pool.clone());
        }
        let queue = std::mem::take(&mut found.queue);
        if found.lanes.is_empty() && (pool.facets.is_some() || pool.class != Class::Shared) {
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
}

/// What a client has set up.
fn facets_of(clients: &Table<Client>, key: ClientKey) -> Option<Rc<Facets>> {
    clients.get(key).and_then(|client| client.facets.clone())
}
