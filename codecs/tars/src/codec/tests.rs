//! The codec against its vectors, and the corners that no capture has.

use weft_codec::{
    Cut, Effect, Kind, NewId, ProxyError,
    proof::{Proof, feed},
};

use super::*;

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../protocols/tars/vectors");

#[test]
fn the_proof_holds_over_every_captured_frame() {
    let codec = Tars::new();
    let report = Proof::new(&codec)
        .vectors(VECTORS)
        .unwrap_or_else(|error| panic!("{error}"))
        .mutations(120_000)
        .run_all()
        .unwrap_or_else(|failures| panic!("{failures}"));
    assert_eq!(report.vectors, 46, "{report:?}");
    // The damage must leave something to look into, and break something.
    assert!(report.mutated_heads > 40_000, "{report:?}");
    assert!(report.mutated_complaints > 20_000, "{report:?}");
}

fn scanned(side: Side, bytes: &[u8]) -> Result<Vec<Head>, Malformed> {
    let fed = feed(&Tars::new(), side, &Limits::default(), [bytes]);
    assert_eq!(fed.broken, None);
    fed.complaint.map_or(Ok(fed.heads), Err)
}

fn head(side: Side, bytes: &[u8]) -> Head {
    let heads = scanned(side, bytes).unwrap();
    assert_eq!(heads.len(), 1, "{heads:?}");
    heads[0]
}

fn complaint(side: Side, bytes: &[u8]) -> String {
    scanned(side, bytes).unwrap_err().to_string()
}

fn emitted(side: Side, frame: &[u8], rewrite: &Rewrite<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    Tars::new()
        .emit(side, &head(side, frame), frame, rewrite, &mut out)
        .unwrap();
    out
}

fn with_id(side: Side, frame: &[u8], id: NewId<'_>) -> Vec<u8> {
    let rewrite = Rewrite {
        id,
        deadline_ms: None,
    };
    emitted(side, frame, &rewrite)
}

fn remembered(frame: &[u8]) -> Asked {
    let mut asked = Asked::default();
    Tars::new().remember(&head(Side::Downstream, frame), frame, &mut asked);
    asked
}

fn text_of(side: Side, frame: &[u8], field: Field<'_>) -> Option<String> {
    let value = Tars::new().field(side, &head(side, frame), frame, field)?;
    Some(String::from_utf8(value.to_bytes().into_owned()).unwrap())
}

/// The fields of a packet with their length before them.
fn packet(fields: &[&[u8]]) -> Vec<u8> {
    let fields = fields.concat();
    let length = u32::try_from(fields.len().saturating_add(4)).unwrap();
    [&length.to_be_bytes()[..], &fields].concat()
}

/// A body under `tag`.
fn body(tag: u8, len: usize) -> Vec<u8> {
    let mut field = vec![tag << 4 | 13, 0, 2];
    field.extend_from_slice(&u32::try_from(len).unwrap().to_be_bytes());
    field.resize(field.len().saturating_add(len), 7);
    field
}

const ID: &[u8] = &[0x40, 9];
const NAMES: &[u8] = b"\x56\x05A.B.C\x66\x01f";
/// 10,000 ms.
const TIMEOUT: &[u8] = &[0x81, 0x27, 0x10];
const CONTEXT: &[u8] = b"\x98\x00\x01\x06\x01k\x16\x01v";
const NO_CONTEXT: &[u8] = &[0x98, 0x0c];
const NO_STATUS: &[u8] = &[0xa8, 0x0c];

fn request(version: u8, id: &[u8], rest: &[&[u8]]) -> Vec<u8> {
    let begin = [0x10, version, 0x2c, 0x3c];
    packet(&[&[&begin, id, NAMES][..], rest].concat())
}

fn call(version: u8, id: &[u8]) -> Vec<u8> {
    let none = body(7, 0);
    request(version, id, &[&none, TIMEOUT, CONTEXT, NO_STATUS])
}

/// An answer of version 1; `id` stands under tag 3.
fn answer(id: &[u8], result: &[u8], body: &[u8]) -> Vec<u8> {
    let begin = [0x10, 1, 0x2c];
    let end = [0x78, 0x0c, 0x86, 0, 0x98, 0x0c];
    packet(&[&begin, id, &[0x4c], result, body, &end])
}

#[test]
fn an_id_of_needless_width_or_below_zero_comes_back_as_it_went() {
    // 9 in 16 and 32 bits, 0 in its own type, -2 in 8 bits, the lowest of 32.
    for id in [
        &[0x41, 0, 9][..],
        &[0x42, 0, 0, 0, 9],
        &[0x4c],
        &[0x40, 0xfe],
        &[0x42, 0x80, 0, 0, 0],
    ] {
        let asked = remembered(&call(1, id));
        let answered = answer(&[0x32, 0, 1, 0x00, 0x00], &[0x5c], &body(6, 3));
        let back = with_id(Side::Upstream, &answered, NewId::Callers(&asked));
        let callers = [&[id[0] - 0x10], &id[1..]].concat();
        assert_eq!(back, answer(&callers, &[0x5c], &body(6, 3)), "{id:02x?}");
        assert_eq!(
            head(Side::Upstream, &back).id_value,
            head(Side::Downstream, &call(1, id)).id_value
        );
    }
}

