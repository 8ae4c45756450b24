//! Backend actors: servers with delays, orders and faults of their own. They echo the nonce
//! and add their name.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

use weft_codec::Kind;

mod plan;
mod trust;
pub(crate) use plan::{BackendPlan, Serving};

use crate::message::{Dialect, Message, Status};
use crate::network::{Notice, Owner, Port, Socket};
use crate::stream::Stream;
use crate::world::Core;

#[derive(Debug)]
struct Job {
    message: Message,
    status: Status,
    ready: bool,
}

#[derive(Debug, Default)]
struct Peer {
    stream: Stream,
    jobs: VecDeque<Job>,
    working: usize,
    answered: u32,
    next_read: u64,
    closing: bool,
    number: u64,
    /// Ids of requests that were not answered.
    taken: BTreeSet<(u64, Vec<u8>)>,
    /// Who logged in.
    user: u8,
}

/// A backend.
#[derive(Debug)]
pub(crate) struct Backend {
    index: usize,
    plan: BackendPlan,
    port: Port,
    dialect: Rc<dyn Dialect>,
    peers: BTreeMap<Socket, Peer>,
    timers: BTreeMap<u64, (Socket, u64)>,
    timers_made: u64,
    alive: bool,
    /// Most connections at once.
    pub(crate) peers_peak: usize,
}

/// A timer that reads on instead of finishing a request: nonces are never this.
const READ_ON: u64 = u64::MAX;

impl Backend {
    pub(crate) fn new(
        index: usize,
        plan: BackendPlan,
        port: Port,
        dialect: Rc<dyn Dialect>,
    ) -> Self {
        let alive = !plan.born_dead;
        Self {
            index,
            plan,
            port,
            dialect,
            peers: BTreeMap::new(),
            timers: BTreeMap::new(),
            timers_made: 0,
            alive,
            peers_peak: 0,
        }
    }

    /// Whether it takes connections.
    pub(crate) fn is_alive(&self) -> bool {
        self.alive
    }

    /// It dies: its memory of connections is gone; the world breaks them.
    pub(crate) fn die(&mut self) {
        self.alive = false;
        self.peers.clear();
        self.timers.clear();
    }

    /// It lives again.
    pub(crate) fn revive(&mut self) {
        self.alive = true;
    }

    fn timer(&mut self, core: &mut Core, wait: u64, socket: Socket, what: u64) {
        self.timers_made += 1;
        self.timers.insert(self.timers_made, (socket, what));
        core.timer(wait, Owner::Backend(self.index), self.timers_made);
    }

    /// A timer of its own fired.
    pub(crate) fn timer_fired(&mut self, core: &mut Core, token: u64) {
        let Some((socket, what)) = self.timers.remove(&token) else {
            return;
        };
        if what == READ_ON {
            return self.readable(core, socket);
        }
        self.finished(core, socket, what);
    }

    /// The network tells it something.
    pub(crate) fn notice(&mut self, core: &mut Core, socket: Socket, notice: Notice) {
        match notice {
            Notice::Accepted(_) => {
                let mut peer = Peer {
                    number: socket.conn as u64,
                    ..Peer::default()
                };
                if self.plan.greets {
                    let greeting = Message {
                        name: self.port,
                        ..Message::empty(Kind::Handshake)
                    };
                    peer.stream.say(&*self.dialect, &greeting);
                }
                self.peers.insert(socket, peer);
                self.peers_peak = self.peers_peak.max(self.peers.len());
                self.flush(core, socket);
            }
            Notice::Readable => self.readable(core, socket),
            Notice::Writable => self.flush(core, socket),
            Notice::Reset => {
                self.peers.remove(&socket);
            }
            Notice::Connected | Notice::Refused | Notice::TimedOut => {}
        }
    }

    fn readable(&mut self, core: &mut Core, socket: Socket) {
        let pace = self.plan.pace;
        let Some(peer) = self.peers.get_mut(&socket) else {
            return;
        };
        if core.now < peer.next_read {
            let wait = peer.next_read - core.now;
            return self.timer(core, wait, socket, READ_ON);
        }
        core.net.looked(socket);
        if self.plan.blocking_writes && peer.stream.unsent() > 0 {
            return;
        }
        if peer.stream.fill(core, socket, pace) {
            peer.next_read = core.now + pace.every;
            let dialect = Rc::clone(&self.dialect);
            loop {
                let Some(peer) = self.peers.get_mut(&socket) else {
                    return;
                };
                match peer.stream.next(&*dialect, true) {
                    Ok(Some(message)) => self.got(core, socket, message),
                    Ok(None) => break,
                    Err(why) => {
                        core.oracle
                            .wrong(format!("backend {} got garbage: {why}", self.port));
                        return self.hang_up(core, socket, true);
                    }
                }
            }
        }
        let Some(peer) = self.peers.get_mut(&socket) else {
            return;
        };
        if peer.stream.ended && peer.working == 0 && peer.stream.unsent() == 0 {
            return self.hang_up(core, socket, false);
        }
        if !peer.stream.ended && core.net.can_read(socket) {
            self.timer(core, pace.every, socket, READ_ON);
        }
    }

