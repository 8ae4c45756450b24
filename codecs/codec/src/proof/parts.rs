//! The parts that a codec names for people lie where they must: in order, inside the frame, and
//! deeper ones inside the one that holds them.

use super::{Proof, decode::only_head};
use crate::{Codec, Head, Part, Parts, Side, Span};

const CHECK: &str = "parts";

/// A frame longer than this is cut at about so many places, not at every byte.
const PREFIXES_MAX: usize = 1_024;

impl Proof<'_> {
    /// Names the parts of every vector, and of its beginnings as if it were broken there.
    pub fn check_parts(&mut self) {
        for file in &self.files {
            for vector in &file.frames {
                let (codec, side, frame) = (self.codec, vector.side, vector.bytes.as_slice());
                let named = only_head(codec, &self.limits, side, frame)
                    .and_then(|head| well_placed(codec, side, Some(&head), frame))
                    .and_then(|named| {
                        let step = (frame.len() / PREFIXES_MAX).max(1);
                        for end in (0..frame.len()).step_by(step) {
                            let part = frame.get(..end).unwrap_or_default();
                            well_placed(codec, side, None, part)
                                .map_err(|what| format!("cut at {end}: {what}"))?;
                        }
                        Ok(named)
                    });
                match named {
                    Ok(named) => self.report.parts += named,
                    Err(what) => self
                        .failures
                        .add(CHECK, format!("{} `{}`: {what}", file.name, vector.name)),
                }
            }
        }
    }
}

/// Names the parts and looks at where they lie; gives their number.
pub(super) fn well_placed(
    codec: &dyn Codec,
    side: Side,
    head: Option<&Head>,
    frame: &[u8],
) -> Result<u64, String> {
    let mut parts = Parts::default();
    codec.parts(side, head, frame, &mut parts);
    let end = head.map_or(frame.len(), |head| head.frame_bytes as usize);
    let whole = Span::new(0, u32::try_from(end).unwrap_or(u32::MAX));
    // For each depth the part that holds what is deeper, and where the next of its own may begin.
    let mut open: Vec<(Span, u32)> = vec![(whole, 0)];
    for part in parts.list() {
        let depth = usize::from(part.depth);
        open.truncate(depth.saturating_add(1));
        let Some((holder, next)) = open.last_mut().filter(|_| !part.span.is_empty()) else {
            continue;
        };
        if let Some(wrong) = misplaced(part, *holder, *next) {
            return Err(format!("{wrong}: {part:?}"));
        }
        *next = part.span.end();
        open.push((part.span, part.span.start));
    }
    let id = head.map(|head| head.id).unwrap_or_default();
    if head.is_some() && !id.is_empty() && !parts.is_full() && !names(parts.list(), id) {
        return Err(format!("no part stands where the id does: {id:?}"));
    }
    Ok(parts.list().len() as u64)
}

fn misplaced(part: &Part, holder: Span, next: u32) -> Option<&'static str> {
    if part.name.is_empty() {
        Some("a part without a name")
    } else if part.span.start < holder.start || part.span.end() > holder.end() {
        Some("a part reaches past what holds it")
    } else if part.span.start < next {
        Some("a part overlaps the one before it")
    } else {
        None
    }
}

fn names(parts: &[Part], span: Span) -> bool {
    parts.iter().any(|part| part.span == span)
}
