//! Both ends together, around acme: what one writes the other reads.

use super::*;
use crate::{Inward, native_asked, note, note_not_executed};

fn acme() -> Arc<dyn Codec> {
    Arc::new(weft_acme::Acme::new())
}

/// A frame of acme: 18 bytes, two names, no metadata, a payload.
fn native(kind: u8, id: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = b"AC\x01".to_vec();
    bytes.extend_from_slice(&[kind, 0, 0]);
    bytes.extend_from_slice(&id.to_be_bytes());
    bytes.extend_from_slice(&9_000u32.to_be_bytes());
    let size = 2 + 4 + 2 + payload.len() as u32;
    bytes.extend_from_slice(&size.to_be_bytes());
    bytes.extend_from_slice(b"\x01s\x03get\0\0");
    bytes.extend_from_slice(payload);
    bytes
}

fn heads(codec: &dyn Codec, side: Side, bytes: &[u8]) -> Vec<Head> {
    let mut heads = Vec::new();
    let limits = Limits::default();
    let scanned = codec.scan(side, &limits, &mut ScanState::default(), bytes, &mut heads);
    scanned.expect("well-formed");
    heads
}

fn wrapped(frame: &[u8], id: u64) -> Vec<u8> {
    let native = heads(&*acme(), Side::Downstream, frame);
    let rewrite = Rewrite {
        id: NewId::Wire(id),
        deadline_ms: Some(250),
    };
    let mut out = Vec::new();
    Outward::new(acme())
        .emit(Side::Downstream, &native[0], frame, &rewrite, &mut out)
        .expect("it fits");
    out
}

#[test]
fn a_request_passes_byte_for_byte_under_the_lanes_id() {
    let frame = native(0, 77, b"payload");
    let hop = wrapped(&frame, 12);
    let found = heads(&Inward::new(acme()), Side::Downstream, &hop);
    assert_eq!((found.len(), found[0].id_value), (1, 12));
    let mut room = Vec::new();
    let taken = Inward::new(acme())
        .take(&Limits::default(), &hop, &mut room)
        .expect("a request");
    assert_eq!(taken.frame, frame);
    assert_eq!((taken.id, taken.left_ms), (12, Some(250)));
    assert_eq!((taken.head.id_value, taken.head.kind), (77, Kind::Request));
}

/// What the second proxy does with a native answer for the request of hop id 12.
fn answered(native: &[u8], missing: u64) -> Vec<u8> {
    let mut asked = Asked::default();
    note(12, 0, 77, &mut asked);
    let mut out = Vec::new();
    let answering = Inward::begin_answer(&asked, &mut out);
    out.extend_from_slice(native);
    Inward::end_answer(&answering, (false, missing), &mut out).expect("it fits");
    out
}

#[test]
fn an_answer_comes_back_byte_for_byte() {
    let frame = native(1, 77, b"answer");
    let hop = answered(&frame, 0);
    let outward = Outward::new(acme());
    let head = heads(&outward, Side::Upstream, &hop)[0];
    assert_eq!((head.id_value, head.kind), (12, Kind::Answer));
    assert_eq!(outward.classify(&head, &hop), Verdict::Ok);
    let mut out = Vec::new();
    let asked = Asked::default();
    let rewrite = Rewrite {
        id: NewId::Callers(&asked),
        deadline_ms: None,
    };
    outward
        .emit(Side::Upstream, &head, &hop, &rewrite, &mut out)
        .expect("an answer");
    assert_eq!(out, frame);
}

#[test]
fn a_large_answer_is_found_by_its_head_and_passes_in_pieces() {
    let frame = native(1, 77, &vec![5; 200_000]);
    let came = 1_000;
    let hop = answered(&frame[..came], (frame.len() - came) as u64);
    let outward = Outward::new(acme());
    let head = heads(&outward, Side::Upstream, &hop)[0];
    assert_eq!(head.frame_bytes as usize, frame.len() + FIXED_BYTES);
    let mut out = Vec::new();
    outward
        .emit(Side::Upstream, &head, &hop, &Rewrite::NOTHING, &mut out)
        .expect("an answer");
    assert_eq!(out, frame[..came]);
}

