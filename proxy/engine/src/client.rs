//! A downstream connection: what the engine knows of one client.

use std::rc::Rc;
use std::sync::Arc;

use weft_codec::{Asked, ScanState};

use crate::buffer::Outbox;
use crate::exchange::{Exchange, ExchangeKey};
use crate::guard::Guarded;
use crate::instance::InstanceKey;
use crate::lane::LaneKey;
use crate::listener::{ListenerRun, RuleRun};
use crate::table::Key;
use crate::wheel::Timer;
use crate::{CloseCause, ConnId, Nanos, Settings};

pub(crate) type ClientKey = Key<Client>;

/// A downstream connection. Small: an idle client costs little more than this.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) listener: Rc<ListenerRun>,
    /// A partial frame, or frames that wait for their turn; empty and without room otherwise.
    pub(crate) partial: Vec<u8>,
    pub(crate) scan: ScanState,
    /// Bytes that must be in `partial` before another scan is worth it.
    pub(crate) need: usize,
    pub(crate) outbox: Outbox,
    /// The oldest and the youngest exchange in flight.
    pub(crate) first: Option<ExchangeKey>,
    pub(crate) last: Option<ExchangeKey>,
    pub(crate) in_flight: u32,
    /// No exchange in flight has a greater id: a greater one cannot be a repetition.
    pub(crate) id_high: u64,
    pub(crate) facets: Option<Rc<Facets>>,
    /// The lane of its own, where the protocol binds or a request pinned it.
    pub(crate) pinned: Option<LaneKey>,
    /// What opened its tunnel.
    pub(crate) tunnel: Option<Box<Tunnel>>,
    /// A request that arrives in pieces.
    pub(crate) pass: Option<Pass>,
    /// The lane whose cut-through answer fills the outbox.
    pub(crate) streaming: Option<LaneKey>,
    /// The lane that is not read because this client does not read.
    pub(crate) blocks: Option<LaneKey>,
    /// When the outbox last moved, or moved far enough while others wait for it.
    pub(crate) moved: Nanos,
    /// Bytes of the outbox that were taken since, while others wait for it.
    pub(crate) taken: usize,
    pub(crate) accepted: Nanos,
    /// When the first byte of `partial` came, and when the last byte came.
    pub(crate) partial_since: Nanos,
    pub(crate) last_read: Nanos,
    pub(crate) timer: Timer,
    pub(crate) timer_at: Nanos,
    /// Failed attempts to get a lane of its own.
    pub(crate) binds: u8,
    pub(crate) flags: Flags,
    pub(crate) tried: Option<InstanceKey>,
}

impl Client {
    /// Whether the next bytes of this exchange's answer may go straight into the outbox.
    #[inline]
    pub(crate) fn is_turn_of(&self, key: ExchangeKey, exchange: &Exchange) -> bool {
        exchange.after.is_none()
            && exchange.answer.is_empty()
            && self.streaming.is_none()
            && (!self.listener.in_order || self.first == Some(key))
    }

    /// Whether it is read and may be read on while there is room for answers: the common case,
    /// in which nobody need be told anything.
    #[inline]
    pub(crate) fn reads_freely(&self, settings: &Settings) -> bool {
        let flags = &self.flags;
        let stopped = flags.paused || flags.full || flags.held || flags.blocked;
        !stopped
            && flags.closing.is_none()
            && self.outbox.len() <= settings.client_outbox_pause_bytes
            && self.outbox.len() <= settings.ordered_outbox_pause_bytes
    }
}

/// What is known of a tunnel.
#[derive(Debug)]
pub(crate) struct Tunnel {
    /// The rule by which it was opened: it holds for all that passes.
    pub(crate) rule: Rc<RuleRun>,
    /// What a farewell must know of the request that opened it.
    pub(crate) opening: Asked,
    /// Whether the server has said anything: before that a farewell would be no answer.
    pub(crate) heard: bool,
}

