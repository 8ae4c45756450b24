//! A codec that panics costs the connection whose bytes it read, and nothing else.

use std::time::Duration;

use weft_codec::{Correlation, Kind, Order};
use weft_engine::{CloseCause, ConnId, Settings};
use weft_model::{Balancing, Patterns, TextMatch};

use crate::codec::{Tiny, UNSPEAKABLE, frame, part};
use crate::harness::{Harness, World, instance};

/// Requests are asked for their method, so that every call is made.
fn world() -> World {
    let mut world = World::new(Tiny::new(Correlation::ById, Order::AsReady));
    world.policy.balancing = Balancing::RingHash(Some("method".into()));
    world.policy.idempotent = Patterns(vec![TextMatch::Exact("G".into())]);
    world.instances.push(instance("b", 2));
    world
}

/// One outcome for each exchange, and nothing left in any table.
fn at_rest(mesh: &Harness) {
    let snapshot = mesh.snapshot();
    let counters = &snapshot.counters;
    let ended = counters.answered
        + counters.cancelled
        + counters.sent
        + counters.failed.iter().chain(&counters.shed).sum::<u64>();
    assert_eq!(counters.accepted, ended, "one outcome each");
    assert_eq!((snapshot.exchanges, snapshot.waiting), (0, 0));
    assert_eq!((snapshot.answer_bytes, snapshot.kept_bytes), (0, 0));
}

/// A lane with one request of a bystander on it, and the wire id of that.
fn bystander(mesh: &mut Harness) -> (ConnId, ConnId, u32) {
    let client = mesh.client();
    mesh.request(client, 1, "well");
    let lane = mesh.connect()[0];
    let sent = mesh.frames(lane);
    (client, lane, sent[0].0)
}

#[test]
fn a_panic_over_a_request_ends_it_and_closes_its_client_alone() {
    for call in ["~scan", "~remember", "~field", "~emit"] {
        let mut mesh = Harness::new(&world(), Settings::default());
        let (client, lane, wire_id) = bystander(&mut mesh);
        let attacker = mesh.client();
        mesh.request(attacker, 7, "well too");
        mesh.request(attacker, 8, call);
        mesh.request(attacker, 9, "never read");
        let mut lanes = mesh.connect();
        lanes.push(lane);
        for lane in &lanes {
            for (id, body) in mesh.frames(*lane) {
                assert_eq!(body, "well too", "{call}: nothing of it was sent");
                mesh.answer(*lane, id, "WELL TOO");
            }
        }
        let got = mesh.frames(attacker);
        let answers = got.iter().filter(|(_, body)| body == "WELL TOO").count();
        assert_eq!(answers, 1, "{call}: what came before is answered, {got:?}");
        assert!(got.iter().all(|(id, _)| *id != 9), "{call}: {got:?}");
        assert_eq!(mesh.closed.get(&attacker), Some(&CloseCause::Malformed));
        mesh.answer(lane, wire_id, "WELL");
        assert_eq!(mesh.frames(client), [(1, "WELL".to_owned())], "{call}");
        assert!(!mesh.closed.contains_key(&client) && !mesh.closed.contains_key(&lane));
        // Several calls may panic over one frame, but it is one frame.
        let counters = mesh.snapshot().counters;
        assert!(counters.codec_panics >= 1, "{call}");
        assert_eq!(counters.malformed, [1, 0], "{call}");
        at_rest(&mesh);
    }
}

#[test]
fn a_panic_over_an_answer_fails_its_exchange_and_closes_the_lane() {
    for (call, whole) in [
        ("~scan", true),
        ("~classify", true),
        ("~classify", false),
        ("~emit", true),
        ("~emit", false),
    ] {
        let mut mesh = Harness::new(&world(), Settings::default());
        let (client, lane, wire_id) = bystander(&mut mesh);
        let bytes = match whole {
            true => frame(Kind::Answer, wire_id, call.as_bytes()),
            false => part(wire_id, call.as_bytes()),
        };
        mesh.feed(lane, &bytes);
        assert_eq!(mesh.closed.get(&lane), Some(&CloseCause::Malformed));
        let got = mesh.frames(client);
        assert_eq!(got.len(), 1, "{call}: one outcome, {got:?}");
        assert!(got[0].1.starts_with('!'), "{call}: in words, {got:?}");
        assert!(
            !mesh.closed.contains_key(&client),
            "{call}: the client stays"
        );
        let counters = mesh.snapshot().counters;
        assert_eq!((counters.codec_panics, counters.malformed), (1, [0, 1]));
        at_rest(&mesh);
    }
}

#[test]
fn a_panic_over_a_request_that_waited_for_its_lane_closes_its_client_and_not_the_lane() {
    let mut mesh = Harness::new(&world(), Settings::default());
    let attacker = mesh.client();
    mesh.request(attacker, 1, "~emit");
    let lane = mesh.connect()[0];
    assert_eq!(mesh.frames(lane), []);
    assert_eq!(mesh.frames(attacker), [(1, "!malformed".to_owned())]);
    assert_eq!(mesh.closed.get(&attacker), Some(&CloseCause::Malformed));
    assert!(!mesh.closed.contains_key(&lane));
    at_rest(&mesh);
}

#[test]
fn a_panic_over_the_words_of_an_error_closes_the_client_and_leaves_no_half_frame() {
    let mut mesh = Harness::new(&world(), Settings::default());
    let client = mesh.client();
    mesh.request(client, UNSPEAKABLE, "D: in a hurry");
    mesh.pass(Duration::from_secs(2));
    assert_eq!(mesh.take(client), Vec::<u8>::new());
    assert_eq!(mesh.closed.get(&client), Some(&CloseCause::Malformed));
    at_rest(&mesh);
}

#[test]
fn a_panic_over_a_ping_closes_whoever_sent_it() {
    let mut mesh = Harness::new(&world(), Settings::default());
    let (client, lane, wire_id) = bystander(&mut mesh);
    let attacker = mesh.client();
    mesh.feed(attacker, &frame(Kind::Ping, 1, b"~remember"));
    assert_eq!(mesh.closed.get(&attacker), Some(&CloseCause::Malformed));
    mesh.answer(lane, wire_id, "WELL");
    mesh.feed(lane, &frame(Kind::Ping, 1, b"~remember"));
    assert_eq!(mesh.closed.get(&lane), Some(&CloseCause::Malformed));
    assert_eq!(mesh.frames(client), [(1, "WELL".to_owned())]);
    assert!(!mesh.closed.contains_key(&client));
    at_rest(&mesh);
}
