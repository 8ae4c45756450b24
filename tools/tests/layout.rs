//! The layout of the workspace: dependencies point one way, pure crates stay pure, and nothing is
//! declared that nobody uses. What is allowed stands here, so a change of it is a change of this
//! file and of `docs/architecture.md`.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed, and says why"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Our own crates, lowest layer first: folder, name, and of ours what each may depend on.
const ALLOWED: &[(&str, &str, &[&str])] = &[
    ("codecs/codec", "weft-codec", &[]),
    ("codecs/ron", "weft-ron", &[]),
    ("codecs/hessian2", "weft-hessian2", &[]),
    ("codecs/bolt", "weft-bolt", &["weft-codec", "weft-hessian2"]),
    (
        "codecs/dubbo",
        "weft-dubbo",
        &["weft-codec", "weft-hessian2"],
    ),
    ("codecs/layout", "weft-layout", &["weft-codec", "weft-ron"]),
    ("codecs/memcached", "weft-memcached", &["weft-codec"]),
    ("codecs/acme", "weft-acme", &["weft-codec"]),
    ("codecs/raw", "weft-raw", &["weft-codec"]),
    ("codecs/resp", "weft-resp", &["weft-codec"]),
    ("codecs/tars", "weft-tars", &["weft-codec"]),
    ("codecs/thrift", "weft-thrift", &["weft-codec"]),
    ("registry/model", "weft-model", &[]),
    ("proxy/route", "weft-route", &["weft-codec", "weft-model"]),
    ("proxy/hop", "weft-hop", &["weft-codec", "weft-acme"]),
    (
        "proxy/engine",
        "weft-engine",
        &["weft-codec", "weft-model", "weft-route", "weft-hop"],
    ),
    (
        "proxy/server",
        "weft-proxy",
        &[
            "weft-codec",
            "weft-ron",
            "weft-bolt",
            "weft-dubbo",
            "weft-layout",
            "weft-memcached",
            "weft-raw",
            "weft-resp",
            "weft-tars",
            "weft-thrift",
            "weft-model",
            "weft-route",
            "weft-hop",
            "weft-engine",
        ],
    ),
    ("tools/capture", "weft-capture", &["weft-codec"]),
    (
        "tools",
        "weft",
        &[
            "weft-acme",
            "weft-capture",
            "weft-codec",
            "weft-model",
            "weft-route",
            "weft-proxy",
        ],
    ),
];

/// Crates that nobody may depend on; they may depend on all.
const ENDS: &[&str] = &["tests", "tests/fuzz", "benches"];

/// Crates without sockets, threads, runtime, clock and log: all of their dependencies that are
/// not ours.
const PURE: &[(&str, &[&str])] = &[
    (
        "codecs/codec",
        &["smallvec", "thiserror", "fastrand", "ron", "serde"],
    ),
    ("codecs/ron", &["ron", "serde", "strsim"]),
    (
        "codecs/layout",
        &["crc", "memchr", "ron", "serde", "smallvec"],
    ),
    ("codecs/hessian2", &["smallvec"]),
    ("codecs/bolt", &["crc32fast"]),
    ("codecs/dubbo", &[]),
    ("codecs/memcached", &[]),
    ("codecs/acme", &[]),
    ("codecs/raw", &[]),
    ("codecs/resp", &["memchr"]),
    ("codecs/tars", &[]),
    ("codecs/thrift", &["miniz_oxide"]),
    ("registry/model", &["thiserror"]),
    ("proxy/route", &["smallvec", "thiserror"]),
    ("proxy/hop", &["thiserror"]),
    (
        "proxy/engine",
        &[
            "fastrand",
            "hdrhistogram",
            "smallvec",
            "thiserror",
            "xxhash-rust",
        ],
    ),
];

/// What a pure crate may not say either: the standard library has sockets, threads and clocks
/// too.
const IMPURE: &[&str] = &[
    "std::net::Tcp",
    "std::net::Udp",
    "std::net::{",
    "std::os::unix::net",
    "std::thread",
    "std::fs",
    "std::env",
    "std::process",
    "std::sync::Mutex",
    "Instant::now",
    "SystemTime",
    "tokio::",
    "println!",
];

/// The proof kit measures whether a scan is linear in its bytes, and reads vectors from files;
/// it is behind a feature that tests and the operator's commands switch on.
const EXEMPT: &str = "codecs/codec/src/proof";

#[test]
fn dependencies_between_our_crates_point_one_way() {
    let known: BTreeSet<&str> = ALLOWED.iter().map(|(_, name, _)| *name).collect();
    let mut below = BTreeSet::new();
    for (folder, name, allowed) in ALLOWED {
        let manifest = Manifest::of(folder);
        assert_eq!(manifest.name, *name, "{folder}/Cargo.toml");
        for ours in manifest.all().filter(|d| d.starts_with("weft")) {
            assert!(known.contains(ours), "{name} depends on {ours}");
            assert!(allowed.contains(&ours), "{name} may not depend on {ours}");
        }
        for lower in *allowed {
            assert!(below.contains(lower), "{name} stands above {lower}");
        }
        below.insert(*name);
    }
    let ends: Vec<String> = ENDS.iter().map(|end| Manifest::of(end).name).collect();
    for (folder, name, _) in ALLOWED {
        let manifest = Manifest::of(folder);
        for end in &ends {
            assert!(manifest.all().all(|d| d != end), "{name} depends on {end}");
        }
    }
}

