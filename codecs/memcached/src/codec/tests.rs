//! The codec against its vectors, and the corners that no capture has.

use weft_codec::{
    Cut, Effect, Kind, NewId, ProxyError,
    proof::{Proof, feed},
};

use super::*;

const VECTORS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../protocols/memcached/vectors"
);

#[test]
fn the_proof_holds_over_every_captured_frame() {
    let codec = Memcached::new();
    let report = Proof::new(&codec)
        .vectors(VECTORS)
        .unwrap_or_else(|error| panic!("{error}"))
        .mutations(120_000)
        .run_all()
        .unwrap_or_else(|failures| panic!("{failures}"));
    assert!(report.vectors >= 116, "{report:?}");
    // The damage must leave something to look into, and break something.
    assert!(report.mutated_heads > 50_000, "{report:?}");
    assert!(report.mutated_complaints > 20_000, "{report:?}");
}

fn scanned(side: Side, bytes: &[u8]) -> Result<Vec<Head>, Malformed> {
    let fed = feed(&Memcached::new(), side, &Limits::default(), [bytes]);
    assert_eq!(fed.broken, None);
    fed.complaint.map_or(Ok(fed.heads), Err)
}

fn head(side: Side, bytes: &[u8]) -> Head {
    let heads = scanned(side, bytes).unwrap();
    assert_eq!(heads.len(), 1, "{heads:?}");
    heads[0]
}

/// A frame of an operation; `status` of a request is its bucket.
fn frame(magic: u8, opcode: u8, status: u16, parts: [&[u8]; 3]) -> Vec<u8> {
    let [extras, key, value] = parts;
    let body = [extras, key, value].concat();
    let mut bytes = vec![magic, opcode];
    bytes.extend_from_slice(&u16::try_from(key.len()).unwrap().to_be_bytes());
    bytes.extend_from_slice(&[u8::try_from(extras.len()).unwrap(), 0]);
    bytes.extend_from_slice(&status.to_be_bytes());
    bytes.extend_from_slice(&u32::try_from(body.len()).unwrap().to_be_bytes());
    bytes.extend_from_slice(b"opaq");
    bytes.extend_from_slice(&[0; 8]);
    bytes.extend_from_slice(&body);
    bytes
}

fn request(opcode: u8, parts: [&[u8]; 3]) -> Vec<u8> {
    frame(0x80, opcode, 0, parts)
}

fn answer(opcode: u8, status: u16, value: &[u8]) -> Vec<u8> {
    frame(0x81, opcode, status, [b"", b"", value])
}

fn remembered(frame: &[u8]) -> Asked {
    let mut asked = Asked::default();
    Memcached::new().remember(&head(Side::Downstream, frame), frame, &mut asked);
    asked
}

fn emitted(side: Side, frame: &[u8], id: NewId<'_>) -> Result<Vec<u8>, EmitError> {
    let rewrite = Rewrite {
        id,
        deadline_ms: None,
    };
    let mut out = Vec::new();
    let head = head(side, frame);
    Memcached::new().emit(side, &head, frame, &rewrite, &mut out)?;
    Ok(out)
}

/// What a client that sent `asked` gets of a server's answer.
fn relayed(asked: &[u8], answer: &[u8]) -> Result<Vec<u8>, EmitError> {
    emitted(Side::Upstream, answer, NewId::Callers(&remembered(asked)))
}

const GET: u8 = 0x00;
const GETK: u8 = 0x0c;
const GETKQ: u8 = 0x0d;
const SET: u8 = 0x01;
const SETQ: u8 = 0x11;
const STORE: &[u8] = &[0; 8];

#[test]
fn a_quiet_operation_goes_upstream_loud_and_its_answer_comes_back_quiet() {
    let asked = request(GETKQ, [b"", b"k", b""]);
    let sent = emitted(Side::Downstream, &asked, NewId::Wire(7)).unwrap();
    assert_eq!(sent[1], GETK);
    assert_eq!(sent[12..16], [0, 0, 0, 7]);
    // A hit is told under the operation's own code and opaque, an error too; a miss is not.
    let hit = relayed(&asked, &answer(GETK, 0, b"v")).unwrap();
    assert_eq!((hit[1], &hit[12..16]), (GETKQ, &b"opaq"[..]));
    let error = relayed(&asked, &answer(GETK, 0x82, b"full")).unwrap();
    assert_eq!(error[1], GETKQ);
    let miss = relayed(&asked, &answer(GETK, 1, b"Not found")).unwrap();
    assert_eq!(miss, b"");

    let asked = request(SETQ, [STORE, b"k", b"v"]);
    let sent = emitted(Side::Downstream, &asked, NewId::Wire(7)).unwrap();
    assert_eq!(sent[1], SET);
    assert_eq!(relayed(&asked, &answer(SET, 0, b"")).unwrap(), b"");
    let refused = relayed(&asked, &answer(SET, 2, b"exists")).unwrap();
    assert_eq!(refused[1], SETQ);
}

