//! What clients and backends share: the buffers of one connection, and the pace of reading.

use crate::message::{Dialect, Message, Read};
use crate::network::{Got, Socket};
use crate::world::Core;

/// How fast an actor reads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// The most that one read takes.
    pub(crate) bytes: usize,
    /// Nanoseconds between reads; 0 reads all that is there.
    pub(crate) every: u64,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            bytes: 64 << 10,
            every: 0,
        }
    }
}

/// Bytes read and not understood yet, and bytes not written yet.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    input: Vec<u8>,
    seen: usize,
    output: Vec<u8>,
    sent: usize,
    /// The peer finished.
    pub(crate) ended: bool,
    /// Bytes handed to the network since the beginning.
    pub(crate) written: u64,
}

impl Stream {
    /// Appends a message to what is to be written.
    pub(crate) fn say(&mut self, dialect: &dyn Dialect, message: &Message) {
        dialect.write(message, &mut self.output);
    }

    /// Appends bytes to what is to be written.
    pub(crate) fn say_bytes(&mut self, bytes: &[u8]) {
        self.output.extend_from_slice(bytes);
    }

    /// Bytes not written yet.
    pub(crate) fn unsent(&self) -> usize {
        self.output.len() - self.sent
    }

    /// Bytes read of an unfinished message.
    pub(crate) fn partial(&self) -> usize {
        self.input.len() - self.seen
    }

    /// Writes up to `most` bytes; says whether everything is written.
    pub(crate) fn flush(&mut self, core: &mut Core, socket: Socket, most: usize) -> bool {
        let most = most.min(self.unsent());
        let bytes = &self.output[self.sent..self.sent + most];
        if !bytes.is_empty() {
            let n = core.net.write(core.now, socket, bytes, &mut core.rng);
            self.sent += n;
            self.written += n as u64;
        }
        if self.unsent() == 0 {
            self.output.clear();
            self.sent = 0;
            return true;
        }
        if self.sent > 1 << 20 {
            self.output.drain(..self.sent);
            self.sent = 0;
        }
        false
    }

    /// Reads one chunk; says whether there may be more at once.
    pub(crate) fn fill(&mut self, core: &mut Core, socket: Socket, pace: Pace) -> bool {
        let most = core.rng.usize(1..=pace.bytes.max(1)).max(pace.bytes / 2);
        if self.seen > 0 && (self.seen == self.input.len() || self.seen > 1 << 20) {
            self.input.drain(..self.seen);
            self.seen = 0;
        }
        match core.net.read(core.now, socket, most, &mut self.input) {
            Got::Bytes(_) => true,
            Got::Nothing => false,
            Got::End => {
                self.ended = true;
                false
            }
        }
    }

    /// The next whole message.
    pub(crate) fn next(
        &mut self,
        dialect: &dyn Dialect,
        from_client: bool,
    ) -> Result<Option<Message>, String> {
        match dialect.read(&self.input[self.seen..], from_client) {
            Read::Message(message, taken) => {
                self.seen += taken;
                Ok(Some(message))
            }
            Read::More => Ok(None),
            Read::Broken(why) => Err(why),
        }
    }
}