/// What holds of a client.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Flags {
    /// Listed as having something to write.
    pub(crate) dirty: bool,
    /// The shell was told to stop reading.
    pub(crate) paused: bool,
    /// Frames in `partial` wait until exchanges end or a lane comes.
    pub(crate) held: bool,
    /// They wait until nothing is in flight: no use in looking at them before.
    pub(crate) behind: bool,
    /// Its outbox is too full to read more.
    pub(crate) full: bool,
    /// Others wait on the lane that it blocks.
    pub(crate) hurried: bool,
    /// The lane that takes its cut-through request is too full.
    pub(crate) blocked: bool,
    /// No request passes until everything in flight has ended.
    pub(crate) barrier: bool,
    /// It sends no more.
    pub(crate) ended: bool,
    /// It is listed to be looked at again.
    pub(crate) listed: bool,
    /// A request on its pinned lane was refused: what the lane's transaction would do is not
    /// what the client asked for.
    pub(crate) spoiled: bool,
    /// It keeps its pinned lane until the end.
    pub(crate) session: bool,
    /// It speaks by an earlier version of its protocol's codec, until nothing is in flight.
    pub(crate) outdated: bool,
    /// It is closed once the large request that it is in the middle of is complete.
    pub(crate) leaving: bool,
    /// Its own half was closed towards it (raw).
    pub(crate) shut: bool,
    /// It was told to go away.
    pub(crate) told: bool,
    /// The shell has closed it, or will: what dies with it must not close it again.
    pub(crate) gone: bool,
    /// Close once nothing is in flight and nothing unsent.
    pub(crate) closing: Option<CloseCause>,
}

/// A request that arrives in pieces.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pass {
    /// Bytes still to come.
    pub(crate) remaining: u64,
    pub(crate) to: PassTo,
}

/// Where the pieces go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PassTo {
    /// To the lane that got the head.
    Lane(LaneKey),
    /// Nowhere yet: the exchange waits for a lane, and the client is held.
    Waiting(ExchangeKey),
    /// Nowhere: the exchange has ended.
    Swallow,
}

/// What a client has set up on its connection: replayed on every lane that serves it.
#[derive(Debug, Default)]
pub(crate) struct Facets {
    /// The facet's number and the request that set it, in the order of first setting.
    pub(crate) requests: Vec<(u64, Vec<u8>)>,
    /// The codec of an outdated client, which its lanes must have too; `None` is the service's.
    pub(crate) codec: Option<Arc<Guarded>>,
}

impl Eq for Facets {}

impl PartialEq for Facets {
    fn eq(&self, other: &Self) -> bool {
        let same_codec = match (&self.codec, &other.codec) {
            (None, None) => true,
            (Some(mine), Some(theirs)) => mine.is_same(theirs),
            _ => false,
        };
        same_codec && self.requests == other.requests
    }
}

impl Facets {
    /// These facets with one more, or one changed in its place.
    pub(crate) fn with(old: Option<&Self>, number: u64, request: &[u8]) -> Self {
        let mut requests = old
            .map(|facets| facets.requests.clone())
            .unwrap_or_default();
        match requests.iter_mut().find(|(n, _)| *n == number) {
            Some((_, old)) => *old = request.to_vec(),
            None => requests.push((number, request.to_vec())),
        }
        let codec = old.and_then(|facets| facets.codec.clone());
        Self { requests, codec }
    }

    /// The facets of a client that asked for all to be forgotten.
    pub(crate) fn forgotten(old: Option<&Self>) -> Option<Rc<Self>> {
        let codec = old.and_then(|facets| facets.codec.clone());
        Self::of(Vec::new(), codec)
    }

    /// The same with another codec.
    pub(crate) fn with_codec(old: Option<&Self>, codec: Option<Arc<Guarded>>) -> Option<Rc<Self>> {
        let requests = old.map(|facets| facets.requests.clone());
        Self::of(requests.unwrap_or_default(), codec)
    }

    fn of(requests: Vec<(u64, Vec<u8>)>, codec: Option<Arc<Guarded>>) -> Option<Rc<Self>> {
        let some = !requests.is_empty() || codec.is_some();
        some.then(|| Rc::new(Self { requests, codec }))
    }
}

/// Bit that tells an upstream connection's id.
const UPSTREAM: u64 = 1 << 63;

/// A connection's side and key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Conn {
    Client(ClientKey),
    Lane(LaneKey),
}

impl ConnId {
    pub(crate) const fn of_client(key: ClientKey) -> Self {
        Self(key.bits())
    }

    pub(crate) const fn of_lane(key: LaneKey) -> Self {
        Self(key.bits() | UPSTREAM)
    }

    #[inline]
    pub(crate) const fn side(self) -> Conn {
        if self.0 & UPSTREAM == 0 {
            Conn::Client(ClientKey::from_bits(self.0))
        } else {
            Conn::Lane(LaneKey::from_bits(self.0 & !UPSTREAM))
        }
    }

    /// Whether it leads to a server.
    #[must_use]
    pub const fn is_upstream(self) -> bool {
        self.0 & UPSTREAM != 0
    }
}
