//! A proxy: an engine in a virtual shell. It does what the server's workers do with sockets:
//! gathers events into turns, flushes outboxes at a turn's end, and performs actions.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use weft_codec::Limits;
use weft_engine::{Action, ConnId, ConnectFailure, Engine, Nanos, Now, Outcome, Snapshot, State};
use weft_model::InstanceAddress;

use crate::bounds::Bounds;
use crate::network::{Got, Notice, Owner, Socket};
use crate::plan::ProxyPlan;
use crate::world::Core;

#[derive(Debug)]
struct Held {
    socket: Socket,
    upstream: bool,
    connected: bool,
    reading: bool,
    ended: bool,
}

/// A proxy.
#[derive(Debug)]
pub(crate) struct Proxy {
    index: usize,
    plan: ProxyPlan,
    /// The engine under test.
    pub(crate) engine: Engine,
    held: BTreeMap<ConnId, Held>,
    sockets: BTreeMap<Socket, ConnId>,
    inbox: VecDeque<(Socket, Notice)>,
    writing: BTreeSet<ConnId>,
    /// Broken since the engine's actions were last taken: it may not have known yet.
    broken: BTreeSet<ConnId>,
    armed: u64,
    busy_until: u64,
    turn_set: bool,
    dirty: Vec<ConnId>,
    actions: Vec<Action>,
    scratch: Vec<u8>,
    records: Vec<weft_engine::AccessRecord>,
    idle_turns: u32,
    /// How each exchange ended.
    pub(crate) told: Vec<Outcome>,
    /// The longest life of an exchange.
    pub(crate) took_max: Duration,
    /// Connections that it opened and accepted, and that ended.
    pub(crate) opens: u64,
    pub(crate) closes: u64,
    /// It drains.
    pub(crate) draining: bool,
}

/// How often a readable socket is read before the others have their turn.
pub(crate) const READS_PER_EVENT: usize = 4;

/// Both clocks at a virtual moment.
pub(crate) fn moment(now: u64) -> Now {
    Now {
        monotonic: Nanos(now),
        unix: Duration::from_nanos(now) + Duration::from_secs(1_700_000_000),
    }
}

impl Proxy {
    pub(crate) fn new(index: usize, plan: ProxyPlan, state: State, seed: u64) -> Self {
        let engine = Engine::new(Arc::new(state), plan.settings.clone(), seed);
        Self {
            index,
            plan,
            engine,
            held: BTreeMap::new(),
            sockets: BTreeMap::new(),
            inbox: VecDeque::new(),
            writing: BTreeSet::new(),
            broken: BTreeSet::new(),
            armed: u64::MAX,
            busy_until: 0,
            turn_set: false,
            dirty: Vec::new(),
            actions: Vec::new(),
            scratch: Vec::new(),
            records: Vec::new(),
            idle_turns: 0,
            told: Vec::new(),
            took_max: Duration::ZERO,
            opens: 0,
            closes: 0,
            draining: false,
        }
    }

    /// The engine's tables.
    pub(crate) fn snapshot(&self, now: u64) -> Snapshot {
        self.engine.snapshot(moment(now))
    }

    /// Connections that the shell holds.
    pub(crate) fn held(&self) -> usize {
        self.held.len()
    }

    /// Sockets of clients.
    pub(crate) fn client_sockets(&self) -> Vec<Socket> {
        let clients = self.held.values().filter(|h| !h.upstream);
        clients.map(|h| h.socket).collect()
    }

    /// The network tells it something: it waits for the next turn.
    pub(crate) fn notice(&mut self, core: &mut Core, socket: Socket, notice: Notice) {
        self.inbox.push_back((socket, notice));
        self.set_turn(core);
    }

    fn set_turn(&mut self, core: &mut Core) {
        if !self.turn_set {
            self.turn_set = true;
            let at = core.now.max(self.busy_until);
            core.turn(at, self.index);
        }
    }

