//! Finding frames.

use weft_codec::{CHECKSUM_BYTES_MAX, Cut, Head, Limits, Malformed, RunningSum, Scanned, Tail};

use crate::layout::{CRC_BYTES, Layout};

/// How far into a content the codec reads: method and properties stand at its beginning.
pub(crate) const CONTENT_BYTES_READ: u32 = 4096;

/// Finds all heads in `bytes`. Needs no state: what is unfinished is looked at again only when
/// as many bytes are there as were asked for.
pub(crate) fn scan(
    limits: &Limits,
    bytes: &[u8],
    heads: &mut Vec<Head>,
) -> Result<Scanned, Malformed> {
    let mut consumed = 0usize;
    loop {
        let rest = bytes.get(consumed..).unwrap_or_default();
        let found = first(limits, rest).map_err(|mut malformed| {
            malformed.at = malformed.at.saturating_add(consumed);
            malformed
        })?;
        match found {
            Found::Head(mut head) => {
                let Ok(start) = u32::try_from(consumed) else {
                    return Ok(Scanned { consumed, need: 1 });
                };
                head.start = start;
                consumed = consumed.saturating_add(head.frame_bytes as usize);
                heads.push(head);
                if consumed >= bytes.len() {
                    // One byte can be wrong already.
                    return Ok(Scanned { consumed, need: 1 });
                }
            }
            Found::Need(need) => return Ok(Scanned { consumed, need }),
        }
    }
}

enum Found {
    Head(Head),
    Need(usize),
}

/// The first frame of `bytes`.
#[inline]
fn first(limits: &Limits, bytes: &[u8]) -> Result<Found, Malformed> {
    let layout = match Layout::read(bytes)? {
        Ok(layout) => layout,
        Err(need) => return Ok(Found::Need(need)),
    };
    let frame_bytes = match u32::try_from(layout.frame_bytes) {
        Ok(bytes) if bytes <= limits.frame_bytes_max => bytes,
        _ => return Err(too_long(&layout, limits)),
    };
    if layout.headers.end() > limits.head_bytes_max {
        return Err(head_too_long(&layout, limits));
    }
    if let Some(frame) = bytes.get(..frame_bytes as usize) {
        if layout.crc {
            check_crc(frame)?;
        }
        return Ok(Found::Head(head_of(&layout, frame_bytes, frame_bytes)));
    }
    // Of a frame that is cut, no byte of the checksum may be there yet.
    let sum_at = frame_bytes.saturating_sub(if layout.crc { CRC_BYTES } else { 0 });
    if frame_bytes <= limits.cut_through_bytes || bytes.len() > sum_at as usize {
        return Ok(Found::Need(frame_bytes as usize));
    }
    let head_bytes = layout
        .headers
        .end()
        .saturating_add(layout.content.len.min(CONTENT_BYTES_READ))
        .min(limits.head_bytes_max);
    if bytes.len() < head_bytes as usize {
        return Ok(Found::Need(head_bytes as usize));
    }
    Ok(Found::Head(head_of(&layout, frame_bytes, head_bytes)))
}

fn head_of(layout: &Layout, frame_bytes: u32, head_bytes: u32) -> Head {
    Head {
        frame_bytes,
        head_bytes,
        id: layout.id,
        id_value: layout.id_value.into(),
        kind: layout.kind(),
        // The checksum stands at the end and covers the id.
        cut: if layout.crc {
            Cut::ChecksumTail
        } else {
            Cut::Cuttable
        },
        ..Head::default()
    }
}

/// What mends the checksum of a frame that is cut through.
pub(crate) fn tail(head: &Head, frame: &[u8], emitted: &[u8]) -> Option<Tail> {
    let sum_at = u64::from(head.frame_bytes.checked_sub(CRC_BYTES)?);
    let covered = sum_at.checked_sub(frame.len() as u64)?;
    let changes = head.cut == Cut::ChecksumTail && frame != emitted;
    changes.then(|| {
        let (came, goes) = (Crc::of(frame), Crc::of(emitted));
        Tail::new(came, goes, covered, CRC_BYTES as usize)
    })
}

/// CRC-32 as bytes are added.
#[derive(Debug)]
struct Crc(crc32fast::Hasher);

impl Crc {
    fn of(bytes: &[u8]) -> Box<Self> {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(bytes);
        Box::new(Self(hasher))
    }
}

impl RunningSum for Crc {
    fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn wire_bytes(&self) -> [u8; CHECKSUM_BYTES_MAX] {
        let [a, b, c, d] = self.0.clone().finalize().to_be_bytes();
        [a, b, c, d, 0, 0, 0, 0]
    }
}

/// The checksum of a frame's bytes before it.
pub(crate) fn crc_of(frame_before_crc: &[u8]) -> [u8; 4] {
    crc32fast::hash(frame_before_crc).to_be_bytes()
}

/// A damaged frame must not get a good checksum with its new id.
fn check_crc(frame: &[u8]) -> Result<(), Malformed> {
    let end = frame.len().saturating_sub(CRC_BYTES as usize);
    let (covered, said) = frame.split_at_checked(end).unwrap_or_default();
    let is = crc_of(covered);
    if said == is {
        return Ok(());
    }
    let reason = format!("the CRC-32 says {said:02x?}, the frame's bytes give {is:02x?}");
    Err(Malformed::new(end, reason))
}

#[cold]
fn too_long(layout: &Layout, limits: &Limits) -> Malformed {
    Malformed::new(
        layout.lengths_at,
        format!(
            "lengths of a frame of {} bytes; the limit is {}",
            layout.frame_bytes, limits.frame_bytes_max
        ),
    )
}

#[cold]
fn head_too_long(layout: &Layout, limits: &Limits) -> Malformed {
    Malformed::new(
        layout.lengths_at,
        format!(
            "class and header map end at byte {}; the limit for a head is {}",
            layout.headers.end(),
            limits.head_bytes_max
        ),
    )
}
