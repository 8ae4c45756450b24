//! Finding one request: an array of bulk strings, or an inline command.
//!
//! The hottest code of this crate. It walks each byte of headers once, skips over the bytes of
//! strings, and keeps where it stands in [`ScanState`]: `walked` is the offset of the next
//! string, word 0 how many strings are to come. Whose turn it is to judge a command is
//! [`crate::effect`]'s.

use weft_codec::{Cut, Head, Kind, Limits, Malformed, ScanState, Span};

use crate::command;
use crate::effect;
use crate::inline::{self, Line};
use crate::keys;
use crate::notes::RequestNotes;
use crate::wire::{self, BULK_BYTES_MIN, Number};
use crate::words::{self, Words};

/// What looking for a frame came to.
#[derive(Debug)]
pub(crate) enum Step {
    /// A frame; its `start` is for the caller to set.
    Frame(Head),
    /// So many bytes must be there before another look.
    Need(usize),
}

/// Finds the request that begins with `frame`, which is not empty.
///
/// # Errors
/// [`Malformed`], with an offset in `frame`.
#[inline]
pub(crate) fn next(
    frame: &[u8],
    limits: &Limits,
    state: &mut ScanState,
) -> Result<Step, Malformed> {
    if frame.first() == Some(&b'*') {
        array(frame, limits, state)
    } else {
        line(frame, limits, state)
    }
}

/// The first two words: the command, and for most commands its key.
#[derive(Clone, Copy, Default)]
struct First {
    command: Span,
    second: Span,
}

#[inline]
fn array(frame: &[u8], limits: &Limits, state: &mut ScanState) -> Result<Step, Malformed> {
    let frame_bytes_max = u64::from(limits.frame_bytes_max);
    let (count, after) = match wire::number(frame, 0)? {
        Number::Some(count, after) => (count, after),
        // Redis takes an empty array for nothing at all, and answers nothing.
        Number::Null(after) => return Ok(Step::Frame(nothing(after))),
        Number::Unfinished => return Ok(Step::Need(frame.len().saturating_add(1))),
    };
    if count == 0 {
        return Ok(Step::Frame(nothing(after)));
    }
    if bytes_min(after, count, BULK_BYTES_MIN) > frame_bytes_max {
        return Err(Malformed::new(
            0,
            format!("{count} words need more than the limit of {frame_bytes_max} bytes"),
        ));
    }
    let (mut at, mut left, mut first) = if state.walked == 0 {
        (after, count, First::default())
    } else {
        let at = usize::try_from(state.walked).unwrap_or(usize::MAX);
        let walked = frame.get(..at).unwrap_or(frame);
        (at, u64::from(state.words[0]), first_of(walked, after))
    };
    while left > 0 {
        let Some((body, end)) = string(frame, at, left, frame_bytes_max)? else {
            keep(state, at, left);
            return Ok(Step::Need(frame.len().saturating_add(1)));
        };
        if left == 1 && end > u64::from(limits.cut_through_bytes) {
            let head_fits = body <= usize::try_from(limits.head_bytes_max).unwrap_or(usize::MAX);
            let head = finish(frame, end, body, first, count);
            if head_fits && may_be_cut(frame, &head, count) {
                return Ok(Step::Frame(head));
            }
        }
        let stop = usize::try_from(end).unwrap_or(usize::MAX);
        if stop > frame.len() {
            keep(state, at, left);
            return Ok(Step::Need(stop));
        }
        let text_end = stop.saturating_sub(2);
        wire::bulk_end(frame, text_end)?;
        if first.command.start == 0 {
            first.command = Span::between(body, text_end);
        } else if first.second.start == 0 {
            first.second = Span::between(body, text_end);
        }
        left = left.wrapping_sub(1);
        at = stop;
    }
    let end = u64::try_from(at).unwrap_or(u64::MAX);
    let mut head = finish(frame, end, at, first, count);
    head.head_bytes = head.frame_bytes;
    head.cut = Cut::Whole;
    Ok(Step::Frame(head))
}

