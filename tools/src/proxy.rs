//! `weft proxy`: runs the proxy on a configuration file.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use tracing_subscriber::EnvFilter;

/// The arguments of `weft proxy`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The configuration file (RON). SIGHUP reads it again, SIGTERM drains.
    config: PathBuf,
    /// What to log, for instance `info` or `weft_proxy=debug`; the environment's `WEFT_LOG`
    /// unless given.
    #[arg(long)]
    log: Option<String>,
}

/// Runs the proxy until it is told to stop.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let filter = match args.log.clone().or_else(|| std::env::var("WEFT_LOG").ok()) {
        Some(filter) => EnvFilter::try_new(filter)?,
        None => EnvFilter::new("info"),
    };
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
    Ok(weft_proxy::run(&args.config))
}
