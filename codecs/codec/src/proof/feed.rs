//! Feeding a stream to a codec as the engine does: piece by piece, dropping what was consumed,
//! asking again only when as many bytes are there as the codec wanted.

use crate::{Codec, Head, Limits, Malformed, ScanState, Scanned, Side};

/// What came of a stream.
#[derive(Clone, Debug, Default)]
pub struct Fed {
    /// Heads with `start` counted from the start of the stream.
    pub heads: Vec<Head>,
    /// The complaint that ended the stream, if one did; its offset counts from the start of
    /// the stream.
    pub complaint: Option<Malformed>,
    /// A promise of [`Codec::scan`] that was broken, in words.
    pub broken: Option<String>,
    /// How often the codec was asked.
    pub scans: u64,
}

/// Feeds `pieces` one after another and checks every promise that [`Codec::scan`] makes.
pub fn feed<'p>(
    codec: &dyn Codec,
    side: Side,
    limits: &Limits,
    pieces: impl IntoIterator<Item = &'p [u8]>,
) -> Fed {
    let mut feeder = Feeder {
        codec,
        side,
        limits,
        held: Vec::new(),
        base: 0,
        skip: 0,
        need: 1,
        state: ScanState::default(),
        found: Vec::new(),
        fed: Fed::default(),
    };
    for piece in pieces {
        if feeder.fed.complaint.is_some() || feeder.fed.broken.is_some() {
            break;
        }
        feeder.take(piece);
    }
    feeder.fed
}

struct Feeder<'a> {
    codec: &'a dyn Codec,
    side: Side,
    limits: &'a Limits,
    held: Vec<u8>,
    base: usize,
    skip: usize,
    need: usize,
    state: ScanState,
    found: Vec<Head>,
    fed: Fed,
}

impl Feeder<'_> {
    fn take(&mut self, piece: &[u8]) {
        // The rest of a frame that is being cut through passes without the codec.
        let passed = self.skip.min(piece.len());
        self.skip -= passed;
        self.base += passed;
        self.held
            .extend_from_slice(piece.get(passed..).unwrap_or_default());
        if self.held.len() < self.need {
            return;
        }
        self.fed.scans += 1;
        self.found.clear();
        let scanned = self.codec.scan(
            self.side,
            self.limits,
            &mut self.state,
            &self.held,
            &mut self.found,
        );
        self.fed.broken =
            broken_promise(&self.held, self.limits, &self.found, &scanned, self.state);
        let base = u32::try_from(self.base).unwrap_or(u32::MAX);
        for head in &self.found {
            self.fed.heads.push(Head {
                start: head.start.saturating_add(base),
                ..*head
            });
        }
        match scanned {
            Ok(Scanned { consumed, need }) => {
                let here = consumed.min(self.held.len());
                self.held.drain(..here);
                self.skip = consumed - here;
                self.base += here;
                self.need = need;
            }
            Err(mut complaint) => {
                complaint.at += self.base;
                self.fed.complaint = Some(complaint);
            }
        }
    }
}

/// What in the outcome of one scan breaks the contract, in words.
fn broken_promise(
    bytes: &[u8],
    limits: &Limits,
    heads: &[Head],
    scanned: &Result<Scanned, Malformed>,
    state: ScanState,
) -> Option<String> {
    let mut end = 0usize;
    for head in heads {
        if end > bytes.len() {
            return Some(format!(
                "a head follows the cut-through frame before {head:?}"
            ));
        }
        if let Some(wrong) = broken_head(bytes.len(), limits, end, head) {
            return Some(format!("{wrong}: {head:?}"));
        }
        end = head.start as usize + head.frame_bytes as usize;
    }
    match scanned {
        Err(complaint) if complaint.at > bytes.len() => Some(format!(
            "the complaint is about byte {} of {}",
            complaint.at,
            bytes.len()
        )),
        Err(complaint) if complaint.reason.is_empty() => Some("a complaint without words".into()),
        Err(_) => None,
        Ok(Scanned { consumed, need }) => {
            let left = bytes.len().saturating_sub(*consumed);
            if *consumed != end {
                Some(format!(
                    "consumed is {consumed}, the last head ends at {end}"
                ))
            } else if *need <= left {
                Some(format!(
                    "{left} bytes are left and {need} are needed: no progress"
                ))
            } else if left == 0 && state != ScanState::default() {
                Some(format!("at a frame boundary the state is {state:?}"))
            } else {
                None
            }
        }
    }
}

fn broken_head(len: usize, limits: &Limits, end: usize, head: &Head) -> Option<&'static str> {
    let start = head.start as usize;
    let here = len.saturating_sub(start);
    if start < end {
        Some("the head overlaps the one before it")
    } else if head.frame_bytes == 0 {
        Some("the frame is empty")
    } else if head.frame_bytes > limits.frame_bytes_max {
        Some("the frame is over the limit")
    } else if head.head_bytes > head.frame_bytes || head.head_bytes as usize > here {
        Some("the head reaches past its frame or past the bytes")
    } else if head.frame_bytes as usize > here && head.frame_bytes <= limits.cut_through_bytes {
        Some("an unfinished frame below the cut-through limit is reported")
    } else if head.frame_bytes as usize > here && head.cut == crate::Cut::Whole {
        Some("an unfinished frame that must be whole is reported")
    } else if head.id.end() > head.head_bytes || head.method.end() > head.head_bytes {
        Some("a span reaches past the head")
    } else {
        None
    }
}
