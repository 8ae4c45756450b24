//! What one side writes, the other reads; and the bytes are those of the specifications.

use super::*;

const ASK: Ask<'static> = Ask {
    id: 7,
    service: "shop",
    method: "echo",
    body: (b"stamp", b"-filling"),
};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Requests and answers of the protocols that have ids.
type Side = (
    fn(&Ask<'_>, &mut Vec<u8>),
    fn(&[u8]) -> Result<Option<Request<'_>>, Nonsense>,
    fn(&Request<'_>, &Reply<'_>, &mut Vec<u8>),
    Protocol,
);

const SIDES: [Side; 3] = [
    (
        thrift::write_request,
        thrift::read_request,
        thrift::write_answer,
        Protocol::Thrift,
    ),
    (
        acme::write_request,
        acme::read_request,
        acme::write_answer,
        Protocol::Acme,
    ),
    (
        length_id::write_request,
        length_id::read_request,
        length_id::write_answer,
        Protocol::LengthId,
    ),
];

#[test]
fn a_request_and_its_answer_carry_id_method_body_and_backend() {
    for (ask, read, answer, protocol) in SIDES {
        let mut bytes = Vec::new();
        ask(&ASK, &mut bytes);
        let request = read(&bytes).unwrap().unwrap();
        assert_eq!(request.frame_bytes, bytes.len());
        assert_eq!((request.id, request.body), (7, &b"stamp-filling"[..]));
        let reply = Reply {
            error: false,
            backend: b"b1",
        };
        let mut answered = Vec::new();
        answer(&request, &reply, &mut answered);
        let read = read_answer(protocol, &answered).unwrap().unwrap();
        assert_eq!(read.frame_bytes, answered.len());
        assert_eq!((read.id, read.outcome), (Some(7), Outcome::Ok));
        let expected = match protocol {
            Protocol::Acme => (&b"stamp-filling"[..], &b"b1"[..]),
            _ => (&b"stamp-filling@b1"[..], &b""[..]),
        };
        assert_eq!((read.payload, read.backend), expected);
    }
}

#[test]
fn nothing_is_read_of_a_frame_that_is_not_whole() {
    for (ask, read, answer, protocol) in SIDES {
        let mut bytes = Vec::new();
        ask(&ASK, &mut bytes);
        let mut answered = Vec::new();
        let reply = Reply {
            error: false,
            backend: b"b1",
        };
        answer(&read(&bytes).unwrap().unwrap(), &reply, &mut answered);
        for end in 0..bytes.len() {
            assert_eq!(read(&bytes[..end]), Ok(None), "{protocol:?} {end}");
        }
        for end in 0..answered.len() {
            let cut = read_answer(protocol, &answered[..end]);
            assert_eq!(cut, Ok(None), "{protocol:?} {end}");
        }
    }
}

#[test]
fn a_backends_error_is_an_application_error() {
    for (ask, read, answer, protocol) in SIDES {
        let mut bytes = Vec::new();
        ask(&ASK, &mut bytes);
        let reply = Reply {
            error: true,
            backend: b"b1",
        };
        let mut answered = Vec::new();
        answer(&read(&bytes).unwrap().unwrap(), &reply, &mut answered);
        let read = read_answer(protocol, &answered).unwrap().unwrap();
        assert_eq!(read.outcome, Outcome::ApplicationError, "{protocol:?}");
    }
}

#[test]
fn garbage_is_called_nonsense() {
    let garbage = [0xff_u8; 64];
    for (_, read, _, protocol) in SIDES {
        assert!(read(&garbage).is_err(), "{protocol:?}");
        assert!(read_answer(protocol, &garbage).is_err(), "{protocol:?}");
    }
    assert!(read_answer(Protocol::Redis, b"hello\r\n").is_err());
    assert!(redis::read_command(b"*1\r\n!3\r\nGET\r\n").is_err());
}

#[test]
fn a_thrift_call_has_the_bytes_of_the_specification() {
    let mut bytes = Vec::new();
    thrift::write_request(&ASK, &mut bytes);
    let expected = concat!(
        "00000025", // frame length
        "80010001", // version 1, call
        "00000004",
        "6563686f", // echo
        "00000007", // sequence id
        "0b0001",
        "0000000d",
        "7374616d702d66696c6c696e67", // field 1, string
        "00"                          // stop
    );
    assert_eq!(hex(&bytes), expected);
}

#[test]
fn a_thrift_exception_is_a_proxys_only_if_the_proxy_says_so() {
    let exception = |words: &[u8]| {
        let mut bytes = vec![0x80, 1, 0, 3, 0, 0, 0, 1, b'm', 0, 0, 0, 7];
        // Apache's libraries write the message first, but nothing says they must.
        bytes.extend_from_slice(&[8, 0, 2, 0, 0, 0, 6, 11, 0, 1, 0, 0, 0]);
        bytes.push(u8::try_from(words.len()).unwrap());
        bytes.extend_from_slice(words);
        bytes.push(0);
        let mut framed = vec![0, 0, 0, u8::try_from(bytes.len()).unwrap()];
        framed.extend_from_slice(&bytes);
        framed
    };
    let read = |bytes: &[u8]| thrift::read_answer(bytes).unwrap().unwrap().outcome;
    assert_eq!(
        read(&exception(b"weft: deadline exceeded")),
        Outcome::ProxyError
    );
    assert_eq!(
        read(&exception(b"Internal error")),
        Outcome::ApplicationError
    );
}

#[test]
fn an_acme_frame_has_the_bytes_of_its_description() {
    let mut bytes = Vec::new();
    acme::write_request(&ASK, &mut bytes);
    let expected = concat!(
        "414301",
        "00",
        "0000",     // magic, request, status
        "00000007", // id
        "00000000", // no deadline
        "00000019", // bytes that follow
        "0473686f70",
        "046563686f",
        "0000", // shop, echo, no meta
        "7374616d702d66696c6c696e67"
    );
    assert_eq!(hex(&bytes), expected);
}

#[test]
fn acme_statuses_from_900_are_a_proxys() {
    let answer = |status: u16| {
        let mut bytes = b"AC\x01\x01".to_vec();
        bytes.extend_from_slice(&status.to_be_bytes());
        bytes.extend_from_slice(&[0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0]);
        acme::read_answer(&bytes).unwrap().unwrap().outcome
    };
    assert_eq!(answer(0), Outcome::Ok);
    assert_eq!(answer(503), Outcome::ApplicationError);
    assert_eq!(answer(903), Outcome::ProxyError);
}

#[test]
fn redis_commands_are_arrays_of_bulk_strings() {
    let mut bytes = Vec::new();
    redis::write_command(&[b"ECHO"], Some((b"ab", b"c")), &mut bytes);
    assert_eq!(bytes, b"*2\r\n$4\r\nECHO\r\n$3\r\nabc\r\n");
    let command = redis::read_command(&bytes).unwrap().unwrap();
    assert_eq!((command.count, command.frame_bytes), (2, bytes.len()));
    assert_eq!(command.arguments[..2], [&b"ECHO"[..], b"abc"]);
    for end in 0..bytes.len() {
        assert_eq!(redis::read_command(&bytes[..end]), Ok(None));
    }
}

#[test]
fn redis_replies_of_every_kind_are_understood() {
    let read = |bytes: &'static [u8]| {
        let answer = redis::read_answer(bytes).unwrap().unwrap();
        assert_eq!(answer.frame_bytes, bytes.len());
        (answer.outcome, answer.payload)
    };
    assert_eq!(read(b"+OK\r\n"), (Outcome::Ok, &b"OK"[..]));
    assert_eq!(read(b"$3\r\na\r\n\r\n").1, b"a\r\n");
    assert_eq!(read(b"$-1\r\n").0, Outcome::Nothing);
    assert_eq!(read(b"-ERR no\r\n").0, Outcome::ApplicationError);
    assert_eq!(read(b"-ERR weft: no\r\n").0, Outcome::ProxyError);
    assert_eq!(redis::read_answer(b"$3\r\nab"), Ok(None));
}
