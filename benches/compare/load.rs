//! Backends and load: `weft echo`, redis-server and `weft load`, and what a round of load says.
//!
//! It must not know which proxy stands between.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::Serialize;
use serde_json::Value;

use crate::process::{self, Running};
use crate::work::{Load, Wire};

/// What one round measured.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Sample {
    /// Requests answered.
    pub(crate) requests: u64,
    /// How long the round was.
    pub(crate) seconds: f64,
    /// Median latency.
    pub(crate) p50_us: f64,
    /// 99th percentile of the latency.
    pub(crate) p99_us: f64,
    /// Requests that failed.
    pub(crate) errors: u64,
    /// Client connections that broke.
    pub(crate) broken: u64,
    /// Answers that were not the request's.
    pub(crate) wrong: u64,
    /// Processor time of the proxy per request.
    pub(crate) cpu_us: Option<f64>,
    /// Resident memory of the proxy after the round.
    pub(crate) resident_kib: Option<u64>,
}

impl Sample {
    /// Requests answered per second.
    #[must_use]
    pub(crate) fn rate(&self) -> f64 {
        self.requests as f64 / self.seconds
    }
}

/// How a backend behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Answers at once.
    Prompt,
    /// One request at a time per connection, so many milliseconds each.
    Serial(u32),
    /// Closes a connection once in so many requests.
    Closing(u32),
}

/// Starts a backend on `core` and gives it with its port.
///
/// # Errors
/// If it cannot be started or does not listen.
pub(crate) fn start_backend(
    weft: &Path,
    wire: Wire,
    manner: Manner,
    core: usize,
    dir: &Path,
) -> Result<(Running, u16)> {
    let port = process::free_port()?;
    let redis_server = process::find("redis-server").filter(|_| wire == Wire::Redis);
    let (name, program, args) = match redis_server {
        Some(program) => {
            let args = format!("--port {port} --bind 127.0.0.1 --appendonly no --save");
            let mut args: Vec<String> = args.split(' ').map(str::to_owned).collect();
            args.push(String::new());
            ("redis-server", program, args)
        }
        None => ("weft-echo", weft.to_owned(), echo_args(wire, manner, port)),
    };
    let mut running = Running::start(name, core, &program, &args, dir)?;
    running.wait_for(port)?;
    Ok((running, port))
}

fn echo_args(wire: Wire, manner: Manner, port: u16) -> Vec<String> {
    let mut args = format!(
        "echo --listen 127.0.0.1:{port} --protocol {} --name backend",
        wire.name()
    );
    match manner {
        Manner::Prompt => {}
        Manner::Serial(ms) => args.push_str(&format!(" --serial --delay {ms}ms")),
        Manner::Closing(every) => {
            args.push_str(&format!(" --close 1/{every}"));
        }
    }
    args.split(' ').map(str::to_owned).collect()
}

/// Runs `weft load` on `core` against `port` for `seconds`.
///
/// # Errors
/// If it cannot be run or its report cannot be read.
pub(crate) fn run(
    weft: &Path,
    wire: Wire,
    load: &Load,
    port: u16,
    core: usize,
    seconds: f64,
) -> Result<Sample> {
    let mut command = process::pinned(core, weft);
    command
        .args(["load", "--json", "--protocol", wire.name(), "--target"])
        .arg(process::local(port).to_string())
        .args(["--connections", &load.connections.to_string()])
        .args(["--in-flight", &load.in_flight.to_string()])
        .args(["--body", &load.body.to_string()])
        .args(["--seconds", &seconds.to_string(), "--warm-up", "0"]);
    if let Some(rate) = load.rate {
        command.args(["--rate", &rate.to_string()]);
    }
    if load.reconnect {
        command.args(["--reconnect-every", "1"]);
    }
    read(&mut command)
}

/// The load's own exit code says whether everything was clean; here every count is in the table.
fn read(command: &mut Command) -> Result<Sample> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .context("starting the load")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let complaint = String::from_utf8_lossy(&output.stderr);
    let Some(line) = text.lines().rev().find(|line| line.starts_with('{')) else {
        bail!("the load reported nothing: {text}{complaint}");
    };
    let report: Value = serde_json::from_str(line).context("reading the load's report")?;
    sample(&report)
}

/// Without a warm-up what was measured is the whole run, and so is the proxy's processor time.
fn sample(report: &Value) -> Result<Sample> {
    let number = |path: &str| {
        report
            .pointer(path)
            .and_then(Value::as_f64)
            .with_context(|| format!("the load's report has no {path}: {report}"))
    };
    let errors = number("/all/application_errors")?
        + number("/all/proxy_errors")?
        + number("/all/lost")?
        + number("/connect_failures")?;
    Ok(Sample {
        requests: number("/all/ok")? as u64,
        seconds: number("/measured_seconds")?,
        p50_us: number("/latency_us/p50")?,
        p99_us: number("/latency_us/p99")?,
        errors: errors as u64,
        broken: number("/resets")? as u64,
        wrong: (number("/all/wrong")? + number("/duplicates")? + number("/unknown")?) as u64,
        cpu_us: None,
        resident_kib: None,
    })
}
