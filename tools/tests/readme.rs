//! What the README and the guides say is true: blocks of RON are files that pass the check,
//! commands and their options exist, paths and links lead somewhere, and the tour runs.

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

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use pages::{Tour, blocks, curl, page, root, wait_until};
use rustix::process::Signal;

const WEFT: &str = env!("CARGO_BIN_EXE_weft");

/// The pages whose paths, links and commands are tried.
const PAGES: [&str; 8] = [
    "README.md",
    "docs/operating.md",
    "docs/architecture.md",
    "docs/codecs.md",
    "docs/language.md",
    "docs/tutorial.md",
    "docs/hop.md",
    "tests/peers/README.md",
];

#[test]
fn each_block_of_ron_in_the_readme_is_the_file_that_it_names() {
    let blocks = blocks(&page("README.md"), "ron");
    assert!(blocks.len() >= 2);
    for block in blocks {
        let (title, text) = block.split_once('\n').unwrap();
        let path = title.strip_prefix("// ").unwrap();
        assert!(
            page(path).ends_with(text),
            "{path} is not as the README shows it"
        );
    }
}

#[test]
fn the_configuration_of_the_tour_passes_the_check() {
    let output = weft(&["check", "docs/examples/shop.ron"]);
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn every_command_on_the_pages_exists_with_its_options() {
    let mut tried = 0;
    for name in PAGES {
        for line in commands(&page(name)) {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.as_slice() {
                ["cargo", "run", "--release", "--", rest @ ..] | ["weft", rest @ ..] => {
                    assert_options(rest, &line);
                }
                ["cargo", "run" | "test" | "bench", rest @ ..] => assert_targets(rest, &line),
                ["cargo", "build", "--release"]
                | ["kill" | "curl" | "export" | "cp" | "cd", ..] => {}
                [script, ..] if script.contains('/') => assert_exists(script, &line),
                _ => panic!("a command that this test does not know: {line}"),
            }
            tried += 1;
        }
    }
    assert!(tried >= 20, "{tried} commands were found");
}

#[test]
fn every_link_and_path_on_the_pages_leads_somewhere() {
    for name in PAGES {
        let text = page(name);
        let folder = Path::new(name).parent().unwrap();
        for target in text
            .split("](")
            .skip(1)
            .map(|rest| rest.split(')').next().unwrap())
        {
            let target = target.split('#').next().unwrap();
            if !target.is_empty() && !target.starts_with("http") {
                assert_exists(&folder.join(target).display().to_string(), name);
            }
        }
        for row in text.lines().filter(|line| line.starts_with("| `")) {
            let first = row.split('`').nth(1).unwrap();
            if first.ends_with(".rs") {
                // On the page about the engine, files are named without their folder.
                let found = [
                    "proxy/engine/src",
                    "proxy/server/src",
                    "proxy/server/src/worker",
                ];
                let found = found.iter().any(|f| root().join(f).join(first).exists());
                assert!(found || root().join(first).exists(), "{name}: {first}");
            }
        }
    }
    let map = page("README.md");
    let map = map.split("## Where things are").nth(1).unwrap();
    let map = map.split("\n## ").next().unwrap();
    for row in map.lines().filter(|line| line.starts_with("| `")) {
        assert_exists(row.split('`').nth(1).unwrap(), row);
    }
}

#[test]
fn every_test_on_the_page_of_real_peers_is_one() {
    let folder = root().join("tests/peers");
    let files = std::fs::read_dir(&folder).unwrap();
    let paths = files.map(|entry| entry.unwrap().path());
    let code: Vec<String> = paths
        .filter(|path| path.extension().is_some_and(|ending| ending == "rs"))
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    let text = page("tests/peers/README.md");
    let mut named = 0;
    for name in text.split('`').skip(1).step_by(2) {
        if name.contains('_') && !name.contains(['.', ' ', '/']) {
            let written = format!("#[test]\nfn {name}()");
            let is_there = code.iter().any(|file| file.contains(&written));
            assert!(is_there, "there is no test `{name}`");
            named += 1;
        }
    }
    assert!(named > 30, "{named}");
}

#[test]
fn every_metric_is_explained_to_operators() {
    let guide = page("docs/operating.md");
    let names = page("proxy/server/src/metrics.rs");
    let code = names.split("fn plain(").next().unwrap();
    let mut found = 0;
    for name in code.split('"').filter(|word| word.ends_with("_total")) {
        assert!(
            guide.contains(&format!("`{name}`")),
            "{name} is not explained"
        );
        found += 1;
    }
    assert!(found >= 30, "{found}");
}

#[test]
fn the_tour_runs_as_it_is_written() {
    let mut tour = Tour::new("tour", &ADDRESSES);
    for path in ["docs/examples/shop.ron", "protocols/length-id/protocol.ron"] {
        tour.write(path, &page(path));
    }
    let block = blocks(&page("README.md"), "sh tour").remove(0);
    let drained = block.lines().map(|line| step(&mut tour, line)).last();
    assert_eq!(drained, Some(true), "the last line ends the proxy");
}

/// The tour's addresses; the last is the admin endpoint.
const ADDRESSES: [&str; 4] = [
    "127.0.0.1:7000",
    "127.0.0.1:9001",
    "127.0.0.1:9002",
    "127.0.0.1:9901",
];

/// Does what a line of the tour says. Whether it drained the proxy.
fn step(tour: &mut Tour, line: &str) -> bool {
    let line = tour.with_ports(line).replace("--seconds 5", "--seconds 1");
    let admin = tour.with_ports(ADDRESSES[3]);
    let words: Vec<&str> = line.split_whitespace().collect();
    match words.as_slice() {
        ["weft", arguments @ .., "&"] => {
            let at = arguments.iter().position(|word| *word == "--listen");
            let address = at.map_or(&*admin, |at| arguments[at + 1]);
            let address: SocketAddr = address.parse().unwrap();
            tour.start("weft", arguments, Some(address));
        }
        ["weft", arguments @ ..] => {
            let output = tour.command("weft", arguments).output().unwrap();
            assert!(output.status.success(), "{line}: {output:?}");
        }
        ["curl", "-s", url] => {
            let body = curl(url).unwrap();
            assert!(body.contains("shop"), "{line}: {body}");
        }
        ["kill", "-HUP", "$!"] => {
            tour.signal(tour.last(), Signal::HUP);
            wait_until("the reload is in force", || {
                let body = curl(&format!("http://{admin}/config"));
                body.is_some_and(|body| body.contains("\"in_force\": true"))
            });
        }
        ["kill", "$!"] => return tour.kill(tour.last()).success(),
        _ => panic!("a step that this test does not know: {line}"),
    }
    false
}

fn weft(arguments: &[&str]) -> Output {
    Command::new(WEFT)
        .args(arguments)
        .current_dir(root())
        .output()
        .unwrap()
}

/// The subcommand is there and its help names every option.
fn assert_options(words: &[&str], line: &str) {
    // `weft codec` has commands of its own.
    let output = match words {
        ["codec", command, ..] if *command != "…" => weft(&["codec", command, "--help"]),
        _ => weft(&[words[0], "--help"]),
    };
    assert!(output.status.success(), "{line}: there is no such command");
    let help = String::from_utf8(output.stdout).unwrap();
    for option in words.iter().filter(|word| word.starts_with("--")) {
        assert!(help.contains(option), "{line}: there is no {option}");
    }
}

/// The packages are there and have the tests and binaries that are named.
fn assert_targets(words: &[&str], line: &str) {
    let members = page("Cargo.toml");
    let members = members.split("members = [").nth(1).unwrap();
    let members = members.split(']').next().unwrap();
    let mut manifests: Vec<(PathBuf, String)> = members
        .split('"')
        .skip(1)
        .step_by(2)
        .map(|member| (root().join(member), page(&format!("{member}/Cargo.toml"))))
        .collect();
    let mut named = Vec::new();
    for pair in words.windows(2) {
        match *pair {
            ["-p", name] => {
                let line_of_name = format!("name = \"{name}\"\n");
                let found = manifests.iter().find(|(_, m)| m.contains(&line_of_name));
                named.push(found.unwrap_or_else(|| panic!("{line}: no {name}")).clone());
            }
            ["--test" | "--bin" | "--bench", target] => {
                if !named.is_empty() {
                    manifests.clone_from(&named);
                }
                let entry = format!("name = \"{target}\"\n");
                let found = manifests.iter().any(|(folder, manifest)| {
                    let file = folder.join("tests").join(format!("{target}.rs"));
                    manifest.contains(&entry) || file.exists()
                });
                assert!(found, "{line}: there is no {target}");
            }
            _ => {}
        }
    }
}

/// Lines of shell blocks, and spans of code that begin like a command.
fn commands(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for kind in ["sh", "sh tour"] {
        for block in blocks(text, kind) {
            found.extend(
                block
                    .lines()
                    .map(|line| line.trim_end_matches(" &").to_owned()),
            );
        }
    }
    for span in text.split('`').skip(1).step_by(2) {
        let starts = [
            "weft ",
            "cargo run",
            "cargo test",
            "cargo bench",
            "benches/",
            "tests/",
        ];
        let script = span.contains('/') && !span.contains('.') || span.ends_with(".sh");
        let is_command = span.starts_with("weft ") || span.starts_with("cargo ");
        if starts.iter().any(|start| span.starts_with(start)) && (is_command || script) {
            found.push(span.replace(['[', ']'], ""));
        }
    }
    found
}

fn assert_exists(path: &str, place: &str) {
    assert!(root().join(path).exists(), "{place}: there is no {path}");
}
