//! Bytes on their way: outboxes, and spare buffers to fill them with. A connection that has
//! nothing to say holds no buffer.

/// A buffer of at most this many bytes is small: for one kept request.
const SMALL_BYTES_MAX: usize = 1 << 10;
/// At most so many small buffers wait for use: 4 MiB at worst.
const SMALL_MAX: usize = 4_096;
/// Buffers of more than this many bytes are given back to the system.
const LARGE_BYTES_MAX: usize = 256 << 10;
/// The room of all large buffers that wait for use.
const LARGE_BYTES_SUM_MAX: usize = 8 << 20;
/// At most so many buffers of the shell's size wait for use: 4 MiB where it reads 256 KiB.
const LENT_MAX: usize = 16;
/// A buffer that is at least one part in so many full is worth taking over: what it holds beside
/// its bytes stays bounded by them.
const LENT_FILL: usize = 4;
/// Sent bytes at the front of an outbox are moved away once they are this many and the larger
/// part.
const COMPACT_BYTES: usize = 64 << 10;

/// Buffers that were used and wait for use.
#[derive(Debug, Default)]
pub(crate) struct Spares {
    small: Vec<Vec<u8>>,
    large: Vec<Vec<u8>>,
    large_bytes: usize,
    /// As the shell lends them, for the shell: nobody else needs so much room.
    lent: Vec<Vec<u8>>,
    /// The room of a buffer that was lent last.
    lent_bytes: usize,
}

impl Spares {
    /// An empty buffer for an outbox, with room if one was spare.
    #[inline]
    pub(crate) fn take(&mut self) -> Vec<u8> {
        let Some(buffer) = self.large.pop() else {
            return self.small.pop().unwrap_or_default();
        };
        self.large_bytes -= buffer.capacity();
        buffer
    }

    /// Where to append in a buffer that has no room before its first byte.
    #[inline]
    pub(crate) fn room<'a>(&mut self, buffer: &'a mut Vec<u8>) -> &'a mut Vec<u8> {
        if buffer.capacity() == 0 {
            *buffer = self.take();
        }
        buffer
    }

    /// A buffer that holds a copy of one request.
    #[inline]
    pub(crate) fn take_copy(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut buffer = if bytes.len() <= SMALL_BYTES_MAX {
            self.small
                .pop()
                .unwrap_or_else(|| Vec::with_capacity(SMALL_BYTES_MAX / 4))
        } else {
            self.take()
        };
        buffer.extend_from_slice(bytes);
        buffer
    }

    /// Takes a buffer back.
    #[inline]
    pub(crate) fn put(&mut self, mut buffer: Vec<u8>) {
        let room = buffer.capacity();
        buffer.clear();
        if room == 0 {
        } else if room == self.lent_bytes {
            if self.lent.len() < LENT_MAX {
                self.lent.push(buffer);
            }
        } else if room <= SMALL_BYTES_MAX {
            if self.small.len() < SMALL_MAX {
                self.small.push(buffer);
            }
        } else if room <= LARGE_BYTES_MAX && self.large_bytes + room <= LARGE_BYTES_SUM_MAX {
            self.large_bytes += room;
            self.large.push(buffer);
        }
    }
}

/// Bytes on their way to an outbox.
pub(crate) enum Piece<'a> {
    /// To be copied.
    Slice(&'a [u8]),
    /// All that was read into a buffer, which may be kept in exchange for another or none.
    Lent(&'a mut Vec<u8>),
}

impl Piece<'_> {
    /// Leaves out what follows the first `n` bytes.
    pub(crate) fn truncate(&mut self, n: usize) {
        match self {
            Self::Slice(bytes) => *bytes = bytes.get(..n).unwrap_or(bytes),
            Self::Lent(buffer) => buffer.truncate(n),
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Slice(bytes) => bytes,
            Self::Lent(buffer) => buffer,
        }
    }
}

/// Unsent bytes of one connection, contiguous.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    bytes: Vec<u8>,
    sent: usize,
}

