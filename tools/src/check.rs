//! `weft check`: reads a configuration file and says what is wrong with it.

use std::path::PathBuf;
use std::process::ExitCode;

use weft_proxy::config;

/// The exit code for a file with something wrong.
const WRONG: u8 = 2;

/// The arguments of `weft check`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The configuration file (RON).
    file: PathBuf,
}

/// Prints every complaint; succeeds where there is none.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    match config::load(&args.file) {
        Ok(config) => {
            println!(
                "{}: good: {} listeners, {} services, {} routes",
                args.file.display(),
                config.listeners.len(),
                config.services.len(),
                config.routes.len()
            );
            Ok(ExitCode::SUCCESS)
        }
        Err(complaints) => {
            for complaint in &complaints {
                eprintln!("{complaint}");
            }
            Ok(ExitCode::from(WRONG))
        }
    }
}
