//! One direction of a connection: segments in any order, repeated, overlapping, with holes,
//! become the bytes that the receiver's application read.
//!
//! Nothing is thrown away before the end: a capture is a file, so what is kept is bounded by it.
//! Where two segments carry the same byte, the one that was captured first is believed, as a
//! receiver keeps what it already has.

use crate::conversation::{Direction, Missing, Run};
use crate::packet::Segment;

/// Collects the segments of one direction.
#[derive(Debug, Default)]
pub(crate) struct Assembler {
    /// Sequence number and position of what was seen last; positions count on where sequence
    /// numbers wrap.
    last: Option<(u32, i64)>,
    /// The position of the first byte, if the connection's beginning was seen.
    begin: Option<i64>,
    pieces: Vec<Piece>,
    /// The highest position that the other side acknowledged.
    acknowledged: Option<i64>,
    /// The position behind the last byte, if the end was seen.
    end: Option<i64>,
}

#[derive(Debug)]
struct Piece {
    at: i64,
    packet: u32,
    bytes: Vec<u8>,
}

impl Assembler {
    /// Takes a segment of this direction.
    pub(crate) fn take(&mut self, segment: Segment) {
        let at = self.position(segment.sequence);
        // A SYN takes a sequence number, and bytes may follow it.
        let at = at.saturating_add(i64::from(segment.syn));
        if segment.syn {
            self.begin = Some(at);
        }
        if segment.fin {
            let bytes = i64::try_from(segment.bytes.len()).unwrap_or(i64::MAX);
            self.end = Some(at.saturating_add(bytes));
        }
        if !segment.bytes.is_empty() {
            self.pieces.push(Piece {
                at,
                packet: segment.packet,
                bytes: segment.bytes,
            });
        }
    }

    /// The other side has acknowledged everything before `sequence`.
    pub(crate) fn acknowledge(&mut self, sequence: u32) {
        if self.last.is_some() {
            let at = self.position(sequence);
            self.acknowledged = Some(self.acknowledged.map_or(at, |known| known.max(at)));
        }
    }

    /// Whether no byte was seen.
    pub(crate) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Whether a SYN of this sequence number begins another connection than the one seen so far.
    pub(crate) fn begins_anew(&self, sequence: u32) -> bool {
        match (self.begin, self.last) {
            (Some(begin), Some((last, at))) => {
                let again = at
                    .saturating_add(distance(last, sequence))
                    .saturating_add(1);
                again != begin
            }
            _ => !self.pieces.is_empty(),
        }
    }

    /// Where a sequence number stands, counted from the first that was seen.
    fn position(&mut self, sequence: u32) -> i64 {
        let at = match self.last {
            Some((last, at)) => at.saturating_add(distance(last, sequence)),
            None => 0,
        };
        self.last = Some((sequence, at));
        at
    }

    /// The bytes in order, with what is missing and, in words, what is strange.
    pub(crate) fn finish(mut self, notes: &mut Vec<String>) -> Direction {
        // Of equal positions the packet that came first stays first.
        self.pieces.sort_by_key(|piece| (piece.at, piece.packet));
        let first = self.pieces.first().map(|piece| piece.at);
        let begin = self.begin.or(first).unwrap_or(0);
        let mut direction = Direction::default();
        let mut next = begin;
        let mut differing = None;
        let mut inside = self.begin.is_none();
        for piece in &self.pieces {
            let hole = piece.at.saturating_sub(next);
            if hole > 0 {
                push_missing(&mut direction, begin, next, hole);
                next = piece.at;
                inside = true;
            }
            let known = usize::try_from(next.saturating_sub(piece.at)).unwrap_or(usize::MAX);
            let (old, new) = piece.bytes.split_at(known.min(piece.bytes.len()));
            if let Some(at) = differs(&direction, begin, piece.at, old) {
                differing.get_or_insert((at, piece.packet));
            }
            if new.is_empty() {
                continue;
            }
            let offset = offset(begin, next);
            append(&mut direction, offset, inside, piece.packet, new);
            inside = false;
            next = next.saturating_add(i64::try_from(new.len()).unwrap_or(i64::MAX));
        }
        // A FIN takes a sequence number too, which is acknowledged like a byte.
        let fin = i64::from(self.end.is_some());
        let sent = self
            .acknowledged
            .map(|at| at.saturating_sub(fin))
            .max(self.end);
        let lost = sent.map_or(0, |sent| sent.saturating_sub(next));
        // Positions before the first segment of a capture that begins later are no loss.
        if lost > 0 && (self.begin.is_some() || first.is_some()) {
            push_missing(&mut direction, begin, next, lost);
        }
        if let Some((at, packet)) = differing {
            notes.push(format!(
                "packet {packet} repeats bytes from offset {at} on, but other ones than came \
                 first: those that came first are shown"
            ));
        }
        direction
    }
}

/// How far `to` lies behind `from` in sequence numbers, which wrap; negative if it lies before.
fn distance(from: u32, to: u32) -> i64 {
    // Less than half of all numbers apart, as TCP's window guarantees: RFC 9293, section 3.4.
    i64::from(to.wrapping_sub(from).cast_signed())
}

fn offset(begin: i64, at: i64) -> u64 {
    u64::try_from(at.saturating_sub(begin)).unwrap_or(0)
}

fn push_missing(direction: &mut Direction, begin: i64, at: i64, bytes: i64) {
    let last = direction.runs.last();
    direction.missing.push(Missing {
        offset: offset(begin, at),
        bytes: u64::try_from(bytes).unwrap_or(0),
        after_packet: last.map_or(0, |run| run.packet_at(usize::MAX)),
    });
}

fn append(direction: &mut Direction, offset: u64, inside: bool, packet: u32, bytes: &[u8]) {
    if inside || direction.runs.is_empty() {
        direction.runs.push(Run {
            offset,
            inside,
            ..Run::default()
        });
    }
    if let Some(run) = direction.runs.last_mut() {
        // A frame is there once its last byte is: after a hole was filled, that of the packet
        // that filled it.
        let before = run.packets.last().map_or(0, |(_, packet)| *packet);
        run.packets.push((run.bytes.len(), packet.max(before)));
        run.bytes.extend_from_slice(bytes);
    }
}

/// The offset at which repeated bytes differ from those that came first. One byte alone is what
/// keep-alive probes send, and means nothing.
fn differs(direction: &Direction, begin: i64, at: i64, again: &[u8]) -> Option<u64> {
    if again.len() < 2 || at < begin {
        return None;
    }
    let run = direction.runs.last()?;
    let from = usize::try_from(offset(begin, at).checked_sub(run.offset)?).ok()?;
    let first = run.bytes.get(from..)?;
    let differing = first.iter().zip(again).position(|(a, b)| a != b)?;
    let differing = u64::try_from(differing).ok()?;
    Some(offset(begin, at).saturating_add(differing))
}
