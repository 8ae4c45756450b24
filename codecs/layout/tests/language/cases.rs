//! Errors and farewells that depend on what the request was.

use weft_codec::{Codec as _, Effect, ProxyError, Say, Side, Verdict};
use weft_layout::Layout;

use crate::frames::{answer, asked, complaints, described, head, layout, prove, request};

/// Two versions of one protocol: only the second has room for words.
const TWO: &str = r#"(
    name: "two",
    frame: [
        Length("size", U16, Rest), Int("version", U8), Id("id", U16), Int("op", U8),
        Answers([Int("status", U8), If({ "version": 2 }, [Str("why", U8)])]),
        Body("b"),
    ],
    status: Of("status", [(0, Ok), (_, Unavailable)]),
    connection: [When({ "op": 9 }, Tunnel)],
    kinds: [
        When({ "from": "client" }, Request),
        When({ "op": 255 }, GoAway),
        Otherwise(Answer),
    ],
    replies: (
        errors: [
            When({ "version": 2, "op": 7 }, (status: Is(8), set: { "version": 2 }, words: "why")),
            When({ "version": 2 }, (status: From(100), set: { "version": 2 }, echo: ["op"], words: "why")),
            Otherwise(status: Is(1), set: { "version": 1 }, echo: ["op"]),
        ],
        farewells: [When({ "version": 2 }, (set: { "version": 2, "why": "gone" }, echo: ["op"]))],
    ),
)"#;

fn error(codec: &Layout, frame: &[u8]) -> Vec<u8> {
    let asked = asked(codec, Side::Downstream, frame);
    let mut out = Vec::new();
    let what = Say::Error {
        error: ProxyError::NoInstance,
        words: "weft: why",
        asked: &asked,
    };
    codec.say(&what, &mut out).unwrap();
    let found = head(codec, Side::Upstream, &out);
    assert_eq!(codec.classify(&found, &out), Verdict::Unavailable);
    out
}

#[test]
fn the_error_is_the_first_whose_condition_holds_of_the_request() {
    let codec = layout(&TWO.replace(
        r#"set: { "version": 2, "why": "gone" }, echo: ["op"]"#,
        r#"set: { "version": 2, "op": 255, "why": "gone" }"#,
    ));
    assert_eq!(
        error(&codec, b"\0\x04\x01\x01\x02\x05"),
        b"\0\x05\x01\x01\x02\x05\x01"
    );
    // The second of the list of errors.
    assert_eq!(
        error(&codec, b"\0\x04\x02\x01\x02\x05"),
        b"\0\x0F\x02\x01\x02\x05\x65\x09weft: why"
    );
    assert_eq!(
        error(&codec, b"\0\x05\x02\x01\x02\x07x"),
        b"\0\x0F\x02\x01\x02\0\x08\x09weft: why"
    );
    let mut opening = request(b"\0\x04\x02\x01\x02\x09");
    opening.effect = Some(Effect::Tunnel);
    let mut old = request(b"\0\x04\x01\x01\x02\x09");
    old.effect = Some(Effect::Tunnel);
    prove(
        &codec,
        vec![
            opening,
            old,
            request(b"\0\x05\x01\x01\x02\x07x"),
            answer(b"\0\x07\x02\x01\x02\x07\0\x01y"),
        ],
    );
}

#[test]
fn a_farewell_goes_to_those_whose_opening_request_has_one() {
    let codec = layout(&TWO.replace(
        r#"set: { "version": 2, "why": "gone" }, echo: ["op"]"#,
        r#"set: { "version": 2, "op": 255, "why": "gone" }"#,
    ));
    assert!(codec.traits().says.farewell);
    let opening = asked(&codec, Side::Downstream, b"\0\x04\x02\x01\x02\x09");
    let mut out = Vec::new();
    let farewell = Say::Farewell { opening: &opening };
    codec.say(&farewell, &mut out).unwrap();
    assert_eq!(out, b"\0\x0A\x02\x01\x02\xFF\0\x04gone");
    let old = asked(&codec, Side::Downstream, b"\0\x04\x01\x01\x02\x09");
    let farewell = Say::Farewell { opening: &old };
    assert!(codec.say(&farewell, &mut out).is_err());
    assert_eq!(out.len(), 12);
}

#[test]
fn what_would_leave_a_request_without_its_error_is_refused() {
    let plain = r#"Length("l", U8, Rest), Id("id", U8), Int("op", U8), Int("code", U8), Body("b")"#;
    let status = r#"status: Of("code", [(0, Ok), (_, ApplicationError)])"#;
    for (replies, said) in [
        (
            r#"error: (status: Is(1)), errors: [Otherwise(status: Is(2))]"#,
            "both `error` and `errors`",
        ),
        (
            r#"errors: [When({ "op": 1 }, (status: Is(1)))]"#,
            "would get no answer",
        ),
        (
            r#"errors: [Otherwise(status: Is(1)), Otherwise(status: Is(2))]"#,
            "takes every request",
        ),
        (
            r#"errors: [When({ "op": 1 }, (status: Is(0))), Otherwise(status: Is(2))]"#,
            "status 0 means Ok",
        ),
        (
            r#"errors: [When({ "up": 1 }, (status: Is(1))), Otherwise(status: Is(2))]"#,
            "no field `up`",
        ),
        (r#"farewells: [Otherwise()]"#, "no request opens one"),
    ] {
        let complaints = complaints(&described(
            plain,
            &format!("{status}, replies: ({replies})"),
        ));
        assert!(complaints.contains(said), "{replies}\n{complaints}");
        assert!(complaints.starts_with("sample.ron:1:"), "{complaints}");
    }
    // Peers would take the farewell for an answer.
    let said = complaints(TWO);
    assert!(
        said.contains("peers would not understand this farewell"),
        "{said}"
    );
}
