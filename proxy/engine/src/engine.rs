//! The engine's face: events in, outboxes and actions out.
//!
//! Every event ends in `settle`, which lets clients go on whose requests waited for what the
//! event changed. The work itself is in the modules that follow the request's way.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use weft_codec::Head;

use crate::buffer::Spares;
use crate::client::{Client, ClientKey, Conn, Facets};
use crate::exchange::{Class, Exchange, ExchangeKey};
use crate::guard::Panics;
use crate::hop::Around;
use crate::instance::{InstanceKey, InstanceRun};
use crate::lane::{Lane, LaneKey};
use crate::listener::ListenerRun;
use crate::report::Counters;
use crate::service::ServiceRun;
use crate::share::{Lease, Share, What};
use crate::table::Table;
use crate::tails::Tails;
use crate::wheel::Wheel;
use crate::{
    AccessRecord, Action, CloseCause, ConnId, ConnectFailure, Nanos, Now, Refused, Settings, State,
};

/// The mesh of one worker. It belongs to one thread.
#[derive(Debug)]
pub struct Engine {
    pub(crate) settings: Settings,
    pub(crate) share: Share,
    pub(crate) exchange_lease: Lease,
    pub(crate) answer_lease: Lease,
    pub(crate) kept_lease: Lease,
    pub(crate) now: Now,
    pub(crate) rng: Rng,
    pub(crate) state: Arc<State>,
    pub(crate) listeners: Vec<Rc<ListenerRun>>,
    pub(crate) services: Vec<ServiceRun>,
    pub(crate) instances: Table<InstanceRun>,
    pub(crate) clients: Table<Client>,
    pub(crate) lanes: Table<Lane>,
    pub(crate) exchanges: Table<Exchange>,
    pub(crate) wheel: Wheel<Alarm>,
    pub(crate) spares: Spares,
    /// Room for the heads of one scan.
    pub(crate) heads: Vec<Head>,
    pub(crate) due: Vec<Alarm>,
    pub(crate) dirty: Vec<ConnId>,
    pub(crate) actions: Vec<Action>,
    pub(crate) records: Vec<AccessRecord>,
    pub(crate) counters: Counters,
    /// Clients whose held bytes may go on.
    pub(crate) revisit: VecDeque<ClientKey>,
    /// Pools with room for what waits in them.
    pub(crate) pump: Vec<PoolName>,
    /// Exchanges whose held answer may have come to its turn.
    pub(crate) releases: VecDeque<ExchangeKey>,
    /// Exchanges that lost their place and look for another.
    pub(crate) homeless: VecDeque<ExchangeKey>,
    pub(crate) kept_bytes: usize,
    pub(crate) answer_bytes: usize,
    /// Large frames on their way whose checksums are mended.
    pub(crate) tails: Tails,
    pub(crate) draining: Option<Nanos>,
    pub(crate) panics: Arc<Panics>,
    /// The exchange that began last.
    pub(crate) begun: Option<ExchangeKey>,
    /// What clients that are other proxies call themselves, by the bits of their keys.
    pub(crate) sources: BTreeMap<u64, String>,
    /// What the hop frame around the request at hand said, until its exchange takes it.
    pub(crate) around: Option<Around>,
}

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Alarm {
    /// Its deadline, or its next attempt.
    Exchange(ExchangeKey),
    /// A partial frame, a stalled reader, or idleness.
    Client(ClientKey),
    /// A connect, idleness, or a tombstone.
    Lane(LaneKey),
    /// A reconnect is due.
    Instance(InstanceKey),
    /// Exchanges have waited long enough for an instance of this service.
    Waiting(usize),
    /// The drain's grace is over.
    Drain,
}

/// Names a pool of lanes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PoolName {
    pub(crate) instance: InstanceKey,
    pub(crate) class: Class,
    pub(crate) facets: Option<Rc<Facets>>,
}

impl PoolName {
    /// Whether it names this pool, by the same facets, not only equal ones.
    pub(crate) fn is(
        &self,
        instance: InstanceKey,
        class: Class,
        facets: Option<&Rc<Facets>>,
    ) -> bool {
        let same = match (&self.facets, facets) {
            (None, None) => true,
            (Some(one), Some(other)) => Rc::ptr_eq(one, other),
            _ => false,
        };
        self.instance == instance && self.class == class && same
    }
}

impl Engine {
    /// An engine with `state` in force. Two engines that get the same events and the same
    /// `seed` do the same.
    #[must_use]
    pub fn new(state: Arc<State>, settings: Settings, seed: u64) -> Self {
        let share = Share::whole(&settings);
        Self::sharing(share, state, settings, seed)
    }

