//! Results as a person reads them: Markdown tables and verdicts.
//!
//! The end of the path. It must not know how anything was measured.

use std::fmt::Write as _;

use crate::load::Sample;
use crate::rounds::Outcome;
use crate::stats::{self, Estimate};
use crate::work::{Contender, Kind, Metric, Row};

/// User memory that an idle connection may hold, in bytes.
const IDLE_BYTES_MAX: f64 = 1024.0;

type Rounds = [(String, Vec<Option<Sample>>)];

/// The section of one row.
#[must_use]
pub(crate) fn section(row: &Row, outcome: &Outcome) -> String {
    let mut text = format!("\n## {}: {}\n\n", row.name, row.title);
    match outcome {
        Outcome::Rounds(rounds) => {
            figures(&mut text, rounds);
            verdicts(&mut text, row, rounds);
        }
        Outcome::IdleBytes(bytes) => idle(&mut text, bytes),
        Outcome::Syscalls { count, tool } => syscalls(&mut text, row, *count, tool),
    }
    text
}

fn figures(text: &mut String, rounds: &Rounds) {
    text.push_str(
        "| who | requests/s | p50 µs | p99 µs | CPU-µs per request | resident KiB | rounds | errors | broken | wrong |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for (name, samples) in rounds {
        let good: Vec<&Sample> = samples.iter().flatten().collect();
        let median = |of: &dyn Fn(&Sample) -> Option<f64>| {
            stats::median(&good.iter().copied().filter_map(of).collect::<Vec<_>>())
        };
        let sum = |of: fn(&Sample) -> u64| good.iter().copied().map(of).sum::<u64>();
        let _ = writeln!(
            text,
            "| {name} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            number(median(&|s| Some(s.rate()))),
            number(median(&|s| Some(s.p50_us))),
            number(median(&|s| Some(s.p99_us))),
            number(median(&|s| s.cpu_us)),
            number(median(&|s| s.resident_kib.map(|kib| kib as f64))),
            good.len(),
            sum(|s| s.errors),
            sum(|s| s.broken),
            sum(|s| s.wrong),
        );
    }
}

fn verdicts(text: &mut String, row: &Row, rounds: &Rounds) {
    if !row.limits.is_empty() {
        text.push_str(
            "\n| Weft against | metric | median ratio | 95 % interval | limit | verdict |\n\
             | --- | --- | ---: | ---: | ---: | --- |\n",
        );
    }
    for limit in row.limits {
        let ours = values(rounds, Contender::Weft, limit.metric);
        let theirs = values(rounds, limit.with, limit.metric);
        let ratio = Estimate::of(&stats::ratios(&ours, &theirs));
        let (median, interval, verdict) = match ratio {
            Some(e) => (
                format!("{:.3}", e.median),
                format!("{:.3} to {:.3}", e.low, e.high),
                e.verdict(limit.at_most).to_string(),
            ),
            None => (
                "missing".into(),
                "missing".into(),
                "not resolved".to_owned(),
            ),
        };
        let _ = writeln!(
            text,
            "| {} | {} | {median} | {interval} | {:.2} | {verdict} |",
            limit.with.name(),
            limit.metric.name(),
            limit.at_most,
        );
    }
    if matches!(row.kind, Kind::Closing(..)) {
        closing_verdict(text, rounds);
    }
}

/// No client connection may break, and every error is counted.
fn closing_verdict(text: &mut String, rounds: &Rounds) {
    let weft = rounds.iter().find(|(n, _)| n == Contender::Weft.name());
    let (mut measured, mut broken, mut wrong) = (0, 0, 0);
    for sample in weft
        .iter()
        .flat_map(|(_, samples)| samples.iter().flatten())
    {
        measured += 1;
        broken += sample.broken;
        wrong += sample.wrong;
    }
    let verdict = match (measured, broken, wrong) {
        (0, ..) => "not resolved".to_owned(),
        (_, 0, 0) => "met".to_owned(),
        _ => format!("missed by {broken} broken connections and {wrong} wrong answers"),
    };
    let _ = writeln!(text, "\nNo client connection of Weft's reset: {verdict}");
}

fn values(rounds: &Rounds, contender: Contender, metric: Metric) -> Vec<Option<f64>> {
    let Some((_, samples)) = rounds.iter().find(|(name, _)| name == contender.name()) else {
        return Vec::new();
    };
    let value = |sample: &Sample| match metric {
        Metric::Cpu => sample.cpu_us,
        Metric::Median => Some(sample.p50_us),
        Metric::Rate => Some(1.0 / sample.rate()),
    };
    samples
        .iter()
        .map(|sample| sample.as_ref().and_then(value))
        .collect()
}

fn idle(text: &mut String, bytes: &[(String, f64)]) {
    text.push_str("| who | user memory per idle connection, bytes |\n| --- | ---: |\n");
    for (name, bytes) in bytes {
        let _ = writeln!(text, "| {name} | {bytes:.0} |");
    }
    let weft = bytes.iter().find(|(n, _)| n == Contender::Weft.name());
    let verdict = against(weft.map(|(_, bytes)| *bytes), IDLE_BYTES_MAX);
    let _ = writeln!(text, "\nAt most {IDLE_BYTES_MAX:.0} bytes: {verdict}");
}

fn syscalls(text: &mut String, row: &Row, count: f64, tool: &str) {
    let (limit, of) = match row.kind {
        Kind::Syscalls(_, limit) => (limit, "per request"),
        _ => (0.0, "in 5 s"),
    };
    let verdict = against(Some(count), limit);
    let _ = writeln!(
        text,
        "weft: {count:.2} system calls {of}, counted by {tool}; at most {limit}: {verdict}"
    );
}

fn against(value: Option<f64>, limit: f64) -> String {
    match value {
        None => "not resolved".to_owned(),
        Some(value) if value <= limit => "met".to_owned(),
        Some(value) if limit > 0.0 => {
            format!("missed by {:.0} %", (value / limit - 1.0) * 100.0)
        }
        Some(value) => format!("missed by {value:.0}"),
    }
}

fn number(value: Option<f64>) -> String {
    match value {
        None => "-".to_owned(),
        Some(value) if value >= 1000.0 => format!("{value:.0}"),
        Some(value) if value >= 10.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.2}"),
    }
}
