//! The tutorial does what it says: its files are written, its commands run in order on free
//! ports with a real server and client in C, and print what the page shows.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed, and says why"
)]

#[expect(
    dead_code,
    unreachable_pub,
    reason = "each test of pages takes what it needs of this"
)]
mod pages;

use std::process::Output;

use pages::{Tour, all_blocks, curl, page, wait_until};

/// The page's ports: the proxy, its admin endpoint, and three servers.
const PORTS: [&str; 5] = ["7100", "9901", "9201", "9202", "9203"];

/// The files that the reader has at the beginning.
const GIVEN: [&str; 3] = ["stock.h", "server.c", "client.c"];

const EXAMPLE: &str = "docs/tutorial";

#[test]
fn the_tutorial_runs_as_it_is_written() {
    let mut tutorial = Tutorial::new();
    for (kind, block) in all_blocks(&page("docs/tutorial.md")) {
        match kind.split_once(' ').unwrap_or((&kind, "")) {
            ("sh", "") => {}
            ("sh", "step") => tutorial.steps(&block),
            ("text", how) => tutorial.compare(&block, how),
            ("diff", path) => tutorial.change(path, &block),
            ("ron", path) => tutorial.tour.write(path, &block),
            ("c", path) => assert_eq!(page(path), block, "{path} is not as the page shows it"),
            _ => panic!("a block that this test does not know: {kind}"),
        }
    }
    assert!(tutorial.compared >= 15, "{}", tutorial.compared);
    let written = tutorial.read("stock/protocol.ron");
    let shipped = page(&format!("{EXAMPLE}/protocol.ron"));
    assert_eq!(
        written, shipped,
        "the example is not what the page leads to"
    );
}

struct Tutorial {
    tour: Tour,
    /// What the last block of commands printed, and whether its last one succeeded.
    printed: String,
    succeeded: bool,
    compared: usize,
}

impl Tutorial {
    fn new() -> Self {
        let tour = Tour::new("tutorial", &PORTS);
        for name in GIVEN {
            tour.write(name, &page(&format!("{EXAMPLE}/{name}")));
        }
        let capture = pages::root().join(EXAMPLE).join("first.pcap");
        std::fs::copy(capture, tour.folder.join("first.pcap")).unwrap();
        Self {
            tour,
            printed: String::new(),
            succeeded: true,
            compared: 0,
        }
    }

    fn steps(&mut self, block: &str) {
        self.printed.clear();
        for line in block.lines() {
            // A page's reader sees the kill in the middle; so does a test with less to wait for.
            let line = self.tour.with_ports(line).replace("-n 200000", "-n 30000");
            self.step(&line);
        }
    }

