//! The codec against its vectors, and the corners that no capture has.

use weft_codec::{
    Cut, Kind, NewId, ProxyError,
    proof::{Proof, feed, linear_work},
};
use weft_hessian2::{Dialect, put_text};

use super::*;

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../protocols/dubbo/vectors");

#[test]
fn the_proof_holds_over_every_captured_frame() {
    let codec = Dubbo::new();
    let report = Proof::new(&codec)
        .vectors(VECTORS)
        .unwrap_or_else(|error| panic!("{error}"))
        .mutations(mutations())
        .run_all()
        .unwrap_or_else(|failures| panic!("{failures}"));
    assert_eq!(report.vectors, 78, "{report:?}");
    // The damage must leave something to look into, and break something.
    assert!(report.mutated_heads > 50_000, "{report:?}");
    assert!(report.mutated_complaints > 20_000, "{report:?}");
}

/// 120,000, or what the environment variable `WEFT_MUTATIONS` says.
fn mutations() -> u32 {
    let said = std::env::var("WEFT_MUTATIONS").ok();
    said.map_or(120_000, |said| said.parse().unwrap())
}

/// A frame with this body.
fn framed(flags: u8, status: u8, id: u64, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    let id = id.to_be_bytes();
    [&[0xda, 0xbb, flags, status][..], &id, &length, body].concat()
}

fn text(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    put_text(Dialect::Final, text, &mut out);
    out
}

/// A request of `com.lab.Echo` 1.0.0: parameter types, arguments, attachments.
fn request(flags: u8, method: &str, types: &str, arguments: &[u8], attachments: &[u8]) -> Vec<u8> {
    let names = ["2.0.2", "com.lab.Echo", "1.0.0", method, types].map(text);
    framed(
        flags,
        0,
        7,
        &[&names.concat(), arguments, attachments].concat(),
    )
}

/// Attachments of texts.
fn attachments(entries: &[(&str, &str)]) -> Vec<u8> {
    let texts = entries
        .iter()
        .flat_map(|(key, value)| [text(key), text(value)]);
    [
        b"H".to_vec(),
        texts.collect::<Vec<_>>().concat(),
        b"Z".to_vec(),
    ]
    .concat()
}

fn head(side: Side, bytes: &[u8]) -> Head {
    let fed = feed(&Dubbo::new(), side, &Limits::default(), [bytes]);
    assert_eq!(fed.broken, None);
    assert_eq!(fed.complaint, None);
    assert_eq!(fed.heads.len(), 1, "{:?}", fed.heads);
    fed.heads[0]
}

fn complaint(bytes: &[u8]) -> String {
    let fed = feed(&Dubbo::new(), Side::Downstream, &Limits::default(), [bytes]);
    assert_eq!(fed.broken, None);
    fed.complaint.unwrap().to_string()
}

fn ask(frame: &[u8], field: Field<'_>) -> Option<String> {
    let side = Side::Downstream;
    let value = Dubbo::new().field(side, &head(side, frame), frame, field)?;
    Some(String::from_utf8(value.to_bytes().into_owned()).unwrap())
}

fn asked(frame: &[u8]) -> Asked {
    let mut asked = Asked::default();
    Dubbo::new().remember(&head(Side::Downstream, frame), frame, &mut asked);
    asked
}

fn said(what: &Say<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    Dubbo::new().say(what, &mut out).unwrap();
    out
}

mod refusals {
    use super::*;

    #[test]
    fn other_protocols_are_named_at_their_first_bytes() {
        for (bytes, name) in [
            (&b"GET / HTTP/1.1"[..], "HTTP"),
            (b"\x16\x03\x01\x02", "TLS"),
            (b"ls\n", "telnet"),
            (b"\x80\x01", "expected the magic"),
        ] {
            let said = complaint(bytes);
            assert!(said.starts_with("byte 0: "), "{said}");
            assert!(said.contains(name), "{said}");
        }
        assert!(complaint(b"\xda\xda").starts_with("byte 1: "));
    }

