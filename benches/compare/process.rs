//! Children: pinned to a core, logged to a file, ended by their own process id.
//!
//! It must not know what the children are for.

use std::fs::File;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How long a child may take to open its port.
const START_TIMEOUT: Duration = Duration::from_secs(10);

/// A running child; ended when it is dropped, and by the kernel if this process is.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    name: String,
    log: PathBuf,
}

impl Running {
    /// Starts `program args…` on `core`, with both outputs in `dir/NAME.log`.
    ///
    /// `setpriv` has the kernel end the child with this process, however that ends; both it and
    /// `taskset` then become the program, so the process id is the program's own.
    ///
    /// # Errors
    /// If the log cannot be written or nothing can be started.
    pub(crate) fn start(
        name: &str,
        core: usize,
        program: &Path,
        args: &[String],
        dir: &Path,
    ) -> Result<Self> {
        let log = dir.join(format!("{name}.log"));
        let out = File::create(&log).with_context(|| format!("writing {}", log.display()))?;
        let child = pinned(core, program)
            .args(args)
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out)
            .spawn()
            .with_context(|| format!("starting {name}: {}", program.display()))?;
        Ok(Self {
            child,
            name: name.to_owned(),
            log,
        })
    }

    /// The process id.
    #[must_use]
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until `port` on the loopback accepts.
    ///
    /// # Errors
    /// If the child ends before, or does not listen in 10 s; with the end of its log.
    pub(crate) fn wait_for(&mut self, port: u16) -> Result<()> {
        let began = Instant::now();
        while began.elapsed() < START_TIMEOUT {
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended at once ({status}): {}", self.name, self.log_end());
            }
            if TcpStream::connect_timeout(&local(port), Duration::from_millis(200)).is_ok() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        bail!("{} does not listen: {}", self.name, self.log_end());
    }

    fn log_end(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().rev().take(5).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join(" | ")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Already gone is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A command that will run on `core` and end with this process.
#[must_use]
pub(crate) fn pinned(core: usize, program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command
        .args(["--pdeathsig", "KILL", "taskset", "-c"])
        .arg(core.to_string())
        .arg(program);
    command
}

/// Moves this process to `core`; its children are pinned one by one.
///
/// # Errors
/// If there is no such core.
pub(crate) fn move_self_to(core: usize) -> Result<()> {
    let output = Command::new("taskset")
        .args(["-a", "-c", "-p", &core.to_string()])
        .arg(std::process::id().to_string())
        .output()
        .context("starting taskset")?;
    if !output.status.success() {
        bail!(
            "two cores are needed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}

/// A port that was free a moment ago.
///
/// # Errors
/// If none can be bound.
pub(crate) fn free_port() -> Result<u16> {
    let listener = TcpListener::bind(local(0)).context("looking for a free port")?;
    Ok(listener.local_addr()?.port())
}

/// A port of the IPv4 loopback.
#[must_use]
pub(crate) fn local(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// The full path of `program`, if it is on the search path or in the system's own folders.
#[must_use]
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/local/sbin", "/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file())
}
