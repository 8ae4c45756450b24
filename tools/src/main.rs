//! `weft`, the one binary: the proxy, the demo, and the operator's commands.
//!
//! This file only reads the command line and hands over; each command is a module of its own, in
//! the order in which a newcomer meets them.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command's answer goes to standard output, its complaints to standard error"
)]

mod check;
mod codec;
mod demo;
mod echo;
mod load;
mod proxy;

mod address;
mod parent;
mod poll;
mod quantity;
mod stop;
mod stream;
mod wire;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A mesh for private binary RPC protocols.
#[derive(Debug, Parser)]
#[command(name = "weft", version, propagate_version = true)]
struct Cli {
    /// Ends the process as soon as its standard input closes, so that no child outlives the demo.
    #[arg(long, global = true, hide = true)]
    until_stdin_closes: bool,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Shows it all: three backends, one proxy, load, a kill, a return, a slow one.
    Demo(demo::Args),
    /// Runs the proxy on a configuration file.
    Proxy(proxy::Args),
    /// Reads a configuration file and says what is wrong with it.
    Check(check::Args),
    /// Describes, proves and explains protocols.
    Codec(codec::Args),
    /// Sends requests and verifies every answer.
    Load(load::Args),
    /// Serves a sample backend that answers each request with its own body.
    Echo(echo::Args),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    if cli.until_stdin_closes {
        parent::exit_with_stdin();
    }
    let result = match &cli.command {
        Command::Demo(args) => demo::run(args),
        Command::Proxy(args) => proxy::run(args),
        Command::Check(args) => check::run(args),
        Command::Codec(args) => codec::run(args),
        Command::Load(args) => load::run(args),
        Command::Echo(args) => echo::run(args),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("weft: {error:#}");
            ExitCode::from(2)
        }
    }
}
