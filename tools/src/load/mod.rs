//! `weft load`: asks, in closed or open loop, and verifies every answer.
//!
//! Modules stand in the order of a request's life: planned, scheduled, stamped, sent, awaited,
//! verified, counted, reported.

mod plan;
pub(crate) use plan::{Ids, Method, Plan};
mod client;
mod driver;
mod live;
mod schedule;
mod stamp;
mod tally;
pub(crate) use tally::{Counts, Tally};
mod verify;
mod window;
pub(crate) use live::Live;
mod report;
pub(crate) use report::{Report, quantile_us, short_time};

#[cfg(test)]
mod tests;

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};
use socket2::Socket;

use crate::address::Address;
use crate::quantity::duration;
use crate::wire::Protocol;

/// The arguments of `weft load`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where to: host:port or unix:/path.
    #[arg(long)]
    target: Address,
    /// What to speak.
    #[arg(long, value_enum)]
    protocol: Protocol,
    /// Connections that carry requests.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Connections that are only opened and held.
    #[arg(long, default_value_t = 0, value_name = "N")]
    connections_idle: usize,
    /// Requests in flight on one connection at most.
    #[arg(long, default_value_t = 1)]
    in_flight: usize,
    /// Requests per second in all; latency then counts from when each should have been sent
    /// [default: as fast as answers come].
    #[arg(long)]
    rate: Option<f64>,
    /// How long to measure.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Seconds that run before, unmeasured.
    #[arg(long, default_value_t = 1.0)]
    warm_up: f64,
    /// How long to wait for the last answers.
    #[arg(long, value_parser = duration, default_value = "5s")]
    grace: Duration,
    /// Bytes of each body; at least 32, for its stamp.
    #[arg(long, default_value_t = 128)]
    body: usize,
    /// Which ids requests carry.
    #[arg(long, value_enum, default_value = "sequential")]
    ids: Ids,
    /// Methods, with weights if they differ: echo=98,charge=2 [default: echo; redis: get].
    #[arg(long, value_delimiter = ',', value_parser = plan::method)]
    methods: Vec<Method>,
    /// The service that acme requests name.
    #[arg(long, default_value = "echo")]
    service: String,
    /// Close each connection after so many requests and open another.
    #[arg(long, value_name = "N")]
    reconnect_every: Option<u64>,
    /// Threads that share the connections.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Every answer is always verified; accepted so that scripts can say it.
    #[arg(long, hide = true)]
    verify: bool,
    /// Print one JSON object instead of a table.
    #[arg(long)]
    json: bool,
}

/// Loads, reports, and fails if an answer was wrong or lost.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let plan = args.plan()?;
    let running = Running::start(plan)?;
    running.stop_on_signal();
    if !args.json && io::stderr().is_terminal() {
        running.show_progress()?;
    }
    let plan = Arc::clone(&running.plan);
    let report = running.finish()?;
    if args.json {
        print(&format!("{}\n", report.json(&plan)))?;
    } else {
        print(&report.text(&plan))?;
    }
    Ok(if report.is_clean() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}

impl Args {
    fn plan(&self) -> anyhow::Result<Plan> {
        let seconds = |name: &str, value: f64| {
            Duration::try_from_secs_f64(value)
                .ok()
                .filter(|time| time.as_secs() < 86_400)
                .with_context(|| format!("--{name} must be between 0 and 86,400"))
        };
        let mut methods = self.methods.clone();
        if methods.is_empty() {
            let name = if self.protocol == Protocol::Redis {
                "get"
            } else {
                "echo"
            };
            methods.push(plan::method(name).map_err(anyhow::Error::msg)?);
        }
        let plan = Plan {
            target: self.target.clone(),
            protocol: self.protocol,
            service: self.service.clone(),
            methods,
            connections: self.connections,
            idle: self.connections_idle,
            in_flight: self.in_flight,
            rate: self.rate,
            measure: seconds("seconds", self.seconds)?,
            warm_up: seconds("warm-up", self.warm_up)?,
            grace: self.grace,
            body_bytes: self.body,
            ids: self.ids,
            reconnect_every: self.reconnect_every,
            threads: self.threads,
        };
        plan.check()?;
        Ok(plan)
    }
}

/// How long a target that refuses is tried again: it may have been started just before.
const START_PATIENCE: Duration = Duration::from_secs(2);

/// Finds out whether the target is there at all.
fn first_connect(target: &Address, patience: Duration) -> io::Result<()> {
    let began = Instant::now();
    loop {
        match target.connect_blocking() {
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound
                ) && began.elapsed() < patience =>
            {
                std::thread::sleep(Duration::from_millis(20));
            }
            other => return other.map(drop),
        }
    }
}

/// A load that runs.
pub(crate) struct Running {
    /// What is being done.
    pub(crate) plan: Arc<Plan>,
    /// What has been counted.
    pub(crate) live: Arc<Live>,
    started: Instant,
    cpu_before: Duration,
    threads: Vec<JoinHandle<anyhow::Result<u64>>>,
    idle: Vec<Socket>,
}

