//! Values of both dialects, the corners of each, and bytes that are no hessian.

use super::*;
use crate::{overwrite, put_text};

fn item(dialect: Dialect, bytes: &[u8]) -> Option<(Scalar<'_>, usize)> {
    let item = Reader::new(dialect, bytes, 0).item()?;
    assert_eq!(item.start, 0);
    Some((item.scalar, item.end))
}

/// The value's scalar; that all bytes are the value's, and that none of them may be missing.
fn whole(dialect: Dialect, bytes: &[u8]) -> Scalar<'_> {
    for end in 0..bytes.len() {
        assert_eq!(item(dialect, &bytes[..end]), None, "{bytes:02x?} to {end}");
    }
    let (scalar, end) = item(dialect, bytes).unwrap_or_else(|| panic!("{bytes:02x?}"));
    assert_eq!(end, bytes.len(), "{bytes:02x?}");
    scalar
}

#[test]
fn scalars_that_both_dialects_write_alike_are_read() {
    for dialect in [Dialect::Final, Dialect::Draft] {
        for (bytes, scalar) in [
            (&b"N"[..], Scalar::Null),
            (b"T", Scalar::Bool(true)),
            (b"F", Scalar::Bool(false)),
            (b"\x80", Scalar::Int(-16)),
            (b"\xbf", Scalar::Int(47)),
            (b"\xc0\x00", Scalar::Int(-2048)),
            (b"\xcf\xff", Scalar::Int(2047)),
            (b"\xd0\x00\x00", Scalar::Int(-262_144)),
            (b"\xd7\xff\xff", Scalar::Int(262_143)),
            (b"I\xff\xff\xff\xfe", Scalar::Int(-2)),
            (b"\xd8", Scalar::Int(-8)),
            (b"\xf7\x00", Scalar::Int(-256)),
            (b"\x3f\xff\xff", Scalar::Int(262_143)),
            (b"L\0\0\0\x01\0\0\0\0", Scalar::Int(1 << 32)),
            (b"D\0\0\0\0\0\0\0\0", Scalar::Other),
            (b"\x22ab", Scalar::Other),
            (b"\0", Scalar::Text(b"")),
            (b"\x05hello", Scalar::Text(b"hello")),
            (b"S\0\x02ab", Scalar::Text(b"ab")),
        ] {
            assert_eq!(whole(dialect, bytes), scalar, "{bytes:02x?}");
        }
    }
}

#[test]
fn a_text_is_counted_in_characters_of_one_to_four_bytes() {
    for text in ["aä€b", "\u{1f600}abc", "äääää"] {
        let count = u8::try_from(text.chars().count()).unwrap();
        let bytes = [&[count], text.as_bytes()].concat();
        assert_eq!(
            whole(Dialect::Final, &bytes),
            Scalar::Text(text.as_bytes()),
            "{text}"
        );
    }
    assert_eq!(item(Dialect::Final, b"\x01\x80"), None);
}

#[test]
fn a_text_in_pieces_is_walked_and_not_read() {
    assert_eq!(
        whole(Dialect::Final, b"R\0\x01aR\0\x01b\x01c"),
        Scalar::Other
    );
    assert_eq!(
        whole(Dialect::Draft, b"s\0\x01as\0\x01bS\0\x01c"),
        Scalar::Other
    );
    assert_eq!(whole(Dialect::Final, b"\x30\x03abc"), Scalar::Text(b"abc"));
}

#[test]
fn what_only_one_dialect_writes_is_walked_in_it() {
    use Dialect::{Draft, Final};
    for (dialect, bytes) in [
        (Final, &b"\x5b"[..]),
        (Final, b"\x5d\0"),
        (Final, b"\x5e\0\0"),
        (Final, b"\x5f\0\0\0\0"),
        (Final, b"\x4a\0\0\0\0\0\0\0\0"),
        (Final, b"\x4b\0\0\0\0"),
        (Final, b"\x51\x90"),
        (Final, b"A\0\x01a\x34\x01b"),
        (Final, b"\x55\x01xNNZ"),
        (Final, b"\x56\x01x\x92NN"),
        (Final, b"\x56\x90\x92NN"),
        (Final, b"\x57NNZ"),
        (Final, b"\x58\x92NN"),
        (Final, b"\x72\x01xNN"),
        (Final, b"\x7aNN"),
        (Final, b"M\x01x\x01kNZ"),
        (Final, b"HZ"),
        (Final, b"C\x01c\x92\x01a\x01b\x60NN"),
        (Final, b"C\x01c\x92\x01a\x01bO\x90NN"),
        (Draft, b"\x67"),
        (Draft, b"\x69\0"),
        (Draft, b"\x6a\0\0"),
        (Draft, b"\x6b\0\0\0\0"),
        (Draft, b"\x64\0\0\0\0\0\0\0\0"),
        (Draft, b"\x4a\0"),
        (Draft, b"\x4b\0\0"),
        (Draft, b"\x52\0\0\0\0"),
        (Draft, b"b\0\x01aB\0\x01b"),
        (Draft, b"Vt\0\x01xn\x02NNz"),
        (Draft, b"VT\x90n\x01Nz"),
        (Draft, b"Vl\0\0\0\x01Nz"),
        (Draft, b"v\x90\x92NN"),
        (Draft, b"Mt\0\x01x\x01kNz"),
        (Draft, b"M\x01kNz"),
        (Draft, b"O\x91c\x92\x01a\x01bo\x90NN"),
    ] {
        assert_eq!(whole(dialect, bytes), Scalar::Other, "{bytes:02x?}");
    }
    assert_eq!(whole(Final, b"\x59\0\0\x01\0"), Scalar::Int(256));
    assert_eq!(whole(Draft, b"\x77\0\0\x01\0"), Scalar::Int(256));
}

