use super::*;

fn sample() -> (Header, Vec<u8>) {
    let mut header = Header {
        left_ms: 1_500,
        ..Header::new(FrameKind::Request, 0x0102_0304_0506_0708)
    };
    let mut bytes = Vec::new();
    let extensions = [Extension::Source(b"edge-1"), Extension::Trace(&[7; 25])];
    header
        .write_with(&extensions, 5, &mut bytes)
        .expect("it fits");
    bytes.extend_from_slice(b"hello");
    (header, bytes)
}

#[test]
fn a_header_comes_back_as_it_was_written() {
    let (header, bytes) = sample();
    assert_eq!(bytes.len(), header.frame_bytes as usize);
    assert_eq!(Header::read(&bytes), Ok(header));
    assert_eq!(bytes.get(header.body_at()..), Some(&b"hello"[..]));
    let extensions: Vec<_> = Extensions::of(&header, &bytes).collect();
    assert_eq!(
        extensions,
        [Extension::Source(b"edge-1"), Extension::Trace(&[7; 25])]
    );
}

#[test]
fn the_page_shows_the_bytes_that_are_written() {
    let header = Header {
        frame_bytes: 29,
        left_ms: 250,
        ..Header::new(FrameKind::Request, 7)
    };
    let mut bytes = Vec::new();
    header.write(&mut bytes);
    let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let page = include_str!("../../../../docs/hop.md");
    assert!(page.contains(&hex.join(" ")), "{}", hex.join(" "));
}

#[test]
fn cut_at_every_byte_it_asks_for_more_and_never_too_much() {
    let (header, bytes) = sample();
    for end in 0..header.body_at() {
        match Header::read(&bytes[..end]) {
            Err(HeaderError::Need(need)) => {
                assert!(need > end && need <= header.body_at(), "{end}: {need}");
            }
            other => panic!("{end}: {other:?}"),
        }
    }
}

#[test]
fn an_extension_of_unknown_type_is_passed_over() {
    let (mut header, mut bytes) = sample();
    bytes.splice(24..24, [0x7F, 0xFF, 0, 3, 1, 2, 3]);
    header.extension_bytes += 7;
    header.frame_bytes += 7;
    let mut fixed = Vec::new();
    header.write(&mut fixed);
    bytes[..24].copy_from_slice(&fixed);
    assert_eq!(Header::read(&bytes), Ok(header));
    assert_eq!(Extensions::of(&header, &bytes).count(), 2);
}

#[test]
fn what_two_fields_cannot_say_together_is_refused() {
    let request = Header::new(FrameKind::Request, 1);
    let refused = [
        ("no body", Header { ..request }),
        (
            "no id",
            Header {
                id: 0,
                frame_bytes: 30,
                ..request
            },
        ),
        ("an id", Header::new(FrameKind::GoAway, 3)),
        (
            "a body",
            Header {
                frame_bytes: 30,
                ..Header::new(FrameKind::Ping, 1)
            },
        ),
        (
            "shorter than itself",
            Header {
                frame_bytes: 23,
                ..request
            },
        ),
        (
            "more requests",
            Header {
                frame_bytes: 30,
                more: true,
                ..request
            },
        ),
        (
            "not executed",
            Header {
                frame_bytes: 30,
                not_executed: true,
                ..request
            },
        ),
        (
            "silent with a body",
            Header {
                frame_bytes: 30,
                silent: true,
                ..Header::new(FrameKind::Error, 1)
            },
        ),
        (
            "a header over its limit",
            Header {
                frame_bytes: 1 << 20,
                extension_bytes: 4_073,
                ..request
            },
        ),
    ];
    for (what, header) in refused {
        let mut bytes = Vec::new();
        header.write(&mut bytes);
        bytes.resize(bytes.len() + usize::from(header.extension_bytes), 0);
        let read = Header::read(&bytes);
        assert!(
            matches!(read, Err(HeaderError::Wrong(..))),
            "{what}: {read:?}"
        );
    }
}

#[test]
fn another_protocol_and_another_version_are_told_apart() {
    let (_, mut bytes) = sample();
    let text = |bytes: &[u8]| Header::read(bytes).expect_err("refused").to_string();
    assert!(text(b"GET / HTTP/1.1\r\n").contains("not a hop frame"));
    assert!(text(b"G").contains("not a hop frame"), "by its first byte");
    bytes[3] = 2;
    assert!(text(&bytes).contains("version 2"));
    assert!(text(&bytes[..4]).contains("version 2"));
}

#[test]
fn mutated_headers_are_read_or_refused_without_a_panic() {
    let (_, sample) = sample();
    let mut rng = fastrand::Rng::with_seed(0x0077_6566_7430);
    let (mut read, mut refused) = (0, 0);
    for _ in 0..200_000 {
        let mut bytes = sample.clone();
        for _ in 0..rng.usize(1..4) {
            let at = rng.usize(..bytes.len());
            bytes[at] = rng.u8(..);
        }
        bytes.truncate(rng.usize(..=bytes.len()));
        match Header::read(&bytes) {
            Ok(header) => {
                assert!(header.body_at() <= bytes.len());
                let mut again = Vec::new();
                header.write(&mut again);
                assert_eq!(again, bytes[..24], "read is the inverse of written");
                assert!(Extensions::of(&header, &bytes).count() <= 2);
                read += 1;
            }
            Err(HeaderError::Need(need)) => assert!(need > bytes.len() && need <= HEADER_BYTES_MAX),
            Err(HeaderError::Wrong(..)) => refused += 1,
        }
    }
    assert!(read > 10_000 && refused > 10_000, "{read} {refused}");
}

#[test]
fn a_time_limit_that_does_not_fit_is_left_to_who_asks() {
    for (left_ms, said) in [(0, 0), (1, 1), (0x00FF_FFFF, 0x00FF_FFFF), (0x0100_0000, 0)] {
        let header = Header {
            left_ms,
            frame_bytes: 25,
            ..Header::new(FrameKind::Request, 1)
        };
        let mut bytes = Vec::new();
        header.write(&mut bytes);
        let read = Header::read(&bytes).expect("a header");
        assert_eq!(read.left_ms, said);
    }
}

#[test]
fn too_long_extensions_are_not_written() {
    let value = [0; 1_025];
    let mut header = Header::new(FrameKind::Request, 1);
    let mut out = Vec::new();
    let long = [Extension::Source(&value)];
    assert_eq!(header.write_with(&long, 1, &mut out), Err(NotWritable));
    let many = [Extension::Source(&value[..1_024]); 4];
    assert_eq!(header.write_with(&many, 1, &mut out), Err(NotWritable));
    assert!(out.is_empty());
}
