//! Networks that swallow everything, and what finds them out: the user time-outs of proxies and,
//! much later, keep-alives.

use fastrand::Rng;

use super::pipe::{Conn, End};
use super::{Network, Notice, Owner, Port, Socket, Wire};

/// Bytes of a proxy that are not acknowledged for so long break its lane; four times that its
/// client. Legacy servers and clients have no such limit.
const USER_TIMEOUT: u64 = 5_000_000_000;
/// A silent, cut connection is found out after so long.
const KEEP_ALIVE: u64 = 30_000_000_000;

impl Network {
    /// Silently drops what is sent to and from `port`.
    pub(crate) fn cut(&mut self, now: u64, port: Port) {
        self.cut.insert(port, now);
        let conns: Vec<usize> = self.of_port(port);
        for conn in conns {
            for side in 0..2 {
                self.watch(now, Socket { conn, side });
            }
            self.events.push((now + KEEP_ALIVE, Wire::KeepAlive(conn)));
        }
    }

    /// Looks at a proxy's unacknowledged bytes when their time is over.
    pub(super) fn watch(&mut self, now: u64, from: Socket) {
        if let Some(wait) = self.user_timeout(from) {
            self.events.push((now + wait, Wire::UserTimeout(from)));
        }
    }

    pub(super) fn user_timeout(&self, from: Socket) -> Option<u64> {
        let conn = self.conns.get(&from.conn)?;
        let Owner::Proxy(_) = conn.owners[from.side] else {
            return None;
        };
        Some([USER_TIMEOUT, 4 * USER_TIMEOUT][from.side])
    }

    /// Ends a cut: what was sent meanwhile arrives.
    pub(crate) fn heal(&mut self, now: u64, port: Port) {
        self.cut.remove(&port);
        for conn in self.of_port(port) {
            let Some(c) = self.conns.get(&conn) else {
                continue;
            };
            let at = now + c.link.latency;
            for side in 0..2 {
                if let Some((due, _)) = c.pipes[side].in_flight.front() {
                    let at = at.max(*due);
                    self.events.push((at, Wire::Arrive(Socket { conn, side })));
                }
            }
        }
    }

    /// Keep-alive probes find a cut that lasts.
    pub(super) fn kept_alive(&mut self, now: u64, conn: usize) {
        let over = |since: &u64| now >= since + KEEP_ALIVE;
        if self
            .conns
            .get(&conn)
            .is_some_and(|c| c.ends != [End::Closed; 2] && self.cut.get(&c.port).is_some_and(over))
        {
            self.break_conn(conn);
        }
    }

    /// The kernel gives up the end of a proxy whose oldest bytes were not acknowledged in time. Its
    /// peer hears of that when the cut has healed.
    pub(super) fn user_timed_out(&mut self, now: u64, from: Socket, rng: &mut Rng) {
        let Some(wait) = self.user_timeout(from) else {
            return;
        };
        let unacknowledged = |c: &Conn| {
            let oldest = c.pipes[from.peer().side].in_flight.front();
            // Its time runs from when it was sent, and the cut may be younger.
            oldest.is_some_and(|(due, _)| due + wait < now + 100_000_000)
        };
        let Some(conn) = self.conns.get(&from.conn) else {
            return;
        };
        let open = conn.ends[from.side] == End::Open;
        if open && self.cut.contains_key(&conn.port) && unacknowledged(conn) {
            let owner = conn.owners[from.side];
            self.broken.insert(from.conn);
            self.notices.push((owner, from, Notice::Reset));
            self.reset(now, from, rng);
        }
    }
}