#[test]
fn values_may_be_nested_to_a_depth_and_no_deeper() {
    for (dialect, open, close) in [(Dialect::Final, b'W', b'Z'), (Dialect::Draft, b'V', b'z')] {
        let nested = |depth: usize| {
            let mut bytes = vec![open; depth];
            bytes.extend(vec![close; depth]);
            bytes
        };
        let deepest = DEPTH_MAX + 1;
        assert_eq!(whole(dialect, &nested(deepest)), Scalar::Other);
        assert_eq!(item(dialect, &nested(deepest + 1)), None);
        // A million levels cost no stack.
        assert_eq!(item(dialect, &nested(1_000_000)), None);
    }
    // Nor do a million types of types.
    assert_eq!(item(Dialect::Final, &vec![b'M'; 1_000_000]), None);
}

#[test]
fn a_claimed_length_is_believed_only_as_far_as_there_are_bytes() {
    assert_eq!(item(Dialect::Final, b"\x58I\x7f\xff\xff\xffNN"), None);
    assert_eq!(item(Dialect::Final, b"\x58I\xff\xff\xff\xff"), None);
    assert_eq!(item(Dialect::Final, b"C\x01cI\x7f\xff\xff\xff\x01a"), None);
    assert_eq!(item(Dialect::Draft, b"OI\x7f\xff\xff\xffabc"), None);
}

#[test]
fn more_classes_than_the_limit_are_refused() {
    let classes = |count: usize| {
        let mut bytes = b"C\x01c\x90".repeat(count);
        bytes.push(b'N');
        bytes
    };
    assert!(item(Dialect::Final, &classes(CLASSES_MAX)).is_some());
    assert_eq!(item(Dialect::Final, &classes(CLASSES_MAX + 1)), None);
    assert_eq!(item(Dialect::Final, b"\x60N"), None);
}

#[test]
fn a_map_gives_its_entries_in_order() {
    for (dialect, bytes) in [
        (Dialect::Final, &b"H\x01a\x91\x01b\x92Z\x01c"[..]),
        (Dialect::Final, b"M\x03map\x01a\x91\x01b\x92Z\x01c"),
        (Dialect::Draft, b"Mt\0\x03map\x01a\x91\x01b\x92z\x01c"),
        (Dialect::Draft, b"H\x01a\x91\x01b\x92z\x01c"),
    ] {
        let mut entries = Vec::new();
        let mut reader = Reader::new(dialect, bytes, 0);
        let read = reader.map(|key, value| {
            entries.push((key.text().unwrap(), value.scalar));
            true
        });
        assert_eq!(read, Some(()));
        assert_eq!(
            entries,
            [(&b"a"[..], Scalar::Int(1)), (b"b", Scalar::Int(2))]
        );
        assert_eq!(reader.item().unwrap().text(), Some(&b"c"[..]));
    }
    assert_eq!(Reader::new(Dialect::Final, b"N", 0).map(|_, _| true), None);
}

#[test]
fn an_object_gives_its_fields_by_name_and_its_class() {
    for (dialect, bytes) in [
        (
            Dialect::Final,
            &b"C\x05Thing\x92\x01a\x01b\x60\x91\x78\x01x"[..],
        ),
        (Dialect::Draft, b"O\x95Thing\x92\x01a\x01bo\x90\x91Vz\x01x"),
    ] {
        let mut fields = Vec::new();
        let mut reader = Reader::new(dialect, bytes, 0);
        let class = reader.object(|name, value| {
            fields.push((name, value.scalar));
            true
        });
        assert_eq!(class, Some(&b"Thing"[..]));
        assert_eq!(fields, [(&b"a"[..], Scalar::Int(1)), (b"b", Scalar::Other)]);
        assert_eq!(reader.item().unwrap().text(), Some(&b"x"[..]));
    }
}

