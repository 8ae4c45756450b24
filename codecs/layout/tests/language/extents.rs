//! How far texts and bodies reach.

use weft_codec::proof::linear_work;
use weft_codec::{Codec as _, Cut, Field, Limits, ScanState, Side, Value};

use crate::frames::{
    Set as _, answer, complaints, described, head, key, layout, malformed, prove, request,
};

#[test]
fn texts_end_by_length_delimiter_padding_or_an_earlier_field() {
    let codec = layout(&described(
        r#"Length("size", U16, Rest), Int("note_len", U8), Id("id", U8),
           Str("zero", Zero), Str("line", Until("\r\n")), Str("padded", Padded(6)),
           Bytes("fixed", Fixed(2)), Str("nullable", I16), Str("compact", Plus(Varint, 1)),
           Str("note", By("note_len", -1)), Body("body")"#,
        r#"keys: ["zero", "line", "padded", "fixed", "nullable", "compact", "note"]"#,
    ));
    let tail = b"\x01\x07z\0l\rx\r\nab \0 \0ff\0\x02nn\x03cccn2body";
    let mut full = vec![0, u8::try_from(tail.len()).unwrap()];
    full.extend(tail);
    // compact 3 means two bytes.
    let all = [
        ("zero", "z"),
        ("line", "l\rx"),
        ("padded", "ab"),
        ("fixed", "ff"),
        ("nullable", "nn"),
        ("compact", "cc"),
    ];
    assert_eq!(
        key(&codec, Side::Downstream, &full, "note").as_deref(),
        Some("cn")
    );
    prove(&codec, vec![request(&full).keys(&all)]);
    let none = b"\0\x11\0\x07\0\r\n\0\0\0\0\0\0ff\xFF\xFF\0b";
    assert_eq!(
        key(&codec, Side::Upstream, none, "nullable").as_deref(),
        Some("")
    );
    prove(
        &codec,
        vec![answer(none).keys(&[("compact", ""), ("padded", ""), ("note", "b")])],
    );
}

#[test]
fn several_lengths_sum_up_to_a_frame() {
    // SOFABolt's way: three lengths in the header, then the parts.
    let codec = layout(&described(
        r#"Id("id", U32), Int("class_len", U16), Int("header_len", U16), Int("content_len", U32),
           Str("class", By("class_len")),
           Map("header", Within(By("header_len")), Str(I32), Str(I32)),
           Body("content", By("content_len"))"#,
        r#"keys: ["class", "header.*"]"#,
    ));
    let mut bytes = b"\0\0\0\x01\0\x03\0\x10\0\0\0\x05Cls".to_vec();
    bytes.extend(b"\0\0\0\x01k\0\0\0\x03abc\xFF\xFF\xFF\xFF");
    bytes.extend(b"hello");
    let two = [("class", "Cls"), ("header.k", "abc")];
    prove(
        &codec,
        vec![
            request(&bytes).keys(&two),
            answer(b"\0\0\0\x01\0\0\0\0\0\0\0\0"),
        ],
    );
    let mut large = b"\0\0\0\x01\0\x03\0\0\0\x02\0\0Cls".to_vec();
    large.resize(15 + 0x2_0000, 0);
    let limits = Limits::default();
    let mut heads = Vec::new();
    let mut state = ScanState::default();
    codec
        .scan(
            Side::Downstream,
            &limits,
            &mut state,
            &large[..20],
            &mut heads,
        )
        .unwrap();
    assert_eq!(heads.len(), 1, "it is cut through behind its head");
    assert_eq!(heads[0].head_bytes, 15);
    assert_eq!(heads[0].frame_bytes as usize, large.len());
    assert_eq!(heads[0].cut, Cut::Cuttable);
}

#[test]
fn a_delimiter_alone_frames_a_protocol_of_lines() {
    let codec = layout(
        r#"(name: "lines", state: Stateless, correlation: InOrder,
            frame: [Str("verb", Until(" ")), Str("rest", Until("\r\n"))],
            method: "verb", keys: ["rest"])"#,
    );
    prove(
        &codec,
        vec![
            request(b"GET a b\r\n")
                .method("GET")
                .keys(&[("rest", "a b")]),
            answer(b"OK \r\n"),
        ],
    );
    linear_work(&codec, Side::Downstream, &big_heads(), |bytes| {
        let mut line = b"SET ".to_vec();
        line.resize(bytes, b'\r');
        line.extend(b"\r\n");
        line
    })
    .unwrap();
}

#[test]
fn pairs_up_to_delimiters_take_work_linear_in_their_bytes() {
    let codec = layout(&described(
        r#"Id("id", U8), Int("n", U16), Map("m", Count("n"), Str(Until("=")), Str(Until("\n")))"#,
        r#"keys: ["m.*"]"#,
    ));
    prove(
        &codec,
        vec![request(b"\x01\0\x02a=b\nlonger=\n").keys(&[("m.a", "b"), ("m.longer", "")])],
    );
    for (entry, count) in [(4, 1), (1, 3)] {
        linear_work(&codec, Side::Downstream, &big_heads(), |bytes| {
            let count = bytes / 16 / entry * count;
            let mut frame = vec![1];
            frame.extend(u16::try_from(count).unwrap().to_be_bytes());
            for _ in 0..count {
                frame.extend(vec![b'k'; 8 * entry / 2]);
                frame.extend(b"=");
                frame.extend(vec![b'v'; 8 * entry / 2]);
                frame.extend(b"\n");
            }
            frame
        })
        .unwrap();
    }
}

