//! `native CONFIG`: Weft with acme by hand in the place of acme described in RON, and nothing else
//! changed; `compare` measures the two side by side.
#![expect(clippy::print_stderr, reason = "a program of its own")]

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use weft_acme::Acme;
use weft_proxy::{Server, config};

fn main() -> ExitCode {
    let Some(file) = std::env::args().nth(1) else {
        eprintln!("native CONFIG");
        return ExitCode::from(2);
    };
    match start(Path::new(&file)) {
        Ok(_server) => loop {
            // Until it is killed, as `compare` does.
            std::thread::park();
        },
        Err(error) => {
            eprintln!("native: {error}");
            ExitCode::from(2)
        }
    }
}

fn start(file: &Path) -> Result<Server, String> {
    let mut config = config::load(file).map_err(|all| {
        let all: Vec<String> = all.iter().map(ToString::to_string).collect();
        all.join("\n")
    })?;
    let acme = config.codecs.get_mut("acme");
    acme.ok_or("the configuration does not use acme")?.codec = Arc::new(Acme::new());
    Server::start(config).map_err(|error| error.to_string())
}
