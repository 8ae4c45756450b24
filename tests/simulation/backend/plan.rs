//! What a backend is like: everything that a scenario chooses about one.

use weft_codec::Correlation;

use crate::plan::MS;
use crate::stream::Pace;

/// In which order a server works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Serving {
    /// Everything at once, answers as they are ready.
    Concurrent,
    /// Everything at once, answers in order.
    InOrder,
    /// One request at a time on each connection, and pings in their turn.
    Serial,
}

/// What a backend is like.
#[derive(Clone, Debug)]
pub(crate) struct BackendPlan {
    /// Which of the listener's protocols it speaks; 0 is the plan's own.
    pub(crate) protocol: usize,
    /// How it works.
    pub(crate) serving: Serving,
    /// Nanoseconds for one request, from … to.
    pub(crate) delay: (u64, u64),
    /// Per thousand requests that take `tail` nanoseconds instead.
    pub(crate) tail_permille: u32,
    /// From … to.
    pub(crate) tail: (u64, u64),
    /// Filler bytes of answers, from … to.
    pub(crate) body: (u32, u32),
    /// Per thousand answers of `large` filler bytes.
    pub(crate) large_permille: u32,
    /// From … to.
    pub(crate) large: (u32, u32),
    /// Answers are as large as their requests.
    pub(crate) echoes: bool,
    /// Per thousand answers that come in several frames.
    pub(crate) more_permille: u32,
    /// Per thousand requests that are never answered.
    pub(crate) never_permille: u32,
    /// Per thousand answers that are the application's error.
    pub(crate) error_permille: u32,
    /// Per thousand answers `not executed`.
    pub(crate) not_executed_permille: u32,
    /// Per thousand answers `overload`.
    pub(crate) overload_permille: u32,
    /// Per thousand answers that are sent twice.
    pub(crate) repeat_permille: u32,
    /// Per thousand answers after which one comes that nobody asked for.
    pub(crate) unknown_permille: u32,
    /// Per thousand one-ways that are answered.
    pub(crate) one_way_permille: u32,
    /// Per thousand requests at which it sends a ping of its own.
    pub(crate) ping_permille: u32,
    /// Per thousand requests at which it pushes something to the connection.
    pub(crate) push_permille: u32,
    /// It complains of an id that it has not answered yet.
    pub(crate) strict_ids: bool,
    /// It complains of a request that comes before the last one is answered.
    pub(crate) one_at_a_time: bool,
    /// It complains of requests whose user did not log in on their connection.
    pub(crate) logins: bool,
    /// It answers nothing that is cancelled.
    pub(crate) heeds_cancels: bool,
    /// Per thousand requests that make it close the connection at once.
    pub(crate) poison_permille: u32,
    /// It closes a connection after so many answers; 0 is never.
    pub(crate) closes_every: u32,
    /// It closes with a reset.
    pub(crate) rude: bool,
    /// It says go-away some answers before it closes.
    pub(crate) says_go_away: bool,
    /// It reads nothing while it has something to write.
    pub(crate) blocking_writes: bool,
    /// It greets.
    pub(crate) greets: bool,
    /// How it reads.
    pub(crate) pace: Pace,
    /// It takes no connections at the beginning.
    pub(crate) born_dead: bool,
}

impl BackendPlan {
    /// A quick one that works as the protocol says.
    pub(crate) fn for_correlation(correlation: Correlation) -> Self {
        Self {
            protocol: 0,
            serving: match correlation {
                Correlation::ById | Correlation::Exclusive => Serving::Concurrent,
                _ => Serving::InOrder,
            },
            delay: (MS / 10, 2 * MS),
            tail_permille: 0,
            tail: (50 * MS, 100 * MS),
            body: (0, 64),
            large_permille: 0,
            large: (100_000, 300_000),
            echoes: false,
            more_permille: 0,
            never_permille: 0,
            error_permille: 0,
            not_executed_permille: 0,
            overload_permille: 0,
            repeat_permille: 0,
            unknown_permille: 0,
            one_way_permille: 0,
            ping_permille: 0,
            push_permille: 0,
            strict_ids: correlation == Correlation::ById,
            one_at_a_time: false,
            logins: false,
            heeds_cancels: false,
            poison_permille: 0,
            closes_every: 0,
            rude: false,
            says_go_away: false,
            blocking_writes: false,
            greets: false,
            pace: Pace::default(),
            born_dead: false,
        }
    }
}
