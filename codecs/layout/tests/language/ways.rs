//! Fields that stand in some frames only.

use weft_codec::{Kind, Side};

use crate::frames::{
    Set as _, answer, complaints, described, frame, head, layout, malformed, prove, request,
};

/// The header of SOFABolt in both its versions, with the checksum that version 2 may switch on.
const BOLT: &str = r#"(
    name: "bolt-header",
    frame: [
        Int("protocol", U8),
        If({ "protocol": 2 }, [Int("version", U8)]),
        Int("type", U8),
        Int("command", U16),
        Int("command_version", U8),
        Id("id", U32),
        Int("codec", U8),
        If({ "protocol": 2 }, [Bits("switch", U8, { "checked": 0 })]),
        Switch("type", {
            0: [Int("status", U16)],
            _: [Int("timeout", I32)],
        }),
        Int("class_len", U16),
        Int("header_len", U16),
        Int("content_len", U32),
        Str("class", By("class_len")),
        Map("header", Within(By("header_len")), Str(I32), Str(I32)),
        Body("content", By("content_len")),
        If({ "protocol": 2, "checked": 1 }, [Checksum("crc", U32, Crc32, Before)]),
    ],
    kinds: [
        When({ "command": 0, "type": 1 }, Ping),
        When({ "command": 0 }, Pong),
        When({ "type": 1 }, Request),
        When({ "type": 2 }, OneWay),
        Otherwise(Answer),
    ],
    keys: ["class", "header.*", "codec"],
    deadline: Millis("timeout"),
    status: Of("status", [(0, Ok), (3, Unavailable), (4, Overload), (_, ApplicationError)]),
    one_way_answers: Maybe,
    state: Stateless,
    replies: (
        error: (status: Is(2), set: { "command": 2 },
            echo: ["protocol", "version", "command_version", "codec", "checked"]),
        pong: (echo: ["protocol", "version", "command_version", "codec", "checked"]),
    ),
)"#;

fn bolt(
    version: u8,
    kind: u8,
    command: u8,
    class: &[u8],
    header: &[u8],
    content: &[u8],
) -> Vec<u8> {
    let mut bytes = vec![version];
    if version == 2 {
        bytes.push(1);
    }
    bytes.extend([kind, 0, command, 1, 0, 0, 0, 7, 1]);
    if version == 2 {
        bytes.push(1);
    }
    match kind {
        0 => bytes.extend([0, 0]),
        _ => bytes.extend([0, 0, 0x0B, 0xB8]),
    }
    for part in [class, header] {
        bytes.extend(u16::try_from(part.len()).unwrap().to_be_bytes());
    }
    bytes.extend(u32::try_from(content.len()).unwrap().to_be_bytes());
    bytes.extend([class, header, content].concat());
    if version == 2 {
        let crc = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(&bytes);
        bytes.extend(crc.to_be_bytes());
    }
    bytes
}

#[test]
fn both_versions_of_a_header_are_one_description() {
    let codec = layout(BOLT);
    let header = b"\0\0\0\x07service\0\0\0\x04echo";
    let one = bolt(1, 1, 1, b"Request", header, b"args");
    let two = bolt(2, 1, 1, b"Request", header, b"args");
    let keys = [("class", "Request"), ("header.service", "echo")];
    let mut with_deadline = request(&one).id(&[0, 0, 0, 7]).keys(&keys);
    with_deadline.deadline_ms = Some(3000);
    let sum = |bytes: &[u8]| (bytes.len() - 4, bytes.len());
    let (first, end) = sum(&two);
    let answered = bolt(2, 0, 2, b"Response", b"", b"result");
    let (answer_first, answer_end) = sum(&answered);
    let beat = bolt(2, 1, 0, b"", b"", b"");
    let (beat_first, beat_end) = sum(&beat);
    prove(
        &codec,
        vec![
            with_deadline,
            request(&two)
                .id(&[0, 0, 0, 7])
                .keys(&keys)
                .mended(first, end),
            answer(&bolt(1, 0, 2, b"Response", b"", b"result")),
            answer(&answered).mended(answer_first, answer_end),
            frame(Side::Downstream, Kind::Ping, &beat).mended(beat_first, beat_end),
            frame(Side::Downstream, Kind::Ping, &bolt(1, 1, 0, b"", b"", b"")),
        ],
    );
    let mut wrong = two.clone();
    *wrong.last_mut().unwrap() ^= 1;
    let complaint = malformed(&codec, Side::Downstream, &wrong);
    assert_eq!(complaint.at, first);
    assert!(complaint.reason.contains("Crc32"), "{complaint}");
}

#[test]
fn fields_of_one_direction_stand_in_it_alone() {
    let codec = layout(&described(
        r#"Length("size", U32, Rest), Id("id", U32),
           Requests([Int("op", U8), Str("key", U8)]),
           Answers([Int("status", U8)]), Body("b")"#,
        r#"method: "op", keys: ["key"],
           status: Of("status", [(0, Ok), (_, ApplicationError)]),
           replies: (error: (status: Is(9), words: "b"))"#,
    ));
    prove(
        &codec,
        vec![
            request(b"\0\0\0\x09\0\0\0\x01\x05\x02abx")
                .method("5")
                .keys(&[("key", "ab")]),
            answer(b"\0\0\0\x06\0\0\0\x01\0x"),
        ],
    );
}

#[test]
fn only_requests_may_carry_ids() {
    let codec = layout(
        r#"(name: "half", state: Stateless, correlation: InOrder,
            frame: [Length("l", U8, Rest), Requests([Id("id", U16)]), Body("b")])"#,
    );
    prove(&codec, vec![request(b"\x03\x01\x02x"), answer(b"\x01x")]);
    assert!(!head(&codec, Side::Upstream, b"\x01x").exclusive);
}

