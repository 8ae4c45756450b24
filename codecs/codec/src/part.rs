//! A frame as a person reads it: its parts in wire order, by name, span and value. For
//! `weft codec explain` and for tests; never on a request's path.

use std::borrow::Cow;

use crate::{Head, IdDomain, IdKind, Span};

/// One part of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What it is called: the description's or the specification's word.
    pub name: Cow<'static, str>,
    /// Where it stands in the frame; empty for what the bytes say without standing in them as
    /// it is, for instance a text under compression.
    pub span: Span,
    /// Its value, readable; empty where the bytes themselves are all that can be shown.
    pub value: String,
    /// In how many parts before it, it lies: an entry of a map has one more than the map.
    pub depth: u8,
}

/// The parts of one frame, as [`crate::Codec::parts`] adds them. At most [`Parts::MAX`] are
/// kept, so that a frame of a million elements costs no more than one of a thousand.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    list: Vec<Part>,
    depth: u8,
    dropped: usize,
}

impl Parts {
    /// How many parts are kept.
    pub const MAX: usize = 1_024;

    /// How many bytes of a text are shown.
    pub const TEXT_BYTES_MAX: usize = 256;

    /// Adds a number.
    pub fn number(&mut self, name: impl Into<Cow<'static, str>>, span: Span, value: u64) {
        self.add(name, span, || value.to_string());
    }

    /// Adds a number that has a name, for instance a kind or a status: `3 (ping)`.
    pub fn named(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        span: Span,
        value: u64,
        meaning: &str,
    ) {
        self.add(name, span, || format!("{value} ({meaning})"));
    }

    /// Adds a text; what is not printable ASCII is escaped.
    pub fn text(&mut self, name: impl Into<Cow<'static, str>>, span: Span, text: &[u8]) {
        self.add(name, span, || Self::quoted(text));
    }

    /// A text as [`Parts::text`] shows it: what is not printable ASCII is escaped, and of a long
    /// one the beginning is there.
    #[must_use]
    pub fn quoted(text: &[u8]) -> String {
        let shown = text.get(..Self::TEXT_BYTES_MAX).unwrap_or(text);
        let more = if shown.len() < text.len() { "…" } else { "" };
        format!("\"{}\"{more}", shown.escape_ascii())
    }

    /// Adds bytes that have no better reading than themselves.
    pub fn bytes(&mut self, name: impl Into<Cow<'static, str>>, span: Span) {
        self.add(name, span, String::new);
    }

    /// Adds a part whose value is already in words.
    pub fn words(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        span: Span,
        words: impl Into<String>,
    ) {
        self.add(name, span, || words.into());
    }

    /// What `add` adds lies inside the part that was added last.
    pub fn inside(&mut self, add: impl FnOnce(&mut Self)) {
        self.depth = self.depth.saturating_add(1);
        add(self);
        self.depth = self.depth.saturating_sub(1);
    }

    /// Whether more parts would be dropped: a long walk may end here.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.list.len() >= Self::MAX
    }

    /// The parts that were kept, in the order in which they were added.
    #[must_use]
    pub fn list(&self) -> &[Part] {
        &self.list
    }

    /// How many parts were dropped because there were too many.
    #[must_use]
    pub fn dropped(&self) -> usize {
        self.dropped
    }

    fn add(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        span: Span,
        value: impl FnOnce() -> String,
    ) {
        if self.is_full() {
            self.dropped = self.dropped.saturating_add(1);
            return;
        }
        self.list.push(Part {
            name: name.into(),
            span,
            value: value(),
            depth: self.depth,
        });
    }

    /// What every head tells: its id and method, and the bytes around them.
    pub(crate) fn of_head(&mut self, ids: Option<IdDomain>, head: &Head, frame: &[u8]) {
        let numeric = matches!(
            ids.map(|ids| ids.kind),
            None | Some(IdKind::Integer(_) | IdKind::Varint)
        );
        let mut spans = [("id", head.id), ("method", head.method)];
        spans.sort_by_key(|(_, span)| span.start);
        let mut at = 0;
        for (name, span) in spans {
            if span.is_empty() || span.start < at {
                continue;
            }
            self.gap(at, span.start);
            match (name, span.of(frame)) {
                ("id", _) if numeric => self.number(name, span, head.id_value),
                (_, Some(text)) => self.text(name, span, text),
                _ => self.bytes(name, span),
            }
            at = span.end();
        }
        self.gap(at, head.frame_bytes);
    }

    fn gap(&mut self, start: u32, end: u32) {
        if start < end {
            self.bytes("bytes", Span::new(start, end.saturating_sub(start)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(parts: &Parts) -> Vec<(&str, u32, u32, &str)> {
        let list = parts.list().iter();
        list.map(|part| {
            let span = part.span;
            (&*part.name, span.start, span.len, part.value.as_str())
        })
        .collect()
    }

    #[test]
    fn of_a_codec_that_names_nothing_id_and_method_are_shown_with_the_bytes_around_them() {
        let head = Head {
            frame_bytes: 10,
            head_bytes: 10,
            id: Span::new(6, 2),
            id_value: 7,
            method: Span::new(1, 3),
            ..Head::default()
        };
        let mut parts = Parts::default();
        parts.of_head(None, &head, b"\x01get..\x00\x07ab");
        let expected = [
            ("bytes", 0, 1, ""),
            ("method", 1, 3, "\"get\""),
            ("bytes", 4, 2, ""),
            ("id", 6, 2, "7"),
            ("bytes", 8, 2, ""),
        ];
        assert_eq!(names(&parts), expected);
    }

    #[test]
    fn parts_inside_another_are_one_deeper() {
        let mut parts = Parts::default();
        parts.words("map", Span::new(0, 9), "1 entry");
        parts.inside(|parts| parts.text("key", Span::new(2, 1), b"\n"));
        parts.bytes("body", Span::new(9, 1));
        let depths: Vec<_> = parts.list().iter().map(|part| part.depth).collect();
        assert_eq!(depths, [0, 1, 0]);
        assert_eq!(parts.list()[1].value, "\"\\n\"");
    }

    #[test]
    fn too_many_parts_are_counted_and_dropped() {
        let mut parts = Parts::default();
        for at in 0..Parts::MAX + 3 {
            parts.number("n", Span::default(), at as u64);
        }
        assert!(parts.is_full());
        assert_eq!((parts.list().len(), parts.dropped()), (Parts::MAX, 3));
    }
}
