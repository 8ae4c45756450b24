//! The rows: what work each does, who does it, and which figure is to be reached.
//!
//! The beginning of the path. It must not know how anything is started or measured.

/// Who stands between load and backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Contender {
    /// Nobody: the load speaks to the backend itself.
    Direct,
    /// Weft.
    Weft,
    /// Weft with the protocol's codec written in Rust instead of described.
    WeftNative,
    /// nginx, stream module.
    Nginx,
    /// HAProxy, tcp mode.
    Haproxy,
    /// Envoy, `tcp_proxy`.
    EnvoyTcp,
    /// Envoy, `thrift_proxy`.
    EnvoyThrift,
    /// Envoy, `redis_proxy`.
    EnvoyRedis,
    /// twemproxy.
    Twemproxy,
}

impl Contender {
    /// The name in tables and on the command line.
    #[must_use]
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Weft => "weft",
            Self::WeftNative => "weft-native",
            Self::Nginx => "nginx",
            Self::Haproxy => "haproxy",
            Self::EnvoyTcp => "envoy-tcp",
            Self::EnvoyThrift => "envoy-thrift",
            Self::EnvoyRedis => "envoy-redis",
            Self::Twemproxy => "twemproxy",
        }
    }
}

/// What the load speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    /// Thrift, framed binary.
    Thrift,
    /// Redis.
    Redis,
    /// Acme, which Weft knows by its description.
    Acme,
}

impl Wire {
    /// The name that `weft load` and `weft echo` know it by.
    #[must_use]
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Thrift => "thrift",
            Self::Redis => "redis",
            Self::Acme => "acme",
        }
    }
}

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Metric {
    /// Processor time of the proxy per request.
    Cpu,
    /// Median latency.
    Median,
    /// Requests per second, where more is better: the limit is on its inverse.
    Rate,
}

impl Metric {
    /// The words of the table.
    #[must_use]
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Cpu => "CPU per request",
            Self::Median => "median latency",
            Self::Rate => "time per request",
        }
    }
}

/// A figure to reach: Weft's metric is at most `at_most` times the other's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    /// What is compared.
    pub(crate) metric: Metric,
    /// With whom.
    pub(crate) with: Contender,
    /// The largest ratio that reaches the figure.
    pub(crate) at_most: f64,
}

/// One load, as `weft load` makes it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// Client connections.
    pub(crate) connections: u32,
    /// Requests in flight on each.
    pub(crate) in_flight: u32,
    /// Requests per second over all, in an open loop; `None` is as many as can be.
    pub(crate) rate: Option<u32>,
    /// Bytes of each request's text.
    pub(crate) body: u32,
    /// Whether every request has a connection of its own.
    pub(crate) reconnect: bool,
}

/// What a row does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// Interleaved rounds of load.
    Load(Load),
    /// The same through a backend that serves one request at a time per connection, 5 ms each.
    Serial(Load),
    /// The same against a backend that closes a connection once in so many requests.
    Closing(Load, u32),
    /// Memory of so many clients that have been served and wait.
    Idle {
        /// Clients.
        clients: u32,
    },
    /// System calls of Weft per request.
    Syscalls(Load, f64),
    /// System calls of Weft in five seconds with so many idle clients.
    IdleSyscalls {
        /// Clients.
        clients: u32,
    },
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    /// The name on the command line.
    pub(crate) name: &'static str,
    /// What is done, in words.
    pub(crate) title: &'static str,
    /// What the load speaks.
    pub(crate) wire: Wire,
    /// What is done.
    pub(crate) kind: Kind,
    /// Whether load and backend share the proxy's core.
    pub(crate) one_core: bool,
    /// Who does it, Weft first.
    pub(crate) contenders: &'static [Contender],
    /// The figures to reach.
    pub(crate) limits: &'static [Limit],
}

use Contender::{
    Direct, EnvoyRedis, EnvoyTcp, EnvoyThrift, Haproxy, Nginx, Twemproxy, Weft, WeftNative,
};
use Metric::{Cpu, Median, Rate};

const RELAYS: &[Contender] = &[Weft, Nginx, Haproxy, EnvoyTcp, EnvoyThrift];
const REDIS: &[Contender] = &[Weft, Twemproxy, EnvoyRedis];

const fn closed(connections: u32, in_flight: u32, body: u32) -> Load {
    Load {
        connections,
        in_flight,
        rate: None,
        body,
        reconnect: false,
    }
}

const fn limit(metric: Metric, with: Contender, at_most: f64) -> Limit {
    Limit {
        metric,
        with,
        at_most,
    }
}

