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
    ticks: bool,
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
        // Edge-triggered: nobody has to read a timer that fires once.
        epoll::add(
            &epoll,
            &timer,
            epoll::EventData::new_u64(TIMER),
            epoll::EventFlags::IN | epoll::EventFlags::ET,
        )?;
        Ok(Self {
            epoll,
            timer,
            ticks: false,
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

    /// Arms the timer to fire again and again.
    pub(crate) fn tick_every(&mut self, period: Duration) -> io::Result<()> {
        self.ticks = true;
        self.arm(period, period)
    }

    /// Arms the timer to fire once; zero means as soon as possible.
    pub(crate) fn wake_in(&mut self, after: Duration) -> io::Result<()> {
        self.ticks = false;
        self.arm(Duration::ZERO, after)
    }

    fn arm(&self, period: Duration, first: Duration) -> io::Result<()> {
        // A first expiry of zero would disarm the timer instead.
        let first = first.max(Duration::from_nanos(1));
        let setting = Itimerspec {
            it_interval: timespec(period),
            it_value: timespec(first),
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
        if self.ticks && ready.iter().any(|event| event.token == TIMER) {
            // The kernel counts the next tick only once this one was read.
            match rustix::io::read(&self.timer, &mut [0_u8; 8]) {
                Ok(_) | Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
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
    fn a_ticking_timer_ticks_again_and_again() {
        let mut poller = Poller::new().unwrap();
        poller.tick_every(Duration::from_micros(100)).unwrap();
        let mut ready = Vec::new();
        for _ in 0..5 {
            poller.wait(Duration::from_secs(10), &mut ready).unwrap();
            assert_eq!(ready.len(), 1, "the timer, not the timeout, ended the wait");
        }
    }
}
