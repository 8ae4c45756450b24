//! Frames of every shape that the language can say pass the proof kit: little-endian, ids behind
//! texts and maps, lengths that count body, rest or frame, frames without a length.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the functions that tests share may fail as tests do"
)]

use std::collections::BTreeMap;

use weft_codec::proof::{Proof, Vector, VectorFile, linear_work};
use weft_codec::{Codec, Correlation, Field, Kind, Limits, ScanState, Side, Sniff, Value};
use weft_layout::Layout;

fn layout(text: &str) -> Layout {
    Layout::compile("shape.ron", text).unwrap_or_else(|complaints| {
        let said: Vec<_> = complaints.iter().map(ToString::to_string).collect();
        panic!("{}", said.join("\n"))
    })
}

fn vector(side: Side, kind: Kind, bytes: &[u8], id_value: u64) -> Vector {
    Vector {
        name: format!("{kind:?} {id_value}"),
        side,
        bytes: bytes.to_vec(),
        text: String::new(),
        kind,
        id: None,
        id_value: Some(id_value),
        service: None,
        method: None,
        fields: BTreeMap::new(),
        hash_keys: None,
        deadline_ms: None,
        status: None,
        verdict: None,
        effect: None,
        exclusive: None,
        quiet: Some(false),
        mended: Vec::new(),
    }
}

#[track_caller]
fn prove(codec: &Layout, frames: Vec<Vector>) {
    let file = VectorFile {
        name: "made here".to_owned(),
        provenance: "made by this test".to_owned(),
        frames,
    };
    Proof::new(codec)
        .with(file)
        .mutations(100_000)
        .run_all()
        .unwrap_or_else(|failures| panic!("{failures}"));
}

/// Everything that scanning needs stands behind texts and a map, little-endian.
const BEHIND_TEXTS: &str = r#"(
    name: "behind-texts",
    endian: Little,
    frame: [
        Str("verb", U16),
        Map("meta", U8, Bytes(U8), Bytes(U16Be)),
        Bytes("pad", Fixed(3)),
        Enum("type", U16, { 1..=9: Message, 0xFF00: OneWay, _: Push }),
        Id("session", U24),
        Int("left", U32),
        Int("code", U16Be),
        Length("size", U40, Body),
        Str("note", U8),
        Body("body"),
    ],
    method: "verb",
    keys: ["meta.*", "note", "pad", "type"],
    deadline: Millis("left"),
    status: Of("code", [(0, Ok), (_, Unavailable)]),
    state: Stateless,
    replies: (error: (status: Is(7), echo: ["verb", "left", "pad"], words: "note")),
)"#;

fn behind_texts(id: u8, kind: u16, code: u8, body: &[u8]) -> Vec<u8> {
    let mut frame = b"\x03\x00get\x01\x01k\x00\x02vvPAD".to_vec();
    frame.extend(kind.to_le_bytes());
    frame.extend([id, 0, 0, 0x10, 0, 0, 0, 0, code]);
    frame.extend([u8::try_from(body.len()).unwrap(), 0, 0, 0, 0]);
    frame.extend(b"\x02hi");
    frame.extend(body);
    frame
}

#[test]
fn an_id_behind_texts_and_a_map_is_found_and_patched() {
    let codec = layout(BEHIND_TEXTS);
    assert_eq!(codec.traits().ids.unwrap().wire_last, 0xFF_FFFF);
    let mut request = vector(
        Side::Downstream,
        Kind::Request,
        &behind_texts(7, 1, 0, b"body"),
        7,
    );
    request.method = Some("get".to_owned());
    request.deadline_ms = Some(16);
    request.fields = [
        ("meta.k", "vv"),
        ("note", "hi"),
        ("pad", "PAD"),
        ("type", "1"),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into();
    let mut answer = vector(Side::Upstream, Kind::Answer, &behind_texts(7, 9, 1, b""), 7);
    answer.verdict = Some(weft_codec::Verdict::Unavailable);
    answer.status = Some(1);
    prove(
        &codec,
        vec![
            request,
            answer,
            vector(
                Side::Downstream,
                Kind::OneWay,
                &behind_texts(8, 0xFF00, 0, &[0; 200]),
                8,
            ),
            vector(Side::Upstream, Kind::Push, &behind_texts(9, 77, 0, b"x"), 9),
        ],
    );
}

#[test]
fn a_length_may_count_the_whole_frame_less_a_constant() {
    let codec = layout(
        r#"(name: "whole", state: Stateless, frame: [
            Id("id", U64), Length("size", U8, Plus(Frame, -2)), Body("body")])"#,
    );
    let frame = b"\0\0\0\0\0\0\0\x05\x0Bbody";
    prove(
        &codec,
        vec![vector(Side::Downstream, Kind::Request, frame, 5)],
    );
}

#[test]
fn a_length_may_count_the_rest_and_a_constant() {
    let codec = layout(
        r#"(name: "more", state: Stateless, frame: [
            Length("size", U16, Plus(Rest, 4)), Id("id", U8), Body("body")])"#,
    );
    let frame = b"\0\x09\x05body";
    prove(
        &codec,
        vec![vector(Side::Downstream, Kind::Request, frame, 5)],
    );
}

