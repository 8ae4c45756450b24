//! Fields that are there only while bytes are left.

use weft_codec::{Codec as _, ProxyError, Say, Side};

use crate::frames::{Set as _, answer, asked, complaints, described, head, layout, prove, request};

const LATER: &str = r#"Length("l", U8, Rest), Id("id", U8), Int("op", U8),
    Optional([Int("code", U8), Optional([Section("more", U8, [Optional([Str("why", U8)])])])]),
    Body("b")"#;

#[test]
fn a_frame_has_as_many_of_its_last_fields_as_it_has_bytes_for() {
    let codec = layout(&described(
        LATER,
        r#"keys: ["code", "why"], status: Of("code", [(0, Ok), (_, ApplicationError)]),
           replies: (error: (status: Is(9), echo: ["op"], words: "why"))"#,
    ));
    let none: [(&str, &str); 0] = [];
    prove(
        &codec,
        vec![
            request(b"\x02\x01\x05").keys(&none),
            request(b"\x03\x01\x05\x07").keys(&[("code", "7")]),
            request(b"\x04\x01\x05\x07\0").keys(&[("code", "7")]),
            request(b"\x07\x01\x05\x07\x03\x02no").keys(&[("code", "7"), ("why", "no")]),
            // What is left of the section is passed over, what is left of the frame is the body.
            answer(b"\x0A\x01\x05\0\x04\x02noxyz").keys(&[("code", "0"), ("why", "no")]),
        ],
    );
    for (bytes, field, there) in [
        (b"\x02\x01\x05".as_slice(), "code", false),
        (b"\x03\x01\x05\x07", "code", true),
        (b"\x04\x01\x05\x07\0", "why", false),
        (b"\x07\x01\x05\x07\x03\x02no", "why", true),
    ] {
        let found = head(&codec, Side::Downstream, bytes);
        let value = codec.field(
            Side::Downstream,
            &found,
            bytes,
            weft_codec::Field::Key(field),
        );
        assert_eq!(value.is_some(), there, "{field} of {bytes:?}");
    }
}

#[test]
fn the_mesh_writes_those_that_its_reply_fills() {
    let error = |replies: &str| {
        let codec = layout(&described(
            LATER,
            &format!(
                r#"verdicts: [When({{ "op": 0 }}, Unavailable), Otherwise(Ok)], replies: (error: ({replies}))"#
            ),
        ));
        let asked = asked(&codec, Side::Downstream, b"\x02\x03\x05");
        let mut out = Vec::new();
        let what = Say::Error {
            error: ProxyError::Overload,
            words: "why",
            asked: &asked,
        };
        codec.say(&what, &mut out).unwrap();
        out
    };
    assert_eq!(error(""), b"\x02\x03\0");
    assert_eq!(error(r#"set: { "code": 4 }"#), b"\x03\x03\0\x04");
    // Those before it come with it.
    assert_eq!(error(r#"words: "why""#), b"\x08\x03\0\0\x04\x03why");
}

#[test]
fn bytes_behind_the_body_are_not_left_for_optional_fields() {
    let codec = layout(&described(
        r#"Length("l", U8, Rest), Id("id", U8), Optional([Int("code", U8)]), Body("b"), Int("end", U16)"#,
        r#"keys: ["code"]"#,
    ));
    prove(
        &codec,
        vec![
            request(b"\x03\x01\xAA\xBB"),
            request(b"\x04\x01\x07\xAA\xBB").keys(&[("code", "7")]),
            request(b"\x05\x01\x07x\xAA\xBB").keys(&[("code", "7")]),
        ],
    );
    let bytes = b"\x03\x01\xAA\xBB";
    let found = head(&codec, Side::Downstream, bytes);
    let code = weft_codec::Field::Key("code");
    assert!(codec.field(Side::Downstream, &found, bytes, code).is_none());
}

#[test]
fn optionals_that_could_not_be_told_from_what_follows_are_refused() {
    for (frame, said) in [
        (
            r#"Id("id", U8), Optional([Int("a", U8)]), Length("l", U8, Rest), Body("b")"#,
            "nothing before it says where the frame ends",
        ),
        (
            r#"Length("l", U8, Rest), Id("id", U8), Optional([Int("a", U8)]), Int("c", U8)"#,
            "stands behind an Optional",
        ),
        (
            r#"Length("l", U8, Rest), Id("id", U8), Optional([Int("a", U8)]), Optional([Int("c", U8)])"#,
            "as its last field",
        ),
        (
            r#"Length("l", U8, Rest), Id("id", U8), If({ "l": 1 }, [Optional([Int("a", U8)])]), Int("c", U8)"#,
            "stands behind an Optional",
        ),
        (
            r#"Length("l", U8, Rest), Optional([Id("id", U8)])"#,
            "the Id in an Optional",
        ),
        (
            r#"Length("l", U8, Rest), Id("id", U8), Optional([Body("b")])"#,
            "the Body in an Optional",
        ),
    ] {
        let complaints = complaints(&described(frame, ""));
        assert!(complaints.contains(said), "{frame}\n{complaints}");
        assert!(complaints.contains("sample.ron:1:"), "{complaints}");
    }
}
