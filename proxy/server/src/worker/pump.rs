//! Bytes come in: from a ready socket through the scratch buffer into the engine.

use std::io;
use std::task::{Context, Poll};

use weft_engine::ConnId;

use super::ready::Token;
use super::socket::Phase;
use super::{SCRATCH_BYTES, Worker};

/// Bytes that a lingering connection may still send before it is closed for good.
const LINGER_READS_MAX: usize = 4;

impl Worker {
    /// Serves a connection whose socket woke: at most one buffer full of bytes, so that one
    /// busy peer cannot starve the others and a pause takes effect.
    pub(super) fn pump(&mut self, conn: ConnId) {
        let Some(socket) = self.sockets.get_mut(conn) else {
            return;
        };
        match socket.phase {
            Phase::Connecting => return self.check_connect(conn),
            Phase::Lingering => return self.discard(conn),
            Phase::Open => {}
        }
        if socket.write_blocked {
            socket.write_blocked = false;
            self.dirty.push(conn);
        }
        while let Some(read) = self.read(conn) {
            match read {
                Ok(0) => {
                    if let Some(socket) = self.sockets.get_mut(conn) {
                        socket.read_ended = true;
                    }
                    let now = self.now();
                    self.engine.end_of_stream(now, conn);
                    return;
                }
                Ok(n) => {
                    let filled = self.scratch.len() == self.scratch.capacity();
                    self.give(conn, n);
                    if filled {
                        self.again.push(Token::Conn(conn));
                        return;
                    }
                    // A short read has emptied the socket, as far as is known.
                    if !self.may_read(conn) {
                        return;
                    }
                }
                Err(_reset) => return self.lose(conn),
            }
        }
    }

    /// Reads once into the scratch buffer; `None` if there is nothing to read for now.
    fn read(&mut self, conn: ConnId) -> Option<io::Result<usize>> {
        let socket = self.sockets.get_mut(conn)?;
        if socket.paused || socket.read_ended {
            return None;
        }
        self.scratch.clear();
        self.scratch.reserve_exact(SCRATCH_BYTES);
        let mut context = Context::from_waker(&socket.waker);
        match socket.stream.poll_read(&mut context, &mut self.scratch) {
            Poll::Pending => None,
            Poll::Ready(read) => {
                self.counters.reads += 1;
                Some(read)
            }
        }
    }

    /// Whether another read is worth it; if not, the socket's waker tells when it is.
    fn may_read(&mut self, conn: ConnId) -> bool {
        self.sockets.get_mut(conn).is_some_and(|socket| {
            let mut context = Context::from_waker(&socket.waker);
            // A socket that is paused meanwhile is read again when it is resumed.
            !socket.paused && socket.stream.poll_readable(&mut context).is_ready()
        })
    }

    /// Hands the `n` bytes of the scratch buffer to the engine, which may keep the buffer.
    fn give(&mut self, conn: ConnId, n: usize) {
        let now = self.now();
        self.serving = Some((conn, n));
        self.engine.bytes_lent(now, conn, &mut self.scratch);
        self.serving = None;
    }

    /// A connection broke.
    pub(super) fn lose(&mut self, conn: ConnId) {
        self.remove(conn);
        let now = self.now();
        self.engine.closed(now, conn);
    }

    /// The peer takes no more bytes; what it sent before may still be whole answers.
    pub(super) fn lose_after_reading(&mut self, conn: ConnId) {
        for _ in 0..LINGER_READS_MAX {
            match self.read(conn) {
                Some(Ok(n)) if n > 0 => self.give(conn, n),
                _ => break,
            }
        }
        self.lose(conn);
    }

    /// Reads and forgets, so that the kernel does not answer late bytes with a reset that would
    /// take our last words away from the peer.
    fn discard(&mut self, conn: ConnId) {
        for _ in 0..LINGER_READS_MAX {
            match self.read(conn) {
                None => return,
                Some(Ok(n)) if n > 0 => {}
                Some(_) => break,
            }
        }
        self.end_linger(conn);
    }

    /// Closes a lingering connection.
    pub(super) fn end_linger(&mut self, conn: ConnId) {
        if self
            .sockets
            .get_mut(conn)
            .is_some_and(|socket| socket.phase == Phase::Lingering)
        {
            self.remove(conn);
        }
    }
}
