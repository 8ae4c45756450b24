//! How exchanges of a route or service are treated.

use std::time::Duration;

use crate::Patterns;

/// How exchanges of a route or service are treated. Everything has a default.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// From the request's first byte to its outcome, queueing and retries included;
    /// 1 ms to 1 h. Default 30 s.
    pub timeout: Duration,
    /// Retries.
    pub retry: RetryPolicy,
    /// Methods that may be sent again although bytes of them went out. Default none.
    pub idempotent: Patterns,
    /// How an instance is chosen.
    pub balancing: Balancing,
    /// Lanes to each instance.
    pub lanes: LanePolicy,
    /// Waiting for a lane or an instance.
    pub queue: QueuePolicy,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            retry: RetryPolicy::default(),
            idempotent: Patterns::default(),
            balancing: Balancing::ProtocolDefault,
            lanes: LanePolicy::default(),
            queue: QueuePolicy::default(),
        }
    }
}

/// When and how often an exchange is tried again on another instance.
#[derive(Clone, Debug, PartialEq)]
pub struct RetryPolicy {
    /// Retries of one exchange after its first attempt, 0 to 10; 0 switches them off.
    /// Default 2.
    pub retries_max: u8,
    /// The backoff before the n-th retry of a written request is drawn from
    /// `0..min(backoff_max, backoff_base × 2^(n-1))` (full jitter). Default 25 ms.
    pub backoff_base: Duration,
    /// The longest backoff, 0 ms to 60 s; not below `backoff_base`. Default 250 ms.
    pub backoff_max: Duration,
    /// Retries permitted per request, as a share from 0 to 1, over `budget_window`. Default 0.2.
    pub budget_ratio: f64,
    /// Retries per second that are always permitted. Default 10.
    pub budget_floor_per_second: u32,
    /// The time over which requests and retries are counted, 1 s to 5 min. Default 10 s.
    pub budget_window: Duration,
    /// Larger requests are not kept for a retry after writing; their attempt is final once a
    /// byte went out. Bounds memory per exchange. Default 64 KiB.
    pub keep_bytes_max: u32,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            retries_max: 2,
            backoff_base: Duration::from_millis(25),
            backoff_max: Duration::from_millis(250),
            budget_ratio: 0.2,
            budget_floor_per_second: 10,
            budget_window: Duration::from_secs(10),
            keep_bytes_max: 64 << 10,
        }
    }
}

/// How an instance is chosen among those that are available.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Balancing {
    /// What suits the protocol: ring hash for key-value protocols, peak-EWMA for the others.
    #[default]
    ProtocolDefault,
    /// The cheaper of two random choices; cost is peak-EWMA latency × (in flight + 1).
    PeakEwma,
    /// One after the other, by weight.
    RoundRobin,
    /// By consistent hash of a key, so that a key stays with its instance. `None` is the
    /// protocol's own hash key; a name is one of the codec's keys, `service` or `method`.
    RingHash(Option<String>),
}

/// Lanes from one proxy to one instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LanePolicy {
    /// Exchanges in flight on one lane; 1 for servers that serve one request at a time per
    /// connection, at most 65,536. Default 128.
    pub depth: u32,
    /// Lanes per instance and class over all workers, 1 to 4,096, not counting bound ones. Each
    /// worker has its share; where that would be less than one, one worker has all. Lanes that
    /// close after their last answer may be stood in for. Default 128.
    pub lanes_max: u32,
    /// From the start of a connect until it is given up, 1 ms to 1 min. Default 1 s.
    pub connect_timeout: Duration,
    /// A lane with nothing in flight for so long is closed, 100 ms to 24 h. Keep it
    /// below the server's own idle limit. Default 60 s.
    pub idle: Duration,
    /// A lane older than this is replaced once it is idle; zero means never. Default zero.
    pub lifetime: Duration,
    /// A lane with exchanges in flight that gave no byte for so long is pinged, and again after
    /// as long, where the protocol has pings and the depth is not 1; zero means never.
    /// Default 3 s.
    pub ping_after: Duration,
    /// A pinged lane that stays silent for so long is closed, unless its server may only be
    /// busy; 10 ms to 1 min. Default 2 s.
    pub ping_timeout: Duration,
    /// An idle lane is pinged whenever it was silent for so long; zero means never. Default zero.
    pub ping_idle: Duration,
}

impl Default for LanePolicy {
    fn default() -> Self {
        Self {
            depth: 128,
            lanes_max: 128,
            connect_timeout: Duration::from_secs(1),
            idle: Duration::from_secs(60),
            lifetime: Duration::ZERO,
            ping_after: Duration::from_secs(3),
            ping_timeout: Duration::from_secs(2),
            ping_idle: Duration::ZERO,
        }
    }
}

/// Waiting for an instance or a lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuePolicy {
    /// Exchanges of one service that wait in the process; more are shed. At least 1. With
    /// several workers up to an eighth may lie unused in some while another is refused more.
    /// Default 10,000: a burst may come while the first connection is being made; memory is
    /// bounded by the bytes that are kept.
    pub waiting_max: u32,
    /// How long an exchange waits while the service has no available instance. Default 1 s.
    pub no_instance_wait: Duration,
}

impl Default for QueuePolicy {
    fn default() -> Self {
        Self {
            waiting_max: 10_000,
            no_instance_wait: Duration::from_secs(1),
        }
    }
}
