//! One port, several protocols: who a client is decided by its first bytes, or by its silence.

use std::sync::Arc;
use std::time::Duration;

use weft_codec::{Correlation, Kind, Order, Speaker};
use weft_engine::{CloseCause, Settings};

use crate::codec::{Tiny, frame};
use crate::harness::{Harness, SILENCE, World};

fn tiny(name: &'static str, opening: u8) -> Tiny {
    Tiny {
        name,
        opening: Some(opening),
        ..Tiny::new(Correlation::ById, Order::AsReady)
    }
}

/// `a` and `b` are known by the first letter of their first request; of `g` the server greets.
fn world() -> World {
    let mut greets = tiny("g", b'g');
    greets.traits.correlation = Correlation::Bound;
    greets.traits.speaks_first = Speaker::Upstream;
    let mut world = World::new(tiny("a", b'a'));
    world.others = vec![Arc::new(tiny("b", b'b')), Arc::new(greets)];
    world
}

#[test]
fn each_client_gets_the_service_of_its_protocol_however_its_first_bytes_are_cut() {
    let first = frame(Kind::Request, 5, b"b first");
    for cut in 0..first.len() {
        let mut mesh = Harness::new(&world(), Settings::default());
        let client = mesh.client();
        mesh.feed(client, &first[..cut]);
        assert!(mesh.connect().is_empty(), "nothing is known yet");
        mesh.feed(client, &first[cut..]);
        mesh.request(client, 6, "any method is good now");
        let lanes = mesh.connect();
        let sent = mesh.frames(lanes[0]);
        assert_eq!(sent.len(), 2, "cut at {cut}: {sent:?}");
        assert_eq!(sent[0].1, "b first");
        mesh.answer(lanes[0], sent[0].0, "one");
        mesh.answer(lanes[0], sent[1].0, "two");
        let answers = [(5, "one".to_owned()), (6, "two".to_owned())];
        assert_eq!(mesh.frames(client), answers);
    }
}

#[test]
fn protocols_share_a_port_and_no_lane() {
    let mut mesh = Harness::new(&world(), Settings::default());
    let (one, two) = (mesh.client(), mesh.client());
    mesh.request(one, 1, "a");
    mesh.request(two, 1, "b");
    let lanes = mesh.connect();
    assert_eq!(lanes.len(), 2);
    for (lane, method) in lanes.iter().zip(["a", "b"]) {
        let sent = mesh.frames(*lane);
        assert_eq!(sent.len(), 1);
        assert_eq!(sent[0].1, method);
    }
}

#[test]
fn bytes_of_no_protocol_are_refused_with_what_was_tried() {
    let mut mesh = Harness::new(&world(), Settings::default());
    let client = mesh.client();
    mesh.request(client, 1, "?");
    assert_eq!(mesh.closed.get(&client), Some(&CloseCause::Malformed));
    let said = mesh.reports.join("\n");
    assert!(said.contains("are of none of a, b, g"), "{said}");
    assert_eq!(mesh.snapshot().counters.malformed[0], 1);
}

#[test]
fn a_client_that_never_says_enough_is_closed_in_time() {
    let mut mesh = Harness::new(&world(), Settings::default());
    let client = mesh.client();
    mesh.feed(client, b"\0");
    mesh.pass(Duration::from_secs(9));
    assert!(mesh.closed.is_empty());
    mesh.pass(Duration::from_secs(2));
    assert_eq!(mesh.closed.get(&client), Some(&CloseCause::Stalled));
}

#[test]
fn a_silent_client_gets_the_protocol_whose_server_speaks_first() {
    let mut world = world();
    world.server_first = Some(2);
    let mut mesh = Harness::new(&world, Settings::default());
    let (silent, quick) = (mesh.client(), mesh.client());
    mesh.request(quick, 1, "a");
    assert_eq!(mesh.connect().len(), 1, "the quick one does not wait");
    mesh.pass(SILENCE - Duration::from_millis(20));
    assert!(mesh.connect().is_empty());
    mesh.pass(Duration::from_millis(40));
    let lanes = mesh.connect();
    assert_eq!(lanes.len(), 1);
    mesh.feed(lanes[0], &frame(Kind::Push, 0, b"welcome"));
    assert_eq!(mesh.frames(silent), [(0, "welcome".to_owned())]);
    mesh.request(silent, 9, "thanks");
    assert_eq!(mesh.frames(lanes[0]), [(9, "thanks".to_owned())]);
}

#[test]
fn without_such_a_protocol_a_silent_client_may_stay_silent() {
    let mut mesh = Harness::new(&world(), Settings::default());
    let client = mesh.client();
    mesh.pass(Duration::from_secs(3_600));
    assert!(mesh.closed.is_empty());
    mesh.request(client, 1, "b");
    assert_eq!(mesh.connect().len(), 1);
}

#[test]
fn clients_go_on_when_a_listener_gets_more_protocols_or_fewer() {
    let only = World {
        others: Vec::new(),
        ..world()
    };
    let mut mesh = Harness::new(&only, Settings::default());
    let (old, silent) = (mesh.client(), mesh.client());
    mesh.request(old, 1, "x");
    let lane = mesh.connect()[0];
    let sent = mesh.frames(lane);
    mesh.reload(&World {
        codec: Arc::clone(&only.codec),
        ..world()
    });
    mesh.answer(lane, sent[0].0, "good");
    assert_eq!(mesh.frames(old), [(1, "good".to_owned())]);
    mesh.request(old, 2, "still of the first protocol");
    assert_eq!(mesh.frames(lane).len(), 1);
    // An undecided one is of the only protocol that is left.
    let undecided = mesh.client();
    mesh.feed(undecided, &frame(Kind::Request, 3, b"late")[..4]);
    mesh.reload(&only);
    mesh.feed(undecided, &frame(Kind::Request, 3, b"late")[4..]);
    mesh.request(silent, 4, "x");
    assert_eq!(mesh.frames(lane).len(), 2);
    assert!(mesh.closed.is_empty(), "{:?}", mesh.reports);
}
