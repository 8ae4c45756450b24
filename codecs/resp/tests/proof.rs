//! The proof kit over real captures, and random values that no capture has.

use proptest::prelude::*;
use weft_codec::proof::{Proof, feed, linear_work};
use weft_codec::{Codec, Cut, Field, Kind, Limits, Side};
use weft_resp::Resp;

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../protocols/resp/vectors");

#[test]
fn the_codec_passes_the_proof_kit() {
    let resp = Resp::new();
    let report = Proof::new(&resp)
        .vectors(VECTORS)
        .unwrap_or_else(|error| panic!("{error}"))
        .mutations(120_000)
        .run_all()
        .unwrap_or_else(|failures| panic!("{failures}"));
    assert!(report.mutations >= 100_000);
    assert!(report.mutated_heads > 10_000, "mutants still hold frames");
}

#[test]
fn work_is_linear_in_the_bytes_of_a_nested_answer() {
    let nested = |bytes: usize| {
        let mut frame = b"*1\r\n".repeat(bytes / 4);
        frame.extend_from_slice(b"_\r\n");
        frame
    };
    linear_work(&Resp::new(), Side::Upstream, &Limits::default(), nested)
        .unwrap_or_else(|times| panic!("{times}"));
}

#[test]
fn work_is_linear_in_the_words_of_a_request() {
    let many = |bytes: usize| {
        let words = bytes / 7;
        let mut frame = format!("*{words}\r\n$3\r\nDEL\r\n").into_bytes();
        frame.extend(b"$1\r\nk\r\n".repeat(words - 1));
        frame
    };
    linear_work(&Resp::new(), Side::Downstream, &Limits::default(), many)
        .unwrap_or_else(|times| panic!("{times}"));
}

#[test]
fn work_is_linear_in_a_line_that_comes_slowly() {
    let line = |bytes: usize| {
        let mut frame = vec![b'-'];
        frame.resize(bytes - 2, b'e');
        frame.extend_from_slice(b"\r\n");
        frame
    };
    linear_work(&Resp::new(), Side::Upstream, &Limits::default(), line)
        .unwrap_or_else(|times| panic!("{times}"));
}

#[test]
fn what_follows_a_request_is_not_taken_for_more_words_of_it() {
    let resp = Resp::new();
    let effects = |bytes: &[u8]| {
        let fed = feed(&resp, Side::Downstream, &Limits::default(), [bytes]);
        fed.heads[0].effect
    };
    for command in ["CLIENT", "HELLO", "XREAD"] {
        let alone = request(&[command.as_bytes()]);
        // Of the line behind it, which begins as a word would, nothing is the request's.
        let followed = [&alone, &b"$5\r\nBLOCK\r\n"[..]].concat();
        assert_eq!(effects(&followed), effects(&alone), "{command}");
    }
}

fn request(words: &[&[u8]]) -> Vec<u8> {
    let mut frame = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        frame.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        frame.extend_from_slice(word);
        frame.extend_from_slice(b"\r\n");
    }
    frame
}

#[test]
fn a_long_value_is_cut_through_with_its_key_in_the_head() {
    let resp = Resp::new();
    let value = vec![b'v'; 1 << 20];
    let frame = request(&[b"SET", b"k{tag}", &value]);
    let limits = Limits::default();
    // The head alone is enough.
    let head_bytes = frame.len() - value.len() - 2;
    let fed = feed(&resp, Side::Downstream, &limits, [&frame[..head_bytes]]);
    let head = fed.heads[0];
    assert_eq!(head.cut, Cut::Cuttable);
    assert_eq!(head.frame_bytes as usize, frame.len());
    assert_eq!(head.head_bytes as usize, head_bytes);
    let key = resp.field(
        Side::Downstream,
        &head,
        &frame[..head_bytes],
        Field::HashKey(0),
    );
    assert_eq!(key.unwrap().to_bytes().as_ref(), b"tag");
}

