//! A running proxy: its workers, what they listen on, and how it is changed and ended.
//!
//! This is the control side. Nothing here is on a request's path; workers are told by messages.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use weft_engine::{Budgets, State};

use crate::config::{Complaint, Config, ListenAddress};
use crate::homes::{self, Homes};
use crate::listen::{self, Bound};
use crate::reconcile::reconcile;
use crate::side::Side;
use crate::view::View;
use crate::worker::{self, Command, Files, Handle, Latch, Launch, ListenSpec, Shared, WorkerView};

/// How long workers have to tell their tables.
const VIEW_TIMEOUT: Duration = Duration::from_secs(2);

/// Why the proxy could not start or take over a configuration.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address could not be listened on.
    #[error("listener `{listener}`: cannot listen on {address}: {source}")]
    Listen {
        /// The listener's name.
        listener: String,
        /// The address.
        address: ListenAddress,
        /// What the kernel said.
        source: std::io::Error,
    },
    /// The admin endpoint could not be opened.
    #[error("admin: cannot listen on {address}: {source}")]
    Admin {
        /// The address.
        address: SocketAddr,
        /// What the kernel said.
        source: std::io::Error,
    },
    /// A thread could not be started.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
    /// The proxy is ending.
    #[error("the proxy is shutting down")]
    Ending,
}

/// A listener's address as it is bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoundAddress {
    /// The listener's name.
    pub listener: String,
    /// The address, with the port that the kernel chose where 0 was asked for.
    pub address: ListenAddress,
}

/// What became of the last reload.
#[derive(Clone, Debug)]
pub struct ReloadReport {
    /// When.
    pub at: SystemTime,
    /// Why it was refused; `None` if it is in force.
    pub error: Option<String>,
}

/// A running proxy. Dropping it ends it at once, without a drain.
#[derive(Debug)]
pub struct Server {
    core: Arc<Core>,
    threads: Vec<JoinHandle<()>>,
    side: Option<Side>,
}

/// What the control side shares with the admin endpoint.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) shared: Arc<Shared>,
    control: Mutex<Control>,
    pub(crate) began: Instant,
    ending: AtomicBool,
}

/// What is in force.
#[derive(Debug)]
struct Control {
    config: Arc<Config>,
    state: Arc<State>,
    homes: Homes,
    bound: Vec<Bound>,
    next_id: u64,
    last_reload: Option<ReloadReport>,
}

impl Server {
    /// Binds every listener and the admin endpoint, then starts the workers.
    ///
    /// # Errors
    /// [`StartError`]; then nothing is left running.
    pub fn start(config: Config) -> Result<Self, StartError> {
        let workers = config.workers.count().get();
        let (mut state, indices) = reconcile(&[], config.state(1));
        let homes = homes::settle(&mut state, &indices, workers, &Homes::new());
        let state = Arc::new(state);
        let mut next_id = 0;
        let bound = bind_missing(&config, &[], workers, &mut next_id)?;
        let launches = launches(&config, &state, &indices, &bound, workers);
        let shared = Arc::new(Shared {
            files: Files::new(),
            clients_max: config.settings.clients_max,
            budgets: Arc::new(Budgets::new(&config.settings, workers)),
            draining: AtomicBool::new(false),
            ended: Latch::new(workers),
            workers: launches.into_iter().map(Handle::new).collect(),
        });
        let core = Arc::new(Core {
            shared,
            control: Mutex::new(Control {
                config: Arc::new(config),
                state,
                homes,
                bound,
                next_id,
                last_reload: None,
            }),
            began: Instant::now(),
            ending: AtomicBool::new(false),
        });
        let mut server = Self {
            core: Arc::clone(&core),
            threads: Vec::with_capacity(workers),
            side: None,
        };
        server.side = Side::start(&core)?;
        for number in 0..workers {
            let thread = worker::spawn(&core.shared, number).map_err(StartError::Thread)?;
            server.threads.push(thread);
        }
        Ok(server)
    }

    /// Every address that is listened on.
    #[must_use]
    pub fn addresses(&self) -> Vec<BoundAddress> {
        self.core
            .control()
            .bound
            .iter()
            .map(|bound| BoundAddress {
                listener: bound.listener.clone(),
                address: bound.actual.clone(),
            })
            .collect()
    }

