//! Names in header maps and in hessian contents.

use super::*;

#[test]
fn a_protobuf_requests_names_stand_in_its_header_map() {
    let entries = [
        ("sofa_head_target_service", "com.lab.Echo:1.0"),
        ("sofa_head_method_name", "whoami"),
        ("uid", ""),
        ("tenant", "blue"),
    ];
    let frame = Frame {
        headers: headers(&entries),
        ..REQUEST
    }
    .bytes();
    let get = |field| ask(&frame, field);
    assert_eq!(get(Field::Service).as_deref(), Some("com.lab.Echo:1.0"));
    assert_eq!(get(Field::Method).as_deref(), Some("whoami"));
    assert_eq!(get(Field::Key("headers.tenant")).as_deref(), Some("blue"));
    assert_eq!(get(Field::Key("props.tenant")).as_deref(), Some("blue"));
    assert_eq!(get(Field::Key("headers.uid")), None);
    assert_eq!(get(Field::Key("headers.nobody")), None);
}

#[test]
fn a_header_value_that_is_nothing_is_none_and_a_broken_map_is_read_to_its_break() {
    let mut map = headers(&[("a", "1"), ("b", "")]);
    let end = map.len();
    map[end - 4..].fill(0xff);
    map.extend(headers(&[("service", "x")]));
    let frame = |map: &[u8]| {
        Frame {
            headers: map.to_vec(),
            ..REQUEST
        }
        .bytes()
    };
    let whole = frame(&map);
    assert_eq!(ask(&whole, Field::Key("headers.b")), None);
    assert_eq!(ask(&whole, Field::Service).as_deref(), Some("x"));
    let broken = frame(&map[..map.len() - 1]);
    assert_eq!(ask(&broken, Field::Service), None);
    assert_eq!(ask(&broken, Field::Key("headers.a")), None);
}

/// The object that begins the content of a hessian request, in either dialect.
fn object(dialect: Dialect) -> Vec<u8> {
    match dialect {
        Dialect::Draft => {
            b"O\x93Req\x93\x0amethodName\x17targetServiceUniqueName\x0crequestPropso\x90\
            \x06whoami\x04EchoM\x06tenant\x04blue\x01n\x95\x01tTz\x01x"
                .to_vec()
        }
        Dialect::Final => {
            b"C\x03Req\x93\x0amethodName\x17targetServiceUniqueName\x0crequestProps\x60\
            \x06whoami\x04EchoH\x06tenant\x04blue\x01n\x95\x01tTZ\x01x"
                .to_vec()
        }
    }
}

#[test]
fn a_hessian_requests_names_stand_in_its_content_in_either_dialect() {
    for dialect in [Dialect::Draft, Dialect::Final] {
        let frame = Frame {
            serialization: 1,
            content: object(dialect),
            ..REQUEST
        }
        .bytes();
        let get = |field| ask(&frame, field);
        assert_eq!(get(Field::Service).as_deref(), Some("Echo"), "{dialect:?}");
        assert_eq!(get(Field::Method).as_deref(), Some("whoami"));
        assert_eq!(get(Field::Key("props.tenant")).as_deref(), Some("blue"));
        assert_eq!(get(Field::Key("props.n")).as_deref(), Some("5"));
        assert_eq!(get(Field::Key("props.t")).as_deref(), Some("true"));
        assert_eq!(get(Field::Key("props.nobody")), None);
    }
}

#[test]
fn a_large_request_is_cut_through_with_the_same_names_as_when_it_is_whole() {
    let mut content = object(Dialect::Draft);
    content.resize(1 << 20, b'x');
    let frame = Frame {
        serialization: 1,
        headers: headers(&[("a", "b")]),
        content,
        ..REQUEST
    }
    .bytes();
    let head_bytes = 22 + 44 + 10 + 4096;
    let part = &frame[..head_bytes];
    let found = head(Side::Downstream, part);
    assert_eq!(found.head_bytes as usize, head_bytes);
    assert_eq!(found.frame_bytes as usize, frame.len());
    assert_eq!(found.cut, Cut::Cuttable);
    for field in [Field::Service, Field::Method, Field::Key("props.tenant")] {
        let codec = Bolt::new();
        let side = Side::Downstream;
        let value = |frame| codec.field(side, &found, frame, field);
        assert!(value(part).is_some());
        assert_eq!(value(part), value(&frame));
    }
}
