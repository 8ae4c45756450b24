//! How many sockets the process may have.
//!
//! Accepting stops before the kernel refuses, so that lanes can still be opened and the admin
//! endpoint still answers.

use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files kept free of clients: logs, the admin endpoint, listeners, timers and a few lanes.
const RESERVE: usize = 96;

/// Counts the process's sockets against its limit of open files.
#[derive(Debug)]
pub(crate) struct Files {
    open: AtomicUsize,
    clients_until: usize,
}

impl Files {
    /// Raises the soft limit to the hard one and keeps a reserve below it.
    pub(crate) fn new() -> Self {
        let limit = raise_limit();
        // With a very low limit the reserve is half of it: some clients are better than none.
        let reserve = RESERVE.min(limit / 2);
        Self {
            open: AtomicUsize::new(0),
            clients_until: limit - reserve,
        }
    }

    /// Whether another client may be taken.
    pub(crate) fn room_for_client(&self) -> bool {
        self.open.load(Ordering::Relaxed) < self.clients_until
    }

    /// A socket was opened.
    pub(crate) fn opened(&self) {
        self.open.fetch_add(1, Ordering::Relaxed);
    }

    /// `n` sockets were closed.
    pub(crate) fn closed(&self, n: usize) {
        self.open.fetch_sub(n, Ordering::Relaxed);
    }

    /// Sockets open now.
    pub(crate) fn count(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }
}

/// The limit of open files that is in force after the attempt to raise it.
fn raise_limit() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        },
    );
    let in_force = if raised.is_ok() {
        limit.maximum
    } else {
        limit.current
    };
    in_force.map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX))
}
