//! What happens in the demo, and when. Pure: fractions in, moments out.

use std::time::Duration;

/// Something that the demo does to a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// `kill -9`.
    Kill,
    /// Starts it again on its old address.
    Restart,
    /// Makes its answers take this long.
    Slow(Duration),
}

/// One moment of the demo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// Since the load began.
    pub(super) at: Duration,
    /// The place of the backend in the list.
    pub(super) backend: usize,
    /// What happens to it.
    pub(super) action: Action,
}

/// The backend that is killed and comes back.
pub(super) const KILLED: usize = 1;
/// The backend that becomes slow.
pub(super) const SLOWED: usize = 2;

/// How long the slow backend takes.
pub(super) const SLOW_DELAY: Duration = Duration::from_millis(40);

const KILL_AT: f64 = 0.15;
const RESTART_AT: f64 = 0.30;
const SLOW_AT: f64 = 0.65;

/// The moments of a demo that takes `length`, in their order.
pub(super) fn steps(length: Duration) -> Vec<Step> {
    let step = |fraction, backend, action| Step {
        at: length.mul_f64(fraction),
        backend,
        action,
    };
    vec![
        step(KILL_AT, KILLED, Action::Kill),
        step(RESTART_AT, KILLED, Action::Restart),
        step(SLOW_AT, SLOWED, Action::Slow(SLOW_DELAY)),
    ]
}

/// A stretch of the demo in which the traffic has settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// All is well.
    Calm,
    /// One backend is dead.
    Killed,
    /// It is back.
    Returned,
    /// Another is slow.
    Slowed,
}

/// The phase that `at` belongs to; `None` before the first answers and while the traffic adapts
/// to what has just happened, which is the first third of each stretch, the half after a restart.
pub(super) fn phase(at: Duration, length: Duration) -> Option<Phase> {
    let fraction = at.as_secs_f64() / length.as_secs_f64().max(1e-9);
    match fraction {
        f if f >= 1.0 => None,
        f if f >= SLOW_AT => settled(f, SLOW_AT, 1.0, 0.33).then_some(Phase::Slowed),
        f if f >= RESTART_AT => settled(f, RESTART_AT, SLOW_AT, 0.5).then_some(Phase::Returned),
        f if f >= KILL_AT => settled(f, KILL_AT, RESTART_AT, 0.33).then_some(Phase::Killed),
        f => settled(f, 0.0, KILL_AT, 0.33).then_some(Phase::Calm),
    }
}

fn settled(fraction: f64, begin: f64, end: f64, lead: f64) -> bool {
    fraction >= begin + (end - begin) * lead
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTH: Duration = Duration::from_secs(20);

    fn at(seconds: f64) -> Option<Phase> {
        phase(Duration::from_secs_f64(seconds), LENGTH)
    }

    #[test]
    fn a_backend_dies_returns_and_then_another_becomes_slow() {
        let steps = steps(LENGTH);
        let moments: Vec<u64> = steps.iter().map(|step| step.at.as_secs()).collect();
        assert_eq!(moments, [3, 6, 13]);
        assert_eq!(steps[0].backend, steps[1].backend);
        assert_ne!(steps[1].backend, steps[2].backend);
    }

    #[test]
    fn shares_are_judged_only_where_the_traffic_has_settled() {
        assert_eq!(at(0.5), None);
        assert_eq!(at(2.0), Some(Phase::Calm));
        assert_eq!(at(3.1), None);
        assert_eq!(at(5.5), Some(Phase::Killed));
        assert_eq!(at(7.0), None);
        assert_eq!(at(12.0), Some(Phase::Returned));
        assert_eq!(at(13.5), None);
        assert_eq!(at(19.0), Some(Phase::Slowed));
        assert_eq!(at(20.0), None);
    }
}
