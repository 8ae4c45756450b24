//! `weft proxy`: runs the proxy on a configuration file.

use std::path::PathBuf;
use std::process::ExitCode;

/// The arguments of `weft proxy`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The configuration file (RON).
    config: PathBuf,
}

/// Runs the proxy until it is told to stop.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    anyhow::bail!(
        "cannot run {}: the proxy is not built yet",
        args.config.display()
    )
}
