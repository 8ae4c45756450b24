//! The parts of a frame for people. Reads from the beginning and stops where the bytes stop making
//! sense, so that broken frames are named as far as they go.

use weft_codec::{Parts, Span};
use weft_hessian2::Reader;

use crate::{
    fields::status,
    layout::{CRC_BYTES, Layout, V1, rpc_type, serialization},
    names::{each_header, hessian},
};

/// Names the parts of the frame that begins `bytes`.
pub(crate) fn name(bytes: &[u8], parts: &mut Parts) {
    let layout = match Layout::read(bytes) {
        Ok(Ok(layout)) => layout,
        Ok(Err(_)) => return rest("header (incomplete)", 0, bytes.len(), parts),
        Err(_) => return rest("unreadable", 0, bytes.len(), parts),
    };
    fixed(&layout, bytes, parts);
    if layout.class.end() as usize > bytes.len() {
        return rest("class", layout.class.start as usize, bytes.len(), parts);
    }
    if let Some(class) = layout.class.of(bytes).filter(|class| !class.is_empty()) {
        parts.text("class", layout.class, class);
    }
    if layout.headers.end() as usize > bytes.len() {
        let start = layout.headers.start as usize;
        return rest("header map", start, bytes.len(), parts);
    }
    headers(&layout, bytes, parts);
    content(&layout, bytes, parts);
    if layout.crc {
        let crc = Span::new(layout.content.end(), CRC_BYTES);
        if crc.of(bytes).is_some() {
            parts.bytes("CRC-32", crc);
        }
    }
}

fn rest(name: &'static str, start: usize, end: usize, parts: &mut Parts) {
    if start < end {
        parts.bytes(name, Span::between(start, end));
    }
}

/// The fixed part, which is there.
fn fixed(layout: &Layout, bytes: &[u8], parts: &mut Parts) {
    let at = |at: u32| u64::from(bytes.get(at as usize).copied().unwrap_or(0));
    let is_v1 = layout.version == V1;
    let after = if is_v1 { 1 } else { 2 };
    parts.number("protocol code", Span::new(0, 1), layout.version.into());
    if !is_v1 {
        parts.number("variant", Span::new(1, 1), at(1));
    }
    let meaning = match layout.rpc_type {
        rpc_type::RESPONSE => "answer",
        rpc_type::REQUEST => "request",
        _ => "one-way",
    };
    parts.named("type", Span::new(after, 1), layout.rpc_type.into(), meaning);
    let meaning = match layout.command {
        0 => "heartbeat",
        1 => "request",
        2 => "answer",
        _ => "unknown",
    };
    let id = layout.id;
    let command = Span::new(id.start.saturating_sub(3), 2);
    parts.named("command", command, layout.command.into(), meaning);
    let version = id.start.saturating_sub(1);
    parts.number("command's version", Span::new(version, 1), at(version));
    parts.number("id", id, layout.id_value.into());
    let meaning = match layout.serialization {
        serialization::HESSIAN2 => "hessian",
        serialization::PROTOBUF => "protobuf",
        _ => "unknown",
    };
    let written = Span::new(id.end(), 1);
    parts.named(
        "serialization",
        written,
        layout.serialization.into(),
        meaning,
    );
    if !is_v1 {
        let meaning = if layout.crc {
            "checksum"
        } else {
            "no checksum"
        };
        parts.named("switch", Span::new(11, 1), at(11), meaning);
    }
    let fields_at = u32::try_from(layout.fields_at).unwrap_or(0);
    match layout.status(bytes) {
        Some(status) => {
            let meaning = status_in_words(status);
            parts.named("status", Span::new(fields_at, 2), status.into(), meaning);
        }
        None => {
            let place = Span::new(fields_at, 4);
            match layout.timeout(bytes) {
                Some(left) => parts.number("timeout ms", place, left.into()),
                None => parts.bytes("timeout ms (none that counts)", place),
            }
        }
    }
    let lengths_at = u32::try_from(layout.lengths_at).unwrap_or(0);
    for (name, at, bytes, length) in [
        ("class length", 0, 2, layout.class.len),
        ("header map length", 2, 2, layout.headers.len),
        ("content length", 4, 4, layout.content.len),
    ] {
        let place = Span::new(lengths_at.saturating_add(at), bytes);
        parts.number(name, place, length.into());
    }
}

fn status_in_words(status: u16) -> &'static str {
    match status {
        status::SUCCESS => "success",
        1 => "error",
        status::SERVER_EXCEPTION => "server exception",
        3 => "unknown",
        status::SERVER_THREADPOOL_BUSY => "thread pool busy",
        status::ERROR_COMM => "error of communication",
        status::NO_PROCESSOR => "no processor",
        status::TIMEOUT => "time-out",
        8 => "client send error",
        status::CODEC_EXCEPTION => "codec exception",
        status::CONNECTION_CLOSED => "connection closed",
        0x11 => "server serialization exception",
        0x12 => "server deserialization exception",
        _ => "no status of Bolt",
    }
}

fn headers(layout: &Layout, bytes: &[u8], parts: &mut Parts) {
    if layout.headers.is_empty() {
        return;
    }
    parts.words("header map", layout.headers, "");
    let start = layout.headers.start as usize;
    parts.inside(|parts| {
        let read = each_header(layout, bytes, |place, key, value| {
            let name = match key {
                Some(key) if !key.is_empty() => key.escape_ascii().to_string(),
                _ => "entry".to_owned(),
            };
            let from = start.saturating_add(place.start);
            let to = start.saturating_add(place.end);
            match value {
                Some(value) => parts.text(name, Span::between(from, to), value),
                None => parts.words(name, Span::between(from, to), "null"),
            }
        });
        if let Err(stopped) = read {
            let from = start.saturating_add(stopped);
            rest("unreadable", from, layout.headers.end() as usize, parts);
        }
    });
}

/// A hessian content is an object, whose fields are named, and values behind it; of anything else
/// only the place is known.
fn content(layout: &Layout, bytes: &[u8], parts: &mut Parts) {
    let start = layout.content.start as usize;
    let end = (layout.content.end() as usize).min(bytes.len());
    let mut stopped = start;
    if let Some((dialect, content)) = hessian(layout, bytes) {
        let mut fields = Reader::new(dialect, content, 0);
        let mut values = fields.clone();
        if let Some(object) = values.item() {
            stopped = start.saturating_add(object.end);
            let shown = object.scalar.to_string();
            parts.words("content", Span::between(start, stopped), shown);
            parts.inside(|parts| {
                fields.object(|name, value| {
                    let from = start.saturating_add(value.start);
                    let to = start.saturating_add(value.end);
                    let name = match name {
                        [] => "field".to_owned(),
                        name => name.escape_ascii().to_string(),
                    };
                    parts.words(name, Span::between(from, to), value.scalar.to_string());
                    true
                });
            });
        }
        let mut number = 0u32;
        while !parts.is_full()
            && stopped > start
            && let Some(item) = values.item()
        {
            let from = start.saturating_add(item.start);
            stopped = start.saturating_add(item.end);
            let name = format!("argument {number}");
            parts.words(name, Span::between(from, stopped), item.scalar.to_string());
            number = number.saturating_add(1);
        }
    }
    rest("content", stopped, end, parts);
}
