//! What people and programs are told of real and of broken streams.

use std::sync::Arc;

use serde_json::Value;
use weft_codec::{Codec, Side};
use weft_proxy::builtin;

use super::{Explained, json, text};
use crate::codec::{decode, paint::Paint};
use weft_capture::{Conversation, Missing, Run};

const BINARY: &[u8] = include_bytes!("../../../tests/captures/thrift-binary.pcap");
const REDIS: &[u8] = include_bytes!("../../../tests/captures/redis.pcapng");

fn codec(name: &str) -> Arc<dyn Codec> {
    let builtin = builtin::all().iter().find(|builtin| builtin.name == name);
    builtin.unwrap().codec().unwrap()
}

fn explained(name: &str, conversations: &[Conversation]) -> (String, Value) {
    let codec = codec(name);
    let conversations = conversations.iter();
    let all = Explained {
        codec: &*codec,
        routes: None,
        notes: &[],
        conversations: conversations
            .map(|conversation| (conversation, decode::read(&*codec, conversation)))
            .collect(),
        hidden: 0,
    };
    (text::of(&all, Paint::OFF), json::of(&all))
}

/// The events of all conversations that are of a kind.
fn events<'v>(json: &'v Value, kind: &str) -> Vec<&'v Value> {
    let conversations = json["conversations"].as_array().unwrap().iter();
    conversations
        .flat_map(|conversation| conversation["events"].as_array().unwrap())
        .filter(|event| event["event"] == kind)
        .collect()
}

fn one(side: Side, bytes: &[u8]) -> [Conversation; 1] {
    [Conversation::of("here".to_owned(), side, bytes.to_vec())]
}

#[test]
fn every_frame_of_a_capture_is_shown_with_its_answer_and_its_parts() {
    let captured = weft_capture::read(BINARY, None).unwrap();
    let (page, object) = explained("thrift", &captured.conversations);
    let frames = events(&object, "frame");
    // Two connections with seven requests each; one of them is a one-way, without an answer.
    assert_eq!(frames.len(), 26);
    let answers = frames.iter().filter(|frame| frame["kind"] == "answer");
    for answer in answers {
        let request = frames
            .iter()
            .find(|frame| frame["number"] == answer["answers"]);
        let request = request.unwrap_or_else(|| panic!("{answer}"));
        assert_eq!(request["mesh"]["method"], answer["mesh"]["method"]);
        assert!(request["packet"].as_u64() < answer["packet"].as_u64());
    }
    assert_eq!(events(&object, "broken").len(), 0);
    assert!(
        page.contains("#1 request, from the client, 36 bytes at offset 0, packet 4"),
        "{page}"
    );
    assert!(page.contains("name                 \"echo\""), "{page}");
    assert!(page.contains("#2 answer to #1, from the server"), "{page}");
}

#[test]
fn answers_without_ids_are_matched_in_their_order() {
    let captured = weft_capture::read(REDIS, None).unwrap();
    let (page, object) = explained("redis", &captured.conversations);
    let frames = events(&object, "frame");
    let requests = frames
        .iter()
        .filter(|frame| frame["side"] == "client")
        .count();
    let answered: std::collections::BTreeSet<u64> = frames
        .iter()
        .filter_map(|frame| frame["answers"].as_u64())
        .collect();
    assert!(requests > 10);
    assert_eq!(answered.len(), requests, "{page}");
    let refused = frames
        .iter()
        .rfind(|frame| frame["mesh"]["method"] == "INCRBY");
    let number = &refused.unwrap()["number"];
    let answer = frames
        .iter()
        .find(|frame| frame["answers"] == *number)
        .unwrap();
    assert_eq!(answer["mesh"]["status"], "ERR");
    assert!(page.contains("queued: executed later or never"), "{page}");
}

#[test]
fn a_broken_stream_shows_the_last_good_frame_the_offset_and_the_field() {
    // The second message is of type 9; its type stands at byte 7 of the frame.
    let good = b"\0\0\0\x11\x80\x01\0\x01\0\0\0\x04echo\0\0\0\x07\0";
    let mut bytes = good.to_vec();
    bytes.extend(good);
    bytes[21 + 7] = 9;
    let (page, object) = explained("thrift", &one(Side::Downstream, &bytes));
    assert_eq!(events(&object, "frame").len(), 1);
    let broken = events(&object, "broken")[0];
    assert_eq!(broken["offset"], 28);
    assert_eq!(broken["frame_offset"], 21);
    assert_eq!(broken["last_good_frame"], 1);
    assert_eq!(broken["field"], "`type`");
    assert!(
        page.contains("cannot be read past offset 28: message type 9"),
        "{page}"
    );
    assert!(
        page.contains("the last good frame of this side is #1"),
        "{page}"
    );
    let marked = page.lines().find(|line| line.starts_with('!')).unwrap();
    assert!(marked.contains("09") && marked.contains("type"), "{marked}");
}

#[test]
fn a_stream_that_ends_inside_a_frame_says_how_much_is_needed() {
    let (page, object) = explained(
        "redis",
        &one(Side::Downstream, b"*2\r\n$3\r\nGET\r\n$5\r\nab"),
    );
    let unfinished = events(&object, "unfinished")[0];
    assert_eq!(unfinished["bytes_there"], 19);
    assert_eq!(unfinished["bytes_needed"], 24);
    assert!(
        page.contains("ends inside a frame that begins at offset 0"),
        "{page}"
    );
}

#[test]
fn what_is_missing_stands_between_the_frames_around_it() {
    let mut captured = weft_capture::read(BINARY, None).unwrap().conversations;
    captured.truncate(1);
    let client = &mut captured[0].downstream;
    let run = client.runs.remove(0);
    let [(_, first), (second_at, _), (third_at, _), ..] = run.packets[..] else {
        panic!("{:?}", run.packets);
    };
    // The second request is lost, the third is there.
    client.missing.push(Missing {
        offset: second_at as u64,
        bytes: (third_at - second_at) as u64,
        after_packet: first,
    });
    let after = run.packets[2..].iter().map(|(at, n)| (at - third_at, *n));
    client.runs.push(Run {
        bytes: run.bytes[..second_at].to_vec(),
        packets: run.packets[..1].to_vec(),
        ..Run::default()
    });
    client.runs.push(Run {
        offset: third_at as u64,
        bytes: run.bytes[third_at..].to_vec(),
        inside: true,
        packets: after.collect(),
    });
    let (page, object) = explained("thrift", &captured);
    let lost = "the capture lacks 44 bytes of the client stream at offset 36, after packet 4";
    let places = ["#1 request", lost, "34 bytes at offset 80"].map(|part| page.find(part));
    assert!(
        places.is_sorted() && places[0].is_some(),
        "{places:?} {page}"
    );
    assert_eq!(events(&object, "missing").len(), 1);
}
