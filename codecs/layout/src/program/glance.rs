//! What most frames are: whole, right, and with all that is read of them at constant offsets.

use weft_codec::{Head, Kind, Side};

use super::Slot;
use crate::scan::note_of;

/// How to see extent, kind and id of such a frame at a glance. What a glance cannot take, for
/// whatever reason, the long look judges.
#[derive(Debug)]
pub(crate) struct Glance {
    /// How many bytes a head may at least have, so that the glance is within the limit.
    pub(crate) head_bytes: u32,
    /// The constants among the first eight bytes, and which bits of these they are.
    pub(crate) magic: u64,
    pub(crate) magic_mask: u64,
    /// The length, or [`Slot::ZERO`].
    pub(crate) length: Slot,
    /// Bytes of a frame whose length is 0, modulo 2⁶⁴: it may count more than the frame has.
    pub(crate) plus: u64,
    pub(crate) frame_bytes_min: u32,
    /// Offset of the byte that tells the kind; any, if no byte does.
    pub(crate) kind_at: usize,
    /// By the side that sent it and the value of that byte.
    pub(crate) kinds: Box<[[Option<Kind>; 256]; 2]>,
    /// The id, or [`Slot::ZERO`].
    pub(crate) id: Slot,
    /// What is alike in the heads of all frames.
    pub(crate) head: Head,
}

/// What was seen.
#[derive(Clone, Copy, Debug)]
struct Seen {
    frame_bytes: u32,
    kind: Kind,
    id_value: u64,
}

impl Glance {
    /// Pushes the heads of all frames from `at` on that can be seen at a glance, of `bytes_max`
    /// bytes at most, and gives the offset behind them.
    #[inline(never)]
    pub(crate) fn all(
        &self,
        (side, bytes_max): (Side, u32),
        bytes: &[u8],
        mut at: usize,
        heads: &mut Vec<Head>,
    ) -> usize {
        let [from_client, from_server] = &*self.kinds;
        let (kinds, note) = match side {
            Side::Downstream => (from_client, note_of(Side::Downstream)),
            Side::Upstream => (from_server, note_of(Side::Upstream)),
        };
        let room = u64::from(bytes_max.saturating_sub(self.frame_bytes_min));
        while let Some(rest) = bytes.get(at..)
            && let Some(seen) = self.at(kinds, room, rest)
            && let Ok(start) = u32::try_from(at)
        {
            heads.push(Head {
                start,
                frame_bytes: seen.frame_bytes,
                head_bytes: seen.frame_bytes,
                id_value: seen.id_value,
                kind: seen.kind,
                notes: [note, 0, 0, 0],
                ..self.head
            });
            at = at.saturating_add(seen.frame_bytes as usize);
        }
        at
    }

    /// The frame at the beginning of `rest`, if it is one that has at most so many bytes more than
    /// the fewest, all of which are there.
    #[inline(always)]
    fn at(&self, kinds: &[Option<Kind>; 256], room: u64, rest: &[u8]) -> Option<Seen> {
        let first = u64::from_be_bytes(*rest.first_chunk()?);
        let frame_bytes = self.length.read(rest)?.wrapping_add(self.plus);
        let above = frame_bytes.wrapping_sub(u64::from(self.frame_bytes_min));
        if first & self.magic_mask != self.magic || above > room {
            return None;
        }
        let frame = rest.get(..usize::try_from(frame_bytes).ok()?)?;
        let kind = kinds.get(usize::from(*frame.get(self.kind_at)?))?;
        Some(Seen {
            frame_bytes: u32::try_from(frame_bytes).ok()?,
            kind: (*kind)?,
            id_value: self.id.read(frame)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use weft_codec::{Limits, Malformed, ScanState, Scanned};

    use super::*;
    use crate::program::Program;

    const ACME: &str = include_str!("../../../../protocols/acme/protocol.ron");
    const LENGTH_ID: &str = include_str!("../../../../protocols/length-id/protocol.ron");

    fn program(text: &str) -> Program {
        let raw = weft_ron::from_str("protocol.ron", text).unwrap();
        crate::check::check("protocol.ron", text, &raw).unwrap()
    }

    type Found = (Result<Scanned, Malformed>, Vec<Head>);

    fn scanned(program: &Program, side: Side, limits: &Limits, bytes: &[u8]) -> Found {
        let mut heads = Vec::new();
        let mut state = ScanState::default();
        let result = program.scan((side, limits), &mut state, bytes, &mut heads);
        (result, heads)
    }

    /// Frames of both descriptions: a call and its answer, with a body of so many bytes.
    fn frames(text: &str, body_bytes: u8) -> Vec<u8> {
        let body = vec![b'x'; usize::from(body_bytes)];
        let mut bytes = Vec::new();
        for kind in 0..2 {
            if text == ACME {
                bytes.extend(b"AC\x01");
                bytes.extend([kind, 0, 0, 0, 0, 0, kind, 0, 0, 0, 9, 0, 0, 0]);
                bytes.push(4 + body_bytes);
                bytes.extend(b"\0\0\0\0");
            } else {
                bytes.extend([0, 0, 0, 6 + body_bytes, 0, 0, 0, kind, 0, 7]);
            }
            bytes.extend(&body);
        }
        bytes
    }

    #[test]
    fn a_glance_and_the_long_look_find_the_same_in_any_bytes_under_any_limits() {
        let tight = Limits {
            frame_bytes_max: 40,
            head_bytes_max: 18,
            cut_through_bytes: 30,
        };
        let tighter = Limits {
            head_bytes_max: 9,
            ..tight
        };
        let tiny = Limits {
            frame_bytes_max: 9,
            ..tight
        };
        for text in [ACME, LENGTH_ID] {
            let quick = program(text);
            assert!(quick.glance.is_some());
            let long = Program {
                glance: None,
                ..program(text)
            };
            let mut seen = 0;
            for body_bytes in [0, 1, 5, 12, 40] {
                let whole = frames(text, body_bytes);
                for (at, value) in (0..whole.len()).flat_map(|at| (0..=255).map(move |v| (at, v))) {
                    let mut bytes = whole.clone();
                    bytes[at] = value;
                    bytes.truncate(whole.len() - usize::from(value) % 7 * 2);
                    for side in [Side::Downstream, Side::Upstream] {
                        for limits in [Limits::default(), tight, tighter, tiny] {
                            let found = scanned(&quick, side, &limits, &bytes);
                            assert_eq!(found, scanned(&long, side, &limits, &bytes));
                            seen += found.1.len();
                        }
                    }
                }
            }
            assert!(seen > 10_000);
        }
    }
}
