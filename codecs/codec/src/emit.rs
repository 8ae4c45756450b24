//! Copying a frame with edits.

use crate::{Asked, Malformed};

/// The id that a copied frame is to carry.
#[derive(Clone, Copy, Debug)]
pub enum NewId<'a> {
    /// The frame's own id stays: bound lanes, untouched frames, protocols without ids.
    Keep,
    /// A lane's id, drawn by the engine from [`crate::IdDomain`].
    Wire(u64),
    /// The caller's own id, as [`crate::Codec::remember`] noted it.
    Callers(&'a Asked),
}

/// What is to be changed while a frame is copied.
#[derive(Clone, Copy, Debug)]
pub struct Rewrite<'a> {
    /// The id to put in.
    pub id: NewId<'a>,
    /// Milliseconds left, to be written into a request that carries a deadline.
    pub deadline_ms: Option<u64>,
}

impl Rewrite<'_> {
    /// Changes nothing: the copy is the frame, byte for byte.
    pub const NOTHING: Rewrite<'static> = Rewrite {
        id: NewId::Keep,
        deadline_ms: None,
    };
}

/// Why a frame could not be copied with its edits. Nothing was appended to the output.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EmitError {
    /// The head does not fit the bytes, or they are not of the protocol.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The frame would grow past what its length field or a limit allows.
    #[error("the patched frame would have {bytes} bytes, over the limit of {limit}")]
    TooLong {
        /// Bytes of the frame with its edits.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// The id does not fit where it must go.
    #[error("id {0} does not fit the protocol's id")]
    Id(u64),
}
