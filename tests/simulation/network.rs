//! The virtual network: connections with latency, jitter, bandwidth, limited buffers and random
//! segmentation, and everything that goes wrong with them.
//!
//! It knows no engine and no protocol. What must happen later goes into `Wire`'s list of
//! events, which the world moves into its queue.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;

mod cut;
mod pipe;
pub(crate) use pipe::Link;
use pipe::{Conn, End, Pipe, Segment};

/// Who holds an end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Owner {
    /// A client actor.
    Client(usize),
    /// A proxy: its engine and shell.
    Proxy(usize),
    /// A backend actor.
    Backend(usize),
}

/// One end of a connection: side 0 connected, side 1 accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Socket {
    pub(crate) conn: usize,
    pub(crate) side: usize,
}

impl Socket {
    fn peer(self) -> Self {
        Self {
            conn: self.conn,
            side: 1 - self.side,
        }
    }
}

/// A virtual address.
pub(crate) type Port = u16;

/// What happens on the network at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Wire {
    /// The next segment towards this socket arrives.
    Arrive(Socket),
    /// Tell the owner that there is something to read.
    Readable(Socket),
    /// Tell the owner that there is room to write.
    Writable(Socket),
    /// A connect reaches its target.
    Syn(usize),
    /// The connecting side learns that it is connected.
    SynAck(usize),
    /// The connecting side gives up.
    GiveUp(usize),
    /// A silent, cut connection is found out.
    KeepAlive(usize),
    /// The user time-out of a writer on a cut connection.
    UserTimeout(Socket),
    /// The user time-out of a writer whose peer does not read.
    ZeroWindow(Socket, u64),
}

/// What an owner is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    /// A connect succeeded.
    Connected,
    /// A connect was refused.
    Refused,
    /// A connect got no answer.
    TimedOut,
    /// A client came in on this port.
    Accepted(Port),
    /// Bytes, or the end, can be read.
    Readable,
    /// There is room again.
    Writable,
    /// The connection broke.
    Reset,
}

/// What a read gives.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Got {
    /// So many bytes were appended.
    Bytes(usize),
    /// Nothing yet.
    Nothing,
    /// The peer finished.
    End,
}

/// The network.
#[derive(Debug, Default)]
pub(crate) struct Network {
    conns: BTreeMap<usize, Conn>,
    conns_made: usize,
    listening: BTreeMap<Port, (Owner, Link)>,
    cut: BTreeMap<Port, u64>,
    /// Events to come: when, what.
    pub(crate) events: Vec<(u64, Wire)>,
    /// Notices for owners, now.
    pub(crate) notices: Vec<(Owner, Socket, Notice)>,
    /// Connections that a fault broke.
    pub(crate) broken: BTreeSet<usize>,
}

impl Network {
    /// Opens a port for `owner`.
    pub(crate) fn listen(&mut self, port: Port, owner: Owner, link: Link) {
        self.listening.insert(port, (owner, link));
    }

    /// Connects to it are refused from now on.
    pub(crate) fn unlisten(&mut self, port: Port) {
        self.listening.remove(&port);
    }

    fn of_port(&self, port: Port) -> Vec<usize> {
        self.conns
            .iter()
            .filter(|(_, c)| c.port == port)
            .map(|(n, _)| *n)
            .collect()
    }

    /// Breaks every connection to `port`: both ends are told at once.
    pub(crate) fn break_port(&mut self, port: Port) {
        for conn in self.of_port(port) {
            self.break_conn(conn);
        }
    }

    /// Breaks one connection of those that `owner` accepted or made, chosen by `pick`.
    pub(crate) fn break_one(&mut self, owner: Owner, pick: u64) {
        let conns: Vec<usize> = self
            .conns
            .iter()
            .filter(|(_, c)| c.owners.contains(&owner) && c.ends == [End::Open; 2])
            .map(|(n, _)| *n)
            .collect();
        if !conns.is_empty() {
            self.break_conn(conns[(pick % conns.len() as u64) as usize]);
        }
    }

    /// Breaks every connection of `owner`: its process died.
    pub(crate) fn break_owner(&mut self, owner: Owner) {
        let conns: Vec<usize> = self
            .conns
            .iter()
            .filter(|(_, c)| c.owners.contains(&owner))
            .map(|(n, _)| *n)
            .collect();
        for conn in conns {
            self.break_conn(conn);
        }
    }

