//! `compare`: Weft and its peers on the same work, side by side, on one machine in one run.
//!
//! It starts nginx, HAProxy, Envoy, twemproxy and Weft one row at a time, lets the same load run
//! through each in interleaved rounds, and prints what each cost with ratios, 95 % intervals and
//! a verdict. It installs nothing: what is missing is named with the words that install it.
//!
//! Modules stand in the order in which a row meets them.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the table goes to standard output, progress to standard error"
)]

mod work;

mod peer;

mod process;

mod client;
mod load;

mod meter;

mod rounds;

mod stats;

mod table;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use clap::Parser;

use crate::peer::{Installation, Places};
use crate::rounds::{Effort, Outcome};
use crate::work::{Contender, ROWS, Row};

/// Weft and its peers on the same work, side by side.
#[derive(Debug, Parser)]
#[command(name = "compare")]
struct Args {
    /// Rows to measure; all of them if none is named. `--list` shows their names.
    rows: Vec<String>,
    /// Interleaved rounds of each row.
    #[arg(long, default_value_t = 20)]
    pairs: usize,
    /// Seconds of each round of each contender.
    #[arg(long, default_value_t = 1.5)]
    seconds: f64,
    /// Writes every sample to this file.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Measures only these contenders.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Names the rows and ends.
    #[arg(long)]
    list: bool,
    /// Uses this `weft` binary instead of building one.
    #[arg(long)]
    weft: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("compare: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(args: &Args) -> Result<ExitCode> {
    if args.list {
        for row in ROWS {
            println!("{:18} {}", row.name, row.title);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let rows = chosen(&args.rows)?;
    for tool in ["setpriv", "taskset"] {
        if process::find(tool).is_none() {
            bail!("{tool} is missing: apt-get install util-linux");
        }
    }
    let places = places(args)?;
    println!("{}", machine());
    process::move_self_to(rounds::LOAD_CORE)?;
    let found = look_around(&rows, args, &places);
    let effort = Effort {
        pairs: args.pairs,
        seconds: args.seconds,
    };
    let mut all: Vec<(&str, Outcome)> = Vec::new();
    let mut whole = true;
    for row in rows {
        let here: rounds::Found = row
            .contenders
            .iter()
            .filter_map(|c| Some((*c, found.get(c)?.clone())))
            .collect();
        if here.is_empty() {
            println!("\n## {}: nobody to measure", row.name);
            continue;
        }
        eprintln!("{}: {}", row.name, row.title);
        let mut say = |text: &str| eprintln!("  {text}");
        match rounds::measure(row, &here, &places, effort, &mut say) {
            Ok(outcome) => {
                println!("{}", table::section(row, &outcome));
                all.push((row.name, outcome));
            }
            Err(error) => {
                whole = false;
                println!("\n## {}: not measured: {error:#}", row.name);
            }
        }
    }
    if let Some(path) = &args.json {
        let text = serde_json::to_string_pretty(&all)?;
        std::fs::write(path, text).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(if whole {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn chosen(names: &[String]) -> Result<Vec<&'static Row>> {
    if names.is_empty() {
        return Ok(ROWS.iter().collect());
    }
    names
        .iter()
        .map(|name| {
            ROWS.iter()
                .find(|row| row.name == name)
                .with_context(|| format!("no row is called `{name}`; --list names them"))
        })
        .collect()
}

/// Folders of this run, and the `weft` binary, built afresh unless one was given.
fn places(args: &Args) -> Result<Places> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .context("the workspace's root")?;
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| root.join("target"), |folder| root.join(folder));
    let dir = target.join("compare");
    std::fs::create_dir_all(&dir).with_context(|| format!("making {}", dir.display()))?;
    let weft = match &args.weft {
        Some(path) => path.clone(),
        None => {
            build(root, &["--bin", "weft"])?;
            target.join("release").join("weft")
        }
    };
    build(root, &["-p", "weft-benches", "--bin", "native"])?;
    let peers =
        std::env::var_os("WEFT_PEERS_DIR").map_or_else(|| target.join("peers"), PathBuf::from);
    Ok(Places {
        weft,
        native: target.join("release").join("native"),
        dir,
        venv: peers.join("venv"),
    })
}

/// Where and when this runs, and what else the machine does at its beginning.
fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let models: Vec<&str> = cpuinfo
        .lines()
        .filter_map(|line| line.strip_prefix("model name")?.split(": ").nth(1))
        .collect();
    let date = Command::new("date").args(["-u", "+%F %R"]).output();
    format!(
        "{} × {}, Linux {}, {} UTC, load average {}",
        models.len(),
        models.first().unwrap_or(&"unknown processor"),
        read("/proc/sys/kernel/osrelease").trim(),
        date.map(|said| String::from_utf8_lossy(&said.stdout).trim().to_owned())
            .unwrap_or_default(),
        read("/proc/loadavg").split(' ').next().unwrap_or_default(),
    )
}

/// Builds what is Weft's own, in release mode.
fn build(root: &Path, what: &[&str]) -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--release", "--quiet"])
        .args(what)
        .current_dir(root)
        .status()
        .context("starting cargo")?;
    if !built.success() {
        bail!("weft does not build");
    }
    Ok(())
}

/// What is installed, said aloud, and what is not, with how to install it.
fn look_around(rows: &[&Row], args: &Args, places: &Places) -> BTreeMap<Contender, Installation> {
    let mut wanted: Vec<Contender> = rows.iter().flat_map(|r| r.contenders.to_vec()).collect();
    wanted.sort_unstable();
    wanted.dedup();
    wanted.retain(|c| args.only.is_empty() || args.only.iter().any(|name| name == c.name()));
    let mut found = BTreeMap::new();
    for contender in wanted {
        match peer::look_for(contender, places) {
            Some(installation) => {
                println!("{:14} {}", contender.name(), installation.version);
                found.insert(contender, installation);
            }
            None => println!(
                "{:14} missing: {}",
                contender.name(),
                peer::how_to_install(contender)
            ),
        }
    }
    found
}
