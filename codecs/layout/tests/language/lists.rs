//! Lists of which some elements have names, and ids in them.

use weft_codec::{Codec as _, NewId, ProxyError, Say, Side};

use crate::frames::{
    Set as _, answer, asked, complaints, described, head, key, layout, malformed, prove, request,
    with_id,
};

/// Headers: how many, then of each its number, flags, and a value behind its length.
const HEADERS: &str = r#"Length("size", U16, Rest), Int("op", U8),
    List("headers", U16, [Int(U16), Int(U8), Str(Varint)], {
        7: Id("id", Str(Rest, Digits(9))), 9: Str("tenant"), 300: Int("status", U8),
    }), Body("b")"#;

const MEANING: &str = r#"method: "op", keys: ["tenant"],
    verdicts: [When({ "status": 1..=255, "from": "server" }, Unavailable), Otherwise(Ok)],
    replies: (error: (set: { "status": 5 }, echo: ["op", "tenant"], words: "b"))"#;

fn framed(op: u8, headers: &[(u16, &[u8])], body: &[u8]) -> Vec<u8> {
    let mut rest = vec![op];
    rest.extend(u16::try_from(headers.len()).unwrap().to_be_bytes());
    for (number, value) in headers {
        rest.extend(number.to_be_bytes());
        rest.push(0);
        rest.push(u8::try_from(value.len()).unwrap());
        rest.extend(*value);
    }
    rest.extend(body);
    let mut frame = u16::try_from(rest.len()).unwrap().to_be_bytes().to_vec();
    frame.extend(rest);
    frame
}

#[test]
fn an_id_in_a_counted_list_is_found_by_its_number_and_takes_its_lengths_along() {
    let codec = layout(&described(HEADERS, MEANING));
    let call = framed(
        3,
        &[(9, b"blue"), (8, b"passed over"), (7, b"caller-1")],
        b"args",
    );
    assert_eq!(
        key(&codec, Side::Downstream, &call, "tenant").as_deref(),
        Some("blue")
    );
    let wire = with_id(&codec, Side::Downstream, &call, NewId::Wire(123_456_789));
    let sent = framed(
        3,
        &[(9, b"blue"), (8, b"passed over"), (7, b"123456789")],
        b"args",
    );
    assert_eq!(wire, sent);
    let noted = asked(&codec, Side::Downstream, &call);
    let back = with_id(&codec, Side::Downstream, &wire, NewId::Callers(&noted));
    assert_eq!(back, call);
    let at = call
        .windows(8)
        .position(|there| there == b"caller-1")
        .unwrap();
    let first = framed(3, &[(7, b"x")], b"");
    prove(
        &codec,
        vec![
            request(&call)
                .id(b"caller-1")
                .method("3")
                .keys(&[("tenant", "blue")])
                .mended(0, 2)
                .mended(at - 1, at),
            request(&first).id(b"x").mended(0, 2).mended(8, 9),
            answer(&framed(3, &[(300, b"\x05"), (7, b"7")], b"no"))
                .id(b"7")
                .mended(0, 2)
                .mended(13, 14),
        ],
    );
}

#[test]
fn the_mesh_writes_the_elements_that_its_reply_fills_and_counts_them() {
    let codec = layout(&described(HEADERS, MEANING));
    let call = framed(3, &[(7, b"caller-1"), (9, b"blue")], b"args");
    let noted = asked(&codec, Side::Downstream, &call);
    let mut out = Vec::new();
    let what = Say::Error {
        error: ProxyError::Overload,
        words: "why",
        asked: &noted,
    };
    codec.say(&what, &mut out).unwrap();
    let expected = [(7, &b"caller-1"[..]), (9, b"blue"), (300, b"\x05")];
    assert_eq!(out, framed(3, &expected, b"why"));
}

#[test]
fn numbers_may_be_the_values_of_a_list() {
    let codec = layout(&described(
        r#"Length("size", U8, Rest), Int("n", U8),
           List("ids", Count("n"), [Int(U8), Str(U8), Int(U32)], { 1: Id("id", U32), 2: Int("shard", U32) }),
           Body("b")"#,
        r#"keys: ["shard"]"#,
    ));
    let call = b"\x0F\x02\x02\x01x\0\0\0\x09\x01\0\0\0\0\x07b";
    prove(
        &codec,
        vec![
            request(call).id(&[0, 0, 0, 7]).keys(&[("shard", "9")]),
            answer(b"\x07\x01\x01\0\0\0\0\x07"),
        ],
    );
    assert_eq!(head(&codec, Side::Downstream, call).id_value, 7);
    let twice = b"\x0D\x02\x01\0\0\0\0\x07\x01\0\0\0\0\x08";
    let complaint = malformed(&codec, Side::Downstream, twice);
    assert!(complaint.reason.contains("second time"), "{complaint}");
    // Only as many as are counted are looked at.
    let one = b"\x0D\x01\x01\0\0\0\0\x07\x01\0\0\0\0\x08";
    assert_eq!(head(&codec, Side::Downstream, one).id_value, 7);
}

#[test]
fn lists_whose_elements_cannot_be_chosen_are_refused() {
    for (list, said) in [
        (
            r#"[Str(U8), Str(U8)], { 1: Id("id", Str(Rest)) }"#,
            "nothing in an element tells",
        ),
        (
            r#"[Int(U8)], { 1: Id("id", U8) }"#,
            "nothing in an element tells",
        ),
        (
            r#"[Int(U8), Str(U8)], { 256: Id("id", Str(Rest)) }"#,
            "no element has the number 256",
        ),
        (
            r#"[Int(U8), Int(U16)], { 1: Id("id", U32) }"#,
            "is not that one",
        ),
        (
            r#"[Int(U8), Int(U16)], { 1: Id("id", U16), 2: Str("s") }"#,
            "is not that one",
        ),
        (
            r#"[Int(U8), Str(Until(";"))], { 1: Id("id", Str(Rest)) }"#,
            "needs a length before it",
        ),
        (
            r#"[Int(U8), Bytes(Fixed(4))], { 1: Id("id", Str(Rest)) }"#,
            "cannot be patched",
        ),
        (
            r#"[Int(U8), Str(U8)], { 1: Id("id", U8), 1: Str("s") }"#,
            "stands twice",
        ),
    ] {
        let frame = format!(r#"Length("l", U8, Rest), List("list", U8, {list}), Body("b")"#);
        let complaints = complaints(&described(&frame, ""));
        assert!(complaints.contains(said), "{list}\n{complaints}");
    }
}