#[test]
fn some_kinds_may_have_no_length() {
    let codec = layout(&described(
        r#"Enum("kind", U8, { 1: Message, 2: Ping, 3: Pong }), Id("id", U8),
           Switch("kind", { 1: [Length("size", U16, Rest), Body("b")] })"#,
        "replies: (ping: (), pong: ())",
    ));
    prove(
        &codec,
        vec![
            request(b"\x01\x07\0\x02ab"),
            answer(b"\x01\x07\0\0"),
            frame(Side::Downstream, Kind::Ping, b"\x02\x07"),
            frame(Side::Upstream, Kind::Pong, b"\x03\x07"),
        ],
    );
}

#[test]
fn a_switch_by_text_takes_the_arm_of_the_text() {
    let codec = layout(
        r#"(name: "text", state: Stateless, correlation: InOrder, frame: [
            Str("verb", Until(" ")),
            Switch("verb", {
                "SET": [Int("bytes", U8), Body("data", By("bytes"))],
                _: [Str("key", Until("\n"))],
            })], method: "verb", keys: ["key"])"#,
    );
    prove(
        &codec,
        vec![
            request(b"SET \x03abc").method("SET"),
            request(b"GET key\n").keys(&[("key", "key")]),
            answer(b"OK \n"),
        ],
    );
}

#[test]
fn an_opaque_body_leaves_its_head_readable_and_its_id_alone() {
    let codec = layout(&described(
        r#"Length("size", U16, Rest), Bits("flags", U8, { "packed": 0 }), Str("service", U8),
           Opaque({ "packed": 1 }), Id("id", U16), Int("op", U8), Body("b")"#,
        r#"service: "service", keys: ["op"]"#,
    ));
    let plain = request(b"\0\x08\0\x02ab\0\x01\x09x").keys(&[("op", "9")]);
    let mut packed = request(b"\0\x06\x01\x02abzz");
    packed.service = Some("ab".to_owned());
    packed.exclusive = Some(true);
    prove(&codec, vec![plain, packed]);
}

#[test]
fn constants_may_stand_behind_varying_fields_and_at_the_end() {
    let codec = layout(&described(
        r#"Magic("\x02"), Length("size", U8, Body), Id("id", U8), Str("v", U8), Magic("|"),
           Body("b"), Magic("\x03")"#,
        "",
    ));
    prove(
        &codec,
        vec![
            request(b"\x02\x02\x07\x01v|ab\x03"),
            answer(b"\x02\0\x07\0|\x03"),
        ],
    );
    for (bytes, at) in [
        (b"\x02\x02\x07\x01v/ab\x03".as_slice(), 5),
        (b"\x02\x02\x07\x01v|ab\x04", 8),
    ] {
        let complaint = malformed(&codec, Side::Downstream, bytes);
        assert_eq!(complaint.at, at, "{complaint}");
        assert!(complaint.reason.contains("must"), "{complaint}");
    }
}

#[test]
fn ways_that_cannot_be_are_refused() {
    for (frame, said) in [
        (
            r#"Id("id", U8), If({ "later": 1 }, [Int("a", U8)]), Int("later", U8)"#,
            "no field `later`",
        ),
        (r#"Id("id", U8), If({}, [Int("a", U8)])"#, "always holds"),
        (
            r#"Id("id", U8), Int("k", U8), If({ "k": 256 }, [Int("a", U8)])"#,
            "ends at 255",
        ),
        (
            r#"Id("id", U8), Int("k", U8), If({ "k": "x" }, [Int("a", U8)])"#,
            "field is a number",
        ),
        (
            r#"Id("id", U8), Switch("k", { 1: [] }), Int("k", U8)"#,
            "stands before this one",
        ),
        (
            r#"Id("id", U8), Int("k", U8), Switch("k", { 1: [], 0..=3: [] })"#,
            "never reached",
        ),
        (
            r#"Id("id", U8), Int("k", U8), Switch("k", { _: [], 1: [] })"#,
            "never reached",
        ),
        (
            r#"Id("id", U8), Int("k", U8), If({ "k": 1 }, [Int("k", U8)])"#,
            "two fields are named",
        ),
        (
            r#"Int("k", U8), If({ "k": 1 }, [Id("id", U8)], [Id("id", U16)])"#,
            "another type",
        ),
        (
            r#"Int("k", U8), Requests([Id("id", U8)]), Answers([Int("id", U8)])"#,
            "on another way",
        ),
        (
            r#"Id("id", U8), Int("k", U8), Opaque({ "k": 1 }), Str("s", U8)"#,
            "none follows",
        ),
        (
            r#"Id("id", U8), Length("l", U8, Rest), Tlv("t", U8, U8, U8, { 1: Int("x", U8) }),
               If({ "x": 1 }, [Int("a", U8)]), Body("b")"#,
            "stands in a group",
        ),
    ] {
        let complaints = complaints(&described(frame, ""));
        assert!(complaints.contains(said), "{frame}\n{complaints}");
    }
    let mut deep = r#"Int("x", U8)"#.to_owned();
    for _ in 0..12 {
        deep = format!(r#"If({{ "k": 1 }}, [{deep}])"#);
    }
    let deep = complaints(&described(
        &format!(r#"Id("id", U8), Int("k", U8), {deep}"#),
        "",
    ));
    assert!(deep.contains("deep in one another"), "{deep}");
}
