//! What must be remembered of a request to answer it.

use smallvec::SmallVec;

/// What a codec remembers of a request so that an answer, or an error, fits it: the caller's id
/// byte for byte, and whatever else clients expect back (opcode, method name, version, session).
///
/// Written by [`crate::Codec::remember`], read by [`crate::Codec::emit`] and
/// [`crate::Codec::say`]; opaque to everyone else. Up to 48 bytes stand inline; more are
/// allocated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// The bytes, in the codec's own format.
    pub bytes: SmallVec<[u8; 48]>,
}

impl Asked {
    /// Forgets everything and keeps the space.
    pub fn clear(&mut self) {
        self.bytes.clear();
    }
}
