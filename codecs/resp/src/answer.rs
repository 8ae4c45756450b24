//! Finding one answer: any RESP2 or RESP3 value, however it is nested.
//!
//! Values are walked without a stack: an aggregate only adds its elements to the number that is
//! still to come, so nesting costs nothing and has no depth. In [`ScanState`] `walked` is the
//! offset of the next element, word 0 how many are to come, word 1 the offset of the answer's
//! own value plus one (0 while only attributes were seen), word 2 how far an unfinished line
//! has been searched.

use weft_codec::{Cut, Head, Kind, Limits, Malformed, ScanState};

use crate::notes;
use crate::request::Step;
use crate::wire::{self, ELEMENT_BYTES_MIN, Number};

/// Where the walk stands.
#[derive(Clone, Copy)]
struct Walk {
    /// Offset of the next element.
    at: usize,
    /// Elements still to come.
    left: u64,
    /// Offset of the answer's own value, once its attributes are over.
    value_at: Option<usize>,
}

/// What one element came to.
enum Element {
    /// It ends here.
    Ends(usize),
    /// So many bytes of the frame must be there.
    Need(usize),
    /// Elements of its own begin at this offset.
    Opens { count: u64, at: usize },
    /// It is the last one, long, and the frame ends here; its bytes begin at `body`.
    Long { body: usize, end: u64 },
}

/// Finds the answer that begins with `frame`, which is not empty.
///
/// # Errors
/// [`Malformed`], with an offset in `frame`.
#[inline]
pub(crate) fn next(
    frame: &[u8],
    limits: &Limits,
    state: &mut ScanState,
) -> Result<Step, Malformed> {
    let mut walk = resumed(state);
    while walk.left > 0 {
        let Some(kind) = frame.get(walk.at).copied() else {
            keep(state, walk);
            return Ok(Step::Need(frame.len().saturating_add(1)));
        };
        if walk.value_at.is_none() && walk.left == 1 && kind != b'|' {
            walk.value_at = Some(walk.at);
        }
        match element(kind, frame, limits, state, walk)? {
            Element::Ends(at) => {
                walk.left = walk.left.wrapping_sub(1);
                walk.at = at;
            }
            Element::Opens { count, at } => {
                let others = walk.left.wrapping_sub(u64::from(kind != b'|'));
                walk.left = others.saturating_add(count);
                check_size(size(at), walk.left, limits, walk)?;
                walk.at = at;
            }
            Element::Need(bytes) => {
                keep(state, walk);
                return Ok(Step::Need(bytes));
            }
            Element::Long { body, end } => {
                let mut head = finish(frame, walk, end);
                head.head_bytes = u32::try_from(body).unwrap_or(u32::MAX);
                head.cut = Cut::Cuttable;
                return Ok(Step::Frame(head));
            }
        }
    }
    Ok(Step::Frame(finish(frame, walk, size(walk.at))))
}

#[inline]
fn element(
    kind: u8,
    frame: &[u8],
    limits: &Limits,
    state: &mut ScanState,
    walk: Walk,
) -> Result<Element, Malformed> {
    match kind {
        b'+' | b'-' | b':' | b'_' | b'#' | b',' | b'(' => line(frame, limits, state, walk),
        b'$' | b'!' | b'=' => bulk(kind, frame, limits, walk),
        b'*' | b'%' | b'~' | b'>' | b'|' => {
            if kind == b'>' && walk.value_at != Some(walk.at) {
                return Err(Malformed::new(walk.at, "a push inside another value"));
            }
            match wire::number(frame, walk.at)? {
                Number::Unfinished => Ok(Element::Need(frame.len().saturating_add(1))),
                Number::Null(at) if kind == b'*' => Ok(Element::Ends(at)),
                Number::Null(_) => Err(Malformed::new(
                    walk.at,
                    "only `*` and `$` can be null by -1",
                )),
                Number::Some(count, at) => {
                    let each = if matches!(kind, b'%' | b'|') { 2 } else { 1 };
                    let count = count.saturating_mul(each);
                    Ok(Element::Opens { count, at })
                }
            }
        }
        _ => Err(Malformed::new(
            walk.at,
            "expected the type byte of a RESP value, one of + - : $ * _ # , ( ! = % ~ > |",
        )),
    }
}

