//! The parts of a frame for people: `weft codec explain`. Reads from the beginning and stops where
//! the bytes stop making sense, so that broken frames are named as far as they go.

use weft_codec::{Parts, Span};

use crate::{
    cursor::{Cursor, Varint},
    frame::LENGTH_BYTES,
    header::{INFO_AT, MAGIC},
    message::{self, Protocol},
    zlib,
};

/// Names the parts of the frame that begins `bytes`.
pub(crate) fn name(bytes: &[u8], parts: &mut Parts) {
    let Some(length) = bytes.first_chunk::<4>() else {
        return rest("length (incomplete)", 0, bytes.len(), parts);
    };
    let length = u32::from_be_bytes(*length);
    parts.number("length", Span::new(0, LENGTH_BYTES), length.into());
    let end = (length as usize)
        .saturating_add(LENGTH_BYTES as usize)
        .min(bytes.len());
    let frame = bytes.get(..end).unwrap_or(bytes);
    if frame.get(4..6) == Some(&MAGIC) {
        header(frame, parts);
    } else {
        message(frame, LENGTH_BYTES as usize, parts);
    }
}

fn rest(name: &'static str, start: usize, end: usize, parts: &mut Parts) {
    if start < end {
        parts.bytes(name, Span::between(start, end));
    }
}

/// A message from `at` to the end.
fn message(frame: &[u8], at: usize, parts: &mut Parts) {
    let protocol = match frame.get(at..) {
        Some([first, second, ..]) => message::protocol_of(*first, *second),
        _ => None,
    };
    let read = match protocol {
        Some(Protocol::Binary) => binary(frame, at, parts),
        Some(Protocol::Compact) => compact(frame, at, parts),
        None => Err(at),
    };
    match read {
        Ok(body) => rest("arguments or result", body, frame.len(), parts),
        Err(stopped) => rest("unreadable", stopped, frame.len(), parts),
    }
}

/// Gives the offset after the head, or where reading stops.
fn binary(frame: &[u8], at: usize, parts: &mut Parts) -> Result<usize, usize> {
    let mut cursor = Cursor::new(frame, at);
    let version = cursor.take(3).ok_or(at)?;
    let shown = match version {
        [0x80, 0x01, _] => "strict binary, version 1",
        _ => "",
    };
    parts.words("version", Span::between(at, cursor.at()), shown);
    kind(&mut cursor, parts)?;
    let length_at = cursor.at();
    let length = word(&mut cursor).ok_or(length_at)?;
    parts.number(
        "name length",
        Span::between(length_at, cursor.at()),
        length.into(),
    );
    text("name", &mut cursor, length, parts)?;
    let id_at = cursor.at();
    let id = word(&mut cursor).ok_or(id_at)?;
    parts.number("sequence id", Span::between(id_at, cursor.at()), id.into());
    Ok(cursor.at())
}

fn compact(frame: &[u8], at: usize, parts: &mut Parts) -> Result<usize, usize> {
    let mut cursor = Cursor::new(frame, at);
    cursor.take(1).ok_or(at)?;
    parts.words("protocol id", Span::between(at, cursor.at()), "compact");
    let second = cursor.byte().ok_or(at)?;
    let bits = format!("version {}, {}", second & 0x1f, type_name(second >> 5));
    parts.words(
        "version and type",
        Span::between(cursor.at().saturating_sub(1), cursor.at()),
        bits,
    );
    number("sequence id", &mut cursor, parts)?;
    let length = number("name length", &mut cursor, parts)?;
    text("name", &mut cursor, length, parts)?;
    Ok(cursor.at())
}

fn kind(cursor: &mut Cursor<'_>, parts: &mut Parts) -> Result<(), usize> {
    let at = cursor.at();
    let kind = cursor.byte().ok_or(at)?;
    parts.named(
        "type",
        Span::between(at, cursor.at()),
        kind.into(),
        type_name(kind),
    );
    Ok(())
}

fn type_name(kind: u8) -> &'static str {
    match kind {
        1 => "call",
        2 => "reply",
        3 => "exception",
        4 => "one-way",
        _ => "no type of message",
    }
}

fn word(cursor: &mut Cursor<'_>) -> Option<u32> {
    cursor
        .take(4)?
        .first_chunk()
        .map(|word| u32::from_be_bytes(*word))
}