/// The header of the string at `at`: where its bytes begin, and where it ends with its CR LF;
/// `None` if the header is not all there.
#[inline]
fn string(
    frame: &[u8],
    at: usize,
    left: u64,
    frame_bytes_max: u64,
) -> Result<Option<(usize, u64)>, Malformed> {
    match frame.get(at) {
        Some(b'$') => {}
        None => return Ok(None),
        Some(_) => {
            return Err(Malformed::new(
                at,
                "expected `$`: a request is an array of strings",
            ));
        }
    }
    match wire::number(frame, at)? {
        Number::Unfinished => Ok(None),
        Number::Null(_) => Err(Malformed::new(at, "a null among the words of a request")),
        Number::Some(len, body) => {
            let end = bytes_min(body, 1, len.saturating_add(2));
            let others = left.saturating_sub(1).saturating_mul(BULK_BYTES_MIN);
            if end.saturating_add(others) > frame_bytes_max {
                return Err(Malformed::new(
                    at,
                    format!(
                        "a string of {len} bytes takes the request over the limit of {frame_bytes_max} bytes"
                    ),
                ));
            }
            Ok(Some((body, end)))
        }
    }
}

fn keep(state: &mut ScanState, at: usize, left: u64) {
    state.walked = u32::try_from(at).unwrap_or(u32::MAX);
    state.words[0] = u32::try_from(left).unwrap_or(u32::MAX);
}

/// `at` and `count` things of `each` bytes.
#[inline]
fn bytes_min(at: usize, count: u64, each: u64) -> u64 {
    count
        .saturating_mul(each)
        .saturating_add(u64::try_from(at).unwrap_or(u64::MAX))
}

/// The first two words of an array, as far as it was walked before.
fn first_of(frame: &[u8], after: usize) -> First {
    let mut first = First::default();
    let Some((start, len)) = words::bulk(frame, after) else {
        return first;
    };
    let end = start.saturating_add(len);
    if end.saturating_add(2) > frame.len() {
        return first;
    }
    first.command = Span::between(start, end);
    if let Some((start, len)) = words::bulk(frame, end.saturating_add(2)) {
        let end = start.saturating_add(len);
        if end.saturating_add(2) <= frame.len() {
            first.second = Span::between(start, end);
        }
    }
    first
}

/// The head of a request whose words are walked up to `head_bytes`.
#[inline]
fn finish(frame: &[u8], end: u64, head_bytes: usize, first: First, count: u64) -> Head {
    // What follows the head is not of it, however much it looks like more words.
    let frame = frame.get(..head_bytes).unwrap_or(frame);
    let found = command::at(frame, first.command);
    let notes = RequestNotes {
        command: found.number,
        words: u32::try_from(count).unwrap_or(u32::MAX),
        second: first.second,
    };
    Head {
        frame_bytes: u32::try_from(end).unwrap_or(u32::MAX),
        head_bytes: u32::try_from(head_bytes).unwrap_or(u32::MAX),
        method: if found.upper {
            first.command
        } else {
            Span::default()
        },
        kind: Kind::Request,
        cut: Cut::Cuttable,
        effect: effect::of(command::by_number(found.number).role, frame),
        notes: notes.pack(),
        ..Head::default()
    }
}

/// Whether the last word may follow after the head: it is neither the command nor a key, and
/// what the request does to its connection does not hang on it.
fn may_be_cut(frame: &[u8], head: &Head, count: u64) -> bool {
    let notes = RequestNotes::unpack(head.notes);
    count > effect::words_asked(command::by_number(notes.command).role)
        && head.effect == weft_codec::Effect::Stateless
        && !keys::last_word_is_key(frame, &notes)
}

/// Something that Redis reads and does not answer: an empty array or an empty line.
fn nothing(bytes: usize) -> Head {
    let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
    Head {
        frame_bytes: bytes,
        head_bytes: bytes,
        kind: Kind::OneWay,
        ..Head::default()
    }
}

fn line(frame: &[u8], limits: &Limits, state: &mut ScanState) -> Result<Step, Malformed> {
    let end = match inline::line(frame, limits, state)? {
        Line::Need(bytes) => return Ok(Step::Need(bytes)),
        Line::Ends(end) => end,
    };
    let line = frame.get(..end).unwrap_or(frame);
    let mut count = 0_u32;
    let mut rest = line;
    while let Some((_, after)) = inline::word(rest)? {
        count = count.saturating_add(1);
        rest = after;
    }
    let Some(name) = Words::Inline(line).next() else {
        return Ok(Step::Frame(nothing(end)));
    };
    let number = command::number_of(&name);
    let bytes = u32::try_from(end).unwrap_or(u32::MAX);
    let notes = RequestNotes {
        command: number,
        words: count,
        second: Span::default(),
    };
    Ok(Step::Frame(Head {
        frame_bytes: bytes,
        head_bytes: bytes,
        kind: Kind::Request,
        effect: effect::of(command::by_number(number).role, line),
        notes: notes.pack(),
        ..Head::default()
    }))
}
