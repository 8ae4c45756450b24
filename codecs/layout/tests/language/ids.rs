//! Ids of every kind, put in and taken out by the proof kit.

use weft_codec::{Asked, Codec as _, IdKind, NewId, Side};

use crate::frames::{
    Set as _, answer, asked, complaints, described, head, layout, prove, request, with_id,
};

#[test]
fn ids_of_fixed_length_of_every_kind_come_back_byte_for_byte() {
    for (id, kind, bytes) in [
        ("U8", IdKind::Integer(1), b"\xFF".as_slice()),
        ("U16Le", IdKind::Integer(2), b"\x01\x02"),
        (
            "I64",
            IdKind::Integer(8),
            b"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF",
        ),
        ("Decimal(6)", IdKind::Decimal, b"000042"),
        ("Hex(16)", IdKind::Hex, b"4bf92f3577b34da6"),
        ("Text(12)", IdKind::Hex, b"req-7F/a b_c"),
        (
            "Uuid",
            IdKind::Bytes(36),
            b"6F1AB9A2-51a1-4c7e-9d2b-03a1f1ed5c77",
        ),
        ("Bytes(16)", IdKind::Bytes(16), b"\x9b0123456789abcd\xFF"),
    ] {
        let codec = layout(&described(
            &format!(r#"Length("l", U8, Rest), Str("verb", U8), Id("id", {id}), Body("b")"#),
            r#"method: "verb""#,
        ));
        assert_eq!(codec.traits().ids.unwrap().kind, kind);
        let mut frame = vec![0, 2];
        frame.extend(b"go");
        frame.extend(bytes);
        frame.push(b'!');
        frame[0] = u8::try_from(frame.len() - 1).unwrap();
        prove(
            &codec,
            vec![
                request(&frame).id(bytes).method("go"),
                answer(&frame).id(bytes),
            ],
        );
    }
}

#[test]
fn a_text_id_behind_a_length_or_before_a_delimiter_may_have_any_length() {
    for (id, open, close) in [
        ("Str(U16)", b"\0\x0C".as_slice(), b"".as_slice()),
        ("Str(Varint, Uuid)", b"\x0C", b""),
        ("Str(Until(\"\\n\"), Decimal(9))", b"", b"\n"),
        ("Str(Zero)", b"", b"\0"),
    ] {
        let codec = layout(&described(
            &format!(r#"Length("l", U16, Rest), Id("id", {id}), Int("op", U8), Body("b")"#),
            r#"keys: ["op"], replies: (error: (status: Is(1), words: "b")),
               status: Of("op", [(0, Ok), (_, ApplicationError)])"#,
        ));
        let id = b"corr-id-0001";
        let tail = [open, id, close, b"\0body"].concat();
        let mut frame = vec![0, u8::try_from(tail.len()).unwrap()];
        frame.extend(&tail);
        let vector = |vector: weft_codec::proof::Vector| {
            let vector = vector.id(id).mended(0, 2);
            if open.is_empty() {
                vector
            } else {
                vector.mended(2, 2 + open.len())
            }
        };
        prove(
            &codec,
            vec![vector(request(&frame)), vector(answer(&frame))],
        );
        let wire = with_id(&codec, Side::Downstream, &frame, NewId::Wire(7));
        assert_eq!(head(&codec, Side::Downstream, &wire).id_value, 7);
        let noted = asked(&codec, Side::Downstream, &frame);
        let back = with_id(&codec, Side::Downstream, &wire, NewId::Callers(&noted));
        assert_eq!(back, frame);
    }
}

#[test]
fn a_longer_id_changes_every_length_around_it() {
    let codec = layout(&described(
        r#"Length("l", U16, Frame), Section("outer", Varint, [
               Int("flags", U8), Section("inner", U8, [Id("id", Str(U8)), Int("x", U8)]) ]),
           Int("op", U8), Body("b")"#,
        r#"keys: ["x", "op"]"#,
    ));
    let mut frame = b"\0\0\x77\x09\x74\x70".to_vec();
    let id = vec![b'i'; 0x70];
    frame.extend(&id);
    frame.extend([5, 6]);
    frame[2] = u8::try_from(1 + 1 + 1 + 0x70 + 1).unwrap();
    frame[4] = u8::try_from(1 + 0x70 + 1).unwrap();
    frame[1] = u8::try_from(frame.len()).unwrap();
    let found = head(&codec, Side::Downstream, &frame);
    assert_eq!((found.id.start, found.id.len), (6, 0x70));
    let short = with_id(&codec, Side::Downstream, &frame, NewId::Wire(1));
    assert_eq!(short, b"\0\x18\x14\x09\x12\x100000000000000001\x05\x06");
    let mut long = Asked::default();
    // The caller's id was longer: the outer length needs another byte.
    long.bytes.extend_from_slice(&[0, 0x7C]);
    long.bytes.extend_from_slice(&[b'z'; 0x7C]);
    let back = with_id(&codec, Side::Downstream, &short, NewId::Callers(&long));
    assert_eq!(&back[..7], &[0, 0x85, 0x80, 0x01, 9, 0x7E, 0x7C]);
    assert_eq!(back.len(), 0x85);
    assert_eq!(head(&codec, Side::Downstream, &back).id.len, 0x7C);
}

