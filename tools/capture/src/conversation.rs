//! Bytes of both directions of a connection, with what is missing of them: what captures, files
//! and hexadecimal texts become before a codec reads them.

use weft_codec::Side;

/// One connection, or bytes that are treated as if they came from one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conversation {
    /// Who speaks to whom, or the file.
    pub name: String,
    /// What is to be said of it before its frames.
    pub notes: Vec<String>,
    /// What the client sent.
    pub downstream: Direction,
    /// What the server sent.
    pub upstream: Direction,
}

impl Conversation {
    /// The bytes that one side sent.
    #[must_use]
    pub fn direction(&self, side: Side) -> &Direction {
        match side {
            Side::Downstream => &self.downstream,
            Side::Upstream => &self.upstream,
        }
    }

    /// A conversation of one side's bytes alone.
    #[must_use]
    pub fn of(name: String, side: Side, bytes: Vec<u8>) -> Self {
        let direction = Direction::of(bytes);
        let mut conversation = Self {
            name,
            ..Self::default()
        };
        match side {
            Side::Downstream => conversation.downstream = direction,
            Side::Upstream => conversation.upstream = direction,
        }
        conversation
    }
}

/// What one side sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Direction {
    /// The bytes that are there, in order; between two runs something is missing.
    pub runs: Vec<Run>,
    /// What is missing, in order.
    pub missing: Vec<Missing>,
}

impl Direction {
    /// One run from the beginning.
    #[must_use]
    pub fn of(bytes: Vec<u8>) -> Self {
        Self {
            runs: vec![Run {
                bytes,
                ..Run::default()
            }],
            missing: Vec::new(),
        }
    }

    /// How many bytes are there.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.runs.iter().map(|run| run.bytes.len()).sum()
    }
}

/// Bytes without a hole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// Where it begins in the stream.
    pub offset: u64,
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Nobody knows whether it begins with a frame: bytes before it are missing.
    pub inside: bool,
    /// Which packet brought the bytes from an offset of the run on, in order.
    pub packets: Vec<(usize, u32)>,
}

impl Run {
    /// The packet that brought the byte at `at`; 0 if the bytes came in no packet.
    #[must_use]
    pub fn packet_at(&self, at: usize) -> u32 {
        let after = self.packets.partition_point(|(from, _)| *from <= at);
        let of = after.checked_sub(1).and_then(|n| self.packets.get(n));
        of.map_or(0, |(_, packet)| *packet)
    }
}

/// Bytes that the capture does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Where they begin in the stream.
    pub offset: u64,
    /// How many.
    pub bytes: u64,
    /// The packet after which they should stand: of the last byte before them, or 0.
    pub after_packet: u32,
}
