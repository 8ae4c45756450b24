//! Reassembly against captures of real connections, as they were recorded and as a worse network
//! would have delivered them.

use etherparse::EtherType;
use pcap_parser::Linktype;

use crate::conversation::{Conversation, Missing};
use crate::file::{self, Ignored, Packet};
use crate::flow::Flows;
use crate::packet::{Segment, segment};
use crate::{is_capture, read};

const HEADER: &[u8] = include_bytes!("../../tests/captures/thrift-header.pcap");
const BINARY: &[u8] = include_bytes!("../../tests/captures/thrift-binary.pcap");
const REDIS: &[u8] = include_bytes!("../../tests/captures/redis.pcapng");

fn segments(capture: &[u8]) -> Vec<Segment> {
    let mut found = Vec::new();
    file::packets(capture, &mut Ignored::default(), |packet, ignored| {
        found.extend(segment(packet, ignored));
    })
    .unwrap();
    found
}

fn assembled(segments: impl IntoIterator<Item = Segment>, port: Option<u16>) -> Vec<Conversation> {
    let mut flows = Flows::new(port);
    for segment in segments {
        flows.take(segment);
    }
    flows.finish(&mut Ignored::default())
}

/// The bytes of both directions of each conversation, by its name.
fn bytes(conversations: &[Conversation]) -> Vec<(String, Vec<Vec<u8>>)> {
    let mut all: Vec<_> = conversations
        .iter()
        .map(|conversation| {
            let runs = [&conversation.downstream, &conversation.upstream];
            let runs = runs.iter().flat_map(|direction| &direction.runs);
            (
                conversation.name.clone(),
                runs.map(|run| run.bytes.clone()).collect(),
            )
        })
        .collect();
    all.sort();
    all
}

/// The packets of the first connection alone, and where in it a client's segment stands that
/// carries bytes and is neither the first nor the last that does.
fn one_connection() -> (Vec<Segment>, usize) {
    let all = segments(BINARY);
    let client = all[0].from;
    let one: Vec<_> = all
        .into_iter()
        .filter(|s| s.from == client || s.to == client)
        .collect();
    let carrying = |(_, s): &(usize, &Segment)| s.from == client && !s.bytes.is_empty();
    let middle = one.iter().enumerate().filter(carrying).nth(2).unwrap().0;
    (one, middle)
}

#[test]
fn both_directions_of_every_connection_are_put_together() {
    let binary = read(BINARY, None).unwrap();
    assert_eq!(binary.conversations.len(), 2);
    for conversation in &binary.conversations {
        assert!(conversation.name.ends_with("→ 127.0.0.1:19090"));
        assert_eq!(conversation.notes, Vec::<String>::new());
        // Six requests and five answers; the fifth request is a one-way.
        let sizes = [&conversation.downstream, &conversation.upstream].map(|d| d.bytes());
        assert!(sizes[0] > 200 && sizes[1] > 150, "{sizes:?}");
        assert!(conversation.downstream.missing.is_empty());
    }
    let redis = read(REDIS, None).unwrap();
    let names: Vec<_> = redis.conversations.iter().map(|c| &c.name).collect();
    assert!(
        names.iter().all(|name| name.ends_with("→ [::1]:19379")),
        "{names:?}"
    );
    let first = &redis.conversations[0].downstream.runs[0];
    assert!(
        first.bytes.starts_with(b"*"),
        "{}",
        first.bytes.escape_ascii()
    );
}

#[test]
fn order_repetition_and_overlap_change_no_byte() {
    let recorded = segments(HEADER);
    let expected = bytes(&assembled(recorded.clone(), None));
    assert!(expected.iter().any(|(_, runs)| runs[0].len() > 12_000));
    for seed in 0..200 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut worse = Vec::new();
        for segment in &recorded {
            // Some come in two parts that overlap, some twice.
            if segment.bytes.len() > 2 && rng.u8(..3) == 0 {
                let cut = rng.usize(1..segment.bytes.len());
                let from = rng.usize(..cut);
                let mut first = segment.clone();
                first.fin = false;
                first.bytes.truncate(cut);
                let mut second = segment.clone();
                second.syn = false;
                second.sequence = segment.sequence.wrapping_add(from as u32);
                second.bytes.drain(..from);
                worse.extend([first, second]);
            } else {
                worse.push(segment.clone());
            }
            if rng.u8(..4) == 0 {
                worse.push(segment.clone());
            }
        }
        // Each arrives up to eight places from where it was sent, but none before its SYN.
        for at in 3..worse.len() {
            let to = (at + rng.usize(..8)).min(worse.len() - 1);
            if !worse[at..=to].iter().any(|segment| segment.syn) {
                worse.swap(at, to);
            }
        }
        // Not assert_eq: nobody reads that many bytes.
        assert!(bytes(&assembled(worse, None)) == expected, "seed {seed}");
    }
}