fn refusal(executed: bool) -> Vec<u8> {
    let frame = native(0, 77, b"");
    let head = heads(&*acme(), Side::Downstream, &frame)[0];
    let mut asked = Asked::default();
    acme().remember(&head, &frame, &mut asked);
    note(12, 0, 77, &mut asked);
    if !executed {
        note_not_executed(&mut asked);
    }
    let mut out = Vec::new();
    let say = Say::Error {
        error: ProxyError::NoInstance,
        words: "weft: nobody",
        asked: &asked,
    };
    Inward::new(acme()).say(&say, &mut out).expect("it can");
    out
}

#[test]
fn an_error_comes_in_the_inner_protocols_words_with_a_verdict_for_the_first_proxy() {
    let outward = Outward::new(acme());
    for (executed, verdict) in [(true, Verdict::Unavailable), (false, Verdict::NotExecuted)] {
        let hop = refusal(executed);
        let head = heads(&outward, Side::Upstream, &hop)[0];
        assert_eq!(head.id_value, 12);
        assert_eq!(outward.classify(&head, &hop), verdict);
        let mut out = Vec::new();
        outward
            .emit(Side::Upstream, &head, &hop, &Rewrite::NOTHING, &mut out)
            .expect("words");
        let native = heads(&*acme(), Side::Upstream, &out)[0];
        assert_eq!((native.kind, native.id_value), (Kind::Answer, 77));
        assert!(out.ends_with(b"weft: nobody"));
    }
}

#[test]
fn what_the_second_proxy_has_no_words_for_is_an_error_at_the_first() {
    let mut hop = Vec::new();
    Header::new(FrameKind::Error, 12).write(&mut hop);
    let outward = Outward::new(acme());
    let head = heads(&outward, Side::Upstream, &hop)[0];
    let mut out = Vec::new();
    let emitted = outward.emit(Side::Upstream, &head, &hop, &Rewrite::NOTHING, &mut out);
    assert!(matches!(emitted, Err(EmitError::Malformed(_))));
    assert!(out.is_empty());
}

#[test]
fn an_answer_that_its_caller_does_not_want_to_hear_still_ends_its_exchange() {
    let hop = answered(b"", 0);
    let outward = Outward::new(acme());
    let head = heads(&outward, Side::Upstream, &hop)[0];
    assert_eq!(outward.classify(&head, &hop), Verdict::Ok);
    let mut out = Vec::new();
    outward
        .emit(Side::Upstream, &head, &hop, &Rewrite::NOTHING, &mut out)
        .expect("nothing to say");
    assert!(out.is_empty());
}

#[test]
fn cancel_go_away_ping_and_pong_are_understood_by_the_other_end() {
    let (outward, inward) = (Outward::new(acme()), Inward::new(acme()));
    let mut out = Vec::new();
    outward.say(&Say::Cancel { id: 5 }, &mut out).expect("said");
    outward.say(&Say::Ping { id: 6 }, &mut out).expect("said");
    let found = heads(&inward, Side::Downstream, &out);
    let seen: Vec<_> = found
        .iter()
        .map(|head| (head.kind, head.id_value))
        .collect();
    assert_eq!(seen, [(Kind::Cancel, 5), (Kind::Ping, 6)]);
    let mut asked = Asked::default();
    inward.remember(&found[1], &[], &mut asked);
    out.clear();
    inward
        .say(&Say::Pong { asked: &asked }, &mut out)
        .expect("said");
    inward.say(&Say::GoAway, &mut out).expect("said");
    let found = heads(&outward, Side::Upstream, &out);
    let seen: Vec<_> = found
        .iter()
        .map(|head| (head.kind, head.id_value))
        .collect();
    assert_eq!(seen, [(Kind::Pong, 6), (Kind::GoAway, 0)]);
}

/// Frames of both directions one after the other.
fn stream(side: Side) -> Vec<u8> {
    let mut bytes = Vec::new();
    match side {
        Side::Downstream => {
            for id in 1..6u32 {
                bytes.extend(wrapped(&native(0, id, &[1; 40]), id.into()));
            }
            bytes.extend(wrapped(&native(2, 9, b"one-way"), 9));
        }
        Side::Upstream => {
            bytes.extend(answered(&native(1, 77, b"answer"), 0));
            bytes.extend(refusal(true));
            bytes.extend(answered(b"", 0));
        }
    }
    bytes
}

