//! The explanation for programs.

use serde_json::{Map, Value, json};
use weft_codec::{Codec, Part};

use super::facts;
use super::route::Way;
use super::text::side;
use super::{Event, Explained};
use crate::codec::decode::{self, Frame};

/// Everything as one object.
pub(super) fn of(all: &Explained<'_>) -> Value {
    let conversations: Vec<Value> = all
        .conversations
        .iter()
        .map(|(conversation, events)| {
            json!({
                "name": conversation.name,
                "notes": conversation.notes,
                "events": events.iter().map(|event| of_event(all, event)).collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({
        "protocol": all.codec.name(),
        "notes": all.notes,
        "conversations": conversations,
        "frames_not_shown": all.hidden,
    })
}

fn of_event(all: &Explained<'_>, event: &Event<'_>) -> Value {
    match event {
        Event::Frame(frame) => of_frame(all, frame),
        Event::Broken(broken) => json!({
            "event": "broken",
            "side": side(broken.side),
            "offset": broken.offset,
            "packet": broken.packet,
            "reason": broken.reason,
            "field": broken.field,
            "frame_offset": broken.frame_at,
            "last_good_frame": broken.last_good,
            "parts": of_parts(&broken.parts),
            "bytes": hex(broken.bytes),
        }),
        Event::Unfinished(unfinished) => json!({
            "event": "unfinished",
            "side": side(unfinished.side),
            "offset": unfinished.offset,
            "packet": unfinished.packet,
            "bytes_there": unfinished.bytes.len(),
            "bytes_needed": unfinished.need,
            "parts": of_parts(&unfinished.parts),
        }),
        Event::Missing(of, missing) => json!({
            "event": "missing",
            "side": side(*of),
            "offset": missing.offset,
            "bytes": missing.bytes,
            "after_packet": missing.after_packet,
        }),
    }
}

fn of_frame(all: &Explained<'_>, frame: &Frame<'_>) -> Value {
    let codec: &dyn Codec = all.codec;
    let facts: Map<String, Value> = facts::of(codec, frame)
        .into_iter()
        .map(|fact| (fact.name, fact.value.into()))
        .collect();
    let parts = decode::parts(codec, frame.side, Some(&frame.head), frame.bytes);
    let mut object = json!({
        "event": "frame",
        "number": frame.number,
        "side": side(frame.side),
        "offset": frame.offset,
        "packet": frame.packet,
        "kind": frame.head.kind.word(),
        "answers": frame.answers,
        "mesh": facts,
        "parts": of_parts(&parts),
        "bytes": hex(frame.bytes),
    });
    if let (Some(routes), Some(object)) = (all.routes, object.as_object_mut()) {
        let ways = routes.ways(codec, frame);
        object.insert("routes".to_owned(), ways.iter().map(of_way).collect());
    }
    object
}

fn of_way(way: &Way) -> Value {
    json!({
        "listener": way.listener,
        "steps": way.steps,
        "to": way.to.as_ref().map(|to| json!({
            "route": to.route,
            "service": to.service,
            "subset": to.subset,
            "candidates": to.candidates.iter().map(|(id, out)| json!({
                "instance": id,
                "out": out,
            })).collect::<Vec<_>>(),
            "choice": to.choice,
        })),
    })
}

fn of_parts(parts: &[Part]) -> Vec<Value> {
    let of_part = |part: &Part| {
        json!({
            "name": part.name,
            "offset": part.span.start,
            "bytes": part.span.len,
            "depth": part.depth,
            "value": part.value,
        })
    };
    parts.iter().map(of_part).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
