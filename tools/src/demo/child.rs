//! Processes that end with the demo: backends and the proxy, both this same binary.
//!
//! Each has a pipe of the demo's as standard input and ends when that closes; a child that is
//! dropped is killed before.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use anyhow::Context;

use crate::address::Address;

/// A process that ends with the demo.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
}

impl Process {
    fn spawn(command: &mut Command) -> anyhow::Result<Self> {
        let mut child = command
            // Ctrl-C on the terminal is for the demo alone: it ends its children in its order.
            .process_group(0)
            .stdin(Stdio::piped())
            .spawn()
            .context("cannot start a child process")?;
        let stdin = child.stdin.take();
        Ok(Self { child, stdin })
    }

    /// Its number.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it did.
    pub(super) fn ended(&mut self) -> Option<String> {
        match self.child.try_wait() {
            Ok(None) => None,
            Ok(Some(status)) => Some(status.to_string()),
            Err(error) => Some(error.to_string()),
        }
    }

    /// `kill -9`, and waits until it is gone.
    pub(super) fn kill(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A legacy server that knows nothing of Weft.
#[derive(Debug)]
pub(super) struct Backend {
    /// What it calls itself.
    pub(super) name: String,
    /// Where it listens, also after it was killed.
    pub(super) address: Address,
    process: Option<Process>,
}

impl Backend {
    /// Starts a backend on a free port.
    pub(super) fn start(name: &str) -> anyhow::Result<Self> {
        let mut backend = Self {
            name: name.to_owned(),
            address: "127.0.0.1:0".parse().map_err(anyhow::Error::msg)?,
            process: None,
        };
        backend.restart()?;
        Ok(backend)
    }

    /// Starts it, on the address that it had before if it had one, and waits until it listens.
    pub(super) fn restart(&mut self) -> anyhow::Result<()> {
        let mut command = Command::new(own_path()?);
        command
            .args(["echo", "--protocol", "acme", "--orders-from-stdin"])
            .args(["--name", &self.name, "--listen", &self.address.to_string()])
            .args(["--delay", &written(DELAY), "--jitter", &written(JITTER)])
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut process = Process::spawn(&mut command)?;
        let stdout = process.child.stdout.take();
        let mut line = String::new();
        BufReader::new(stdout.context("a backend has no output")?).read_line(&mut line)?;
        let address = line
            .strip_prefix("listening on ")
            .and_then(|rest| rest.split(',').next())
            .with_context(|| format!("{} did not start", self.name))?;
        self.address = address.parse().map_err(anyhow::Error::msg)?;
        self.process = Some(process);
        Ok(())
    }

    /// `kill -9`.
    pub(super) fn kill(&mut self) {
        self.process = None;
    }

    /// Makes its answers take this long from now on.
    pub(super) fn slow_down(&mut self, delay: Duration) -> anyhow::Result<()> {
        let stdin = self.process.as_mut().and_then(|p| p.stdin.as_mut());
        let stdin = stdin.with_context(|| format!("{} is not running", self.name))?;
        writeln!(stdin, "delay {}", written(delay))?;
        Ok(stdin.flush()?)
    }

    /// The number of its process, if it runs.
    pub(super) fn process_id(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }
}

/// How long a healthy backend takes.
const DELAY: Duration = Duration::from_millis(2);
const JITTER: Duration = Duration::from_millis(1);

/// Starts `weft proxy` on a configuration; it writes its log beside it.
pub(super) fn start_proxy(config: &Path, log: &Path) -> anyhow::Result<Process> {
    let log = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    let mut command = Command::new(own_path()?);
    command
        .args(["--until-stdin-closes", "proxy"])
        .arg(config)
        .stdout(Stdio::null())
        .stderr(log);
    Process::spawn(&mut command)
}

/// The path of this binary.
pub(super) fn own_path() -> anyhow::Result<std::path::PathBuf> {
    std::env::current_exe().context("cannot find the path of this binary")
}

/// A duration as `weft echo` reads it.
fn written(duration: Duration) -> String {
    format!("{}us", duration.as_micros())
}
