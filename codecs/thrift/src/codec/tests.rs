//! The codec against its vectors, and the corners that no capture has.

use miniz_oxide::deflate::compress_to_vec_zlib;
use weft_codec::{
    Cut, EmitError, Kind, NewId, ProxyError, Span,
    proof::{Proof, feed, linear_work},
};

use super::*;

const VECTORS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../protocols/thrift/vectors"
);

#[test]
fn the_proof_holds_over_every_captured_frame() {
    let codec = Thrift::new();
    let report = Proof::new(&codec)
        .vectors(VECTORS)
        .unwrap_or_else(|error| panic!("{error}"))
        .mutations(120_000)
        .run_all()
        .unwrap_or_else(|failures| panic!("{failures}"));
    assert!(report.vectors >= 180, "{report:?}");
    // The damage must leave something to look into, and break something.
    assert!(report.mutated_heads > 50_000, "{report:?}");
    assert!(report.mutated_complaints > 20_000, "{report:?}");
}

/// The payload with its length before it.
fn framed(payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap();
    [&length.to_be_bytes()[..], payload].concat()
}

/// A strict binary message.
fn binary(kind: u8, name: &str, id: u32, body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(name.len()).unwrap().to_be_bytes();
    let id = id.to_be_bytes();
    [&[0x80, 1, 0, kind][..], &len, name.as_bytes(), &id, body].concat()
}

/// A frame of the header transport: transforms, then info headers, then the payload.
fn with_header(transforms: &[u8], keys: &[(&str, &str)], id: u32, payload: &[u8]) -> Vec<u8> {
    let mut info = vec![0, u8::try_from(transforms.len()).unwrap()];
    info.extend_from_slice(transforms);
    if !keys.is_empty() {
        info.extend_from_slice(&[1, u8::try_from(keys.len()).unwrap()]);
    }
    for text in keys.iter().flat_map(|(key, value)| [key, value]) {
        info.push(u8::try_from(text.len()).unwrap());
        info.extend_from_slice(text.as_bytes());
    }
    info.resize(info.len().next_multiple_of(4), 0);
    let words = u16::try_from(info.len() / 4).unwrap().to_be_bytes();
    let id = id.to_be_bytes();
    framed(&[&[0x0f, 0xff, 0, 0][..], &id, &words, &info, payload].concat())
}

fn scanned(side: Side, bytes: &[u8]) -> Result<Vec<Head>, Malformed> {
    let fed = feed(&Thrift::new(), side, &Limits::default(), [bytes]);
    assert_eq!(fed.broken, None);
    fed.complaint.map_or(Ok(fed.heads), Err)
}

fn head(side: Side, bytes: &[u8]) -> Head {
    let heads = scanned(side, bytes).unwrap();
    assert_eq!(heads.len(), 1, "{heads:?}");
    heads[0]
}

fn complaint(bytes: &[u8]) -> String {
    scanned(Side::Downstream, bytes).unwrap_err().to_string()
}

fn emitted(side: Side, frame: &[u8], rewrite: &Rewrite<'_>) -> Result<Vec<u8>, EmitError> {
    let mut out = Vec::new();
    Thrift::new().emit(side, &head(side, frame), frame, rewrite, &mut out)?;
    Ok(out)
}

