//! Checksums: verified, and mended with the id.

use weft_codec::{Codec as _, Cut, Head, NewId, Rewrite, Side, Span};
use weft_layout::Layout;

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
fn a_frame_that_ends_in_its_checksum_is_cut_and_mended_as_it_passes() {
    for (algorithm, number, bytes) in [
        ("Sum8", "U8", 1),
        ("Xor8", "U8", 1),
        ("Crc16Modbus", "U16Le", 2),
        ("Crc16CcittFalse", "U16", 2),
        ("Adler32", "U32", 4),
        ("Crc32", "U32Le", 4),
        ("Crc32c", "U64", 8),
        ("Sum32", "U32", 4),
    ] {
        let codec = layout(&described(
            &format!(
                r#"Length("l", U16, Rest), Id("id", U32), Body("b"),
                   Checksum("sum", {number}, {algorithm}, Before)"#
            ),
            "replies: ()",
        ));
        let body = "long enough to be cut anywhere, ".repeat(8);
        let frame = summed(&codec, body.as_bytes(), bytes);
        let (sum, end) = (frame.len() - bytes, frame.len());
        let vectors = vec![request(&frame), answer(&frame)];
        let report = prove(
            &codec,
            vectors
                .into_iter()
                .map(|vector| vector.mended(sum, end))
                .collect(),
        );
        assert!(report.tails > 0, "{algorithm}");
        assert_eq!(head(&codec, Side::Upstream, &frame).cut, Cut::ChecksumTail);
    }
}

/// A frame of that description, its checksum of so many bytes filled in by the codec.
fn summed(codec: &Layout, body: &[u8], sum_bytes: usize) -> Vec<u8> {
    let counted = u16::try_from(4 + body.len() + sum_bytes).unwrap();
    let mut blank = counted.to_be_bytes().to_vec();
    blank.extend([0; 4]);
    blank.extend_from_slice(body);
    blank.extend(vec![0; sum_bytes]);
    let bytes = u32::try_from(blank.len()).unwrap();
    let head = Head {
        frame_bytes: bytes,
        head_bytes: bytes,
        id: Span::new(2, 4),
        ..Head::default()
    };
    let rewrite = Rewrite {
        id: NewId::Wire(0x0102_0304),
        deadline_ms: None,
    };
    let mut frame = Vec::new();
    codec
        .emit(Side::Downstream, &head, &blank, &rewrite, &mut frame)
        .unwrap();
    frame
}

#[test]
fn a_checksum_that_does_not_end_the_frame_keeps_it_whole() {
    // One byte long, over nothing but zeros: right in every frame of zeros.
    for (fields, bytes) in [
        (
            r#"Body("b"), Checksum("sum", U8, Xor8, Fields("b", "b")), Int("end", U8)"#,
            2,
        ),
        (
            r#"Body("b"), Checksum("sum", U8, Xor8, Fields("b", "b"))"#,
            1,
        ),
        (r#"Checksum("sum", U8, Xor8, Behind), Body("b")"#, 1),
        (
            r#"Checksum("one", U8, Xor8, Behind), Body("b"), Checksum("two", U8, Xor8, Fields("b", "b"))"#,
            2,
        ),
    ] {
        let codec = layout(&described(
            &format!(r#"Length("l", U8, Rest), Id("id", U8), {fields}"#),
            "replies: ()",
        ));
        let mut frame = vec![0; 2 + bytes];
        frame[0] = 1 + u8::try_from(bytes).unwrap();
        assert_eq!(
            head(&codec, Side::Upstream, &frame).cut,
            Cut::Whole,
            "{fields}"
        );
    }
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