#[test]
fn every_id_of_a_lane_makes_packets_of_one_length() {
    let frame = call(1, ID);
    let domain = Tars::new().traits().ids.unwrap();
    for id in [domain.wire_first, 70_000, 1 << 24, domain.wire_last] {
        let patched = with_id(Side::Downstream, &frame, NewId::Wire(id));
        assert_eq!(patched.len(), frame.len() + 3);
        assert_eq!(head(Side::Downstream, &patched).id_value, id);
    }
}

#[test]
fn a_time_limit_is_shortened_and_never_lengthened_or_added() {
    let left = |frame: &[u8], ms| {
        let rewrite = Rewrite {
            id: NewId::Wire(1 << 16),
            deadline_ms: Some(ms),
        };
        let patched = emitted(Side::Downstream, frame, &rewrite);
        text_of(Side::Downstream, &patched, Field::DeadlineMs)
    };
    let frame = call(1, ID);
    for (ms, read) in [
        (1, "1"),
        (127, "127"),
        (128, "128"),
        (9_999, "9999"),
        (10_001, "10000"),
        (u64::MAX, "10000"),
    ] {
        assert_eq!(left(&frame, ms).as_deref(), Some(read));
    }
    let none = body(7, 0);
    let unlimited = request(1, ID, &[&none, &[0x8c], NO_CONTEXT, NO_STATUS]);
    assert_eq!(left(&unlimited, 5), None);
    let without = request(1, ID, &[&none]);
    assert_eq!(left(&without, 5), None);
}

#[test]
fn context_behind_a_large_body_is_read() {
    let large = body(7, 200_000);
    let frame = request(1, ID, &[&large, TIMEOUT, CONTEXT, NO_STATUS]);
    let head = head(Side::Downstream, &frame);
    assert_eq!(head.cut, Cut::Whole);
    assert_eq!(head.head_bytes as usize, frame.len());
    let value = text_of(Side::Downstream, &frame, Field::Key("context.k"));
    assert_eq!(value.as_deref(), Some("v"));
    assert_eq!(
        text_of(Side::Downstream, &frame, Field::Key("context.")),
        None
    );
}

#[test]
fn a_large_answer_is_cut_through_behind_its_id() {
    let frame = answer(&[0x30, 9], &[0x50, 77], &body(6, 200_000));
    let fed = feed(
        &Tars::new(),
        Side::Upstream,
        &Limits::default(),
        [&frame[..13]],
    );
    let head = fed.heads[0];
    assert_eq!(head.cut, Cut::Cuttable);
    assert_eq!(head.frame_bytes as usize, frame.len());
    assert_eq!(head.head_bytes, 12);
    assert_eq!(
        Tars::new().classify(&head, &frame[..13]),
        Verdict::ApplicationError
    );
    // The length follows the id although the rest is still to come.
    let asked = remembered(&call(1, &[0x41, 1, 0]));
    let rewrite = Rewrite {
        id: NewId::Callers(&asked),
        deadline_ms: None,
    };
    let mut out = Vec::new();
    let codec = Tars::new();
    codec
        .emit(Side::Upstream, &head, &frame[..13], &rewrite, &mut out)
        .unwrap();
    out.extend_from_slice(&frame[13..]);
    assert_eq!(out, answer(&[0x31, 1, 0], &[0x50, 77], &body(6, 200_000)));
}

#[test]
fn results_of_the_framework_tell_of_the_server() {
    for (result, status, verdict) in [
        (&[0x5c][..], "0", Verdict::Ok),
        (&[0x50, 77], "77", Verdict::ApplicationError),
        (&[0x50, 0xfd], "-3", Verdict::ApplicationError),
        (&[0x50, 0xfc], "-4", Verdict::ApplicationError),
        (&[0x50, 0xfa], "-6", Verdict::Overload),
        (&[0x50, 0xf7], "-9", Verdict::Overload),
        (&[0x50, 0xf8], "-8", Verdict::Unavailable),
        (&[0x50, 0xf6], "-10", Verdict::Unavailable),
        (&[0x51, 0xcd, 0x38], "-13000", Verdict::ApplicationError),
    ] {
        let frame = answer(&[0x30, 9], result, &body(6, 0));
        let head = head(Side::Upstream, &frame);
        assert_eq!(Tars::new().classify(&head, &frame), verdict, "{status}");
        let read = text_of(Side::Upstream, &frame, Field::Status);
        assert_eq!(read.as_deref(), Some(status));
    }
}

