//! The configuration after it was checked: names resolved, durations and sizes in range.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use weft_codec::{Codec, Limits};
use weft_engine::Settings;
use weft_model::{OrderChoice, Route, Service};
use weft_ron::Complaint;

/// A whole configuration that can be run.
#[derive(Clone, Debug)]
pub struct Config {
    /// Worker threads. Default [`Workers::Auto`].
    pub workers: Workers,
    /// Where the read-only admin endpoint listens, always a loopback address; `None`, the
    /// default, is nowhere.
    pub admin: Option<SocketAddr>,
    /// Where metrics are sent; `None`, the default, is nowhere.
    pub statsd: Option<Statsd>,
    /// How the process ends.
    pub drain: Drain,
    /// Options of TCP sockets.
    pub sockets: SocketOptions,
    /// The protocols that listeners and services use, by name.
    pub codecs: Codecs,
    /// Where clients come in, in the order of the file; at least one.
    pub listeners: Vec<ListenerConfig>,
    /// The services, in the order of the file.
    pub services: Vec<Service>,
    /// The names of the services whose instances are Weft proxies that take hop.
    pub hops: BTreeSet<String>,
    /// Bounds of the frames that a service sends, in the order of `services`.
    pub service_limits: Vec<Limits>,
    /// The routes in the order of the file, then one fallback for each listener that names a
    /// service.
    pub routes: Vec<Arc<Route>>,
    /// Bounds and times of each worker's engine.
    pub settings: Settings,
    /// What is probably not meant, although it can be run: to be logged once.
    pub warnings: Vec<Complaint>,
}

/// How many worker threads there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Workers {
    /// One per processor that the process may use.
    #[default]
    Auto,
    /// So many.
    Count(NonZeroUsize),
}

impl Workers {
    /// How many there are on this machine.
    #[must_use]
    pub fn count(self) -> NonZeroUsize {
        match self {
            Self::Count(count) => count,
            Self::Auto => std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
        }
    }
}

/// Where metrics are sent over UDP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statsd {
    /// The daemon's address.
    pub address: SocketAddr,
    /// What every name begins with. Default `weft`.
    pub prefix: String,
    /// From one flush to the next, 100 ms to 1 h. Default 10 s.
    pub interval: Duration,
}

/// How the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drain {
    /// Exchanges in flight may take so long to finish, then their clients are closed.
    /// Default 30 s.
    pub grace: Duration,
    /// The process ends after so long whatever is left; not below `grace`. Default 120 s.
    pub hard_stop: Duration,
}

impl Default for Drain {
    fn default() -> Self {
        Self {
            grace: Duration::from_secs(30),
            hard_stop: Duration::from_secs(120),
        }
    }
}

/// Options of TCP sockets; Unix sockets have none of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketOptions {
    /// Sent bytes that a client does not acknowledge for so long break its connection
    /// (`TCP_USER_TIMEOUT`). Default 20 s.
    pub client_user_timeout: Duration,
    /// The same for servers. Default 5 s.
    pub lane_user_timeout: Duration,
    /// A silent connection is probed after so long. Default 15 s.
    pub keepalive_idle: Duration,
    /// From one probe to the next. Default 5 s.
    pub keepalive_interval: Duration,
    /// Probes without an answer that break the connection. Default 3.
    pub keepalive_probes: u32,
    /// Connections that the kernel queues for one listening socket. Default 1,024.
    pub backlog: u32,
}

impl Default for SocketOptions {
    fn default() -> Self {
        Self {
            client_user_timeout: Duration::from_secs(20),
            lane_user_timeout: Duration::from_secs(5),
            keepalive_idle: Duration::from_secs(15),
            keepalive_interval: Duration::from_secs(5),
            keepalive_probes: 3,
            backlog: 1_024,
        }
    }
}

/// The protocols that a configuration uses, by name.
pub type Codecs = BTreeMap<String, ProtocolConfig>;

/// A protocol and where it comes from.
#[derive(Clone, Debug)]
pub struct ProtocolConfig {
    /// Reads and patches its frames.
    pub codec: Arc<dyn Codec>,
    /// The text of its description; `None` for built-ins. Two configurations with the same text
    /// share one codec: see [`Config::share_codecs`].
    pub description: Option<Arc<str>>,
}

/// Where clients come in.
#[derive(Clone, Debug)]
pub struct ListenerConfig {
    /// Its name; unique. A reload knows a listener by it.
    pub name: String,
    /// The addresses it listens on, at least one, no address twice in the whole file.
    pub addresses: Vec<ListenAddress>,
    /// The protocols that clients may speak here, at least one; keys of [`Config::codecs`].
    /// Several are told apart by a client's first bytes, asked in this order.
    pub protocols: Vec<String>,
    /// The one of several protocols whose server speaks first, taken for clients that stay
    /// silent; its position in `protocols`.
    pub server_first: Option<usize>,
    /// How long such clients may stay silent, 10 ms to 1 m. Default 200 ms.
    pub sniff_timeout: Duration,
    /// Whether other Weft proxies may speak hop here, beside the one protocol. Default no.
    pub hop: bool,
    /// The order of answers.
    pub order: OrderChoice,
    /// Bounds of the frames that clients send.
    pub limits: Limits,
}

/// An address to listen on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ListenAddress {
    /// TCP over IPv4 or IPv6; port 0 takes any free one.
    Tcp(SocketAddr),
    /// A Unix stream socket.
    Unix(PathBuf),
}

impl std::fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}
