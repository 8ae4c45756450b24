//! When an open-loop load is meant to send: at even intervals, whatever the answers do.
//!
//! Latency is counted from these moments. A generator that counts from when it got to send
//! forgets the wait of every request that a slow answer held up ("coordinated omission").
//! Pure: the time comes in as an argument.

use std::time::Duration;

/// Moments at an even rate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule {
    per_second: f64,
    sent: u64,
    end_ns: u64,
}

impl Schedule {
    /// `per_second` moments in each second from 0 to `end_ns`.
    pub(super) fn new(per_second: f64, end_ns: u64) -> Self {
        Self {
            per_second,
            sent: 0,
            end_ns,
        }
    }

    /// The next moment that is not after `now_ns`; each is given once.
    pub(super) fn take_due(&mut self, now_ns: u64) -> Option<u64> {
        let due = self.next_ns();
        if due > now_ns || due >= self.end_ns {
            return None;
        }
        self.sent += 1;
        Some(due)
    }

    /// How many moments have not been taken.
    pub(super) fn left(&self) -> u64 {
        let seconds = Duration::from_nanos(self.end_ns).as_secs_f64();
        whole(seconds * self.per_second).saturating_sub(self.sent)
    }

    /// The next moment, if there is one before the end.
    pub(super) fn next(&self) -> Option<u64> {
        Some(self.next_ns()).filter(|due| *due < self.end_ns)
    }

    fn next_ns(&self) -> u64 {
        // Counted from the beginning, so that no rounding adds up.
        whole(self.sent as f64 * 1e9 / self.per_second)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts and nanoseconds of a run are positive and far below 2^53"
)]
fn whole(number: f64) -> u64 {
    number.ceil() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn moments_are_even_and_each_is_given_once() {
        let mut schedule = Schedule::new(4.0, SECOND);
        assert_eq!(schedule.take_due(0), Some(0));
        assert_eq!(schedule.take_due(0), None);
        assert_eq!(schedule.take_due(SECOND / 4), Some(SECOND / 4));
    }

    #[test]
    fn a_late_sender_gets_every_moment_it_missed_with_its_own_time() {
        let mut schedule = Schedule::new(1_000.0, SECOND);
        let late: Vec<u64> = std::iter::from_fn(|| schedule.take_due(5_000_000)).collect();
        assert_eq!(
            late,
            [0, 1_000_000, 2_000_000, 3_000_000, 4_000_000, 5_000_000]
        );
    }

    #[test]
    fn a_second_holds_exactly_the_rate_and_nothing_comes_after_the_end() {
        for rate in [1.0, 3.0, 7.0, 5_000.0, 33_333.0] {
            let mut schedule = Schedule::new(rate, SECOND);
            let before = schedule.left();
            let given = std::iter::from_fn(|| schedule.take_due(u64::MAX)).count();
            assert_eq!(given as f64, rate);
            assert_eq!((before, schedule.left()), (given as u64, 0));
        }
    }
}
