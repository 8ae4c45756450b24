//! How a sample backend misbehaves: delay, jitter, errors, closed connections.
//!
//! Knows neither sockets nor frames; the delay may change while the backend runs.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What a backend does beside answering.
#[derive(Debug, Default)]
pub(crate) struct Behaviour {
    /// Mean time from a request to its answer, in nanoseconds.
    pub(super) delay_ns: AtomicU64,
    /// The delay varies by so much in both directions.
    pub(crate) jitter: Duration,
    /// Share of requests that are answered with an error.
    pub(crate) errors: f64,
    /// Share of requests that close their connection instead of being answered.
    pub(crate) close: f64,
    /// Whether a connection serves one request at a time.
    pub(crate) serial: bool,
    /// Whether answers may overtake each other.
    pub(crate) out_of_order: bool,
}

/// What becomes of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is answered.
    Answer,
    /// It is answered with an error.
    Error,
    /// Its connection is closed.
    Close,
}

impl Behaviour {
    /// The mean delay.
    pub(crate) fn delay(&self) -> Duration {
        Duration::from_nanos(self.delay_ns.load(Ordering::Relaxed))
    }

    /// Changes the mean delay for requests that come from now on.
    pub(crate) fn set_delay(&self, delay: Duration) {
        let nanos = u64::try_from(delay.as_nanos()).unwrap_or(u64::MAX);
        self.delay_ns.store(nanos, Ordering::Relaxed);
    }

    /// Draws what becomes of the next request.
    pub(crate) fn fate(&self, random: &mut fastrand::Rng) -> Fate {
        if self.close > 0.0 && random.f64() < self.close {
            Fate::Close
        } else if self.errors > 0.0 && random.f64() < self.errors {
            Fate::Error
        } else {
            Fate::Answer
        }
    }

    /// Draws how long the next answer takes.
    pub(crate) fn draw_delay(&self, random: &mut fastrand::Rng) -> Duration {
        let delay = self.delay();
        if self.jitter.is_zero() {
            return delay;
        }
        let low = delay.saturating_sub(self.jitter);
        low + (delay + self.jitter - low).mul_f64(random.f64())
    }

    /// When the answer to a request that came at `now` is sent, where `last` is when the
    /// connection's latest one is. Times are since any common beginning.
    pub(crate) fn due(&self, now: Duration, last: Duration, takes: Duration) -> Duration {
        if self.serial {
            now.max(last) + takes
        } else if self.out_of_order {
            now + takes
        } else {
            (now + takes).max(last)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_serial_backend_begins_a_request_when_the_one_before_is_answered() {
        let serial = Behaviour {
            serial: true,
            ..Behaviour::default()
        };
        assert_eq!(serial.due(MS, MS * 10, MS * 5), MS * 15);
    }

    #[test]
    fn answers_keep_their_order_unless_they_may_overtake() {
        let mut behaviour = Behaviour::default();
        assert_eq!(behaviour.due(MS, MS * 10, MS * 5), MS * 10);
        behaviour.out_of_order = true;
        assert_eq!(behaviour.due(MS, MS * 10, MS * 5), MS * 6);
    }

    #[test]
    fn jitter_stays_within_its_bounds() {
        let behaviour = Behaviour {
            jitter: MS * 2,
            ..Behaviour::default()
        };
        behaviour.set_delay(MS * 5);
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..1_000 {
            let drawn = behaviour.draw_delay(&mut random);
            assert!((MS * 3..=MS * 7).contains(&drawn), "{drawn:?}");
        }
    }

    #[test]
    fn errors_and_closes_come_as_often_as_asked() {
        let behaviour = Behaviour {
            errors: 0.1,
            close: 0.01,
            ..Behaviour::default()
        };
        let mut random = fastrand::Rng::with_seed(7);
        let fates: Vec<Fate> = (0..100_000).map(|_| behaviour.fate(&mut random)).collect();
        let count = |fate| fates.iter().filter(|f| **f == fate).count();
        assert!((9_000..11_000).contains(&count(Fate::Error)));
        assert!((800..1_200).contains(&count(Fate::Close)));
    }
}
