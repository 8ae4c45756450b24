//! The codec against its vectors, and the corners that no capture has.

use weft_codec::{
    Cut, EmitError, Kind, NewId, ProxyError,
    proof::{Proof, feed, linear_work},
};
use weft_hessian2::{Dialect, Reader};

use super::*;

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../protocols/bolt/vectors");

#[test]
fn the_proof_holds_over_every_captured_frame() {
    let codec = Bolt::new();
    let report = Proof::new(&codec)
        .vectors(VECTORS)
        .unwrap_or_else(|error| panic!("{error}"))
        .mutations(mutations())
        .run_all()
        .unwrap_or_else(|failures| panic!("{failures}"));
    assert_eq!(report.vectors, 86, "{report:?}");
    assert!(report.tails > 0, "{report:?}");
    // The damage must leave something to look into, and break something.
    assert!(report.mutated_heads > 50_000, "{report:?}");
    assert!(report.mutated_complaints > 20_000, "{report:?}");
}

/// 120,000, or what the environment variable `WEFT_MUTATIONS` says.
fn mutations() -> u32 {
    let said = std::env::var("WEFT_MUTATIONS").ok();
    said.map_or(120_000, |said| said.parse().unwrap())
}

/// The parts of a frame that tests vary.
#[derive(Clone)]
struct Frame {
    version: u8,
    variant: u8,
    rpc_type: u8,
    command: u16,
    id: u32,
    serialization: u8,
    switch: u8,
    /// The time limit or the status.
    field: u32,
    class: &'static str,
    headers: Vec<u8>,
    content: Vec<u8>,
}

/// A protobuf request of version 1.
const REQUEST: Frame = Frame {
    version: 1,
    variant: 1,
    rpc_type: 1,
    command: 1,
    id: 7,
    serialization: 11,
    switch: 0,
    field: 3000,
    class: "com.alipay.sofa.rpc.core.request.SofaRequest",
    headers: Vec::new(),
    content: Vec::new(),
};

/// A protobuf answer of version 1.
const ANSWER: Frame = Frame {
    version: 1,
    variant: 1,
    rpc_type: 0,
    command: 2,
    id: 7,
    serialization: 11,
    switch: 0,
    field: 0,
    class: "",
    headers: Vec::new(),
    content: Vec::new(),
};

impl Frame {
    fn bytes(&self) -> Vec<u8> {
        let mut out = vec![self.version];
        if self.version == 2 {
            out.push(self.variant);
        }
        out.push(self.rpc_type);
        out.extend(self.command.to_be_bytes());
        out.push(1);
        out.extend(self.id.to_be_bytes());
        out.push(self.serialization);
        if self.version == 2 {
            out.push(self.switch);
        }
        let field = self.field.to_be_bytes();
        out.extend(&field[if self.rpc_type == 0 { 2 } else { 0 }..]);
        out.extend(u16::try_from(self.class.len()).unwrap().to_be_bytes());
        out.extend(u16::try_from(self.headers.len()).unwrap().to_be_bytes());
        out.extend(u32::try_from(self.content.len()).unwrap().to_be_bytes());
        out.extend(self.class.bytes());
        out.extend(&self.headers);
        out.extend(&self.content);
        if self.version == 2 && self.variant == 2 && self.switch == 1 {
            out.extend(crc32(&out));
        }
        out
    }
}

/// CRC-32 bit by bit, as its definition has it.
fn crc32(bytes: &[u8]) -> [u8; 4] {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 {
                crc >> 1 ^ 0xedb8_8320
            } else {
                crc >> 1
            };
        }
    }
    (!crc).to_be_bytes()
}

fn headers(entries: &[(&str, &str)]) -> Vec<u8> {
    let text = |text: &str| {
        let length = i32::try_from(text.len()).unwrap().to_be_bytes();
        [&length[..], text.as_bytes()].concat()
    };
    let entry = |(key, value): &(&str, &str)| [text(key), text(value)].concat();
    entries.iter().map(entry).collect::<Vec<_>>().concat()
}

