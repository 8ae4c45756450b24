//! What a process costs, by the kernel's own numbers: processor time, memory, system calls.
//!
//! It must not know which process it reads.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::process;

/// Nanoseconds on a processor of all threads of `pid` so far.
///
/// Threads that ended are not in it: none of the proxies here ends threads under load.
///
/// # Errors
/// If the process is gone or the kernel keeps no scheduler statistics.
pub(crate) fn cpu_nanos(pid: u32) -> Result<u64> {
    let mut sum = 0;
    for task in std::fs::read_dir(format!("/proc/{pid}/task"))
        .with_context(|| format!("process {pid} is gone"))?
    {
        let path = task?.path().join("schedstat");
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("reading {}", path.display()))?;
        let first = text.split_whitespace().next().unwrap_or_default();
        sum += first
            .parse::<u64>()
            .with_context(|| format!("{}: `{first}` is no time", path.display()))?;
    }
    Ok(sum)
}

/// Memory of a process, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    /// Resident, shared pages included.
    pub(crate) resident: u64,
    /// Written by this process alone: what each connection adds to.
    pub(crate) private_dirty: u64,
}

/// Memory of `pid` now.
///
/// # Errors
/// If the process is gone.
pub(crate) fn memory(pid: u32) -> Result<Memory> {
    let path = format!("/proc/{pid}/smaps_rollup");
    let text = std::fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
    let field = |name: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(name))
            .and_then(|rest| rest.split_whitespace().next())
            .and_then(|kib| kib.parse::<u64>().ok())
            .map(|kib| kib * 1024)
            .with_context(|| format!("{path} has no {name}"))
    };
    Ok(Memory {
        resident: field("Rss:")?,
        private_dirty: field("Private_Dirty:")?,
    })
}

/// A count of system calls under way.
#[derive(Debug)]
pub(crate) struct Syscalls {
    child: std::process::Child,
    tool: Tool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Tool {
    Perf,
    Strace,
}

impl Syscalls {
    /// Counts the system calls of all threads of `pid` for `seconds`, with `perf stat`, which
    /// does not slow the process, or else with `strace`, which does: a slower process finds more
    /// requests at once and makes fewer calls for each.
    ///
    /// # Errors
    /// If neither tool is there and permitted.
    pub(crate) fn count(pid: u32, seconds: f64) -> Result<Self> {
        let tool = tool().context(
            "system calls cannot be counted: install strace (apt-get install strace) or perf \
             (apt-get install linux-perf) and permit it",
        )?;
        let pid = pid.to_string();
        let seconds = format!("{seconds:.2}");
        let mut command = match tool {
            Tool::Perf => {
                let mut command = Command::new("perf");
                command.args(["stat", "-x", ",", "-e", PERF_EVENT, "-p", &pid]);
                command.args(["sleep", &seconds]);
                command
            }
            Tool::Strace => {
                let mut command = Command::new("timeout");
                command.args(["--signal=INT", &seconds, "strace", "-c", "-f", "-p", &pid]);
                command
            }
        };
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("starting the system call counter")?;
        Ok(Self { child, tool })
    }

    /// Which tool counts.
    #[must_use]
    pub(crate) fn tool(&self) -> &'static str {
        match self.tool {
            Tool::Perf => "perf",
            Tool::Strace => "strace",
        }
    }

    /// Waits for the end of the time and gives the number of calls.
    ///
    /// # Errors
    /// If the tool said nothing that can be read.
    pub(crate) fn finish(self) -> Result<u64> {
        let tool = self.tool;
        let output = self.child.wait_with_output()?;
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let count = match tool {
            Tool::Perf => perf_count(&text),
            Tool::Strace => strace_count(&text),
        };
        match count {
            Some(count) => Ok(count),
            None => bail!("no count in what {} said: {text}", tool_name(tool)),
        }
    }
}

const PERF_EVENT: &str = "raw_syscalls:sys_enter";

fn tool() -> Option<Tool> {
    let perf = process::find("perf").is_some()
        && Command::new("perf")
            .args(["stat", "-e", PERF_EVENT, "true"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success());
    if perf {
        Some(Tool::Perf)
    } else if process::find("strace").is_some() && Path::new("/usr/bin/timeout").exists() {
        Some(Tool::Strace)
    } else {
        None
    }
}

const fn tool_name(tool: Tool) -> &'static str {
    match tool {
        Tool::Perf => "perf",
        Tool::Strace => "strace",
    }
}

/// The first column of the event's line; perf writes `<not counted>` where nothing happened.
fn perf_count(text: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.contains(PERF_EVENT))?;
    let first = line.split(',').next()?;
    if first.contains("not counted") {
        return Some(0);
    }
    first.trim().parse().ok()
}

/// The fourth column of strace's closing line: `100.00 seconds usecs calls errors total`. No
/// table at all means no call.
fn strace_count(text: &str) -> Option<u64> {
    let Some(line) = text.lines().find(|line| line.trim_end().ends_with("total")) else {
        return text.contains("attached").then_some(0);
    };
    line.split_whitespace().nth(3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_from_what_the_tools_print() {
        assert_eq!(
            perf_count("4711,,raw_syscalls:sys_enter,1000,100.00,,\n"),
            Some(4711)
        );
        assert_eq!(
            perf_count("<not counted>,,raw_syscalls:sys_enter,0,0.00,,\n"),
            Some(0)
        );
        let strace = "% time     seconds  usecs/call     calls    errors syscall\n\
                      ------ ----------- ----------- --------- --------- ------\n\
                      100.00    0.000031           1        25         2 total\n";
        assert_eq!(strace_count(strace), Some(25));
        assert_eq!(strace_count("Process 1 attached\n"), Some(0));
    }

    #[test]
    fn a_process_has_used_processor_time_and_memory() {
        let pid = std::process::id();
        assert!(cpu_nanos(pid).unwrap() > 0);
        assert!(memory(pid).unwrap().resident > memory(pid).unwrap().private_dirty);
    }
}