impl Running {
    /// Begins. Fails where the target cannot be connected at all; one that was started a moment
    /// ago is waited for.
    pub(crate) fn start(plan: Plan) -> anyhow::Result<Self> {
        raise_file_limit();
        let unreachable = || format!("cannot connect to {}; is it running?", plan.target);
        first_connect(&plan.target, START_PATIENCE).with_context(unreachable)?;
        let mut idle = Vec::with_capacity(plan.idle);
        for n in 0..plan.idle {
            let socket = plan.target.connect_blocking();
            idle.push(socket.with_context(|| format!("cannot open idle connection {n}"))?);
        }
        let plan = Arc::new(plan);
        let started = Instant::now();
        let live = Arc::new(Live::new(plan.methods.len(), started)?);
        let seed = fastrand::u64(..);
        let mut threads = Vec::with_capacity(plan.threads);
        let mut first = 0;
        for n in 0..plan.threads {
            let clients =
                plan.connections / plan.threads + usize::from(n < plan.connections % plan.threads);
            let part = clients as f64 / plan.connections.max(1) as f64;
            let share = driver::Share {
                first_client: u32::try_from(first).unwrap_or(u32::MAX),
                clients,
                rate: plan.rate.map(|rate| rate * part).filter(|rate| *rate > 0.0),
                seed,
            };
            first += clients;
            let (plan, live) = (Arc::clone(&plan), Arc::clone(&live));
            threads.push(std::thread::spawn(move || {
                driver::run(&plan, share, &live, started)
            }));
        }
        Ok(Self {
            plan,
            live,
            started,
            cpu_before: process_time(),
            threads,
            idle,
        })
    }

    /// Lets SIGINT and SIGTERM end the sending early; the report covers what was done by then.
    pub(crate) fn stop_on_signal(&self) {
        let live = Arc::clone(&self.live);
        std::thread::spawn(move || {
            if crate::stop::wait(None).is_ok() {
                live.stop();
            }
        });
    }

    /// Whether all threads have ended.
    pub(crate) fn is_over(&self) -> bool {
        self.threads.iter().all(JoinHandle::is_finished)
    }

    /// Waits for the end and gives what was found.
    pub(crate) fn finish(self) -> anyhow::Result<Report> {
        let mut unsent = 0;
        for thread in self.threads {
            match thread.join() {
                Ok(left) => unsent += left.context("a thread of the load failed")?,
                Err(_) => anyhow::bail!("a thread of the load panicked"),
            }
        }
        let cpu = process_time().saturating_sub(self.cpu_before);
        let tally = self.live.total();
        let sent = tally.sum().sent.max(1);
        let stopped = self.live.stopped_at_ns().map(Duration::from_nanos);
        let measured_for = stopped.map_or(self.plan.measure, |at| {
            at.saturating_sub(self.plan.warm_up).min(self.plan.measure)
        });
        let still_open = self.idle.iter().filter(|socket| is_open(socket)).count();
        Ok(Report {
            tally,
            measured_for,
            unsent,
            cpu_us_per_request: cpu.as_secs_f64() * 1e6 / sent as f64,
            idle: (self.idle.len(), still_open),
        })
    }

    fn show_progress(&self) -> anyhow::Result<()> {
        let mut shown = Instant::now();
        while !self.is_over() {
            std::thread::sleep(Duration::from_millis(50));
            if shown.elapsed() < Duration::from_secs(1) {
                continue;
            }
            shown = Instant::now();
            let (recent, span) = self.live.take_recent(self.plan.methods.len())?;
            let sum = recent.sum();
            eprintln!(
                "{:>4.0} s {:>9.0} per second   p50 {:>8}   p99 {:>8}   errors {}   wrong {}   lost {}",
                self.started.elapsed().as_secs_f64(),
                sum.answered() as f64 / span.as_secs_f64().max(1e-3),
                short_time(quantile_us(&recent.latency_ns, 0.5)),
                short_time(quantile_us(&recent.latency_ns, 0.99)),
                sum.application_errors + sum.proxy_errors,
                sum.wrong,
                sum.lost
            );
        }
        Ok(())
    }
}

/// Prints an answer; that nobody reads to its end is no failure.
fn print(text: &str) -> anyhow::Result<()> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Whether a connection on which nobody spoke is still there.
fn is_open(socket: &Socket) -> bool {
    let mut byte = [std::mem::MaybeUninit::uninit()];
    let waits = |error: &io::Error| error.kind() == io::ErrorKind::WouldBlock;
    socket.set_nonblocking(true).is_ok() && socket.peek(&mut byte).is_err_and(|e| waits(&e))
}

/// As many open files as the system allows; a lower limit shows when it is met.
fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let _ = setrlimit(Resource::Nofile, raised);
}

/// Processor time of this process so far.
fn process_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}
