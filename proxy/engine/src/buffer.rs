//! Bytes on their way: outboxes, and spare buffers to fill them with. A connection that has
//! nothing to say holds no buffer.

/// Buffers of at most this many bytes are kept for use again.
const SPARE_BYTES_MAX: usize = 64 << 10;
/// At most so many buffers are kept: 8 MiB at worst.
const SPARES_MAX: usize = 128;
/// Sent bytes at the front of an outbox are moved away once they are this many and the larger
/// part.
const COMPACT_BYTES: usize = 64 << 10;

/// Buffers that were used and wait for use.
#[derive(Debug, Default)]
pub(crate) struct Spares {
    buffers: Vec<Vec<u8>>,
}

impl Spares {
    /// An empty buffer, with room if one was spare.
    #[inline]
    pub(crate) fn take(&mut self) -> Vec<u8> {
        self.buffers.pop().unwrap_or_default()
    }

    /// Takes a buffer back.
    #[inline]
    pub(crate) fn put(&mut self, mut buffer: Vec<u8>) {
        let room = buffer.capacity();
        if room > 0 && room <= SPARE_BYTES_MAX && self.buffers.len() < SPARES_MAX {
            buffer.clear();
            self.buffers.push(buffer);
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
