//! A conversation as a codec reads it: frames of both sides in the order in which they came, what
//! is missing, and where reading ends.

use std::collections::{HashMap, VecDeque};

use weft_codec::{Codec, Correlation, Head, Kind, Limits, Part, Parts, ScanState, Side};

use weft_capture::{Conversation, Missing, Run};

/// How many bytes around a fault are kept to be shown.
const AROUND_BYTES: usize = 64;

/// What was found in a conversation.
#[derive(Debug)]
pub(crate) enum Event<'c> {
    Frame(Frame<'c>),
    Broken(Broken<'c>),
    Unfinished(Unfinished<'c>),
    Missing(Side, Missing),
}

/// A frame.
#[derive(Clone, Debug)]
pub(crate) struct Frame<'c> {
    /// Its number in the conversation, from 1.
    pub(crate) number: u32,
    pub(crate) side: Side,
    /// Where it begins in its side's stream.
    pub(crate) offset: u64,
    /// The packet that made it whole; 0 if it came in none.
    pub(crate) packet: u32,
    pub(crate) head: Head,
    pub(crate) bytes: &'c [u8],
    /// The frame that it answers.
    pub(crate) answers: Option<u32>,
}

/// Where a stream cannot be read any further.
#[derive(Debug)]
pub(crate) struct Broken<'c> {
    pub(crate) side: Side,
    /// The byte that is wrong, in its side's stream.
    pub(crate) offset: u64,
    pub(crate) packet: u32,
    pub(crate) reason: String,
    /// Where the frame begins that it is in.
    pub(crate) frame_at: u64,
    /// The last frame of this side that was good.
    pub(crate) last_good: Option<u32>,
    /// The parts of the broken frame that could be read.
    pub(crate) parts: Vec<Part>,
    /// The first bytes of the broken frame.
    pub(crate) bytes: &'c [u8],
    /// The part that the wrong byte is in, or that it follows.
    pub(crate) field: Option<String>,
    /// Bytes before this run are missing, so it may begin inside a frame.
    pub(crate) inside: bool,
}

/// A frame whose end did not come.
#[derive(Debug)]
pub(crate) struct Unfinished<'c> {
    pub(crate) side: Side,
    pub(crate) offset: u64,
    pub(crate) packet: u32,
    /// How many bytes of it are needed, as far as that is known.
    pub(crate) need: usize,
    pub(crate) bytes: &'c [u8],
    pub(crate) parts: Vec<Part>,
}

impl Event<'_> {
    /// The packet by which it is ordered.
    fn packet(&self) -> u32 {
        match self {
            Self::Frame(frame) => frame.packet,
            Self::Broken(broken) => broken.packet,
            Self::Unfinished(unfinished) => unfinished.packet,
            Self::Missing(_, missing) => missing.after_packet,
        }
    }
}

/// Bounds for frames that are only looked at: the largest ones, and none cut through.
pub(crate) fn limits() -> Limits {
    Limits {
        cut_through_bytes: u32::MAX,
        ..Limits::default()
    }
}

/// Reads both sides.
pub(crate) fn read<'c>(codec: &dyn Codec, conversation: &'c Conversation) -> Vec<Event<'c>> {
    let mut events = Vec::new();
    for side in [Side::Downstream, Side::Upstream] {
        let direction = conversation.direction(side);
        for run in &direction.runs {
            read_run(codec, side, run, &mut events);
        }
        let missing = direction.missing.iter();
        events.extend(missing.map(|missing| Event::Missing(side, *missing)));
    }
    // Stable: what came in one packet, or in none, stays in the order of its bytes.
    events.sort_by_key(Event::packet);
    number(codec, &mut events);
    events
}

