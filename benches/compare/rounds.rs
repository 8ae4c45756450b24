//! One row of the table: starts its contenders, measures them in interleaved rounds, ends them.
//!
//! It must not know how results are shown.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::client;
use crate::load::{self, Manner, Sample};
use crate::meter::{self, Syscalls};
use crate::peer::{self, Installation, Places};
use crate::process::Running;
use crate::work::{Contender, Kind, Load, Row};

/// The proxy's core.
const PROXY_CORE: usize = 0;
/// The core of load and backends, and of this process, which is a client in some rows.
pub(crate) const LOAD_CORE: usize = 1;
/// A first round that nobody measures.
const WARM_UP_SECONDS: f64 = 0.3;
/// How long an idle proxy is watched for system calls.
const IDLE_SECONDS: f64 = 5.0;

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// Interleaved rounds.
    pub(crate) pairs: usize,
    /// Seconds of each round of each contender.
    pub(crate) seconds: f64,
}

/// What a row measured.
#[derive(Clone, Debug, Serialize)]
pub(crate) enum Outcome {
    /// One sample per round, in order; `None` where a round failed.
    Rounds(Vec<(String, Vec<Option<Sample>>)>),
    /// Bytes of user memory per idle connection.
    IdleBytes(Vec<(String, f64)>),
    /// System calls per request, or in all where nothing is asked, with the tool that counted.
    Syscalls {
        /// The number.
        count: f64,
        /// `perf` or `strace`.
        tool: String,
    },
}

/// Contenders of a row that are there.
pub(crate) type Found = Vec<(Contender, Installation)>;

struct Standing {
    contender: Contender,
    /// `None` for the backend itself.
    proxy: Option<Running>,
    port: u16,
    samples: Vec<Option<Sample>>,
}

impl Standing {
    fn pid(&self) -> Option<u32> {
        self.proxy.as_ref().map(Running::pid)
    }
}

/// Measures one row.
///
/// # Errors
/// If something cannot be started; what a round of load complains of is printed by `say`.
pub(crate) fn measure(
    row: &Row,
    found: &Found,
    places: &Places,
    effort: Effort,
    say: &mut dyn FnMut(&str),
) -> Result<Outcome> {
    let manner = match row.kind {
        Kind::Serial(_) => Manner::Serial(5),
        Kind::Closing(_, every) => Manner::Closing(every),
        _ => Manner::Prompt,
    };
    let load_core = if row.one_core { PROXY_CORE } else { LOAD_CORE };
    let (_backend, backend) =
        load::start_backend(&places.weft, row.wire, manner, load_core, &places.dir)?;
    let mut standing = start_all(row, found, places, backend)?;
    match row.kind {
        Kind::Load(load) | Kind::Serial(load) | Kind::Closing(load, _) => {
            let mut round = |port: u16, seconds: f64| {
                load::run(&places.weft, row.wire, &load, port, load_core, seconds)
            };
            rounds(&mut standing, effort, &mut round, say);
        }
        Kind::Idle { clients } => return idle_bytes(row, &standing, clients),
        Kind::Syscalls(load, _) => return syscalls(row, &standing, &load, places, load_core),
        Kind::IdleSyscalls { clients } => return idle_syscalls(row, &standing, clients),
    }
    Ok(Outcome::Rounds(
        standing
            .into_iter()
            .map(|s| (s.contender.name().to_owned(), s.samples))
            .collect(),
    ))
}

fn start_all(row: &Row, found: &Found, places: &Places, backend: u16) -> Result<Vec<Standing>> {
    let mut standing = Vec::new();
    for (contender, installation) in found {
        let (proxy, port) = if *contender == Contender::Direct {
            (None, backend)
        } else {
            let dir: &Path = &places.dir;
            let (proxy, port) =
                peer::start(*contender, row.wire, installation, backend, PROXY_CORE, dir)?;
            (Some(proxy), port)
        };
        standing.push(Standing {
            contender: *contender,
            proxy,
            port,
            samples: Vec::new(),
        });
    }
    Ok(standing)
}

