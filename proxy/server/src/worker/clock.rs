//! The worker's clock: where the engine's `Now` comes from.
//!
//! One read of the monotonic clock per event. The time of day is carried along and set right
//! once a second, for it is only used in records.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use weft_engine::{Nanos, Now};

/// How long the carried time of day is trusted.
const RESYNC: Duration = Duration::from_secs(1);

/// Reads the time for one worker.
#[derive(Debug)]
pub(crate) struct Clock {
    began: Instant,
    /// The time of day at `began`, as far as known.
    unix_at_began: Duration,
    resync_at: Duration,
}

impl Clock {
    /// A clock whose monotonic zero is now.
    pub(crate) fn new() -> Self {
        Self {
            began: Instant::now(),
            unix_at_began: time_of_day(),
            resync_at: RESYNC,
        }
    }

    /// This moment.
    pub(crate) fn now(&mut self) -> Now {
        let elapsed = self.began.elapsed();
        if elapsed >= self.resync_at {
            self.unix_at_began = time_of_day().saturating_sub(elapsed);
            self.resync_at = elapsed.saturating_add(RESYNC);
        }
        Now {
            monotonic: Nanos(u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)),
            unix: self.unix_at_began.saturating_add(elapsed),
        }
    }
}

/// Since the Unix epoch; zero if the machine's clock stands before it.
fn time_of_day() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO)
}
