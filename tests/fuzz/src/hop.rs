//! What another proxy may send: hop frames around acme, from both sides.

use std::sync::{Arc, LazyLock};

use weft_acme::Acme;
use weft_codec::proof::feed;
use weft_codec::{Asked, Codec, Head, Limits, NewId, Rewrite, Side};
use weft_hop::{FIXED_BYTES, Inward, Outward};

/// The good frames of a stream, as offset, length and id, and whether it ends in a complaint.
type Seen = (Vec<(u32, u32, u64)>, bool);

/// Reads `input` as a proxy's stream, whole and in pieces: the same frames must be found, and the
/// same is wrong. The first byte chooses the side, by bit 0, and the size of the pieces.
pub(crate) fn stream(input: &[u8]) -> Result<(), String> {
    static INWARD: LazyLock<Inward> = LazyLock::new(|| Inward::new(Arc::new(Acme::new())));
    static OUTWARD: LazyLock<Outward> = LazyLock::new(|| Outward::new(Arc::new(Acme::new())));
    let Some((&choice, bytes)) = input.split_first() else {
        return Ok(());
    };
    let limits = Limits {
        frame_bytes_max: 1 << 20,
        ..Limits::default()
    };
    let pieces = bytes.chunks(usize::from(choice >> 1).max(1));
    let (whole, cut) = if choice & 1 == 0 {
        let seen = |heads: &[Head], complaint| taken(&INWARD, &limits, bytes, (heads, complaint));
        let whole = feed(&*INWARD, Side::Downstream, &limits, [bytes]);
        let cut = feed(&*INWARD, Side::Downstream, &limits, pieces);
        unbroken([&whole.broken, &cut.broken])?;
        (
            seen(&whole.heads, whole.complaint.is_some()),
            seen(&cut.heads, cut.complaint.is_some()),
        )
    } else {
        let whole = feed(&*OUTWARD, Side::Upstream, &limits, [bytes]);
        let cut = feed(&*OUTWARD, Side::Upstream, &limits, pieces);
        unbroken([&whole.broken, &cut.broken])?;
        unwrapped(&OUTWARD, &whole.heads, bytes)?;
        let seen = |heads: &[Head], complaint| (heads.iter().map(place).collect(), complaint);
        (
            seen(&whole.heads, whole.complaint.is_some()),
            seen(&cut.heads, cut.complaint.is_some()),
        )
    };
    // In pieces less than a header is not looked at, as more may come.
    let good = whole
        .0
        .last()
        .map_or(0, |(start, frame_bytes, _)| start + frame_bytes);
    let is_short = bytes.len() - (good as usize) < FIXED_BYTES;
    match whole.0 == cut.0 && (is_short || whole.1 == cut.1) {
        true => Ok(()),
        false => Err(format!("whole {whole:?}, in pieces {cut:?}")),
    }
}

fn unbroken(broken: [&Option<String>; 2]) -> Result<(), String> {
    broken
        .into_iter()
        .flatten()
        .next()
        .cloned()
        .map_or(Ok(()), Err)
}

fn place(head: &Head) -> (u32, u32, u64) {
    (head.start, head.frame_bytes, head.id_value)
}

fn frame_of<'b>(head: &Head, bytes: &'b [u8]) -> Option<&'b [u8]> {
    let start = head.start as usize;
    bytes.get(start..start.saturating_add(head.frame_bytes as usize))
}

/// Requests up to the first that does not hold one native request. Where a frame is there whole
/// that is told when it is taken, and else while it comes.
fn taken(
    inward: &Inward,
    limits: &Limits,
    bytes: &[u8],
    (heads, complaint): (&[Head], bool),
) -> Seen {
    use weft_codec::Kind;
    let mut good = Vec::new();
    for head in heads {
        let is_request = matches!(head.kind, Kind::Request | Kind::OneWay);
        if let Some(frame) = frame_of(head, bytes).filter(|_| is_request)
            && inward.take(limits, frame, &mut Vec::new()).is_err()
        {
            return (good, true);
        }
        good.push(place(head));
    }
    (good, complaint)
}

/// What is in an answer is no longer than the answer.
fn unwrapped(outward: &Outward, heads: &[Head], bytes: &[u8]) -> Result<(), String> {
    for head in heads {
        let Some(frame) = frame_of(head, bytes) else {
            continue;
        };
        let _ = outward.classify(head, frame);
        let mut out = Vec::new();
        let asked = Asked::default();
        let rewrite = Rewrite {
            id: NewId::Callers(&asked),
            deadline_ms: None,
        };
        let emitted = outward.emit(Side::Upstream, head, frame, &rewrite, &mut out);
        if emitted.is_ok() && out.len() > frame.len() {
            return Err(format!("{} bytes out of {}", out.len(), frame.len()));
        }
    }
    Ok(())
}
