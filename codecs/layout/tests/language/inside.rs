//! Fields in the body: a status that servers put where nobody else looks.

use weft_codec::{Codec as _, Cut, Limits, ProxyError, Say, ScanState, Side, Verdict};

use crate::frames::{
    Set as _, answer, asked, complaints, described, head, key, layout, prove, request,
};

const CODED: &str = r#"Length("size", U32, Body), Id("id", U16),
    Body("payload", Rest, { 0: Bytes("begins", 2), 4: Int("code", U16) })"#;

#[test]
fn a_status_stands_at_an_offset_of_the_body() {
    let codec = layout(&described(
        CODED,
        r#"keys: ["code"], status: Of("code", [(0, Ok), (9, Overload), (_, ApplicationError)]),
           replies: (error: (status: From(900), set: { "begins": "E!" }, words: "payload"))"#,
    ));
    let good = b"\0\0\0\x07\0\x01ok--\0\0x";
    prove(
        &codec,
        vec![
            request(b"\0\0\0\x02\0\x01hi"),
            answer(good).verdict(Verdict::Ok).keys(&[("code", "0")]),
            answer(b"\0\0\0\x06\0\x01ok--\0\x09").verdict(Verdict::Overload),
            answer(b"\0\0\0\x06\0\x01ok--\x01\0").verdict(Verdict::ApplicationError),
            // A body that ends before has no status.
            answer(b"\0\0\0\x05\0\x01ok--\0").verdict(Verdict::Ok),
            answer(b"\0\0\0\0\0\x01").verdict(Verdict::Ok),
        ],
    );
    assert_eq!(
        key(&codec, Side::Upstream, b"\0\0\0\x05\0\x01ok--\0", "code"),
        None
    );
    let noted = asked(&codec, Side::Downstream, b"\0\0\0\x02\0\x01hi");
    let mut out = Vec::new();
    let what = Say::Error {
        error: ProxyError::NoInstance,
        words: "why",
        asked: &noted,
    };
    codec.say(&what, &mut out).unwrap();
    assert_eq!(out, b"\0\0\0\x09\0\x01E!\0\0\x03\x85why");
}

#[test]
fn answers_are_told_by_the_first_bytes_of_their_bodies() {
    let codec = layout(&described(
        r#"Length("size", U16, Rest), Id("id", U8), Body("payload", U8, { 0: Str("begins", 3) }), Int("end", U8)"#,
        r#"verdicts: [When({ "begins": "ERR" }, ApplicationError), When({ "begins": "BSY" }, Overload), Otherwise(Ok)],
           replies: (error: (set: { "begins": "ERR" }, words: "payload"))"#,
    ));
    prove(
        &codec,
        vec![
            request(b"\0\x05\x01\x02hi\xFF"),
            answer(b"\0\x07\x01\x04ERR \xFF").verdict(Verdict::ApplicationError),
            answer(b"\0\x06\x01\x03BSY\xFF").verdict(Verdict::Overload),
            // What stands behind the body is none of it.
            answer(b"\0\x05\x01\x02ERR").verdict(Verdict::Ok),
        ],
    );
}

#[test]
fn a_large_answer_passes_in_pieces_once_its_status_is_there() {
    let codec = layout(&described(
        CODED,
        r#"status: Of("code", [(0, Ok), (9, Overload), (_, ApplicationError)])"#,
    ));
    let mut large = b"\0\0\x10\0\0\x01ok--\0\x09".to_vec();
    large.resize(4096 + 6, b'x');
    let limits = Limits {
        cut_through_bytes: 1_000,
        ..Limits::default()
    };
    let scan = |bytes: &[u8]| {
        let mut heads = Vec::new();
        let state = &mut ScanState::default();
        codec
            .scan(Side::Upstream, &limits, state, bytes, &mut heads)
            .unwrap();
        heads
    };
    assert_eq!(scan(&large[..11]), []);
    let cut = scan(&large[..12])[0];
    assert_eq!((cut.head_bytes, cut.cut), (12, Cut::Cuttable));
    assert_eq!(codec.classify(&cut, &large[..12]), Verdict::Overload);
    assert_eq!(head(&codec, Side::Upstream, &large).head_bytes, 4102);
}

#[test]
fn fields_that_cannot_stand_in_a_body_are_refused() {
    let with = |inside: &str, more: &str| {
        let frame = format!(
            r#"Length("size", U32, Rest), Id("id", U16), Body("b", Rest, {{ {inside} }}) {more}"#
        );
        complaints(&described(&frame, ""))
    };
    for (inside, more, said) in [
        (r#"0: Int("code", Varint)"#, "", "has no fixed length"),
        (r#"0: Bytes("code", 0)"#, "", "has no fixed length"),
        (r#"4095: Int("code", U16)"#, "", "too far behind"),
        (r#"0: Int("id", U16)"#, "", "two fields are named `id`"),
        (
            r#"0: Int("code", U16)"#,
            r#", If({ "code": 1 }, [Int("end", U8)])"#,
            "in the body and cannot say which fields follow",
        ),
    ] {
        let complaints = with(inside, more);
        assert!(complaints.contains(said), "{inside}\n{complaints}");
    }
}