fn scanned(side: Side, bytes: &[u8]) -> Result<Vec<Head>, String> {
    let fed = feed(&Bolt::new(), side, &Limits::default(), [bytes]);
    assert_eq!(fed.broken, None);
    fed.complaint
        .map_or(Ok(fed.heads), |complaint| Err(complaint.to_string()))
}

fn head(side: Side, bytes: &[u8]) -> Head {
    let heads = scanned(side, bytes).unwrap();
    assert_eq!(heads.len(), 1, "{heads:?}");
    heads[0]
}

fn complaint(bytes: &[u8]) -> String {
    scanned(Side::Downstream, bytes).unwrap_err()
}

fn ask(frame: &[u8], field: Field<'_>) -> Option<String> {
    let side = Side::Downstream;
    let value = Bolt::new().field(side, &head(side, frame), frame, field)?;
    Some(String::from_utf8(value.to_bytes().into_owned()).unwrap())
}

fn emitted(frame: &[u8], rewrite: &Rewrite<'_>) -> Result<Vec<u8>, EmitError> {
    let mut out = Vec::new();
    let side = Side::Downstream;
    Bolt::new().emit(side, &head(side, frame), frame, rewrite, &mut out)?;
    Ok(out)
}

fn asked(frame: &[u8]) -> Asked {
    let mut asked = Asked::default();
    Bolt::new().remember(&head(Side::Downstream, frame), frame, &mut asked);
    asked
}

fn said(what: &Say<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    Bolt::new().say(what, &mut out).unwrap();
    out
}

mod refusals {
    use super::*;

    #[test]
    fn other_protocols_are_named_at_their_first_byte() {
        for (bytes, name) in [
            (&b"GET / HTTP/1.1"[..], "text"),
            (b"\x16\x03\x01", "TLS"),
            (b"\xda\xbb", "Dubbo"),
            (b"\0\0\0\x20", "a length"),
            (b"\x07", "expected 1 or 2"),
        ] {
            let said = complaint(bytes);
            assert!(said.starts_with("byte 0: "), "{said}");
            assert!(said.contains(name), "{said}");
        }
    }

    #[test]
    fn an_unknown_type_or_version_is_refused_at_the_third_byte() {
        assert!(complaint(b"\x01\x03\x00").starts_with("byte 1: type 3"));
        assert!(complaint(b"\x02\x01\x03").starts_with("byte 2: type 3"));
        assert!(complaint(b"\x02\x03\x01").starts_with("byte 1: version 3"));
    }

    #[test]
    fn lengths_over_the_limits_are_refused_before_their_bytes_come() {
        let mut frame = REQUEST.bytes();
        frame[18..22].fill(0xff);
        let said = complaint(&frame);
        assert!(said.starts_with("byte 14: "), "{said}");
        assert!(said.contains("67108864"), "{said}");
        let mut frame = REQUEST.bytes();
        frame[14..18].fill(0xff);
        let said = complaint(&frame[..22]);
        assert!(said.contains("65536"), "{said}");
    }

    #[test]
    fn a_frame_with_a_wrong_checksum_is_refused_where_the_checksum_stands() {
        let frame = Frame {
            version: 2,
            variant: 2,
            switch: 1,
            ..REQUEST
        }
        .bytes();
        assert_eq!(head(Side::Downstream, &frame).cut, Cut::ChecksumTail);
        for at in 3..frame.len() {
            // Lengths, switch and type would make another frame of it.
            if (11..24).contains(&at) {
                continue;
            }
            let mut damaged = frame.clone();
            damaged[at] ^= 1;
            let said = complaint(&damaged);
            assert!(said.starts_with("byte 68: the CRC-32"), "{said}");
        }
    }

