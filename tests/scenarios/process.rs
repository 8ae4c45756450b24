//! The proxy as a process, for scenarios that need one of its own: its limit of open files, its
//! signals, its memory. The same as `weft proxy`, with a plain log.

use std::process::ExitCode;

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
    let Some(config) = std::env::args_os().nth(1) else {
        return ExitCode::from(2);
    };
    weft_proxy::run(config.as_ref())
}
