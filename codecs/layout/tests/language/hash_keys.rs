//! Fields by whose values instances are chosen.

use weft_codec::{Balance, Codec as _};

use crate::frames::{answer, complaints, described, layout, prove, request};

const TWO_KEYS: &str = r#"Length("l", U8, Rest), Id("id", U8), Int("shard", U16),
    Tlv("more", U8, U8, U8, { 1: Str("from"), 2: Str("to") }), Body("b")"#;

#[test]
fn requests_are_spread_by_the_keys_that_they_have() {
    let codec = layout(&described(TWO_KEYS, r#"hash_keys: ["from", "to"]"#));
    assert_eq!(codec.traits().balance, Balance::RingHash);
    let keyed = |bytes: &[u8], keys: &[&str]| {
        let mut vector = request(bytes);
        vector.hash_keys = Some(keys.iter().map(|key| (*key).to_owned()).collect());
        vector
    };
    prove(
        &codec,
        vec![
            keyed(b"\x04\x01\0\x05\0", &[]),
            keyed(b"\x08\x01\0\x05\x04\x02\x02ab", &["ab"]),
            // In the order of the description, not of the frame.
            keyed(b"\x0C\x01\0\x05\x07\x02\x01b\x01\x02acx", &["ac", "b"]),
            answer(b"\x04\x01\0\0\0"),
        ],
    );
    let numbers = layout(&described(TWO_KEYS, r#"hash_keys: ["shard"]"#));
    prove(&numbers, vec![keyed(b"\x04\x01\x01\x05\0", &["261"])]);
    let none = layout(&described(TWO_KEYS, ""));
    assert_eq!(none.traits().balance, Balance::PeakEwma);
    prove(&none, vec![keyed(b"\x04\x01\x01\x05\0", &[])]);
}

#[test]
fn hash_keys_that_cannot_be_are_refused() {
    for (keys, said) in [
        (r#"["nobody"]"#, "no field `nobody`"),
        (r#"["from", "from"]"#, "named twice"),
        (r#"["id"]"#, "is the Id"),
        (r#"["more"]"#, "is a Tlv"),
    ] {
        let complaints = complaints(&described(TWO_KEYS, &format!("hash_keys: {keys}")));
        assert!(complaints.contains(said), "{keys}\n{complaints}");
    }
    let many: Vec<String> = (0..9).map(|n| format!("Int(\"k{n}\", U8)")).collect();
    let keys: Vec<String> = (0..9).map(|n| format!("\"k{n}\"")).collect();
    let complaints = complaints(&described(
        &format!("Id(\"id\", U8), {}", many.join(", ")),
        &format!("hash_keys: [{}]", keys.join(", ")),
    ));
    assert!(complaints.contains("more than 8 keys"), "{complaints}");
}
