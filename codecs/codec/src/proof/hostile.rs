//! Fifth check: truncated, oversized, random and mutated bytes are answered without a panic,
//! within the limits, and the same however they are cut.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{
    Fed, Proof,
    cuts::{difference, random_pieces},
    feed::feed,
    ids::{hex, in_and_out},
    parts::well_placed,
};
use crate::{Asked, Codec, Field, Head, Limits, NewId, ProxyError, Rewrite, Say, Side};

const CHECK: &str = "hostile";

/// After so many heads of one buffer the rest is not looked into.
const HEADS_LOOKED_INTO: usize = 4;

/// Bytes that length, count and type fields trip over.
const INTERESTING: [u8; 12] = [
    0x00, 0x01, 0x02, 0x7f, 0x80, 0x81, 0xff, 0xfe, b'\r', b'\n', b'0', b'-',
];

impl Proof<'_> {
    /// Scans [`Proof::mutations`] buffers: vectors that were damaged, truncated, doubled or
    /// spliced, and one in sixteen of random bytes. Whatever head is still found is read,
    /// remembered, classified, named part by part, copied and answered.
    pub fn check_hostile(&mut self) {
        let corpus: Vec<(Side, Vec<u8>)> = self
            .files
            .iter()
            .flat_map(|file| &file.frames)
            .map(|vector| (vector.side, vector.bytes.clone()))
            .collect();
        let mut rng = fastrand::Rng::with_seed(self.seed);
        for round in 0..self.mutations {
            let (side, bytes) = hostile_bytes(&mut rng, &corpus);
            let cuts = rng.u64(..);
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                look_into(self.codec, &self.limits, side, &bytes, cuts)
            }));
            self.report.mutations += 1;
            let wrong = match outcome {
                Ok(Ok(fed)) => {
                    self.report.mutated_heads += fed.heads.len() as u64;
                    self.report.mutated_complaints += u64::from(fed.complaint.is_some());
                    continue;
                }
                Ok(Err(what)) => what,
                Err(_) => "the codec panicked".to_owned(),
            };
            let (seed, bytes) = (self.seed, hex(&bytes));
            self.failures.add(
                CHECK,
                format!("seed {seed} round {round} {side:?} {bytes}: {wrong}"),
            );
        }
    }
}

/// Looks into one buffer as [`Proof::check_hostile`] does into each of its: scanned whole and in
/// pieces it gives the same heads, every promise of a scan holds, and whatever heads are found can
/// be read, copied, given another id and their own again, and answered. `cuts` chooses the pieces and
/// the ids, so that a call can be repeated. Fuzzers call it with bytes of their own.
///
/// # Errors
/// What the codec did wrong, in words. A panic of the codec is not caught.
pub fn look_into(
    codec: &dyn Codec,
    limits: &Limits,
    side: Side,
    bytes: &[u8],
    cuts: u64,
) -> Result<Fed, String> {
    let mut rng = fastrand::Rng::with_seed(cuts);
    let whole = feed(codec, side, limits, [bytes]);
    let cut = feed(codec, side, limits, random_pieces(&mut rng, bytes));
    if let Some(what) = difference(limits, &whole, &cut) {
        return Err(what);
    }
    // Any prefix may be asked about.
    let _ = codec.sniff(bytes);
    let good = whole.heads.last().map_or(0, |head| {
        (head.start as usize).saturating_add(head.frame_bytes as usize)
    });
    well_placed(codec, side, None, bytes.get(good..).unwrap_or_default())?;
    for head in whole.heads.iter().take(HEADS_LOOKED_INTO) {
        let from = bytes.get(head.start as usize..).unwrap_or_default();
        let frame = from.get(..head.frame_bytes as usize).unwrap_or(from);
        use_frame(codec, side, head, frame)?;
        if frame.len() == head.frame_bytes as usize {
            in_and_out(codec, limits, side, head, frame, rng.u64(..))?;
        }
        use_frame(
            codec,
            side,
            head,
            from.get(..head.head_bytes as usize).unwrap_or(from),
        )?;
    }
    Ok(whole)
}

