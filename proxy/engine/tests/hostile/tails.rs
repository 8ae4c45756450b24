//! Large frames with a checksum at their end, cut anywhere.

use weft_codec::{Correlation, Kind, Order};
use weft_engine::{CloseCause, ConnId, Settings};

use crate::codec::{Tiny, frame, summed};
use crate::harness::{Harness, World};

/// Where a frame of `bytes` bytes is cut, in all ways that are told apart near its end.
fn cuts(bytes: usize) -> impl Iterator<Item = [usize; 2]> {
    (bytes - 5..=bytes).flat_map(move |second| [[100, second], [second.min(bytes - 3), bytes]])
}

fn feed_rest(mesh: &mut Harness, conn: ConnId, bytes: &[u8], [first, second]: [usize; 2]) {
    if second > first {
        mesh.lend(conn, &bytes[first..second]);
    }
    if second < bytes.len() {
        mesh.feed(conn, &bytes[second..]);
    }
}

fn wire_id(frame: &[u8]) -> u32 {
    u32::from_be_bytes([frame[4], frame[5], frame[6], frame[7]])
}

#[test]
fn the_sum_at_the_end_of_a_request_follows_its_id_however_it_is_cut() {
    let body = [b'x'; 3_000];
    let request = summed(Kind::Request, 5, &body);
    for cut in cuts(request.len()) {
        let world = World::new(Tiny::new(Correlation::ById, Order::AsReady));
        let mut mesh = Harness::new(&world, Settings::default());
        let client = mesh.client();
        mesh.feed(client, &request[..cut[0]]);
        let lane = mesh.connect()[0];
        feed_rest(&mut mesh, client, &request, cut);
        let sent = mesh.take(lane);
        let id = wire_id(&sent);
        assert!(
            id != 5 && sent == summed(Kind::Request, id, &body),
            "{cut:?}"
        );
        assert!(mesh.closed.is_empty());
    }
}

#[test]
fn the_sum_at_the_end_of_an_answer_follows_its_id_also_where_it_waits_for_its_turn() {
    let body = [b'x'; 3_000];
    let first = frame(Kind::Answer, 77, b"FIRST");
    let large = summed(Kind::Answer, 5, &body);
    for (order, expected) in [
        (Order::InOrder, [&first[..], &large].concat()),
        (Order::AsReady, [&large[..], &first].concat()),
    ] {
        for cut in cuts(large.len()) {
            let world = World::new(Tiny::new(Correlation::ById, order));
            let mut mesh = Harness::new(&world, Settings::default());
            let client = mesh.client();
            mesh.request(client, 77, "first");
            let lane = mesh.connect()[0];
            mesh.request(client, 5, "large");
            let sent = mesh.frames(lane);
            let answer = summed(Kind::Answer, sent[1].0, &body);
            mesh.feed(lane, &answer[..cut[0]]);
            feed_rest(&mut mesh, lane, &answer, cut);
            mesh.answer(lane, sent[0].0, "FIRST");
            assert!(mesh.take(client) == expected, "{order:?} {cut:?}");
            assert!(mesh.closed.is_empty());
        }
    }
}

#[test]
fn a_request_whose_sum_is_wrong_goes_on_with_a_wrong_one_and_its_client_is_closed() {
    let world = World::new(Tiny::new(Correlation::ById, Order::AsReady));
    let mut mesh = Harness::new(&world, Settings::default());
    let client = mesh.client();
    let body = vec![b'x'; 3_000];
    let mut request = summed(Kind::Request, 5, &body);
    request[2_000] = b'y';
    mesh.feed(client, &request[..1_000]);
    let lane = mesh.connect()[0];
    mesh.feed(client, &request[1_000..]);
    let sent = mesh.take(lane);
    let id = wire_id(&sent);
    let mut right = summed(Kind::Request, id, &body);
    right[2_000] = b'y';
    assert_eq!(sent.len(), right.len());
    let at = sent.len() - 2;
    assert_eq!(sent[..at], right[..at]);
    let sum: u16 = sent[..at]
        .iter()
        .fold(0, |sum, byte| sum.wrapping_add(u16::from(*byte)));
    assert_ne!(sent[at..], sum.to_be_bytes());
    assert!(
        mesh.reports[0].contains("checksum at the end"),
        "{:?}",
        mesh.reports
    );
    mesh.answer(lane, id, "what the server says of it");
    mesh.frames(client);
    assert_eq!(mesh.closed.get(&client), Some(&CloseCause::Malformed));
}

#[test]
fn a_server_that_closes_over_a_wrong_sum_takes_nobody_elses_request_along() {
    let world = World::new(Tiny::new(Correlation::ById, Order::AsReady));
    let mut mesh = Harness::new(&world, Settings::default());
    let (vandal, other) = (mesh.client(), mesh.client());
    let request = summed(Kind::Request, 5, &[b'x'; 3_000]);
    mesh.feed(other, &request[..1_000]);
    let lane = mesh.connect()[0];
    mesh.feed(other, &request[1_000..]);
    let mut damaged = request;
    damaged[2_000] = b'y';
    mesh.feed(vandal, &damaged[..1_000]);
    let doubted = mesh.connect().first().copied().unwrap_or(lane);
    mesh.feed(vandal, &damaged[1_000..]);
    let id = wire_id(&mesh.take(lane));
    mesh.closed(doubted);
    mesh.answer(lane, id, "well");
    assert_eq!(mesh.frames(other), [(5, "well".to_owned())]);
    assert!(!mesh.closed.contains_key(&other));
}

#[test]
fn a_codec_that_panics_over_a_piece_costs_only_its_connection() {
    let world = World::new(Tiny::new(Correlation::ById, Order::AsReady));
    let mut mesh = Harness::new(&world, Settings::default());
    let (client, other) = (mesh.client(), mesh.client());
    let body = [&[b'x'; 3_000][..], b"~tail", &[b'x'; 500]].concat();
    let request = summed(
        Kind::Request,
        5,
        &[&[b'x'; 3_005][..], &[b'x'; 500]].concat(),
    );
    let at = request.len() - 502;
    let mut panics = request.clone();
    panics[at - 5..at].copy_from_slice(b"~tail");
    assert_eq!(body.len(), 3_505);
    mesh.feed(client, &panics[..1_000]);
    let lane = mesh.connect()[0];
    mesh.feed(client, &panics[1_000..at]);
    mesh.feed(client, &panics[at..]);
    mesh.take(lane);
    mesh.closed(lane);
    mesh.take(client);
    assert_eq!(mesh.closed.get(&client), Some(&CloseCause::Malformed));
    mesh.request(other, 1, "still served");
    let lanes = mesh.connect();
    let id = mesh.frames(lanes[0])[0].0;
    mesh.answer(lanes[0], id, "yes");
    assert_eq!(mesh.frames(other), [(1, "yes".to_owned())]);
}
