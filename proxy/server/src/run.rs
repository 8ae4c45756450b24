//! The process around a proxy: its configuration file, signals and exit code.

use std::path::Path;
use std::process::ExitCode;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::config::{self, Config, Drain};
use crate::server::Server;

/// Drained, with nothing left.
const EXIT_DRAINED: u8 = 0;
/// Could not start, or was stopped hard with something left.
const EXIT_FAILED: u8 = 1;
/// The configuration is wrong.
const EXIT_CONFIG: u8 = 2;
/// A second signal came during the drain: 128 and SIGTERM's number, as shells count.
const EXIT_SIGNAL: u8 = 143;

/// Runs the proxy of a configuration file until a signal ends it. `SIGHUP` reads the file again;
/// `SIGTERM` and `SIGINT` drain, and a second one of them ends the process at once.
///
/// The exit code is 0 after a whole drain, 1 if the proxy could not start or the hard stop cut
/// something off, 2 if the configuration is wrong, 143 after a second signal.
#[must_use]
pub fn run(path: &Path) -> ExitCode {
    let config = match config::load(path) {
        Ok(config) => config,
        Err(complaints) => {
            for complaint in &complaints {
                tracing::error!("{complaint}");
            }
            return ExitCode::from(EXIT_CONFIG);
        }
    };
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "cannot start");
            return ExitCode::from(EXIT_FAILED);
        }
    };
    ExitCode::from(runtime.block_on(live(path, config)))
}

/// The signals that a proxy listens to.
struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
    user: [Signal; 2],
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            user: [
                signal(SignalKind::user_defined1())?,
                signal(SignalKind::user_defined2())?,
            ],
        })
    }

    /// Waits for the next signal. Cancel safe.
    async fn next(&mut self) -> Told {
        let [first, second] = &mut self.user;
        tokio::select! {
            _ = self.terminate.recv() => Told::End,
            _ = self.interrupt.recv() => Told::End,
            _ = self.hangup.recv() => Told::Reload,
            _ = first.recv() => Told::Nothing,
            _ = second.recv() => Told::Nothing,
        }
    }

    /// Waits for a signal to end. Cancel safe.
    async fn end(&mut self) {
        while self.next().await != Told::End {}
    }
}

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Reload,
    End,
    /// `SIGUSR1` and `SIGUSR2`, by which others open their logs again: nobody who is used to that
    /// shall kill a proxy by it.
    Nothing,
}

async fn live(path: &Path, config: Config) -> u8 {
    tell_warnings(&config);
    let mut drain = config.drain;
    // Before anything listens: a signal that comes early must not kill the process.
    let mut signals = match Signals::new() {
        Ok(signals) => signals,
        Err(error) => {
            tracing::error!(%error, "cannot listen to signals");
            return EXIT_FAILED;
        }
    };
    let server = match Server::start(config) {
        Ok(server) => server,
        Err(error) => {
            tracing::error!("{error}");
            return EXIT_FAILED;
        }
    };
    for bound in server.addresses() {
        tracing::info!(listener = bound.listener, address = %bound.address, "listening");
    }
    if let Some(address) = server.admin_address() {
        tracing::info!(%address, "admin endpoint");
    }
    loop {
        tokio::select! {
            told = signals.next() => match told {
                Told::End => break,
                Told::Reload => drain = reload(path, &server).unwrap_or(drain),
                Told::Nothing => tracing::warn!(
                    "SIGUSR1 and SIGUSR2 ask for nothing here: SIGHUP reloads, SIGTERM drains"
                ),
            },
            () = server.ended() => {
                tracing::error!("every worker has ended");
                return EXIT_FAILED;
            }
        }
    }
    finish(&server, &mut signals, drain).await
}

/// Reads the file again and puts it in force, or says why not.
fn reload(path: &Path, server: &Server) -> Option<Drain> {
    let config = match config::load(path) {
        Ok(config) => config,
        Err(complaints) => {
            server.reload_refused(&complaints);
            tracing::error!("reload refused, the old configuration stays in force");
            for complaint in &complaints {
                tracing::error!("{complaint}");
            }
            return None;
        }
    };
    tell_warnings(&config);
    let drain = config.drain;
    match server.reload(config) {
        Ok(()) => {
            tracing::info!("reloaded");
            Some(drain)
        }
        Err(error) => {
            tracing::error!("reload refused, the old configuration stays in force: {error}");
            None
        }
    }
}

/// What is probably not meant in a configuration that can be run.
fn tell_warnings(config: &Config) {
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
}

async fn finish(server: &Server, signals: &mut Signals, drain: Drain) -> u8 {
    tracing::info!(grace = ?drain.grace, hard_stop = ?drain.hard_stop, "draining");
    server.drain(drain.grace);
    tokio::select! {
        () = server.ended() => {
            tracing::info!("drained");
            EXIT_DRAINED
        }
        () = tokio::time::sleep(drain.hard_stop) => {
            tracing::error!("the hard stop cuts off what is left");
            EXIT_FAILED
        }
        () = signals.end() => {
            tracing::warn!("a second signal: ending at once");
            EXIT_SIGNAL
        }
    }
}
