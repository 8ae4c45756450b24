//! The explanation for people.

use weft_codec::{Codec, Part, Side, Span};

use super::facts;
use super::route::Way;
use super::{Event, Explained};
use crate::codec::decode::{self, Broken, Frame, Unfinished};
use crate::codec::paint::Paint;
use weft_capture::Missing;

/// Bytes in one row.
const ROW_BYTES: usize = 12;
/// Columns of a row's bytes: two digits and a blank each, and the sign that more follow.
const BYTES_COLUMNS: usize = ROW_BYTES * 3 + 1;

/// Longer values are shortened; `--json` has them whole.
const VALUE_CHARS_MAX: usize = 72;

/// The whole explanation.
pub(super) fn of(all: &Explained<'_>, paint: Paint) -> String {
    let mut page = Page {
        text: String::new(),
        codec: all.codec,
        paint,
    };
    for note in all.notes {
        page.note(note);
    }
    for (conversation, events) in &all.conversations {
        page.line(&paint.strong(&conversation.name));
        for note in &conversation.notes {
            page.note(note);
        }
        for event in events {
            match event {
                Event::Frame(frame) => {
                    page.frame(frame);
                    for way in all.routes.map_or(Vec::new(), |r| r.ways(all.codec, frame)) {
                        page.way(&way);
                    }
                }
                Event::Broken(broken) => page.broken(broken),
                Event::Unfinished(unfinished) => page.unfinished(unfinished),
                Event::Missing(side, missing) => page.missing(*side, *missing),
            }
        }
        page.line("");
    }
    if all.hidden > 0 {
        let hidden = all.hidden;
        page.note(&format!(
            "{hidden} more frame(s) are not shown: `--frames 0` shows all"
        ));
    }
    page.text
}

/// The side that sent something.
pub(crate) fn side(side: Side) -> &'static str {
    match side {
        Side::Downstream => "client",
        Side::Upstream => "server",
    }
}

/// Where a stream cannot be read any further, and why.
pub(super) fn title_of_broken(broken: &Broken<'_>) -> String {
    format!(
        "the {} stream cannot be read past offset {}: {}{}",
        side(broken.side),
        broken.offset,
        broken.reason,
        packet(broken.packet)
    )
}

/// How a stream ends too early.
pub(super) fn title_of_unfinished(unfinished: &Unfinished<'_>) -> String {
    format!(
        "the {} stream ends inside a frame that begins at offset {}: {} bytes are there, and at \
         least {} are needed{}",
        side(unfinished.side),
        unfinished.offset,
        unfinished.bytes.len(),
        unfinished.need,
        packet(unfinished.packet)
    )
}

/// What a capture lacks.
pub(super) fn title_of_missing(of: Side, missing: Missing) -> String {
    let after = match missing.after_packet {
        0 => String::new(),
        packet => format!(", after packet {packet}"),
    };
    format!(
        "the capture lacks {} bytes of the {} stream at offset {}{after}",
        missing.bytes,
        side(of),
        missing.offset
    )
}

struct Page<'a> {
    text: String,
    codec: &'a dyn Codec,
    paint: Paint,
}

