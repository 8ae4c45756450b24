//! Operations that servers answer only if something is found, or fails.

use weft_codec::{Codec as _, NewId, ProxyError, Rewrite, Say, Side};
use weft_layout::Layout;

use crate::frames::{
    Set as _, answer, asked, complaints, described, head, layout, prove, request, with_id,
};

/// As memcached has it: 9 is a get that a miss does not answer, 17 a set that success does not.
const CACHE: &str = r#"(
    name: "cache",
    frame: [
        Length("size", U16, Rest), Int("op", U8), Int("status", U8), Id("id", U32), Bits("flags", U8, { "mute": 7 }),
        Body("b"), Checksum("crc", U16, Crc16Arc, Before),
    ],
    method: "op",
    status: Of("status", [(0, Ok), (1, Ok), (_, ApplicationError)]),
    state: Stateless, correlation: ById, order: InOrder,
    quiet: [
        When({ "op": 9 }, (loud: { "op": 0 }, silent: { "status": 1 })),
        When({ "op": 17 }, (loud: { "op": 1 }, silent: { "status": 0 })),
        When({ "mute": 1 }, (loud: { "mute": 0 }, silent: { "status": 0..=1 })),
    ],
    replies: (error: (status: Is(9), echo: ["op", "mute"], words: "b")),
)"#;

fn framed(op: u8, status: u8, id: u8, flags: u8, body: &[u8]) -> Vec<u8> {
    let mut frame = vec![
        0,
        u8::try_from(9 + body.len()).unwrap(),
        op,
        status,
        0,
        0,
        0,
        id,
        flags,
    ];
    frame.extend(body);
    let crc = crc::Crc::<u16>::new(&crc::CRC_16_ARC).checksum(&frame);
    frame.extend(crc.to_be_bytes());
    frame
}

/// What becomes of an answer for who asked this.
fn heard(codec: &Layout, call: &[u8], answer: &[u8]) -> Vec<u8> {
    let noted = asked(codec, Side::Downstream, call);
    let found = head(codec, Side::Upstream, answer);
    let rewrite = Rewrite {
        id: NewId::Callers(&noted),
        deadline_ms: None,
    };
    let mut out = Vec::new();
    codec
        .emit(Side::Upstream, &found, answer, &rewrite, &mut out)
        .unwrap();
    out
}

#[test]
fn a_quiet_operation_is_sent_loud_and_its_answer_is_silenced_or_made_quiet_again() {
    let codec = layout(CACHE);
    let call = framed(9, 0, 7, 0, b"key");
    let sent = with_id(&codec, Side::Downstream, &call, NewId::Wire(200));
    assert_eq!(sent, framed(0, 0, 200, 0, b"key"));
    // A miss is not heard, a hit under the operation that was asked.
    assert_eq!(heard(&codec, &call, &framed(0, 1, 200, 0, b"")), b"");
    assert_eq!(
        heard(&codec, &call, &framed(0, 0, 200, 0, b"value")),
        framed(9, 0, 7, 0, b"value")
    );
    let set = framed(17, 0, 8, 0, b"key=value");
    assert_eq!(heard(&codec, &set, &framed(1, 0, 200, 0, b"")), b"");
    assert_eq!(
        heard(&codec, &set, &framed(1, 5, 200, 0, b"full")),
        framed(17, 5, 8, 0, b"full")
    );
    // Who asks aloud hears everything.
    let loud = framed(0, 0, 9, 0, b"key");
    assert_eq!(
        with_id(&codec, Side::Downstream, &loud, NewId::Wire(3)),
        framed(0, 0, 3, 0, b"key")
    );
    assert_eq!(
        heard(&codec, &loud, &framed(0, 1, 3, 0, b"")),
        framed(0, 1, 9, 0, b"")
    );
}

#[test]
fn a_bit_may_be_what_makes_an_operation_quiet() {
    let codec = layout(CACHE);
    let call = framed(5, 0, 7, 0x83, b"x");
    assert_eq!(
        with_id(&codec, Side::Downstream, &call, NewId::Wire(1)),
        framed(5, 0, 1, 0x03, b"x")
    );
    assert_eq!(heard(&codec, &call, &framed(5, 1, 1, 0x41, b"")), b"");
    assert_eq!(
        heard(&codec, &call, &framed(5, 2, 1, 0x41, b"")),
        framed(5, 2, 7, 0xC1, b"")
    );
}

#[test]
fn quiet_operations_pass_the_proof_kit_and_are_told_of_errors() {
    let codec = layout(CACHE);
    let quiet = |bytes: &[u8], at: usize| {
        let end = bytes.len();
        request(bytes).mended(at, at + 1).mended(end - 2, end)
    };
    let summed = |bytes: &[u8]| (bytes.len() - 2, bytes.len());
    let (get, set, mute) = (
        framed(9, 0, 7, 0, b"key"),
        framed(17, 0, 8, 0, b"k"),
        framed(5, 0, 9, 0x80, b""),
    );
    let loud = framed(0, 0, 1, 0, b"key");
    let hit = framed(0, 0, 1, 0, b"value");
    prove(
        &codec,
        vec![
            quiet(&get, 2).method("9"),
            quiet(&set, 2),
            quiet(&mute, 8),
            request(&loud).mended(summed(&loud).0, summed(&loud).1),
            answer(&hit).mended(summed(&hit).0, summed(&hit).1),
        ],
    );
    let noted = asked(&codec, Side::Downstream, &get);
    let mut out = Vec::new();
    let what = Say::Error {
        error: ProxyError::Deadline,
        words: "late",
        asked: &noted,
    };
    codec.say(&what, &mut out).unwrap();
    assert_eq!(out, framed(9, 9, 7, 0, b"late"));
}

#[test]
fn quiet_operations_that_could_not_be_told_done_are_refused() {
    let frame =
        r#"Length("l", U8, Rest), Id("id", U8), Int("op", U8), Int("v", Varint), Body("b")"#;
    for (rest, said) in [
        (
            r#"quiet: [When({ "op": 9 }, (loud: { "op": 0 }, silent: { "op": 0 }))]"#,
            "answers in order",
        ),
        (
            r#"order: InOrder, quiet: [Otherwise(loud: { "op": 0 }, silent: { "op": 0 })]"#,
            "not every operation is quiet",
        ),
        (
            r#"order: InOrder, quiet: [When({ "op": 9 }, (loud: {}, silent: { "op": 0 }))]"#,
            "nothing makes this operation loud",
        ),
        (
            r#"order: InOrder, quiet: [When({ "op": 9 }, (loud: { "op": 256 }, silent: { "op": 0 }))]"#,
            "256 does not fit `op`",
        ),
        (
            r#"order: InOrder, quiet: [When({ "op": 9 }, (loud: { "v": 1 }, silent: { "op": 0 }))]"#,
            "its width varies",
        ),
        (
            r#"order: InOrder, quiet: [When({ "op": 9 }, (loud: { "id": 1 }, silent: { "op": 0 }))]"#,
            "is the Id",
        ),
        (
            r#"order: InOrder, quiet: [When({ "up": 9 }, (loud: { "op": 1 }, silent: { "op": 0 }))]"#,
            "no field `up`",
        ),
    ] {
        let complaints = complaints(&described(frame, rest));
        assert!(complaints.contains(said), "{rest}\n{complaints}");
    }
    let pinned = CACHE.replace(
        "state: Stateless",
        r#"connection: [When({ "op": 40 }, Pin)]"#,
    );
    let complaints = complaints(&pinned);
    assert!(
        complaints.contains("a quiet operation stays quiet"),
        "{complaints}"
    );
}
