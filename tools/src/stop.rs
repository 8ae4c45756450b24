//! Waits for the end: a signal, or a time limit.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

/// Blocks until SIGINT or SIGTERM comes, or `limit` has passed.
pub(crate) fn wait(limit: Option<Duration>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let limit = async {
            match limit {
                Some(limit) => tokio::time::sleep(limit).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            () = limit => {}
        }
        Ok(())
    })
}