/// Every row, in the order of the table of figures to reach.
pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "thrift-64x1",
        title: "thrift, 64 connections × 1 in flight, saturated",
        wire: Wire::Thrift,
        kind: Kind::Load(closed(64, 1, 128)),
        one_core: false,
        contenders: RELAYS,
        limits: &[
            limit(Cpu, Haproxy, 0.7),
            limit(Cpu, Nginx, 1.0),
            limit(Cpu, EnvoyThrift, 0.35),
        ],
    },
    Row {
        name: "thrift-open",
        title: "thrift, 64 connections, open loop, 5,000 per second",
        wire: Wire::Thrift,
        kind: Kind::Load(Load {
            rate: Some(5_000),
            ..closed(64, 1, 128)
        }),
        one_core: false,
        contenders: RELAYS,
        limits: &[limit(Cpu, Haproxy, 1.0), limit(Median, Haproxy, 1.0)],
    },
    Row {
        name: "thrift-64x16",
        title: "thrift, 64 × 16 pipelined",
        wire: Wire::Thrift,
        kind: Kind::Load(closed(64, 16, 128)),
        one_core: false,
        contenders: RELAYS,
        limits: &[limit(Cpu, Haproxy, 1.0)],
    },
    Row {
        name: "redis-64x1",
        title: "redis, 64 × 1",
        wire: Wire::Redis,
        kind: Kind::Load(closed(64, 1, 128)),
        one_core: false,
        contenders: REDIS,
        limits: &[limit(Cpu, Twemproxy, 0.7)],
    },
    Row {
        name: "redis-64x16",
        title: "redis, 64 × 16 pipelined",
        wire: Wire::Redis,
        kind: Kind::Load(closed(64, 16, 128)),
        one_core: false,
        contenders: REDIS,
        limits: &[limit(Cpu, Twemproxy, 0.4)],
    },
    Row {
        name: "one-core",
        title: "thrift, 1 × 1; proxy, load and backend on one core",
        wire: Wire::Thrift,
        kind: Kind::Load(closed(1, 1, 128)),
        one_core: true,
        contenders: &[Weft, Direct, Nginx, Haproxy, EnvoyTcp, EnvoyThrift],
        limits: &[limit(Cpu, Nginx, 1.0), limit(Median, Nginx, 1.0)],
    },
    Row {
        name: "body-16k",
        title: "thrift, 64 × 1, 16 KiB",
        wire: Wire::Thrift,
        kind: Kind::Load(closed(64, 1, 16 << 10)),
        one_core: false,
        contenders: RELAYS,
        limits: &[limit(Cpu, EnvoyTcp, 1.0)],
    },
    Row {
        name: "body-1m",
        title: "thrift, 1 × 1, 1 MiB",
        wire: Wire::Thrift,
        kind: Kind::Load(closed(1, 1, 1 << 20)),
        one_core: false,
        contenders: RELAYS,
        limits: &[limit(Cpu, EnvoyTcp, 1.0)],
    },
    Row {
        name: "idle-memory",
        title: "user memory per idle connection, 2,000 thrift clients",
        wire: Wire::Thrift,
        kind: Kind::Idle { clients: 2_000 },
        one_core: false,
        contenders: RELAYS,
        limits: &[],
    },
    Row {
        name: "idle-memory-redis",
        title: "user memory per idle connection, 2,000 redis clients",
        wire: Wire::Redis,
        kind: Kind::Idle { clients: 2_000 },
        one_core: false,
        contenders: REDIS,
        limits: &[],
    },
    Row {
        name: "churn",
        title: "thrift, a connection per request, 8 clients",
        wire: Wire::Thrift,
        kind: Kind::Load(Load {
            reconnect: true,
            ..closed(8, 1, 128)
        }),
        one_core: false,
        contenders: RELAYS,
        limits: &[limit(Cpu, Nginx, 1.0)],
    },
    Row {
        name: "closing",
        title: "thrift, 64 × 1; backends close a connection once in 500 requests",
        wire: Wire::Thrift,
        kind: Kind::Closing(closed(64, 1, 128), 500),
        one_core: false,
        contenders: RELAYS,
        limits: &[],
    },
    Row {
        name: "ron-64x1",
        title: "acme, 64 × 1; described in RON against the same in Rust",
        wire: Wire::Acme,
        kind: Kind::Load(closed(64, 1, 128)),
        one_core: false,
        contenders: &[Weft, WeftNative],
        limits: &[limit(Cpu, WeftNative, 1.1)],
    },
    Row {
        name: "ron-64x16",
        title: "acme, 64 × 16; described in RON against the same in Rust",
        wire: Wire::Acme,
        kind: Kind::Load(closed(64, 16, 128)),
        one_core: false,
        contenders: &[Weft, WeftNative],
        limits: &[limit(Cpu, WeftNative, 1.1)],
    },
    Row {
        name: "serial",
        title: "thrift, 16 × 1; a backend that serves one request at a time, 5 ms each",
        wire: Wire::Thrift,
        kind: Kind::Serial(closed(16, 1, 128)),
        one_core: false,
        contenders: &[Weft, Direct],
        limits: &[limit(Rate, Direct, 1.0 / 0.9)],
    },
    Row {
        name: "syscalls-64x1",
        title: "system calls per request, thrift 64 × 1, saturated",
        wire: Wire::Thrift,
        kind: Kind::Syscalls(closed(64, 1, 128), 2.5),
        one_core: false,
        contenders: &[Weft],
        limits: &[],
    },
    Row {
        name: "syscalls-64x8",
        title: "system calls per request, thrift 64 × 8",
        wire: Wire::Thrift,
        kind: Kind::Syscalls(closed(64, 8, 128), 0.5),
        one_core: false,
        contenders: &[Weft],
        limits: &[],
    },
    Row {
        name: "syscalls-idle",
        title: "system calls in 5 s with 1,000 idle thrift clients",
        wire: Wire::Thrift,
        kind: Kind::IdleSyscalls { clients: 1_000 },
        one_core: false,
        contenders: &[Weft],
        limits: &[],
    },
];