    #[test]
    fn a_first_byte_of_another_protocol_is_sniffed_out() {
        let codec = Bolt::new();
        assert_eq!(codec.sniff(b""), Sniff::Need(1));
        assert_eq!(codec.sniff(b"\x01"), Sniff::Need(4));
        assert_eq!(codec.sniff(b"\x02\x01"), Sniff::Need(5));
        assert_eq!(codec.sniff(b"\x01\x01\0\x01"), Sniff::Yes);
        assert_eq!(codec.sniff(b"\x02\x02\x01\0\0"), Sniff::Yes);
        assert_eq!(codec.sniff(b"\x01\x00"), Sniff::No);
        assert_eq!(codec.sniff(b"\x10"), Sniff::No);
    }
}

mod kinds {
    use super::*;

    #[test]
    fn type_and_command_say_what_a_frame_is() {
        for version in [1, 2] {
            for (rpc_type, command, kind) in [
                (1, 1, Kind::Request),
                (2, 1, Kind::OneWay),
                (0, 2, Kind::Answer),
                (1, 0, Kind::Ping),
                (0, 0, Kind::Pong),
            ] {
                let frame = Frame {
                    version,
                    rpc_type,
                    command,
                    ..REQUEST
                };
                assert_eq!(head(Side::Downstream, &frame.bytes()).kind, kind);
            }
        }
    }

    #[test]
    fn a_checksum_is_there_only_in_the_second_variant_of_version_2() {
        for (variant, switch, crc) in [(1, 1, 0), (2, 0, 0), (2, 1, 4), (2, 3, 4)] {
            let frame = Frame {
                version: 2,
                variant,
                switch,
                ..REQUEST
            };
            let mut bytes = frame.bytes();
            if switch == 3 {
                bytes.extend(crc32(&bytes));
            }
            let found = head(Side::Downstream, &bytes);
            assert_eq!(found.frame_bytes, 24 + 44 + crc);
        }
    }
}

mod names;

mod deadlines {
    use super::*;

    #[test]
    fn the_time_left_is_written_over_the_callers_and_never_made_longer() {
        for version in [1, 2] {
            for (said, left, after) in [(3000, 37, 37), (3000, 9000, 3000), (3000, 0, 1), (0, 5, 0)]
            {
                let call = |field| {
                    Frame {
                        version,
                        variant: version,
                        switch: version - 1,
                        field,
                        ..REQUEST
                    }
                    .bytes()
                };
                let rewrite = Rewrite {
                    id: NewId::Keep,
                    deadline_ms: Some(left),
                };
                assert_eq!(emitted(&call(said), &rewrite), Ok(call(after)));
            }
        }
        let none = Frame {
            field: u32::MAX,
            ..REQUEST
        };
        assert_eq!(ask(&none.bytes(), Field::DeadlineMs), None);
        assert_eq!(
            ask(&REQUEST.bytes(), Field::DeadlineMs).as_deref(),
            Some("3000")
        );
    }

    #[test]
    fn an_id_of_more_than_32_bits_is_not_put_in() {
        let rewrite = Rewrite {
            id: NewId::Wire(1 << 32),
            deadline_ms: None,
        };
        assert_eq!(
            emitted(&REQUEST.bytes(), &rewrite),
            Err(EmitError::Id(1 << 32))
        );
    }
}

mod verdicts {
    use super::*;

    fn verdict(frame: &Frame) -> Verdict {
        let bytes = frame.bytes();
        Bolt::new().classify(&head(Side::Upstream, &bytes), &bytes)
    }

    #[test]
    fn a_status_tells_an_overloaded_server_from_a_failed_call() {
        for (field, expected) in [
            (0, Verdict::Ok),
            (2, Verdict::ApplicationError),
            (4, Verdict::Overload),
            (6, Verdict::Unavailable),
            (7, Verdict::ApplicationError),
            (16, Verdict::Unavailable),
            (999, Verdict::ApplicationError),
        ] {
            assert_eq!(verdict(&Frame { field, ..ANSWER }), expected, "{field}");
        }
    }

