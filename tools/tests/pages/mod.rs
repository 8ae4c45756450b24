//! What tests of pages share: the pages themselves, and a tour on free ports whose steps a page
//! shows.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

const WEFT: &str = env!("CARGO_BIN_EXE_weft");

/// How long anything may take here.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder, free ports in the place of a page's, and the programs that were started, numbered
/// as bash numbers its jobs.
pub struct Tour {
    /// What the page says, and what stands for it here.
    ports: Vec<(&'static str, String)>,
    pub folder: PathBuf,
    jobs: BTreeMap<usize, Child>,
}

impl Tour {
    /// A tour in an empty folder. `fixed` are the page's addresses, or its bare ports.
    pub fn new(name: &str, fixed: &[&'static str]) -> Self {
        // All at once, so that no two are the same; and none in which another would be found.
        let mut bound = Vec::new();
        let mut ports: Vec<(&'static str, String)> = Vec::new();
        while let Some(next) = fixed.get(ports.len()) {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            let stands = match next.contains(':') {
                true => address.to_string(),
                false => address.port().to_string(),
            };
            bound.push(listener);
            if !fixed.iter().any(|fixed| stands.contains(fixed)) {
                ports.push((next, stands));
            }
        }
        let folder = std::env::temp_dir().join(format!("weft-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self {
            ports,
            folder,
            jobs: BTreeMap::new(),
        }
    }

    /// A text of the page with the ports that are free.
    pub fn with_ports(&self, text: &str) -> String {
        self.ports
            .iter()
            .fold(text.to_owned(), |text, (fixed, free)| {
                text.replace(fixed, free)
            })
    }

    /// Writes a file of the page into the tour's folder.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, self.with_ports(text)).unwrap();
    }

    /// What runs `program`; `weft` is the binary under test.
    pub fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = match program.strip_prefix("./") {
            Some(own) => Command::new(self.folder.join(own)),
            None if program == "weft" => Command::new(WEFT),
            None => Command::new(program),
        };
        command.args(arguments).current_dir(&self.folder);
        command
    }

    /// Starts a job, and waits until it listens if it is a server. What it says is kept for
    /// [`Tour::wait`] only if it is none.
    pub fn start(&mut self, program: &str, arguments: &[&str], listens: Option<SocketAddr>) {
        let mut command = self.command(program, arguments);
        command.stderr(Stdio::null()).stdout(match listens {
            Some(_) => Stdio::null(),
            None => Stdio::piped(),
        });
        let number = self.jobs.keys().next_back().map_or(1, |last| last + 1);
        self.jobs.insert(number, command.spawn().unwrap());
        if let Some(address) = listens {
            wait_until("it listens", || TcpStream::connect(address).is_ok());
        }
    }

    /// The number of the job that was started last: bash's `$!`.
    pub fn last(&self) -> usize {
        *self.jobs.keys().next_back().unwrap()
    }

    pub fn signal(&self, job: usize, signal: Signal) {
        kill_process(Pid::from_child(&self.jobs[&job]), signal).unwrap();
    }

    /// Ends a job as `kill` does.
    pub fn kill(&mut self, job: usize) -> ExitStatus {
        self.signal(job, Signal::TERM);
        self.jobs.remove(&job).unwrap().wait().unwrap()
    }

    /// Waits for a job to end by itself.
    pub fn wait(&mut self, job: usize) -> Output {
        self.jobs.remove(&job).unwrap().wait_with_output().unwrap()
    }
}

impl Drop for Tour {
    fn drop(&mut self) {
        for child in self.jobs.values_mut() {
            // Those that have ended cannot be killed, and that is well.
            let _ended = child.kill();
            let _status = child.wait();
        }
        let _left = std::fs::remove_dir_all(&self.folder);
    }
}

pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "not in time: {what}");
        std::thread::yield_now();
    }
}

/// The body of `curl -s URL`, if it is there.
pub fn curl(url: &str) -> Option<String> {
    let (address, path) = url.strip_prefix("http://")?.split_once('/')?;
    let mut stream = TcpStream::connect(address).ok()?;
    write!(
        stream,
        "GET /{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )
    .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.starts_with("HTTP/1.1 200").then(|| body.to_owned())
}

/// The texts of the fenced blocks of a kind.
pub fn blocks(text: &str, kind: &str) -> Vec<String> {
    all_blocks(text)
        .into_iter()
        .filter(|(of, _)| of == kind)
        .map(|(_, block)| block)
        .collect()
}

/// Every fenced block in the order of the page: what stands behind its fence, and its text.
pub fn all_blocks(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut current: Option<(String, String)> = None;
    for line in text.lines() {
        match &mut current {
            Some(_) if line == "```" => found.extend(current.take()),
            Some((_, block)) => {
                block.push_str(line);
                block.push('\n');
            }
            None => {
                let kind = line.strip_prefix("```");
                current = kind.map(|kind| (kind.to_owned(), String::new()));
            }
        }
    }
    found
}

pub fn page(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
