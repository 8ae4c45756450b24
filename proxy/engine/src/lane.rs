//! A lane: one upstream byte stream that carries many exchanges.

use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use weft_codec::{Codec, Correlation, Limits, ScanState};
use weft_model::LanePolicy;

use crate::buffer::Outbox;
use crate::client::{ClientKey, Facets};
use crate::exchange::{Class, ExchangeKey};
use crate::guard::Guarded;
use crate::instance::InstanceKey;
use crate::liveness::Pings;
use crate::pending::{Pending, Slots};
use crate::table::Key;
use crate::wheel::Timer;
use crate::{CloseCause, Nanos};

pub(crate) type LaneKey = Key<Lane>;

/// An upstream connection.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) instance: InstanceKey,
    pub(crate) class: Class,
    pub(crate) facets: Option<Rc<Facets>>,
    /// What is replayed on it first: its facets, less what its founder is about to set.
    pub(crate) login: Option<Rc<Facets>>,
    pub(crate) codec: Arc<Guarded>,
    /// It leads to another proxy and speaks hop.
    pub(crate) hop: bool,
    /// It is one of those of its pool that nothing can be put on yet.
    pub(crate) awaited: bool,
    pub(crate) limits: Limits,
    pub(crate) policy: LanePolicy,
    pub(crate) state: LaneState,
    pub(crate) partial: Vec<u8>,
    pub(crate) scan: ScanState,
    pub(crate) need: usize,
    pub(crate) outbox: Outbox,
    /// Offsets in the outgoing stream: what was queued, and what the socket has taken.
    pub(crate) queued: u64,
    pub(crate) written: u64,
    pub(crate) pending: Pending,
    /// Live exchanges, one-ways not yet written included.
    pub(crate) in_flight: u32,
    /// Abandoned ids or tombstones.
    pub(crate) abandoned: u32,
    /// One-ways by the offset at which they end.
    pub(crate) one_ways: VecDeque<(u64, ExchangeKey)>,
    /// Ids of one-ways that may still be answered, and until when they stay reserved.
    pub(crate) lingering: VecDeque<(Nanos, u64)>,
    /// The client that it belongs to.
    pub(crate) bound: Option<ClientKey>,
    /// The exchange that sets up its facets.
    pub(crate) founder: Option<ExchangeKey>,
    /// A request that goes out in pieces; nobody else may write meanwhile.
    pub(crate) writing: Option<ClientKey>,
    /// An answer that comes in pieces.
    pub(crate) reading: Option<Reading>,
    pub(crate) opened: Nanos,
    /// When something last moved: an answer came, or work came to an idle lane.
    pub(crate) progress: Nanos,
    pub(crate) idle_since: Nanos,
    /// When its head became a timed-out tombstone.
    pub(crate) stuck_since: Option<Nanos>,
    pub(crate) timer: Timer,
    pub(crate) timer_at: Nanos,
    pub(crate) unknown_answers: u32,
    /// When the last answer of a shared lane came.
    pub(crate) answered: Nanos,
    pub(crate) serial_score: u8,
    pub(crate) pings: Pings,
    pub(crate) dirty: bool,
    pub(crate) paused: bool,
    pub(crate) ended: bool,
    pub(crate) shut: bool,
}

/// Where a lane is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LaneState {
    Connecting,
    /// So many answers of the facets' replay are still to come.
    Login(u32),
    Ready,
    /// It takes nothing new and closes when nothing is in flight.
    Retiring(CloseCause),
}

/// An answer that comes in pieces.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    pub(crate) remaining: u64,
    pub(crate) to: ReadTo,
}

/// Where the pieces go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadTo {
    /// Into the client's outbox; the exchange ends with the last piece unless more follows.
    Client {
        client: ClientKey,
        exchange: Option<ExchangeKey>,
        more: bool,
    },
    /// Into the exchange: its turn has not come.
    Held { exchange: ExchangeKey, more: bool },
    /// Nowhere.
    Discard,
}

impl LaneState {
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Login(_) => "login",
            Self::Ready => "ready",
            Self::Retiring(_) => "closing",
        }
    }
}

impl Lane {
    /// Whether a new exchange may be put on it now.
    #[inline]
    pub(crate) fn takes(&self, depth: u32, outbox_bytes_max: usize) -> bool {
        self.state == LaneState::Ready
            && self.in_flight + self.abandoned < depth
            && self.writing.is_none()
            && self.stuck_since.is_none()
            && self.founder.is_none()
            && !self.is_reading_large()
            && self.outbox.len() < outbox_bytes_max
            && self.pending.has_room()
    }

    /// A large answer stops new work: it would wait behind it.
    fn is_reading_large(&self) -> bool {
        self.reading.is_some() && self.class == Class::Shared
    }

    /// Whether its bytes are no frames.
    pub(crate) fn is_raw(&self) -> bool {
        self.codec.traits().correlation == Correlation::Raw
    }

    /// Whether it is for one client, or for one exchange, and carries the client's own ids.
    #[inline]
    pub(crate) fn carries_callers_ids(&self) -> bool {
        matches!(self.class, Class::Bound | Class::Exclusive)
    }

    /// How many exchanges it may carry at once.
    #[inline]
    pub(crate) fn depth(&self) -> u32 {
        match self.class {
            Class::Exclusive | Class::Alone => 1,
            Class::Shared | Class::Bulk | Class::Bound => self.policy.depth,
        }
    }

    /// The number of abandoned exchanges at which it is replaced.
    pub(crate) fn abandoned_max(&self) -> u32 {
        (self.policy.depth / 10).max(16)
    }
}

/// The table of awaited answers that a lane of this class needs.
pub(crate) fn pending(codec: &dyn Codec, class: Class, depth: u32, start: u64) -> Pending {
    let traits = codec.traits();
    match (traits.correlation, traits.ids, class) {
        (Correlation::ById, Some(ids), Class::Shared | Class::Bulk | Class::Alone) => {
            // Room for as many abandoned ids as are tolerated, beside the live ones.
            Pending::ById(Slots::new(ids, depth.saturating_add(16), start))
        }
        _ => Pending::InOrder(VecDeque::new()),
    }
}
