//! What people are told of a frame: every field by its name.

use weft_codec::{Codec as _, Parts, Side};
use weft_layout::Layout;

use crate::frames::{described, head, layout};

/// The parts as lines: depth as blanks, name, span, value.
fn told(codec: &Layout, frame: &[u8], is_whole: bool) -> Vec<String> {
    let head = is_whole.then(|| head(codec, Side::Downstream, frame));
    let mut parts = Parts::default();
    codec.parts(Side::Downstream, head.as_ref(), frame, &mut parts);
    let lines = parts.list().iter().map(|part| {
        let blanks = "  ".repeat(part.depth.into());
        let (start, end) = (part.span.start, part.span.end());
        format!("{blanks}{} {start}..{end} {}", part.name, part.value)
    });
    lines.collect()
}

fn sample() -> Layout {
    layout(&described(
        r#"Magic("MX"), Bits("flags", U8, { "zipped": 0, "level": (4, 6) }), Length("l", U8, Rest),
           Enum("kind", U8, { 3: Request, 4: Answer }), Int("left", I16), Id("id", Str(U8, Digits(6))),
           Section("more", U8, [Str("verb", U8), If({ "level": 2 }, [Int("extra", U8)])]),
           Tlv("options", U8, U8, U8, { 5: Str("zone"), 6: Int("hops", U16) }),
           Body("b"), Checksum("sum", U8, Xor8, Before)"#,
        r#"method: "verb", names: { "left": { -1: "for ever" } }"#,
    ))
}

/// A frame of it, without its checksum.
const FRAME: &[u8] = b"MX\x20\x1b\x03\xff\xff\x0242\x06\x03get\x07!\x07\x05\x01z\x06\x02\x01\x02";

fn frame(body: &[u8]) -> Vec<u8> {
    let mut frame = [FRAME, body].concat();
    frame[3] = u8::try_from(frame.len() + 1 - 4).unwrap();
    let sum = frame.iter().fold(0, |sum, byte| sum ^ byte);
    frame.push(sum);
    frame
}

#[test]
fn every_field_is_named_with_its_place_and_value() {
    let frame = frame(b"rest");
    let sum = frame[frame.len() - 1];
    let expected = [
        "constant 0..2 \"MX\"",
        "flags 2..3 32",
        "  zipped 2..2 0",
        "  level 2..2 2",
        &format!("l 3..4 {}", frame[3]),
        "kind 4..5 3 (request)",
        "left 5..7 -1 (for ever)",
        "id 7..10 \"42\"",
        "  its bytes 8..10 ",
        "more 10..17 ",
        "  bytes 10..11 ",
        "  verb 11..15 \"get\"",
        "  extra 15..16 7",
        "  bytes 16..17 ",
        "options 17..25 ",
        "  zone 18..21 \"z\"",
        "  hops 21..25 258",
        "b 25..29 ",
        &format!("sum 29..30 {sum:#x} (right)"),
    ];
    assert_eq!(told(&sample(), &frame, true), expected);
}

#[test]
fn of_a_broken_frame_the_field_that_failed_is_the_last() {
    let whole = frame(b"rest");
    let last = |frame: &[u8]| told(&sample(), frame, false).pop().unwrap();
    assert_eq!(last(&whole[..6]), "left 5..6 is not all there");
    assert_eq!(last(&whole[..9]), "id 7..9 is not all there");
    assert_eq!(last(&whole[..20]), "options 17..20 is not all there");
    let mut long = whole.clone();
    long[11] = 200;
    assert_eq!(
        last(&long),
        "verb 11..30 reaches past the end of its frame, or past a limit"
    );
    let mut damaged = whole;
    damaged[26] ^= 4;
    assert!(
        last(&damaged).contains("(wrong: Xor8 is"),
        "{}",
        last(&damaged)
    );
}