    fn break_conn(&mut self, conn: usize) {
        self.broken.insert(conn);
        if let Some(c) = self.conns.remove(&conn) {
            for side in 0..2 {
                if c.ends[side] == End::Open {
                    self.notices
                        .push((c.owners[side], Socket { conn, side }, Notice::Reset));
                } else if c.ends[side] == End::Opening && side == 0 {
                    self.notices
                        .push((c.owners[0], Socket { conn, side }, Notice::Refused));
                }
            }
        }
    }

    /// Begins to connect.
    pub(crate) fn connect(
        &mut self,
        now: u64,
        owner: Owner,
        port: Port,
        timeout: u64,
        rng: &mut Rng,
    ) -> Socket {
        let conn = self.conns_made;
        self.conns_made += 1;
        let (target, link) = self
            .listening
            .get(&port)
            .copied()
            .unwrap_or((owner, Link::default()));
        let delay = link.latency + rng.u64(0..=link.jitter);
        self.conns.insert(
            conn,
            Conn {
                owners: [owner, target],
                port,
                link,
                ends: [End::Opening; 2],
                reading: [true; 2],
                pipes: [Pipe::default(), Pipe::default()],
            },
        );
        self.events.push((now + delay, Wire::Syn(conn)));
        self.events.push((now + timeout, Wire::GiveUp(conn)));
        Socket { conn, side: 0 }
    }

    /// Writes what there is room for; the caller gets a notice when there is room again.
    pub(crate) fn write(&mut self, now: u64, from: Socket, bytes: &[u8], rng: &mut Rng) -> usize {
        let to = from.peer();
        let Some(conn) = self.conns.get_mut(&from.conn) else {
            return bytes.len();
        };
        if conn.ends[from.side] != End::Open || conn.pipes[to.side].fin_sent {
            return bytes.len();
        }
        let link = conn.link;
        let pipe = &mut conn.pipes[to.side];
        let mut room = link.buffer.saturating_sub(pipe.unread).min(bytes.len());
        if room > 1 && rng.u32(0..1_000) < link.partial_writes {
            room = rng.usize(1..=room);
        }
        if room < bytes.len() {
            pipe.blocked = true;
            pipe.blocked_times += 1;
            let times = pipe.blocked_times;
            if pipe.unread + room < link.buffer {
                self.events.push((now + 1_000, Wire::Writable(from)));
            }
            if let Some(wait) = self.user_timeout(from) {
                self.events
                    .push((now + wait, Wire::ZeroWindow(from, times)));
            }
        }
        let mut rest = &bytes[..room];
        while !rest.is_empty() {
            let n = rng.usize(1..=link.segment).min(rest.len());
            let (segment, after) = rest.split_at(n);
            rest = after;
            self.send(now, to, Segment::Bytes(segment.to_vec()), rng);
        }
        if self
            .conns
            .get(&from.conn)
            .is_some_and(|c| self.cut.contains_key(&c.port))
        {
            self.watch(now, from);
        }
        room
    }

    fn send(&mut self, now: u64, to: Socket, segment: Segment, rng: &mut Rng) {
        let Some(conn) = self.conns.get_mut(&to.conn) else {
            return;
        };
        let link = conn.link;
        let pipe = &mut conn.pipes[to.side];
        let mut at = now + link.latency + rng.u64(0..=link.jitter);
        at = at.max(pipe.last_arrival);
        if let Segment::Bytes(bytes) = &segment {
            pipe.unread += bytes.len();
            if let Some(wait) = (bytes.len() as u64 * 1_000).checked_div(link.bandwidth) {
                at += wait;
            }
        }
        pipe.last_arrival = at;
        // One event per pipe: with many small segments all of them would make a huge queue.
        if pipe.in_flight.is_empty() {
            self.events.push((at, Wire::Arrive(to)));
        }
        pipe.in_flight.push_back((at, segment));
    }

    /// Reads up to `max` bytes into `into`.
    pub(crate) fn read(&mut self, now: u64, at: Socket, max: usize, into: &mut Vec<u8>) -> Got {
        let peer = at.peer();
        let Some(conn) = self.conns.get_mut(&at.conn) else {
            return Got::Nothing;
        };
        let latency = conn.link.latency;
        let pipe = &mut conn.pipes[at.side];
        let n = max.min(pipe.received.len() - pipe.read);
        if n == 0 {
            return if pipe.ended { Got::End } else { Got::Nothing };
        }
        into.extend_from_slice(&pipe.received[pipe.read..pipe.read + n]);
        pipe.read += n;
        if pipe.read == pipe.received.len() {
            pipe.received.clear();
            pipe.read = 0;
        }
        pipe.unread -= n;
        if pipe.blocked {
            pipe.blocked = false;
            self.events.push((now + latency, Wire::Writable(peer)));
        }
        Got::Bytes(n)
    }