    /// Another state is in force.
    pub(crate) fn new_state(&mut self, core: &mut Core, state: State) {
        self.engine.new_state(moment(core.now), Arc::new(state));
        self.set_turn(core);
    }

    /// It drains.
    pub(crate) fn drain(&mut self, core: &mut Core, grace: Duration) {
        self.draining = true;
        self.engine.drain(moment(core.now), grace);
        self.set_turn(core);
    }

    /// A turn: events, the timer, writes, actions.
    pub(crate) fn turn(&mut self, core: &mut Core) {
        if core.now < self.busy_until {
            // A timer's turn in the middle of another: it comes after it.
            self.turn_set = false;
            self.set_turn(core);
            return;
        }
        self.turn_set = false;
        let mut events = 0;
        while events < self.plan.turn_events
            && let Some((socket, notice)) = self.inbox.pop_front()
        {
            events += 1;
            self.event(core, socket, notice);
        }
        let now = moment(core.now);
        if self
            .engine
            .next_deadline()
            .is_some_and(|at| at.0 <= core.now)
        {
            self.engine.tick(now);
            self.idle_turns = if events == 0 { self.idle_turns + 1 } else { 0 };
        } else {
            self.idle_turns = 0;
        }
        self.flush_and_act(core);
        self.broken.clear();
        self.collect(core);
        self.busy_until = core.now + events as u64 * self.plan.event_cost;
        if !self.inbox.is_empty() {
            self.set_turn(core);
        }
        self.arm(core);
    }

    fn arm(&mut self, core: &mut Core) {
        let Some(deadline) = self.engine.next_deadline() else {
            return;
        };
        if deadline.0 <= core.now && self.idle_turns > 100 {
            core.oracle.wrong(format!(
                "proxy {}: the deadline stays at {}, now is {}",
                self.index, deadline.0, core.now
            ));
            return;
        }
        if deadline == Nanos::NEVER {
            return;
        }
        if deadline.0 < self.armed || self.armed <= core.now {
            self.armed = deadline.0.max(core.now);
            core.turn(self.armed.max(self.busy_until), self.index);
        }
    }

    fn event(&mut self, core: &mut Core, socket: Socket, notice: Notice) {
        let now = moment(core.now);
        if let Notice::Accepted(_) = notice {
            match self.engine.accepted(now, 0) {
                Ok(conn) => {
                    let me = self.index;
                    core.say(|| format!("proxy {me} {conn:?} is net conn {}", socket.conn));
                    self.opens += 1;
                    self.hold(conn, socket, false);
                }
                Err(_) => {
                    core.oracle
                        .causes
                        .insert(socket.conn, weft_engine::CloseCause::Drained);
                    core.net.close(core.now, socket, &mut core.rng);
                }
            }
            return;
        }
        let Some(conn) = self.sockets.get(&socket).copied() else {
            return;
        };
        match notice {
            Notice::Connected => {
                if let Some(held) = self.held.get_mut(&conn) {
                    held.connected = true;
                }
                self.engine.connected(now, conn);
            }
            Notice::Refused => self.connect_failed(core, conn, ConnectFailure::Refused),
            Notice::TimedOut => self.connect_failed(core, conn, ConnectFailure::TimedOut),
            Notice::Reset if self.held.get(&conn).is_some_and(|h| !h.connected) => {
                self.connect_failed(core, conn, ConnectFailure::Other);
            }
            Notice::Reset => {
                self.forget(conn);
                self.broken.insert(conn);
                self.engine.closed(now, conn);
            }
            Notice::Readable => self.read(core, conn),
            Notice::Writable => {
                self.write(core, conn);
            }
            Notice::Accepted(_) => {}
        }
    }

    fn connect_failed(&mut self, core: &mut Core, conn: ConnId, failure: ConnectFailure) {
        self.forget(conn);
        self.broken.insert(conn);
        self.engine.connect_failed(moment(core.now), conn, failure);
    }

