//! Client actors: they pipeline, match answers by id or by position, leave in the middle of a
//! frame, read slowly, half-close, and tell the oracle what they saw.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

mod plan;
mod ask;
mod hear;
pub(crate) use plan::{ClientPlan, Ids};

use crate::message::{Dialect, Message};
use crate::network::{Notice, Owner, Socket};
use crate::oracle::Seen;
use crate::plan::{MS, S};
use crate::stream::Stream;
use crate::world::Core;

const TIMER_CONNECT: u64 = 0;
const TIMER_PUMP: u64 = 1;
const TIMER_READ: u64 = 2;
const TIMER_PATIENCE: u64 = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Between,
    Connecting,
    Greeting,
    Open,
    Done,
}

/// A client.
#[derive(Debug)]
pub(crate) struct Client {
    index: usize,
    plan: ClientPlan,
    dialect: Rc<dyn Dialect>,
    phase: Phase,
    generation: u64,
    socket: Option<Socket>,
    stream: Stream,
    issued: u32,
    pending: BTreeMap<u64, VecDeque<u64>>,
    in_flight: usize,
    one_ways: VecDeque<(u64, u64)>,
    queued: u64,
    next_issue: u64,
    next_read: u64,
    /// When the last timer of each kind goes off.
    armed: [u64; 4],
    split_until: u64,
    leaves_at: Option<u64>,
    pinned: bool,
    half_closed: bool,
    quit: bool,
    /// The nonce of its login, until that is answered.
    login: Option<u64>,
    /// What it gave up and may still be answered, by id.
    cancelled: BTreeMap<u64, u64>,
    /// When it was done.
    pub(crate) done_at: u64,
}

impl Client {
    pub(crate) fn new(index: usize, plan: ClientPlan, dialect: Rc<dyn Dialect>) -> Self {
        Self {
            index,
            plan,
            dialect,
            phase: Phase::Between,
            generation: 0,
            socket: None,
            stream: Stream::default(),
            issued: 0,
            pending: BTreeMap::new(),
            in_flight: 0,
            one_ways: VecDeque::new(),
            queued: 0,
            next_issue: 0,
            next_read: 0,
            armed: [u64::MAX; 4],
            split_until: 0,
            leaves_at: None,
            pinned: false,
            half_closed: false,
            quit: false,
            login: None,
            cancelled: BTreeMap::new(),
            done_at: 0,
        }
    }

    /// Begins its life.
    pub(crate) fn start(&mut self, core: &mut Core) {
        let wait = core.rng.u64(self.plan.start.0..=self.plan.start.1);
        self.timer(core, wait, TIMER_CONNECT);
    }

    /// Whether it has nothing more to do.
    pub(crate) fn is_done(&self) -> bool {
        self.phase == Phase::Done
    }

    /// What it waits for, in words.
    pub(crate) fn state(&self) -> String {
        format!(
            "client {} {:?}: socket {:?}, connection {} of {}, issued {} of {}, {} in flight, {} unsent, \
             {} partial, half-closed {}, ended {}",
            self.index,
            self.phase,
            self.socket,
            self.generation,
            self.plan.connections,
            self.issued,
            self.plan.requests,
            self.in_flight,
            self.stream.unsent(),
            self.stream.partial(),
            self.half_closed,
            self.stream.ended,
        )
    }

    /// Wakes it once at a moment, however often that is asked for: else each piece of a large
    /// answer would leave a timer behind, and each of these another.
    fn timer(&mut self, core: &mut Core, wait: u64, kind: u64) {
        let (at, armed) = (core.now + wait, &mut self.armed[kind as usize]);
        if *armed != at {
            *armed = at;
            core.timer(wait, Owner::Client(self.index), self.generation << 8 | kind);
        }
    }