    #[test]
    fn a_length_over_the_limit_is_refused_with_the_limit() {
        let mut frame = framed(0xc2, 0, 1, b"");
        frame[12..16].fill(0xff);
        let said = complaint(&frame);
        assert!(said.starts_with("byte 12: "), "{said}");
        assert!(said.contains("4294967295") && said.contains("67108848"));
    }

    #[test]
    fn a_first_byte_of_another_protocol_is_sniffed_out() {
        let codec = Dubbo::new();
        assert_eq!(codec.sniff(b""), Sniff::Need(2));
        assert_eq!(codec.sniff(b"\xda"), Sniff::Need(2));
        assert_eq!(codec.sniff(b"\xda\xbb"), Sniff::Yes);
        assert_eq!(codec.sniff(b"\0"), Sniff::No);
        assert_eq!(codec.sniff(b"\xda\xbc"), Sniff::No);
    }
}

mod kinds {
    use super::*;

    fn kind(side: Side, flags: u8, body: &[u8]) -> Kind {
        head(side, &framed(flags, 0, 3, body)).kind
    }

    #[test]
    fn flags_say_what_a_frame_is() {
        assert_eq!(kind(Side::Downstream, 0xc2, b"N"), Kind::Request);
        assert_eq!(kind(Side::Downstream, 0x82, b"N"), Kind::OneWay);
        assert_eq!(kind(Side::Upstream, 0x02, b"N"), Kind::Answer);
        assert_eq!(kind(Side::Upstream, 0x22, b"N"), Kind::Pong);
    }

    #[test]
    fn a_heartbeat_is_a_ping_whether_it_asks_for_an_answer_or_not() {
        for (flags, body) in [
            (0xe2, &b"N"[..]),
            (0xa2, b"N"),
            (0xe2, b""),
            (0xe6, b"null\n"),
        ] {
            assert_eq!(kind(Side::Downstream, flags, body), Kind::Ping);
            assert_eq!(kind(Side::Upstream, flags, body), Kind::Ping);
        }
    }

    #[test]
    fn a_server_that_is_read_only_goes_away() {
        assert_eq!(kind(Side::Upstream, 0xa2, b"\x01R"), Kind::GoAway);
        assert_eq!(kind(Side::Upstream, 0xe2, b"\x01R"), Kind::GoAway);
        // Any other event that waits for nothing ends at the mesh.
        assert_eq!(kind(Side::Upstream, 0xa2, b"\x01W"), Kind::Pong);
    }
}

mod bodies {
    use super::*;

    #[test]
    fn attachments_stand_behind_arguments_of_any_kind() {
        let arguments = [
            &b"\x91"[..],
            b"C\x01P\x92\x01x\x01y\x60\x91\x92",
            b"\x72\x05[type\x60\x91\x92\x01a",
            b"H\x01k\x60\x91\x92Z",
            b"R\0\x01as\0",
        ];
        // The last argument is broken: then there are no attachments, and the names stay.
        for (count, found) in [(4, true), (5, false)] {
            let types = "ILa/P;[Lb/T;La/M;S";
            let types = if count == 5 { types } else { &types[..17] };
            let frame = request(
                0xc2,
                "do",
                types,
                &arguments[..count].concat(),
                &attachments(&[("tenant", "blue"), ("timeout", "1500")]),
            );
            let tenant = ask(&frame, Field::Key("attachments.tenant"));
            assert_eq!(tenant.as_deref(), found.then_some("blue"), "{types}");
            let left = ask(&frame, Field::DeadlineMs);
            assert_eq!(left.as_deref(), found.then_some("1500"));
            assert_eq!(ask(&frame, Field::Method).as_deref(), Some("do"));
            assert_eq!(ask(&frame, Field::Service).as_deref(), Some("com.lab.Echo"));
        }
    }

