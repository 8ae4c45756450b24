//! `weft codec`: descriptions and codecs listed, begun, proved, explained, compared and measured,
//! against vectors and captured traffic.
//!
//! Modules stand in the order in which someone who describes a protocol meets them.

mod list;

mod new;

mod check;

mod explain;

mod vectors;

mod diff;

mod bench;

// What they share, from the command line to the frames.
mod source;

mod input;

mod hex;

mod decode;

mod nature;

mod paint;

use std::process::ExitCode;

use clap::Subcommand;

/// The arguments of `weft codec`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Lists the protocols that are known, and what each is.
    List(list::Args),
    /// Writes a commented description to start from.
    New(new::Args),
    /// Proves a protocol against its vectors, captures and mutated bytes.
    Check(check::Args),
    /// Shows frames as a person reads them, and what the mesh makes of them.
    Explain(explain::Args),
    /// Writes vectors from recorded frames, with what is read of each.
    Vectors(vectors::Args),
    /// Compares two protocols over the same bytes, frame by frame and field by field.
    Diff(diff::Args),
    /// Measures nanoseconds per frame of reading and copying.
    Bench(bench::Args),
}

/// Runs one of the commands.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    match &args.command {
        Command::List(args) => list::run(args),
        Command::New(args) => new::run(args),
        Command::Check(args) => check::run(args),
        Command::Explain(args) => explain::run(args),
        Command::Vectors(args) => vectors::run(args),
        Command::Diff(args) => diff::run(args),
        Command::Bench(args) => bench::run(args),
    }
}