#[test]
fn sequence_numbers_may_wrap() {
    let (recorded, _) = one_connection();
    let expected = bytes(&assembled(recorded.clone(), None));
    let client = recorded[0].from;
    // The client's numbers wrap after its 40th byte.
    let shift = 0u32.wrapping_sub(recorded[0].sequence).wrapping_sub(41);
    let shifted = recorded.into_iter().map(|mut segment| {
        if segment.from == client {
            segment.sequence = segment.sequence.wrapping_add(shift);
        } else {
            segment.acknowledges = segment.acknowledges.map(|n| n.wrapping_add(shift));
        }
        segment
    });
    assert_eq!(bytes(&assembled(shifted, None)), expected);
}

#[test]
fn a_missing_segment_is_said_with_its_offset_and_length() {
    let (mut recorded, at) = one_connection();
    let whole = assembled(recorded.clone(), None).remove(0);
    let lost = recorded.remove(at);
    let begin = recorded[0].sequence.wrapping_add(1);
    let broken = assembled(recorded, None).remove(0);
    let offset = u64::from(lost.sequence.wrapping_sub(begin));
    let before = whole.downstream.runs[0].packet_at(offset as usize - 1);
    let missing = Missing {
        offset,
        bytes: lost.bytes.len() as u64,
        after_packet: before,
    };
    assert_eq!(broken.downstream.missing, [missing]);
    assert_eq!(broken.downstream.runs.len(), 2);
    let after = &broken.downstream.runs[1];
    assert!(after.inside && after.offset == missing.offset + missing.bytes);
    assert_eq!(broken.upstream, whole.upstream);
}

#[test]
fn a_last_segment_that_is_missing_is_known_by_its_acknowledgement() {
    let (mut recorded, _) = one_connection();
    let client = recorded[0].from;
    let last = recorded
        .iter()
        .rposition(|s| s.from == client && !s.bytes.is_empty())
        .unwrap();
    let lost = recorded.remove(last);
    let conversation = assembled(recorded, None).remove(0);
    let [missing] = conversation.downstream.missing[..] else {
        panic!("{:?}", conversation.downstream.missing);
    };
    assert_eq!(missing.bytes, lost.bytes.len() as u64);
}

#[test]
fn addresses_that_are_used_again_are_another_connection() {
    let (recorded, _) = one_connection();
    let client = recorded[0].from;
    let again = recorded.clone().into_iter().map(|mut segment| {
        segment.packet += 1_000;
        let shift = if segment.from == client {
            70_000
        } else {
            90_000
        };
        let back = if segment.from == client {
            90_000
        } else {
            70_000
        };
        segment.sequence = segment.sequence.wrapping_add(shift);
        segment.acknowledges = segment.acknowledges.map(|n| n.wrapping_add(back));
        segment
    });
    let conversations = assembled(recorded.clone().into_iter().chain(again), None);
    let [first, second] = bytes(&conversations).try_into().unwrap();
    assert_eq!(first, second);
    assert_eq!(first, bytes(&assembled(recorded, None))[0]);
}

#[test]
fn a_capture_that_begins_inside_a_connection_says_so_and_takes_the_smaller_port_for_the_server() {
    let (recorded, at) = one_connection();
    let later: Vec<_> = recorded.into_iter().skip(at).collect();
    let conversation = assembled(later.clone(), None).remove(0);
    assert!(conversation.name.ends_with("→ 127.0.0.1:19090"));
    let notes = conversation.notes.join("\n");
    assert!(notes.contains("begins inside this connection"), "{notes}");
    assert!(notes.contains("taken for the server"), "{notes}");
    assert!(conversation.downstream.runs[0].inside);
    // Told which port is the server's, it believes that.
    let port = later[0].from.port();
    let turned = assembled(later.clone(), Some(port)).remove(0);
    assert!(
        turned.name.starts_with("127.0.0.1:19090 →"),
        "{}",
        turned.name
    );
    assert!(assembled(later, Some(1)).is_empty());
}

