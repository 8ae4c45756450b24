//! Integers of every form, and words of bits.

use weft_codec::{Correlation, Kind, Side, Verdict};

use crate::frames::{
    Set as _, answer, complaints, described, frame, head, layout, malformed, prove, request,
};

#[test]
fn signed_integers_mean_what_they_say() {
    let codec = layout(&described(
        r#"Id("id", I32), Length("size", I16Le, Rest), Int("code", I8), Body("b")"#,
        r#"keys: ["code"], status: Of("code", [(0, Ok), (-128..=-1, Unavailable), (_, ApplicationError)])"#,
    ));
    prove(
        &codec,
        vec![
            request(b"\0\0\0\x07\x03\0\x05ab").keys(&[("code", "5")]),
            answer(b"\0\0\0\x07\x01\0\xFE")
                .keys(&[("code", "-2")])
                .verdict(Verdict::Unavailable),
        ],
    );
    let complaint = malformed(&codec, Side::Downstream, b"\0\0\0\x07\xFF\xFF\x05ab");
    assert_eq!(complaint.at, 4, "{complaint}");
}

#[test]
fn a_length_of_variable_width_frames_its_body() {
    // MQTT's remaining length: 1 to 4 groups of seven bits.
    let codec = layout(&described(
        r#"Int("type", U8), Length("remaining", Varint, Rest), Id("id", U16), Body("b")"#,
        "",
    ));
    let mut long = b"\x30\xC8\x01\0\x01".to_vec();
    long.resize(3 + 200, b'x');
    prove(
        &codec,
        vec![request(b"\x30\x03\0\x01x").id(b"\0\x01"), answer(&long)],
    );
}

#[test]
fn zigzag_and_big_endian_groups_are_integers_like_others() {
    let codec = layout(&described(
        r#"Length("size", VarintBe, Rest), Id("id", ZigZag), Int("delta", ZigZag), Body("b")"#,
        r#"keys: ["delta"]"#,
    ));
    let mut long = b"\x81\x01\x80\x80\x80\x01\x01".to_vec();
    long.resize(2 + 129, b'x');
    prove(
        &codec,
        vec![
            request(b"\x06\x80\x80\x80\x02\x03x").keys(&[("delta", "-2")]),
            request(&long).keys(&[("delta", "-1")]),
            answer(b"\x05\x80\x80\x80\x02\0").keys(&[("delta", "0")]),
        ],
    );
}

#[test]
fn bits_of_a_word_tell_kinds_and_are_keys() {
    // The flags of Dubbo's header.
    let codec = layout(&described(
        r#"Magic(b"\xDA\xBB"),
           Bits("flags", U8, { "request": 7, "two_way": 6, "event": 5, "serialization": (0, 4) }),
           Int("status", U8), Id("id", U64), Length("size", U32, Rest), Body("body")"#,
        r#"kinds: [
             When({ "event": 1, "request": 1 }, Ping), When({ "event": 1 }, Pong),
             When({ "request": 1, "two_way": 1 }, Request), When({ "request": 1 }, OneWay),
             Otherwise(Answer),
           ],
           keys: ["serialization", "flags"],
           status: Of("status", [(20, Ok), (_, ApplicationError)]),
           replies: (
             error: (status: Is(70), echo: ["serialization"], words: "body"),
             ping: (set: { "two_way": 1, "serialization": 2 }),
             pong: (status: Is(20), echo: ["serialization"]),
           )"#,
    ));
    let bytes = |flags: u8, status: u8, body: &[u8]| {
        let mut frame = vec![0xDA, 0xBB, flags, status, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0];
        frame.push(u8::try_from(body.len()).unwrap());
        frame.extend(body);
        frame
    };
    prove(
        &codec,
        vec![
            request(&bytes(0xC2, 0, b"call")).keys(&[("serialization", "2"), ("flags", "194")]),
            answer(&bytes(0x02, 20, b"R")).verdict(Verdict::Ok),
            frame(Side::Downstream, Kind::OneWay, &bytes(0x82, 0, b"")),
            frame(Side::Downstream, Kind::Ping, &bytes(0xE2, 0, b"N")),
            frame(Side::Upstream, Kind::Pong, &bytes(0x22, 20, b"N")),
            frame(Side::Upstream, Kind::Ping, &bytes(0xE2, 0, b"N")),
        ],
    );
}

#[test]
fn bits_that_are_not_there_or_have_two_names_are_refused() {
    let refused = |bits: &str| {
        complaints(&described(
            &format!(r#"Id("id", U8), Bits("f", U8, {{ {bits} }})"#),
            "",
        ))
    };
    assert!(refused(r#""a": 8"#).contains("not among the 8 bits"));
    assert!(refused(r#""a": (4, 2)"#).contains("not among the 8 bits"));
    assert!(refused(r#""a": (0, 4), "b": 4"#).contains("shares bits"));
    let signed = complaints(&described(r#"Id("id", U8), Bits("f", I8, { "a": 1 })"#, ""));
    assert!(signed.contains("signed"), "{signed}");
}

#[test]
fn kinds_by_rules_refuse_what_fits_none() {
    let codec = layout(&described(
        r#"Int("a", U8), Int("b", U8), Id("id", U8)"#,
        r#"kinds: [When({ "a": 1, "b": 1 }, Request), When([{ "a": 2 }, { "b": 2 }], Answer)]"#,
    ));
    assert_eq!(
        head(&codec, Side::Downstream, b"\x01\x01\x07").kind,
        Kind::Request
    );
    assert_eq!(
        head(&codec, Side::Upstream, b"\x09\x02\x07").kind,
        Kind::Answer
    );
    let complaint = malformed(&codec, Side::Downstream, b"\x01\x03\x07");
    assert!(complaint.reason.contains("no kind of frame"), "{complaint}");
}

#[test]
fn kinds_by_direction_may_differ_in_it_alone() {
    let codec = layout(&described(
        r#"Int("op", U8), Id("id", U8)"#,
        r#"kinds: [
            When({ "op": 9, "from": "server" }, Push), When({ "op": 9 }, OneWay),
            Otherwise(Message),
        ]"#,
    ));
    for (side, bytes, kind) in [
        (Side::Downstream, b"\x09\x01", Kind::OneWay),
        (Side::Upstream, b"\x09\x01", Kind::Push),
        (Side::Downstream, b"\x01\x01", Kind::Request),
        (Side::Upstream, b"\x01\x01", Kind::Answer),
    ] {
        assert_eq!(head(&codec, side, bytes).kind, kind);
    }
    assert_eq!(
        weft_codec::Codec::traits(&codec).correlation,
        Correlation::ById
    );
}
