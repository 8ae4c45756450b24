//! Which seeds a scenario runs, and what is printed when one fails.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::plan::Plan;
use crate::world::{Report, World};

/// What the scenarios have shares of, where the environment names no other number; the shares
/// come to more than twice the whole.
const SEEDS: u64 = 1_500;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Runs `plan` for this scenario's share of the seeds, in parts per thousand, and has `check`
/// look at each report. One seed in sixteen runs twice and must give the same trace.
pub(crate) fn run(
    scenario: &str,
    permille: u64,
    plan: impl Fn(u64) -> Plan,
    check: impl Fn(&Report) -> Result<(), String>,
) {
    let mut seeds = match number("WEFT_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => {
            let all = number("WEFT_SIM_SEEDS").unwrap_or(SEEDS);
            let first = number("WEFT_SIM_FIRST").unwrap_or(0);
            first..first + (all * permille).div_ceil(1_000)
        }
    };
    let verbose = number("WEFT_SIM_SEED").is_some();
    let most = number("WEFT_SIM_FAILURES").unwrap_or(1) as usize;
    let failures: Vec<String> = seeds
        .by_ref()
        .filter_map(|seed| {
            let wrongs = one(seed, verbose, &plan, &check);
            (!wrongs.is_empty()).then(|| format!(
                "scenario {scenario}, seed {seed}:\n{}\n\nreplay: WEFT_SIM_SEED={seed} cargo test \
                 -p weft-tests --test simulation {scenario} -- --nocapture\n",
                wrongs.join("\n")
            ))
        })
        .take(most)
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Runs one seed; answers what was wrong.
fn one(
    seed: u64,
    verbose: bool,
    plan: &impl Fn(u64) -> Plan,
    check: &impl Fn(&Report) -> Result<(), String>,
) -> Vec<String> {
    if verbose {
        print_plan(&plan(seed));
    }
    let world = || World::new(plan(seed), seed, verbose).run();
    let Ok(report) = catch_unwind(AssertUnwindSafe(world)) else {
        return vec!["a panic, printed above".to_owned()];
    };
    let mut wrongs = report.oracle.wrongs.clone();
    if wrongs.is_empty()
        && let Err(why) = check(&report)
    {
        wrongs.push(why);
    }
    if seed.is_multiple_of(16) && wrongs.is_empty() {
        let again = World::new(plan(seed), seed, false).run();
        if again.trace != report.trace {
            wrongs.push(format!(
                "two runs of one seed differ: traces {:#x} and {:#x}, events {} and {}",
                report.trace, again.trace, report.events, again.events
            ));
        }
    }
    wrongs
}

#[expect(clippy::print_stdout, reason = "a replay is read by a person")]
fn print_plan(plan: &Plan) {
    println!("{plan:#?}");
}
