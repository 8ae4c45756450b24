//! Finding frames in a stream: limits, resumable state, and what can be wrong.

use std::borrow::Cow;

/// Which side of the mesh sent the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// A client sent them: requests.
    Downstream,
    /// A server sent them: answers.
    Upstream,
}

/// Bounds that a codec checks before it believes a length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest frame that is accepted, in bytes. Default 64 MiB.
    pub frame_bytes_max: u32,
    /// The largest head: how far a codec may read before it must know a frame's extent, id and
    /// keys. Default 64 KiB; it bounds what a slow or hostile peer can make a connection hold.
    pub head_bytes_max: u32,
    /// Frames longer than this are reported as soon as their head is there, and are cut
    /// through. Default 64 KiB.
    pub cut_through_bytes: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            frame_bytes_max: 64 << 20,
            head_bytes_max: 64 << 10,
            cut_through_bytes: 64 << 10,
        }
    }
}

/// What a codec keeps of an unfinished frame between two calls of [`crate::Codec::scan`].
///
/// It is all zero at every frame boundary, and only the codec reads it. A codec uses it to take
/// up a nested or delimited frame where it left it, so that the work stays linear in the bytes.
/// It must not carry anything from one frame to the next: the engine may scan a frame again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScanState {
    /// How many bytes of the unfinished frame have been walked.
    pub walked: u32,
    /// For the codec, for instance elements still to come.
    pub words: [u32; 3],
}

/// How far a scan came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scanned {
    /// The end of the last reported frame, counted from the start of the scanned bytes; 0 if
    /// none was reported. Past the end of those bytes when the last frame is cut through.
    pub consumed: usize,
    /// How many bytes, counted from `consumed`, must be there before another look is worth it.
    /// Never 0.
    pub need: usize,
}

/// Whether the first bytes of a connection are of a protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sniff {
    /// They are.
    Yes,
    /// They cannot be.
    No,
    /// So many bytes must be there to say.
    Need(usize),
}

/// Bytes that are not of the protocol, or beyond a limit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("byte {at}: {reason}")]
pub struct Malformed {
    /// Offset of the offending byte, counted from the start of the scanned bytes.
    pub at: usize,
    /// What is wrong and what was expected, in words.
    pub reason: Cow<'static, str>,
}

impl Malformed {
    /// A complaint at an offset.
    #[must_use]
    pub fn new(at: usize, reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            at,
            reason: reason.into(),
        }
    }
}
