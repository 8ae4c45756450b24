//! Clients that match answers by position: what they sent first is executed first.

use std::sync::atomic::Ordering;

use weft_codec::{Correlation, Kind, Order};
use weft_engine::{ConnId, Settings};

use crate::codec::{Tiny, frame};
use crate::harness::{Harness, World};

fn bodies(mesh: &mut Harness, lane: ConnId) -> Vec<String> {
    mesh.frames(lane)
        .into_iter()
        .map(|(_, body)| body)
        .collect()
}

#[test]
fn requests_that_lost_their_lane_go_before_the_younger_ones_that_wait() {
    let mut world = World::new(Tiny::new(Correlation::InOrder, Order::InOrder));
    world.policy.lanes.depth = 2;
    let mut mesh = Harness::new(&world, Settings::default());
    let client = mesh.client();
    mesh.request(client, 1, "1");
    let lane = mesh.connect()[0];
    for id in 2..=4 {
        mesh.request(client, id, &id.to_string());
    }
    // Two are in the lane's outbox, two wait; nothing was written.
    mesh.closed(lane);
    let mut executed = Vec::new();
    let mut lanes = Vec::new();
    for _ in 0..8 {
        lanes.extend(mesh.connect());
        for lane in lanes.clone() {
            for body in bodies(&mut mesh, lane) {
                mesh.answer(lane, 0, &body);
                executed.push(body);
            }
        }
    }
    assert_eq!(executed, ["1", "2", "3", "4"]);
    let got = mesh.frames(client);
    assert_eq!(got.len(), 4);
}

#[test]
fn a_request_that_waits_for_its_clients_lane_holds_up_nobody_else() {
    let mut world = World::new(Tiny::new(Correlation::InOrder, Order::InOrder));
    world.policy.lanes.depth = 2;
    let mut mesh = Harness::new(&world, Settings::default());
    let (slow, other) = (mesh.client(), mesh.client());
    mesh.request(slow, 1, "1");
    let first = mesh.connect()[0];
    mesh.request(other, 1, "a");
    // The first lane is full. This one must follow the client's first request on it …
    mesh.request(slow, 2, "2");
    let second = mesh.connect();
    // … and these may go elsewhere.
    let third = mesh.client();
    mesh.request(third, 1, "b");
    let mut lanes = second;
    lanes.extend(mesh.connect());
    assert!(!lanes.is_empty(), "another lane is opened");
    let sent: Vec<String> = lanes
        .iter()
        .flat_map(|lane| bodies(&mut mesh, *lane))
        .collect();
    assert_eq!(sent, ["b"]);
    assert_eq!(bodies(&mut mesh, first), ["1", "a"]);
}

#[test]
fn frames_behind_a_barrier_are_looked_at_again_when_it_is_over_and_not_before() {
    let world = World::new(Tiny::new(Correlation::ById, Order::AsReady));
    let mut mesh = Harness::new(&world, Settings::default());
    let client = mesh.client();
    let before: Vec<u8> = (1..=20)
        .flat_map(|id| frame(Kind::Request, id, b"early"))
        .collect();
    mesh.feed(client, &before);
    let lane = mesh.connect()[0];
    let sent = mesh.frames(lane);
    let mut behind = frame(Kind::Request, 21, b"Facet");
    behind.extend(frame(Kind::Request, 22, b"late"));
    mesh.feed(client, &behind);
    let scans = || world.codec.scans.load(Ordering::Relaxed);
    let held = scans();
    for (id, _) in &sent[..19] {
        mesh.answer(lane, *id, "answer");
    }
    assert_eq!((scans(), mesh.frames(client).len()), (held, 19));
    mesh.answer(lane, sent[19].0, "answer");
    assert!(scans() > held);
    let barrier = mesh.connect();
    let (id, body) = mesh.frames(barrier[0])[0].clone();
    assert_eq!(body, "Facet");
    mesh.answer(barrier[0], id, "done");
    let next = mesh.connect();
    let late: Vec<_> = [lane, barrier[0]]
        .into_iter()
        .chain(next)
        .flat_map(|lane| mesh.frames(lane))
        .collect();
    assert!(late.iter().any(|(_, body)| body == "late"), "{late:?}");
}

