//! Silent servers are pinged and dropped; servers and clients are told what the mesh knows.

use std::time::Duration;

use weft_codec::{Correlation, Kind, Order};
use weft_engine::{CloseCause, Settings};
use weft_model::{Patterns, TextMatch};

use crate::codec::{Tiny, frame};
use crate::harness::{Harness, World, instance};

const MS: Duration = Duration::from_millis(1);

fn world() -> World {
    let mut world = World::new(Tiny::new(Correlation::ById, Order::AsReady));
    world.policy.idempotent = Patterns(vec![TextMatch::Any]);
    world
}

fn polite() -> World {
    let mut tiny = Tiny::new(Correlation::ById, Order::AsReady);
    tiny.traits.says.cancel = true;
    tiny.traits.says.go_away = true;
    World::new(tiny)
}

#[test]
fn a_lane_that_is_silent_with_work_is_pinged_and_dropped_and_its_work_goes_elsewhere() {
    let mut world = world();
    world.instances.push(instance("b", 2));
    let mut mesh = Harness::new(&world, Settings::default());
    let client = mesh.client();
    mesh.request(client, 1, "well");
    let lane = mesh.connect()[0];
    assert_eq!(mesh.frames(lane).len(), 1);
    mesh.pass(MS * 2_900);
    assert_eq!(mesh.frames(lane), [], "not yet");
    mesh.pass(MS * 200);
    let ping = mesh.frames(lane);
    assert_eq!(ping.len(), 1);
    assert_eq!(ping[0].1, "Ping");
    mesh.pass(MS * 1_800);
    assert!(!mesh.closed.contains_key(&lane), "it has two seconds");
    mesh.pass(MS * 400);
    assert_eq!(mesh.closed.get(&lane), Some(&CloseCause::Stalled));
    let mut answered = false;
    for lane in mesh.connect() {
        for (id, body) in mesh.frames(lane) {
            answered |= body == "well";
            mesh.answer(lane, id, &body.to_uppercase());
        }
    }
    assert!(answered, "sent again, long before its deadline");
    assert_eq!(mesh.frames(client), [(1, "WELL".to_owned())]);
    assert_eq!(mesh.snapshot().counters.pings_said, 1);
}

#[test]
fn a_server_that_answers_its_pings_may_take_its_time() {
    let mut mesh = Harness::new(&world(), Settings::default());
    let client = mesh.client();
    mesh.request(client, 1, "slow");
    let lane = mesh.connect()[0];
    let sent = mesh.frames(lane);
    let mut pings = Vec::new();
    for _ in 0..200 {
        mesh.pass(MS * 100);
        for (id, _) in mesh.frames(lane) {
            assert_ne!(id, sent[0].0, "an id of its own");
            pings.push(id);
            mesh.feed(lane, &frame(Kind::Pong, id, b"pong"));
        }
    }
    assert!((5..=7).contains(&pings.len()), "one per 3 s: {pings:?}");
    mesh.answer(lane, sent[0].0, "SLOW");
    assert_eq!(
        mesh.frames(client),
        [(1, "SLOW".to_owned())],
        "no pong among it"
    );
    assert_eq!(mesh.snapshot().counters.unknown_answers, 0);
}

#[test]
fn a_pong_that_answers_no_ping_is_unknown_and_an_answer_is_no_pong() {
    let mut mesh = Harness::new(&world(), Settings::default());
    let client = mesh.client();
    mesh.request(client, 1, "well");
    let lane = mesh.connect()[0];
    let sent = mesh.frames(lane);
    mesh.feed(lane, &frame(Kind::Pong, sent[0].0, b"pong"));
    mesh.pass(MS * 3_100);
    let ping = mesh.frames(lane);
    mesh.feed(lane, &frame(Kind::Answer, ping[0].0, b"answer"));
    assert_eq!(mesh.snapshot().counters.unknown_answers, 2);
    mesh.answer(lane, sent[0].0, "WELL");
    assert_eq!(mesh.frames(client), [(1, "WELL".to_owned())]);
}

#[test]
fn a_lane_that_serves_one_request_at_a_time_is_left_alone_and_an_idle_one_if_nobody_asks() {
    let mut world = world();
    world.policy.lanes.depth = 1;
    let mut mesh = Harness::new(&world, Settings::default());
    let client = mesh.client();
    mesh.request(client, 1, "slow");
    let lane = mesh.connect()[0];
    let sent = mesh.frames(lane);
    mesh.pass(MS * 20_000);
    assert_eq!(mesh.frames(lane), []);
    mesh.answer(lane, sent[0].0, "SLOW");
    mesh.pass(MS * 20_000);
    assert_eq!(mesh.frames(lane), []);
    assert!(!mesh.closed.contains_key(&lane));
}

#[test]
fn an_idle_lane_is_pinged_where_that_is_asked_for() {
    let mut world = world();
    world.policy.lanes.ping_idle = MS * 10_000;
    let mut mesh = Harness::new(&world, Settings::default());
    let client = mesh.client();
    mesh.request(client, 1, "well");
    let lane = mesh.connect()[0];
    let sent = mesh.frames(lane);
    mesh.answer(lane, sent[0].0, "WELL");
    mesh.pass(MS * 10_100);
    assert_eq!(mesh.frames(lane).len(), 1);
    mesh.pass(MS * 2_100);
    assert_eq!(mesh.closed.get(&lane), Some(&CloseCause::Stalled));
}

#[test]
fn a_server_is_told_of_requests_that_nobody_waits_for_and_their_ids_stay_taken() {
    let mut mesh = Harness::new(&polite(), Settings::default());
    let (hasty, leaver) = (mesh.client(), mesh.client());
    mesh.request(hasty, 1, "D: in a hurry");
    mesh.request(leaver, 1, "left alone");
    let lane = mesh.connect()[0];
    let sent = mesh.frames(lane);
    mesh.pass(MS * 600);
    assert_eq!(mesh.frames(lane), [(sent[0].0, "Cancel".to_owned())]);
    mesh.closed(leaver);
    assert_eq!(mesh.frames(lane), [(sent[1].0, "Cancel".to_owned())]);
    mesh.answer(lane, sent[0].0, "too late");
    mesh.answer(lane, sent[1].0, "too late");
    let counters = mesh.snapshot().counters;
    assert_eq!((counters.late_answers, counters.cancels_said), (2, 2));
    assert_eq!(mesh.frames(hasty), [(1, "!deadline".to_owned())]);
}

#[test]
fn clients_are_told_that_the_mesh_goes_down_and_what_they_asked_is_answered() {
    let mut mesh = Harness::new(&polite(), Settings::default());
    let (idle, busy) = (mesh.client(), mesh.client());
    mesh.request(busy, 1, "well");
    let lane = mesh.connect()[0];
    let sent = mesh.frames(lane);
    mesh.drain(MS * 10_000);
    assert_eq!(mesh.frames(idle), [(0, "GoAway".to_owned())]);
    assert_eq!(mesh.closed.get(&idle), Some(&CloseCause::Drained));
    assert_eq!(mesh.frames(busy), [(0, "GoAway".to_owned())]);
    mesh.answer(lane, sent[0].0, "WELL");
    assert_eq!(mesh.frames(busy), [(1, "WELL".to_owned())]);
    assert_eq!(mesh.closed.get(&busy), Some(&CloseCause::Drained));
    assert_eq!(mesh.snapshot().counters.go_aways_said, 2);
}