#[inline]
fn line(
    frame: &[u8],
    limits: &Limits,
    state: &mut ScanState,
    walk: Walk,
) -> Result<Element, Malformed> {
    let searched = usize::try_from(state.words[2]).unwrap_or(usize::MAX);
    let from = walk.at.saturating_add(1).max(searched);
    if let Some(end) = wire::line_end(frame, from)? {
        state.words[2] = 0;
        check_line(end, limits, walk)?;
        return Ok(Element::Ends(end));
    }
    check_line(frame.len(), limits, walk)?;
    // A CR at the very end is looked at again, with what follows it.
    let clean = match frame.last() {
        Some(b'\r') => frame.len().saturating_sub(1),
        _ => frame.len(),
    };
    state.words[2] = u32::try_from(clean).unwrap_or(u32::MAX);
    Ok(Element::Need(frame.len().saturating_add(1)))
}

/// Lines have no length, so the largest head bounds them.
#[inline]
fn check_line(end: usize, limits: &Limits, walk: Walk) -> Result<(), Malformed> {
    if size(end.saturating_sub(walk.at)) > u64::from(limits.head_bytes_max) {
        return Err(Malformed::new(
            walk.at,
            format!("a line of more than {} bytes", limits.head_bytes_max),
        ));
    }
    check_size(size(end), walk.left.wrapping_sub(1), limits, walk)
}

#[inline]
fn bulk(kind: u8, frame: &[u8], limits: &Limits, walk: Walk) -> Result<Element, Malformed> {
    let (len, body) = match wire::number(frame, walk.at)? {
        Number::Unfinished => return Ok(Element::Need(frame.len().saturating_add(1))),
        Number::Null(at) if kind == b'$' => return Ok(Element::Ends(at)),
        Number::Null(_) => {
            return Err(Malformed::new(
                walk.at,
                "only `*` and `$` can be null by -1",
            ));
        }
        Number::Some(len, body) => (len, body),
    };
    let end = size(body).saturating_add(len).saturating_add(2);
    check_size(end, walk.left.wrapping_sub(1), limits, walk)?;
    let head_fits = size(body) <= u64::from(limits.head_bytes_max);
    if walk.left == 1 && head_fits && end > u64::from(limits.cut_through_bytes) && kind != b'!' {
        return Ok(Element::Long { body, end });
    }
    let stop = usize::try_from(end).unwrap_or(usize::MAX);
    if stop > frame.len() {
        return Ok(Element::Need(stop));
    }
    wire::bulk_end(frame, stop.saturating_sub(2))?;
    Ok(Element::Ends(stop))
}

fn resumed(state: &ScanState) -> Walk {
    if state.walked == 0 && state.words[0] == 0 {
        return Walk {
            at: 0,
            left: 1,
            value_at: None,
        };
    }
    Walk {
        at: usize::try_from(state.walked).unwrap_or(usize::MAX),
        left: u64::from(state.words[0]),
        value_at: state.words[1]
            .checked_sub(1)
            .and_then(|at| usize::try_from(at).ok()),
    }
}

/// Keeps where the walk stands.
fn keep(state: &mut ScanState, walk: Walk) {
    state.walked = u32::try_from(walk.at).unwrap_or(u32::MAX);
    state.words[0] = u32::try_from(walk.left).unwrap_or(u32::MAX);
    state.words[1] = walk
        .value_at
        .and_then(|at| u32::try_from(at).ok())
        .map_or(0, |at| at.saturating_add(1));
}

/// Refuses an answer that cannot end within the limit: `left` elements follow after `end`.
#[inline]
fn check_size(end: u64, left: u64, limits: &Limits, walk: Walk) -> Result<(), Malformed> {
    if end.saturating_add(left.saturating_mul(ELEMENT_BYTES_MIN))
        > u64::from(limits.frame_bytes_max)
    {
        return Err(Malformed::new(
            walk.at,
            format!(
                "the answer goes over the limit of {} bytes",
                limits.frame_bytes_max
            ),
        ));
    }
    Ok(())
}

#[inline]
fn finish(frame: &[u8], walk: Walk, end: u64) -> Head {
    let value_at = walk.value_at.unwrap_or_default();
    let bytes = u32::try_from(end).unwrap_or(u32::MAX);
    Head {
        frame_bytes: bytes,
        head_bytes: bytes,
        kind: if frame.get(value_at) == Some(&b'>') {
            Kind::Push
        } else {
            Kind::Answer
        },
        notes: notes::answer(value_at),
        ..Head::default()
    }
}

#[inline]
fn size(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}