    fn step(&mut self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            [program, arguments @ .., "&"] => {
                let listens = match (*program, arguments) {
                    ("./server", [port, ..]) => Some(*port),
                    ("weft", ["proxy", ..]) => Some("9901"),
                    _ => None,
                };
                let address = listens.map(|port| format!("127.0.0.1:{port}"));
                let address = address.map(|text| self.tour.with_ports(&text).parse().unwrap());
                self.tour.start(program, arguments, address);
            }
            ["sleep", _] => self.wait_for_traffic(),
            ["wait", job] => {
                let output = self.tour.wait(number(job));
                self.take(&output);
            }
            ["kill", jobs @ ..] => {
                for job in jobs {
                    let status = self.tour.kill(number(job));
                    // The servers know no signal; the proxy is number 4, and drains.
                    assert_eq!(status.success(), *job == "%4", "{line}: {status}");
                }
            }
            ["curl", "-s", url, "|", "grep", patterns @ ..] => {
                self.filter(&curl(url).unwrap(), patterns);
            }
            [program, arguments @ ..] => {
                let arguments = unquoted(line, arguments);
                let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
                let output = self.tour.command(program, &arguments).output();
                self.take(&output.unwrap_or_else(|error| panic!("{line}: {error}")));
            }
            [] => {}
        }
    }

    fn take(&mut self, output: &Output) {
        self.printed += str::from_utf8(&output.stdout).unwrap();
        self.printed += str::from_utf8(&output.stderr).unwrap();
        self.succeeded = output.status.success();
    }

    /// What `grep -e … -e …` leaves of a text.
    fn filter(&mut self, body: &str, patterns: &[&str]) {
        let patterns: Vec<&str> = patterns.iter().filter(|p| **p != "-e").copied().collect();
        let fits = |line: &str| {
            patterns.iter().any(|pattern| {
                let pattern = pattern.trim_matches('\'');
                let glob = match pattern.strip_prefix('^') {
                    Some(begin) => format!("{begin}…"),
                    None => format!("…{pattern}…"),
                };
                agrees(line, &glob.replace(".*", "…"))
            })
        };
        for line in body.lines().filter(|line| fits(line)) {
            self.printed += line;
            self.printed.push('\n');
        }
    }

    /// The page's `sleep`: until a thousand more requests were taken.
    fn wait_for_traffic(&self) {
        let url = self.tour.with_ports("http://127.0.0.1:9901/counters");
        let accepted = || {
            let counters: serde_json::Value = serde_json::from_str(&curl(&url)?).ok()?;
            counters["exchanges_accepted_total"].as_u64()
        };
        let before = accepted().unwrap();
        wait_until("requests flow", || accepted().unwrap() > before + 1000);
    }

    fn compare(&mut self, block: &str, how: &str) {
        let expected = self.tour.with_ports(block);
        let printed: Vec<&str> = self.printed.lines().map(str::trim_end).collect();
        assert!(
            agrees(printed.join("\n").trim_end(), expected.trim_end()),
            "the page shows\n{expected}\nbut this was printed:\n{}",
            self.printed
        );
        assert_eq!(self.succeeded, how == "output", "{}", self.printed);
        self.compared += 1;
    }

    /// Changes a file as a block with `+` and `-` says.
    fn change(&self, path: &str, block: &str) {
        let side = |other: char| -> String {
            let lines = block.lines().filter(|line| !line.starts_with(other));
            lines.map(|line| format!("{}\n", &line[1..])).collect()
        };
        // What is changed may be a part of a line.
        let (old, new) = (side('+'), side('-'));
        let (old, new) = (old.trim_end(), new.trim_end());
        let text = self.read(path);
        assert_eq!(text.matches(old).count(), 1, "{path} has not once: {old}");
        self.tour.write(path, &text.replace(old, new));
    }

    fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.tour.folder.join(path)).unwrap()
    }
}

fn number(job: &str) -> usize {
    job.strip_prefix('%').unwrap().parse().unwrap()
}

/// The arguments of a line in which one text may stand in quotes.
fn unquoted(line: &str, arguments: &[&str]) -> Vec<String> {
    match line.split('"').collect::<Vec<_>>().as_slice() {
        [before, text, ""] => {
            let before = before.split_whitespace().skip(1).map(str::to_owned);
            before.chain([(*text).to_owned()]).collect()
        }
        _ => arguments.iter().map(|word| (*word).to_owned()).collect(),
    }
}

/// Whether a text is what a page shows, in which `…` stands for anything.
fn agrees(text: &str, shown: &str) -> bool {
    let mut pieces = shown.split('…');
    let Some(mut rest) = text.strip_prefix(pieces.next().unwrap_or("")) else {
        return false;
    };
    let Some(last) = pieces.next_back() else {
        return rest.is_empty();
    };
    for piece in pieces {
        let Some(at) = rest.find(piece) else {
            return false;
        };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(last)
}

#[test]
fn what_a_page_shows_agrees_only_with_what_is_so() {
    assert!(agrees("a 1 b\nc", "a … b\nc"));
    assert!(agrees("a\nb\nc", "a\n…\nc"));
    assert!(!agrees("a 1 b\nc", "a … b\nd"));
    assert!(!agrees("ab", "a"));
    assert!(!agrees("ab", "a…b…b"));
}