#[test]
fn a_frame_without_a_length_ends_with_its_last_field() {
    let codec = layout(
        r#"(name: "fields", state: Stateless, frame: [
            Str("verb", U8), Id("id", U16), Map("meta", U8, Str(U8), Str(U8)), Int("end", U8)])"#,
    );
    let frame = b"\x03put\x01\x02\x01\x01a\x02bc\xFF";
    prove(
        &codec,
        vec![
            vector(Side::Downstream, Kind::Request, frame, 0x0102),
            vector(Side::Upstream, Kind::Answer, b"\0\x01\x02\0\0", 0x0102),
        ],
    );
}

#[test]
fn a_frame_of_fixed_size_needs_neither_length_nor_id() {
    let codec = layout(
        r#"(name: "record", state: Stateless, correlation: InOrder, frame: [
            Int("op", U8), Bytes("record", Fixed(7))], method: "op")"#,
    );
    assert_eq!(codec.traits().correlation, Correlation::InOrder);
    assert_eq!(codec.traits().order, weft_codec::Order::InOrder);
    assert_eq!(codec.traits().ids, None);
    prove(
        &codec,
        vec![
            vector(Side::Downstream, Kind::Request, b"\x01record1", 0),
            vector(Side::Upstream, Kind::Answer, b"\x01record2", 0),
        ],
    );
}

#[test]
fn opcodes_have_the_names_that_a_table_gives_them() {
    let codec = layout(
        r#"(name: "named", state: Stateless, frame: [
            Length("l", U8, Rest), Id("id", U8), Int("op", U8), Body("body")],
            method: "op", names: { "op": { 1: "get", 2..=4: "put" } })"#,
    );
    for (op, name) in [
        (1, Value::Bytes(b"get".as_slice().into())),
        (3, Value::Bytes(b"put".as_slice().into())),
        (9, Value::Number(9)),
    ] {
        let frame = [2, 0, op];
        let mut heads = Vec::new();
        codec
            .scan(
                Side::Downstream,
                &Limits::default(),
                &mut ScanState::default(),
                &frame,
                &mut heads,
            )
            .unwrap();
        let method = codec.field(Side::Downstream, &heads[0], &frame, Field::Method);
        assert_eq!(method, Some(name));
    }
}

#[test]
fn a_key_that_stands_twice_in_a_map_is_its_first_value() {
    let codec = layout(
        r#"(name: "twice", state: Stateless, frame: [
            Length("l", U8, Rest), Id("id", U8), Map("m", U8, Str(U8), Str(U8)), Body("b")],
            keys: ["m.k"])"#,
    );
    let frame = b"\x0A\x01\x02\x01k\x011\x01k\x012";
    let mut heads = Vec::new();
    codec
        .scan(
            Side::Downstream,
            &Limits::default(),
            &mut ScanState::default(),
            frame,
            &mut heads,
        )
        .unwrap();
    let ask = |name| codec.field(Side::Downstream, &heads[0], frame, Field::Key(name));
    assert_eq!(ask("m.k"), Some(Value::Bytes(b"1".as_slice().into())));
    assert_eq!(ask("m.other"), None);
}

#[test]
fn a_map_whose_last_entries_cannot_fit_is_malformed_and_not_waited_for() {
    let codec = layout(
        r#"(name: "full", state: Stateless, frame: [
            Length("l", U8, Rest), Map("m", U8, Str(U8), Str(U8)), Id("id", U8)])"#,
    );
    let frame = b"\x09\x02\x02ab\x03cde\x01";
    let scanned = codec.scan(
        Side::Downstream,
        &Limits::default(),
        &mut ScanState::default(),
        frame,
        &mut Vec::new(),
    );
    assert_eq!(scanned.unwrap_err().at, 9);
}

#[test]
fn a_map_that_comes_in_small_pieces_takes_work_linear_in_its_bytes() {
    let codec = layout(
        r#"(name: "map", state: Stateless, frame: [
            Map("m", U16, Str(U8), Str(U8)), Id("id", U16)])"#,
    );
    let limits = Limits {
        head_bytes_max: 1 << 20,
        ..Limits::default()
    };
    linear_work(&codec, Side::Downstream, &limits, |bytes| {
        let entry = b"\x03key\x05value";
        let count = bytes / entry.len();
        let mut frame = u16::try_from(count).unwrap().to_be_bytes().to_vec();
        frame.extend(entry.repeat(count));
        frame.extend([0, 1]);
        frame
    })
    .unwrap();
}

#[test]
fn the_first_bytes_tell_a_protocol_by_its_constant() {
    let codec = layout(
        r#"(name: "told", state: Stateless, frame: [
            Magic("XY"), Id("id", U8), Length("l", U8, Rest), Body("b")])"#,
    );
    assert_eq!(codec.sniff(b""), Sniff::Need(2));
    assert_eq!(codec.sniff(b"XY"), Sniff::Need(4));
    assert_eq!(codec.sniff(b"XY\x01\x00"), Sniff::Yes);
    assert_eq!(codec.sniff(b"XZ"), Sniff::No);
    assert_eq!(codec.sniff(b"GET / HTTP/1.1"), Sniff::No);
}

#[test]
fn a_length_that_no_frame_has_is_not_taken_for_the_protocol() {
    let codec = layout(
        r#"(name: "plain", state: Stateless, frame: [
            Length("l", U32, Rest), Id("id", U32), Body("b")])"#,
    );
    assert_eq!(codec.sniff(b"GET / HTTP/1.1"), Sniff::No);
    assert_eq!(codec.sniff(b"\x16\x03\x01\x02\x00\x01\x00\x01"), Sniff::No);
    assert_eq!(codec.sniff(b"\0\0\0\x04\0\0\0\x01"), Sniff::Yes);
}