    fn hold(&mut self, conn: ConnId, socket: Socket, upstream: bool) {
        self.sockets.insert(socket, conn);
        self.held.insert(
            conn,
            Held {
                socket,
                upstream,
                connected: !upstream,
                reading: true,
                ended: false,
            },
        );
    }

    fn forget(&mut self, conn: ConnId) -> Option<Held> {
        self.writing.remove(&conn);
        let held = self.held.remove(&conn)?;
        self.closes += 1;
        self.sockets.remove(&held.socket);
        Some(held)
    }

    /// Reads a few chunks, of any size, then lets others have their turn.
    fn read(&mut self, core: &mut Core, conn: ConnId) {
        let now = moment(core.now);
        for _ in 0..READS_PER_EVENT {
            let Some(held) = self.held.get_mut(&conn) else {
                return;
            };
            if !held.reading || held.ended {
                core.net.looked(held.socket);
                return;
            }
            let socket = held.socket;
            core.net.looked(socket);
            let most = if core.rng.u8(0..8) == 0 {
                core.rng.usize(1..=64)
            } else {
                self.plan.read_bytes
            };
            self.scratch.clear();
            match core.net.read(core.now, socket, most, &mut self.scratch) {
                Got::Bytes(n) => {
                    core.trace_bytes(self.index as u64, conn.number(), &self.scratch);
                    let line = (self.index, conn.number(), n);
                    core.say(|| format!("proxy {} conn {} reads {}", line.0, line.1, line.2));
                    self.engine.bytes_lent(now, conn, &mut self.scratch);
                    // What the engine wants to close or pause is known only at the turn's end,
                    // as in a server that acts once per turn.
                }
                Got::Nothing => return,
                Got::End => {
                    held.ended = true;
                    core.trace(&[3, self.index as u64, conn.number()]);
                    let me = self.index;
                    core.say(|| format!("proxy {me} conn {} end", conn.number()));
                    self.engine.end_of_stream(now, conn);
                    return;
                }
            }
        }
        if let Some(held) = self.held.get(&conn)
            && core.net.can_read(held.socket)
        {
            core.net.tell_again(core.now, held.socket);
        }
    }

    fn write(&mut self, core: &mut Core, conn: ConnId) {
        let now = moment(core.now);
        loop {
            let Some(held) = self.held.get(&conn) else {
                self.writing.remove(&conn);
                return;
            };
            if !held.connected {
                return;
            }
            let bytes = self.engine.outbox(conn);
            if bytes.is_empty() {
                self.writing.remove(&conn);
                return;
            }
            let n = core.net.write(core.now, held.socket, bytes, &mut core.rng);
            let all = n == bytes.len();
            if n > 0 {
                core.trace_bytes(
                    100 + self.index as u64,
                    conn.number(),
                    bytes.get(..n).unwrap_or(&[]),
                );
                self.engine.wrote(now, conn, n);
            }
            if !all {
                self.writing.insert(conn);
                return;
            }
        }
    }

    fn flush_and_act(&mut self, core: &mut Core) {
        for _ in 0..64 {
            self.dirty.clear();
            let mut dirty = std::mem::take(&mut self.dirty);
            self.engine.take_dirty(&mut dirty);
            for conn in &dirty {
                self.write(core, *conn);
            }
            let mut actions = std::mem::take(&mut self.actions);
            self.engine.take_actions(&mut actions);
            let idle = dirty.is_empty() && actions.is_empty();
            for action in actions.drain(..) {
                self.act(core, action);
            }
            self.dirty = dirty;
            self.actions = actions;
            if idle {
                return;
            }
        }
        core.oracle.wrong(format!(
            "proxy {}: the engine does not come to rest in a turn",
            self.index
        ));
    }

