//! What the demo has shown, and whether it showed what it promises. Pure: counts in, words out.

use std::time::Duration;

use crate::load::{Counts, Method, Tally};

use super::script::{KILLED, Phase, SLOWED};

/// Methods that may be repeated, as the demo's configuration says.
fn is_idempotent(method: &str) -> bool {
    method == "echo" || method.starts_with("get")
}

/// Answers by backend in each phase.
#[derive(Clone, Debug)]
pub(super) struct Shares {
    names: Vec<String>,
    phases: Vec<(Phase, Vec<u64>)>,
}

impl Shares {
    /// Nothing counted.
    pub(super) fn new(names: Vec<String>) -> Self {
        let phases = [Phase::Calm, Phase::Killed, Phase::Returned, Phase::Slowed];
        let empty = vec![0; names.len()];
        Self {
            names,
            phases: phases.map(|phase| (phase, empty.clone())).into(),
        }
    }

    /// Adds the answers of a moment.
    pub(super) fn add(&mut self, phase: Phase, tally: &Tally) {
        let counts = self.phases.iter_mut().find(|(known, _)| *known == phase);
        let Some((_, counts)) = counts else {
            return;
        };
        for (name, count) in self.names.iter().zip(counts) {
            *count += of_backend(tally, name);
        }
    }

    /// The share of a backend in a phase; `None` where nothing was answered.
    pub(super) fn share(&self, phase: Phase, backend: usize) -> Option<f64> {
        let (_, counts) = self.phases.iter().find(|(known, _)| *known == phase)?;
        let total: u64 = counts.iter().sum();
        let own = *counts.get(backend)?;
        (total > 0).then(|| own as f64 / total as f64)
    }
}

/// Answers that a backend wrote.
pub(super) fn of_backend(tally: &Tally, name: &str) -> u64 {
    let found = tally.backends.iter().find(|(known, _)| known == name);
    found.map_or(0, |(_, count)| *count)
}

/// One promise and whether it was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    /// Whether it was kept.
    pub(super) kept: bool,
    /// What was promised, with the numbers.
    pub(super) words: String,
}

/// Everything that is judged at the end.
#[derive(Debug)]
pub(super) struct Evidence<'a> {
    /// What the load counted.
    pub(super) tally: &'a Tally,
    /// The methods in the order of the tally's.
    pub(super) methods: &'a [Method],
    /// Who answered when.
    pub(super) shares: &'a Shares,
}

/// What was promised about answers: these decide alone about an interrupted demo.
pub(super) fn judge_answers(evidence: &Evidence<'_>) -> Vec<Finding> {
    let mut main = Counts::default();
    for (method, counts) in evidence.methods.iter().zip(&evidence.tally.methods) {
        if is_idempotent(&method.name) {
            main.sent += counts.sent;
            main.ok += counts.ok;
        }
    }
    let sum = evidence.tally.sum();
    let failed = main.sent - main.ok.min(main.sent);
    let strays = evidence.tally.duplicates + evidence.tally.unknown;
    vec![
        Finding {
            kept: failed == 0 && main.sent > 0,
            words: format!("{failed} of {} idempotent requests failed", main.sent),
        },
        Finding {
            kept: sum.wrong + strays == 0,
            words: format!(
                "{} answers were wrong, {strays} came twice or for nobody, of {} verified",
                sum.wrong,
                sum.answered()
            ),
        },
        Finding {
            kept: sum.lost == 0 && evidence.tally.resets == 0,
            words: format!(
                "{} requests stayed without an answer, {} client connections were reset",
                sum.lost, evidence.tally.resets
            ),
        },
    ]
}

/// What was promised about where the traffic goes.
pub(super) fn judge_traffic(evidence: &Evidence<'_>) -> Vec<Finding> {
    let shares = evidence.shares;
    let share = |phase, backend| shares.share(phase, backend).unwrap_or(f64::NAN);
    let name = |backend: usize| shares.names.get(backend).map_or("?", String::as_str);
    let lowest = (0..shares.names.len())
        .map(|backend| share(Phase::Calm, backend))
        .fold(f64::INFINITY, f64::min);
    let (dead, back) = (share(Phase::Killed, KILLED), share(Phase::Returned, KILLED));
    let (before, slow) = (share(Phase::Returned, SLOWED), share(Phase::Slowed, SLOWED));
    vec![
        Finding {
            kept: lowest > 0.1,
            words: format!(
                "all backends shared the traffic: at least {} each",
                percent(lowest)
            ),
        },
        Finding {
            kept: dead == 0.0,
            words: format!("{} got {} while it was dead", name(KILLED), percent(dead)),
        },
        Finding {
            kept: back > 0.05,
            words: format!("{} got {} after its return", name(KILLED), percent(back)),
        },
        Finding {
            kept: slow < before / 2.0,
            words: format!(
                "{} got {} once it was slow, {} before",
                name(SLOWED),
                percent(slow),
                percent(before)
            ),
        },
    ]
}

/// What became of requests that must not be repeated: told, not judged.
pub(super) fn tell_others(evidence: &Evidence<'_>) -> Vec<String> {
    let others = evidence.methods.iter().zip(&evidence.tally.methods);
    others
        .filter(|(method, _)| !is_idempotent(&method.name))
        .map(|(method, counts)| {
            let failed = counts.application_errors + counts.proxy_errors + counts.lost;
            let name = &method.name;
            if failed == 0 {
                return format!("none of {} {name} requests failed", counts.sent);
            }
            format!(
                "{failed} of {} {name} requests failed: maybe executed, so not repeated",
                counts.sent
            )
        })
        .collect()
}

/// A share as people read it.
pub(super) fn percent(share: f64) -> String {
    if share.is_nan() {
        return "nothing known".to_owned();
    }
    format!("{:.1} %", share * 100.0)
}

/// Seconds with one digit.
pub(super) fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests;
