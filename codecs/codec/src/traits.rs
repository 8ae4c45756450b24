//! What a protocol is, said once per codec: how answers find their requests, in which order
//! clients want them, what a connection remembers, and what the mesh can say in it.

/// Everything about a protocol that does not depend on a frame.
#[derive(Clone, Debug)]
pub struct Traits {
    /// How an answer on an upstream lane finds its request.
    pub correlation: Correlation,
    /// The order in which downstream clients expect answers, unless a listener forces order.
    pub order: Order,
    /// What a connection remembers between requests.
    pub state: ConnectionState,
    /// The ids of the protocol; `None` where frames carry none.
    pub ids: Option<IdDomain>,
    /// Who sends the first byte of a connection.
    pub speaks_first: Speaker,
    /// Whether servers answer one-way requests all the same.
    pub one_way_answers: OneWayAnswers,
    /// What [`crate::Codec::say`] can say.
    pub says: Sayings,
    /// Names of the keys that [`crate::Codec::field`] can give to rules.
    pub keys: KeyNames,
    /// Balancing where the configuration names none.
    pub balance: Balance,
    /// The smallest number of bytes that can be a frame: fewer bytes cannot hold a head.
    pub frame_bytes_min: u32,
}

/// How an answer on a lane finds the exchange that it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Correlation {
    /// By an id that the answer carries; answers may come in any order.
    ById,
    /// By position: the n-th answer belongs to the n-th request.
    InOrder,
    /// One exchange holds the lane until it is answered.
    Exclusive,
    /// One lane per downstream connection: logins, sessions, server pushes.
    Bound,
    /// No frames are read: bytes are relayed on a bound lane (plain L4).
    Raw,
}

/// The order in which answers go back to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Order {
    /// As they come: the client matches them by id.
    AsReady,
    /// In the order of its requests: the client matches them by position.
    InOrder,
}

/// What a connection remembers between requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConnectionState {
    /// Nothing: every request stands for itself.
    Stateless,
    /// Each head says what its request does to the connection: see [`crate::Effect`].
    PerRequest,
}

/// The ids that a protocol carries.
///
/// The engine, never the codec, allocates the ids of a lane. It draws them from
/// `wire_first..=wire_last`, which a codec chooses so that every id in it encodes in the same
/// number of bytes: then frame lengths do not change from one id to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdDomain {
    /// How ids are written.
    pub kind: IdKind,
    /// The first id that the engine may put on a lane.
    pub wire_first: u64,
    /// The last id that the engine may put on a lane; not below `wire_first`.
    pub wire_last: u64,
}

/// How an id is written on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdKind {
    /// A fixed-width integer of so many bytes, 1 to 8.
    Integer(u8),
    /// A variable-width integer; another id may change the frame's length.
    Varint,
    /// Decimal digits.
    Decimal,
    /// Hexadecimal digits.
    Hex,
    /// Opaque bytes or text of so many bytes.
    Bytes(u8),
}

/// Who sends the first byte of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaker {
    /// The client: almost every RPC protocol.
    Downstream,
    /// The server: greetings, challenges. Needs [`Correlation::Bound`] or [`Correlation::Raw`].
    Upstream,
}

/// Whether servers answer one-way requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OneWayAnswers {
    /// Never: the id is free once the request is written.
    Never,
    /// Some do: the id lingers, and an answer to it is dropped without complaint.
    Maybe,
    /// Always: the answer is awaited and dropped.
    Always,
}

/// What a codec can say in its protocol; `false` means that the connection is closed instead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sayings {
    /// An error answer to one request.
    pub error: bool,
    /// A ping to a peer.
    pub ping: bool,
    /// The answer to a peer's ping.
    pub pong: bool,
    /// A go-away: finish what is in flight and send nothing new.
    pub go_away: bool,
    /// A farewell, to those of the clients with a session whose opening request lets it say one.
    pub farewell: bool,
    /// A cancel of one request.
    pub cancel: bool,
    /// The time that is left, rewritten into a request.
    pub deadline: bool,
}

/// Names of the keys a codec gives to rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyNames {
    /// Keys of a fixed name, for instance `status`.
    pub fixed: Vec<String>,
    /// Prefixes of keys that requests name themselves, for instance `meta.`.
    pub prefixes: Vec<String>,
}

impl KeyNames {
    /// Whether a rule may ask for `name`.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.fixed.iter().any(|key| key == name)
            || self
                .prefixes
                .iter()
                .any(|prefix| name.len() > prefix.len() && name.starts_with(prefix.as_str()))
    }
}

/// Balancing that suits a protocol when the configuration is silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Balance {
    /// Two random choices by peak-EWMA latency.
    PeakEwma,
    /// Ring hash over [`crate::Field::HashKey`]: key-value protocols.
    RingHash,
}