    #[test]
    fn a_number_before_the_parameter_types_is_passed_over() {
        let names = ["2.8.4", "com.lab.Echo", "1.0.0", "do"].map(text).concat();
        let body = [
            &names,
            &b"\x8f"[..],
            &text("I"),
            b"\x91",
            &attachments(&[("group", "blue")]),
        ]
        .concat();
        let frame = framed(0xc2, 0, 7, &body);
        assert_eq!(ask(&frame, Field::Key("group")).as_deref(), Some("blue"));
    }

    #[test]
    fn attachments_that_are_no_texts_are_shown_as_texts() {
        let map = [&b"H"[..], b"\x01a\x91", b"\x01bT", b"\x01cN", b"\x01d\x8fZ"].concat();
        let frame = request(0x82, "do", "", b"", &map);
        let get = |key| ask(&frame, Field::Key(key));
        assert_eq!(get("attachments.a").as_deref(), Some("1"));
        assert_eq!(get("attachments.b").as_deref(), Some("true"));
        assert_eq!(get("attachments.c"), None);
        assert_eq!(get("attachments.d").as_deref(), Some("-1"));
        assert_eq!(get("attachments.nobody"), None);
    }

    #[test]
    fn of_an_attachment_that_is_there_twice_the_last_one_counts() {
        let map = attachments(&[("role", "admin"), ("role", "guest")]);
        let frame = request(0xc2, "do", "", b"", &map);
        let role = ask(&frame, Field::Key("attachments.role"));
        assert_eq!(role.as_deref(), Some("guest"));
    }

    #[test]
    fn a_request_that_is_not_hessian_passes_without_names() {
        let frame = framed(0xc6, 0, 7, b"\"2.0.2\"\n\"com.lab.Echo\"\n");
        let found = head(Side::Downstream, &frame);
        assert_eq!((found.kind, found.cut), (Kind::Request, Cut::Cuttable));
        assert_eq!(ask(&frame, Field::Service), None);
        assert_eq!(ask(&frame, Field::Method), None);
        assert_eq!(ask(&frame, Field::Key("group")), None);
    }

    #[test]
    fn a_body_that_is_no_invocation_passes_without_names() {
        for body in [&b""[..], b"HZ", b"\x05", b"\x0512345\x91"] {
            let frame = framed(0xc2, 0, 7, body);
            assert_eq!(head(Side::Downstream, &frame).kind, Kind::Request);
            assert_eq!(ask(&frame, Field::Service), None);
            assert_eq!(ask(&frame, Field::DeadlineMs), None);
        }
    }
}

mod large_frames {
    use super::*;

    #[test]
    fn a_large_request_waits_until_its_attachments_are_there() {
        let argument = [&b"\x58"[..], b"I\0\x03\0\0", &vec![0x91; 3 << 16]].concat();
        let map = attachments(&[("group", "blue")]);
        let frame = request(0xc2, "do", "Ljava/util/List;", &argument, &map);
        let fed = feed(
            &Dubbo::new(),
            Side::Downstream,
            &Limits::default(),
            [&frame[..frame.len() - 1]],
        );
        assert!(fed.heads.is_empty() && fed.complaint.is_none());
        assert_eq!(ask(&frame, Field::Key("group")).as_deref(), Some("blue"));
    }

