//! A worker: one OS thread with its own runtime, listeners, lanes and engine.
//!
//! The thread runs one task. A *turn* of it serves everything that woke ([`pump`], [`accept`],
//! the mailbox), tells the engine the time if that is due, then writes what the engine wants
//! written and does what it wants done ([`flush`], [`act`]), arms one timer and sleeps. System
//! calls per turn are one wait, one read per readable socket and one write per socket with
//! something to say: frames are never written one by one.
//!
//! Modules stand in the order in which a request meets them.

mod accept;
mod act;
mod clock;
mod complain;
mod files;
mod flush;
mod handle;
mod latch;
mod open;
mod pump;
mod ready;
mod record;
mod socket;
mod thread;
mod timer;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use weft_engine::{AccessRecord, Action, ConnId, Engine, Nanos, Now, Share};

pub(crate) use files::Files;
pub(crate) use handle::{Command, Handle, Launch, ListenSpec, Shared};
pub use handle::{ShellCounters, WorkerView};
pub(crate) use latch::Latch;
pub(crate) use thread::spawn;

use crate::config::SocketOptions;
use accept::Listening;
use clock::Clock;
use complain::Complaints;
use ready::Token;
use socket::{Phase, Socket, Sockets};
use timer::Timer;

/// The one buffer that all sockets of a worker are read into. Large frames fill it, and fewer
/// and larger writes wake their readers less often: 256 KiB cost them a third less than 128.
const SCRATCH_BYTES: usize = 256 << 10;
/// Flushes and actions may cause each other; after so many rounds other sockets have a turn.
const ROUNDS_MAX: usize = 32;

/// What happens at a time of the shell's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    /// A connect takes too long.
    Connect(ConnId),
    /// A lingering connection has had its time.
    Linger(ConnId),
    /// Accepting is tried again.
    Accept,
}

/// One worker's everything.
#[derive(Debug)]
pub(crate) struct Worker {
    number: usize,
    shared: Arc<Shared>,
    engine: Engine,
    clock: Clock,
    options: SocketOptions,
    scratch: Vec<u8>,
    sockets: Sockets,
    listeners: Vec<Listening>,
    accept_paused: bool,
    due: BinaryHeap<Reverse<(Nanos, Due)>>,
    lingering: usize,
    draining: bool,
    stopped: bool,
    counters: ShellCounters,
    complaints: Complaints,
    /// What is served at the moment and how many bytes of it lie in `scratch`: for the log
    /// after a panic.
    serving: Option<(ConnId, usize)>,
    // Reused lists.
    tokens: Vec<Token>,
    again: Vec<Token>,
    dirty: Vec<ConnId>,
    actions: Vec<Action>,
    records: Vec<AccessRecord>,
    timer: Timer,
    /// The last time that was read in this turn.
    read_at: Option<Now>,
}

impl Worker {
    /// A worker in the runtime of the current thread.
    ///
    /// # Errors
    /// The kernel gives no timer.
    pub(crate) fn new(number: usize, shared: Arc<Shared>, seed: u64) -> io::Result<Self> {
        let handle = shared
            .workers
            .get(number)
            .ok_or(io::ErrorKind::InvalidInput)?;
        let launch = handle.launch();
        let timer = Timer::new(&handle.ready)?;
        let share = Share {
            worker: number,
            workers: shared.workers.len(),
            budgets: Arc::clone(&shared.budgets),
        };
        let mut worker = Self {
            number,
            engine: Engine::sharing(share, launch.state, launch.settings, seed),
            shared,
            clock: Clock::new(),
            options: launch.sockets,
            scratch: Vec::new(),
            sockets: Sockets::default(),
            listeners: Vec::new(),
            accept_paused: false,
            due: BinaryHeap::new(),
            lingering: 0,
            draining: false,
            stopped: false,
            counters: ShellCounters::default(),
            complaints: Complaints::default(),
            serving: None,
            tokens: Vec::new(),
            again: Vec::new(),
            dirty: Vec::new(),
            actions: Vec::new(),
            records: Vec::new(),
            timer,
            read_at: None,
        };
        worker.take_listeners(launch.listeners);
        Ok(worker)
    }

    fn handle(&self) -> Option<&Handle> {
        self.shared.workers.get(self.number)
    }

    /// One turn; `true` when the worker has ended.
    pub(crate) fn turn(&mut self, context: &mut Context<'_>) -> bool {
        self.read_at = None;
        self.serve_ready(context.waker());
        let now = self.recent();
        self.serve_due(now);
        if self
            .engine
            .next_deadline()
            .is_some_and(|at| at <= now.monotonic)
        {
            self.engine.tick(now);
        }
        let mut unsettled = true;
        for _ in 0..ROUNDS_MAX {
            self.flush();
            let acted = self.act();
            // What was only written mostly leaves nothing to do.
            unsettled = acted || self.engine.wants_attention() || !self.dirty.is_empty();
            if !unsettled {
                break;
            }
        }
        self.log_records();
        if self.ended() {
            return true;
        }
        if unsettled || !self.again.is_empty() {
            context.waker().wake_by_ref();
        }
        self.arm();
        false
    }

