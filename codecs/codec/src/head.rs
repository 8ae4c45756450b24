//! What is read of a frame: its extent, kind and id, as numbers and spans. Nothing is copied.

/// A range of bytes inside a frame, counted from the frame's first byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Offset of the first byte.
    pub start: u32,
    /// Number of bytes; 0 means absent or empty.
    pub len: u32,
}

impl Span {
    /// A span of `len` bytes at `start`.
    #[must_use]
    pub const fn new(start: u32, len: u32) -> Self {
        Self { start, len }
    }

    /// The span from one offset to another; empty if the second is not behind the first.
    #[must_use]
    #[inline]
    pub fn between(start: usize, end: usize) -> Self {
        let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Self::new(offset(start), offset(end.saturating_sub(start)))
    }

    /// Offset of the byte after the last.
    #[must_use]
    pub const fn end(self) -> u32 {
        self.start.saturating_add(self.len)
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.len == 0
    }

    /// The bytes of this span in `frame`, or `None` if they are not all there.
    #[must_use]
    pub fn of(self, frame: &[u8]) -> Option<&[u8]> {
        frame.get(self.start as usize..self.end() as usize)
    }
}

/// One frame as its codec sees it; at most 64 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// Where the frame begins in the scanned bytes.
    pub start: u32,
    /// Bytes of the whole frame. More than were scanned if the frame is cut through.
    pub frame_bytes: u32,
    /// Bytes that were there and are needed to emit the frame or read a field of it; the rest
    /// of a cut-through frame follows as it comes. Equal to `frame_bytes` for whole frames.
    pub head_bytes: u32,
    /// Where the id stands; empty if the frame has none.
    pub id: Span,
    /// The id as a number; for ids that are no numbers, a hash of their bytes.
    pub id_value: u64,
    /// The method, command or opcode, if it stands in the frame as it is; empty otherwise, and
    /// then [`crate::Codec::field`] may still know it.
    pub method: Span,
    /// What the frame is.
    pub kind: Kind,
    /// Whether its body may pass before it is complete.
    pub cut: Cut,
    /// What a request does to its connection.
    pub effect: Effect,
    /// More frames of the same answer follow.
    pub more: bool,
    /// The id of this request cannot be patched, for instance because it stands under a
    /// compression that only the peers know; or this login can be made only once on a connection.
    /// The request takes a lane of its own until it is answered, and both frames pass with
    /// [`crate::NewId::Keep`]; a lane that took a login ends with the answer.
    pub exclusive: bool,
    /// For the codec alone.
    pub notes: [u32; 4],
}

const _: () = assert!(size_of::<Head>() <= 64, "a head stays within a cache line");

/// What a frame is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Asks for an answer.
    #[default]
    Request,
    /// Asks for none.
    OneWay,
    /// Answers a request.
    Answer,
    /// Comes from a server unasked and takes no place in the order.
    Push,
    /// Asks whether the peer is alive; answered per hop, never forwarded on shared lanes.
    Ping,
    /// Answers a ping.
    Pong,
    /// The peer takes nothing new on this connection.
    GoAway,
    /// Gives up a request in flight, named by its id.
    Cancel,
    /// Belongs to the connection's set-up; passed on bound lanes only.
    Handshake,
}

impl Kind {
    /// The word for it, as people read it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::OneWay => "one-way",
            Self::Answer => "answer",
            Self::Push => "push",
            Self::Ping => "ping",
            Self::Pong => "pong",
            Self::GoAway => "go-away",
            Self::Cancel => "cancel",
            Self::Handshake => "handshake",
        }
    }
}

/// Whether a frame longer than the cut-through limit may be passed on in pieces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Cut {
    /// Everything that is read or patched stands in the head.
    Cuttable,
    /// The same, but it ends in a checksum of what stands before it: the checksum is mended as
    /// the rest passes, by [`crate::Codec::tail`].
    ChecksumTail,
    /// It must be complete first: keys at its end, or a checksum that covers what follows it.
    #[default]
    Whole,
}

/// What a request does to the state of its connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Nothing.
    #[default]
    Stateless,
    /// Changes a facet (protocol version, login, database): once answered well, it becomes
    /// part of the key of the lanes that serve this client, and is replayed on new ones.
    /// [`crate::Field::Facet`] numbers the facet.
    Facet,
    /// The mesh answers it itself, with [`crate::Say::Local`].
    Local,
    /// Like `Local`, and every facet is forgotten.
    Reset,
    /// Like `Local`, and the connection ends after the answer.
    Quit,
    /// May wait for long on the server: takes a lane of its own and has no time limit.
    Blocking,
    /// Opens a state: from here to `Unpin` every request goes to one lane of this client's own.
    Pin,
    /// Opens a state of which nobody knows how it closes: like `Pin`, until the connection ends.
    Session,
    /// Closes the state that `Pin` opened, once it is answered.
    Unpin,
    /// From here on the connection is a tunnel to one lane of its own: frames pass both ways,
    /// answers are not counted against requests (subscriptions, monitors, replies switched off).
    Tunnel,
}
