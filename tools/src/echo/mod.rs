//! `weft echo`: a sample backend that knows nothing of Weft.
//!
//! It answers every request with the request's own body and its own name, so that a client can
//! tell whose answer it got and from where. It is light enough not to be the bottleneck of a
//! measurement, and misbehaves as asked.

mod backend;
mod behaviour;
mod server;
mod store;

#[cfg(test)]
pub(crate) mod fixture;

use std::io::Write;
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;

use crate::address::Address;
use crate::quantity::{duration, share};
use crate::wire::Protocol;
use backend::Backend;
use behaviour::Behaviour;

/// The arguments of `weft echo`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where to listen: host:port (0 takes a free port) or unix:/path.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: Address,
    /// What to speak.
    #[arg(long, value_enum)]
    protocol: Protocol,
    /// The name that answers carry [default: the port].
    #[arg(long)]
    name: Option<String>,
    /// Time from a request to its answer, for instance 5ms.
    #[arg(long, value_parser = duration, default_value = "0s")]
    delay: Duration,
    /// The delay varies by so much in both directions.
    #[arg(long, value_parser = duration, default_value = "0s")]
    jitter: Duration,
    /// Share of requests that are answered with an error: 0.01 or 1/100.
    #[arg(long, value_parser = share, default_value = "0")]
    errors: f64,
    /// Share of requests that close their connection unanswered: 0.002 or 1/500.
    #[arg(long, value_parser = share, default_value = "0")]
    close: f64,
    /// Serve one request at a time on each connection.
    #[arg(long)]
    serial: bool,
    /// Let answers overtake each other: by their jitter, or else reversed within each read.
    #[arg(long, conflicts_with = "serial")]
    out_of_order: bool,
    /// Threads, each with a listener of its own.
    #[arg(long, default_value = "1")]
    threads: NonZeroUsize,
    /// Stop after so many seconds [default: never].
    #[arg(long)]
    seconds: Option<f64>,
    /// Take orders from standard input: `delay 20ms`.
    #[arg(long, hide = true)]
    orders_from_stdin: bool,
}

/// Serves until it is told to stop.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if args.out_of_order && args.protocol == Protocol::Redis {
        anyhow::bail!("redis answers in order: --out-of-order is for protocols with ids");
    }
    if !args.jitter.is_zero() && args.delay.is_zero() {
        anyhow::bail!("--jitter varies --delay, which is 0");
    }
    let (first, address) = listen(&args.listen)?;
    let name = match (&args.name, &address) {
        (Some(name), _) => name.clone(),
        (None, Address::Tcp(address)) => address.port().to_string(),
        (None, Address::Unix(_)) => "unix".to_owned(),
    };
    let behaviour = Arc::new(Behaviour {
        jitter: args.jitter,
        errors: args.errors,
        close: args.close,
        serial: args.serial,
        out_of_order: args.out_of_order,
        ..Behaviour::default()
    });
    behaviour.set_delay(args.delay);
    if args.orders_from_stdin {
        take_orders(Arc::clone(&behaviour));
    }
    let backend = Backend {
        protocol: args.protocol,
        name: name.as_str().into(),
        behaviour,
        store: Arc::default(),
    };
    let stop = Arc::new(AtomicBool::new(false));
    let mut threads = vec![(first, backend.clone())];
    for _ in 1..args.threads.get() {
        threads.push((listen(&address)?.0, backend.clone()));
    }
    let threads: Vec<_> = threads
        .into_iter()
        .map(|(listener, backend)| {
            let stop = Arc::clone(&stop);
            std::thread::spawn(move || server::serve(listener, backend, stop))
        })
        .collect();
    println!(
        "listening on {address}, {}, as {name}",
        args.protocol.name()
    );
    std::io::stdout().flush()?;
    crate::stop::wait(args.seconds.map(Duration::from_secs_f64))?;
    stop.store(true, Ordering::Relaxed);
    let mut served = 0;
    for thread in threads {
        match thread.join() {
            Ok(count) => served += count.context("a thread of the backend failed")?,
            Err(_) => anyhow::bail!("a thread of the backend panicked"),
        }
    }
    if let Address::Unix(path) = &address {
        // A socket file that is gone already is as good.
        let _ = std::fs::remove_file(path);
    }
    println!("served {served} requests");
    Ok(ExitCode::SUCCESS)
}

fn listen(address: &Address) -> anyhow::Result<(socket2::Socket, Address)> {
    let socket = address
        .listen()
        .with_context(|| format!("cannot listen on {address}"))?;
    let bound = address
        .bound_by(&socket)
        .with_context(|| format!("cannot tell where {address} is bound"))?;
    Ok((socket, bound))
}

/// Obeys the lines of standard input; its end is the end of the process.
fn take_orders(behaviour: Arc<Behaviour>) {
    crate::parent::each_line(move |line| {
        if let Some(delay) = line.strip_prefix("delay ")
            && let Ok(delay) = duration(delay.trim())
        {
            behaviour.set_delay(delay);
        }
    });
}
