//! A sample backend on a thread of a test.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::backend::Backend;
pub(crate) use super::behaviour::Behaviour;
use super::server;
use crate::address::Address;
use crate::wire::Protocol;

/// A backend that serves until it is dropped.
pub(crate) struct Serving {
    pub(crate) address: Address,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// Serves on a free port under the name `b1`.
pub(crate) fn serve(protocol: Protocol, behaviour: Behaviour) -> Serving {
    let any: Address = "127.0.0.1:0".parse().unwrap();
    let listener = any.listen().unwrap();
    let address = any.bound_by(&listener).unwrap();
    let backend = Backend {
        protocol,
        name: "b1".into(),
        behaviour: Arc::new(behaviour),
        store: Arc::default(),
    };
    let stop = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&stop);
    let thread = std::thread::spawn(move || {
        server::serve(listener, backend, told).unwrap();
    });
    Serving {
        address,
        stop,
        thread: Some(thread),
    }
}

impl Behaviour {
    /// Answers after so long.
    pub(crate) fn slow(delay: Duration) -> Self {
        let slow = Self::default();
        slow.set_delay(delay);
        slow
    }

    /// Answers the requests of each read in reverse.
    pub(crate) fn reversing() -> Self {
        Self {
            out_of_order: true,
            ..Self::default()
        }
    }

    /// Closes the connection on this share of requests.
    pub(crate) fn closing(share: f64) -> Self {
        Self {
            close: share,
            ..Self::default()
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}
