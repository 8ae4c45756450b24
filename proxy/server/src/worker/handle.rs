//! What a worker shares with other threads: its mailbox, and the few numbers by which accepted
//! sockets are placed.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use weft_engine::{Budgets, Settings, Snapshot, State};

use super::files::Files;
use super::latch::Latch;
use super::ready::{ReadyList, Token};
use super::socket::PlainStream;
use crate::config::SocketOptions;
use crate::listen::ListenSocket;

/// Sockets that may wait for another worker; past it the accepting worker keeps them.
const HANDOVER_MAX: usize = 256;

/// Numbers of the shell around one engine, since the worker began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShellCounters {
    /// Turns that served sockets; a worker that is only asked for its tables takes none.
    pub turns: u64,
    /// System calls that read something from sockets, their end included.
    pub reads: u64,
    /// System calls that wrote to sockets.
    pub writes: u64,
    /// Sockets accepted.
    pub accepts: u64,
    /// Sockets given to a worker with less load.
    pub moved: u64,
    /// Accepts that failed.
    pub accept_errors: u64,
    /// How often accepting was paused for want of files or room.
    pub accept_pauses: u64,
    /// Complaints of the engine, logged or not.
    pub complaints: u64,
    /// Complaints that were not logged because of their rate.
    pub complaints_suppressed: u64,
    /// Panics after which the worker began anew.
    pub panics: u64,
}

/// One worker's tables and numbers at a moment.
#[derive(Clone, Debug)]
pub struct WorkerView {
    /// Which worker.
    pub worker: usize,
    /// The engine's.
    pub engine: Snapshot,
    /// The shell's.
    pub shell: ShellCounters,
    /// Sockets that only wait for their last bytes to be taken.
    pub lingering: usize,
}

/// One listening socket of one worker.
#[derive(Clone, Debug)]
pub(crate) struct ListenSpec {
    /// Names the socket for as long as it lives; never reused.
    pub(crate) id: u64,
    /// The listener's index in the state that is in force.
    pub(crate) listener: usize,
    /// Whether this worker alone serves the listener: its clients are not moved.
    pub(crate) homed: bool,
    /// The socket; held here too, so that its queue survives the worker.
    pub(crate) socket: Arc<ListenSocket>,
}

/// What a worker begins with, and takes over after each reload.
#[derive(Clone, Debug)]
pub(crate) struct Launch {
    /// The state in force.
    pub(crate) state: Arc<State>,
    /// Bounds; those of the start, for good.
    pub(crate) settings: Settings,
    /// Options of the lanes' sockets.
    pub(crate) sockets: SocketOptions,
    /// Where this worker accepts.
    pub(crate) listeners: Vec<ListenSpec>,
}

/// A message to a worker.
pub(crate) enum Command {
    /// Serve this client, which another worker accepted at the listener of this index.
    Adopt(PlainStream, usize),
    /// The launch changed: take over its state and listeners.
    Reload,
    /// Tell the tables.
    View(Box<dyn FnOnce(WorkerView) + Send>),
    /// Take no new client, finish what is in flight within the grace, then end.
    Drain(Duration),
    /// End now.
    Stop,
}

/// A worker as other threads see it.
#[derive(Debug)]
pub(crate) struct Handle {
    /// What wakes the worker.
    pub(crate) ready: Arc<ReadyList>,
    mailbox: Mutex<VecDeque<Command>>,
    launch: Mutex<Launch>,
    clients: AtomicUsize,
    handovers: AtomicUsize,
    panics: AtomicU64,
    ended: AtomicBool,
}