    /// The same for an engine that shares the bounds of `settings` with others.
    #[must_use]
    pub fn sharing(share: Share, state: Arc<State>, settings: Settings, seed: u64) -> Self {
        let mut engine = Self {
            settings,
            exchange_lease: Lease::new(&share.budgets, What::Exchanges),
            answer_lease: Lease::new(&share.budgets, What::AnswerBytes),
            kept_lease: Lease::new(&share.budgets, What::KeptBytes),
            share,
            now: Now::default(),
            rng: Rng::with_seed(seed),
            state: Arc::new(State {
                version: 0,
                listeners: Vec::new(),
                services: Vec::new(),
                homes: Vec::new(),
            }),
            listeners: Vec::new(),
            services: Vec::new(),
            instances: Table::new(),
            clients: Table::new(),
            lanes: Table::new(),
            exchanges: Table::new(),
            wheel: Wheel::new(),
            spares: Spares::default(),
            heads: Vec::new(),
            due: Vec::new(),
            dirty: Vec::new(),
            actions: Vec::new(),
            records: Vec::new(),
            counters: Counters::default(),
            revisit: VecDeque::new(),
            pump: Vec::new(),
            releases: VecDeque::new(),
            homeless: VecDeque::new(),
            kept_bytes: 0,
            answer_bytes: 0,
            tails: Tails::default(),
            draining: None,
            panics: Arc::default(),
            begun: None,
            sources: BTreeMap::new(),
            around: None,
        };
        engine.apply(state);
        engine
    }

    // Events.

    /// A client connected to the listener of this index.
    ///
    /// # Errors
    /// [`Refused`]: close the socket.
    pub fn accepted(&mut self, now: Now, listener: usize) -> Result<ConnId, Refused> {
        self.now = now;
        let accepted = self.accept(listener);
        self.settle();
        accepted
    }

    /// An [`Action::Open`] succeeded.
    pub fn connected(&mut self, now: Now, conn: ConnId) {
        self.now = now;
        if let Conn::Lane(lane) = conn.side() {
            self.lane_connected(lane);
        }
        self.settle();
    }

    /// An [`Action::Open`] failed; the connection is gone.
    pub fn connect_failed(&mut self, now: Now, conn: ConnId, failure: ConnectFailure) {
        self.now = now;
        if let Conn::Lane(lane) = conn.side() {
            self.lane_connect_failed(lane, failure);
        }
        self.settle();
    }

    /// Bytes were read.
    pub fn bytes(&mut self, now: Now, conn: ConnId, bytes: &[u8]) {
        self.now = now;
        match conn.side() {
            Conn::Client(client) => self.client_bytes(client, bytes),
            Conn::Lane(lane) => self.lane_bytes(lane, bytes),
        }
        self.settle();
    }

    /// Bytes were read into a buffer, which the engine may keep as an outbox: where all of them
    /// go on as they are, nothing is copied. The buffer comes back empty, or another with its
    /// room or none in its place.
    pub fn bytes_lent(&mut self, now: Now, conn: ConnId, buffer: &mut Vec<u8>) {
        self.now = now;
        match conn.side() {
            Conn::Client(client) => {
                if !self.take_request_buffer(client, buffer) {
                    self.client_bytes(client, buffer);
                }
            }
            Conn::Lane(lane) => {
                if !self.take_answer_buffer(lane, buffer) {
                    self.lane_bytes(lane, buffer);
                }
            }
        }
        buffer.clear();
        self.settle();
    }

    /// The first `n` bytes of the connection's outbox were handed to the socket.
    pub fn wrote(&mut self, now: Now, conn: ConnId, n: usize) {
        self.now = now;
        match conn.side() {
            Conn::Client(client) => self.client_wrote(client, n),
            Conn::Lane(lane) => self.lane_wrote(lane, n),
        }
        self.settle();
    }

    /// The peer sends no more (it half-closed).
    pub fn end_of_stream(&mut self, now: Now, conn: ConnId) {
        self.now = now;
        match conn.side() {
            Conn::Client(client) => self.client_ended(client),
            Conn::Lane(lane) => self.lane_ended(lane),
        }
        self.settle();
    }

    /// The connection broke (reset, write error); it is gone.
    pub fn closed(&mut self, now: Now, conn: ConnId) {
        self.now = now;
        match conn.side() {
            Conn::Client(client) => self.client_gone(client, CloseCause::Reset),
            Conn::Lane(lane) => self.lane_gone(lane, CloseCause::Reset),
        }
        self.settle();
    }

    /// Time passed: call at or after [`Engine::next_deadline`].
    pub fn tick(&mut self, now: Now) {
        self.now = now;
        let mut due = std::mem::take(&mut self.due);
        self.wheel.advance(now.monotonic, &mut due);
        for alarm in due.drain(..) {
            match alarm {
                Alarm::Exchange(exchange) => self.exchange_alarm(exchange),
                Alarm::Client(client) => self.client_alarm(client),
                Alarm::Lane(lane) => self.lane_alarm(lane),
                Alarm::Instance(instance) => self.instance_alarm(instance),
                Alarm::Waiting(service) => self.waiting_alarm(service),
                Alarm::Drain => self.drain_over(),
            }
            self.settle();
        }
        self.due = due;
    }