#[test]
fn complex_tup_may_be_answered_in_either_form() {
    // TarsCpp answers version 2 with a response, the Node server with a request.
    let response = packet(&[&[0x10, 2, 0x2c, 0x30, 9, 0x4c, 0x5c], &body(6, 0)]);
    assert_eq!(head(Side::Upstream, &response).id_value, 9);
    let request = packet(&[&[0x10, 2, 0x2c, 0x3c, 0x40, 9], NAMES, &body(7, 0)]);
    let found = head(Side::Upstream, &request);
    assert_eq!((found.kind, found.id_value), (Kind::Answer, 9));
    assert_eq!(Tars::new().classify(&found, &request), Verdict::Ok);
}

#[test]
fn errors_are_said_in_the_callers_version_with_result_and_words() {
    let codec = Tars::new();
    for version in [1, 2, 3, 5] {
        for words in ["weft: short".to_owned(), "weft: ".repeat(100)] {
            let asked = remembered(&call(version, &[0x41, 1, 0]));
            let mut out = Vec::new();
            let what = Say::Error {
                error: ProxyError::Overload,
                words: &words,
                asked: &asked,
            };
            codec.say(&what, &mut out).unwrap();
            let said = head(Side::Upstream, &out);
            assert_eq!((said.kind, said.id_value), (Kind::Answer, 256));
            assert_eq!(codec.classify(&said, &out), Verdict::Overload);
            assert_eq!(
                text_of(Side::Upstream, &out, Field::Status).as_deref(),
                Some("-9")
            );
            let tup = matches!(version, 2 | 3);
            let method = text_of(Side::Upstream, &out, Field::Method);
            assert_eq!(method.as_deref(), tup.then_some("f"));
            if tup {
                let field = Field::Key("status.STATUS_RESULT_DESC");
                let described = text_of(Side::Upstream, &out, field);
                assert_eq!(described.as_ref(), Some(&words));
            } else {
                let at = out.windows(words.len()).position(|w| w == words.as_bytes());
                assert_eq!(at, Some(out.len() - words.len() - 2));
            }
        }
    }
}

#[test]
fn a_ping_is_answered_as_a_server_answers_it() {
    let named = b"\x56\x05A.B.C\x66\x09tars_ping";
    let codec = Tars::new();
    let answered = |version: u8, one_way: &[u8]| {
        let begin = [&[0x10, version], one_way, &[0x3c, 0x40, 2]].concat();
        let frame = packet(&[&begin, named, &body(7, 0)]);
        assert_eq!(head(Side::Downstream, &frame).effect, Effect::Local);
        let mut out = Vec::new();
        let asked = remembered(&frame);
        codec.say(&Say::Local { asked: &asked }, &mut out).unwrap();
        out
    };
    // The captured answer of a server to the same id.
    let captured = b"\0\0\0\x16\x10\x01\x2c\x30\x02\x4c\x5c\x6d\0\0\x01\x0c\x78\x0c\x86\0\x98\x0c";
    assert_eq!(answered(1, &[0x2c]), captured);
    for version in [2, 3] {
        let out = answered(version, &[0x2c]);
        let said = head(Side::Upstream, &out);
        assert_eq!(
            (said.id_value, codec.classify(&said, &out)),
            (2, Verdict::Ok)
        );
    }
    assert_eq!(
        answered(1, &[0x20, 1]),
        b"",
        "a one-way ping wants no answer"
    );
}

#[test]
fn first_bytes_tell_the_protocol() {
    for (prefix, expected) in [
        (&b""[..], Sniff::Need(7)),
        (b"\0\0\0\x37\x10\x01", Sniff::Need(7)),
        (b"\0\0\0\x37\x10\x01\x2c", Sniff::Yes),
        (b"\0\0\0\x37\x10\x03\x20\x01", Sniff::Yes),
        (b"\0\0\0\x37\x80\x01\0\x01", Sniff::No),
        (b"GET / HTTP/1.1", Sniff::No),
        (b"\x16\x03\x01", Sniff::Need(7)),
        (b"\x16\x03\x01\x02\x00\x01\x00", Sniff::No),
    ] {
        assert_eq!(frame::sniff(prefix), expected, "{}", prefix.escape_ascii());
    }
}

