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
    /// Prints one JSON object instead.
    #[arg(long)]
    json: bool,
}

/// Prints every complaint and what the file configures; succeeds where there is no complaint.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let report = config::check(&args.file);
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else if report.is_good() {
        println!("{report}");
    } else {
        eprintln!("{report}");
    }
    Ok(if report.is_good() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(WRONG)
    })
}
