//! What most frames are: whole, right, and with all that is read of them at constant offsets.

use weft_codec::{Kind, Side, Span};

use super::Slot;

/// How to see extent, kind and id of such a frame at a glance. What a glance cannot take, for
/// whatever reason, the long look judges.
#[derive(Debug)]
pub(crate) struct Glance {
    /// How many bytes a head may at least have, so that the glance is within the limit.
    pub(crate) head_bytes: u32,
    /// The constants among the first eight bytes, and which bits of these they are.
    pub(crate) magic: u64,
    pub(crate) magic_mask: u64,
    /// Without one a frame always has as many bytes as the fewest.
    pub(crate) length: Option<Slot>,
    /// Bytes that the length leaves out, and bytes that it counts too much.
    pub(crate) more: u64,
    pub(crate) fewer: u64,
    pub(crate) frame_bytes_min: u32,
    /// Offset of the byte that tells the kind; any, if no byte does.
    pub(crate) kind_at: usize,
    /// By the side that sent it and the value of that byte.
    pub(crate) kinds: Box<[[Option<Kind>; 256]; 2]>,
    pub(crate) id: Option<Slot>,
    pub(crate) id_span: Span,
}

/// What was seen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) frame_bytes: u32,
    pub(crate) kind: Kind,
    pub(crate) id_value: u64,
}

impl Glance {
    /// The frame at the beginning of `rest`, if it is one that has from the fewest to
    /// `bytes_max` bytes, all of which are there.
    #[inline(always)]
    pub(crate) fn at(&self, side: Side, bytes_max: u32, rest: &[u8]) -> Option<Seen> {
        let first = u64::from_be_bytes(*rest.first_chunk()?);
        let frame_bytes = match self.length {
            Some(length) => {
                let counted = length.read(rest)?.saturating_add(self.more);
                u32::try_from(counted.saturating_sub(self.fewer)).ok()?
            }
            None => self.frame_bytes_min,
        };
        let fits = frame_bytes >= self.frame_bytes_min && frame_bytes <= bytes_max;
        if first & self.magic_mask != self.magic || !fits || rest.len() < frame_bytes as usize {
            return None;
        }
        let [from_client, from_server] = &*self.kinds;
        let kinds = match side {
            Side::Downstream => from_client,
            Side::Upstream => from_server,
        };
        let kind = kinds.get(usize::from(*rest.get(self.kind_at)?))?;
        let id_value = match self.id {
            Some(id) => id.read(rest)?,
            None => 0,
        };
        Some(Seen {
            frame_bytes,
            kind: (*kind)?,
            id_value,
        })
    }
}

#[cfg(test)]
mod tests {
    use weft_codec::{Head, Limits, Malformed, ScanState, Scanned};

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
                        for limits in [Limits::default(), tight, tighter] {
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
