//! Protocols of characters: words of lines, numbers in digits, padded columns. And the TLV whose
//! types tell how their values are written.

use weft_codec::{Codec as _, Field, Kind, NewId, ProxyError, Say, Side, Value, Verdict};

use crate::frames::{
    Set as _, answer, asked, complaints, described, frame, head, key, layout, malformed, prove,
    request, with_id,
};

/// Lines whose last word may be missing, and whose ids are decimal.
const LINES: &str = r#"(name: "lines", state: Stateless,
    frame: [
        Requests([Str("verb", Until(" "))]), Answers([Str("code", Until(" "))]),
        Id("id", Str(Word("\r\n"), Digits(6))), Str("key", Word("\r\n")), Bytes("text", Until("\r\n")),
    ],
    keys: ["key", "text"], method: "verb",
    status: Of("code", [("200", Ok), ("007", Overload), (_, ApplicationError)]),
    replies: (error: (status: Is("500"), words: "text")))"#;

#[test]
fn a_word_ends_with_a_blank_or_with_its_line() {
    let codec = layout(LINES);
    prove(
        &codec,
        vec![
            request(b"GET 17 door\r\n").id(b"17").method("GET"),
            request(b"PUT 0 door open  now \r\n").id(b"0"),
            request(b"PUT 18 \r a\rb \r\n").id(b"18"),
            request(b"GET 999999 door \r\n").id(b"999999"),
            answer(b"200 17\r\n").id(b"17"),
            answer(b"418 x y\r\n")
                .id(b"x")
                .verdict(Verdict::ApplicationError),
        ],
    );
    for (line, word, text) in [
        ("GET 1 door\r\n", "door", ""),
        ("GET 1 door \r\n", "door", ""),
        ("GET 1 door open  now\r\n", "door", "open  now"),
        ("GET 1 do\ror\r\n", "do\ror", ""),
        ("GET 1\r\n", "", ""),
        ("GET 1  a\r\n", "", "a"),
    ] {
        let found = |name| key(&codec, Side::Downstream, line.as_bytes(), name);
        assert_eq!(
            found("key").as_deref().unwrap_or_default(),
            word,
            "{line:?}"
        );
        assert_eq!(
            found("text").as_deref().unwrap_or_default(),
            text,
            "{line:?}"
        );
    }
    let longer = with_id(
        &codec,
        Side::Downstream,
        b"GET 1 a\r\n",
        NewId::Wire(100_000),
    );
    assert_eq!(longer, b"GET 100000 a\r\n");
}

#[test]
fn a_status_in_digits_is_told_as_a_number_unless_zeros_stand_before_it() {
    let codec = layout(LINES);
    let status = |line: &[u8]| {
        let head = head(&codec, Side::Upstream, line);
        let status = codec.field(Side::Upstream, &head, line, Field::Status);
        match status.unwrap() {
            Value::Number(number) => Ok(number),
            Value::Bytes(text) => Err(text.into_owned()),
        }
    };
    assert_eq!(status(b"200 1\r\n"), Ok(200));
    assert_eq!(status(b"007 1\r\n"), Err(b"007".to_vec()));
    assert_eq!(status(b"OK 1\r\n"), Err(b"OK".to_vec()));
}