    /// A timer of its own fired.
    pub(crate) fn timer_fired(&mut self, core: &mut Core, token: u64) {
        if token >> 8 != self.generation {
            return;
        }
        self.armed[(token & 0xFF) as usize] = u64::MAX;
        match token & 0xFF {
            TIMER_CONNECT => self.connect(core),
            TIMER_PUMP => self.pump(core),
            TIMER_READ => self.readable(core),
            TIMER_PATIENCE if self.in_flight > 0 => self.leave(core),
            _ => {}
        }
    }

    fn connect(&mut self, core: &mut Core) {
        self.generation += 1;
        self.armed = [u64::MAX; 4];
        if self.generation > u64::from(self.plan.connections) {
            self.phase = Phase::Done;
            self.done_at = core.now;
            return;
        }
        self.phase = Phase::Connecting;
        self.stream = Stream::default();
        self.issued = 0;
        self.queued = 0;
        self.next_read = 0;
        self.pinned = false;
        self.half_closed = false;
        self.quit = false;
        self.login = None;
        self.cancelled.clear();
        let leaves = core.rng.u32(0..1_000) < self.plan.leaves_permille;
        self.leaves_at = if leaves {
            Some(core.rng.u64(0..=self.plan.stream_bytes()))
        } else {
            self.plan.leaves_at
        };
        let owner = Owner::Client(self.index);
        self.socket = Some(
            core.net
                .connect(core.now, owner, self.plan.port, 5 * S, &mut core.rng),
        );
    }

    /// The network tells it something.
    pub(crate) fn notice(&mut self, core: &mut Core, socket: Socket, notice: Notice) {
        if self.socket != Some(socket) {
            return;
        }
        match notice {
            Notice::Connected => {
                self.split_until = core.now + 3 * MS;
                if self.plan.writes_first {
                    core.net.set_reading(core.now, socket, false);
                }
                self.phase = if self.plan.greeted {
                    Phase::Greeting
                } else {
                    Phase::Open
                };
                if let Some((bytes, _, _)) = &self.plan.garbage {
                    let bytes = bytes.clone();
                    self.stream.say_bytes(&bytes);
                }
                self.pump(core);
            }
            Notice::Refused | Notice::TimedOut | Notice::Reset => self.lose(core),
            Notice::Readable => self.readable(core),
            Notice::Writable => self.pump(core),
            Notice::Accepted(_) => {}
        }
    }

    fn readable(&mut self, core: &mut Core) {
        let Some(socket) = self.socket else { return };
        if core.now < self.next_read {
            let wait = self.next_read - core.now;
            return self.timer(core, wait, TIMER_READ);
        }
        core.net.looked(socket);
        while self.stream.fill(core, socket, self.plan.pace) {
            if self.plan.pace.every > 0 {
                self.next_read = core.now + self.plan.pace.every;
                break;
            }
        }
        self.understand(core);
        if self.socket.is_none() {
            return;
        }
        if self.stream.ended {
            return self.finish_or_lose(core);
        }
        if core.net.can_read(socket) {
            let wait = self.plan.pace.every;
            self.timer(core, wait, TIMER_READ);
        }
        self.pump(core);
    }

    fn understand(&mut self, core: &mut Core) {
        let dialect = Rc::clone(&self.dialect);
        loop {
            match self.stream.next(&*dialect, false) {
                Ok(Some(message)) => self.got(core, &message),
                Ok(None) => return,
                Err(why) => {
                    core.oracle
                        .wrong(format!("client {} got garbage: {why}", self.index));
                    return self.leave(core);
                }
            }
        }
    }