    /// Another state is in force.
    pub fn new_state(&mut self, now: Now, state: Arc<State>) {
        self.now = now;
        self.apply(state);
        self.settle();
    }

    /// Take no new client; finish what is in flight, close clients as they become idle, and
    /// whatever is left after `grace`.
    pub fn drain(&mut self, now: Now, grace: Duration) {
        self.now = now;
        self.begin_drain(grace);
        self.settle();
    }

    /// Lets go on what the event made possible: seldom anything.
    #[inline]
    fn settle(&mut self) {
        if !self.is_settled() {
            self.settle_rest();
        }
    }

    #[inline]
    fn is_settled(&self) -> bool {
        self.releases.is_empty()
            && self.revisit.is_empty()
            && self.pump.is_empty()
            && self.homeless.is_empty()
    }

    fn settle_rest(&mut self) {
        while !self.is_settled() {
            if let Some(exchange) = self.releases.pop_front() {
                self.release(exchange);
            } else if let Some(exchange) = self.homeless.pop_front() {
                self.rehome(exchange);
            } else if let Some(pool) = self.pump.pop() {
                self.pump_pool(&pool);
            } else if let Some(client) = self.revisit.pop_front() {
                self.resume_client(client);
            }
        }
    }

    // Out: to be looked at after every event, or at the end of a turn.

    /// Moves the connections that have got something to write since the last call to `dirty`.
    /// A connection stays the shell's to write until its outbox is empty.
    pub fn take_dirty(&mut self, dirty: &mut Vec<ConnId>) {
        for conn in self.dirty.drain(..) {
            let known = match conn.side() {
                Conn::Client(key) => self
                    .clients
                    .get_mut(key)
                    .map(|client| client.flags.dirty = false),
                Conn::Lane(key) => self.lanes.get_mut(key).map(|lane| lane.dirty = false),
            };
            if known.is_some() {
                dirty.push(conn);
            }
        }
    }

    /// The unsent bytes of a connection; empty if it is gone, or not connected yet.
    #[must_use]
    pub fn outbox(&self, conn: ConnId) -> &[u8] {
        match conn.side() {
            Conn::Client(key) => self.clients.get(key).map(|client| client.outbox.unsent()),
            Conn::Lane(key) => self.lanes.get(key).map(|lane| lane.outbox.unsent()),
        }
        .unwrap_or_default()
    }

    /// Moves what must be done to `actions`, in order. Actions come after the writes: the
    /// shell first tries to write dirty outboxes, then acts.
    pub fn take_actions(&mut self, actions: &mut Vec<Action>) {
        actions.append(&mut self.actions);
        self.settle_leases();
    }

    /// Whether there is an action or a dirty outbox to take.
    #[must_use]
    pub fn wants_attention(&self) -> bool {
        !(self.actions.is_empty() && self.dirty.is_empty())
    }

    /// When [`Engine::tick`] must be called next.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Nanos> {
        self.wheel.next_deadline()
    }

    /// Moves finished exchanges to `records`, if [`Settings::access_records`] says so.
    pub fn take_records(&mut self, records: &mut Vec<AccessRecord>) {
        records.append(&mut self.records);
    }

    /// Whether a drain is complete: no client, no exchange, no lane.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.draining.is_some()
            && self.clients.len() == 0
            && self.exchanges.len() == 0
            && self.lanes.len() == 0
    }

    // What all modules use.

    #[inline]
    pub(crate) fn mark_client(&mut self, key: ClientKey) {
        if let Some(client) = self.clients.get_mut(key)
            && !client.flags.dirty
        {
            client.flags.dirty = true;
            self.dirty.push(ConnId::of_client(key));
        }
    }

    #[inline]
    pub(crate) fn mark_lane(&mut self, key: LaneKey) {
        if let Some(lane) = self.lanes.get_mut(key)
            && !lane.dirty
        {
            lane.dirty = true;
            self.dirty.push(ConnId::of_lane(key));
        }
    }

    /// Lists a client to be looked at again before the event ends.
    #[inline]
    pub(crate) fn list_client(&mut self, key: ClientKey) {
        if let Some(client) = self.clients.get_mut(key)
            && !client.flags.listed
        {
            client.flags.listed = true;
            self.revisit.push_back(key);
        }
    }

    pub(crate) fn report(&mut self, conn: ConnId, text: String) {
        self.actions.push(Action::Report { conn, text });
    }
}
