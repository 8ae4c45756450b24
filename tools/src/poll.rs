//! Readiness of many sockets and one precise timer, for the load generator and the sample backend.
//!
//! Both are single loops over one poller, without a runtime, so that they cost little beside what
//! they measure. The timer is the kernel's own (`timerfd`): the timeout of `epoll_wait` counts in
//! milliseconds, which is ten times what a proxied request takes.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime,
};

/// The token of the timer.
pub(crate) const TIMER: u64 = u64::MAX;

/// One thing that is ready.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ready {
    /// The token it was added under, or [`TIMER`].
    pub(crate) token: u64,
    /// It can be read, or its end or failure can be learned by reading.
    pub(crate) readable: bool,
    /// It can be written.
    pub(crate) writable: bool,
}

/// An epoll instance with a timer in it.
pub(crate) struct Poller {
    epoll: OwnedFd,
    timer: OwnedFd,
    events: Vec<epoll::Event>,
}

impl Poller {
    /// A poller that watches nothing but its own, unarmed timer.
    pub(crate) fn new() -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let timer = timerfd_create(
            TimerfdClockId::Monotonic,
            TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK,
        )?;
        // Edge-triggered: arming it again is enough, nobody has to read it.
        epoll::add(
            &epoll,
            &timer,
            epoll::EventData::new_u64(TIMER),
            epoll::EventFlags::IN | epoll::EventFlags::ET,
        )?;
        Ok(Self {
            epoll,
            timer,
            events: Vec::with_capacity(256),
        })
    }

    /// Watches `source` for reading, and for writing if `write`.
    pub(crate) fn add(&self, source: impl AsFd, token: u64, write: bool) -> io::Result<()> {
        let data = epoll::EventData::new_u64(token);
        Ok(epoll::add(&self.epoll, source, data, interest(write))?)
    }

    /// Changes whether `source` is watched for writing too.
    pub(crate) fn watch_writing(
        &self,
        source: impl AsFd,
        token: u64,
        write: bool,
    ) -> io::Result<()> {
        let data = epoll::EventData::new_u64(token);
        Ok(epoll::modify(&self.epoll, source, data, interest(write))?)
    }

    /// Watches `source` for writing only: what it sends waits in the kernel.
    pub(crate) fn pause_reading(&self, source: impl AsFd, token: u64) -> io::Result<()> {
        let data = epoll::EventData::new_u64(token);
        Ok(epoll::modify(
            &self.epoll,
            source,
            data,
            epoll::EventFlags::OUT,
        )?)
    }

    /// Arms the timer to fire once; zero means as soon as possible.
    pub(crate) fn wake_in(&self, after: Duration) -> io::Result<()> {
        let setting = Itimerspec {
            it_interval: timespec(Duration::ZERO),
            // An expiry of zero would disarm the timer instead.
            it_value: timespec(after.max(Duration::from_nanos(1))),
        };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &setting)?;
        Ok(())
    }

    /// Waits at most `timeout`, counted in whole milliseconds, and lists in `ready` what is.
    pub(crate) fn wait(&mut self, timeout: Duration, ready: &mut Vec<Ready>) -> io::Result<()> {
        ready.clear();
        self.events.clear();
        match epoll::wait(
            &self.epoll,
            spare_capacity(&mut self.events),
            Some(&timespec(timeout)),
        ) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        ready.extend(self.events.iter().map(|event| {
            let flags = event.flags;
            let failed = flags.intersects(epoll::EventFlags::ERR | epoll::EventFlags::HUP);
            Ready {
                token: event.data.u64(),
                readable: failed || flags.contains(epoll::EventFlags::IN),
                writable: flags.contains(epoll::EventFlags::OUT),
            }
        }));
        Ok(())
    }
}

fn interest(write: bool) -> epoll::EventFlags {
    if write {
        epoll::EventFlags::IN | epoll::EventFlags::OUT
    } else {
        epoll::EventFlags::IN
    }
}

fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: duration.subsec_nanos().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_timer_fires_each_time_that_it_is_armed() {
        let mut poller = Poller::new().unwrap();
        let mut ready = Vec::new();
        for micros in [0, 100, 200] {
            poller.wake_in(Duration::from_micros(micros)).unwrap();
            poller.wait(Duration::from_secs(10), &mut ready).unwrap();
            assert_eq!(ready.len(), 1, "the timer, not the timeout, ended the wait");
        }
    }
}
