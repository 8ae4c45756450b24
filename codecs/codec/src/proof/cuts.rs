//! Second check: a stream cut anywhere gives the same heads, with work linear in its bytes.

use std::time::{Duration, Instant};

use super::{Fed, Proof, feed::feed};
use crate::{Codec, Cut, Head, Limits, Side};

const CHECK: &str = "cuts";

/// A stream longer than this is cut once at about so many places, not at every byte.
const CUTS_MAX: usize = 8_192;

/// Runs of which [`linear_work`] takes the best: a busy machine disturbs most, hardly all.
const LINEAR_ROUNDS: u32 = 20;

/// How often each stream is cut at random places.
const RANDOM_ROUNDS: u64 = 64;

impl Proof<'_> {
    /// Feeds each file's stream, once with the limits of the proof and once with a cut-through
    /// limit of 24 bytes: whole, byte by byte, cut once at every byte (of a long stream at some
    /// thousand), and cut at random.
    pub fn check_cuts(&mut self) {
        let low = Limits {
            cut_through_bytes: 24,
            ..self.limits
        };
        for side in [Side::Downstream, Side::Upstream] {
            for index in 0..self.files.len() {
                let Some(file) = self.files.get(index) else {
                    continue;
                };
                let name = file.name.clone();
                let stream: Vec<u8> = file
                    .frames
                    .iter()
                    .filter(|vector| vector.side == side)
                    .flat_map(|vector| vector.bytes.iter().copied())
                    .collect();
                for limits in [self.limits, low] {
                    self.cut_stream(&name, side, &limits, &stream);
                }
            }
        }
    }

    fn cut_stream(&mut self, name: &str, side: Side, limits: &Limits, stream: &[u8]) {
        let whole = feed(self.codec, side, limits, [stream]);
        let mut compare = |how: &str, cut: Fed| match difference(limits, &whole, &cut) {
            None => self.report.cuts += 1,
            Some(what) => self
                .failures
                .add(CHECK, format!("{name} {side:?} {how}: {what}")),
        };
        compare("whole", feed(self.codec, side, limits, [stream]));
        compare(
            "byte by byte",
            feed(self.codec, side, limits, stream.chunks(1)),
        );
        let step = (stream.len() / CUTS_MAX).max(1);
        for at in (1..stream.len()).step_by(step) {
            let (left, right) = stream.split_at(at);
            compare(
                &format!("cut at {at}"),
                feed(self.codec, side, limits, [left, right]),
            );
        }
        let mut rng = fastrand::Rng::with_seed(self.seed);
        for round in 0..RANDOM_ROUNDS {
            let pieces = random_pieces(&mut rng, stream);
            compare(
                &format!("cut at random, seed {} round {round}", self.seed),
                feed(self.codec, side, limits, pieces),
            );
        }
    }
}

/// `bytes` in pieces of random length.
pub(super) fn random_pieces<'b>(rng: &mut fastrand::Rng, bytes: &'b [u8]) -> Vec<&'b [u8]> {
    let mut pieces = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let longest = [3, 17, 90, 400].get(rng.usize(..4)).copied().unwrap_or(1);
        let (piece, after) = rest.split_at(rng.usize(1..=longest).min(rest.len()));
        pieces.push(piece);
        rest = after;
    }
    pieces
}

/// How two ways of feeding the same bytes differ, in words.
pub(super) fn difference(limits: &Limits, whole: &Fed, cut: &Fed) -> Option<String> {
    for fed in [whole, cut] {
        if let Some(broken) = &fed.broken {
            return Some(broken.clone());
        }
    }
    let pairs = whole.heads.iter().zip(&cut.heads);
    for (number, (left, right)) in pairs.enumerate() {
        if comparable(limits, left) != comparable(limits, right) {
            return Some(format!("head {number} is {right:?}, whole it was {left:?}"));
        }
    }
    let shared = whole.heads.len().min(cut.heads.len());
    let mut more = [&whole.heads, &cut.heads]
        .into_iter()
        .filter_map(|heads| heads.get(shared));
    if more.any(|head| judged_as_it_passes(limits, head)) {
        return None;
    }
    if whole.heads.len() != cut.heads.len() {
        let (left, right) = (whole.heads.len(), cut.heads.len());
        return Some(format!("{right} heads, whole there were {left}"));
    }
    if whole.complaint.is_some() != cut.complaint.is_some() {
        let (left, right) = (&whole.complaint, &cut.complaint);
        return Some(format!("the complaint is {right:?}, whole it was {left:?}"));
    }
    None
}

/// Whether a frame's checksum is for [`crate::Codec::tail`] to judge if it comes in pieces, and for
/// the scan only if it is there whole: wrong, it is a complaint in one case and a head in the other.
fn judged_as_it_passes(limits: &Limits, head: &Head) -> bool {
    head.cut == Cut::ChecksumTail && head.frame_bytes > limits.cut_through_bytes
}

/// A head without what may depend on how many bytes were there: how much of a frame that can
/// be cut through counts as its head, and the codec's own notes of it.
fn comparable(limits: &Limits, head: &Head) -> Head {
    let mut head = *head;
    if head.frame_bytes > limits.cut_through_bytes {
        head.head_bytes = 0;
        head.notes = [0; 4];
    }
    head
}

/// Whether the work of scanning one long frame that comes in small pieces grows with its length
/// and not with the square of it. `frame` makes a frame of about so many bytes.
///
/// The one place of the kit that reads a clock: it takes the best of several runs and allows
/// eight times the work for four times the bytes, where a square would be sixteen.
///
/// # Errors
/// The two times, in words, or what the codec said about the frame.
pub fn linear_work(
    codec: &dyn Codec,
    side: Side,
    limits: &Limits,
    frame: impl Fn(usize) -> Vec<u8>,
) -> Result<(), String> {
    let best = |bytes: &[u8]| -> Result<Duration, String> {
        let mut best = Duration::MAX;
        for _ in 0..LINEAR_ROUNDS {
            let began = Instant::now();
            let fed = feed(codec, side, limits, bytes.chunks(16));
            best = best.min(began.elapsed());
            if fed.complaint.is_some() || fed.broken.is_some() || fed.heads.len() != 1 {
                return Err(format!("not one good frame: {fed:?}"));
            }
        }
        Ok(best)
    };
    let short = best(&frame(16 << 10))?;
    let long = best(&frame(64 << 10))?;
    if long > short.saturating_mul(8) + Duration::from_micros(200) {
        return Err(format!("16 KiB took {short:?}, 64 KiB {long:?}"));
    }
    Ok(())
}
