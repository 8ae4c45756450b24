//! Checksums: verified, and mended with the id.

use weft_codec::{Codec as _, Cut, Side};

use crate::frames::{
    Set as _, answer, complaints, described, head, layout, malformed, prove, request,
};

#[test]
fn a_checksum_covers_what_the_description_says() {
    // The sums were computed by hand: bytes added up, or joined by exclusive or.
    for (over, sum) in [
        ("Before", 5 + 7 + 1 + b'a'),
        ("Behind", b'b'),
        ("Fields(\"id\", \"v\")", 7 + 1 + b'a'),
        ("Fields(\"b\", \"b\")", b'b'),
    ] {
        let codec = layout(&described(
            &format!(
                r#"Length("l", U8, Rest), Id("id", U8), Str("v", U8),
                   Checksum("sum", U8, Sum8, {over}), Body("b")"#
            ),
            r#"keys: ["v"]"#,
        ));
        let mut frame = b"\x05\x07\x01a\0b".to_vec();
        frame[4] = sum;
        prove(
            &codec,
            vec![request(&frame).mended(4, 5), answer(&frame).mended(4, 5)],
        );
        frame[4] ^= 1;
        let complaint = malformed(&codec, Side::Downstream, &frame);
        assert_eq!(complaint.at, 4, "{over}: {complaint}");
    }
}

#[test]
fn a_checksum_over_the_frame_counts_itself_as_zeros() {
    let codec = layout(&described(
        r#"Checksum("crc", U16Le, Crc16Modbus, Frame), Length("l", U8, Rest), Id("id", U16), Body("b")"#,
        "replies: ()",
    ));
    let mut frame = b"\0\0\x04\0\x01xy".to_vec();
    let crc = crc::Crc::<u16>::new(&crc::CRC_16_MODBUS).checksum(&frame);
    frame[..2].copy_from_slice(&crc.to_le_bytes());
    prove(
        &codec,
        vec![request(&frame).mended(0, 2), answer(&frame).mended(0, 2)],
    );
    assert_eq!(head(&codec, Side::Downstream, &frame).cut, Cut::Whole);
    assert_eq!(codec.traits().frame_bytes_min, 5);
}

#[test]
fn checksums_that_cannot_be_are_refused() {
    for (frame, said) in [
        (
            r#"Id("id", U8), Checksum("c", U16, Crc32, Before)"#,
            "Crc32 needs 4 bytes",
        ),
        (
            r#"Id("id", U8), Checksum("c", Varint, Sum8, Before)"#,
            "Sum8 needs 1 bytes",
        ),
        (
            r#"Id("id", U8), Checksum("c", U8, Sum8, Fields("id", "x"))"#,
            "no field `x`",
        ),
        (
            r#"Id("id", U8), Checksum("c", U8, Sum8, Fields("id", "y")), Int("y", U8)"#,
            "among the fields",
        ),
    ] {
        let complaints = complaints(&described(frame, ""));
        assert!(complaints.contains(said), "{frame}\n{complaints}");
    }
}