#[test]
fn ids_on_the_lane_do_not_loosen_the_order_of_a_client() {
    let mut world = World::new(Tiny::new(Correlation::ById, Order::InOrder));
    world.policy.lanes.depth = 2;
    let mut mesh = Harness::new(&world, Settings::default());
    let (slow, other) = (mesh.client(), mesh.client());
    mesh.request(slow, 1, "1");
    let first = mesh.connect()[0];
    mesh.request(other, 1, "a");
    // The first lane is full; a second one has room, but not for what must follow on the first.
    mesh.request(other, 2, "b");
    mesh.request(slow, 2, "2");
    let third = mesh.client();
    mesh.request(third, 1, "c");
    let second = mesh.connect();
    let sent: Vec<String> = second
        .iter()
        .flat_map(|lane| bodies(&mut mesh, *lane))
        .collect();
    assert_eq!(sent, ["c"]);
    assert_eq!(bodies(&mut mesh, first), ["1", "a"]);
}

#[test]
fn requests_by_id_that_lost_their_lane_go_before_the_younger_ones_that_wait() {
    let mut world = World::new(Tiny::new(Correlation::ById, Order::InOrder));
    world.policy.lanes.depth = 2;
    let mut mesh = Harness::new(&world, Settings::default());
    let client = mesh.client();
    mesh.request(client, 1, "1");
    let lane = mesh.connect()[0];
    for id in 2..=4 {
        mesh.request(client, id, &id.to_string());
    }
    mesh.closed(lane);
    let mut executed = Vec::new();
    let mut lanes = Vec::new();
    for _ in 0..8 {
        lanes.extend(mesh.connect());
        for lane in lanes.clone() {
            for (id, body) in mesh.frames(lane) {
                mesh.answer(lane, id, &body);
                executed.push(body);
            }
        }
    }
    assert_eq!(executed, ["1", "2", "3", "4"]);
}

#[test]
fn an_answer_that_its_caller_does_not_want_ends_its_exchange_in_silence() {
    let world = World::new(Tiny::new(Correlation::ById, Order::InOrder));
    let mut mesh = Harness::new(&world, Settings::default());
    let client = mesh.client();
    for id in 1..=4 {
        mesh.request(client, id, "x");
    }
    let lane = mesh.connect()[0];
    let wire: Vec<u32> = mesh.frames(lane).into_iter().map(|(id, _)| id).collect();
    // In its turn, before it, and the last of all.
    mesh.answer(lane, wire[2], "c");
    mesh.answer(lane, wire[1], "quiet");
    mesh.answer(lane, wire[0], "quiet");
    assert_eq!(mesh.frames(client), [(3, "c".to_owned())]);
    mesh.answer(lane, wire[3], "quiet");
    assert_eq!(mesh.take(client), b"");
    let snapshot = mesh.snapshot();
    assert_eq!((snapshot.exchanges, snapshot.answer_bytes), (0, 0));
    assert_eq!(snapshot.counters.answered, 4);
}

#[test]
fn a_large_answer_that_its_caller_does_not_want_is_dropped_to_its_end() {
    let world = World::new(Tiny::new(Correlation::ById, Order::InOrder));
    for turns in [[0, 1], [1, 0]] {
        let mut mesh = Harness::new(&world, Settings::default());
        let client = mesh.client();
        for id in 1..=2 {
            mesh.request(client, id, "x");
        }
        let lane = mesh.connect()[0];
        let wire: Vec<u32> = mesh.frames(lane).into_iter().map(|(id, _)| id).collect();
        let body = ["quiet", &"y".repeat(300)].concat();
        let large = frame(Kind::Answer, wire[turns[0]], body.as_bytes());
        let other = frame(Kind::Answer, wire[turns[1]], b"z");
        let (begin, rest) = large.split_at(100);
        mesh.feed(lane, begin);
        mesh.feed(lane, &[rest, &other].concat());
        let id = [2, 1][turns[0]];
        assert_eq!(mesh.frames(client), [(id, "z".to_owned())]);
        assert_eq!(mesh.snapshot().exchanges, 0);
    }
}
