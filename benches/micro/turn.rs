//! Turns of an engine and nothing else, for callgrind to count: `turn PROTOCOL CLIENTS IN_FLIGHT
//! TURNS`.
//!
//! Prints how many requests were answered. `guard` runs it for two numbers of turns; the
//! difference has no start in it.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for a script"
)]

use std::process::ExitCode;

use weft_benches::{Mesh, Protocol};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match run(&args) {
        Ok(answered) => {
            println!("{answered}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("turn: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(args: &[String]) -> Result<usize, String> {
    let [protocol, clients, in_flight, turns] = args else {
        return Err("turn PROTOCOL CLIENTS IN_FLIGHT TURNS".into());
    };
    let number = |text: &str| text.parse::<u32>().map_err(|e| format!("{text}: {e}"));
    let protocol = Protocol::named(protocol).ok_or("a protocol that is not measured")?;
    let mut mesh = Mesh::new(protocol, number(clients)?, number(in_flight)?)?;
    let mut answered = 0;
    for _ in 0..number(turns)? {
        answered = mesh.turn();
    }
    Ok(answered)
}
