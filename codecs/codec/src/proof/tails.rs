//! A frame that ends in a checksum and passes in pieces goes out as if it had been whole.

use super::{
    Proof, Vector,
    cuts::random_pieces,
    decode::only_head,
    ids::{hex, with_id},
};
use crate::{Codec, Cut, Head, Limits, NewId, ScanState, Side};

const CHECK: &str = "tails";

/// How often the rest of each frame is cut at random.
const ROUNDS: u32 = 16;

impl Proof<'_> {
    /// For each vector that can be cut before its checksum: puts an id into the part that is
    /// there, passes the rest in random pieces, and compares with the frame that was whole. With
    /// a damaged byte in the rest, what comes out must be refused.
    pub fn check_tails(&mut self) {
        let low = Limits {
            cut_through_bytes: 1,
            ..self.limits
        };
        let Some(ids) = self.codec.traits().ids else {
            return;
        };
        let mut rng = fastrand::Rng::with_seed(self.seed);
        for file in &self.files {
            for vector in &file.frames {
                let Some(head) = cut_head(self.codec, &low, vector) else {
                    continue;
                };
                for _ in 0..ROUNDS {
                    let id = NewId::Wire(rng.u64(ids.wire_first..=ids.wire_last));
                    match streamed(self.codec, &self.limits, (vector, &head, id), &mut rng) {
                        Ok(()) => self.report.tails += 1,
                        Err(what) => self.failures.add(
                            CHECK,
                            format!("{} `{}` {id:?}: {what}", file.name, vector.name),
                        ),
                    }
                }
            }
        }
    }
}

/// The head of a vector's frame, while its checksum and some bytes before that are missing.
fn cut_head(codec: &dyn Codec, low: &Limits, vector: &Vector) -> Option<Head> {
    for missing in 1..=vector.bytes.len() {
        let here = vector.bytes.get(..vector.bytes.len() - missing)?;
        let mut heads = Vec::new();
        let mut state = ScanState::default();
        codec
            .scan(vector.side, low, &mut state, here, &mut heads)
            .ok()?;
        if let Some(head) = heads.first() {
            let cut = head.cut == Cut::ChecksumTail && !head.id.is_empty() && !head.exclusive;
            return cut.then_some(*head);
        }
    }
    None
}

fn streamed(
    codec: &dyn Codec,
    limits: &Limits,
    (vector, head, id): (&Vector, &Head, NewId<'_>),
    rng: &mut fastrand::Rng,
) -> Result<(), String> {
    let frame = vector.bytes.as_slice();
    let whole_head = only_head(codec, limits, vector.side, frame)?;
    let whole = with_id(codec, vector.side, &whole_head, frame, id)?;
    let passed = pass((codec, vector.side), (head, frame), id, rng)?;
    if passed != whole {
        let (passed, whole) = (hex(&passed), hex(&whole));
        return Err(format!("in pieces {passed}, whole {whole}"));
    }
    let mut damaged = frame.to_vec();
    let at = rng.usize(head.head_bytes as usize..damaged.len());
    if let Some(byte) = damaged.get_mut(at) {
        *byte ^= 1 << rng.u8(..8);
    }
    let passed = pass((codec, vector.side), (head, &damaged), id, rng)?;
    match only_head(codec, limits, vector.side, &passed) {
        Ok(_) => Err(format!("byte {at} was damaged, and the checksum mended")),
        Err(_) => Ok(()),
    }
}

/// Emits the head with an id in it and passes the rest in pieces.
fn pass(
    (codec, side): (&dyn Codec, Side),
    (head, frame): (&Head, &[u8]),
    id: NewId<'_>,
    rng: &mut fastrand::Rng,
) -> Result<Vec<u8>, String> {
    let (first, rest) = frame
        .split_at_checked(head.head_bytes as usize)
        .ok_or("the head reaches past the frame")?;
    let mut out = with_id(codec, side, head, first, id)?;
    let Some(mut tail) = codec.tail(side, head, first, &out) else {
        out.extend_from_slice(rest);
        return Ok(out);
    };
    for piece in random_pieces(rng, rest) {
        let taken = tail.take(piece);
        out.extend_from_slice(piece.get(..taken.pass).unwrap_or_default());
        if let Some(sum) = taken.sum {
            out.extend_from_slice(sum.as_bytes());
        }
    }
    Ok(out)
}