#[test]
fn a_repetition_with_other_bytes_is_noted_and_the_first_bytes_stay() {
    let (mut recorded, at) = one_connection();
    let whole = assembled(recorded.clone(), None).remove(0);
    let mut forged = recorded[at].clone();
    forged.packet = 999;
    forged.bytes[5] ^= 0xff;
    recorded.push(forged);
    let conversation = assembled(recorded, None).remove(0);
    assert_eq!(conversation.downstream, whole.downstream);
    let notes = conversation.notes.join("\n");
    assert!(notes.contains("packet 999 repeats bytes"), "{notes}");
}

#[test]
fn every_link_type_leads_to_the_same_segments() {
    let mut tried = 0;
    file::packets(BINARY, &mut Ignored::default(), |packet, ignored| {
        let expected = segment(packet, ignored);
        assert!(expected.is_some());
        let ip = &packet.bytes[14..];
        let kind = EtherType::IPV4.0.to_be_bytes();
        let with = |header: &[u8]| [header, ip].concat();
        let sll = [&[0; 14][..], &kind].concat();
        let sll2 = [&kind[..], &[0; 18]].concat();
        for (link, bytes) in [
            (Linktype::RAW, ip.to_vec()),
            (Linktype(12), ip.to_vec()),
            (Linktype::NULL, with(&[2, 0, 0, 0])),
            (Linktype::LINUX_SLL, with(&sll)),
            (Linktype(276), with(&sll2)),
        ] {
            let other = Packet {
                link,
                bytes: &bytes,
                ..packet
            };
            assert_eq!(segment(other, ignored), expected, "{link:?}");
            tried += 1;
        }
        let unknown = Packet {
            link: Linktype(147),
            ..packet
        };
        assert_eq!(segment(unknown, ignored), None);
        assert_eq!(ignored.link.map(|(_, link)| link), Some(147));
    })
    .unwrap();
    assert!(tried > 100, "{tried}");
}

#[test]
fn a_file_that_ends_early_gives_what_is_there_and_says_so() {
    let cut = &BINARY[..BINARY.len() - 7];
    let captured = read(cut, None).unwrap();
    assert_eq!(captured.conversations.len(), 2);
    let notes = captured.notes.join("\n");
    assert!(notes.contains("ends inside a packet"), "{notes}");
    for end in 0..REDIS.len() {
        // Nothing to assert but that it comes back.
        let _read = read(&REDIS[..end], None);
    }
}

#[test]
fn bytes_that_are_no_capture_are_refused() {
    assert!(is_capture(BINARY) && is_capture(REDIS));
    assert!(!is_capture(b"*1\r\n$4\r\nPING\r\n") && !is_capture(b"\xa1\xb2"));
    let error = read(b"\x0a\x0d\x0d\x0a but nothing else", None).unwrap_err();
    assert!(format!("{error:#}").contains("cannot be read"), "{error:#}");
    let error = read(BINARY, Some(1)).unwrap_err().to_string();
    assert!(error.contains("at port 1"), "{error}");
}

#[test]
fn packets_that_were_cut_by_the_capture_leave_a_hole() {
    let mut flows = Flows::new(None);
    let mut ignored = Ignored::default();
    file::packets(HEADER, &mut ignored, |packet, ignored| {
        let kept = packet.bytes.len().min(500);
        let cut = Packet {
            bytes: &packet.bytes[..kept],
            ..packet
        };
        if let Some(segment) = segment(cut, ignored) {
            flows.take(segment);
        }
    })
    .unwrap();
    let conversations = flows.finish(&mut ignored);
    assert_eq!(ignored.cut, 4);
    let missing = conversations.iter().flat_map(|c| &c.downstream.missing);
    assert!(missing.map(|m| m.bytes).sum::<u64>() > 8_000);
}
