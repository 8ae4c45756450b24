//! One codec at work on one frame, for the clock.

use std::hint::black_box;
use std::time::{Duration, Instant};

use weft_codec::{Asked, Codec, Field, Head, Kind, Limits, NewId, Rewrite, ScanState, Side};

use super::{Cost, Sample};

/// Frames in one buffer: what one read of a busy connection brings.
const FRAMES: usize = 64;

/// The most bytes of one such buffer.
const BUFFER_BYTES_MAX: usize = 4 << 20;

/// How long a round lasts at least, so that reading the clock is no part of it.
const ROUND: Duration = Duration::from_micros(50);

/// The most passes of a round.
const PASSES_MAX: u32 = 1_000;

/// A codec at work on equal frames.
pub(super) struct Work<'c> {
    codec: &'c dyn Codec,
    sample: &'c Sample,
    buffer: Vec<u8>,
    heads: Vec<Head>,
    asked: Asked,
    out: Vec<u8>,
    /// Seconds of each round, over all its frames.
    scans: Vec<f64>,
    asks: Vec<f64>,
    emits: Vec<f64>,
}

impl<'c> Work<'c> {
    /// The codec before its first round; `None` if it cannot read the frame.
    pub(super) fn of(codec: &'c dyn Codec, sample: &'c Sample) -> Option<Self> {
        let copies = (BUFFER_BYTES_MAX / sample.bytes.len().max(1)).clamp(1, FRAMES);
        let buffer = sample.bytes.repeat(copies);
        let mut work = Self {
            codec,
            sample,
            out: Vec::with_capacity(buffer.len().saturating_mul(2)),
            buffer,
            heads: Vec::with_capacity(copies),
            asked: Asked::default(),
            scans: Vec::new(),
            asks: Vec::new(),
            emits: Vec::new(),
        };
        if !work.scan() || work.heads.len() != copies {
            return None;
        }
        let first = work.heads.first()?;
        codec.remember(first, &sample.bytes, &mut work.asked);
        Some(work)
    }

    /// How many passes over the buffer make a round long enough.
    pub(super) fn passes(&mut self) -> u32 {
        let began = Instant::now();
        self.scan();
        let pass = began.elapsed().max(Duration::from_nanos(1));
        let passes = ROUND.as_nanos().div_ceil(pass.as_nanos());
        u32::try_from(passes)
            .unwrap_or(PASSES_MAX)
            .clamp(1, PASSES_MAX)
    }

    /// One round of each thing that a codec does.
    pub(super) fn round(&mut self, passes: u32) {
        let scan = timed(passes, || {
            black_box(self.scan());
        });
        self.scans.push(scan);
        let ask = timed(passes, || self.ask());
        self.asks.push(ask);
        let emit = timed(passes, || self.emit());
        self.emits.push(emit);
    }

    /// The median of the rounds.
    pub(super) fn cost(&mut self) -> Cost {
        let frames = self.heads.len().max(1) as f64;
        let per_frame = |rounds: &mut Vec<f64>| median(rounds) * 1e9 / frames;
        Cost {
            name: self.sample.name.clone(),
            side: self.sample.side,
            kind: self.sample.kind,
            bytes: self.sample.bytes.len(),
            scan: per_frame(&mut self.scans),
            ask: per_frame(&mut self.asks),
            emit: per_frame(&mut self.emits),
        }
    }

    fn scan(&mut self) -> bool {
        self.heads.clear();
        let mut state = ScanState::default();
        let (side, limits) = (self.sample.side, Limits::default());
        let buffer = black_box(&self.buffer);
        let scanned = self
            .codec
            .scan(side, &limits, &mut state, buffer, &mut self.heads);
        scanned.is_ok()
    }

    /// What the mesh wants to know of a frame beside its head: a request is remembered for its
    /// answer and asked for its deadline, an answer is judged.
    fn ask(&self) {
        let mut asked = Asked::default();
        for head in &self.heads {
            let frame = frame_of(head, &self.buffer);
            if is_judged(self.sample.kind) {
                black_box(self.codec.classify(head, frame));
            } else {
                asked.clear();
                self.codec.remember(head, frame, &mut asked);
                black_box(
                    self.codec
                        .field(self.sample.side, head, frame, Field::DeadlineMs),
                );
            }
        }
        black_box(asked);
    }

    /// A lane's id goes into requests, the caller's into answers.
    fn emit(&mut self) {
        let id = match (self.codec.traits().ids, self.heads.first()) {
            (Some(ids), Some(head)) if !head.id.is_empty() && !head.exclusive => {
                match self.sample.side {
                    Side::Downstream => NewId::Wire(ids.wire_last),
                    Side::Upstream => NewId::Callers(&self.asked),
                }
            }
            _ => NewId::Keep,
        };
        let rewrite = Rewrite {
            id,
            deadline_ms: None,
        };
        self.out.clear();
        for head in &self.heads {
            let frame = frame_of(head, &self.buffer);
            let side = self.sample.side;
            let copied = self.codec.emit(side, head, frame, &rewrite, &mut self.out);
            let _copied = black_box(copied);
        }
    }
}

/// Whether a frame says how a request went.
pub(super) fn is_judged(kind: Kind) -> bool {
    matches!(kind, Kind::Answer | Kind::Pong | Kind::Push)
}

fn frame_of<'b>(head: &Head, buffer: &'b [u8]) -> &'b [u8] {
    let from = head.start as usize;
    let to = from.saturating_add(head.frame_bytes as usize);
    buffer.get(from..to).unwrap_or_default()
}

/// Seconds of one of so many passes.
fn timed(passes: u32, mut pass: impl FnMut()) -> f64 {
    let began = Instant::now();
    for _ in 0..passes {
        pass();
    }
    began.elapsed().as_secs_f64() / f64::from(passes)
}

/// The middle one; of an even number the upper of the two.
fn median(rounds: &mut [f64]) -> f64 {
    rounds.sort_by(f64::total_cmp);
    rounds.get(rounds.len() / 2).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_moments_do_not_move_the_median() {
        assert!((median(&mut [3.0, 900.0, 1.0, 2.0, 800.0]) - 3.0).abs() < 1e-9);
        assert!(median(&mut []).abs() < 1e-9);
    }
}