    #[test]
    fn a_large_answer_is_cut_through_with_its_verdict() {
        let mut frame = framed(0x02, 20, 7, &vec![0x91; 1 << 20]);
        frame[16] = 0x90;
        let fed = feed(
            &Dubbo::new(),
            Side::Upstream,
            &Limits::default(),
            [&frame[..17]],
        );
        let found = fed.heads[0];
        assert_eq!((found.cut, found.head_bytes), (Cut::Cuttable, 17));
        assert_eq!(found.frame_bytes as usize, frame.len());
        let verdict = Dubbo::new().classify(&found, &frame[..17]);
        assert_eq!(verdict, Verdict::ApplicationError);
        let mut out = Vec::new();
        let rewrite = Rewrite {
            id: NewId::Wire(0x0102),
            deadline_ms: None,
        };
        Dubbo::new()
            .emit(Side::Upstream, &found, &frame[..17], &rewrite, &mut out)
            .unwrap();
        assert_eq!(out[4..12], [0, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!(out.len(), 17);
    }

    #[test]
    fn work_is_linear_in_the_bytes_of_a_frame_that_comes_in_pieces() {
        linear_work(
            &Dubbo::new(),
            Side::Downstream,
            &Limits::default(),
            |bytes| {
                let argument = [&b"W"[..], &vec![0x91; bytes], b"Z"].concat();
                request(0xc2, "do", "La/L;", &argument, b"HZ")
            },
        )
        .unwrap();
    }
}

mod deadlines {
    use super::*;

    fn with_left(frame: &[u8], left: u64) -> Vec<u8> {
        let rewrite = Rewrite {
            id: NewId::Keep,
            deadline_ms: Some(left),
        };
        let mut out = Vec::new();
        let found = head(Side::Downstream, frame);
        Dubbo::new()
            .emit(Side::Downstream, &found, frame, &rewrite, &mut out)
            .unwrap();
        out
    }

    #[test]
    fn the_time_left_is_written_in_as_many_bytes_as_the_caller_used() {
        for (value, after) in [
            (&b"\x051000\x30"[..], &b"\x0500037"[..]),
            (b"\xd4\x27\x10", b"\xd4\0\x25"),
            (b"\xcb\xe8", b"\xc8\x25"),
            (b"I\0\x01\x11\x70", b"I\0\0\0\x25"),
        ] {
            let call = |value: &[u8]| {
                let map = [&b"H\x07timeout"[..], value, b"\x01aNZ"].concat();
                request(0xc2, "do", "", b"", &map)
            };
            assert_eq!(with_left(&call(value), 37), call(after));
            assert_eq!(ask(&call(after), Field::DeadlineMs).as_deref(), Some("37"));
        }
    }

    #[test]
    fn a_deadline_is_never_made_longer_nor_invented() {
        let call = |value| request(0xc2, "do", "", b"", &attachments(&[("timeout", value)]));
        for value in ["1500", "soon", "0", ""] {
            assert_eq!(with_left(&call(value), 9_000), call(value));
        }
        let bare = request(0xc2, "do", "", b"", b"HZ");
        assert_eq!(with_left(&bare, 5), bare);
    }
}

mod verdicts {
    use super::*;

    fn verdict(status: u8, body: &[u8]) -> Verdict {
        let frame = framed(0x02, status, 7, body);
        Dubbo::new().classify(&head(Side::Upstream, &frame), &frame)
    }

    #[test]
    fn a_value_and_nothing_are_good_and_an_exception_is_the_applications() {
        for body in [
            &b"\x91\x01a"[..],
            b"\x92",
            b"N",
            b"\x94\x01aHZ",
            b"\x95HZ",
            b"",
        ] {
            assert_eq!(verdict(20, body), Verdict::Ok, "{body:02x?}");
        }
        assert_eq!(verdict(20, b"\x90N"), Verdict::ApplicationError);
        assert_eq!(verdict(20, b"\x93NHZ"), Verdict::ApplicationError);
    }

    #[test]
    fn a_status_tells_an_overloaded_server_from_a_failed_call() {
        assert_eq!(verdict(100, b"\x01x"), Verdict::Overload);
        assert_eq!(verdict(60, b"\x01x"), Verdict::Unavailable);
        for status in [0, 30, 31, 40, 50, 70, 80, 90, 255] {
            assert_eq!(verdict(status, b"\x01x"), Verdict::ApplicationError);
        }
    }
}

mod sayings {
    use super::*;

    #[test]
    fn a_proxy_error_is_a_response_with_status_and_text_under_the_callers_id() {
        let call = request(0xc2, "do", "", b"", b"HZ");
        let asked = asked(&call);
        for (error, status) in [
            (ProxyError::NoRoute, 60),
            (ProxyError::Deadline, 31),
            (ProxyError::Overload, 100),
            (ProxyError::Malformed, 40),
            (ProxyError::ConnectFailed, 80),
        ] {
            let what = Say::Error {
                error,
                words: "weft: no",
                asked: &asked,
            };
            assert_eq!(said(&what), framed(0x02, status, 7, b"\x08weft: no"));
        }
    }

    #[test]
    fn a_request_that_is_not_hessian_is_answered_in_hessian() {
        let asked = asked(&framed(0xc6, 0, 7, b"\"2.0.2\"\n"));
        let what = Say::Error {
            error: ProxyError::Draining,
            words: "weft: no",
            asked: &asked,
        };
        assert_eq!(said(&what), framed(0x02, 80, 7, b"\x08weft: no"));
    }

    #[test]
    fn a_heartbeat_is_answered_with_status_20_in_its_own_serialization() {
        for (flags, body, answer) in [
            (0xe2, &b"N"[..], 0x22),
            (0xa2, b"N", 0x22),
            (0xe6, b"null\n", 0x26),
            (0xe2, b"", 0x22),
        ] {
            let asked = asked(&framed(flags, 0, 3, body));
            let pong = said(&Say::Pong { asked: &asked });
            assert_eq!(pong, framed(answer, 20, 3, body));
        }
    }

    #[test]
    fn ordinary_requests_and_heartbeats_are_remembered_without_an_allocation() {
        assert!(!asked(&framed(0xe2, 0, 3, &[0; 32])).bytes.spilled());
        let long = asked(&framed(0xe2, 0, 3, &[0; 1000]));
        assert_eq!(long.bytes.len(), 9);
        assert!(!asked(&request(0xc2, "do", "", b"", b"HZ")).bytes.spilled());
    }
}

mod parts {
    use super::*;

    fn named(frame: &[u8]) -> Vec<String> {
        let mut parts = Parts::default();
        Dubbo::new().parts(Side::Downstream, None, frame, &mut parts);
        let list = parts.list().iter();
        list.map(|part| format!("{} {}", part.name, part.value))
            .collect()
    }

    #[test]
    fn a_requests_parts_are_named_to_the_last_attachment() {
        let frame = request(0xc2, "do", "I", b"\x91", &attachments(&[("group", "blue")]));
        let expected = [
            "magic Dubbo",
            "flags request, two-way, hessian2",
            "status (of responses only) ",
            "id 7",
            "body length 44",
            "Dubbo's version \"2.0.2\"",
            "path \"com.lab.Echo\"",
            "version \"1.0.0\"",
            "method \"do\"",
            "parameter types \"I\"",
            "argument 0 1",
            "attachments ",
            "group \"blue\"",
        ];
        assert_eq!(named(&frame), expected);
        // What is cut off is not guessed.
        assert_eq!(
            named(&frame[..40])[5..],
            [
                "Dubbo's version \"2.0.2\"",
                "path \"com.lab.Echo\"",
                "body ",
            ]
        );
        assert_eq!(named(&frame[..9]), ["header (incomplete) "]);
        assert_eq!(named(b"GET /"), ["unreadable "]);
    }

    #[test]
    fn statuses_kinds_and_events_are_told_in_words() {
        let end = |flags, status, body: &[u8]| {
            let named = named(&framed(flags, status, 7, body));
            named[5..].join("; ")
        };
        assert_eq!(
            end(0x02, 20, b"\x91\x01a"),
            "kind of result 1 (value); value \"a\""
        );
        assert_eq!(end(0x02, 80, b"\x01a"), "error \"a\"");
        assert_eq!(end(0xe2, 0, b"N"), "event null (heartbeat)");
        assert_eq!(end(0xa2, 0, b"\x01R"), "event \"R\" (takes nothing new)");
        assert_eq!(
            named(&framed(0x02, 31, 7, b""))[2],
            "status 31 (server time-out)"
        );
    }
}