#[test]
fn what_is_no_packet_is_refused_with_its_place() {
    let none = body(7, 0);
    for (frame, expected) in [
        (
            b"GET / HTTP/1.1\r\n".to_vec(),
            "byte 0: a packet length of 1195725856; the limit is 67108864: looks like an HTTP request",
        ),
        (
            b"\0\0\0\x09\x10\x01\x2c\x3c\x4c".to_vec(),
            "byte 0: a packet length of 9, too short",
        ),
        // Refused at the eighth byte, not after the length that is claimed.
        (
            b"\0\x01\0\0\x80\x01\0\x01".to_vec(),
            "byte 4: expected a packet's version",
        ),
        (
            b"\0\x01\0\0\x10\x09\x2c\x3c".to_vec(),
            "byte 4: version 9 is unknown",
        ),
        (
            request(1, &[0x43, 0, 0, 0, 0, 0, 0, 0, 9], &[&none]),
            "byte 8: the request id has more than 32 bits",
        ),
        (
            request(1, &[], &[&none]),
            "byte 8: the request id is missing",
        ),
        (
            request(1, ID, &[&none, &[0x7c]]),
            "the tags of a packet do not ascend",
        ),
        (
            request(1, ID, &[&none, &[0x86, 9, 1]]),
            "a field reaches past the end of its packet",
        ),
        (
            request(1, ID, &[&[0x7b]]),
            "a structure ends that never began",
        ),
        (
            packet(&[&[0x10, 1, 0x2c, 0x3c], ID, b"\x5c\x66\x01f"]),
            "expected a string",
        ),
    ] {
        let said = complaint(Side::Downstream, &frame);
        assert!(said.contains(expected), "{said}; expected {expected}");
    }
    let name = vec![b'a'; 70_000];
    let length = u32::try_from(name.len()).unwrap().to_be_bytes();
    let frame = packet(&[
        &[0x10, 1, 0x2c, 0x3c],
        ID,
        &[0x57],
        &length,
        &name,
        b"\x66\x01f",
    ]);
    let said = complaint(Side::Downstream, &frame);
    assert!(said.contains("past the limit of its head"), "{said}");
}

#[test]
fn an_answer_to_another_kind_of_caller_is_refused() {
    let mut out = Vec::new();
    let frame = answer(&[0x30, 9], &[0x5c], &body(6, 0));
    let asked = Asked::default();
    for (id, refused) in [
        (NewId::Wire(1 << 32), EmitError::Id(1 << 32)),
        (
            NewId::Callers(&asked),
            EmitError::Malformed(Malformed::new(0, "the head is of another packet")),
        ),
    ] {
        let rewrite = Rewrite {
            id,
            deadline_ms: None,
        };
        let head = head(Side::Upstream, &frame);
        let emitted = Tars::new().emit(Side::Upstream, &head, &frame, &rewrite, &mut out);
        assert_eq!(emitted, Err(refused));
        assert!(out.is_empty());
    }
}

fn named(side: Side, frame: &[u8]) -> Vec<String> {
    let mut parts = Parts::default();
    Tars::new().parts(side, None, frame, &mut parts);
    let list = parts.list().iter();
    list.map(|part| format!("{} {}", part.name, part.value))
        .collect()
}

#[test]
fn a_packets_parts_are_named_by_their_tags() {
    let fields: [&[u8]; 8] = [
        &[0x10, 1],
        &[0x20, 1],
        &[0x3c],
        &[0x40, 7],
        &[0x56, 1, b'S'],
        &[0x66, 1, b'f'],
        &[0x7d, 0, 0x0c],
        &[0x98, 0x00, 1, 0x06, 1, b'k', 0x16, 1, b'v'],
    ];
    let frame = packet(&fields);
    let all = [
        "length 29",
        "version 1",
        "packet's type 1 (one-way)",
        "message's type 0",
        "id 7",
        "servant \"S\"",
        "function \"f\"",
        "body ",
        "context ",
        "k \"v\"",
    ];
    assert_eq!(named(Side::Downstream, &frame), all);
    // What is cut off is not guessed.
    let cut = named(Side::Downstream, &frame[..frame.len() - 1]);
    assert_eq!(cut[..8], all[..8]);
    assert_eq!(cut[8..], ["context "]);
    assert_eq!(
        named(Side::Downstream, &frame[..3]),
        ["length (incomplete) "]
    );
    assert_eq!(named(Side::Downstream, &[0; 12]), ["unreadable "]);
}

#[test]
fn an_answers_parts_are_named_by_its_form() {
    let own: [&[u8]; 5] = [&[0x10, 1], &[0x2c], &[0x30, 7], &[0x4c], &[0x50, 0xf7]];
    let all = named(Side::Upstream, &packet(&own));
    assert_eq!(
        all[3..],
        ["id 7", "message's type 0", "result -9 (overload)"]
    );
    let tup: [&[u8]; 6] = [
        &[0x10, 3],
        &[0x2c],
        &[0x3c],
        &[0x40, 7],
        &[0x56, 1, b'S'],
        &[0x66, 1, b'f'],
    ];
    let all = named(Side::Upstream, &packet(&tup));
    assert_eq!(all[4..], ["id 7", "servant \"S\"", "function \"f\""]);
}
