//! Child processes that say when they are ready, and never outlive their test.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// No child may be silent for longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running child; killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    lines: Receiver<String>,
    complaints: Receiver<String>,
}

impl Running {
    /// Starts `command`.
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let lines = lines_of(child.stdout.take().unwrap());
        let (send, complaints) = channel();
        let mut stderr = child.stderr.take().unwrap();
        std::thread::spawn(move || {
            let mut text = String::new();
            // What is not text, or comes after the test, interests nobody.
            let _ = stderr.read_to_string(&mut text);
            let _ = send.send(text);
        });
        Self {
            child,
            lines,
            complaints,
        }
    }

    /// Waits for the first line in which `wanted` finds something.
    pub(crate) fn wait_for<T>(&mut self, wanted: impl Fn(&str) -> Option<T>) -> T {
        let until = Instant::now() + PATIENCE;
        loop {
            match self
                .lines
                .recv_timeout(until.saturating_duration_since(Instant::now()))
            {
                Ok(line) => {
                    if let Some(found) = wanted(&line) {
                        return found;
                    }
                }
                Err(RecvTimeoutError::Disconnected) => self.give_up("ended too early"),
                Err(RecvTimeoutError::Timeout) => self.give_up("says nothing"),
            }
        }
    }

    /// Waits for its end and gives its last line that is not blank.
    pub(crate) fn last_line(mut self) -> String {
        let until = Instant::now() + PATIENCE;
        let mut last = String::new();
        loop {
            match self
                .lines
                .recv_timeout(until.saturating_duration_since(Instant::now()))
            {
                Ok(line) if line.trim().is_empty() => {}
                Ok(line) => last = line,
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => self.give_up("does not end"),
            }
        }
        let status = self.child.wait().unwrap();
        if !status.success() || last.is_empty() {
            self.give_up(&format!("ended with {status}"));
        }
        last
    }

    /// Ends it at once, as `kill -9` does.
    pub(crate) fn kill(&mut self) {
        // Already gone is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn give_up(&mut self, how: &str) -> ! {
        self.kill();
        let said = self.complaints.recv_timeout(Duration::from_secs(1));
        panic!("a child {how}: {}", said.unwrap_or_default());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A command that the kernel ends with this process, where `setpriv` is there to ask for it.
pub(crate) fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let bound = Command::new("setpriv").arg("--version").output().is_ok();
    if !bound {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]).arg(program);
    command
}

fn lines_of(stdout: ChildStdout) -> Receiver<String> {
    let (send, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if send.send(line).is_err() {
                break;
            }
        }
    });
    lines
}