impl Outbox {
    #[inline]
    pub(crate) fn unsent(&self) -> &[u8] {
        self.bytes.get(self.sent..).unwrap_or_default()
    }

    /// The last `n` of them.
    pub(crate) fn last(&self, n: usize) -> &[u8] {
        let unsent = self.unsent();
        unsent
            .get(unsent.len().saturating_sub(n)..)
            .unwrap_or_default()
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() - self.sent
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.len() == self.sent
    }

    /// Where to append; takes a spare buffer if there is none yet.
    #[inline]
    pub(crate) fn room(&mut self, spares: &mut Spares) -> &mut Vec<u8> {
        spares.room(&mut self.bytes)
    }

    /// Gives a buffer back in which nothing was put.
    #[inline]
    pub(crate) fn rest(&mut self, spares: &mut Spares) {
        if self.bytes.is_empty() && self.bytes.capacity() > 0 {
            spares.put(std::mem::take(&mut self.bytes));
        }
    }

    /// Appends a piece: by taking over the buffer it lies in, where nothing is unsent before it.
    pub(crate) fn append(&mut self, piece: Piece<'_>, spares: &mut Spares) {
        match piece {
            Piece::Lent(buffer)
                if self.is_empty() && buffer.len() >= buffer.capacity() / LENT_FILL =>
            {
                spares.lent_bytes = buffer.capacity();
                let spare = spares.lent.pop().unwrap_or_default();
                let former = std::mem::replace(&mut self.bytes, std::mem::replace(buffer, spare));
                self.sent = 0;
                spares.put(former);
            }
            piece => self.room(spares).extend_from_slice(piece.bytes()),
        }
    }

    /// The first `n` unsent bytes are gone; answers how many that really were.
    pub(crate) fn wrote(&mut self, n: usize, spares: &mut Spares) -> usize {
        let n = n.min(self.len());
        self.sent += n;
        if self.is_empty() {
            self.sent = 0;
            self.bytes.clear();
            spares.put(std::mem::take(&mut self.bytes));
        } else if self.sent >= COMPACT_BYTES && self.sent >= self.bytes.len() / 2 {
            self.bytes.drain(..self.sent);
            self.sent = 0;
        }
        n
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], room: usize) -> Vec<u8> {
        let mut buffer = Vec::with_capacity(room);
        buffer.extend_from_slice(bytes);
        buffer
    }

    #[test]
    fn an_empty_outbox_takes_over_the_buffer_and_gives_it_back_once_it_is_sent() {
        let (mut outbox, mut spares) = (Outbox::default(), Spares::default());
        let mut buffer = read(&[7; 600], 1_000);
        let place = buffer.as_ptr();
        outbox.append(Piece::Lent(&mut buffer), &mut spares);
        assert_eq!((outbox.unsent().as_ptr(), outbox.len()), (place, 600));
        assert!(buffer.is_empty());
        assert_eq!(outbox.wrote(600, &mut spares), 600);
        let mut next = read(&[8; 600], 1_000);
        outbox.append(Piece::Lent(&mut next), &mut spares);
        assert_eq!((next.as_ptr(), next.capacity()), (place, 1_000));
    }

    #[test]
    fn what_follows_unsent_bytes_is_copied_behind_them() {
        let (mut outbox, mut spares) = (Outbox::default(), Spares::default());
        outbox.append(Piece::Slice(b"first "), &mut spares);
        let mut buffer = read(b"second", 8);
        outbox.append(Piece::Lent(&mut buffer), &mut spares);
        assert_eq!(outbox.unsent(), b"first second");
        assert_eq!(buffer, b"second");
    }

    #[test]
    fn a_few_bytes_do_not_hold_a_large_buffer() {
        let (mut outbox, mut spares) = (Outbox::default(), Spares::default());
        let mut buffer = read(b"few", 256 << 10);
        outbox.append(Piece::Lent(&mut buffer), &mut spares);
        assert_eq!(outbox.unsent(), b"few");
        assert!(outbox.bytes.capacity() < 1_000);
    }
}
