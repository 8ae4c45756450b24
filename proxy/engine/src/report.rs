//! What the engine tells about itself: records of exchanges and snapshots of its tables.

use std::time::Duration;

use weft_codec::ProxyError;

use crate::{ConnId, Nanos};

/// The one end of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The server's answer was handed to the client's outbox, or the mesh answered itself.
    Answered,
    /// It ended with a proxy error.
    Failed(ProxyError),
    /// It was refused before it was given to an instance, for want of room.
    Shed(ProxyError),
    /// A one-way request was written to its lane.
    Sent,
    /// The client went away or gave it up first.
    Cancelled,
}

/// One exchange, told after its end.
#[derive(Clone, Debug)]
pub struct AccessRecord {
    /// The client's connection.
    pub client: ConnId,
    /// The caller's id as a number, as the codec reads it.
    pub caller_id: u64,
    /// The listener's name.
    pub listener: String,
    /// The route's name, if one took it.
    pub route: Option<String>,
    /// The service's name, if a route took it.
    pub service: Option<String>,
    /// The instance of the last attempt.
    pub instance: Option<String>,
    /// How often it was handed to a lane or a queue.
    pub attempts: u8,
    /// How often the proxy that asked had sent it before, where that is another Weft proxy.
    pub sent_before: u8,
    /// When its first byte was read.
    pub began: Nanos,
    /// From then until its outcome.
    pub took: Duration,
    /// How it ended.
    pub outcome: Outcome,
}

/// Counters of one engine since it began; the reader sums over workers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Clients accepted.
    pub clients_accepted: u64,
    /// Clients refused at accept.
    pub clients_refused: u64,
    /// Lanes opened.
    pub lanes_opened: u64,
    /// Connects that failed.
    pub connects_failed: u64,
    /// Connections closed by the engine, by [`crate::CloseCause`] in its order.
    pub closed: [u64; crate::CloseCause::ALL.len()],
    /// Exchanges accepted: the sum of the outcomes and of those in flight.
    pub accepted: u64,
    /// Exchanges answered.
    pub answered: u64,
    /// Exchanges failed, by [`ProxyError`] in its order.
    pub failed: [u64; ProxyError::ALL.len()],
    /// Exchanges shed, by [`ProxyError`] in its order.
    pub shed: [u64; ProxyError::ALL.len()],
    /// One-way requests written.
    pub sent: u64,
    /// Exchanges whose client left first.
    pub cancelled: u64,
    /// Retries after bytes were written.
    pub retries: u64,
    /// Attempts moved elsewhere before a byte was written.
    pub requeues: u64,
    /// Retries that the budget refused.
    pub retries_refused: u64,
    /// Answers to abandoned exchanges, dropped.
    pub late_answers: u64,
    /// Answers under ids that were never given out, or twice answered, dropped.
    pub unknown_answers: u64,
    /// Frames malformed or over a limit, by side: downstream, upstream.
    pub malformed: [u64; 2],
    /// Pings answered.
    pub pings: u64,
    /// Pings of ours to silent servers.
    pub pings_said: u64,
    /// Requests given up towards servers.
    pub cancels_said: u64,
    /// Clients told to go away.
    pub go_aways_said: u64,
    /// Pushes from servers relayed.
    pub pushes: u64,
    /// Requests cut through in pieces.
    pub streamed_requests: u64,
    /// Answers cut through in pieces.
    pub streamed_answers: u64,
    /// Lanes found to serve one request at a time.
    pub serial_lanes: u64,
    /// Panics of codecs, each of which ended the connection whose bytes were read.
    pub codec_panics: u64,
    /// Bytes read from clients.
    pub downstream_bytes_in: u64,
    /// Bytes written to clients.
    pub downstream_bytes_out: u64,
    /// Bytes read from servers.
    pub upstream_bytes_in: u64,
    /// Bytes written to servers.
    pub upstream_bytes_out: u64,
}

/// The tables of one engine at a moment, for the admin endpoint and tests.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Version of the state in force.
    pub state_version: u64,
    /// Counters.
    pub counters: Counters,
    /// Exchanges in flight.
    pub exchanges: usize,
    /// Exchanges waiting for an instance or a lane.
    pub waiting: usize,
    /// Bytes held in answers for clients.
    pub answer_bytes: usize,
    /// Bytes of requests kept for retries and queues.
    pub kept_bytes: usize,
    /// Client connections.
    pub clients: Vec<ClientView>,
    /// Upstream connections.
    pub lanes: Vec<LaneView>,
    /// Services and their instances.
    pub services: Vec<ServiceView>,
}

/// A client connection.
#[derive(Clone, Debug)]
pub struct ClientView {
    /// The connection.
    pub conn: ConnId,
    /// Its listener's name.
    pub listener: String,
    /// Exchanges in flight.
    pub in_flight: u32,
    /// Unsent bytes.
    pub outbox_bytes: usize,
    /// Bytes of a partial frame, or of frames that wait their turn.
    pub held_bytes: usize,
    /// Whether it is not being read.
    pub paused: bool,
    /// Whether it is bound or pinned to a lane of its own.
    pub pinned: bool,
    /// What it calls itself, if it is another Weft proxy: claimed, not verified.
    pub source: Option<String>,
    /// Age.
    pub age: Duration,
}

/// An upstream connection.
#[derive(Clone, Debug)]
pub struct LaneView {
    /// The connection.
    pub conn: ConnId,
    /// Its service's name.
    pub service: String,
    /// Its instance's id.
    pub instance: String,
    /// `shared`, `bulk`, `exclusive` or `bound`.
    pub class: &'static str,
    /// `connecting`, `login`, `ready` or `closing`.
    pub state: &'static str,
    /// Exchanges in flight.
    pub in_flight: u32,
    /// Abandoned ids or tombstones.
    pub abandoned: u32,
    /// Unsent bytes.
    pub outbox_bytes: usize,
    /// Age.
    pub age: Duration,
}

/// A service.
#[derive(Clone, Debug)]
pub struct ServiceView {
    /// Its name.
    pub name: String,
    /// The worker that alone serves it, if it has too few lanes for all.
    pub home: Option<usize>,
    /// Exchanges waiting in it.
    pub waiting: usize,
    /// Its instances.
    pub instances: Vec<InstanceView>,
}

/// An instance.
#[derive(Clone, Debug)]
pub struct InstanceView {
    /// Its id.
    pub id: String,
    /// Its address.
    pub address: String,
    /// `up`, `down` (cannot be connected), `draining`.
    pub state: &'static str,
    /// Why, in words, if it is not up.
    pub reason: String,
    /// Lanes that stand. An instance that is up and has none has not been tried since it was last
    /// reached, or ever.
    pub lanes: usize,
    /// Exchanges in flight.
    pub in_flight: u32,
    /// Peak-EWMA latency.
    pub latency: Duration,
    /// Exchanges answered well since the start.
    pub ok: u64,
    /// Exchanges that failed on it since the start, application errors not counted.
    pub failed: u64,
    /// Latency quantiles since the start: 50 %, 90 %, 99 %, 99.9 %.
    pub quantiles: [Duration; 4],
}
