//! The described protocols of `protocols/` pass the proof kit, and are what their pages say.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the functions that tests share may fail as tests do"
)]

use std::path::PathBuf;

use weft_codec::proof::Proof;
use weft_codec::{
    Asked, CannotSay, Codec, Correlation, Cut, Field, Head, Kind, Limits, NewId, Order, ProxyError,
    Rewrite, Say, ScanState, Side, Value,
};
use weft_layout::Layout;

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../protocols")
        .join(name)
}

fn layout(name: &str) -> Layout {
    let file = folder(name).join("protocol.ron");
    let text = std::fs::read_to_string(file).unwrap();
    Layout::compile("protocol.ron", &text).unwrap_or_else(|complaints| {
        let said: Vec<_> = complaints.iter().map(ToString::to_string).collect();
        panic!("{}", said.join("\n"))
    })
}

fn heads(codec: &dyn Codec, side: Side, limits: &Limits, bytes: &[u8]) -> Vec<Head> {
    let mut heads = Vec::new();
    codec
        .scan(side, limits, &mut ScanState::default(), bytes, &mut heads)
        .unwrap();
    heads
}

/// An acme frame.
fn acme(kind: u8, id: u32, timeout_ms: u32, names: [&str; 2], rest: &[u8]) -> Vec<u8> {
    let mut tail = Vec::new();
    for name in names {
        tail.push(u8::try_from(name.len()).unwrap());
        tail.extend(name.as_bytes());
    }
    tail.extend(rest);
    let mut frame = b"AC\x01".to_vec();
    frame.extend([kind, 0, 0]);
    frame.extend(id.to_be_bytes());
    frame.extend(timeout_ms.to_be_bytes());
    frame.extend(u32::try_from(tail.len()).unwrap().to_be_bytes());
    frame.extend(tail);
    frame
}

#[test]
fn acme_passes_the_proof_kit() {
    let codec = layout("acme");
    let report = Proof::new(&codec)
        .vectors(folder("acme/vectors"))
        .unwrap()
        .mutations(120_000)
        .run_all()
        .unwrap_or_else(|failures| panic!("{failures}"));
    assert_eq!(report.mutations, 120_000);
    assert!(report.ids > 0 && report.replies > 0 && report.cuts > 0);
}

#[test]
fn length_id_passes_the_proof_kit() {
    let codec = layout("length-id");
    let report = Proof::new(&codec)
        .vectors(folder("length-id/vectors"))
        .unwrap()
        .mutations(120_000)
        .run_all()
        .unwrap_or_else(|failures| panic!("{failures}"));
    assert_eq!(report.mutations, 120_000);
    assert!(report.ids > 0 && report.replies > 0 && report.cuts > 0);
}

#[test]
fn what_is_left_out_has_its_documented_default() {
    for name in ["acme", "length-id"] {
        let codec = layout(name);
        let traits = codec.traits();
        assert_eq!(codec.name(), name);
        assert_eq!(traits.correlation, Correlation::ById);
        assert_eq!(traits.order, Order::AsReady);
        let ids = traits.ids.unwrap();
        assert_eq!((ids.wire_first, ids.wire_last), (1, 0x7FFF_FFFF));
    }
}

#[test]
fn a_proxy_error_echoes_the_request_and_says_why_in_words() {
    let codec = layout("acme");
    let frame = acme(0, 7, 0, ["orders", "place"], b"\0\0body");
    let head = heads(&codec, Side::Downstream, &Limits::default(), &frame)[0];
    let mut asked = Asked::default();
    codec.remember(&head, &frame, &mut asked);
    let mut out = Vec::new();
    let what = Say::Error {
        error: ProxyError::Overload,
        words: "weft: overloaded",
        asked: &asked,
    };
    codec.say(&what, &mut out).unwrap();
    let mut expected = acme(1, 7, 0, ["orders", "place"], b"\0\0weft: overloaded");
    expected[4..6].copy_from_slice(&904u16.to_be_bytes());
    assert_eq!(out, expected);
}

