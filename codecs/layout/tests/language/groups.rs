//! Maps, TLVs and protobuf messages, and ids in them.

use weft_codec::{NewId, Side};

use crate::frames::{
    Set as _, answer, asked, complaints, described, head, key, layout, malformed, prove, request,
    with_id,
};

#[test]
fn a_map_may_be_bounded_by_bytes_or_delimiters() {
    let codec = layout(&described(
        r#"Length("size", U16, Rest), Id("id", U8),
           Map("env", Within(U16), Str(Zero), Str(Zero)),
           Map("pairs", U8, Str(Until("=")), Str(Until(";"))), Body("b")"#,
        r#"keys: ["env.*", "pairs.tenant"]"#,
    ));
    let mut bytes = b"\0\0\x01\0\x0AA\0one\0B\x002\0\x02tenant=x;k=;b".to_vec();
    bytes[1] = u8::try_from(bytes.len() - 2).unwrap();
    prove(
        &codec,
        vec![request(&bytes).keys(&[("env.A", "one"), ("env.B", "2"), ("pairs.tenant", "x")])],
    );
    assert_eq!(key(&codec, Side::Downstream, &bytes, "env.C"), None);
}

#[test]
fn a_tlv_gives_its_entries_by_number() {
    let codec = layout(&described(
        r#"Length("size", U16, Rest),
           Tlv("fields", U16, U8, U16, { 5: Int("priority", U8), 7: Str("verb"), 9: Id("id", U32) }),
           Body("b")"#,
        r#"method: "verb", keys: ["priority"],
           kinds: [When({ "from": "client" }, Request), Otherwise(Answer)],
           verdicts: [When({ "priority": 9 }, Overload), Otherwise(Ok)],
           replies: (error: (echo: ["verb"], set: { "priority": 9 }))"#,
    ));
    let tlv = b"\x07\0\x03get\x05\0\x01\x02\x63\0\0\x09\0\x04\0\0\0\x2A";
    let mut bytes = vec![
        0,
        u8::try_from(tlv.len() + 4).unwrap(),
        0,
        u8::try_from(tlv.len()).unwrap(),
    ];
    bytes.extend(tlv);
    bytes.extend(b"bo");
    prove(
        &codec,
        vec![
            request(&bytes)
                .id(&[0, 0, 0, 42])
                .method("get")
                .keys(&[("priority", "2")]),
            answer(b"\0\x09\0\x07\x09\0\x04\0\0\0\x2A"),
        ],
    );
    let twice = b"\0\x10\0\x0E\x09\0\x04\0\0\0\x2A\x09\0\x04\0\0\0\x2B";
    let complaint = malformed(&codec, Side::Downstream, twice);
    assert!(complaint.reason.contains("second time"), "{complaint}");
}

#[test]
fn a_text_id_in_a_map_takes_its_lengths_along() {
    let codec = layout(&described(
        r#"Length("size", U16, Rest), Int("head_len", U16),
           Map("head", Within(By("head_len")), Str(U8), Str(Varint), { "rid": Id("rid", Str(Rest)) }),
           Body("b")"#,
        r#"keys: ["head.k"]"#,
    ));
    let bytes = b"\0\x11\0\x0F\x01k\x01v\x03rid\x06caller";
    let wire = with_id(&codec, Side::Downstream, bytes, NewId::Wire(0xBEEF));
    assert_eq!(wire, b"\0\x1B\0\x19\x01k\x01v\x03rid\x10000000000000beef");
    assert_eq!(head(&codec, Side::Downstream, &wire).id_value, 0xBEEF);
    let noted = asked(&codec, Side::Downstream, bytes);
    let back = with_id(&codec, Side::Downstream, &wire, NewId::Callers(&noted));
    assert_eq!(back, bytes);
    prove(
        &codec,
        vec![
            request(bytes)
                .id(b"caller")
                .keys(&[("head.k", "v")])
                .mended(0, 4)
                .mended(12, 13),
        ],
    );
}