fn fed(codec: &dyn Codec, side: Side, bytes: &[u8], cut: usize) -> Vec<(u64, Vec<u8>)> {
    let (mut held, mut found) = (Vec::new(), Vec::new());
    let mut state = ScanState::default();
    let (first, second) = bytes.split_at(cut);
    for piece in [first, second] {
        held.extend_from_slice(piece);
        let mut heads = Vec::new();
        let limits = Limits::default();
        let scanned = codec
            .scan(side, &limits, &mut state, &held, &mut heads)
            .expect("well-formed");
        assert!(scanned.need > 0);
        for head in heads {
            let start = head.start as usize;
            let frame = &held[start..start + head.frame_bytes as usize];
            found.push((head.id_value, frame.to_vec()));
        }
        held.drain(..scanned.consumed);
    }
    assert!(held.is_empty());
    found
}

#[test]
fn a_stream_cut_at_every_byte_gives_the_same_frames() {
    for side in [Side::Downstream, Side::Upstream] {
        let codec: &dyn Codec = match side {
            Side::Downstream => &Inward::new(acme()),
            Side::Upstream => &Outward::new(acme()),
        };
        let bytes = stream(side);
        let whole = fed(codec, side, &bytes, 0);
        assert!(whole.len() >= 3);
        for cut in 1..bytes.len() {
            assert_eq!(fed(codec, side, &bytes, cut), whole, "{cut}");
        }
    }
}

#[test]
fn mutated_streams_are_read_or_refused_without_a_panic_and_never_reach_past_their_frame() {
    let mut rng = fastrand::Rng::with_seed(0x0077_6566_7431);
    let limits = Limits::default();
    let (inward, outward) = (Inward::new(acme()), Outward::new(acme()));
    let (mut taken, mut refused) = (0, 0);
    for round in 0..100_000 {
        let side = if round % 2 == 0 {
            Side::Downstream
        } else {
            Side::Upstream
        };
        let codec: &dyn Codec = if round % 2 == 0 { &inward } else { &outward };
        let mut bytes = stream(side);
        for _ in 0..rng.usize(1..4) {
            let at = rng.usize(..bytes.len());
            bytes[at] = rng.u8(..);
        }
        let mut heads = Vec::new();
        let scanned = codec.scan(side, &limits, &mut ScanState::default(), &bytes, &mut heads);
        refused += u32::from(scanned.is_err());
        for head in heads {
            let start = head.start as usize;
            let end = (start + head.frame_bytes as usize).min(bytes.len());
            let frame = &bytes[start..end];
            assert!(head.head_bytes as usize <= frame.len());
            let mut out = Vec::new();
            if side == Side::Upstream {
                outward.classify(&head, frame);
                let _ = outward.emit(side, &head, frame, &Rewrite::NOTHING, &mut out);
                assert!(out.len() <= frame.len());
            } else if matches!(head.kind, Kind::Request | Kind::OneWay) {
                match inward.take(&limits, frame, &mut Vec::new()) {
                    Ok(request) => {
                        assert_eq!(request.head.kind, head.kind);
                        taken += 1;
                    }
                    Err(_) => refused += 1,
                }
            }
        }
    }
    assert!(taken > 50_000 && refused > 20_000, "{taken} {refused}");
}

#[test]
fn what_is_noted_of_a_request_comes_back() {
    let mut asked = Asked::default();
    asked.bytes.extend_from_slice(b"inner");
    note(3, 0, 4, &mut asked);
    let noted = crate::noted(&asked).expect("noted");
    assert_eq!(
        (noted.id, noted.native_id, noted.not_executed),
        (3, 4, false)
    );
    note_not_executed(&mut asked);
    assert!(crate::noted(&asked).expect("noted").not_executed);
    assert_eq!(native_asked(&asked).bytes.as_slice(), b"inner");
}

#[test]
fn a_body_that_is_not_one_frame_of_the_right_kind_is_refused() {
    let good = native(0, 77, b"x");
    let two = [good.clone(), good.clone()].concat();
    let answer = native(1, 77, b"x");
    for (what, body) in [
        ("two frames", &two[..]),
        ("an answer", &answer[..]),
        ("a part", &good[..good.len() - 1]),
    ] {
        let header = Header {
            frame_bytes: (FIXED_BYTES + body.len()) as u32,
            ..Header::new(FrameKind::Request, 1)
        };
        let mut hop = Vec::new();
        header.write(&mut hop);
        hop.extend_from_slice(body);
        let taken = Inward::new(acme()).take(&Limits::default(), &hop, &mut Vec::new());
        assert!(taken.is_err(), "{what}: {taken:?}");
    }
}
