//! One connection of the virtual network: its link, its two ends and two directions.

use std::collections::VecDeque;

use super::{Owner, Port};

/// What a link is like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    /// One way, in nanoseconds.
    pub(crate) latency: u64,
    /// Added at random, up to so many nanoseconds.
    pub(crate) jitter: u64,
    /// Bytes per microsecond; 0 is unlimited.
    pub(crate) bandwidth: u64,
    /// Bytes between writer and reader at most: both sockets' buffers.
    pub(crate) buffer: usize,
    /// The largest segment; segments are drawn from 1 to this.
    pub(crate) segment: usize,
    /// Per thousand writes that take only a part although there is room.
    pub(crate) partial_writes: u32,
}

impl Default for Link {
    fn default() -> Self {
        Self {
            latency: 50_000,
            jitter: 20_000,
            bandwidth: 1_000,
            buffer: 128 << 10,
            segment: 32 << 10,
            partial_writes: 50,
        }
    }
}

/// What travels.
#[derive(Debug)]
pub(super) enum Segment {
    Bytes(Vec<u8>),
    Fin,
    Rst,
}

/// One direction: towards the socket of its index.
#[derive(Debug, Default)]
pub(super) struct Pipe {
    pub(super) in_flight: VecDeque<(u64, Segment)>,
    pub(super) received: Vec<u8>,
    pub(super) read: usize,
    pub(super) unread: usize,
    pub(super) last_arrival: u64,
    pub(super) ended: bool,
    pub(super) fin_sent: bool,
    pub(super) blocked: bool,
    pub(super) blocked_times: u64,
    pub(super) told: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Opening,
    Open,
    Closed,
}

#[derive(Debug)]
pub(super) struct Conn {
    pub(super) owners: [Owner; 2],
    pub(super) port: Port,
    pub(super) link: Link,
    pub(super) ends: [End; 2],
    pub(super) reading: [bool; 2],
    pub(super) pipes: [Pipe; 2],
}
