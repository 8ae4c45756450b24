//! Opens when all workers have ended; can be waited for by threads and by tasks.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

/// Counts down once.
#[derive(Debug)]
pub(crate) struct Latch {
    left: Mutex<usize>,
    changed: Condvar,
    opened: Notify,
}

impl Latch {
    /// A latch that `count` have to open.
    pub(crate) fn new(count: usize) -> Self {
        Self {
            left: Mutex::new(count),
            changed: Condvar::new(),
            opened: Notify::new(),
        }
    }

    /// One less.
    pub(crate) fn count_down(&self) {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        *left = left.saturating_sub(1);
        if *left == 0 {
            self.changed.notify_all();
            self.opened.notify_waiters();
        }
    }

    /// Blocks the thread until it opens; `false` if that takes longer than `limit`.
    pub(crate) fn wait(&self, limit: Duration) -> bool {
        let left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let (left, _) = self
            .changed
            .wait_timeout_while(left, limit, |left| *left > 0)
            .unwrap_or_else(PoisonError::into_inner);
        *left == 0
    }

    /// Waits as a task until it opens. Cancel safe.
    pub(crate) async fn opened(&self) {
        loop {
            let notified = self.opened.notified();
            if self.wait(Duration::ZERO) {
                return;
            }
            notified.await;
        }
    }
}
