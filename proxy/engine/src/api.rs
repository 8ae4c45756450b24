//! What passes between the engine and its shell besides bytes.

use std::time::Duration;

use weft_model::InstanceAddress;

/// A connection of this engine, downstream or upstream. Never reused: events for a connection
/// that is gone are ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnId(pub(crate) u64);

impl ConnId {
    /// A number for tables and logs: the low 32 bits are an index that is small and used again,
    /// on each side for itself; the others tell its successive users apart.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }
}

/// What the shell must do, in order. See [`crate::Engine::take_actions`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Connect to `address`, then call `connected` or `connect_failed`.
    Open {
        /// The new upstream connection.
        conn: ConnId,
        /// Where to.
        address: InstanceAddress,
        /// Give up after so long and report [`ConnectFailure::TimedOut`].
        timeout: Duration,
    },
    /// Close the connection now; unwritten bytes are dropped. No event for it is expected after.
    Close {
        /// The connection, known to the engine no longer.
        conn: ConnId,
        /// Why, for logs and metrics.
        cause: CloseCause,
    },
    /// Half-close: no more bytes will be written, reading goes on. The outbox is empty.
    ShutdownWrite {
        /// The connection.
        conn: ConnId,
    },
    /// Stop reading.
    Pause {
        /// The connection.
        conn: ConnId,
    },
    /// Read again.
    Resume {
        /// The connection.
        conn: ConnId,
    },
    /// Something that an operator should read; the shell limits its rate.
    Report {
        /// The connection it is about.
        conn: ConnId,
        /// What happened, in one line, with offsets and limits.
        text: String,
    },
}

/// Why the engine closes a connection: a closed list, and a metric label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseCause {
    /// The peer finished and everything was answered.
    Finished,
    /// Malformed bytes, or over a limit.
    Malformed,
    /// A head or frame took too long to come.
    Stalled,
    /// The peer does not read what it is sent.
    SlowReader,
    /// Idle for too long.
    Idle,
    /// Too many unknown or abandoned ids: answers could be mixed up.
    Untrusted,
    /// The other side of a bound or cut-through relay is gone.
    PeerGone,
    /// The instance was withdrawn or the process drains.
    Drained,
    /// The protocol has no words for what must be said.
    CannotSay,
    /// A reset or an error of the connection.
    Reset,
}

impl CloseCause {
    /// Every cause, in the order of declaration.
    pub const ALL: [Self; 10] = [
        Self::Finished,
        Self::Malformed,
        Self::Stalled,
        Self::SlowReader,
        Self::Idle,
        Self::Untrusted,
        Self::PeerGone,
        Self::Drained,
        Self::CannotSay,
        Self::Reset,
    ];

    /// The metric label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Malformed => "malformed",
            Self::Stalled => "stalled",
            Self::SlowReader => "slow_reader",
            Self::Idle => "idle",
            Self::Untrusted => "untrusted",
            Self::PeerGone => "peer_gone",
            Self::Drained => "drained",
            Self::CannotSay => "cannot_say",
            Self::Reset => "reset",
        }
    }
}

/// Why a connect failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConnectFailure {
    /// Refused by the peer's host.
    Refused,
    /// No answer in time.
    TimedOut,
    /// Anything else: unreachable, no more files, no permission.
    Other,
}

/// Why a connection is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The listener is not in the state that is in force.
    #[error("the listener is gone")]
    UnknownListener,
    /// As many clients as are permitted are connected.
    #[error("too many clients are connected")]
    TooMany,
    /// The engine drains.
    #[error("the proxy is shutting down")]
    Draining,
}

/// Bounds and times of one engine that are not a policy. All have the defaults of the design.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Clients at once. Default 100,000.
    pub clients_max: usize,
    /// Exchanges in flight at once over all clients. Default 100,000.
    pub exchanges_max: usize,
    /// Exchanges in flight on one client connection; more are not read. Default 128.
    pub client_in_flight_max: u32,
    /// A client whose unsent answers exceed this is not read. Default 32 KiB.
    pub client_outbox_pause_bytes: usize,
    /// The same for clients that want answers in order: they write whole pipelines before they
    /// read. Default 16 MiB.
    pub ordered_outbox_pause_bytes: usize,
    /// Sum of all bytes held for clients in answers. Default 256 MiB.
    pub answer_bytes_max: usize,
    /// A lane whose unsent requests exceed this takes nothing new. Default 1 MiB.
    pub lane_outbox_pause_bytes: usize,
    /// Spill for a reader that stalls inside a large answer. Default 1 MiB.
    pub stream_spill_bytes: usize,
    /// While others wait, such a reader must take a 64th of the spill within this, again and
    /// again, or is closed. Default 250 ms, so 64 KiB per second.
    pub stream_stall: Duration,
    /// Sum of all requests kept for retries and queues. Default 16 MiB.
    pub kept_bytes_max: usize,
    /// From the first byte of a frame until it is there, or, if it is cut through, its head; and a
    /// second more for each KiB that came. Default 10 s.
    pub head_timeout: Duration,
    /// A started frame that gets no byte for so long ends its connection. Default 30 s.
    pub frame_stall_timeout: Duration,
    /// A client without bytes and without exchanges for so long is closed; zero is never.
    /// Default zero.
    pub client_idle_timeout: Duration,
    /// An in-order lane closes so long after its head exchange timed out. Default 5 s.
    pub tombstone_grace: Duration,
    /// The id of a one-way request that servers may answer stays reserved so long. Default 30 s.
    pub one_way_linger: Duration,
    /// Reconnects to a failing instance are spaced from this … Default 100 ms.
    pub reconnect_min: Duration,
    /// … up to this, with full jitter. Default 60 s.
    pub reconnect_max: Duration,
    /// Unknown ids from one lane before it is closed. Default 8.
    pub unknown_answers_max: u32,
    /// Whether to collect one [`crate::AccessRecord`] per exchange. Default false.
    pub access_records: bool,
    /// What this proxy calls itself to the proxies that it asks, at most 1,024 bytes; nothing if it
    /// is empty, as by default.
    pub name: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            clients_max: 100_000,
            exchanges_max: 100_000,
            client_in_flight_max: 128,
            client_outbox_pause_bytes: 32 << 10,
            ordered_outbox_pause_bytes: 16 << 20,
            answer_bytes_max: 256 << 20,
            lane_outbox_pause_bytes: 1 << 20,
            stream_spill_bytes: 1 << 20,
            stream_stall: Duration::from_millis(250),
            kept_bytes_max: 16 << 20,
            head_timeout: Duration::from_secs(10),
            frame_stall_timeout: Duration::from_secs(30),
            client_idle_timeout: Duration::ZERO,
            tombstone_grace: Duration::from_secs(5),
            one_way_linger: Duration::from_secs(30),
            reconnect_min: Duration::from_millis(100),
            reconnect_max: Duration::from_secs(60),
            unknown_answers_max: 8,
            access_records: false,
            name: String::new(),
        }
    }
}

impl Settings {
    /// What a reader must take within [`Settings::stream_stall`] while others wait for it.
    pub(crate) const fn stream_stall_bytes(&self) -> usize {
        self.stream_spill_bytes / 64
    }
}
