//! One connection of the load generator: what it has asked, and what it asks next.

use super::plan::{Ids, Plan};
use super::stamp::Stamp;
use super::verify::Bodies;
use super::window::{Expect, Waiting, Window};
use crate::stream::Stream;
use crate::wire::{Ask, Protocol, acme, length_id, redis, thrift};

/// Ids are positive where a protocol's ids have a sign.
pub(super) const ID_MASK: u32 = 0x7fff_ffff;

/// The id of every request where all are the same.
pub(super) const SAME_ID: u32 = 1;

/// Values that a connection keeps in Redis at most: an answer that is shifted by less shows.
const VALUES_MAX: usize = 31;

/// All values of one connection take at most this many bytes, but there are at least two.
const VALUE_BYTES_MAX: usize = 1 << 20;

/// One client.
pub(super) struct Client {
    /// Its number among all clients of the run.
    pub(super) number: u32,
    /// Its connection, if it has one.
    pub(super) stream: Option<Stream>,
    /// Whether the connection came about.
    pub(super) established: bool,
    /// How often it has connected.
    pub(super) connects: u32,
    /// When it may connect again, in nanoseconds since the run began.
    pub(super) retry_at_ns: u64,
    /// When the present connection was begun.
    pub(super) connect_ns: u64,
    /// Requests on the present connection.
    pub(super) asked: u64,
    /// What waits for answers.
    pub(super) window: Window,
    /// Whether it stands in the list of those that may send.
    pub(super) listed: bool,
    /// The values that are stored, one bit each.
    stored: u32,
    next_value: u8,
}

impl Client {
    /// A client without a connection.
    pub(super) fn new(number: u32) -> Self {
        Self {
            number,
            stream: None,
            established: false,
            connects: 0,
            retry_at_ns: 0,
            connect_ns: 0,
            asked: 0,
            window: Window::default(),
            listed: false,
            stored: 0,
            next_value: 0,
        }
    }

    /// Forgets what belonged to the last connection.
    pub(super) fn begin_connection(&mut self, stream: Stream, now_ns: u64) {
        self.stream = Some(stream);
        self.established = false;
        self.connects += 1;
        self.connect_ns = now_ns;
        self.asked = 0;
        self.stored = 0;
    }

    /// Whether another request may be sent now.
    pub(super) fn can_send(&self, plan: &Plan) -> bool {
        self.established
            && self.window.open() < plan.in_flight
            && plan.reconnect_every.is_none_or(|most| self.asked < most)
            && self
                .stream
                .as_ref()
                .is_some_and(|stream| !stream.is_stalled())
    }

    /// Whether the connection has carried its share and everything on it is answered.
    pub(super) fn is_used_up(&self, plan: &Plan) -> bool {
        plan.reconnect_every.is_some_and(|most| self.asked >= most) && self.window.open() == 0
    }

    /// Appends one request to what is to be written.
    pub(super) fn send(&mut self, plan: &Plan, bodies: &Bodies, method: usize, intended_ns: u64) {
        let sequence = self.window.next_sequence();
        let name = plan.methods.get(method).map_or("", |m| m.name.as_str());
        let expect = self.expect(plan, name);
        let stamp = self.stamp(expect, sequence);
        let Some(stream) = &mut self.stream else {
            return;
        };
        let out = &mut stream.out;
        self.asked += 1;
        let text = stamp.text(bodies.seed);
        let body = (&text[..], bodies.filling.of(stamp));
        let ask = Ask {
            id: match plan.ids {
                Ids::Same => SAME_ID,
                Ids::Sequential => low_bits(sequence) & ID_MASK,
            },
            service: &plan.service,
            method: name,
            body,
        };
        match plan.protocol {
            Protocol::Thrift => thrift::write_request(&ask, out),
            Protocol::Acme => acme::write_request(&ask, out),
            Protocol::LengthId => length_id::write_request(&ask, out),
            Protocol::Redis => match expect {
                Expect::Echo => redis::write_command(&[name.as_bytes()], Some(body), out),
                Expect::Value(_) => redis::write_command(&[b"GET", &text], None, out),
                Expect::Stored(_) => {
                    let (first, second) = body;
                    redis::write_set(&text, first, second, out);
                }
            },
        }
        if let Expect::Stored(value) = expect {
            self.stored |= 1 << value;
        }
        self.window.push(Waiting {
            intended_ns,
            method,
            expect,
        });
    }

    /// What the answer to the next request must be. A value that is asked for for the first time
    /// is stored instead.
    fn expect(&mut self, plan: &Plan, name: &str) -> Expect {
        if plan.protocol != Protocol::Redis || !matches!(name, "get" | "set") {
            return Expect::Echo;
        }
        let value = self.next_value;
        self.next_value = (value + 1) % values(plan.body_bytes);
        if name == "get" && self.stored & 1 << value != 0 {
            Expect::Value(value)
        } else {
            Expect::Stored(value)
        }
    }

    /// The stamp of the body that the answer to a request must carry. Values carry one of their
    /// own, by connection and place, so that a value is right however often it was stored.
    pub(super) fn stamp(&self, expect: Expect, sequence: u64) -> Stamp {
        Stamp {
            client: self.number,
            sequence: match expect {
                Expect::Echo => sequence & 0xffff_ffff_ffff,
                Expect::Value(value) | Expect::Stored(value) => {
                    u64::from(self.connects) << 8 | u64::from(value)
                }
            },
        }
    }

    /// Notes that a value is gone: it is stored again before it is asked for again.
    pub(super) fn forget(&mut self, expect: Expect) {
        if let Expect::Value(value) | Expect::Stored(value) = expect {
            self.stored &= !(1 << value);
        }
    }
}

fn values(body_bytes: usize) -> u8 {
    let values = (VALUE_BYTES_MAX / body_bytes.max(1)).clamp(2, VALUES_MAX);
    u8::try_from(values).unwrap_or(2)
}

fn low_bits(sequence: u64) -> u32 {
    let [.., a, b, c, d] = sequence.to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}