#[test]
fn a_loud_operation_hears_of_everything() {
    let asked = request(GET, [b"", b"k", b""]);
    for status in [0, 1, 0x86] {
        let answer = answer(GET, status, b"v");
        let heard = relayed(&asked, &answer).unwrap();
        assert_eq!(heard, answer);
    }
}

#[test]
fn an_answer_to_another_operation_is_not_relayed() {
    let asked = request(GET, [b"", b"k", b""]);
    let refused = relayed(&asked, &answer(SET, 0, b"")).unwrap_err();
    assert!(refused.to_string().contains("another operation"));
}

#[test]
fn errors_are_said_to_all_but_quiet_gets_for_which_they_are_misses() {
    let value: &[u8] = b"v";
    for (opcode, extras, value, says) in [
        (GET, &b""[..], &b""[..], true),
        (SETQ, STORE, value, true),
        (GETKQ, b"", b"", false),
    ] {
        let asked = remembered(&request(opcode, [extras, b"k", value]));
        let mut out = Vec::new();
        let what = Say::Error {
            error: ProxyError::Overload,
            words: "weft: full",
            asked: &asked,
        };
        Memcached::new().say(&what, &mut out).unwrap();
        let said = answer(opcode, 0x85, b"weft: full");
        assert_eq!(out, if says { said } else { Vec::new() });
    }
}

#[test]
fn the_mesh_answers_barriers_and_farewells_itself() {
    for (opcode, effect, said) in [
        (0x0a, Effect::Local, answer(0x0a, 0, b"")),
        (0x07, Effect::Quit, answer(0x07, 0, b"")),
        (0x17, Effect::Quit, Vec::new()),
    ] {
        let frame = request(opcode, [b"", b"", b""]);
        assert_eq!(head(Side::Downstream, &frame).effect, effect);
        let mut out = Vec::new();
        let asked = remembered(&frame);
        let what = Say::Local { asked: &asked };
        Memcached::new().say(&what, &mut out).unwrap();
        assert_eq!(out, said);
    }
}

#[test]
fn what_would_end_a_servers_connection_is_refused_before_it() {
    let long = [b'k'; 251];
    for frame in [
        request(GET, [b"", b"", b""]),
        request(GET, [b"", &long, b""]),
        request(GET, [b"", b"k", b"value"]),
        request(GET, [b"\0\0\0\0", b"k", b""]),
        request(SET, [b"\0\0\0\0", b"k", b"v"]),
        request(SETQ, [b"", b"k", b"v"]),
        request(0x05, [STORE, b"k", b""]),
        request(0x0b, [b"", b"k", b""]),
    ] {
        let code = frame[1];
        assert_eq!(head(Side::Downstream, &frame).effect, Effect::Local);
        let mut out = Vec::new();
        let asked = remembered(&frame);
        let what = Say::Local { asked: &asked };
        Memcached::new().say(&what, &mut out).unwrap();
        let said = head(Side::Upstream, &out);
        assert_eq!((out[1], &out[6..8]), (code, &[0, 4][..]));
        assert_eq!(
            Memcached::new().classify(&said, &out),
            Verdict::ApplicationError
        );
    }
    let longest = request(GET, [b"", &long[..250], b""]);
    assert_eq!(head(Side::Downstream, &longest).effect, Effect::Stateless);
}

#[test]
fn logins_of_one_step_are_repeated_and_others_keep_their_lane() {
    for (opcode, key, effect) in [
        (0x20, &b""[..], Effect::Stateless),
        (0x21, b"PLAIN", Effect::Facet),
        (0x21, b"SCRAM-SHA1", Effect::Tunnel),
        (0x22, b"SCRAM-SHA1", Effect::Tunnel),
        // Nobody knows how often these are answered.
        (0x1b, b"", Effect::Tunnel),
        (0x40, b"", Effect::Tunnel),
        (0xff, b"", Effect::Tunnel),
    ] {
        let value: &[u8] = if key.is_empty() {
            b""
        } else {
            b"\0user\0secret"
        };
        let found = head(Side::Downstream, &request(opcode, [b"", key, value]));
        assert_eq!(found.effect, effect, "{opcode:#x}");
        // A server takes one login on a connection.
        assert_eq!(found.exclusive, effect == Effect::Facet, "{opcode:#x}");
    }
}

#[test]
fn statistics_go_on_until_an_empty_frame_or_an_error() {
    let more = |frame: &[u8]| head(Side::Upstream, frame).more;
    assert!(more(&frame(0x81, 0x10, 0, [b"", b"pid", b"7"])));
    assert!(!more(&answer(0x10, 0, b"")));
    assert!(!more(&answer(0x10, 1, b"Not found")));
    assert!(!more(&answer(GET, 0, b"value")));
}

#[test]
fn only_the_key_of_a_value_tells_where_a_request_belongs() {
    let key = |frame: &[u8]| {
        let head = head(Side::Downstream, frame);
        let field = Memcached::new().field(Side::Downstream, &head, frame, Field::HashKey(0));
        field.map(|value| value.to_bytes().into_owned())
    };
    assert_eq!(key(&request(SET, [STORE, b"k", b"v"])), Some(b"k".to_vec()));
    assert_eq!(key(&request(0x10, [b"", b"items", b""])), None);
    assert_eq!(key(&request(0x21, [b"", b"PLAIN", b"x"])), None);
    assert_eq!(key(&request(0x08, [b"", b"", b""])), None);
}

