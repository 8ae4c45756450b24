//! One port for several protocols: which of them a client's first bytes are of.

use crate::{Codec, Sniff};

/// A codec that still cannot tell after so many bytes is not of this connection. It bounds what
/// an undecided client makes the mesh hold.
pub const SNIFF_BYTES_MAX: usize = 1_024;

/// What the first bytes of a client decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// They are of the codec of this index.
    Is(usize),
    /// So many bytes must be there to say; never fewer than there are.
    Need(usize),
    /// They are of none.
    Nothing,
}

/// Asks each codec about the first bytes. The first that is sure is taken, even where one before
/// it still wants more bytes: those may never come. That no bytes of one protocol are taken for
/// another's is to be seen to before the port opens.
pub fn choose<'c>(codecs: impl IntoIterator<Item = &'c dyn Codec>, prefix: &[u8]) -> Choice {
    let mut need: Option<usize> = None;
    for (index, codec) in codecs.into_iter().enumerate() {
        match codec.sniff(prefix) {
            Sniff::Yes => return Choice::Is(index),
            Sniff::No => {}
            Sniff::Need(bytes) if prefix.len() < SNIFF_BYTES_MAX => {
                let bytes = bytes.clamp(prefix.len().saturating_add(1), SNIFF_BYTES_MAX);
                need = Some(need.map_or(bytes, |known| known.min(bytes)));
            }
            Sniff::Need(_) => {}
        }
    }
    need.map_or(Choice::Nothing, Choice::Need)
}