    /// Where the admin endpoint listens.
    #[must_use]
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.side.as_ref().and_then(Side::admin_address)
    }

    /// The tables of all workers. Blocks for at most two seconds; workers that have ended or do
    /// not answer in time are missing.
    #[must_use]
    pub fn view(&self) -> View {
        self.core.view()
    }

    /// Puts another configuration in force. Listeners that are in both keep their sockets, new
    /// ones are bound before anything is changed, and clients of those that are gone finish.
    /// The number of workers, the admin address, statsd and the engines' bounds stay those of
    /// the start.
    ///
    /// # Errors
    /// [`StartError`]; then the old configuration is still in force.
    pub fn reload(&self, config: Config) -> Result<(), StartError> {
        self.core.reload(config)
    }

    /// Notes that a configuration was not even fit to be tried.
    pub fn reload_refused(&self, complaints: &[Complaint]) {
        let text: Vec<String> = complaints.iter().map(ToString::to_string).collect();
        self.core.note_reload(Some(text.join("\n")));
    }

    /// Begins to end: listeners close, what is in flight may finish within `grace`, idle
    /// clients are closed. Come back with [`Server::wait`] or [`Server::ended`].
    pub fn drain(&self, grace: Duration) {
        self.core.drain(grace);
    }

    /// Blocks until all workers have ended; `false` if that takes longer than `limit`.
    #[must_use]
    pub fn wait(&self, limit: Duration) -> bool {
        self.core.shared.ended.wait(limit)
    }

    /// Waits until all workers have ended. Cancel safe.
    pub async fn ended(&self) {
        self.core.shared.ended.opened().await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.core.ending.store(true, Ordering::Release);
        for worker in &self.core.shared.workers {
            worker.send(Command::Stop);
        }
        for thread in self.threads.drain(..) {
            // A worker's panic was told when it happened.
            let _told = thread.join();
        }
        self.side = None;
        for bound in &self.core.control().bound {
            bound.retire();
        }
    }
}

impl Core {
    fn control(&self) -> MutexGuard<'_, Control> {
        self.control.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The configuration in force.
    pub(crate) fn config(&self) -> Arc<Config> {
        Arc::clone(&self.control().config)
    }

    /// The version of the state in force, and what became of the last reload.
    pub(crate) fn reload_state(&self) -> (u64, Option<ReloadReport>) {
        let control = self.control();
        (control.state.version, control.last_reload.clone())
    }

    /// Whether new clients are no longer taken.
    pub(crate) fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Acquire)
    }

    /// Asks every worker for its tables; `answer` is called once by each that answers. Returns
    /// how many were asked.
    pub(crate) fn ask<F>(&self, answer: F) -> usize
    where
        F: Fn(WorkerView) + Clone + Send + 'static,
    {
        self.shared
            .workers
            .iter()
            .filter(|worker| worker.send(Command::View(Box::new(answer.clone()))))
            .count()
    }

    fn view(&self) -> View {
        let (sender, receiver) = mpsc::channel();
        let asked = self.ask(move |view| {
            // Whoever asked may have given up.
            let _gone = sender.send(view);
        });
        let until = Instant::now() + VIEW_TIMEOUT;
        let mut workers = Vec::with_capacity(asked);
        while workers.len() < asked {
            let left = until.saturating_duration_since(Instant::now());
            match receiver.recv_timeout(left) {
                Ok(view) => workers.push(view),
                Err(_) => break,
            }
        }
        View::new(workers, self.shared.files.count())
    }

    fn drain(&self, grace: Duration) {
        self.ending.store(true, Ordering::Release);
        self.shared.draining.store(true, Ordering::Release);
        for worker in &self.shared.workers {
            worker.send(Command::Drain(grace));
        }
        let mut control = self.control();
        let bound = std::mem::take(&mut control.bound);
        for worker in &self.shared.workers {
            let launch = worker.launch();
            worker.relaunch(Launch {
                listeners: Vec::new(),
                ..launch
            });
        }
        for bound in &bound {
            bound.retire();
        }
    }

    fn note_reload(&self, error: Option<String>) {
        self.control().last_reload = Some(ReloadReport {
            at: SystemTime::now(),
            error,
        });
    }

    fn reload(&self, config: Config) -> Result<(), StartError> {
        if self.is_ending() {
            return Err(StartError::Ending);
        }
        let result = self.try_reload(config);
        self.note_reload(result.as_ref().err().map(ToString::to_string));
        result
    }

    fn try_reload(&self, mut config: Config) -> Result<(), StartError> {
        let mut control = self.control();
        config.share_codecs(&control.config);
        let workers = self.shared.workers.len();
        let mut next_id = control.next_id;
        let new = bind_missing(&config, &control.bound, workers, &mut next_id)?;
        // Nothing can fail from here on.
        control.next_id = next_id;
        let next = config.state_after(&control.state);
        let (mut state, indices) = reconcile(&control.state.listeners, next);
        control.homes = homes::settle(&mut state, &indices, workers, &control.homes);
        control.state = Arc::new(state);
        let (mut kept, gone): (Vec<Bound>, Vec<Bound>) = std::mem::take(&mut control.bound)
            .into_iter()
            .chain(new)
            .partition(|bound| owner(&config, bound).is_some());
        for bound in &mut kept {
            if let Some(listener) = owner(&config, bound).and_then(|at| config.listeners.get(at)) {
                bound.listener.clone_from(&listener.name);
            }
        }
        control.bound = kept;
        let launches = launches(&config, &control.state, &indices, &control.bound, workers);
        for (worker, launch) in self.shared.workers.iter().zip(launches) {
            // Bounds of an engine are those it began with.
            let settings = worker.launch().settings;
            worker.relaunch(Launch { settings, ..launch });
            worker.send(Command::Reload);
        }
        for bound in &gone {
            bound.retire();
        }
        tell_what_needs_a_restart(&control.config, &config);
        control.config = Arc::new(config);
        Ok(())
    }
}