#[test]
fn a_length_id_error_is_the_error_opcode_under_the_callers_id() {
    let codec = layout("length-id");
    let frame = [0, 0, 0, 6, 1, 2, 3, 4, 0, 9];
    let head = heads(&codec, Side::Downstream, &Limits::default(), &frame)[0];
    let mut asked = Asked::default();
    codec.remember(&head, &frame, &mut asked);
    let mut out = Vec::new();
    let what = Say::Error {
        error: ProxyError::NoRoute,
        words: "no",
        asked: &asked,
    };
    codec.say(&what, &mut out).unwrap();
    assert_eq!(out, [0, 0, 0, 8, 1, 2, 3, 4, 0xFF, 0xFF, b'n', b'o']);
}

#[test]
fn the_time_that_is_left_is_written_into_requests_only() {
    let codec = layout("acme");
    let limits = Limits::default();
    for (kind, side, patched) in [
        (0, Side::Downstream, 40),
        (2, Side::Downstream, 40),
        (3, Side::Downstream, 250),
        (1, Side::Upstream, 250),
    ] {
        let frame = acme(kind, 7, 250, ["a", "b"], b"\0\0");
        let head = heads(&codec, side, &limits, &frame)[0];
        let rewrite = Rewrite {
            id: NewId::Wire(9),
            deadline_ms: Some(40),
        };
        let mut out = Vec::new();
        codec.emit(side, &head, &frame, &rewrite, &mut out).unwrap();
        assert_eq!(
            out,
            acme(kind, 9, patched, ["a", "b"], b"\0\0"),
            "kind {kind}"
        );
    }
}

#[test]
fn no_time_left_is_not_written_as_no_limit() {
    let codec = layout("acme");
    let frame = acme(0, 7, 250, ["a", "b"], b"\0\0");
    let head = heads(&codec, Side::Downstream, &Limits::default(), &frame)[0];
    let rewrite = Rewrite {
        id: NewId::Keep,
        deadline_ms: Some(0),
    };
    let mut out = Vec::new();
    codec
        .emit(Side::Downstream, &head, &frame, &rewrite, &mut out)
        .unwrap();
    assert_eq!(out, acme(0, 7, 1, ["a", "b"], b"\0\0"));
}

#[test]
fn a_timeout_of_zero_is_no_deadline() {
    let codec = layout("acme");
    let frame = acme(0, 7, 0, ["a", "b"], b"\0\0");
    let head = heads(&codec, Side::Downstream, &Limits::default(), &frame)[0];
    let left = codec.field(Side::Downstream, &head, &frame, Field::DeadlineMs);
    assert_eq!(left, None);
}

#[test]
fn a_large_frame_is_cut_through_behind_its_metadata() {
    let codec = layout("acme");
    let mut rest = b"\0\x01\x01k\0\x02vv".to_vec();
    let head_bytes = 18 + 2 + 2 + rest.len();
    rest.resize(200_000, 0);
    let frame = acme(0, 7, 0, ["a", "b"], &rest);
    let limits = Limits::default();
    assert!(heads(&codec, Side::Downstream, &limits, &frame[..head_bytes - 1]).is_empty());
    let part = &frame[..head_bytes + 3];
    let head = heads(&codec, Side::Downstream, &limits, part)[0];
    assert_eq!(head.head_bytes as usize, head_bytes);
    assert_eq!(head.frame_bytes as usize, frame.len());
    assert_eq!((head.kind, head.cut), (Kind::Request, Cut::Cuttable));
    let value = codec.field(Side::Downstream, &head, part, Field::Key("meta.k"));
    assert_eq!(value, Some(Value::Bytes(b"vv".as_slice().into())));
}

