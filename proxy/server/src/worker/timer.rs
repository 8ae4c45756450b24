//! The worker's one timer: a kernel timer that is set as seldom as possible.
//!
//! Deadlines move with every request, but almost always to later. The timer then stays where it
//! is; if it fires too early, that costs one turn. So a busy worker sets it about once a second,
//! sleeps without a time limit of its own, and an idle one is not woken but for what is due.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use weft_engine::Nanos;

use super::ready::{self, ReadyList, Token};

/// A deadline that moved to later is followed a few times within this, so that a worker that
/// falls idle is not left with a stale timer, and then not again: a busy one need not.
const FOLLOW: Duration = Duration::from_secs(1);
/// How often within that.
const FOLLOWS_MAX: u8 = 8;
const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// Wakes the worker once.
#[derive(Debug)]
pub(super) struct Timer {
    fd: AsyncFd<OwnedFd>,
    waker: Waker,
    /// When it fires.
    set_for: Option<Nanos>,
    set_at: Nanos,
    /// How often it has followed since `set_at`.
    follows: u8,
}

impl Timer {
    /// A timer that is not set, in the runtime of the current thread.
    ///
    /// # Errors
    /// What the kernel said.
    #[expect(
        deprecated,
        reason = "sound for a descriptor that is owned; what replaces it must be called unsafely"
    )]
    pub(super) fn new(list: &Arc<ReadyList>) -> io::Result<Self> {
        let fd = timerfd_create(
            TimerfdClockId::Monotonic,
            TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC,
        )?;
        let mut timer = Self {
            fd: AsyncFd::with_interest(fd, Interest::READABLE)?,
            waker: ready::waker(list, Token::Timer),
            set_for: None,
            set_at: Nanos(0),
            follows: 0,
        };
        timer.fired();
        Ok(timer)
    }

    /// Sets it for `next`, or leaves it set for something earlier.
    pub(super) fn arm(&mut self, now: Nanos, next: Option<Nanos>) {
        let keep = match (self.set_for, next) {
            (None, next) => next.is_none(),
            (Some(set_for), Some(next)) if next < set_for => false,
            (Some(set_for), next) => {
                next == Some(set_for)
                    || (now.duration_since(self.set_at) < FOLLOW && self.follows >= FOLLOWS_MAX)
            }
        };
        if !keep {
            self.set(now, next);
        }
    }

    fn set(&mut self, now: Nanos, next: Option<Nanos>) {
        // Zero switches it off; what is due already fires at once.
        let delay = next.map_or(0, |next| next.since(now).max(1));
        let value = Itimerspec {
            it_interval: Timespec {
                tv_sec: 0,
                tv_nsec: 0,
            },
            it_value: Timespec {
                tv_sec: i64::try_from(delay / NANOS_PER_SECOND).unwrap_or(i64::MAX),
                tv_nsec: i64::try_from(delay % NANOS_PER_SECOND).unwrap_or(0),
            },
        };
        match timerfd_settime(&self.fd, TimerfdTimerFlags::empty(), &value) {
            Ok(_) => {
                self.set_for = next;
                if now.duration_since(self.set_at) < FOLLOW {
                    self.follows = self.follows.saturating_add(1);
                } else {
                    self.set_at = now;
                    self.follows = 0;
                }
            }
            Err(error) => tracing::error!(%error, "the timer cannot be set"),
        }
    }

    /// It fired: it is set no longer. To set it again takes back what the kernel counted, so
    /// nothing need be read.
    pub(super) fn fired(&mut self) {
        self.set_for = None;
        let mut context = Context::from_waker(&self.waker);
        while let Poll::Ready(Ok(mut ready)) = self.fd.poll_read_ready(&mut context) {
            ready.clear_ready();
        }
    }
}