#[test]
fn an_object_of_another_class_than_the_one_before_it_is_not_taken_for_it() {
    let bytes = b"C\x01a\x90\x61N";
    assert_eq!(
        Reader::new(Dialect::Final, bytes, 0).object(|_, _| true),
        None
    );
}

#[test]
fn every_text_that_is_written_is_read_back() {
    for dialect in [Dialect::Final, Dialect::Draft] {
        for text in [
            String::new(),
            "words".to_owned(),
            "ä€".repeat(20),
            "x".repeat(31),
            "x".repeat(32),
            "x".repeat(1023),
            "x".repeat(1024),
        ] {
            let mut bytes = Vec::new();
            put_text(dialect, &text, &mut bytes);
            assert_eq!(whole(dialect, &bytes), Scalar::Text(text.as_bytes()));
        }
    }
    let mut bytes = Vec::new();
    put_text(Dialect::Final, "\u{1f600}!", &mut bytes);
    assert_eq!(bytes, b"\x02?!");
    bytes.clear();
    put_text(Dialect::Final, &"y".repeat(100_000), &mut bytes);
    assert_eq!(bytes.len(), 3 + crate::TEXT_CHARS_MAX);
}

#[test]
fn a_number_is_written_over_in_as_many_bytes() {
    for (before, value, after) in [
        (&b"\xa0"[..], 5, Some(&b"\x95"[..])),
        (b"\xa0", 300, None),
        (b"\xcf\xff", 5, Some(b"\xc8\x05")),
        (b"\xd4\x27\x10", 37, Some(b"\xd4\0\x25")),
        (b"\xd4\x27\x10", 262_144, None),
        (b"I\0\x01\0\0", 70_000, Some(b"I\0\x01\x11\x70")),
        (b"L\0\0\0\0\0\0\0\x07", 6, Some(b"L\0\0\0\0\0\0\0\x06")),
        (b"\xe9", 5, Some(b"\xe5")),
        (b"\xf8\xff", 5, Some(b"\xf8\x05")),
        (b"\x3c\xff\xff", 258, Some(b"\x3c\x01\x02")),
        (b"\x59\0\x01\0\0", 2, Some(b"\x59\0\0\0\x02")),
        (b"\x0510000", 37, Some(b"\x0500037")),
        (b"\x0510000", 0, Some(b"\x0500000")),
        (b"\x0510000", 99_999, Some(b"\x0599999")),
        (b"\x0510000", 100_000, None),
        (b"\x00", 1, None),
        (b"N", 1, None),
    ] {
        let mut bytes = before.to_vec();
        let Some(item) = Reader::new(Dialect::Final, before, 0).item() else {
            panic!("{before:02x?}");
        };
        assert_eq!(item.end, before.len());
        let done = overwrite(&item, value, &mut bytes);
        assert_eq!(done, after.is_some(), "{before:02x?} {value}");
        assert_eq!(bytes, after.unwrap_or(before), "{before:02x?} {value}");
        if done {
            let read = whole(Dialect::Final, &bytes);
            match read {
                Scalar::Int(read) => assert_eq!(read, i64::from(value)),
                _ => assert!(read != Scalar::Other),
            }
        }
    }
}

#[test]
fn random_bytes_are_walked_without_a_panic_and_never_past_their_end() {
    let mut rng = fastrand::Rng::with_seed(7);
    let tags = b"NTFIJKLDABCHMORSVWXZobdlnstuvz\x78\x60\x01\x91\x90\x55\x56\x58";
    let mut walked = 0u32;
    for _ in 0..200_000 {
        let bytes: Vec<u8> = (0..rng.usize(..40))
            .map(|_| match rng.u8(..4) {
                0 => rng.u8(..),
                _ => tags[rng.usize(..tags.len())],
            })
            .collect();
        for dialect in [Dialect::Final, Dialect::Draft] {
            let mut reader = Reader::new(dialect, &bytes, 0);
            while let Some(item) = reader.item() {
                assert!(item.start < item.end && item.end <= bytes.len());
                walked += 1;
            }
            let _ = Reader::new(dialect, &bytes, 0).map(|_, _| true);
            let _ = Reader::new(dialect, &bytes, 0).object(|_, _| true);
        }
    }
    assert!(walked > 100_000, "{walked} values were walked");
}
