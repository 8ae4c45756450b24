//! How exchanges of a route or service are treated.

use std::time::Duration;

use crate::route::TextMatch;

/// How exchanges of a route or service are treated. Everything has a default.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// From the request's first byte to its outcome, queueing and retries included. Default 30 s.
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
    /// Retries of one exchange after its first attempt; 0 switches them off. Default 2.
    pub retries_max: u8,
    /// The backoff before the n-th retry of a written request is drawn from
    /// `0..min(backoff_max, backoff_base × 2^(n-1))` (full jitter). Default 25 ms.
    pub backoff_base: Duration,
    /// Default 250 ms.
    pub backoff_max: Duration,
    /// Retries permitted per request, as a share, over `budget_window`. Default 0.2.
    pub budget_ratio: f64,
    /// Retries per second that are always permitted. Default 10.
    pub budget_floor_per_second: u32,
    /// Default 10 s.
    pub budget_window: Duration,
    /// Larger requests are not kept for a retry after writing. Default 64 KiB.
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

/// Lanes from one proxy worker to one instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LanePolicy {
    /// Exchanges in flight on one lane; 1 for servers that serve one request at a time per
    /// connection. Default 128.
    pub depth: u32,
    /// Lanes per instance and worker, not counting bound ones. Default 32.
    pub lanes_max: u32,
    /// Default 1 s.
    pub connect_timeout: Duration,
    /// A lane with nothing in flight for so long is closed. Default 60 s.
    pub idle: Duration,
    /// A lane older than this is replaced once it is idle; zero means never. Default zero.
    pub lifetime: Duration,
}

impl Default for LanePolicy {
    fn default() -> Self {
        Self {
            depth: 128,
            lanes_max: 32,
            connect_timeout: Duration::from_secs(1),
            idle: Duration::from_secs(60),
            lifetime: Duration::ZERO,
        }
    }
}

/// Waiting for an instance or a lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuePolicy {
    /// Exchanges of one service that wait in one worker; more are shed. Default 1,000.
    pub waiting_max: u32,
    /// How long an exchange waits while the service has no available instance. Default 1 s.
    pub no_instance_wait: Duration,
}

impl Default for QueuePolicy {
    fn default() -> Self {
        Self {
            waiting_max: 1_000,
            no_instance_wait: Duration::from_secs(1),
        }
    }
}

/// A set of text patterns; matches if one of them does. Empty matches nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patterns(pub Vec<TextMatch>);

impl Patterns {
    /// Whether one pattern matches.
    #[must_use]
    pub fn matches(&self, text: &[u8]) -> bool {
        self.0.iter().any(|pattern| pattern.matches(text))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