#[test]
fn all_keys_come_in_one_walk() {
    let resp = Resp::new();
    let frame = request(&[b"MSET", b"{a}1", b"x", b"b", b"y", b"c", b"z"]);
    let fed = feed(&resp, Side::Downstream, &Limits::default(), [&frame[..]]);
    let keys_until = |most: usize| {
        let mut keys = Vec::new();
        resp.hash_keys(&fed.heads[0], &frame, &mut |key| {
            keys.push(key.to_vec());
            keys.len() < most
        });
        keys
    };
    assert_eq!(keys_until(9), [b"a", b"b", b"c"]);
    assert_eq!(keys_until(2), [b"a", b"b"]);
}

#[test]
fn a_long_last_word_that_is_a_key_is_awaited() {
    let resp = Resp::new();
    let key = vec![b'k'; 100 << 10];
    for words in [
        vec![&b"DEL"[..], b"a", &key],
        vec![b"EVAL", b"script", b"1", &key],
        vec![b"SUBSCRIBE", &key],
        vec![&key],
    ] {
        let frame = request(&words);
        let fed = feed(&resp, Side::Downstream, &Limits::default(), [&frame[..]]);
        assert_eq!(fed.heads[0].cut, Cut::Whole, "{}", words[0].escape_ascii());
        assert_eq!(fed.heads[0].head_bytes as usize, frame.len());
    }
}

#[test]
fn a_long_answer_is_cut_through() {
    let resp = Resp::new();
    let begin = b"*2\r\n$1\r\na\r\n$1048576\r\nbegin";
    let fed = feed(&resp, Side::Upstream, &Limits::default(), [&begin[..]]);
    assert_eq!(fed.heads[0].cut, Cut::Cuttable);
    assert_eq!(fed.heads[0].frame_bytes, 21 + (1 << 20) + 2);
    assert_eq!(fed.heads[0].head_bytes, 21);
}

#[test]
fn lengths_over_the_limits_are_refused_before_their_bytes_come() {
    let resp = Resp::new();
    for (side, bytes) in [
        (
            Side::Downstream,
            &b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4294967296\r\n"[..],
        ),
        (Side::Downstream, b"*1048576000\r\n"),
        (Side::Downstream, b"*2\r\n$99999999\r\n"),
        (Side::Upstream, b"$4294967295\r\n"),
        (Side::Upstream, b"*100000000\r\n"),
        (Side::Upstream, b"%50000000\r\n"),
        (Side::Upstream, b"$?\r\n"),
        (Side::Upstream, b"*1\r\n>1\r\n"),
    ] {
        let fed = feed(&resp, side, &Limits::default(), [bytes]);
        assert!(fed.complaint.is_some(), "{}", bytes.escape_ascii());
    }
}

/// A random RESP3 value as its bytes.
fn value() -> impl Strategy<Value = Vec<u8>> {
    let text = "[ -~]{0,20}";
    let leaf = prop_oneof![
        text.prop_map(|t| format!("+{t}\r\n").into_bytes()),
        text.prop_map(|t| format!("-ERR {t}\r\n").into_bytes()),
        any::<i64>().prop_map(|n| format!(":{n}\r\n").into_bytes()),
        Just(b"_\r\n".to_vec()),
        Just(b"#t\r\n".to_vec()),
        Just(b",-inf\r\n".to_vec()),
        Just(b"(3492890328409238509324850943850943825024385\r\n".to_vec()),
        Just(b"$-1\r\n".to_vec()),
        Just(b"*-1\r\n".to_vec()),
        (
            prop::sample::select(&b"$!="[..]),
            prop::collection::vec(any::<u8>(), 0..40)
        )
            .prop_map(|(kind, bytes)| {
                let mut out = vec![kind];
                out.extend(format!("{}\r\n", bytes.len()).bytes());
                out.extend(bytes);
                out.extend(b"\r\n");
                out
            }),
    ];
    leaf.prop_recursive(5, 40, 4, |inner| {
        (
            prop::sample::select(&b"*~%|"[..]),
            prop::collection::vec(inner.clone(), 0..4),
            inner,
        )
            .prop_map(|(kind, mut elements, after)| {
                if matches!(kind, b'%' | b'|') && elements.len() % 2 == 1 {
                    elements.pop();
                }
                let pairs = if matches!(kind, b'%' | b'|') { 2 } else { 1 };
                let mut out = vec![kind];
                out.extend(format!("{}\r\n", elements.len() / pairs).bytes());
                out.extend(elements.concat());
                if kind == b'|' {
                    out.extend(after);
                }
                out
            })
    })
}