/// The metadata of brpc's baidu_std protocol.
const PROTO: &str = r#"(name: "proto", state: Stateless, frame: [
    Magic("PRPC"), Length("size", U32, Plus(Rest, -4)), Int("meta_size", U32),
    Proto("meta", By("meta_size"), {
        1: Message("request", { 1: Str("service"), 2: Str("method"), 3: Int("log_id", Varint) }),
        2: Message("response", { 1: Int("error_code", Varint), 2: Str("error_text") }),
        4: Id("correlation_id", Varint),
        5: Int("attachment_size", Varint),
    }),
    Body("payload")],
    service: "service", method: "method", keys: ["log_id"],
    verdicts: [When({ "error_code": 1..=2147483647 }, ApplicationError), Otherwise(Ok)],
    replies: (error: (set: { "error_code": 1 }, words: "error_text")),
)"#;

fn prpc(meta: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut bytes = b"PRPC".to_vec();
    let size = u32::try_from(meta.len() + payload.len()).unwrap();
    bytes.extend(size.to_be_bytes());
    bytes.extend(u32::try_from(meta.len()).unwrap().to_be_bytes());
    bytes.extend([meta, payload].concat());
    bytes
}

#[test]
fn a_varint_id_in_a_protobuf_message_changes_the_lengths_around_it() {
    let codec = layout(PROTO);
    let bytes = prpc(b"\x0A\x0B\x0A\x04Echo\x12\x03sum\x20\x07", b"body");
    let mut call = request(&bytes)
        .id(b"\x07")
        .method("sum")
        .mended(7, 8)
        .mended(11, 12);
    call.service = Some("Echo".to_owned());
    let wire = with_id(&codec, Side::Downstream, &bytes, NewId::Wire(1 << 21));
    let longer = prpc(
        b"\x0A\x0B\x0A\x04Echo\x12\x03sum\x20\x80\x80\x80\x01",
        b"body",
    );
    assert_eq!(wire, longer);
    prove(
        &codec,
        vec![
            call,
            answer(&prpc(b"\x12\x06\x08\x02\x12\x02no\x20\x07", b""))
                .mended(7, 8)
                .mended(11, 12),
        ],
    );
}

#[test]
fn protobufs_last_value_of_a_field_counts_but_an_id_stands_once() {
    let codec = layout(PROTO);
    let bytes = prpc(b"\x20\x07\x0A\x02\x18\x01\x0A\x02\x18\x02", b"");
    assert_eq!(
        key(&codec, Side::Downstream, &bytes, "log_id").as_deref(),
        Some("2")
    );
    let twice = prpc(b"\x20\x07\x20\x08", b"");
    let complaint = malformed(&codec, Side::Downstream, &twice);
    assert_eq!(complaint.at, 14, "{complaint}");
}

#[test]
fn groups_that_cannot_be_are_refused() {
    for (frame, said) in [
        (
            r#"Length("l", U8, Rest), Proto("m", U8, { 4: Id("id", U24) }), Body("b")"#,
            "no integer of this type",
        ),
        (
            r#"Length("l", U8, Rest), Proto("m", U8, { 4: Id("id", U32), 4: Int("a", U32) }), Body("b")"#,
            "stands twice",
        ),
        (
            r#"Length("l", U8, Rest), Tlv("t", U8, U8, U8, { 256: Id("id", U8) }), Body("b")"#,
            "no entry has the type 256",
        ),
        (
            r#"Length("l", U8, Rest), Tlv("t", U8, U8, U8, { 1: Message("m", {}) , 2: Id("id", U8) }), Body("b")"#,
            "stands in none",
        ),
        (
            r#"Length("l", U8, Rest), Tlv("t", Fixed(9), U8, U8, { 1: Id("id", Varint) }), Body("b")"#,
            "cannot be patched",
        ),
        (
            r#"Length("l", U8, Rest), Tlv("t", U8, U8, U8, { 1: Id("id", Str(U8)) }), Body("b")"#,
            "that of its entry",
        ),
        (
            r#"Length("l", U8, Rest), Map("m", U8, Str(U8), Str(U8), { "a": Id("id", U8), "a": Int("b", U8) }), Body("b")"#,
            "stands twice",
        ),
    ] {
        let complaints = complaints(&described(frame, ""));
        assert!(complaints.contains(said), "{frame}\n{complaints}");
    }
}
