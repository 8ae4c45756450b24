//! The demo's proxy: its configuration, its process, and what its admin endpoint says.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::Value;

use super::child::{Backend, Process, start_proxy};

/// How long the proxy may take to start.
const START_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the admin endpoint may take to answer.
const ADMIN_TIMEOUT: Duration = Duration::from_secs(2);

/// The proxy in front of the backends.
#[derive(Debug)]
pub(super) struct Mesh {
    /// Where clients connect.
    pub(super) front: SocketAddr,
    /// Where the admin endpoint listens.
    pub(super) admin: SocketAddr,
    /// The file that configures it.
    pub(super) config: PathBuf,
    /// Its log.
    pub(super) log: PathBuf,
    process: Process,
    // Last, so that it goes when the process is gone.
    _folder: Folder,
}

/// What the proxy says of one instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct InstanceState {
    /// Its name.
    pub(super) id: String,
    /// `up`, or what keeps it from being used.
    pub(super) state: String,
    /// Why.
    pub(super) reason: String,
    /// Exchanges in flight on it.
    pub(super) in_flight: u64,
}

impl Mesh {
    /// Writes a configuration for these backends, starts the proxy and waits until it is ready.
    pub(super) fn start(backends: &[Backend]) -> anyhow::Result<Self> {
        let folder = Folder::create()?;
        let (front, admin) = two_free_ports()?;
        let config = folder.0.join("demo.ron");
        let log = folder.0.join("proxy.log");
        std::fs::write(&config, configuration(front, admin, backends))
            .with_context(|| format!("cannot write {}", config.display()))?;
        let process = start_proxy(&config, &log)?;
        let mut mesh = Self {
            front,
            admin,
            config,
            log,
            process,
            _folder: folder,
        };
        let begun = Instant::now();
        while mesh.get("/ready").is_err() {
            mesh.check_running()?;
            if begun.elapsed() > START_TIMEOUT {
                bail!("the proxy is not ready after 10 s\n{}", mesh.last_words());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(mesh)
    }

    /// Fails if the proxy has ended, with the end of its log.
    pub(super) fn check_running(&mut self) -> anyhow::Result<()> {
        match self.process.ended() {
            None => Ok(()),
            Some(how) => bail!("the proxy ended ({how})\n{}", self.last_words()),
        }
    }

    /// The number of its process.
    pub(super) fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// What it says of its instances.
    pub(super) fn instances(&self) -> anyhow::Result<Vec<InstanceState>> {
        let services: Value = serde_json::from_str(&self.get("/services")?)?;
        Ok(read_instances(&services))
    }

    /// One of its counters.
    pub(super) fn counters(&self) -> anyhow::Result<Value> {
        Ok(serde_json::from_str(&self.get("/counters")?)?)
    }

    fn get(&self, path: &str) -> anyhow::Result<String> {
        let mut stream = TcpStream::connect_timeout(&self.admin, ADMIN_TIMEOUT)?;
        stream.set_read_timeout(Some(ADMIN_TIMEOUT))?;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").context("no HTTP answer")?;
        if !head.starts_with("HTTP/1.1 200") {
            bail!("{path}: {}", head.lines().next().unwrap_or_default());
        }
        Ok(body.to_owned())
    }

    fn last_words(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let from = lines.len().saturating_sub(10);
        lines.get(from..).unwrap_or_default().join("\n")
    }
}

fn read_instances(services: &Value) -> Vec<InstanceState> {
    let text = |value: &Value, key: &str| {
        let text = value.get(key).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    let services = services.as_array().into_iter().flatten();
    services
        .filter_map(|service| service.get("instances")?.as_array())
        .flatten()
        .map(|instance| InstanceState {
            id: text(instance, "id"),
            state: text(instance, "state"),
            reason: text(instance, "reason"),
            in_flight: instance
                .get("in_flight")
                .and_then(Value::as_u64)
                .unwrap_or_default(),
        })
        .collect()
}

/// The configuration: what a user would write to put such a service behind the proxy.
fn configuration(front: SocketAddr, admin: SocketAddr, backends: &[Backend]) -> String {
    let instances: Vec<String> = backends
        .iter()
        .map(|b| {
            format!(
                "            Instance(id: \"{}\", address: \"{}\"),",
                b.name, b.address
            )
        })
        .collect();
    format!(
        r#"// Written by `weft demo`.
Proxy(
    admin: "{admin}",
    listeners: [Listener(name: "shop", addresses: ["{front}"], service: "shop")],
    services: [Service(
        name: "shop",
        protocol: "acme",
        instances: [
{}
        ],
        // `charge` is not among them: nobody may charge twice.
        policy: Policy(timeout: "2s", idempotent: ["get*", "echo"]),
    )],
)
"#,
        instances.join("\n")
    )
}

/// Two ports that are free at the moment.
fn two_free_ports() -> anyhow::Result<(SocketAddr, SocketAddr)> {
    let bind = || TcpListener::bind("127.0.0.1:0").context("no free port");
    let (first, second) = (bind()?, bind()?);
    Ok((first.local_addr()?, second.local_addr()?))
}

/// A folder of this run's own, removed with it.
#[derive(Debug)]
struct Folder(PathBuf);

impl Folder {
    fn create() -> anyhow::Result<Self> {
        let name = format!("weft-demo-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path)
            .with_context(|| format!("cannot create {}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left in a folder of temporary files does no harm.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instances_are_read_from_what_the_admin_endpoint_says() {
        let services = serde_json::json!([{ "name": "shop", "instances": [
            { "id": "b1", "state": "up", "reason": "", "in_flight": 3 },
            { "id": "b2", "state": "down", "reason": "refused", "in_flight": 0 },
        ]}]);
        let instances = read_instances(&services);
        assert_eq!(instances.len(), 2);
        assert_eq!(instances[0].in_flight, 3);
        assert_eq!(
            (instances[1].state.as_str(), instances[1].reason.as_str()),
            ("down", "refused")
        );
    }

    #[test]
    fn the_configuration_passes_the_proxys_own_checks() {
        let address = "127.0.0.1:1".parse().unwrap();
        let admin = "127.0.0.1:2".parse().unwrap();
        let text = configuration(address, admin, &[]);
        let text = text.replace("instances: [\n", "instances: [\n\"127.0.0.1:3\",\n");
        weft_proxy::config::parse("demo.ron", &text, std::path::Path::new(".")).unwrap();
    }
}