fn use_frame(codec: &dyn Codec, side: Side, head: &Head, frame: &[u8]) -> Result<(), String> {
    let mut asked = Asked::default();
    codec.remember(head, frame, &mut asked);
    let fields = [
        Field::Service,
        Field::Method,
        Field::HashKey(0),
        Field::HashKey(u32::MAX),
        Field::DeadlineMs,
        Field::Status,
        Field::Facet,
        Field::Key(""),
    ];
    let keys = &codec.traits().keys;
    let prefixed: Vec<_> = keys
        .prefixes
        .iter()
        .map(|prefix| format!("{prefix}k"))
        .collect();
    let named = keys
        .fixed
        .iter()
        .chain(&prefixed)
        .map(|key| Field::Key(key));
    for field in fields.into_iter().chain(named) {
        let _ = codec.field(side, head, frame, field);
    }
    let _ = codec.classify(head, frame);
    well_placed(codec, side, Some(head), frame)?;
    let mut out = Vec::new();
    match codec.emit(side, head, frame, &Rewrite::NOTHING, &mut out) {
        Ok(()) if out != frame => return Err(format!("the copy differs: {}", hex(&out))),
        Err(_) if !out.is_empty() => return Err("a refused copy left bytes behind".to_owned()),
        _ => out.clear(),
    }
    let wire = codec.traits().ids.map_or(0, |ids| ids.wire_last);
    for id in [
        NewId::Wire(wire),
        NewId::Wire(u64::MAX),
        NewId::Callers(&asked),
    ] {
        let rewrite = Rewrite {
            id,
            deadline_ms: Some(u64::MAX),
        };
        if codec.emit(side, head, frame, &rewrite, &mut out).is_err() && !out.is_empty() {
            return Err("a refused copy left bytes behind".to_owned());
        }
        out.clear();
    }
    let says = [
        Say::Error {
            error: ProxyError::Overload,
            words: "weft: \r\n\0 words",
            asked: &asked,
        },
        Say::Local { asked: &asked },
        Say::Pong { asked: &asked },
    ];
    for what in says {
        if codec.say(&what, &mut out).is_err() && !out.is_empty() {
            return Err(format!("{what:?}: cannot be said, but bytes were written"));
        }
        out.clear();
    }
    Ok(())
}

fn hostile_bytes(rng: &mut fastrand::Rng, corpus: &[(Side, Vec<u8>)]) -> (Side, Vec<u8>) {
    let sides = [Side::Downstream, Side::Upstream];
    let any_side = sides[usize::from(rng.bool())];
    let one = |rng: &mut fastrand::Rng| {
        let picked = rng.choice(corpus.iter());
        picked.cloned().unwrap_or((any_side, Vec::new()))
    };
    let (mut side, mut bytes) = one(rng);
    if bytes.is_empty() || rng.u8(..16) == 0 {
        let len = rng.usize(..200);
        return (any_side, (0..len).map(|_| rng.u8(..)).collect());
    }
    if rng.u8(..8) == 0 {
        side = any_side;
    }
    if rng.u8(..4) == 0 {
        bytes.extend(one(rng).1);
    }
    for _ in 0..rng.usize(1..4) {
        mutate(rng, &mut bytes);
    }
    if rng.u8(..4) == 0 {
        bytes.extend(one(rng).1);
    }
    (side, bytes)
}

/// One damage; more often near the beginning, where heads are.
fn mutate(rng: &mut fastrand::Rng, bytes: &mut Vec<u8>) {
    if bytes.is_empty() {
        bytes.push(rng.u8(..));
    }
    let within = if rng.bool() {
        bytes.len().min(40)
    } else {
        bytes.len()
    };
    let at = rng.usize(..within);
    match rng.u8(..8) {
        0 => bytes.truncate(at),
        1 => bytes[at] ^= 1 << rng.u8(..8),
        2 => bytes[at] = INTERESTING[rng.usize(..INTERESTING.len())],
        3 => bytes[at] = rng.u8(..),
        4 => bytes.insert(at, rng.u8(..)),
        5 => {
            bytes.remove(at);
        }
        6 => {
            let value = rng.choice([0, 1, 0x7fff_ffff, 0x8000_0000, u32::MAX]);
            for (byte, new) in bytes
                .iter_mut()
                .skip(at)
                .zip(value.unwrap_or(0).to_be_bytes())
            {
                *byte = new;
            }
        }
        _ => {
            let end = rng.usize(at..bytes.len());
            let slice = bytes[at..end].to_vec();
            bytes.splice(at..at, slice);
        }
    }
}