#[test]
fn a_head_over_the_limit_is_malformed_at_its_field() {
    let codec = layout("acme");
    let mut rest = b"\0\x02\x01k\xFF\xFF".to_vec();
    rest.resize(200_000, 0);
    let frame = acme(0, 7, 0, ["a", "b"], &rest);
    let complaint = codec
        .scan(
            Side::Downstream,
            &Limits::default(),
            &mut ScanState::default(),
            &frame,
            &mut Vec::new(),
        )
        .unwrap_err();
    assert_eq!(complaint.at, 18 + 2 + 2 + 2 + 2, "{complaint}");
    assert!(complaint.reason.contains("head"), "{complaint}");
}

#[test]
fn wrong_bytes_are_complained_of_at_their_offset() {
    let acme_codec = layout("acme");
    let good = acme(0, 7, 0, ["a", "b"], b"\0\0");
    let after = |bad: &[u8]| [&good[..], bad].concat();
    let mut kind = good.clone();
    kind[3] = 9;
    let mut long = good.clone();
    long[14] = 0xFF;
    let mut short = good.clone();
    short[17] = 3;
    for (bad, at, said) in [
        (after(b"GET / HTTP/1.1"), 24, "`GET` stands"),
        (after(b"ADx"), 24, "`AC\\x01` must"),
        (after(&kind), 27, "value 9"),
        (after(&long), 38, "over the limit of 67108864"),
        (after(&short), 38, "frame of 21 bytes"),
    ] {
        let mut found = Vec::new();
        let complaint = acme_codec
            .scan(
                Side::Downstream,
                &Limits::default(),
                &mut ScanState::default(),
                &bad,
                &mut found,
            )
            .unwrap_err();
        assert_eq!(complaint.at, at, "{complaint}");
        assert!(complaint.reason.contains(said), "{complaint}");
        assert_eq!(found.len(), 1, "the frame before it is good");
    }
}

/// What the mesh says to a client whose CONNECT this was, or its last word.
fn told_to_an_mqtt_client(connect: &[u8], farewell: bool) -> Result<Vec<u8>, CannotSay> {
    let codec = layout("mqtt");
    let head = heads(&codec, Side::Downstream, &Limits::default(), connect)[0];
    let mut asked = Asked::default();
    codec.remember(&head, connect, &mut asked);
    let mut out = Vec::new();
    let asked = &asked;
    let what = match farewell {
        true => Say::Farewell { opening: asked },
        false => Say::Error {
            error: ProxyError::NoInstance,
            words: "weft: nobody",
            asked,
        },
    };
    codec.say(&what, &mut out).map(|()| out)
}

#[test]
fn mqtt_clients_are_refused_and_left_in_the_version_that_they_speak() {
    let connect = |version: u8| {
        let properties = if version == 5 { &b"\0"[..] } else { b"" };
        let rest = [
            b"\0\x04MQTT",
            &[version, 2, 0, 60][..],
            properties,
            b"\0\x01c",
        ]
        .concat();
        [&[0x10, rest.len() as u8], &rest[..]].concat()
    };
    // CONNACK: no session, 3 is "server unavailable"; and nothing behind it.
    let three = told_to_an_mqtt_client(&connect(4), false);
    assert_eq!(three.unwrap(), b"\x20\x02\0\x03");
    // 0x88 is the same in version 5; 31 is the Reason String.
    let five = told_to_an_mqtt_client(&connect(5), false);
    assert_eq!(five.unwrap(), b"\x20\x12\0\x88\x0F\x1F\0\x0Cweft: nobody");
    // DISCONNECT, which servers say in version 5 only.
    assert_eq!(told_to_an_mqtt_client(&connect(4), true), Err(CannotSay));
    let reason = b"weft: the proxy is shutting down";
    let left = [b"\xE0\x25\x8B\x23\x1F\0\x20", &reason[..]].concat();
    assert_eq!(told_to_an_mqtt_client(&connect(5), true).unwrap(), left);
}