/// The position of the listener that a bound address belongs to.
fn owner(config: &Config, bound: &Bound) -> Option<usize> {
    config.listeners.iter().position(|listener| {
        listener
            .addresses
            .iter()
            .any(|address| bound.is(&listener.name, address))
    })
}

/// Binds the addresses of `config` that are not in `bound`.
fn bind_missing(
    config: &Config,
    bound: &[Bound],
    workers: usize,
    next_id: &mut u64,
) -> Result<Vec<Bound>, StartError> {
    let mut new = Vec::new();
    for listener in &config.listeners {
        for address in &listener.addresses {
            if bound.iter().any(|known| known.is(&listener.name, address)) {
                continue;
            }
            let made = listen::bind(&listener.name, address, workers, &config.sockets, next_id)
                .map_err(|source| StartError::Listen {
                    listener: listener.name.clone(),
                    address: address.clone(),
                    source,
                })?;
            new.push(made);
        }
    }
    Ok(new)
}

/// What each worker runs on. `indices` gives each listener of `config` its index in `state`.
fn launches(
    config: &Config,
    state: &Arc<State>,
    indices: &[usize],
    bound: &[Bound],
    workers: usize,
) -> Vec<Launch> {
    (0..workers)
        .map(|worker| Launch {
            state: Arc::clone(state),
            settings: config.settings.clone(),
            sockets: config.sockets,
            listeners: bound
                .iter()
                .filter_map(|bound| {
                    let listener = *indices.get(owner(config, bound)?)?;
                    let home = homes::of_listener(state, state.listeners.get(listener)?);
                    Some(specs(bound, listener, home, worker))
                })
                .flatten()
                .collect(),
        })
        .collect()
}

/// What `worker` accepts at one address: its own socket, or all of them if it is the home of the
/// listener and none if another is.
fn specs(bound: &Bound, listener: usize, home: Option<usize>, worker: usize) -> Vec<ListenSpec> {
    let sockets = bound.sockets.iter().enumerate();
    sockets
        .filter(|(number, _)| home.unwrap_or(*number) == worker)
        .filter_map(|(_, socket)| socket.clone())
        .map(|(id, socket)| ListenSpec {
            id,
            listener,
            homed: home.is_some(),
            socket,
        })
        .collect()
}

fn tell_what_needs_a_restart(old: &Config, new: &Config) {
    let changed = [
        ("workers", old.workers != new.workers),
        ("admin", old.admin != new.admin),
        ("statsd", old.statsd != new.statsd),
        (
            "settings",
            format!("{:?}", old.settings) != format!("{:?}", new.settings),
        ),
    ];
    for (what, _) in changed.iter().filter(|(_, changed)| *changed) {
        tracing::warn!("`{what}` changed: that takes a restart, the value of the start stays");
    }
}