    fn got(&mut self, core: &mut Core, socket: Socket, message: Message) {
        let roll = |core: &mut Core, permille: u32| core.rng.u32(0..1_000) < permille;
        core.trace(&[7, self.index as u64, message.nonce]);
        let (me, id, nonce) = (self.port, message.id, message.nonce);
        core.say(|| {
            format!(
                "backend {me} conn {} got {:?} id {id} nonce {nonce:#x}",
                socket.conn, message.kind
            )
        });
        match message.kind {
            Kind::Request | Kind::OneWay => {}
            Kind::Ping if self.plan.serving == Serving::Serial => {
                return self.queue(core, socket, message, Status::Ok);
            }
            Kind::Ping => {
                let pong = Message {
                    kind: Kind::Pong,
                    ..message
                };
                return self.say(core, socket, &pong);
            }
            Kind::Pong => {
                core.oracle.server_pings[0] += 1;
                return;
            }
            Kind::Cancel => return self.cancelled(core, socket, &message),
            Kind::GoAway => return,
            _ => {
                let text = format!("backend {} got a {:?}", self.port, message.kind);
                return core.oracle.wrong(text);
            }
        }
        self.examine(core, socket, &message);
        if roll(core, self.plan.poison_permille) {
            core.oracle.executed(core.now, message.nonce, self.port);
            return self.hang_up(core, socket, self.plan.rude);
        }
        let status = self.draw_status(core);
        if status != Status::NotExecuted {
            core.oracle.executed(core.now, message.nonce, self.port);
        }
        self.speak_up(core, socket, &message);
        self.log_in(core, socket, &message, status);
        if message.kind == Kind::OneWay && !roll(core, self.plan.one_way_permille) {
            return;
        }
        if roll(core, self.plan.never_permille) {
            return;
        }
        self.queue(core, socket, message, status);
    }

    fn draw_status(&self, core: &mut Core) -> Status {
        let roll = |core: &mut Core, permille: u32| core.rng.u32(0..1_000) < permille;
        if roll(core, self.plan.not_executed_permille) {
            Status::NotExecuted
        } else if roll(core, self.plan.error_permille) {
            Status::Application
        } else if roll(core, self.plan.overload_permille) {
            Status::Overload
        } else {
            Status::Ok
        }
    }

    /// Now and then it has something to say of its own: a ping, a push.
    fn speak_up(&mut self, core: &mut Core, socket: Socket, message: &Message) {
        let roll = |core: &mut Core, permille: u32| core.rng.u32(0..1_000) < permille;
        if roll(core, self.plan.ping_permille) {
            let ping = Message {
                id: core.rng.u64(0..4),
                ..Message::empty(Kind::Ping)
            };
            core.oracle.server_pings[1] += 1;
            self.say(core, socket, &ping);
        }
        if roll(core, self.plan.push_permille) {
            core.oracle.pushes[0] += 1;
            let push = Message {
                kind: Kind::Push,
                id: 0,
                id_bytes: Vec::new(),
                ..message.answer(message.name, 9, Status::Ok)
            };
            self.say(core, socket, &push);
        }
    }

    /// Takes work; begins it at once unless it is not its turn.
    fn queue(&mut self, core: &mut Core, socket: Socket, message: Message, status: Status) {
        let Some(peer) = self.peers.get_mut(&socket) else {
            return;
        };
        let (kind, nonce) = (message.kind, message.nonce);
        peer.working += 1;
        peer.jobs.push_back(Job {
            message,
            status,
            ready: false,
        });
        if self.plan.serving != Serving::Serial || peer.working == 1 {
            let wait = self.draw_delay(core, kind);
            self.timer(core, wait, socket, nonce);
        }
    }

    fn draw_delay(&self, core: &mut Core, kind: Kind) -> u64 {
        if kind == Kind::Ping {
            return 0;
        }
        let range = if core.rng.u32(0..1_000) < self.plan.tail_permille {
            self.plan.tail
        } else {
            self.plan.delay
        };
        core.rng.u64(range.0..=range.1)
    }

