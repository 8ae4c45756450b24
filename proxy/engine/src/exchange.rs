//! An exchange: one request's whole life in the proxy, from its first byte to its one outcome.

use std::rc::Rc;

use smallvec::SmallVec;
use weft_codec::Asked;

use crate::Nanos;
use crate::client::{ClientKey, Facets};
use crate::instance::InstanceKey;
use crate::lane::LaneKey;
use crate::listener::RuleRun;
use crate::report::Outcome;
use crate::table::Key;
use crate::wheel::Timer;

pub(crate) type ExchangeKey = Key<Exchange>;

/// One request in the proxy. Exists until its outcome, and is in exactly one [`Phase`].
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) client: ClientKey,
    /// What its answer must carry back.
    pub(crate) asked: Asked,
    /// The caller's id as a number, and whether it could be read.
    pub(crate) caller_id: u64,
    pub(crate) has_id: bool,
    /// The rule that took it; it keeps it whatever is configured later.
    pub(crate) rule: Option<Rc<RuleRun>>,
    pub(crate) phase: Phase,
    pub(crate) began: Nanos,
    /// When it was last given to a lane.
    pub(crate) dispatched: Nanos,
    pub(crate) deadline: Nanos,
    pub(crate) timer: Timer,
    /// The whole request as the client sent it, while it waits or may be sent again.
    pub(crate) kept: Option<Vec<u8>>,
    /// The instance of its last attempt.
    pub(crate) instance: Option<InstanceKey>,
    /// Instances that failed it.
    pub(crate) tried: SmallVec<[InstanceKey; 2]>,
    pub(crate) attempts: u8,
    /// Retries after bytes went out.
    pub(crate) retries: u8,
    /// Moves to another instance before a byte went out.
    pub(crate) requeues: u8,
    pub(crate) class: Class,
    pub(crate) idempotent: bool,
    pub(crate) one_way: bool,
    /// It came in a hop frame: its answer goes back in one.
    pub(crate) hop: bool,
    /// Natively it needs a lane of its own until it is answered; on the hop it does not.
    pub(crate) exclusive: bool,
    /// The frame came in pieces: it cannot be sent again.
    pub(crate) streamed: bool,
    /// A frame of its answer went out: it can neither be sent again nor fail in words.
    pub(crate) answer_begun: bool,
    /// Exchanges on its lane when it was dispatched.
    pub(crate) depth: u32,
    /// The client's facets once this is answered well.
    pub(crate) facet: Option<Rc<Facets>>,
    /// Neighbours in its client's list, oldest first.
    pub(crate) previous: Option<ExchangeKey>,
    pub(crate) next: Option<ExchangeKey>,
    /// An older exchange of this client with the same id, which must be answered first.
    pub(crate) after: Option<ExchangeKey>,
    /// The younger one that waits for this.
    pub(crate) before: Option<ExchangeKey>,
    /// An answer that waits for its turn.
    pub(crate) answer: Vec<u8>,
}

/// Where an exchange is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Its instance is not chosen yet.
    New,
    /// No instance is available: it waits in its service.
    Waiting,
    /// Its instance is chosen: it waits for a lane.
    Queued(InstanceKey),
    /// It waits for its next attempt.
    Backoff,
    /// On a lane, under this wire id, at these offsets of the lane's outgoing stream.
    OnLane {
        lane: LaneKey,
        wire_id: u64,
        begin: u64,
        end: u64,
    },
    /// Its outcome is known and its answer waits for its turn.
    Held(Outcome),
}

/// What kind of lane an exchange needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Class {
    /// Shared with everyone of the same key.
    #[default]
    Shared,
    /// For requests that come in pieces.
    Bulk,
    /// For one exchange at a time.
    Exclusive,
    /// One exchange at a time under a wire id like any other: it shares nobody's fate. For
    /// requests for which a server may close the connection.
    Alone,
    /// For one client.
    Bound,
}

impl Class {
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Shared => "shared",
            Self::Bulk => "bulk",
            Self::Exclusive | Self::Alone => "exclusive",
            Self::Bound => "bound",
        }
    }
}
