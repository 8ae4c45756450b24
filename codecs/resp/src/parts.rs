//! The parts of a frame for people: `weft codec explain`. Values are walked as they nest, to a
//! bounded depth; broken ones are named as far as they go.

use weft_codec::{Parts, Side, Span};

use crate::inline;
use crate::wire::{self, Number};

/// Deeper values are shown as bytes.
const DEPTH_MAX: u8 = 16;

/// Names the parts of the frame that begins `frame`.
pub(crate) fn name(side: Side, frame: &[u8], parts: &mut Parts) {
    if side == Side::Downstream && frame.first() != Some(&b'*') {
        return line(frame, parts);
    }
    let mut walk = Walk { frame, parts };
    let at = match side {
        Side::Downstream => walk.array_of_words(),
        Side::Upstream => walk.whole_value(0, 0),
    };
    if let Err(at) = at {
        walk.unreadable(at);
    }
}

/// An inline command.
fn line(frame: &[u8], parts: &mut Parts) {
    let end = match wire::line_end(frame, 0) {
        Ok(Some(end)) => end,
        _ => frame
            .iter()
            .position(|byte| *byte == b'\n')
            .map_or(frame.len(), |at| at.saturating_add(1)),
    };
    let text = frame.get(..end).unwrap_or(frame);
    let mut words = 0_u64;
    let mut left = text;
    while let Ok(Some((_, after))) = inline::word(left) {
        words = words.saturating_add(1);
        left = after;
    }
    if !text.is_empty() {
        parts.text(
            format!("line of {words} word(s)"),
            Span::between(0, end),
            text,
        );
    }
}

struct Walk<'a, 'p> {
    frame: &'a [u8],
    parts: &'p mut Parts,
}

/// The offset after what was read, or where reading stops.
type Read = Result<usize, usize>;

impl Walk<'_, '_> {
    fn unreadable(&mut self, at: usize) {
        if at < self.frame.len() {
            self.parts
                .bytes("unreadable", Span::between(at, self.frame.len()));
        }
    }

    /// A request: its count, then its words.
    fn array_of_words(&mut self) -> Read {
        let (count, mut at) = self.count("words", 0)?;
        for n in 0..count {
            let name = if n == 0 { "command" } else { "word" };
            at = self.bulk(name, at)?;
        }
        Ok(at)
    }

    /// The header line of an aggregate.
    fn count(&mut self, name: &'static str, at: usize) -> Result<(u64, usize), usize> {
        match wire::number(self.frame, at) {
            Ok(Number::Some(count, after)) => {
                self.parts.number(name, Span::between(at, after), count);
                Ok((count, after))
            }
            Ok(Number::Null(after)) => {
                self.parts.words(name, Span::between(at, after), "null");
                Ok((0, after))
            }
            _ => Err(at),
        }
    }

    /// A string behind its length, both in one part.
    fn bulk(&mut self, name: &'static str, at: usize) -> Read {
        if !matches!(self.frame.get(at), Some(b'$' | b'=' | b'!')) {
            return Err(at);
        }
        match wire::number(self.frame, at) {
            Ok(Number::Null(after)) => {
                self.parts.words(name, Span::between(at, after), "null");
                Ok(after)
            }
            Ok(Number::Some(len, start)) => {
                let len = usize::try_from(len).map_err(|_| at)?;
                let end = start.checked_add(len).ok_or(at)?;
                let after = end.checked_add(2).ok_or(at)?;
                let text = self.frame.get(start..end).ok_or(at)?;
                if self.frame.get(end..after) != Some(b"\r\n") {
                    return Err(at);
                }
                self.parts.text(name, Span::between(at, after), text);
                Ok(after)
            }
            _ => Err(at),
        }
    }

    /// A value with the attributes that stand before it.
    fn whole_value(&mut self, at: usize, depth: u8) -> Read {
        let mut at = at;
        while self.frame.get(at) == Some(&b'|') && !self.parts.is_full() {
            at = self.value(at, depth)?;
        }
        self.value(at, depth)
    }

    /// One value, or the attributes of one.
    fn value(&mut self, at: usize, depth: u8) -> Read {
        let kind = *self.frame.get(at).ok_or(at)?;
        let name = type_name(kind);
        match kind {
            b'$' | b'=' | b'!' => self.bulk(name, at),
            b'*' | b'~' | b'>' | b'%' | b'|' => self.aggregate(name, kind, at, depth),
            _ => {
                let end = wire::line_end(self.frame, at).ok().flatten().ok_or(at)?;
                let begin = at.saturating_add(1);
                let text = self.frame.get(begin..end.saturating_sub(2)).ok_or(at)?;
                self.parts.text(name, Span::between(at, end), text);
                Ok(end)
            }
        }
    }

    fn aggregate(&mut self, name: &'static str, kind: u8, at: usize, depth: u8) -> Read {
        let (count, mut after) = self.count(name, at)?;
        if depth >= DEPTH_MAX {
            return Err(after);
        }
        let each = if matches!(kind, b'%' | b'|') { 2 } else { 1 };
        for _ in 0..count.saturating_mul(each) {
            if self.parts.is_full() {
                return Ok(self.frame.len());
            }
            after = self.whole_value(after, depth.saturating_add(1))?;
        }
        Ok(after)
    }
}

/// The types of the RESP specification, "RESP protocol description".
fn type_name(kind: u8) -> &'static str {
    match kind {
        b'+' => "simple string",
        b'-' => "error",
        b':' => "integer",
        b'$' => "string",
        b'*' => "array of",
        b'_' => "null",
        b'#' => "boolean",
        b',' => "double",
        b'(' => "big number",
        b'!' => "long error",
        b'=' => "verbatim string",
        b'%' => "map of",
        b'|' => "attributes of",
        b'~' => "set of",
        b'>' => "push of",
        _ => "no type of RESP",
    }
}