    #[test]
    fn a_failure_inside_an_answer_that_succeeded_is_the_applications() {
        let protobuf = |error| Frame {
            headers: headers(&[("sofa_head_response_error", error)]),
            ..ANSWER
        };
        assert_eq!(verdict(&protobuf("true")), Verdict::ApplicationError);
        assert_eq!(verdict(&protobuf("false")), Verdict::Ok);
        let content =
            |error: u8| [&b"O\x93Res\x92\x07isError\x01vo\x90"[..], &[error], b"N"].concat();
        let hessian = |error| Frame {
            serialization: 1,
            content: content(error),
            ..ANSWER
        };
        assert_eq!(verdict(&hessian(b'T')), Verdict::ApplicationError);
        assert_eq!(verdict(&hessian(b'F')), Verdict::Ok);
    }
}

mod sayings {
    use super::*;

    fn error(call: &Frame, error: ProxyError) -> Vec<u8> {
        said(&Say::Error {
            error,
            words: "weft: no",
            asked: &asked(&call.bytes()),
        })
    }

    #[test]
    fn a_proxy_error_comes_in_the_callers_version_with_its_checksum() {
        for (version, variant, switch) in [(1, 1, 0), (2, 1, 0), (2, 2, 0), (2, 2, 1)] {
            let with = |frame: Frame| Frame {
                version,
                variant,
                switch,
                ..frame
            };
            let expected = with(Frame {
                field: 7,
                class: "com.alipay.sofa.rpc.core.response.SofaResponse",
                headers: headers(&[("sofa_head_response_error", "true")]),
                content: b"weft: no".to_vec(),
                ..ANSWER
            });
            assert_eq!(
                error(&with(REQUEST), ProxyError::Deadline),
                expected.bytes()
            );
        }
    }

    #[test]
    fn a_proxy_error_in_hessian_is_an_exception_with_the_words_as_its_message() {
        let call = Frame {
            serialization: 1,
            ..REQUEST
        };
        let bytes = error(&call, ProxyError::Overload);
        let content = bytes.len() - 134..bytes.len();
        let mut fields = Vec::new();
        let mut reader = Reader::new(Dialect::Draft, &bytes[content.clone()], 0);
        let class = reader.object(|name, value| {
            fields.push((name, value.text()));
            true
        });
        assert_eq!(reader.at(), content.len());
        assert_eq!(
            class,
            Some(&b"com.alipay.remoting.rpc.exception.RpcServerException"[..])
        );
        assert_eq!(fields[0], (&b"detailMessage"[..], Some(&b"weft: no"[..])));
        assert_eq!(bytes[10..12], [0, 4]);
    }

    #[test]
    fn each_cause_has_its_status() {
        for (cause, status) in [
            (ProxyError::NoRoute, 6),
            (ProxyError::Deadline, 7),
            (ProxyError::RateLimited, 4),
            (ProxyError::Malformed, 9),
            (ProxyError::Denied, 2),
            (ProxyError::ResetAfterSending, 5),
        ] {
            assert_eq!(error(&REQUEST, cause)[10..12], [0, status], "{cause:?}");
        }
    }

    #[test]
    fn a_heartbeat_is_answered_in_the_callers_version() {
        for (version, variant, switch) in [(1, 1, 0), (2, 1, 0), (2, 2, 1)] {
            let heartbeat = |rpc_type, field| Frame {
                version,
                variant,
                switch,
                rpc_type,
                field,
                command: 0,
                class: "",
                ..REQUEST
            };
            let asked = asked(&heartbeat(1, 3000).bytes());
            assert!(!asked.bytes.spilled());
            let pong = said(&Say::Pong { asked: &asked });
            assert_eq!(pong, heartbeat(0, 0).bytes());
        }
    }
}

#[test]
fn work_is_linear_in_the_bytes_of_a_frame_that_comes_in_pieces() {
    for switch in [0, 1] {
        linear_work(
            &Bolt::new(),
            Side::Downstream,
            &Limits {
                cut_through_bytes: u32::MAX,
                ..Limits::default()
            },
            |bytes| {
                Frame {
                    version: 2,
                    variant: 2,
                    switch,
                    content: vec![b'x'; bytes],
                    ..REQUEST
                }
                .bytes()
            },
        )
        .unwrap();
    }
}

mod parts;