proptest! {
    #[test]
    fn random_values_end_where_they_end_however_they_are_cut(
        values in prop::collection::vec((value(), any::<bool>()), 1..6),
        piece in 1_usize..30,
        cut_through in prop::sample::select(vec![24_u32, 65_536]),
    ) {
        let limits = Limits { cut_through_bytes: cut_through, ..Limits::default() };
        let mut stream = Vec::new();
        let mut ends = Vec::new();
        for (bytes, push) in &values {
            if *push {
                stream.extend_from_slice(b">1\r\n");
            }
            stream.extend_from_slice(bytes);
            ends.push(stream.len());
        }
        let fed = feed(&Resp::new(), Side::Upstream, &limits, stream.chunks(piece));
        prop_assert_eq!(fed.complaint, None);
        prop_assert_eq!(fed.broken, None);
        let found: Vec<_> = fed.heads.iter().map(|h| (h.start + h.frame_bytes) as usize).collect();
        prop_assert_eq!(found, ends);
        for (head, (_, push)) in fed.heads.iter().zip(&values) {
            prop_assert_eq!(head.kind, if *push { Kind::Push } else { Kind::Answer });
        }
    }

    #[test]
    fn random_requests_give_back_their_command_and_key(
        words in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..30), 1..6),
        piece in 1_usize..30,
    ) {
        let mut all: Vec<&[u8]> = vec![b"set"];
        all.extend(words.iter().map(Vec::as_slice));
        let frame = request(&all);
        let resp = Resp::new();
        let fed = feed(&resp, Side::Downstream, &Limits::default(), frame.chunks(piece));
        prop_assert_eq!(fed.heads.len(), 1);
        let field = |field| {
            let value = resp.field(Side::Downstream, &fed.heads[0], &frame, field);
            value.map(|value| value.to_bytes().into_owned())
        };
        prop_assert_eq!(field(Field::Method), Some(b"SET".to_vec()));
        prop_assert_eq!(field(Field::Key("key")), Some(words[0].clone()));
        prop_assert_eq!(field(Field::HashKey(1)), None);
    }
}

/// What CLIENT, HELLO and SCRIPT do hangs on their words: with such a word still to come they are not
/// passed on, and so are told the same however the bytes arrive.
#[test]
fn a_command_is_not_cut_before_the_words_that_say_what_it_does() {
    let limits = Limits {
        cut_through_bytes: 24,
        ..Limits::default()
    };
    let long = [b'x'; 64];
    for (words, is_cut) in [
        (&[&b"hello"[..], &long][..], false),
        (&[b"CLIENT", &long], false),
        (&[b"CLIENT", b"TRACKING", &long], false),
        (&[b"CLIENT", b"KILL", b"TYPE", &long], true),
        (&[b"SCRIPT", &long], false),
        (&[b"SCRIPT", b"LOAD", &long], true),
        (&[b"SET", b"k", &long], true),
    ] {
        let frame = request(words);
        let whole = feed(&Resp::new(), Side::Downstream, &limits, [&frame[..]]);
        for piece in 1..frame.len() {
            let fed = feed(&Resp::new(), Side::Downstream, &limits, frame.chunks(piece));
            assert_eq!(fed.heads, whole.heads, "{words:?} in pieces of {piece}");
        }
        let cut = whole.heads[0].head_bytes < whole.heads[0].frame_bytes;
        assert_eq!(cut, is_cut, "{words:?}");
    }
}
