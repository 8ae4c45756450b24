//! A proxy under test: in this process or in one of its own, and what can be seen of it from
//! outside.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use weft_proxy::config::{self, Config, ListenAddress};
use weft_proxy::{Server, View};

/// The longest that anything here is waited for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A checked configuration.
pub(crate) fn config(text: &str) -> Config {
    config::parse("scenario.ron", text, Path::new(".")).unwrap_or_else(|complaints| {
        let words: Vec<String> = complaints.iter().map(ToString::to_string).collect();
        panic!("{}\n{text}", words.join("\n"))
    })
}

/// One listener `front` on a free port in front of one service `back`.
pub(crate) fn simple(protocol: &str, backends: &[SocketAddr], more: &str) -> String {
    let instances: Vec<String> = backends.iter().map(|b| format!("\"{b}\"")).collect();
    format!(
        "Proxy(
            workers: 2,
            admin: \"127.0.0.1:0\",
            listeners: [Listener(name: \"front\", addresses: [\"127.0.0.1:0\"], protocol: \"{protocol}\", service: \"back\")],
            services: [Service(name: \"back\", protocol: \"{protocol}\", instances: [{}])],
            {more}
        )",
        instances.join(", ")
    )
}

/// The TCP address of a listener.
pub(crate) fn address_of(server: &Server, listener: &str) -> SocketAddr {
    server
        .addresses()
        .into_iter()
        .find_map(|bound| match bound.address {
            ListenAddress::Tcp(address) if bound.listener == listener => Some(address),
            _ => None,
        })
        .expect("the listener is bound")
}

/// Waits until the tables are as wanted. The backends and clients go on meanwhile.
pub(crate) async fn until(server: &Server, what: &str, wanted: impl Fn(&View) -> bool) -> View {
    let began = Instant::now();
    loop {
        let view = server.view();
        if wanted(&view) {
            return view;
        }
        assert!(began.elapsed() < PATIENCE, "never came true: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Asks the admin endpoint; status and body.
pub(crate) fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let body = answer.split_once("\r\n\r\n").unwrap().1;
    (status, body.to_owned())
}

/// One number of `/counters`.
pub(crate) fn counter(address: SocketAddr, name: &str) -> u64 {
    let (_, body) = get(address, "/counters");
    let counters: serde_json::Value = serde_json::from_str(&body).unwrap();
    counters[name]
        .as_u64()
        .unwrap_or_else(|| panic!("{name} in {body}"))
}

/// The sockets of this network namespace that have `port` on one of their ends, by state as the
/// kernel writes it: 01 established, 08 close-wait, 06 time-wait, 0A listening.
pub(crate) fn sockets_in_state(port: u16, state: &str) -> usize {
    let end = format!(":{port:04X}");
    ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| std::fs::read_to_string(table).ok())
        .flat_map(|table| table.lines().map(str::to_owned).collect::<Vec<_>>())
        .filter(|line| {
            let fields: Vec<&str> = line.split_whitespace().take(4).collect();
            matches!(fields.as_slice(), [_, local, remote, its]
                if *its == state && (local.ends_with(&end) || remote.ends_with(&end)))
        })
        .count()
}

/// A proxy in a process of its own.
pub(crate) struct Process {
    child: Child,
    config: PathBuf,
    log: Receiver<String>,
    /// Every address of every listener, as a configuration writes it.
    pub(crate) addresses: Vec<(String, String)>,
    /// Where `front` listens.
    pub(crate) front: SocketAddr,
    /// Where the admin endpoint listens.
    pub(crate) admin: SocketAddr,
}

impl Process {
    /// Starts the proxy with at most `files` open files.
    pub(crate) fn start(text: &str, files: u32) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let config = std::env::temp_dir().join(format!("weft-{}-{number}.ron", std::process::id()));
        std::fs::write(&config, text).unwrap();
        let mut child = Command::new("sh")
            .args(["-c", "ulimit -n \"$1\" && exec \"$2\" \"$3\"", "sh"])
            .arg(files.to_string())
            .arg(env!("CARGO_BIN_EXE_weft-under-test"))
            .arg(&config)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = follow(&mut child);
        let mut addresses = Vec::new();
        // The admin endpoint is told last.
        let admin = loop {
            let line = log.recv_timeout(PATIENCE).expect("the proxy starts");
            let word = |name: &str| {
                let (_, rest) = line.split_once(name)?;
                Some(rest.split_whitespace().next()?.trim_matches('"').to_owned())
            };
            let Some(address) = word("address=") else {
                continue;
            };
            match word("listener=") {
                Some(listener) => addresses.push((listener, address)),
                None => break address.parse().unwrap(),
            }
        };
        let front = addresses
            .iter()
            .find_map(|(listener, address)| (listener == "front").then(|| address.parse().unwrap()))
            .expect("a listener of this name");
        Self {
            child,
            config,
            log,
            addresses,
            front,
            admin,
        }
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Replaces the configuration file.
    pub(crate) fn rewrite(&self, text: &str) {
        std::fs::write(&self.config, text).unwrap();
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args([format!("-{name}"), self.id().to_string()])
            .status()
            .unwrap();
        assert!(status.success());
    }

    /// Waits for a line of the log that holds all of `words`.
    pub(crate) fn logged(&self, words: &[&str]) -> String {
        let began = Instant::now();
        loop {
            let left = PATIENCE.saturating_sub(began.elapsed());
            let line = self
                .log
                .recv_timeout(left)
                .unwrap_or_else(|_| panic!("never logged: {words:?}"));
            if words.iter().all(|word| line.contains(word)) {
                return line;
            }
        }
    }

    /// Waits for its end; the exit code.
    pub(crate) fn exit_code(&mut self) -> Option<i32> {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(began.elapsed() < PATIENCE, "the proxy does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Resident memory in bytes.
    pub(crate) fn resident_bytes(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = status.lines().find(|l| l.starts_with("VmRSS:")).unwrap();
        let kib: usize = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        kib << 10
    }

    /// How often its threads went to sleep by their own will since the start: a thread that
    /// makes no system call does not.
    pub(crate) fn sleeps(&self) -> u64 {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.id())).unwrap();
        tasks
            .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("status")).ok())
            .filter_map(|status| {
                let line = status
                    .lines()
                    .find(|line| line.starts_with("voluntary_ctxt_switches"))?;
                line.split_whitespace().nth(1)?.parse::<u64>().ok()
            })
            .sum()
    }

    /// Processor time used, in clock ticks.
    pub(crate) fn ticks(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.id())).unwrap();
        let (_, rest) = stat.rsplit_once(')').unwrap();
        let fields: Vec<&str> = rest.split_whitespace().collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
        let _gone = std::fs::remove_file(&self.config);
    }
}

/// Reads the log in a thread, so that a full pipe never stops the proxy.
fn follow(child: &mut Child) -> Receiver<String> {
    let (sender, receiver) = channel();
    let log = BufReader::new(child.stderr.take().unwrap());
    std::thread::spawn(move || {
        for line in log.lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}
