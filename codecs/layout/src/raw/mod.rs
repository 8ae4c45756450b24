//! A description as it is written: serde types and nothing else. What the words mean, and
//! whether they fit together, is the business of `check`.

mod frame;
mod types;

use serde::Deserialize;

pub(crate) use frame::{Amount, BitRange, Counts, Element, Entry, Field, Inside, Item, Over, Part};
pub(crate) use types::{Bytes, Extent, IdType, IntType, Pairs, Tag, When};

use crate::pattern::Pattern;

/// The whole description.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Protocol {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) endian: Endian,
    pub(crate) frame: Vec<Field>,
    #[serde(default)]
    pub(crate) kinds: Vec<Rule<KindWord>>,
    #[serde(default)]
    pub(crate) more: Option<When>,
    #[serde(default)]
    pub(crate) service: Option<String>,
    #[serde(default)]
    pub(crate) method: Option<String>,
    #[serde(default)]
    pub(crate) idempotent: Vec<String>,
    #[serde(default)]
    pub(crate) keys: Vec<String>,
    #[serde(default)]
    pub(crate) hash_keys: Vec<String>,
    #[serde(default)]
    pub(crate) names: Pairs<String, Pairs<Pattern, String>>,
    #[serde(default)]
    pub(crate) deadline: Option<Deadline>,
    #[serde(default)]
    pub(crate) status: Option<Status>,
    #[serde(default)]
    pub(crate) verdicts: Vec<Rule<VerdictWord>>,
    #[serde(default)]
    pub(crate) ids: Option<Ids>,
    #[serde(default)]
    pub(crate) correlation: Option<Correlation>,
    #[serde(default)]
    pub(crate) order: Option<Order>,
    #[serde(default)]
    pub(crate) state: Option<State>,
    #[serde(default)]
    pub(crate) connection: Vec<Rule<EffectWord>>,
    #[serde(default)]
    pub(crate) quiet: Vec<Rule<Quiet>>,
    #[serde(default)]
    pub(crate) speaks_first: Option<Speaker>,
    #[serde(default)]
    pub(crate) one_way_answers: Option<OneWayAnswers>,
    #[serde(default)]
    pub(crate) replies: Replies,
}

/// The order of bytes in integers that do not say their own.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
pub(crate) enum Endian {
    #[default]
    Big,
    Little,
}

/// What fields mean: the first line whose condition holds says it.
#[derive(Debug, Deserialize)]
pub(crate) enum Rule<W> {
    When(When, W),
    Otherwise(W),
}

impl<W> Rule<W> {
    /// What it says.
    pub(crate) fn says(&self) -> &W {
        match self {
            Self::When(_, what) | Self::Otherwise(what) => what,
        }
    }
}

impl<W: Copy> Rule<W> {
    /// The same of a word.
    pub(crate) fn word(&self) -> W {
        *self.says()
    }
}

/// What a frame is.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub(crate) enum KindWord {
    Request,
    OneWay,
    Answer,
    Push,
    Ping,
    Pong,
    GoAway,
    Cancel,
    Handshake,
    /// A request from a client, an answer from a server.
    Message,
}

/// Where the deadline stands, and its unit.
#[derive(Debug, Deserialize)]
pub(crate) enum Deadline {
    Seconds(String),
    Millis(String),
    Micros(String),
}

/// Where the status of an answer stands, and what its values mean.
#[derive(Debug, Deserialize)]
pub(crate) enum Status {
    Of(String, Vec<(Pattern, VerdictWord)>),
}

/// What a status means.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub(crate) enum VerdictWord {
    Ok,
    ApplicationError,
    Overload,
    NotExecuted,
    Unavailable,
}

/// The ids that the mesh may put on a lane.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ids {
    pub(crate) first: u64,
    pub(crate) last: u64,
}

/// How an answer finds its request.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub(crate) enum Correlation {
    ById,
    InOrder,
    Exclusive,
    Bound,
}

/// The order that clients expect.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub(crate) enum Order {
    AsReady,
    InOrder,
}

/// What a connection remembers.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub(crate) enum State {
    Stateless,
}

/// What a request does to its connection.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub(crate) enum EffectWord {
    /// Nothing.
    Nothing,
    /// Belongs to every connection that serves this client: replayed on new ones.
    Login,
    /// The same, where a connection takes it only once.
    LoginOnce,
    /// The mesh answers it itself.
    Local,
    Pin,
    Unpin,
    Session,
    Tunnel,
    Blocking,
    Quit,
}

/// An operation that servers answer only sometimes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Quiet {
    /// The fields that make it one that is always answered.
    pub(crate) loud: Pairs<String, Pattern>,
    /// Which answers to that its caller does not want.
    pub(crate) silent: When,
}

/// Who sends the first byte of a connection.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub(crate) enum Speaker {
    Client,
    Server,
}

/// Whether servers answer one-way requests.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub(crate) enum OneWayAnswers {
    Never,
    Maybe,
    Always,
}

/// What the mesh says itself.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Replies {
    #[serde(default)]
    pub(crate) error: Option<Reply>,
    /// The same, by what the request is; the first that holds is said.
    #[serde(default)]
    pub(crate) errors: Vec<Rule<Reply>>,
    /// The last word to a client with a tunnel, by the request that opened it.
    #[serde(default)]
    pub(crate) farewells: Vec<Rule<Reply>>,
    #[serde(default)]
    pub(crate) ping: Option<Reply>,
    #[serde(default)]
    pub(crate) pong: Option<Reply>,
    #[serde(default)]
    pub(crate) go_away: Option<Reply>,
    /// The answer to what the mesh answers itself.
    #[serde(default)]
    pub(crate) local: Option<Reply>,
    #[serde(default)]
    pub(crate) cancel: Option<Reply>,
}

/// One frame of the mesh's own.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reply {
    #[serde(default)]
    pub(crate) kind: Option<KindWord>,
    #[serde(default)]
    pub(crate) status: Option<ReplyStatus>,
    #[serde(default)]
    pub(crate) set: Pairs<String, Pattern>,
    #[serde(default)]
    pub(crate) echo: Vec<String>,
    #[serde(default)]
    pub(crate) words: Option<String>,
}

/// The status of an error reply.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub(crate) enum ReplyStatus {
    /// Always this one.
    Is(Pattern),
    /// This one for the first proxy error, the next for the second, and so on.
    From(u64),
}