    /// Whether a read would give something.
    pub(crate) fn can_read(&self, at: Socket) -> bool {
        self.conns.get(&at.conn).is_some_and(|c| {
            let pipe = &c.pipes[at.side];
            c.ends[at.side] == End::Open && (pipe.read < pipe.received.len() || pipe.ended)
        })
    }

    /// Asks for no notices of bytes, or for them again.
    pub(crate) fn set_reading(&mut self, now: u64, at: Socket, reading: bool) {
        if let Some(conn) = self.conns.get_mut(&at.conn) {
            conn.reading[at.side] = reading;
            if reading {
                self.events.push((now, Wire::Readable(at)));
            }
        }
    }

    /// No more bytes from this side; reading goes on.
    pub(crate) fn shutdown(&mut self, now: u64, from: Socket, rng: &mut Rng) {
        let to = from.peer();
        if let Some(conn) = self.conns.get_mut(&from.conn)
            && conn.ends[from.side] == End::Open
            && !conn.pipes[to.side].fin_sent
        {
            conn.pipes[to.side].fin_sent = true;
            self.send(now, to, Segment::Fin, rng);
        }
    }

    /// Closes this side: politely, unless bytes that it never read lie there, as sockets do.
    pub(crate) fn close(&mut self, now: u64, at: Socket, rng: &mut Rng) {
        let rude = self
            .conns
            .get(&at.conn)
            .is_some_and(|c| c.pipes[at.side].read < c.pipes[at.side].received.len());
        if rude {
            self.reset(now, at, rng);
        } else {
            self.shutdown(now, at, rng);
            self.end(at);
        }
    }

    /// Closes this side with a reset.
    pub(crate) fn reset(&mut self, now: u64, at: Socket, rng: &mut Rng) {
        let open = self
            .conns
            .get(&at.conn)
            .is_some_and(|c| c.ends[at.side] == End::Open);
        if open {
            self.send(now, at.peer(), Segment::Rst, rng);
        }
        self.end(at);
    }

    fn end(&mut self, at: Socket) {
        if let Some(conn) = self.conns.get_mut(&at.conn) {
            let opening = conn.ends[at.side] == End::Opening;
            conn.ends[at.side] = End::Closed;
            conn.pipes[at.side].received = Vec::new();
            conn.pipes[at.side].read = 0;
            if opening {
                if conn.ends[1] == End::Open {
                    let acceptor = Socket {
                        conn: at.conn,
                        side: 1,
                    };
                    self.notices.push((conn.owners[1], acceptor, Notice::Reset));
                }
                conn.ends = [End::Closed; 2];
            }
            if conn.ends == [End::Closed; 2] {
                self.conns.remove(&at.conn);
            }
        }
    }

    /// Connections of which `owner` still holds an end.
    pub(crate) fn held_by(&self, owner: Owner) -> usize {
        self.conns
            .values()
            .filter(|c| (0..2).any(|side| c.owners[side] == owner && c.ends[side] == End::Open))
            .count()
    }

    /// Something that was scheduled happens.
    pub(crate) fn happen(&mut self, now: u64, what: Wire, rng: &mut Rng) {
        match what {
            Wire::Arrive(to) => self.arrive(now, to, rng),
            Wire::Readable(at) => self.tell_readable(at),
            Wire::Writable(at) => {
                if let Some(conn) = self.conns.get_mut(&at.conn)
                    && conn.ends[at.side] == End::Open
                {
                    conn.pipes[1 - at.side].blocked = false;
                    self.notices
                        .push((conn.owners[at.side], at, Notice::Writable));
                }
            }
            Wire::Syn(conn) => self.syn(now, conn),
            Wire::SynAck(conn) => {
                if let Some(c) = self.conns.get_mut(&conn)
                    && c.ends[0] == End::Opening
                {
                    c.ends[0] = End::Open;
                    let socket = Socket { conn, side: 0 };
                    self.notices.push((c.owners[0], socket, Notice::Connected));
                    self.events.push((now, Wire::Readable(socket)));
                }
            }
            Wire::GiveUp(conn) => {
                if let Some(c) = self.conns.get(&conn)
                    && c.ends[0] == End::Opening
                {
                    let owner = c.owners[0];
                    self.notices
                        .push((owner, Socket { conn, side: 0 }, Notice::TimedOut));
                    if c.ends[1] == End::Open {
                        self.notices
                            .push((c.owners[1], Socket { conn, side: 1 }, Notice::Reset));
                    }
                    self.conns.remove(&conn);
                }
            }
            Wire::ZeroWindow(from, times) => {
                if self.conns.get(&from.conn).is_some_and(|c| {
                    let pipe = &c.pipes[1 - from.side];
                    pipe.blocked && pipe.blocked_times == times
                }) {
                    self.break_conn(from.conn);
                }
            }
            Wire::KeepAlive(conn) => self.kept_alive(now, conn),
            Wire::UserTimeout(from) => self.user_timed_out(now, from, rng),
        }
    }