    /// Issues what it may, writes what it can, and sees whether it is finished.
    fn pump(&mut self, core: &mut Core) {
        let Some(socket) = self.socket else { return };
        if self.phase != Phase::Open {
            return;
        }
        if self.plan.garbage.is_some() {
            return self.pump_garbage(core, socket);
        }
        while self.may_issue(core) {
            self.issue(core);
        }
        let mut most = self.plan.write_bytes;
        if let Some(at) = self.leaves_at {
            most = most.min((at - self.stream.written) as usize);
        }
        if let Some(at) = self.plan.splits_at
            && self.stream.written <= at
            && core.now < self.split_until
        {
            most = most.min((at - self.stream.written) as usize);
            self.timer(core, MS, TIMER_PUMP);
        }
        let empty = self.stream.flush(core, socket, most);
        if self.leaves_at.is_some_and(|at| self.stream.written >= at) {
            return self.leave(core);
        }
        while let Some((end, nonce)) = self.one_ways.front().copied()
            && end <= self.stream.written
        {
            self.one_ways.pop_front();
            core.oracle.end(core.now, nonce, Seen::Sent);
        }
        if !empty && self.plan.write_bytes != usize::MAX {
            self.timer(core, 10_000, TIMER_PUMP);
        }
        if empty && (self.quit || self.issued >= self.plan.requests) {
            if self.plan.writes_first {
                core.net.set_reading(core.now, socket, true);
            }
            if self.plan.half_closes && !self.half_closed {
                self.half_closed = true;
                core.net.shutdown(core.now, socket, &mut core.rng);
            }
            if self.in_flight == 0 && !self.half_closed {
                core.net.close(core.now, socket, &mut core.rng);
                self.next(core);
            }
        }
    }

    fn pump_garbage(&mut self, core: &mut Core, socket: Socket) {
        let Some((_, chunk, every)) = self.plan.garbage else {
            return;
        };
        if !self.stream.flush(core, socket, chunk) {
            self.timer(core, every, TIMER_PUMP);
        }
    }

    fn may_issue(&mut self, core: &mut Core) -> bool {
        let busy = self.in_flight >= self.plan.depth || self.login.is_some();
        if self.quit || self.issued >= self.plan.requests || busy {
            return false;
        }
        if self.stream.unsent() > 256 << 10 {
            return false;
        }
        if core.now < self.next_issue {
            let wait = self.next_issue - core.now;
            self.timer(core, wait, TIMER_PUMP);
            return false;
        }
        true
    }

    fn say(&mut self, message: &Message) {
        let before = self.stream.unsent();
        self.stream.say(&*self.dialect, message);
        self.queued += (self.stream.unsent() - before) as u64;
    }

    /// The proxy sends no more.
    fn finish_or_lose(&mut self, core: &mut Core) {
        let Some(socket) = self.socket else { return };
        if self.stream.partial() > 0 && !core.oracle.causes.contains_key(&socket.conn) {
            core.oracle.wrong(format!(
                "client {}: the stream ends inside a frame",
                self.index
            ));
        }
        core.net.close(core.now, socket, &mut core.rng);
        self.lose(core);
    }

    /// The connection is gone: what is pending is lost.
    fn lose(&mut self, core: &mut Core) {
        let Some(socket) = self.socket else { return };
        let broken = core.net.broken.contains(&socket.conn) || self.phase == Phase::Connecting;
        for nonce in self.take_pending() {
            core.oracle.lost(core.now, socket.conn, nonce, broken);
        }
        self.next(core);
    }

    /// It goes away by itself.
    fn leave(&mut self, core: &mut Core) {
        let Some(socket) = self.socket else { return };
        if self.plan.rude {
            core.net.reset(core.now, socket, &mut core.rng);
        } else {
            core.net.close(core.now, socket, &mut core.rng);
        }
        for nonce in self.take_pending() {
            core.oracle.end(core.now, nonce, Seen::Left);
        }
        self.next(core);
    }

    fn take_pending(&mut self) -> Vec<u64> {
        let mut nonces: Vec<u64> = std::mem::take(&mut self.pending)
            .into_values()
            .flatten()
            .collect();
        nonces.extend(std::mem::take(&mut self.one_ways).into_iter().map(|w| w.1));
        self.in_flight = 0;
        nonces
    }

    fn next(&mut self, core: &mut Core) {
        self.socket = None;
        self.phase = Phase::Between;
        let wait = core.rng.u64(0..20 * MS);
        self.timer(core, wait, TIMER_CONNECT);
    }
}
