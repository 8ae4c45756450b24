//! What a client is like: everything that a scenario chooses about one.

use weft_codec::Effect;

use crate::network::Port;
use crate::plan::{MS, proxy_port};
use crate::stream::Pace;

/// Which ids a client gives its requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ids {
    /// Always 1 (or 0 where ids have no room).
    Same,
    /// 0, 1, 2 … within the width.
    Sequential,
    /// Any.
    Random,
    /// Any of so many: some come again while their first is in flight.
    Few(u64),
}

/// What a client is like.
#[derive(Clone, Debug)]
pub(crate) struct ClientPlan {
    /// Where it connects.
    pub(crate) port: Port,
    /// Which of the listener's protocols it speaks; 0 is the plan's own.
    pub(crate) protocol: usize,
    /// How many connections it makes, one after the other.
    pub(crate) connections: u32,
    /// Requests on each.
    pub(crate) requests: u32,
    /// In flight at most.
    pub(crate) depth: usize,
    /// Its ids.
    pub(crate) ids: Ids,
    /// Bytes of an id.
    pub(crate) id_bytes: usize,
    /// It matches answers by position.
    pub(crate) in_order: bool,
    /// It waits for the server's greeting.
    pub(crate) greeted: bool,
    /// It logs in as this user first, and relies on it ever after; 0 is nobody.
    pub(crate) user: u8,
    /// Per thousand requests that it cancels as soon as they are written.
    pub(crate) cancel_permille: u32,
    /// The service that it asks for.
    pub(crate) service: u16,
    /// Filler bytes of its requests, from … to.
    pub(crate) body: (u32, u32),
    /// Per thousand requests of `large` filler bytes.
    pub(crate) large_permille: u32,
    /// From … to.
    pub(crate) large: (u32, u32),
    /// Per thousand requests that must be whole.
    pub(crate) whole_permille: u32,
    /// Per thousand requests whose id cannot be patched.
    pub(crate) exclusive_permille: u32,
    /// Per thousand one-ways.
    pub(crate) one_way_permille: u32,
    /// Per thousand requests that must not be executed twice.
    pub(crate) once_permille: u32,
    /// Per thousand requests with a deadline, and which, in milliseconds.
    pub(crate) deadline_permille: (u32, u32),
    /// Per thousand pings before a request.
    pub(crate) ping_permille: u32,
    /// Per thousand requests that do something to the connection, and what.
    pub(crate) effect_permille: (u32, Vec<Effect>),
    /// Nanoseconds before the first connect, from … to.
    pub(crate) start: (u64, u64),
    /// Nanoseconds between requests, from … to.
    pub(crate) think: (u64, u64),
    /// Its stream comes in two pieces, cut at this byte.
    pub(crate) splits_at: Option<u64>,
    /// It leaves after so many bytes of each connection.
    pub(crate) leaves_at: Option<u64>,
    /// Per thousand connections that it leaves at a random byte.
    pub(crate) leaves_permille: u32,
    /// It leaves with a reset.
    pub(crate) rude: bool,
    /// It half-closes after its last request.
    pub(crate) half_closes: bool,
    /// It reads nothing before it has written everything.
    pub(crate) writes_first: bool,
    /// How it reads.
    pub(crate) pace: Pace,
    /// The most that it writes at once.
    pub(crate) write_bytes: usize,
    /// It leaves when an answer takes longer; 0 is never.
    pub(crate) patience: u64,
    /// It sends these bytes instead, so many at a time, so often, and waits to be closed.
    pub(crate) garbage: Option<(Vec<u8>, usize, u64)>,
}

impl ClientPlan {
    /// `requests` idempotent requests of a few bytes, `depth` in flight.
    pub(crate) fn new(choice: crate::codec::Choice, requests: u32, depth: usize) -> Self {
        Self {
            port: proxy_port(0),
            protocol: 0,
            connections: 1,
            requests,
            depth,
            ids: Ids::Sequential,
            id_bytes: choice.id_bytes,
            in_order: choice.id_bytes == 0 || choice.order == weft_codec::Order::InOrder,
            greeted: choice.greets,
            user: 0,
            cancel_permille: 0,
            service: 0,
            body: (0, 64),
            large_permille: 0,
            large: (100_000, 300_000),
            whole_permille: 0,
            exclusive_permille: 0,
            one_way_permille: 0,
            once_permille: 0,
            deadline_permille: (0, 0),
            ping_permille: 0,
            effect_permille: (0, Vec::new()),
            start: (0, MS),
            think: (0, 0),
            splits_at: None,
            leaves_at: None,
            leaves_permille: 0,
            rude: false,
            half_closes: false,
            writes_first: false,
            pace: Pace::default(),
            write_bytes: usize::MAX,
            patience: 0,
            garbage: None,
        }
    }

    /// About how many bytes one connection's requests take.
    pub(super) fn stream_bytes(&self) -> u64 {
        let head = 30 + self.id_bytes as u64;
        let mean = head + u64::from(self.body.0 + self.body.1) / 2;
        let large = u64::from(self.large.0 / 2 + self.large.1 / 2);
        let large = large * u64::from(self.large_permille) / 1_000;
        (mean + large) * u64::from(self.requests)
    }
}