fn id(id: NewId<'_>) -> Rewrite<'_> {
    Rewrite {
        id,
        deadline_ms: None,
    }
}

fn asked(frame: &[u8]) -> Asked {
    let mut asked = Asked::default();
    Thrift::new().remember(&head(Side::Downstream, frame), frame, &mut asked);
    asked
}

fn text(side: Side, frame: &[u8], field: Field<'_>) -> Option<String> {
    let value = Thrift::new().field(side, &head(side, frame), frame, field)?;
    Some(String::from_utf8(value.to_bytes().into_owned()).unwrap())
}

mod refusals {
    use super::*;

    #[test]
    fn other_protocols_are_named_after_four_bytes() {
        for (bytes, name) in [
            (&b"GET "[..], "HTTP request"),
            (b"PRI ", "HTTP/2"),
            (b"HTTP", "HTTP response"),
            (b"SSH-", "SSH"),
            (b"\x16\x03\x01\x02", "TLS handshake"),
            (b"\x80\x01\x00\x01", "without frames"),
            (b"\x82\x21\x01\x04", "without frames"),
            (b"*1\r\n", "Redis"),
        ] {
            let said = complaint(bytes);
            assert!(said.starts_with("byte 0: "), "{said}");
            assert!(said.contains(name), "{said}");
        }
    }

    #[test]
    fn a_length_of_4_gib_is_refused_with_the_limit() {
        let said = complaint(&[0xff; 4]);
        assert!(
            said.contains("4294967295") && said.contains("67108860"),
            "{said}"
        );
    }

    #[test]
    fn a_length_too_short_for_a_message_is_refused() {
        for length in 0..4u8 {
            assert!(complaint(&[0, 0, 0, length]).contains("too short"));
        }
    }

    #[test]
    fn bytes_that_are_no_message_are_refused_at_the_eighth_whatever_length_they_claim() {
        let said = complaint(&[0, 1, 0, 0, b'a', b'b', b'c', b'd']);
        assert!(said.starts_with("byte 4: expected 80 01"), "{said}");
        let said = complaint(&[0, 0, 0, 30, 0, 0, 0, 4]);
        assert!(said.contains("without its version word"), "{said}");
        let said = complaint(&[0, 0, 0, 30, 0x80, 1, 0, 9]);
        assert!(said.starts_with("byte 7: message type 9"), "{said}");
    }

    #[test]
    fn a_name_past_its_frame_or_the_limit_for_heads_is_refused_before_it_comes() {
        let mut frame = framed(&binary(1, "echo", 1, &[0]));
        frame[11] = 200;
        assert!(complaint(&frame).contains("a name of 200 bytes in a frame of"));
        // One megabyte of name in a frame of two: twelve bytes are enough to refuse it.
        let start = [0, 0x20, 0, 0, 0x80, 1, 0, 1, 0, 0x10, 0, 0];
        let said = complaint(&start);
        assert!(
            said.starts_with("byte 8: ") && said.contains("65536"),
            "{said}"
        );
    }

    #[test]
    fn a_compact_id_of_more_than_32_bits_is_refused() {
        let frame = framed(&[0x82, 0x21, 0xff, 0xff, 0xff, 0xff, 0x7f, 0, 0]);
        assert!(complaint(&frame).contains("over 32 bits"));
    }

    #[test]
    fn a_message_from_the_wrong_side_is_refused() {
        let reply = framed(&binary(2, "echo", 1, &[0]));
        assert!(complaint(&reply).contains("a client sent a reply"));
        let call = framed(&binary(1, "echo", 1, &[0]));
        assert!(scanned(Side::Upstream, &call).is_err());
    }

    #[test]
    fn frames_before_a_bad_one_are_still_given() {
        let good = framed(&binary(1, "echo", 1, &[0]));
        let bytes = [&good[..], b"GET / HTTP/1.1"].concat();
        let fed = feed(
            &Thrift::new(),
            Side::Downstream,
            &Limits::default(),
            [&bytes[..]],
        );
        assert_eq!(fed.heads.len(), 1);
        assert_eq!(fed.complaint.unwrap().at, good.len());
    }

    #[test]
    fn a_header_of_another_protocol_than_its_message_is_refused() {
        let mut frame = with_header(&[], &[], 0, &binary(1, "echo", 1, &[0]));
        frame[14] = 2;
        assert!(complaint(&frame).contains("message is of another"));
        frame[14] = 1;
        assert!(complaint(&frame).contains("header protocol 1"));
    }

    #[test]
    fn a_first_byte_of_another_protocol_is_sniffed_out() {
        let codec = Thrift::new();
        assert_eq!(codec.sniff(b""), Sniff::Need(6));
        assert_eq!(codec.sniff(b"\0\0\0\x20\x80"), Sniff::Need(6));
        assert_eq!(codec.sniff(b"\0\0\0\x20\x80\x01"), Sniff::Yes);
        assert_eq!(codec.sniff(b"\0\0\0\x20\x82\x21"), Sniff::Yes);
        assert_eq!(codec.sniff(b"\0\0\0\x20\x0f\xff"), Sniff::Yes);
        assert_eq!(codec.sniff(b"\0\0\0\x20\xda\xbb"), Sniff::No);
        assert_eq!(codec.sniff(b"GET"), Sniff::No);
    }
}

mod shorter_way {
    use super::*;

    /// A frame whole in the buffer takes the shorter way; the same frame cut through takes the
    /// longer one.
    #[test]
    fn both_ways_of_reading_strict_binary_find_the_same() {
        let cut = Limits {
            cut_through_bytes: 8,
            ..Limits::default()
        };
        for (side, kind) in [
            (Side::Downstream, 1),
            (Side::Downstream, 4),
            (Side::Upstream, 2),
        ] {
            let frame = framed(&binary(kind, "Echo:whoami", 0x0102_0304, &[1, 2, 3, 0]));
            let whole = head(side, &frame);
            let part = &frame[..frame.len() - 1];
            let longer = feed(&Thrift::new(), side, &cut, [part]).heads[0];
            let head_bytes = whole.head_bytes;
            assert_eq!(
                whole,
                Head {
                    head_bytes,
                    ..longer
                }
            );
        }
    }
}

mod large_frames {
    use super::*;

    fn megabyte(payload: Vec<u8>) -> Vec<u8> {
        framed(&[payload, vec![b'x'; 1 << 20]].concat())
    }

    fn first_head(bytes: &[u8]) -> Head {
        let fed = feed(
            &Thrift::new(),
            Side::Downstream,
            &Limits::default(),
            [bytes],
        );
        assert_eq!(fed.broken, None);
        fed.heads[0]
    }

    #[test]
    fn a_large_frame_is_reported_with_its_head_and_patched_without_its_body() {
        let frame = megabyte(binary(1, "echo", 1, &[]));
        let head = first_head(&frame[..20]);
        assert_eq!(
            (head.frame_bytes as usize, head.head_bytes),
            (frame.len(), 20)
        );
        assert_eq!((head.cut, head.id), (Cut::Cuttable, Span::new(16, 4)));
        let mut out = Vec::new();
        let rewrite = id(NewId::Wire(0x0102_0304));
        Thrift::new()
            .emit(Side::Downstream, &head, &frame[..20], &rewrite, &mut out)
            .unwrap();
        assert_eq!(out, [&frame[..16], &[1, 2, 3, 4]].concat());
    }

    #[test]
    fn the_length_of_a_large_compact_frame_follows_its_new_id() {
        let frame = megabyte(vec![0x82, 0x21, 5, 4, b'e', b'c', b'h', b'o']);
        let head = first_head(&frame[..12]);
        let mut out = Vec::new();
        let rewrite = id(NewId::Wire(1 << 21));
        Thrift::new()
            .emit(Side::Downstream, &head, &frame[..12], &rewrite, &mut out)
            .unwrap();
        let length = u32::from_be_bytes(out[..4].try_into().unwrap());
        assert_eq!(length as usize, frame.len() - 4 + 3);
        assert_eq!(out.len(), 12 + 3);
    }

    #[test]
    fn a_large_frame_under_zlib_waits_until_it_is_whole() {
        // Level 0 stores the bytes as they are.
        let zlib = compress_to_vec_zlib(&binary(1, "echo", 1, &vec![0; 200_000]), 0);
        let frame = with_header(&[1], &[], 0, &zlib);
        assert!(frame.len() > 100_000);
        let codec = Thrift::new();
        let mut heads = Vec::new();
        let part = &frame[..90_000];
        let scanned = codec
            .scan(
                Side::Downstream,
                &Limits::default(),
                &mut ScanState::default(),
                part,
                &mut heads,
            )
            .unwrap();
        assert_eq!((scanned.consumed, scanned.need), (0, frame.len()));
        assert!(head(Side::Downstream, &frame).exclusive);
    }

    #[test]
    fn work_is_linear_in_the_bytes_of_a_frame_that_comes_in_pieces() {
        let limits = Limits {
            cut_through_bytes: u32::MAX,
            ..Limits::default()
        };
        linear_work(&Thrift::new(), Side::Downstream, &limits, |len| {
            framed(&binary(1, "echo", 1, &vec![0; len]))
        })
        .unwrap();
    }
}

mod names {
    use super::*;

    #[test]
    fn a_multiplexed_name_is_split_at_its_first_colon() {
        let frame = framed(&binary(1, "Echo:ns:whoami", 1, &[0]));
        let service = text(Side::Downstream, &frame, Field::Service);
        let method = text(Side::Downstream, &frame, Field::Method);
        assert_eq!(service.as_deref(), Some("Echo"));
        assert_eq!(method.as_deref(), Some("ns:whoami"));
    }

    #[test]
    fn a_name_without_a_colon_has_no_service() {
        let frame = framed(&binary(4, "note", 1, &[0]));
        assert_eq!(head(Side::Downstream, &frame).kind, Kind::OneWay);
        assert_eq!(text(Side::Downstream, &frame, Field::Service), None);
    }

    #[test]
    fn a_name_under_zlib_is_read_from_the_inflated_beginning() {
        let zlib = compress_to_vec_zlib(&binary(4, "Echo:note", 7, &[0; 5000]), 6);
        let frame = with_header(&[1], &[("tenant", "blue")], 0, &zlib);
        let found = head(Side::Downstream, &frame);
        assert_eq!((found.kind, found.id_value), (Kind::OneWay, 7));
        let get = |field| text(Side::Downstream, &frame, field);
        assert_eq!(get(Field::Service).as_deref(), Some("Echo"));
        assert_eq!(get(Field::Method).as_deref(), Some("note"));
        assert_eq!(get(Field::Key("header.tenant")).as_deref(), Some("blue"));
        assert_eq!(get(Field::Key("header.nobody")), None);
    }

    #[test]
    fn of_a_repeated_info_header_the_last_one_counts() {
        let keys = [("role", "admin"), ("role", "guest")];
        let frame = with_header(&[], &keys, 0, &binary(1, "echo", 1, &[0]));
        let role = text(Side::Downstream, &frame, Field::Key("header.role"));
        assert_eq!(role.as_deref(), Some("guest"));
    }
}

mod ids {
    use super::*;

    #[test]
    fn a_compact_id_written_with_needless_bytes_comes_back_as_it_was() {
        let call = framed(&[0x82, 0x21, 0x85, 0x80, 0x00, 1, b'm', 0]);
        assert_eq!(head(Side::Downstream, &call).id_value, 5);
        let asked = asked(&call);
        let answer = framed(&[0x82, 0x41, 0x80, 0x80, 0x80, 0x01, 1, b'm', 0]);
        assert_eq!(head(Side::Upstream, &answer).id_value, WIRE_FIRST);
        let back = emitted(Side::Upstream, &answer, &id(NewId::Callers(&asked))).unwrap();
        assert_eq!(back, framed(&[0x82, 0x41, 0x85, 0x80, 0x00, 1, b'm', 0]));
    }

    #[test]
    fn every_wire_id_takes_four_bytes_in_compact() {
        let call = framed(&[0x82, 0x21, 0, 1, b'm', 0]);
        for wire in [WIRE_FIRST, WIRE_LAST] {
            let out = emitted(Side::Downstream, &call, &id(NewId::Wire(wire))).unwrap();
            assert_eq!(out.len(), call.len() + 3);
        }
    }

    #[test]
    fn an_id_of_more_than_32_bits_is_not_put_in() {
        let call = framed(&binary(1, "echo", 1, &[0]));
        let refused = emitted(Side::Downstream, &call, &id(NewId::Wire(1 << 32)));
        assert_eq!(refused, Err(EmitError::Id(1 << 32)));
    }

    #[test]
    fn both_ids_of_a_header_frame_are_the_callers_again() {
        let call = with_header(&[], &[], 3, &binary(1, "echo", 9, &[0]));
        let sent = emitted(Side::Downstream, &call, &id(NewId::Wire(WIRE_FIRST))).unwrap();
        assert_eq!(sent[8..12], [0, 0x20, 0, 0]);
        let wire = u32::try_from(WIRE_FIRST).unwrap();
        let answer = with_header(&[], &[], wire, &binary(2, "echo", wire, &[0]));
        let asked = asked(&call);
        let back = emitted(Side::Upstream, &answer, &id(NewId::Callers(&asked))).unwrap();
        assert_eq!(back, with_header(&[], &[], 3, &binary(2, "echo", 9, &[0])));
    }

    #[test]
    fn an_answer_that_only_the_server_compressed_gets_its_callers_id() {
        let call = with_header(&[], &[], 0, &binary(1, "echo", 9, &[0]));
        let wire = u32::try_from(WIRE_LAST).unwrap();
        let zlib = compress_to_vec_zlib(&binary(2, "echo", wire, &[0; 3000]), 6);
        let answer = with_header(&[1], &[], wire, &zlib);
        assert_eq!(head(Side::Upstream, &answer).id_value, WIRE_LAST);
        let asked = asked(&call);
        let back = emitted(Side::Upstream, &answer, &id(NewId::Callers(&asked))).unwrap();
        assert_eq!(back[8..12], [0; 4]);
        let inflated = crate::zlib::open(&back[18..]).unwrap();
        assert_eq!(inflated, binary(2, "echo", 9, &[0; 3000]));
        assert_eq!(head(Side::Upstream, &back).id_value, 9);
    }

    #[test]
    fn a_compressed_answer_under_its_callers_id_passes_untouched() {
        let zlib = compress_to_vec_zlib(&binary(1, "echo", 9, &[0]), 6);
        let call = with_header(&[1], &[], 9, &zlib);
        let zlib = compress_to_vec_zlib(&binary(2, "echo", 9, &[0; 300]), 9);
        let answer = with_header(&[1], &[], 9, &zlib);
        let asked = asked(&call);
        let back = emitted(Side::Upstream, &answer, &id(NewId::Callers(&asked))).unwrap();
        assert_eq!(back, answer);
    }

    #[test]
    fn an_answer_that_inflates_without_end_is_refused_and_leaves_nothing() {
        let call = with_header(&[], &[], 0, &binary(1, "echo", 9, &[0]));
        let zlib = compress_to_vec_zlib(&binary(2, "echo", 1, &vec![0; 17 << 20]), 1);
        let answer = with_header(&[1], &[], 1, &zlib);
        let asked = asked(&call);
        let refused = emitted(Side::Upstream, &answer, &id(NewId::Callers(&asked)));
        assert!(
            refused
                .unwrap_err()
                .to_string()
                .contains("too large to open")
        );
    }

    #[test]
    fn a_frame_under_an_unknown_transform_asks_for_a_lane_of_its_own() {
        let frame = with_header(&[3], &[("tenant", "blue")], 5, b"who knows");
        let found = head(Side::Downstream, &frame);
        assert!(found.exclusive && found.method.is_empty());
        let tenant = text(Side::Downstream, &frame, Field::Key("header.tenant"));
        assert_eq!(tenant.as_deref(), Some("blue"));
        assert!(emitted(Side::Downstream, &frame, &Rewrite::NOTHING).is_ok());
        assert!(emitted(Side::Downstream, &frame, &id(NewId::Wire(WIRE_FIRST))).is_err());
    }

    #[test]
    fn an_answer_in_another_protocol_than_its_request_is_refused() {
        let call = framed(&binary(1, "echo", 9, &[0]));
        let answer = framed(&[0x82, 0x41, 1, 4, b'e', b'c', b'h', b'o', 0]);
        let asked = asked(&call);
        assert!(emitted(Side::Upstream, &answer, &id(NewId::Callers(&asked))).is_err());
    }

    #[test]
    fn an_ordinary_call_is_remembered_without_an_allocation() {
        let name = "m".repeat(42);
        assert!(!asked(&framed(&binary(1, &name, 1, &[0]))).bytes.spilled());
    }
}

mod deadlines {
    use super::*;

    fn call(timeout: &str) -> Vec<u8> {
        let keys = [("client_timeout", timeout)];
        with_header(&[], &keys, 0, &binary(1, "echo", 9, &[0]))
    }

    fn with_left(frame: &[u8], left: u64) -> Vec<u8> {
        let rewrite = Rewrite {
            id: NewId::Keep,
            deadline_ms: Some(left),
        };
        emitted(Side::Downstream, frame, &rewrite).unwrap()
    }

    #[test]
    fn the_time_left_is_written_in_as_many_digits_as_the_caller_used() {
        let sent = with_left(&call("1500"), 37);
        assert_eq!(sent, call("0037"));
        let read = text(Side::Downstream, &sent, Field::DeadlineMs);
        assert_eq!(read.as_deref(), Some("37"));
    }

    #[test]
    fn a_deadline_is_never_made_longer_nor_invented() {
        assert_eq!(with_left(&call("1500"), 9_000), call("1500"));
        let bare = framed(&binary(1, "echo", 9, &[0]));
        assert_eq!(with_left(&bare, 5), bare);
        assert_eq!(with_left(&call("soon"), 5), call("soon"));
    }
}

mod verdicts {
    use super::*;

    fn verdict(frame: &[u8]) -> (Verdict, Option<String>) {
        let found = head(Side::Upstream, frame);
        let verdict = Thrift::new().classify(&found, frame);
        (verdict, text(Side::Upstream, frame, Field::Status))
    }

    #[test]
    fn a_result_is_good_and_a_declared_exception_is_the_applications() {
        let void = framed(&binary(2, "m", 1, &[0]));
        assert_eq!(verdict(&void).0, Verdict::Ok);
        let result = framed(&binary(2, "m", 1, &[8, 0, 0, 0, 0, 0, 1, 0]));
        assert_eq!(verdict(&result).0, Verdict::Ok);
        let declared = framed(&binary(2, "m", 1, &[12, 0, 1, 0, 0]));
        assert_eq!(verdict(&declared).0, Verdict::ApplicationError);
        let compact_void = framed(&[0x82, 0x41, 1, 1, b'm', 0]);
        assert_eq!(verdict(&compact_void).0, Verdict::Ok);
        let compact_declared = framed(&[0x82, 0x41, 1, 1, b'm', 0x1c, 0, 0]);
        assert_eq!(verdict(&compact_declared).0, Verdict::ApplicationError);
    }

    #[test]
    fn load_shedding_is_overload_and_every_other_exception_the_applications() {
        let exception = |kind| framed(&binary(3, "m", 1, &[8, 0, 2, 0, 0, 0, kind, 0]));
        assert_eq!(
            verdict(&exception(11)),
            (Verdict::Overload, Some("11".into()))
        );
        assert_eq!(
            verdict(&exception(1)),
            (Verdict::ApplicationError, Some("1".into()))
        );
        let compact = framed(&[0x82, 0x61, 1, 1, b'm', 0x18, 1, b'!', 0x15, 22, 0]);
        assert_eq!(verdict(&compact), (Verdict::Overload, Some("11".into())));
    }
}

mod errors {
    use super::*;

    fn said(call: &[u8], error: ProxyError) -> Vec<u8> {
        let mut out = Vec::new();
        let what = Say::Error {
            error,
            words: "weft: no",
            asked: &asked(call),
        };
        Thrift::new().say(&what, &mut out).unwrap();
        out
    }

    #[test]
    fn a_proxy_error_is_an_exception_under_the_callers_id_and_method() {
        let call = framed(&binary(1, "Echo:whoami", 7, &[0]));
        let body = b"\x0b\0\x01\0\0\0\x08weft: no\x08\0\x02\0\0\0\x06\0";
        let expected = framed(&binary(3, "whoami", 7, body));
        assert_eq!(said(&call, ProxyError::Overload), expected);
    }

    #[test]
    fn a_proxy_error_comes_in_the_callers_transport_and_protocol() {
        let call = framed(&[0x82, 0x21, 0x85, 0x01, 2, b'h', b'i', 0]);
        let expected = framed(b"\x82\x61\x85\x01\x02hi\x18\x08weft: no\x15\x0c\0");
        assert_eq!(said(&call, ProxyError::Deadline), expected);
        let call = with_header(&[], &[("a", "b")], 3, &binary(1, "m", 9, &[0]));
        let body = b"\x0b\0\x01\0\0\0\x08weft: no\x08\0\x02\0\0\0\x01\0";
        let expected = with_header(&[], &[], 3, &binary(3, "m", 9, body));
        assert_eq!(said(&call, ProxyError::NoRoute), expected);
    }

    #[test]
    fn a_caller_under_zlib_is_told_with_its_inner_id_and_method() {
        let zlib = compress_to_vec_zlib(&binary(1, "m", 9, &[0]), 6);
        let call = with_header(&[1], &[], 0, &zlib);
        let answer = said(&call, ProxyError::Draining);
        let found = head(Side::Upstream, &answer);
        assert_eq!((found.id_value, found.kind), (9, Kind::Answer));
        let method = text(Side::Upstream, &answer, Field::Method);
        assert_eq!(method.as_deref(), Some("m"));
    }
}
