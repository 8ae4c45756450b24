//! A non-blocking socket with the beginning of an unfinished frame and the rest of an unfinished
//! write. Serves the load generator and the sample backend alike, and knows no protocol.

use std::io::{self, Read, Write};

use socket2::Socket;

use crate::poll::Poller;

/// Bytes that one read takes at most.
const CHUNK_BYTES: usize = 128 << 10;

/// A peer that leaves this many bytes untaken is not read until it has taken them.
const UNTAKEN_BYTES_MAX: usize = 1 << 20;

/// What a thread reads into: one for all its streams.
#[derive(Debug)]
pub(crate) struct Scratch {
    chunk: Vec<u8>,
    bytes: Vec<u8>,
}

impl Default for Scratch {
    fn default() -> Self {
        Self {
            chunk: vec![0; CHUNK_BYTES],
            bytes: Vec::new(),
        }
    }
}

impl Scratch {
    /// What is there to be parsed, from a frame's first byte on.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Takes it out, so that its owner can be changed while it is parsed; give it back with
    /// [`Scratch::put_back`].
    pub(crate) fn take_bytes(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    /// Puts back what was taken out.
    pub(crate) fn put_back(&mut self, bytes: Vec<u8>) {
        self.bytes = bytes;
    }
}

/// A socket and what is unfinished about it.
#[derive(Debug)]
pub(crate) struct Stream {
    socket: Socket,
    token: u64,
    partial: Vec<u8>,
    /// What is to be written; append, then [`Stream::flush`].
    pub(crate) out: Vec<u8>,
    written: usize,
    blocked: bool,
}

/// The peer is gone: it closed the connection, or the connection failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gone;

impl Stream {
    /// Watches `socket` under `token`. One whose connection is still under way is watched for
    /// writing at once.
    pub(crate) fn new(
        socket: Socket,
        token: u64,
        connecting: bool,
        poller: &Poller,
    ) -> io::Result<Self> {
        poller.add(&socket, token, connecting)?;
        Ok(Self {
            socket,
            token,
            partial: Vec::new(),
            out: Vec::new(),
            written: 0,
            blocked: connecting,
        })
    }

    /// The error that ended the attempt to connect, if it did end so.
    pub(crate) fn connect_error(&self) -> Option<io::Error> {
        self.socket.take_error().unwrap_or_else(Some)
    }

    /// Reads once; `scratch` then holds what was left over from before and what has come.
    pub(crate) fn read(&mut self, scratch: &mut Scratch) -> Result<(), Gone> {
        scratch.bytes.clear();
        let n = match (&self.socket).read(&mut scratch.chunk) {
            Ok(0) => return Err(Gone),
            Ok(n) => n,
            Err(error) if is_transient(&error) => 0,
            Err(_) => return Err(Gone),
        };
        // Swapped, not copied: a large frame comes in many pieces.
        std::mem::swap(&mut scratch.bytes, &mut self.partial);
        let fresh = scratch.chunk.get(..n).unwrap_or_default();
        scratch.bytes.extend_from_slice(fresh);
        Ok(())
    }

    /// Keeps what is in `scratch` after `used` bytes for the next read.
    pub(crate) fn keep(&mut self, scratch: &mut Scratch, used: usize) {
        if used == 0 {
            std::mem::swap(&mut scratch.bytes, &mut self.partial);
        } else if used < scratch.bytes.len() {
            let rest = scratch.bytes.get(used..).unwrap_or_default();
            self.partial.clear();
            self.partial.extend_from_slice(rest);
        }
    }

    /// Writes as much as the peer takes and watches for it to take the rest.
    pub(crate) fn flush(&mut self, poller: &Poller) -> Result<(), Gone> {
        while let Some(rest) = self.out.get(self.written..).filter(|rest| !rest.is_empty()) {
            match (&self.socket).write(rest) {
                Ok(0) => return Err(Gone),
                Ok(n) => self.written += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.blocked = true;
                    let watched = if self.is_stalled() {
                        poller.pause_reading(&self.socket, self.token)
                    } else {
                        poller.watch_writing(&self.socket, self.token, true)
                    };
                    return watched.map_err(|_| Gone);
                }
                Err(_) => return Err(Gone),
            }
        }
        self.out.clear();
        self.written = 0;
        if self.blocked {
            self.blocked = false;
            poller
                .watch_writing(&self.socket, self.token, false)
                .map_err(|_| Gone)?;
        }
        Ok(())
    }

    /// Whether the peer leaves so much untaken that it should not be asked for more.
    pub(crate) fn is_stalled(&self) -> bool {
        self.blocked && self.out.len() - self.written > UNTAKEN_BYTES_MAX
    }
}

fn is_transient(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}