impl Page<'_> {
    fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    fn note(&mut self, note: &str) {
        let note = self.paint.odd(&format!("  note: {note}"));
        self.line(&note);
    }

    fn frame(&mut self, frame: &Frame<'_>) {
        let paint = self.paint;
        let to = frame.answers.map_or(String::new(), |n| format!(" to #{n}"));
        let title = format!(
            "{} {}{to}{}",
            paint.strong(&format!("#{}", frame.number)),
            paint.strong(frame.head.kind.word()),
            paint.faint(&format!(
                ", from the {}, {} bytes at offset {}{}",
                side(frame.side),
                frame.bytes.len(),
                frame.offset,
                packet(frame.packet)
            )),
        );
        self.line("");
        self.line(&title);
        let parts = decode::parts(self.codec, frame.side, Some(&frame.head), frame.bytes);
        self.parts(&parts, frame.bytes, None);
        let facts = facts::of(self.codec, frame);
        let facts: Vec<String> = facts
            .iter()
            .map(|fact| format!("{} {}", paint.name(&fact.name), fact.value))
            .collect();
        self.line(&format!("  the mesh: {}", facts.join(" · ")));
    }

    /// The parts, one row each; the one that holds `fault` is marked.
    fn parts(&mut self, parts: &[Part], bytes: &[u8], fault: Option<usize>) {
        let widest = parts
            .iter()
            .map(|part| part.name.chars().count() + 2 * usize::from(part.depth));
        let width = widest.max().unwrap_or(0).min(28);
        for part in parts {
            let span = part.span.start as usize..part.span.end() as usize;
            let marked = fault.is_some_and(|fault| span.contains(&fault));
            let name = format!(
                "{:indent$}{}",
                "",
                part.name,
                indent = 2 * usize::from(part.depth)
            );
            let name = format!("{name:<width$}");
            let mark = if marked { "!" } else { " " };
            let paint = self.paint;
            let at = if part.span.is_empty() {
                String::new()
            } else {
                part.span.start.to_string()
            };
            let row = format!(
                "{} {at:>6}  {}  {}  {}",
                paint.bad(mark),
                paint.faint(&format!("{:<BYTES_COLUMNS$}", row(part.span, bytes))),
                if marked {
                    paint.bad(&name)
                } else {
                    paint.name(&name)
                },
                shortened(&part.value),
            );
            self.line(&row);
        }
    }

    fn way(&mut self, way: &Way) {
        let paint = self.paint;
        self.line(&format!("  listener {}:", paint.name(&way.listener)));
        for step in &way.steps {
            self.line(&format!("    {step}"));
        }
        let Some(to) = &way.to else {
            self.line(&paint.bad("    no route takes it: the client gets the error `no route`"));
            return;
        };
        let candidates: Vec<String> = to
            .candidates
            .iter()
            .map(|(id, out)| match out {
                Some(why) => paint.faint(&format!("{id} ({why})")),
                None => paint.good(id),
            })
            .collect();
        if candidates.is_empty() {
            self.line(&paint.bad("    candidates: none, as no instance has these labels"));
        } else {
            self.line(&format!(
                "    candidates: {}; {}",
                candidates.join(", "),
                to.choice
            ));
        }
    }

    fn broken(&mut self, broken: &Broken<'_>) {
        let paint = self.paint;
        self.line("");
        self.line(&paint.bad(&title_of_broken(broken)));
        let last = match broken.last_good {
            Some(number) => format!("the last good frame of this side is #{number}"),
            None => "no frame of this side before it was good".to_owned(),
        };
        let field = match &broken.field {
            Some(field) => format!("; the field that failed is {field}"),
            None => String::new(),
        };
        self.line(&format!(
            "  {last}; the broken one begins at offset {}{field}",
            broken.frame_at
        ));
        let fault = usize::try_from(broken.offset.saturating_sub(broken.frame_at)).ok();
        if broken.parts.is_empty() {
            let len = u32::try_from(broken.bytes.len()).unwrap_or(u32::MAX);
            let fault_at = u32::try_from(fault.unwrap_or(0)).unwrap_or(0);
            let good = Span::new(0, fault_at.min(len));
            let bad = Span::new(good.len, len.saturating_sub(good.len));
            let raw = |name: &'static str, span: Span| Part {
                name: name.into(),
                span,
                value: text_of(span, broken.bytes),
                depth: 0,
            };
            let mut parts = vec![raw("before", good), raw("here", bad)];
            parts.retain(|part| !part.span.is_empty());
            self.parts(&parts, broken.bytes, fault);
        } else {
            self.parts(&broken.parts, broken.bytes, fault);
        }
        if broken.inside {
            self.note(
                "bytes before these are missing, so they may begin inside a frame; nothing after \
                 them was read",
            );
        }
    }

    fn unfinished(&mut self, unfinished: &Unfinished<'_>) {
        self.line("");
        let title = self.paint.odd(&title_of_unfinished(unfinished));
        self.line(&title);
        self.parts(&unfinished.parts, unfinished.bytes, None);
    }

    fn missing(&mut self, of: Side, missing: Missing) {
        self.line("");
        let title = self.paint.bad(&title_of_missing(of, missing));
        self.line(&title);
    }
}

/// A value that fits a line.
fn shortened(value: &str) -> String {
    match value.char_indices().nth(VALUE_CHARS_MAX) {
        Some((end, _)) => format!("{}…", value.get(..end).unwrap_or_default()),
        None => value.to_owned(),
    }
}

fn packet(packet: u32) -> String {
    match packet {
        0 => String::new(),
        packet => format!(", packet {packet}"),
    }
}

/// The first bytes of a part.
fn row(span: Span, bytes: &[u8]) -> String {
    let start = span.start as usize;
    let there = bytes.get(start.min(bytes.len())..).unwrap_or_default();
    let there = there.get(..span.len as usize).unwrap_or(there);
    let mut row = there
        .iter()
        .take(ROW_BYTES)
        .map(|byte| format!("{byte:02x}"))
        .collect::<Vec<_>>()
        .join(" ");
    if span.len as usize > ROW_BYTES {
        row.push('…');
    }
    row
}

/// The first bytes of a part as a text.
fn text_of(span: Span, bytes: &[u8]) -> String {
    let there = span.of(bytes).unwrap_or_default();
    let shown = there.get(..ROW_BYTES * 2).unwrap_or(there);
    format!("\"{}\"", shown.escape_ascii())
}