#[test]
fn a_word_is_refused_where_it_cannot_stand() {
    for (field, said) in [
        (r#"Str("a", Word(""))"#, "1 to 16 bytes"),
        (r#"Str("a", Word(" \n"))"#, "none of them a blank"),
        (
            r#"Id("a", Str(Word("\n "), Digits(3)))"#,
            "none of them a blank",
        ),
        (
            r#"Map("a", U8, Str(Word("\n")), Str(U8))"#,
            "only a Str, a Bytes or an Id",
        ),
        (
            r#"List("a", U8, [Str(Word("\n"))])"#,
            "only a Str, a Bytes or an Id",
        ),
        (
            r#"Section("a", Word("\n"), [Int("b", U8)])"#,
            "only a Str, a Bytes or an Id",
        ),
        (
            r#"Tlv("a", Word("\n"), U8, U8, { 1: Str("b") })"#,
            "only a Str, a Bytes or an Id",
        ),
    ] {
        let complaints = complaints(&described(
            &format!(r#"{field}, Str("end", Until("\n"))"#),
            "",
        ));
        assert!(complaints.contains(said), "{field}: {complaints}");
    }
}

/// Columns of characters behind a length in digits.
const COLUMNS: &str = r#"
    Length("size", Decimal(4), Rest), Id("ref", Decimal(6)), Str("code", Fixed(2)),
    Int("leg", Decimal(1)), Str("who", Padded(6, " ")), Str("nul", Padded(2)), Bytes("text", U8), Body("rest")"#;

#[test]
fn lengths_and_numbers_may_be_decimal_digits_and_columns_padded() {
    let codec = layout(&described(
        COLUMNS,
        r#"keys: ["who"], kinds: [When({ "leg": 0 }, Request), When({ "leg": 1 }, Answer)],
           status: Of("code", [("00", Ok), (_, ApplicationError)]),
           replies: (error: (status: Is("96"), echo: ["who"], words: "rest"))"#,
    ));
    let ask = b"0020A7X   00" as &[u8];
    let ask = [ask, b"0T9    \0\0\x01hi"].concat();
    prove(
        &codec,
        vec![request(&ask).id(b"A7X   ").keys(&[("who", "T9")])],
    );
    let asked = asked(&codec, Side::Downstream, &ask);
    let mut out = Vec::new();
    let what = Say::Error {
        error: ProxyError::Overload,
        words: "no",
        asked: &asked,
    };
    codec.say(&what, &mut out).unwrap();
    assert_eq!(out, b"0020A7X   961T9    \0\0\0no");
    for wrong in [b"00x2".as_slice(), b" 020", b"+020", b"-001"] {
        let complaint = malformed(&codec, Side::Downstream, &[wrong, &ask[4..]].concat());
        assert_eq!(complaint.at, 0, "{complaint}");
    }
}

#[test]
fn numbers_of_digits_and_padding_are_refused_where_they_say_nothing() {
    for (field, said) in [
        (r#"Int("a", Decimal(0))"#, "0 decimal digits"),
        (
            r#"Int("a", Decimal(19))"#,
            "write Decimal(1) to Decimal(18)",
        ),
        (r#"Bits("a", Decimal(2), { "b": 1 })"#, "write U8 to U64"),
        (r#"Checksum("a", Decimal(9), Crc32, Before)"#, "write U32"),
        (r#"Enum("a", Decimal(2), { 100: Request })"#, "100"),
        (r#"Str("a", Padded(4, "x"))"#, "filled up with blanks"),
        (
            r#"Proto("a", U8, { 1: Int("b", Decimal(4)) })"#,
            "protobuf has no integer",
        ),
    ] {
        let complaints = complaints(&described(field, ""));
        assert!(complaints.contains(said), "{field}: {complaints}");
    }
}

/// A header whose types tell in their lowest bit how values are written.
const TAGGED: &str = r#"Length("size", Varint, Rest), Int("kind", U8),
    Tlv("header", Varint, LowBit(Varint), Varint, {
        1: Id("id", Varint), 2: Str("method"), 6: Int("error", Varint), 7: Int("wide", U16),
    }), Body("body")"#;

#[test]
fn the_lowest_bit_of_a_type_may_tell_how_its_value_is_written() {
    let codec = layout(&described(
        TAGGED,
        r#"method: "method", keys: ["wide"],
           kinds: [When({ "kind": 1 }, Request), When({ "kind": 2 }, Answer), When({ "kind": 3 }, Ping)],
           status: Of("error", [(0, Ok), (4, Overload), (_, ApplicationError)]),
           replies: (error: (status: Is(99), words: "body"), ping: ())"#,
    ));
    prove(
        &codec,
        vec![
            request(b"\x12\x01\x0C\x02\xAC\x02\x05\x03get\x0F\x02\x01\x02body")
                .id(b"\xAC\x02")
                .method("get")
                .keys(&[("wide", "258")])
                .mended(0, 1)
                .mended(2, 3),
            // Unknown ones of both forms are passed over.
            frame(
                Side::Downstream,
                Kind::Ping,
                b"\x0B\x03\x09\xF0\x01\x05\x81\x01\x01z\x02\x07",
            )
            .id(b"\x07")
            .mended(0, 1)
            .mended(2, 3),
            answer(b"\x04\x02\x02\x02\x07")
                .id(b"\x07")
                .verdict(Verdict::Ok)
                .mended(0, 1)
                .mended(2, 3),
            answer(b"\x06\x02\x04\x02\x07\x0C\x05")
                .id(b"\x07")
                .verdict(Verdict::ApplicationError)
                .mended(0, 1)
                .mended(2, 3),
        ],
    );
    let small = r#"Tlv("a", U8, LowBit(U8), U8, { 128: Str("b") })"#;
    let complaints = complaints(&described(small, ""));
    assert!(
        complaints.contains("no entry has the type 128"),
        "{complaints}"
    );
}

#[test]
fn an_error_need_not_be_understood_behind_a_request_that_cannot_be() {
    let echoing = |kinds: &str| {
        described(
            r#"Length("size", U16, Rest), Bits("op", U8, { "answer": 7, "function": (0, 6) }),
               Id("id", U16), Int("status", U8), Body("b")"#,
            &format!(
                r#"kinds: [{kinds}], status: Of("status", [(0, Ok), (_, ApplicationError)]),
                   replies: (error: (status: Is(9), set: {{ "answer": 1 }}, echo: ["function"]))"#
            ),
        )
    };
    let _ = layout(&echoing(
        r#"When({ "answer": 0 }, Request), When({ "answer": 1, "function": 1..=4 }, Answer)"#,
    ));
    let _ = layout(&echoing(
        r#"When({ "answer": 0 }, Request), When({ "answer": 1, "function": 0 }, Pong), When({ "answer": 1 }, Answer)"#,
    ));
    let complaints = complaints(&echoing(
        r#"When({ "answer": 0 }, Request), When({ "answer": 1, "function": 0..=127 }, Pong), Otherwise(Answer)"#,
    ));
    assert!(complaints.contains("taken for Pong"), "{complaints}");
}
