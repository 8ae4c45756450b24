//! The worker's thread: its runtime, its one task, and what happens after a panic.
//!
//! A codec's panic is the engine's to confine to one connection. If the engine itself panics,
//! its tables cannot be trusted any more, and wrong tables mean answers to the wrong caller: so
//! the worker says which connection's bytes it was serving, closes all its connections and
//! begins anew with empty tables. The listeners and their queues, and the other workers, go on.

use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::{Builder, LocalOptions};

use super::{Shared, Worker};

/// Bytes of the scratch buffer that the log shows after a panic.
const SHOWN_BYTES: usize = 64;
/// Pause before a worker begins anew, so that a panic at every start does not burn a core.
const RESTART_PAUSE: Duration = Duration::from_millis(100);
/// Turns between two looks at the sockets: two, so that a turn that wakes itself cannot starve
/// them and a plain turn costs one wait.
const EVENT_INTERVAL: u32 = 2;
/// Sockets whose readiness one wait can tell.
const EVENTS_PER_WAIT: usize = 1_024;

/// How a worker's task came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exit {
    /// Drained or stopped.
    Done,
    /// Panicked with so many clients.
    Panicked,
}

/// Begins the thread of the worker of this number.
///
/// # Errors
/// The thread could not be started.
pub(crate) fn spawn(shared: &Arc<Shared>, number: usize) -> io::Result<JoinHandle<()>> {
    let shared = Arc::clone(shared);
    std::thread::Builder::new()
        .name(format!("weft-worker-{number}"))
        .spawn(move || run(&shared, number))
}

fn run(shared: &Arc<Shared>, number: usize) {
    loop {
        match run_once(shared, number) {
            Ok(Exit::Done) => break,
            Ok(Exit::Panicked) => {
                tracing::error!(
                    worker = number,
                    "the worker begins anew; its connections are closed"
                );
                std::thread::sleep(RESTART_PAUSE);
            }
            Err(error) => {
                tracing::error!(worker = number, %error, "the worker cannot run");
                break;
            }
        }
    }
    if let Some(handle) = shared.workers.get(number) {
        handle.end();
    }
    shared.ended.count_down();
}

fn run_once(shared: &Arc<Shared>, number: usize) -> io::Result<Exit> {
    let runtime = Builder::new_current_thread()
        .enable_io()
        .event_interval(EVENT_INTERVAL)
        .max_io_events_per_tick(EVENTS_PER_WAIT)
        .build_local(LocalOptions::default())?;
    let seed = seed_of(number);
    runtime.block_on(async {
        let worker = Worker::new(number, Arc::clone(shared), seed)?;
        let turns = tokio::task::unconstrained(Turns { worker });
        // As a task of its own: waking the outer future would cost a system call.
        tokio::task::spawn_local(turns)
            .await
            .map_err(io::Error::other)
    })
}

/// Unlike between workers and starts, so that all do not choose alike.
fn seed_of(number: usize) -> u64 {
    let hasher = std::hash::RandomState::new();
    std::hash::BuildHasher::hash_one(&hasher, number)
}

/// The worker's one task.
struct Turns {
    worker: Worker,
}

impl Future for Turns {
    type Output = Exit;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Exit> {
        let worker = &mut self.worker;
        match catch_unwind(AssertUnwindSafe(|| worker.turn(context))) {
            Ok(false) => Poll::Pending,
            Ok(true) => Poll::Ready(Exit::Done),
            Err(_) => {
                worker.mourn();
                Poll::Ready(Exit::Panicked)
            }
        }
    }
}

impl Worker {
    /// Says whose bytes were served when a panic came, and writes the clients off.
    fn mourn(&mut self) {
        if let Some((conn, n)) = self.serving {
            let shown = self.scratch.get(..n.min(SHOWN_BYTES)).unwrap_or_default();
            let peer = self
                .sockets
                .get_mut(conn)
                .map_or_else(|| "gone".to_owned(), |socket| socket.stream.peer());
            tracing::error!(
                worker = self.number,
                connection = conn.number(),
                peer,
                bytes = n,
                first_bytes = %shown.escape_ascii(),
                "a panic while these bytes were served"
            );
        } else {
            tracing::error!(
                worker = self.number,
                "a panic outside of any connection's bytes"
            );
        }
        if let Some(handle) = self.handle() {
            handle.panicked();
            handle.ready.clear();
        }
    }
}
