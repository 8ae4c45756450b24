//! The parts of a frame for people. Reads from the beginning and stops where the bytes stop making
//! sense, so that broken frames are named as far as they go.

use weft_codec::{Parts, Span};
use weft_hessian2::{Dialect, Item, Reader};

use crate::{
    frame::READ_ONLY,
    header::{
        self, EVENT, HEADER_BYTES, HESSIAN2, Header, REQUEST, SERIALIZATION, TWO_WAY, status,
    },
    invocation,
};

/// Names the parts of the frame that begins `bytes`.
pub(crate) fn name(bytes: &[u8], parts: &mut Parts) {
    let header = match Header::read(bytes) {
        Ok(Ok(header)) => header,
        Ok(Err(_)) => return rest("header (incomplete)", 0, bytes.len(), parts),
        Err(_) => return rest("unreadable", 0, bytes.len(), parts),
    };
    parts.words("magic", Span::new(0, 2), "Dubbo");
    let flags = header.flags;
    parts.words("flags", Span::new(2, 1), flags_in_words(flags));
    let of_response = header::status_of(bytes);
    if flags & REQUEST == 0 {
        let meaning = status_in_words(of_response);
        parts.named("status", Span::new(3, 1), of_response.into(), meaning);
    } else {
        parts.bytes("status (of responses only)", Span::new(3, 1));
    }
    parts.number("id", header::ID, header.id);
    let length = header.body_bytes;
    parts.number("body length", Span::new(12, 4), length.into());
    let end = (HEADER_BYTES as usize)
        .saturating_add(length as usize)
        .min(bytes.len());
    let frame = bytes.get(..end).unwrap_or(bytes);
    let stopped = if flags & SERIALIZATION != HESSIAN2 {
        None
    } else if flags & EVENT != 0 {
        event(frame, parts)
    } else if flags & REQUEST != 0 {
        request(frame, parts)
    } else {
        response(frame, of_response, parts)
    };
    rest("body", stopped.unwrap_or(HEADER_BYTES as usize), end, parts);
}

fn rest(name: &'static str, start: usize, end: usize, parts: &mut Parts) {
    if start < end {
        parts.bytes(name, Span::between(start, end));
    }
}

fn flags_in_words(flags: u8) -> String {
    let what = match (flags & REQUEST != 0, flags & EVENT != 0) {
        (true, false) => "request",
        (true, true) => "event",
        (false, false) => "response",
        (false, true) => "answer to an event",
    };
    let ways = match (flags & REQUEST != 0, flags & TWO_WAY != 0) {
        (true, true) => ", two-way",
        (true, false) => ", one-way",
        _ => "",
    };
    let serialization = match flags & SERIALIZATION {
        HESSIAN2 => "hessian2".to_owned(),
        number => format!("serialization {number}"),
    };
    format!("{what}{ways}, {serialization}")
}

fn status_in_words(status: u8) -> &'static str {
    match status {
        status::OK => "ok",
        30 => "client time-out",
        status::SERVER_TIMEOUT => "server time-out",
        status::CHANNEL_INACTIVE => "channel inactive",
        status::BAD_REQUEST => "bad request",
        50 => "bad response",
        status::SERVICE_NOT_FOUND => "service not found",
        status::SERVICE_ERROR => "service error",
        status::SERVER_ERROR => "server error",
        90 => "client error",
        status::THREADPOOL_EXHAUSTED => "thread pool exhausted",
        _ => "unknown",
    }
}

/// Adds a value; answers where it ends.
fn value(name: String, item: &Item<'_>, parts: &mut Parts) -> usize {
    let span = Span::between(item.start, item.end);
    parts.words(name, span, item.scalar.to_string());
    item.end
}

/// Each of these answers where reading stopped, or `None` if it read nothing.
fn event(frame: &[u8], parts: &mut Parts) -> Option<usize> {
    let item = Reader::new(Dialect::Final, frame, HEADER_BYTES as usize).item()?;
    let meaning = match header::body(frame) {
        b"N" => "null (heartbeat)".to_owned(),
        READ_ONLY => "\"R\" (takes nothing new)".to_owned(),
        _ => item.scalar.to_string(),
    };
    parts.words("event", Span::between(item.start, item.end), meaning);
    Some(item.end)
}

fn request(frame: &[u8], parts: &mut Parts) -> Option<usize> {
    let mut reader = Reader::new(Dialect::Final, frame, HEADER_BYTES as usize);
    let mut stopped = None;
    for name in ["Dubbo's version", "path", "version", "method"] {
        let Some(item) = reader.item() else {
            return stopped;
        };
        stopped = Some(value(name.to_owned(), &item, parts));
    }
    let Some(mut types) = reader.item() else {
        return stopped;
    };
    if types.text().is_none() {
        stopped = Some(value("Dubbox's number".to_owned(), &types, parts));
        let Some(item) = reader.item() else {
            return stopped;
        };
        types = item;
    }
    stopped = Some(value("parameter types".to_owned(), &types, parts));
    let count = types.text().and_then(invocation::parameters).unwrap_or(0);
    for number in 0..count {
        let Some(item) = reader.item() else {
            return stopped;
        };
        stopped = Some(value(format!("argument {number}"), &item, parts));
        if parts.is_full() {
            return stopped;
        }
    }
    attachments(&mut reader, parts).or(stopped)
}

fn attachments(reader: &mut Reader<'_>, parts: &mut Parts) -> Option<usize> {
    let mut entries = reader.clone();
    let map = reader.item()?;
    parts.words("attachments", Span::between(map.start, map.end), "");
    parts.inside(|parts| {
        entries.map(|key, value| {
            let name = match key.text() {
                Some(text) if !text.is_empty() => text.escape_ascii().to_string(),
                _ => "entry".to_owned(),
            };
            let shown = value.scalar.to_string();
            parts.words(name, Span::between(key.start, value.end), shown);
            !parts.is_full()
        });
    });
    Some(map.end)
}

fn response(frame: &[u8], of_response: u8, parts: &mut Parts) -> Option<usize> {
    let mut reader = Reader::new(Dialect::Final, frame, HEADER_BYTES as usize);
    let first = reader.item()?;
    if of_response != status::OK {
        return Some(value("error".to_owned(), &first, parts));
    }
    let kind = match first.scalar {
        weft_hessian2::Scalar::Int(kind) => kind,
        _ => return Some(value("value".to_owned(), &first, parts)),
    };
    let meaning = match kind {
        0 | 3 => "exception",
        1 | 4 => "value",
        2 | 5 => "nothing",
        _ => "unknown",
    };
    let words = format!("{kind} ({meaning})");
    parts.words(
        "kind of result",
        Span::between(first.start, first.end),
        words,
    );
    let mut stopped = first.end;
    if matches!(kind, 0 | 1 | 3 | 4) {
        let Some(item) = reader.item() else {
            return Some(stopped);
        };
        stopped = value(meaning.to_owned(), &item, parts);
    }
    if (3..=5).contains(&kind) {
        stopped = attachments(&mut reader, parts).unwrap_or(stopped);
    }
    Some(stopped)
}