#[test]
fn a_long_value_is_cut_through_with_its_key_in_the_head() {
    let value = vec![b'v'; 200_000];
    let sets = request(SETQ, [STORE, b"key", &value]);
    let gets = frame(0x81, GETK, 0, [b"\0\0\0\0", b"key", &value]);
    for (side, frame, head_bytes) in [(Side::Downstream, &sets, 35), (Side::Upstream, &gets, 31)] {
        let limits = Limits::default();
        let fed = feed(&Memcached::new(), side, &limits, [&frame[..head_bytes]]);
        let head = fed.heads[0];
        assert_eq!(head.cut, Cut::Cuttable);
        assert_eq!(head.frame_bytes as usize, frame.len());
        assert_eq!(head.head_bytes as usize, head_bytes);
        assert_eq!(head.kind == Kind::Answer, side == Side::Upstream);
    }
}

#[test]
fn what_is_no_binary_memcached_is_refused_at_its_first_byte() {
    for (side, bytes, expected) in [
        (
            Side::Downstream,
            &b"get key\r\n"[..],
            "looks like memcached's text protocol",
        ),
        (Side::Downstream, b"GET / HTTP/1.1\r\n", "looks like HTTP"),
        (
            Side::Downstream,
            b"\x16\x03\x01",
            "looks like a TLS handshake",
        ),
        (Side::Downstream, b"\x81", "a client sent an answer"),
        (
            Side::Upstream,
            b"ERROR\r\n",
            "only memcached's text protocol",
        ),
        (Side::Upstream, b"\x80", "a server sent a request"),
    ] {
        let said = scanned(side, bytes).unwrap_err();
        assert_eq!(said.at, 0);
        assert!(said.reason.contains(expected), "{said}");
    }
    let mut short = request(GET, [b"", b"key", b""]);
    short[11] = 2;
    let said = scanned(Side::Downstream, &short).unwrap_err();
    assert_eq!(
        said.to_string(),
        "byte 8: a body of 2 bytes holds no 0 of extras and 3 of key"
    );
    let mut long = request(GET, [b"", b"key", b""]);
    long[8] = 0xff;
    let said = scanned(Side::Downstream, &long).unwrap_err();
    assert!(said.reason.contains("the limit of a frame is"), "{said}");
    let huge = vec![b'k'; 65_530];
    let said = scanned(Side::Downstream, &request(GET, [b"", &huge, b""])).unwrap_err();
    assert!(said.reason.contains("over the limit of a head"), "{said}");
}

#[test]
fn first_bytes_tell_the_protocol() {
    let set = request(SET, [STORE, b"k", b"v"]);
    for (prefix, expected) in [
        (&b""[..], Sniff::Need(24)),
        (&set[..4], Sniff::Need(24)),
        (&set[..], Sniff::Yes),
        (b"get k\r\n", Sniff::No),
        // Thrift without frames.
        (
            b"\x80\x01\x00\x01\x00\x00\x00\x04echo\0\0\0\x01\x0b\0\x01\0\0\0\x01a\0",
            Sniff::No,
        ),
        (b"\x80\xee", Sniff::No),
        (b"\0\0\0\x1c\x80\x01", Sniff::No),
    ] {
        assert_eq!(frame::sniff(prefix), expected, "{}", prefix.escape_ascii());
    }
}

fn named(frame: &[u8]) -> Vec<String> {
    let mut parts = Parts::default();
    Memcached::new().parts(Side::Downstream, None, frame, &mut parts);
    let list = parts.list().iter();
    list.map(|part| format!("{} {}", part.name, part.value))
        .collect()
}

#[test]
fn a_frames_parts_are_named_by_its_operation() {
    let store = request(0x11, [&[0, 0, 0, 1, 0, 0, 0, 60], b"k", b"v"]);
    let all = named(&store);
    assert_eq!(
        all[..2],
        ["magic 128 (request)", "operation 17 (SETQ)"],
        "{all:?}"
    );
    assert_eq!(
        all[9..],
        [
            "extras ",
            "flags 1",
            "expiration 60",
            "key \"k\"",
            "value \"v\"",
        ]
    );
    let miss = frame(0x81, 0x00, 1, [b"", b"", b"Not found"]);
    let all = named(&miss);
    assert_eq!(all[5], "status 1 (not found)");
    assert_eq!(all[9], "value \"Not found\"");
    // What is cut off is not guessed.
    assert_eq!(named(&store[..30]).last().unwrap(), "extras ");
    assert_eq!(named(&store[..33]).last().unwrap(), "key \"k\"");
    assert_eq!(named(&store[..23]), ["header (incomplete) "]);
    assert_eq!(named(&[b'g'; 24]), ["unreadable "]);
}
