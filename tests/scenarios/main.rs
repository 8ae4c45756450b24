//! Scenarios over real sockets: the proxy between clients and servers that know nothing of it.
//!
//! The oracle is the same everywhere: every request carries its client, its turn and its id; the
//! answer must echo them; all clients use the same ids; and in the end nothing is left behind on
//! either side, by the proxy's own tables and by the kernel's.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a scenario that cannot go on has failed, and says why"
)]

mod peer;
mod proxy;

mod admin;
mod checksum;
mod described;
mod description;
mod drain;
mod files;
mod hop;
mod hostile;
mod idle;
mod kill_restart;
mod leftovers;
mod liveness;
mod outage;
mod panics;
mod placement;
mod polite;
mod quiet;
mod reload;
mod round_trip;
mod sessions;
mod shared_port;
mod storm;

/// Runs a scenario whose peers are tasks of one thread; the proxy has its own threads.
fn play<F: Future<Output = ()>>(scenario: F) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let limit = std::time::Duration::from_secs(100);
    let ended = runtime.block_on(
        tokio::task::LocalSet::new()
            .run_until(async { tokio::time::timeout(limit, scenario).await }),
    );
    assert!(ended.is_ok(), "the scenario hangs");
}