impl std::fmt::Debug for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Adopt(..) => "Adopt",
            Self::Reload => "Reload",
            Self::View(_) => "View",
            Self::Drain(_) => "Drain",
            Self::Stop => "Stop",
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Handle {
    /// A worker that is yet to begin.
    pub(crate) fn new(launch: Launch) -> Self {
        Self {
            ready: Arc::default(),
            mailbox: Mutex::default(),
            launch: Mutex::new(launch),
            clients: AtomicUsize::new(0),
            handovers: AtomicUsize::new(0),
            panics: AtomicU64::new(0),
            ended: AtomicBool::new(false),
        }
    }

    /// Leaves a command; `false` if the worker has ended.
    pub(crate) fn send(&self, command: Command) -> bool {
        if self.ended() {
            return false;
        }
        lock(&self.mailbox).push_back(command);
        self.ready.push(Token::Mailbox);
        true
    }

    /// Leaves a client, or gives it back if the worker has enough of them to take.
    pub(crate) fn adopt(&self, stream: PlainStream, listener: usize) -> Result<(), PlainStream> {
        let mut mailbox = lock(&self.mailbox);
        if self.ended() || self.handovers.load(Ordering::Relaxed) >= HANDOVER_MAX {
            return Err(stream);
        }
        self.handovers.fetch_add(1, Ordering::Relaxed);
        self.clients.fetch_add(1, Ordering::Relaxed);
        mailbox.push_back(Command::Adopt(stream, listener));
        drop(mailbox);
        self.ready.push(Token::Mailbox);
        Ok(())
    }

    /// The next command.
    pub(crate) fn receive(&self) -> Option<Command> {
        let command = lock(&self.mailbox).pop_front();
        if let Some(Command::Adopt(..)) = command {
            // The client is counted anew when it is taken.
            self.handovers.fetch_sub(1, Ordering::Relaxed);
            self.clients.fetch_sub(1, Ordering::Relaxed);
        }
        command
    }

    /// What the worker begins with.
    pub(crate) fn launch(&self) -> Launch {
        lock(&self.launch).clone()
    }

    /// Replaces what the worker begins with.
    pub(crate) fn relaunch(&self, launch: Launch) {
        *lock(&self.launch) = launch;
    }

    /// Clients of this worker, those on their way included.
    pub(crate) fn clients(&self) -> usize {
        self.clients.load(Ordering::Relaxed)
    }

    /// A client was taken.
    pub(crate) fn client_came(&self) {
        self.clients.fetch_add(1, Ordering::Relaxed);
    }

    /// A client went.
    pub(crate) fn client_went(&self) {
        self.clients.fetch_sub(1, Ordering::Relaxed);
    }

    /// The worker lost all its clients in a panic.
    pub(crate) fn panicked(&self) {
        // Those on their way from other workers are still to come.
        let coming = self.handovers.load(Ordering::Relaxed);
        self.clients.store(coming, Ordering::Relaxed);
        self.panics.fetch_add(1, Ordering::Relaxed);
    }

    /// Panics since the start.
    pub(crate) fn panics(&self) -> u64 {
        self.panics.load(Ordering::Relaxed)
    }

    /// Whether the thread is past its last turn.
    pub(crate) fn ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// The thread is past its last turn; whoever waits for an answer gets none.
    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::Release);
        lock(&self.mailbox).clear();
    }
}

/// What all workers of a server share.
#[derive(Debug)]
pub(crate) struct Shared {
    /// The workers, in the order of their numbers.
    pub(crate) workers: Vec<Handle>,
    /// Sockets against the limit of open files.
    pub(crate) files: Files,
    /// Clients that may be connected to the process at once.
    pub(crate) clients_max: usize,
    /// What the engines may hold together.
    pub(crate) budgets: Arc<Budgets>,
    /// Whether clients are no longer moved.
    pub(crate) draining: AtomicBool,
    /// Opens when the last worker has ended.
    pub(crate) ended: Latch,
}

impl Shared {
    /// Clients of all workers.
    pub(crate) fn clients(&self) -> usize {
        self.workers.iter().map(Handle::clients).sum()
    }

    /// Whether another client may be accepted.
    pub(crate) fn room_for_client(&self) -> bool {
        self.files.room_for_client() && self.clients() < self.clients_max
    }

    /// The worker that a client which `own` accepted should go to, if it is another: one with
    /// clearly fewer clients. A move costs system calls, so small differences are left alone.
    pub(crate) fn better_place(&self, own: usize) -> Option<&Handle> {
        if self.workers.len() < 2 || self.draining.load(Ordering::Relaxed) {
            return None;
        }
        let own_clients = self.workers.get(own)?.clients();
        let (_, other) = self
            .workers
            .iter()
            .enumerate()
            .filter(|(index, worker)| *index != own && !worker.ended())
            .min_by_key(|(_, worker)| worker.clients())?;
        let fewest = other.clients();
        (own_clients > fewest + fewest / 8).then_some(other)
    }
}