/// One unmeasured round of each, then the measured ones; each begins with another contender, so
/// that none always follows the same neighbour.
fn rounds(
    standing: &mut [Standing],
    effort: Effort,
    round: &mut dyn FnMut(u16, f64) -> Result<Sample>,
    say: &mut dyn FnMut(&str),
) {
    for one in standing.iter() {
        if let Err(error) = round(one.port, WARM_UP_SECONDS) {
            say(&format!("{}: warm-up: {error:#}", one.contender.name()));
        }
    }
    for number in 0..effort.pairs {
        let count = standing.len();
        for step in 0..count {
            let Some(one) = standing.get_mut((number + step) % count) else {
                continue;
            };
            let sample = measured(one, effort.seconds, round);
            if let Err(error) = &sample {
                say(&format!("{}: {error:#}", one.contender.name()));
            }
            one.samples.push(sample.ok());
        }
    }
}

fn measured(
    one: &Standing,
    seconds: f64,
    round: &mut dyn FnMut(u16, f64) -> Result<Sample>,
) -> Result<Sample> {
    let before = one.pid().map(meter::cpu_nanos).transpose()?;
    let mut sample = round(one.port, seconds)?;
    let after = one.pid().map(meter::cpu_nanos).transpose()?;
    if let (Some(before), Some(after)) = (before, after) {
        let nanos = after.saturating_sub(before) as f64;
        sample.cpu_us = Some(nanos / 1e3 / sample.requests as f64);
    }
    if let Some(pid) = one.pid() {
        sample.resident_kib = Some(meter::memory(pid)?.resident / 1024);
    }
    Ok(sample)
}

/// What each of `clients` waiting connections adds to the memory that the proxy alone has
/// written. A tenth of them are served first and stay, so that what a proxy allocates once is not
/// counted.
fn idle_bytes(row: &Row, standing: &[Standing], clients: u32) -> Result<Outcome> {
    let mut bytes = Vec::new();
    for one in standing {
        let Some(pid) = one.pid() else { continue };
        let _first = client::served_and_waiting(one.port, row.wire, clients / 10)?;
        settle();
        let before = meter::memory(pid)?.private_dirty;
        let _waiting = client::served_and_waiting(one.port, row.wire, clients)
            .with_context(|| one.contender.name())?;
        settle();
        let after = meter::memory(pid)?.private_dirty;
        let per_client = after.saturating_sub(before) as f64 / f64::from(clients);
        bytes.push((one.contender.name().to_owned(), per_client));
    }
    Ok(Outcome::IdleBytes(bytes))
}

/// System calls of the first contender while `load` runs, per request of that load. The counter
/// is attached for the whole of it.
fn syscalls(
    row: &Row,
    standing: &[Standing],
    load: &Load,
    places: &Places,
    core: usize,
) -> Result<Outcome> {
    let (pid, port) = first_proxy(standing)?;
    load::run(&places.weft, row.wire, load, port, core, WARM_UP_SECONDS)?;
    let counter = Syscalls::count(pid, 4.0)?;
    let tool = counter.tool().to_owned();
    // The counter must be attached before the load begins.
    std::thread::sleep(Duration::from_millis(700));
    let sample = load::run(&places.weft, row.wire, load, port, core, 2.0)?;
    let count = counter.finish()? as f64 / sample.requests as f64;
    Ok(Outcome::Syscalls { count, tool })
}

fn idle_syscalls(row: &Row, standing: &[Standing], clients: u32) -> Result<Outcome> {
    let (pid, port) = first_proxy(standing)?;
    let _waiting = client::served_and_waiting(port, row.wire, clients)?;
    settle();
    let counter = Syscalls::count(pid, IDLE_SECONDS)?;
    let tool = counter.tool().to_owned();
    let count = counter.finish()? as f64;
    Ok(Outcome::Syscalls { count, tool })
}

fn first_proxy(standing: &[Standing]) -> Result<(u32, u16)> {
    let one = standing.first().context("nobody to measure")?;
    Ok((one.pid().context("no proxy to measure")?, one.port))
}

/// Lets a proxy finish what it does after a burst.
fn settle() {
    std::thread::sleep(Duration::from_secs(1));
}
