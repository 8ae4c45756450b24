//! Finds the peers that are installed, and generates the Thrift code that they share.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// A peer, or what one needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tool {
    /// Python with `thrift`, `thriftpy2`, `redis`, `dubbo-py`, `dubbo-ssl-python`,
    /// `python-binary-memcached` and `pylibmc`.
    Python,
    /// Node with `thrift`, `ioredis`, and the Dubbo, SOFABolt, TARS and memcached libraries.
    Node,
    /// The Thrift compiler.
    ThriftCompiler,
    /// redis-server.
    RedisServer,
    /// redis-cli and redis-benchmark.
    RedisTools,
    /// memcached.
    Memcached,
    /// What makes passwords for memcached, and the mechanism that checks them.
    Sasl,
    /// mosquitto, mosquitto_pub and mosquitto_sub.
    Mosquitto,
    /// Python's `paho-mqtt`.
    Paho,
    /// Node's `mqtt`.
    MqttJs,
}

/// What Node must have.
const NODE_PACKAGES: [&str; 8] = [
    "thrift",
    "ioredis",
    "dubbo2.js",
    "dubbo-remoting",
    "sofa-rpc-node",
    "sofa-bolt-node",
    "@tars/rpc",
    "memjs",
];

impl Tool {
    fn is_there(self) -> bool {
        match self {
            Self::Python => python().is_file() && packages_import(),
            Self::Node => {
                let is_there = |name: &&str| node_modules().join(name).is_dir();
                on_path("node").is_some() && NODE_PACKAGES.iter().all(is_there)
            }
            Self::ThriftCompiler => on_path("thrift").is_some(),
            Self::RedisServer => on_path("redis-server").is_some(),
            Self::RedisTools => {
                on_path("redis-cli").is_some() && on_path("redis-benchmark").is_some()
            }
            Self::Memcached => on_path("memcached").is_some(),
            Self::Sasl => on_path("saslpasswd2").is_some() && sasl_mechanisms().is_some(),
            Self::Mosquitto => ["mosquitto", "mosquitto_pub", "mosquitto_sub"]
                .iter()
                .all(|program| on_path(program).is_some()),
            Self::Paho => python().is_file() && imports("paho.mqtt.client"),
            Self::MqttJs => on_path("node").is_some() && node_modules().join("mqtt").is_dir(),
        }
    }
}

/// Whether all `tools` are there. If not, says what is missing and how to install it; where the
/// environment variable `CI` is set that is a failure.
pub(crate) fn all_there(tools: &[Tool]) -> bool {
    let missing: Vec<_> = tools.iter().filter(|tool| !tool.is_there()).collect();
    if missing.is_empty() {
        return true;
    }
    let in_ci = std::env::var_os("CI").is_some_and(|value| value == "true");
    assert!(
        !in_ci,
        "in CI every peer must be installed; missing: {missing:?}"
    );
    println!("skipped: {missing:?} missing (run tests/peers/install.sh)");
    false
}

/// The interpreter with the Python peers.
pub(crate) fn python() -> PathBuf {
    peers().join("venv/bin/python")
}

/// The folder with the Node peers.
pub(crate) fn node_modules() -> PathBuf {
    peers().join("node/node_modules")
}

/// This test's own folder in the source tree.
pub(crate) fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers")
}

/// The Thrift code for Python (`py`) and Node (`js`), generated once for each text of the IDL.
///
/// It is written beside its place and moved there, so that tests may do so at the same time.
pub(crate) fn generated() -> PathBuf {
    let idl = here().join("thrift/peers.thrift");
    let mut hash = DefaultHasher::new();
    std::fs::read(&idl).unwrap().hash(&mut hash);
    let place = tmp().join(format!("thrift-{:016x}", hash.finish()));
    if place.is_dir() {
        return place;
    }
    let draft = tmp().join(format!("thrift-draft-{}", std::process::id()));
    for (folder, generator) in [("py", "py"), ("js", "js:node,es6")] {
        let out = draft.join(folder);
        std::fs::create_dir_all(&out).unwrap();
        let status = Command::new("thrift")
            .args(["--gen", generator, "-out"])
            .args([&out, &idl])
            .status()
            .unwrap();
        assert!(
            status.success(),
            "the Thrift compiler refuses {}",
            idl.display()
        );
    }
    // If another test was faster, its folder has the same content.
    if std::fs::rename(&draft, &place).is_err() {
        std::fs::remove_dir_all(&draft).unwrap();
    }
    place
}

/// The folder with the mechanisms of Debian's SASL: pylibmc brings a library of its own, and none.
pub(crate) fn sasl_mechanisms() -> Option<PathBuf> {
    let mut folders = std::fs::read_dir("/usr/lib").ok()?;
    folders.find_map(|entry| {
        let folder = entry.ok()?.path().join("sasl2");
        folder.join("libplain.so").is_file().then_some(folder)
    })
}

/// Whether the packages are there; asked once, as it takes a while.
fn packages_import() -> bool {
    static IMPORT: OnceLock<bool> = OnceLock::new();
    *IMPORT
        .get_or_init(|| imports("bmemcached, pylibmc, thrift, thriftpy2, redis, dubbo, dubbo_ssl"))
}

/// Whether Python can import these modules.
fn imports(modules: &str) -> bool {
    let command = format!("import {modules}");
    let mut python = Command::new(python());
    python.args(["-c", &command]).stderr(Stdio::null());
    python.status().is_ok_and(|status| status.success())
}

/// Where `install.sh` puts packages.
fn peers() -> PathBuf {
    std::env::var_os("WEFT_PEERS_DIR")
        .map_or_else(|| tmp().parent().unwrap().join("peers"), PathBuf::from)
}

/// Where tests may write.
pub(crate) fn tmp() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Debian has servers where only root's path leads.
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into()])
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file())
}