/// A varint; where it does not end, its first byte is where reading stops.
fn number(name: &'static str, cursor: &mut Cursor<'_>, parts: &mut Parts) -> Result<u32, usize> {
    let at = cursor.at();
    match cursor.varint() {
        Varint::Is(value) => {
            parts.number(name, Span::between(at, cursor.at()), value.into());
            Ok(value)
        }
        Varint::Unfinished | Varint::TooLong => Err(at),
    }
}

fn text(
    name: &'static str,
    cursor: &mut Cursor<'_>,
    length: u32,
    parts: &mut Parts,
) -> Result<(), usize> {
    let at = cursor.at();
    let text = cursor.take(length as usize).ok_or(at)?;
    if length > 0 {
        parts.text(name, Span::between(at, cursor.at()), text);
    }
    Ok(())
}

/// A frame of the header transport.
fn header(frame: &[u8], parts: &mut Parts) {
    parts.words("magic", Span::between(4, 6), "header transport");
    let &[_, _, _, _, _, _, f0, f1, i0, i1, i2, i3, w0, w1, ..] = frame else {
        return rest("unreadable", 6, frame.len(), parts);
    };
    let flags = u16::from_be_bytes([f0, f1]);
    parts.words("flags", Span::between(6, 8), format!("{flags:#06x}"));
    let id = u32::from_be_bytes([i0, i1, i2, i3]);
    parts.number("sequence id of the header", Span::between(8, 12), id.into());
    let words = u16::from_be_bytes([w0, w1]);
    parts.number("header words", Span::between(12, INFO_AT), words.into());
    let payload_at = INFO_AT.saturating_add(usize::from(words).saturating_mul(4));
    let end = payload_at.min(frame.len());
    let Ok(zlib) = infos(frame.get(..end).unwrap_or(frame), parts) else {
        return rest("payload", payload_at, frame.len(), parts);
    };
    match zlib {
        None => message(frame, payload_at.min(frame.len()), parts),
        Some(true) => {
            rest("payload (zlib)", payload_at, frame.len(), parts);
            let payload = frame.get(payload_at..).unwrap_or_default();
            if let Some(inflated) = zlib::Beginning::of(payload) {
                parts.inside(|parts| under_zlib(inflated.bytes(), parts));
            }
        }
        Some(false) => rest("payload (transformed)", payload_at, frame.len(), parts),
    }
}

/// What the inflated payload says; nothing of it stands in the frame as it is.
fn under_zlib(inflated: &[u8], parts: &mut Parts) {
    let mut named = Parts::default();
    message(inflated, 0, &mut named);
    for part in named.list() {
        parts.words(part.name.clone(), Span::default(), part.value.clone());
    }
}

/// Protocol, transforms and info headers. Gives `None` for a payload as it is, otherwise whether
/// its only transform is zlib. Info headers that cannot be read keep nobody from the payload.
fn infos(header: &[u8], parts: &mut Parts) -> Result<Option<bool>, ()> {
    let mut cursor = Cursor::new(header, INFO_AT);
    let transforms = match transforms(&mut cursor, parts) {
        Ok(transforms) => transforms,
        Err(stopped) => {
            rest("unreadable", stopped, header.len(), parts);
            return Err(());
        }
    };
    match pairs(&mut cursor, parts) {
        Ok(()) => {
            let padding = header.get(cursor.at()..).unwrap_or_default();
            let name = if padding.iter().all(|byte| *byte == 0) {
                "padding"
            } else {
                "further info"
            };
            rest(name, cursor.at(), header.len(), parts);
        }
        Err(stopped) => rest("unreadable", stopped, header.len(), parts),
    }
    Ok(transforms)
}

fn transforms(cursor: &mut Cursor<'_>, parts: &mut Parts) -> Result<Option<bool>, usize> {
    number("protocol", cursor, parts)?;
    let count = number("transforms", cursor, parts)?;
    let mut transforms = None;
    // Each takes a byte at least, so the header's end bounds the loop.
    for n in 0..count {
        let transform = number("transform", cursor, parts)?;
        transforms = Some(n == 0 && transform == 1);
    }
    Ok(transforms)
}

/// The info headers: blocks of keys and values.
fn pairs(cursor: &mut Cursor<'_>, parts: &mut Parts) -> Result<(), usize> {
    loop {
        let mut ahead = *cursor;
        if ahead.whole_varint() != Some(1) {
            return Ok(());
        }
        number("info block", cursor, parts)?;
        let pairs = number("pairs", cursor, parts)?;
        for _ in 0..pairs {
            let length = number("key length", cursor, parts)?;
            text("key", cursor, length, parts)?;
            let length = number("value length", cursor, parts)?;
            text("value", cursor, length, parts)?;
        }
    }
}