    fn syn(&mut self, now: u64, conn: usize) {
        let Some(c) = self.conns.get_mut(&conn) else {
            return;
        };
        if c.ends[0] != End::Opening || self.cut.contains_key(&c.port) {
            return;
        }
        let Some((target, _)) = self.listening.get(&c.port) else {
            let owner = c.owners[0];
            self.conns.remove(&conn);
            self.notices
                .push((owner, Socket { conn, side: 0 }, Notice::Refused));
            return;
        };
        c.owners[1] = *target;
        c.ends[1] = End::Open;
        let at = now + c.link.latency;
        self.events.push((at, Wire::SynAck(conn)));
        self.notices
            .push((*target, Socket { conn, side: 1 }, Notice::Accepted(c.port)));
    }

    fn arrive(&mut self, now: u64, to: Socket, rng: &mut Rng) {
        let Some(conn) = self.conns.get_mut(&to.conn) else {
            return;
        };
        if self.cut.contains_key(&conn.port) {
            return;
        }
        let due = conn.pipes[to.side]
            .in_flight
            .front()
            .is_some_and(|f| f.0 <= now);
        if !due {
            return;
        }
        let owner = conn.owners[to.side];
        let segment = conn.pipes[to.side].in_flight.pop_front().map(|(_, s)| s);
        if let Some((next, _)) = conn.pipes[to.side].in_flight.front() {
            self.events.push((*next.max(&now), Wire::Arrive(to)));
        }
        match segment {
            Some(Segment::Bytes(bytes)) => {
                if conn.ends[to.side] == End::Closed {
                    self.refuse(now, to, rng);
                    return;
                }
                conn.pipes[to.side].received.extend_from_slice(&bytes);
                self.tell_readable(to);
            }
            Some(Segment::Fin) => {
                conn.pipes[to.side].ended = true;
                self.tell_readable(to);
            }
            Some(Segment::Rst) => {
                let told = conn.ends[to.side] != End::Closed;
                self.conns.remove(&to.conn);
                if told {
                    self.notices.push((owner, to, Notice::Reset));
                }
            }
            None => {}
        }
    }

    /// Bytes came for a socket that is closed: the sender gets a reset.
    fn refuse(&mut self, now: u64, at: Socket, rng: &mut Rng) {
        let peer = at.peer();
        let answered = self.conns.get(&at.conn).is_none_or(|c| {
            c.pipes[peer.side]
                .in_flight
                .iter()
                .any(|f| matches!(f.1, Segment::Rst))
        });
        if !answered {
            self.send(now, peer, Segment::Rst, rng);
        }
    }

    fn tell_readable(&mut self, at: Socket) {
        let can = self.can_read(at);
        if let Some(conn) = self.conns.get_mut(&at.conn)
            && can
            && conn.reading[at.side]
            && !conn.pipes[at.side].told
        {
            conn.pipes[at.side].told = true;
            self.notices
                .push((conn.owners[at.side], at, Notice::Readable));
        }
    }

    /// The owner looks at a readable socket now: later bytes are told anew.
    pub(crate) fn looked(&mut self, at: Socket) {
        if let Some(conn) = self.conns.get_mut(&at.conn) {
            conn.pipes[at.side].told = false;
        }
    }

    /// Tells the owner again that there is something to read, a little later.
    pub(crate) fn tell_again(&mut self, at: u64, socket: Socket) {
        self.events.push((at, Wire::Readable(socket)));
    }
}
