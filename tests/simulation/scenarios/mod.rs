//! The scenarios of the reliability page, and the soup that draws everything at random.

mod bodies;
mod deaths;
mod described;
mod hop;
mod ids;
mod modes;
mod one_way;
mod order;
mod port;
mod real;
mod serial;
mod smoke;
mod soup;

use crate::world::Report;

/// So many requests got a server's answer.
fn served(report: &Report, count: usize) -> Result<(), String> {
    match report.oracle.served() {
        served if served == count => Ok(()),
        served => Err(format!("{served} of {count} served; {:?}", report.counters)),
    }
}

/// An error with these words unless `holds`.
fn must(holds: bool, words: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(words()) }
}