    /// A request is worked off.
    fn finished(&mut self, core: &mut Core, socket: Socket, nonce: u64) {
        let serving = self.plan.serving;
        let Some(peer) = self.peers.get_mut(&socket) else {
            return;
        };
        let Some(at) = peer
            .jobs
            .iter()
            .position(|j| j.message.nonce == nonce && !j.ready)
        else {
            return;
        };
        peer.jobs[at].ready = true;
        let mut done = Vec::new();
        if serving == Serving::Concurrent {
            done.extend(peer.jobs.remove(at));
        } else {
            while peer.jobs.front().is_some_and(|job| job.ready) {
                done.extend(peer.jobs.pop_front());
            }
        }
        for job in done {
            self.answer(core, socket, &job);
            if let Some(peer) = self.peers.get_mut(&socket) {
                peer.working -= 1;
            }
        }
        let next = self
            .peers
            .get(&socket)
            .and_then(|peer| peer.jobs.front())
            .map(|job| (job.message.kind, job.message.nonce));
        if serving == Serving::Serial
            && let Some((kind, nonce)) = next
        {
            let wait = self.draw_delay(core, kind);
            self.timer(core, wait, socket, nonce);
        }
        self.flush(core, socket);
    }

    fn answer(&mut self, core: &mut Core, socket: Socket, job: &Job) {
        if job.message.kind == Kind::Ping {
            let pong = Message {
                kind: Kind::Pong,
                ..job.message.clone()
            };
            return self.say(core, socket, &pong);
        }
        let roll = |core: &mut Core, permille: u32| core.rng.u32(0..1_000) < permille;
        let range = if roll(core, self.plan.large_permille) {
            self.plan.large
        } else {
            self.plan.body
        };
        let mut filler = core.rng.u32(range.0..=range.1);
        if self.plan.echoes {
            filler = job.message.filler;
        }
        let answer = job.message.answer(self.port, filler, job.status);
        core.oracle.answers += 1;
        let (me, nonce, id) = (self.port, answer.nonce, answer.id);
        core.say(|| {
            format!(
                "backend {me} conn {} answers {nonce:#x} id {id} {:?}",
                socket.conn, answer.status
            )
        });
        if roll(core, self.plan.more_permille) {
            let piece = Message {
                more: true,
                filler: filler / 2,
                ..answer.clone()
            };
            for _ in 0..core.rng.u8(1..4) {
                self.say(core, socket, &piece);
            }
        }
        self.say(core, socket, &answer);
        if roll(core, self.plan.repeat_permille) {
            core.oracle.forged += 1;
            self.say(core, socket, &answer);
        }
        if roll(core, self.plan.unknown_permille) {
            core.oracle.forged += 1;
            let forged = Message {
                id: core.rng.u64(..),
                id_bytes: Vec::new(),
                nonce: u64::MAX - 1,
                filler: 0,
                ..answer
            };
            self.say(core, socket, &forged);
        }
        let every = self.plan.closes_every;
        let Some(peer) = self.peers.get_mut(&socket) else {
            return;
        };
        peer.answered += 1;
        peer.taken
            .remove(&(job.message.id, job.message.id_bytes.clone()));
        if self.plan.says_go_away && every > 0 && peer.answered == every.saturating_sub(8).max(1) {
            let go_away = Message::empty(Kind::GoAway);
            self.say(core, socket, &go_away);
        } else if every > 0 && peer.answered >= every {
            peer.closing = true;
        }
    }

    fn say(&mut self, core: &mut Core, socket: Socket, message: &Message) {
        if let Some(peer) = self.peers.get_mut(&socket) {
            peer.stream.say(&*self.dialect, message);
        }
        self.flush(core, socket);
    }

    fn flush(&mut self, core: &mut Core, socket: Socket) {
        let Some(peer) = self.peers.get_mut(&socket) else {
            return;
        };
        let empty = peer.stream.flush(core, socket, usize::MAX);
        if empty && peer.closing {
            return self.hang_up(core, socket, self.plan.rude);
        }
        if empty && peer.stream.ended && peer.working == 0 {
            return self.hang_up(core, socket, false);
        }
        if empty && self.plan.blocking_writes && core.net.can_read(socket) {
            self.timer(core, 0, socket, READ_ON);
        }
    }

    fn hang_up(&mut self, core: &mut Core, socket: Socket, rude: bool) {
        let me = self.port;
        core.say(|| format!("backend {me} conn {} hangs up, rude {rude}", socket.conn));
        if let Some(peer) = self.peers.remove(&socket) {
            core.trace(&[8, self.index as u64, peer.number]);
            if rude {
                core.net.reset(core.now, socket, &mut core.rng);
            } else {
                core.net.close(core.now, socket, &mut core.rng);
            }
        }
    }
}