    /// Serves every token that was noted since the last turn.
    fn serve_ready(&mut self, turn: &Waker) {
        let mut tokens = std::mem::take(&mut self.tokens);
        if let Some(handle) = self.handle() {
            handle.ready.take(&mut tokens, turn);
        }
        tokens.append(&mut self.again);
        if tokens.iter().any(|token| *token != Token::Mailbox) {
            self.counters.turns += 1;
        }
        for token in tokens.drain(..) {
            match token {
                Token::Conn(conn) => self.pump(conn),
                Token::Listener(id) => self.accept(id),
                Token::Mailbox => self.read_mail(),
                Token::Timer => self.timer.fired(),
            }
        }
        self.tokens = tokens;
    }

    /// Does what the shell itself put off until now.
    fn serve_due(&mut self, now: Now) {
        while let Some(Reverse((at, due))) = self.due.peek().copied() {
            if at > now.monotonic {
                break;
            }
            self.due.pop();
            match due {
                Due::Connect(conn) => self.connect_timed_out(now, conn),
                Due::Linger(conn) => self.end_linger(conn),
                Due::Accept => self.resume_accepting(),
            }
        }
    }

    fn put_off(&mut self, now: Now, delay: Duration, due: Due) {
        self.due.push(Reverse((now.monotonic.after(delay), due)));
    }

    /// The time of an event; read for each.
    fn now(&mut self) -> Now {
        let now = self.clock.now();
        self.read_at = Some(now);
        now
    }

    /// The time of this turn's latest event: near enough for what only follows from events.
    fn recent(&mut self) -> Now {
        match self.read_at {
            Some(now) => now,
            None => self.now(),
        }
    }

    /// Sets the timer to whatever comes first.
    fn arm(&mut self) {
        let shell = self.due.peek().map(|Reverse((at, _))| *at);
        let next = match (self.engine.next_deadline(), shell) {
            (Some(engine), Some(shell)) => Some(engine.min(shell)),
            (engine, shell) => engine.or(shell),
        };
        let now = self.recent();
        self.timer.arm(now.monotonic, next);
    }

    /// Does what other threads ask for.
    fn read_mail(&mut self) {
        while let Some(command) = self.handle().and_then(Handle::receive) {
            match command {
                Command::Adopt(stream, listener) => self.adopt(stream, listener),
                Command::Reload => self.reload(),
                Command::View(reply) => {
                    let view = self.view();
                    reply(view);
                }
                Command::Drain(grace) => self.drain(grace),
                Command::Stop => self.stopped = true,
            }
        }
    }

    /// Takes over the state and the listeners of the launch.
    fn reload(&mut self) {
        let Some(launch) = self.handle().map(Handle::launch) else {
            return;
        };
        let now = self.now();
        self.engine.new_state(now, launch.state);
        self.options = launch.sockets;
        if !self.draining {
            self.take_listeners(launch.listeners);
        }
    }

    fn drain(&mut self, grace: Duration) {
        // Who is in the queue already was promised an answer.
        self.take_listeners(Vec::new());
        self.draining = true;
        let now = self.now();
        self.engine.drain(now, grace);
    }

    fn ended(&self) -> bool {
        self.stopped || (self.draining && self.sockets.len() == 0 && self.engine.is_drained())
    }

    fn view(&mut self) -> WorkerView {
        let now = self.now();
        let mut shell = self.counters;
        shell.complaints = self.complaints.told;
        shell.complaints_suppressed = self.complaints.suppressed;
        shell.panics = self.handle().map_or(0, Handle::panics);
        WorkerView {
            worker: self.number,
            engine: self.engine.snapshot(now),
            shell,
            lingering: self.lingering,
        }
    }

    /// Adds a connection to the table and has it noted when it is ready.
    fn add(&mut self, conn: ConnId, socket: Socket) {
        if socket.is_client
            && let Some(handle) = self.handle()
        {
            handle.client_came();
        }
        self.sockets.insert(conn, socket);
        self.shared.files.opened();
    }

    /// Takes a connection out of the table and closes it.
    fn remove(&mut self, conn: ConnId) {
        let Some(socket) = self.sockets.remove(conn) else {
            return;
        };
        if socket.phase == Phase::Lingering {
            self.lingering -= 1;
        } else if socket.is_client
            && let Some(handle) = self.handle()
        {
            handle.client_went();
        }
        drop(socket);
        self.shared.files.closed(1);
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.shared.files.closed(self.sockets.len());
    }
}
