//! Bytes go out: once per turn, each outbox in one write.

use std::task::{Context, Poll};

use weft_engine::{ConnId, Now};

use super::Worker;
use super::socket::Phase;

impl Worker {
    /// Writes every outbox that has something new or can go on.
    pub(super) fn flush(&mut self) {
        let mut dirty = std::mem::take(&mut self.dirty);
        self.engine.take_dirty(&mut dirty);
        if !dirty.is_empty() {
            let now = self.recent();
            for conn in dirty.drain(..) {
                self.write(now, conn);
            }
        }
        self.dirty = dirty;
    }

    /// Writes one outbox until it is empty or the socket is full.
    fn write(&mut self, now: Now, conn: ConnId) {
        loop {
            let Some(socket) = self.sockets.get_mut(conn) else {
                return;
            };
            if socket.write_blocked || socket.phase != Phase::Open {
                return;
            }
            let outbox = self.engine.outbox(conn);
            if outbox.is_empty() {
                return;
            }
            let mut context = Context::from_waker(&socket.waker);
            match socket.stream.poll_write(&mut context, outbox) {
                Poll::Pending => {
                    socket.write_blocked = true;
                    return;
                }
                Poll::Ready(Ok(n)) if n > 0 => {
                    self.counters.writes += 1;
                    self.engine.wrote(now, conn, n);
                }
                Poll::Ready(_) => {
                    self.counters.writes += 1;
                    return self.lose_after_reading(conn);
                }
            }
        }
    }
}