#[test]
fn every_member_of_the_workspace_has_its_place_in_the_layout() {
    let root = read(&root().join("Cargo.toml"));
    let members = root
        .split_once("members = [")
        .and_then(|(_, rest)| rest.split_once(']'))
        .map(|(members, _)| members)
        .unwrap();
    let members: BTreeSet<&str> = members.split('"').skip(1).step_by(2).collect();
    let placed = ALLOWED.iter().map(|(folder, ..)| *folder);
    assert_eq!(members, placed.chain(ENDS.iter().copied()).collect());
}

#[test]
fn pure_crates_know_no_socket_runtime_clock_thread_or_log() {
    for (folder, allowed) in PURE {
        let manifest = Manifest::of(folder);
        for theirs in manifest.normal.iter().filter(|d| !d.starts_with("weft")) {
            assert!(
                allowed.contains(&theirs.as_str()),
                "{folder} may not depend on {theirs}"
            );
        }
        for file in sources(&root().join(folder).join("src")) {
            let place = file.strip_prefix(root()).unwrap().display().to_string();
            if place.starts_with(EXEMPT) || place.ends_with("tests.rs") {
                continue;
            }
            let text = read(&file);
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            for word in IMPURE {
                assert!(!code.contains(word), "{place} says {word}");
            }
        }
    }
}

#[test]
fn no_crate_declares_a_dependency_that_it_does_not_use() {
    for (folder, name, _) in ALLOWED {
        let mut text = String::new();
        for file in sources(&root().join(folder)) {
            text += &read(&file);
        }
        for dependency in Manifest::of(folder).all() {
            let word = dependency.replace('-', "_");
            let used = text.contains(&format!("{word}::")) || text.contains(&format!("use {word}"));
            assert!(used, "{name} declares {dependency} and does not use it");
        }
    }
}

#[test]
fn every_dependency_of_the_workspace_is_used_and_has_its_reason_in_the_readme() {
    let root_manifest = read(&root().join("Cargo.toml"));
    let readme = read(&root().join("README.md"));
    let folders = ALLOWED.iter().map(|(folder, ..)| *folder);
    let manifests: Vec<Manifest> = folders
        .chain(ENDS.iter().copied())
        .map(Manifest::of)
        .collect();
    let theirs = Manifest::parse(&root_manifest, "workspace.dependencies");
    let theirs: Vec<&String> = theirs.iter().filter(|d| !d.starts_with("weft")).collect();
    assert!(theirs.len() > 20, "the table is read: {theirs:?}");
    for dependency in theirs {
        let users = manifests
            .iter()
            .filter(|m| m.all().any(|d| d == dependency));
        assert!(users.count() > 0, "nobody uses {dependency}");
        let row = format!("| `{dependency}` ");
        assert!(
            readme.contains(&row),
            "the README has no reason for {dependency}"
        );
    }
}

/// What a `Cargo.toml` says of dependencies. Ours are written one to a line, so no parser of the
/// whole format is needed.
struct Manifest {
    name: String,
    normal: Vec<String>,
    dev: Vec<String>,
}

impl Manifest {
    fn of(folder: &str) -> Self {
        let text = read(&root().join(folder).join("Cargo.toml"));
        let name = text
            .lines()
            .find_map(|line| line.strip_prefix("name = "))
            .unwrap()
            .trim_matches('"')
            .to_owned();
        Self {
            name,
            normal: Self::parse(&text, "dependencies"),
            dev: Self::parse(&text, "dev-dependencies"),
        }
    }

    fn all(&self) -> impl Iterator<Item = &str> {
        self.normal.iter().chain(&self.dev).map(String::as_str)
    }

    /// The names in one section.
    fn parse(text: &str, section: &str) -> Vec<String> {
        let mut sections = BTreeMap::<&str, Vec<String>>::new();
        let mut current = "";
        for line in text.lines() {
            if let Some(title) = line.strip_prefix('[') {
                current = title.trim_end_matches(']');
                let target = current.starts_with("target.") || current.contains("build-dep");
                assert!(!target, "a section that this test cannot read: {line}");
            } else if let Some((name, _)) = line.split_once(['.', '=', ' '])
                && !line.starts_with(['#', ' ', '"', ']'])
            {
                sections.entry(current).or_default().push(name.to_owned());
            }
        }
        sections.remove(section).unwrap_or_default()
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every Rust file below a folder, which has at least one.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let found = rust_files(folder);
    assert!(!found.is_empty(), "{} has no Rust", folder.display());
    found
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}