    fn act(&mut self, core: &mut Core, action: Action) {
        let (now, me) = (core.now, self.index);
        core.say(|| format!("proxy {me}: {action:?}"));
        match action {
            Action::Open {
                conn,
                address,
                timeout,
            } => {
                let InstanceAddress::Tcp(address) = address else {
                    return core.oracle.wrong("a Unix address".to_owned());
                };
                let timeout = timeout.as_nanos() as u64;
                let owner = Owner::Proxy(me);
                let socket = core
                    .net
                    .connect(now, owner, address.port(), timeout, &mut core.rng);
                core.say(|| format!("proxy {me} {conn:?} is net conn {}", socket.conn));
                self.opens += 1;
                self.hold(conn, socket, true);
                core.trace(&[1, me as u64, conn.number()]);
            }
            Action::Close { conn, cause } => {
                core.trace(&[2, me as u64, conn.number()]);
                let Some(held) = self.forget(conn) else {
                    if self.broken.contains(&conn) {
                        return;
                    }
                    return core
                        .oracle
                        .wrong(format!("proxy {me} closes {conn:?}, which is not open"));
                };
                if !held.upstream {
                    core.oracle.causes.insert(held.socket.conn, cause);
                }
                core.net.close(now, held.socket, &mut core.rng);
            }
            Action::ShutdownWrite { conn } => {
                if let Some(held) = self.held.get(&conn) {
                    if !self.engine.outbox(conn).is_empty() {
                        core.oracle
                            .wrong(format!("proxy {me} half-closes {conn:?} with bytes unsent"));
                    }
                    if !held.upstream {
                        let cause = weft_engine::CloseCause::PeerGone;
                        core.oracle.causes.insert(held.socket.conn, cause);
                    }
                    core.net.shutdown(now, held.socket, &mut core.rng);
                }
            }
            Action::Pause { conn } => self.set_reading(core, conn, false),
            Action::Resume { conn } => self.set_reading(core, conn, true),
            Action::Report { .. } => {}
        }
    }

    fn set_reading(&mut self, core: &mut Core, conn: ConnId, reading: bool) {
        if let Some(held) = self.held.get_mut(&conn) {
            held.reading = reading;
            core.net.set_reading(core.now, held.socket, reading);
        }
    }

    fn collect(&mut self, core: &mut Core) {
        let mut records = std::mem::take(&mut self.records);
        self.engine.take_records(&mut records);
        for record in records.drain(..) {
            core.say(|| format!("record {record:?}"));
            self.took_max = self.took_max.max(record.took);
            self.told.push(record.outcome);
        }
        self.records = records;
    }

    /// Looks at sums and limits, now and then.
    pub(crate) fn watch(&self, core: &mut Core, limits: Limits, frame_bytes: usize) {
        let snapshot = self.snapshot(core.now);
        let bounds = Bounds {
            settings: &self.plan.settings,
            read_bytes: self.plan.read_bytes,
            frame_bytes,
            limits,
        };
        if let Some(broken) = bounds.broken(&snapshot) {
            core.oracle.wrong(format!("proxy {}: {broken}", self.index));
        }
        let partial = snapshot.clients.iter().map(|c| c.held_bytes).max();
        let now = [
            snapshot.answer_bytes,
            snapshot.kept_bytes,
            partial.unwrap_or(0),
        ];
        for (peak, now) in core.oracle.peaks.iter_mut().zip(now) {
            *peak = (*peak).max(now);
        }
        let lanes: u32 = snapshot.lanes.iter().map(|l| l.in_flight).sum();
        let lanes = lanes as usize;
        let counters = &snapshot.counters;
        let ended = crate::oracle::ended(counters);
        if counters.accepted != ended + snapshot.exchanges as u64 {
            core.oracle.wrong(format!(
                "proxy {}: accepted {} is not ended {ended} + in flight {} ({lanes} on lanes)",
                self.index, counters.accepted, snapshot.exchanges
            ));
        }
    }
}
