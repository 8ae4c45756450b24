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
/// Sent bytes at the front of an outbox are moved away once they are this many and the larger
/// part.
const COMPACT_BYTES: usize = 64 << 10;

/// Buffers that were used and wait for use.
#[derive(Debug, Default)]
pub(crate) struct Spares {
    small: Vec<Vec<u8>>,
    large: Vec<Vec<u8>>,
    large_bytes: usize,
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
        if self.bytes.capacity() == 0 {
            self.bytes = spares.take();
        }
        &mut self.bytes
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
