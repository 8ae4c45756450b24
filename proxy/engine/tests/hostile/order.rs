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