/// Limits with room for large heads.
fn big_heads() -> Limits {
    Limits {
        head_bytes_max: 1 << 20,
        cut_through_bytes: 1 << 20,
        ..Limits::default()
    }
}

#[test]
fn a_rest_that_is_a_text_is_read_whole() {
    let codec = layout(&described(
        r#"Length("size", U16, Rest), Id("id", U8), Str("all", Rest)"#,
        r#"method: "all""#,
    ));
    prove(&codec, vec![request(b"\0\x04\x01abc").method("abc")]);
    assert_eq!(
        head(&codec, Side::Downstream, b"\0\x02\x01x").cut,
        Cut::Whole
    );
}

#[test]
fn a_section_bounds_what_stands_in_it_and_hides_what_is_left() {
    let codec = layout(&described(
        r#"Length("size", U16, Rest), Id("id", U8),
           Section("header", U8, [Str("verb", U8), Int("flags", U8)]), Int("code", U8), Body("b")"#,
        r#"method: "verb", keys: ["flags", "code"]"#,
    ));
    prove(
        &codec,
        vec![
            request(b"\0\x0C\x01\x06\x03get\x09+\x05body"[..14].as_ref())
                .method("get")
                .keys(&[("flags", "9"), ("code", "5")]),
        ],
    );
    // The text would reach past its section.
    let complaint = malformed(&codec, Side::Downstream, b"\0\x08\x01\x03\x03get\x05b");
    assert_eq!(complaint.at, 4, "{complaint}");
}

#[test]
fn a_list_is_passed_and_bounded_by_its_bytes() {
    let codec = layout(&described(
        r#"Int("n", U16), List("pairs", Count("n"), [Int(Varint), Str(U8)]), Id("id", U8)"#,
        "",
    ));
    prove(
        &codec,
        vec![
            request(b"\0\x02\x05\x01a\x80\x01\x02bc\x07").id(b"\x07"),
            answer(b"\0\0\x07").id(b"\x07"),
        ],
    );
    let limits = big_heads();
    linear_work(&codec, Side::Downstream, &limits, |bytes| {
        let count = bytes / 8;
        let mut frame = u16::try_from(count).unwrap().to_be_bytes().to_vec();
        frame.extend(b"\x80\x01\x05hello".repeat(count));
        frame.push(1);
        frame
    })
    .unwrap();
}

#[test]
fn a_number_in_decimal_digits_is_a_deadline() {
    let codec = layout(&described(
        r#"Length("l", U8, Rest), Id("id", U8),
           Map("meta", U8, Str(U8), Str(U8), { "timeout": Decimal("timeout") }), Body("b")"#,
        r#"deadline: Seconds("timeout"), keys: ["timeout"]"#,
    ));
    let bytes = b"\x0D\x01\x01\x07timeout\x0230";
    let found = head(&codec, Side::Downstream, bytes);
    let left = codec.field(Side::Downstream, &found, bytes, Field::DeadlineMs);
    assert_eq!(left, Some(Value::Number(30_000)));
    let mut out = Vec::new();
    let rewrite = weft_codec::Rewrite {
        id: weft_codec::NewId::Wire(9),
        deadline_ms: Some(4_200),
    };
    codec
        .emit(Side::Downstream, &found, bytes, &rewrite, &mut out)
        .unwrap();
    assert_eq!(out, b"\x0D\x09\x01\x07timeout\x0205");
    prove(&codec, vec![request(bytes).keys(&[("timeout", "30")])]);
}

#[test]
fn extents_that_cannot_be_are_refused() {
    for (frame, said) in [
        (r#"Id("id", U8), Str("a", Until(""))"#, "ends with 0 bytes"),
        (
            r#"Id("id", U8), Str("a", By("n"))"#,
            "no field `n` stands before",
        ),
        (
            r#"Id("id", U8), Str("a", By("n")), Int("n", U8)"#,
            "no field `n` stands before",
        ),
        (r#"Id("id", U8), Str("a", Padded(0))"#, "0 bytes"),
        (r#"Id("id", U8), Str("a", Plus(U8, 99))"#, "99 bytes more"),
        (r#"Id("id", U8), Str("a", Rest)"#, "no bound"),
        (
            r#"Id("id", U8), Map("m", U8, Str(Rest), Str(U8))"#,
            "length or an end of its own",
        ),
        (r#"Id("id", U8), List("m", U8, [])"#, "no bound"),
        (
            r#"Id("id", U8), List("m", U8, [Id("x", U8)])"#,
            "unknown word `Id`",
        ),
        (
            r#"Id("id", U8), Section("s", Rest, [])"#,
            "length of its own",
        ),
        (
            r#"Id("id", U8), Tlv("t", Until("x"), U8, U8, {})"#,
            "the bytes that would end it",
        ),
        (r#"Id("id", U8), Body("b", Zero)"#, "in pieces"),
        (
            r#"Id("id", U8), Section("s", U8, [Body("b")])"#,
            "stands in a section",
        ),
        (
            r#"Id("id", U8), Section("s", U8, [Length("l", U8, Rest)])"#,
            "stands in a section",
        ),
        (
            r#"Id("id", U8), Length("l", Varint, Frame), Body("b")"#,
            "counts itself",
        ),
        (
            r#"Id("id", U8), Str("n", U8), Str("a", By("n"))"#,
            "an earlier Int is needed",
        ),
    ] {
        let complaints = complaints(&described(frame, ""));
        assert!(complaints.contains(said), "{frame}\n{complaints}");
        assert!(
            complaints.contains("help:") || complaints.contains("expected"),
            "{complaints}"
        );
    }
}