#[test]
fn an_id_in_a_trailer_is_patched_once_the_frame_is_there() {
    let codec = layout(&described(
        r#"Length("size", U16, Body), Int("op", U8), Body("b"), Id("id", U32), Checksum("sum", U8, Sum8, Before)"#,
        r#"method: "op""#,
    ));
    let mut frame = b"\0\x03\x09abc\0\0\0\x05".to_vec();
    frame.push(
        frame
            .iter()
            .fold(0, |sum: u8, byte| sum.wrapping_add(*byte)),
    );
    let vector = |vector: weft_codec::proof::Vector| vector.id(&[0, 0, 0, 5]).mended(10, 11);
    prove(
        &codec,
        vec![vector(request(&frame)), vector(answer(&frame))],
    );
}

#[test]
fn a_session_beside_the_id_is_echoed() {
    let codec = layout(&described(
        r#"Length("l", U8, Rest), Id("id", U16), Str("session", U8), Int("code", U8), Body("b")"#,
        r#"status: Of("code", [(0, Ok), (_, ApplicationError)]), keys: ["session"],
           replies: (error: (status: From(100), echo: ["session"], words: "b"))"#,
    ));
    let frame = b"\x09\0\x01\x03abc\0xy";
    let noted = asked(&codec, Side::Downstream, frame);
    let mut out = Vec::new();
    let what = weft_codec::Say::Error {
        error: weft_codec::ProxyError::NoInstance,
        words: "no",
        asked: &noted,
    };
    codec.say(&what, &mut out).unwrap();
    assert_eq!(out, b"\x09\0\x01\x03abc\x65no");
    prove(&codec, vec![request(frame).keys(&[("session", "abc")])]);
}

#[test]
fn ids_that_cannot_be_are_refused() {
    for (frame, rest, said) in [
        (r#"Id("id", Str(Fixed(9)))"#, "", "no length of its own"),
        (
            r#"Id("id", Str(Rest)), Length("l", U8, Frame)"#,
            "",
            "no length of its own",
        ),
        (
            r#"Section("s", Fixed(9), [Id("id", Varint)])"#,
            "",
            "cannot be patched",
        ),
        (
            r#"Int("n", Varint), Section("s", By("n"), [Id("id", Varint)])"#,
            "",
            "cannot be patched",
        ),
        (
            r#"Id("id", Hex(2))"#,
            "ids: (first: 1, last: 256)",
            "cannot be patched into 2 byte(s)",
        ),
        (
            r#"Id("id", Varint)"#,
            "ids: (first: 1, last: 128)",
            "different lengths on the wire",
        ),
        (r#"Id("a", U8), Id("b", U8)"#, "", "only one Id"),
    ] {
        let complaints = complaints(&described(frame, rest));
        assert!(complaints.contains(said), "{frame}\n{complaints}");
    }
}