fn read_run<'c>(codec: &dyn Codec, side: Side, run: &'c Run, events: &mut Vec<Event<'c>>) {
    let mut heads = Vec::new();
    let mut state = ScanState::default();
    let scanned = codec.scan(side, &limits(), &mut state, &run.bytes, &mut heads);
    let mut end = 0usize;
    for head in &heads {
        let start = head.start as usize;
        end = start.saturating_add(head.frame_bytes as usize);
        events.push(Event::Frame(Frame {
            number: 0,
            side,
            offset: at(run, start),
            packet: run.packet_at(end.saturating_sub(1)),
            head: *head,
            bytes: run.bytes.get(start..end).unwrap_or_default(),
            answers: None,
        }));
    }
    let rest = run.bytes.get(end..).unwrap_or_default();
    match scanned {
        Err(malformed) => {
            let fault = malformed.at.saturating_sub(end);
            let parts = parts(codec, side, None, rest);
            events.push(Event::Broken(Broken {
                side,
                offset: at(run, malformed.at),
                packet: run.packet_at(malformed.at),
                reason: malformed.reason.into_owned(),
                frame_at: at(run, end),
                last_good: None,
                field: failed(&parts, fault),
                parts,
                bytes: rest.get(..AROUND_BYTES.max(fault)).unwrap_or(rest),
                inside: run.inside && heads.is_empty(),
            }));
        }
        Ok(scanned) if !rest.is_empty() => events.push(Event::Unfinished(Unfinished {
            side,
            offset: at(run, end),
            packet: run.packet_at(run.bytes.len().saturating_sub(1)),
            need: scanned.need,
            bytes: rest,
            parts: parts(codec, side, None, rest),
        })),
        Ok(_) => {}
    }
}

fn at(run: &Run, offset: usize) -> u64 {
    run.offset.saturating_add(offset as u64)
}

/// The parts of a frame, or of what is left of a stream.
pub(crate) fn parts(codec: &dyn Codec, side: Side, head: Option<&Head>, frame: &[u8]) -> Vec<Part> {
    let mut parts = Parts::default();
    codec.parts(side, head, frame, &mut parts);
    parts.list().to_vec()
}

/// The name of the part that a byte is in: the deepest one; otherwise of the one before it.
fn failed(parts: &[Part], fault: usize) -> Option<String> {
    let holds = |part: &&Part| {
        let span = part.span.start as usize..part.span.end() as usize;
        span.contains(&fault)
    };
    if let Some(part) = parts.iter().rev().find(holds) {
        return Some(format!("`{}`", part.name));
    }
    let before = parts
        .iter()
        .rev()
        .find(|part| part.span.end() as usize <= fault)?;
    Some(format!("what follows `{}`", before.name))
}

/// Numbers the frames, finds which answers which, and the last good one before a fault.
fn number(codec: &dyn Codec, events: &mut [Event<'_>]) {
    let mut count = 0u32;
    let mut last = [None, None];
    let mut open = Open::new(codec);
    for event in events {
        match event {
            Event::Frame(frame) => {
                count = count.saturating_add(1);
                frame.number = count;
                frame.answers = open.see(frame);
                if let Some(last) = last.get_mut(index(frame.side)) {
                    *last = Some(count);
                }
            }
            Event::Broken(broken) => {
                broken.last_good = last.get(index(broken.side)).copied().flatten();
            }
            Event::Unfinished(_) | Event::Missing(..) => {}
        }
    }
}

fn index(side: Side) -> usize {
    match side {
        Side::Downstream => 0,
        Side::Upstream => 1,
    }
}

/// The requests that wait for their answers.
struct Open {
    by_id: bool,
    ids: HashMap<u64, u32>,
    queue: VecDeque<u32>,
}

impl Open {
    fn new(codec: &dyn Codec) -> Self {
        let traits = codec.traits();
        Self {
            by_id: traits.ids.is_some() && traits.correlation != Correlation::InOrder,
            ids: HashMap::new(),
            queue: VecDeque::new(),
        }
    }

    /// Notes a request; for an answer gives the request.
    fn see(&mut self, frame: &Frame<'_>) -> Option<u32> {
        let id = frame.head.id_value;
        match frame.head.kind {
            Kind::Request | Kind::Ping if self.by_id => {
                self.ids.insert(id, frame.number);
                None
            }
            Kind::Request | Kind::Ping => {
                self.queue.push_back(frame.number);
                None
            }
            Kind::Answer | Kind::Pong if self.by_id && frame.head.more => {
                self.ids.get(&id).copied()
            }
            Kind::Answer | Kind::Pong if self.by_id => self.ids.remove(&id),
            Kind::Answer | Kind::Pong if frame.head.more => self.queue.front().copied(),
            Kind::Answer | Kind::Pong => self.queue.pop_front(),
            _ => None,
        }
    }
}
