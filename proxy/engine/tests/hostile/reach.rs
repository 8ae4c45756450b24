//! Instances, lanes and clients that must not be left behind for ever.

use std::sync::Arc;
use std::time::Duration;

use weft_codec::{Correlation, Kind, OneWayAnswers, Order};
use weft_engine::{CloseCause, Settings};

use crate::codec::{Tiny, frame};
use crate::harness::{CUT_BYTES, Harness, World, instance};

#[test]
fn an_instance_that_drained_while_it_was_down_is_tried_again_afterwards() {
    let mut world = World::new(Tiny::new(Correlation::ById, Order::AsReady));
    world.instances.push(instance("b", 2));
    let mut mesh = Harness::new(&world, Settings::default());
    let client = mesh.client();
    for id in 0..8 {
        mesh.request(client, id, "x");
    }
    assert_eq!(mesh.refuse(), 2, "both are down");
    for instance in &mut world.instances {
        instance.draining = true;
    }
    mesh.reload(&world);
    mesh.pass(Duration::from_secs(5));
    mesh.request(client, 9, "nobody is there");
    for instance in &mut world.instances {
        instance.draining = false;
    }
    mesh.reload(&world);
    mesh.request(client, 10, "somebody is");
    mesh.pass(Duration::from_millis(900));
    let lanes = mesh.connect();
    assert!(!lanes.is_empty(), "no instance is tried");
    mesh.take(client);
    let sent: usize = lanes.iter().map(|lane| mesh.frames(*lane).len()).sum();
    assert_eq!(sent, 1);
}

#[test]
fn many_one_ways_that_may_be_answered_do_not_fill_their_lanes() {
    let mut tiny = Tiny::new(Correlation::ById, Order::AsReady);
    tiny.traits.one_way_answers = OneWayAnswers::Maybe;
    let mut world = World::new(tiny);
    world.policy.lanes.lanes_max = 1;
    let mut mesh = Harness::new(&world, Settings::default());
    let client = mesh.client();
    mesh.request(client, 1, "x");
    let lane = mesh.connect()[0];
    let sent = mesh.frames(lane);
    mesh.answer(lane, sent[0].0, "x");
    let mut ids = Vec::new();
    for id in 0..2_000 {
        mesh.feed(client, &frame(Kind::OneWay, id, b"notice"));
        ids.extend(mesh.frames(lane).into_iter().map(|(id, _)| id));
    }
    assert_eq!(mesh.snapshot().counters.sent, 2_000);
    // The server answers them all the same: nobody is surprised, and nobody gets it.
    mesh.take(client);
    mesh.request(client, 7, "mine");
    for id in ids {
        mesh.answer(lane, id, "unasked");
    }
    assert_eq!(mesh.frames(client), []);
    assert!(!mesh.closed.contains_key(&lane));
}

#[test]
fn a_frame_that_waits_for_room_on_the_clients_own_lane_goes_on() {
    let world = World::new(Tiny::new(Correlation::Bound, Order::AsReady));
    let settings = Settings {
        lane_outbox_pause_bytes: 64,
        ..Settings::default()
    };
    let mut mesh = Harness::new(&world, settings);
    let client = mesh.client();
    for n in 0..6 {
        mesh.feed(client, &frame(Kind::Handshake, n, &[b'h'; 40]));
    }
    let lane = mesh.connect()[0];
    let mut sent = 0;
    for _ in 0..6 {
        sent += mesh.frames(lane).len();
    }
    assert_eq!(sent, 6);
}

#[test]
fn a_one_way_request_in_pieces_ends_with_its_lane() {
    let mut world = World::new(Tiny::new(Correlation::ById, Order::AsReady));
    world.policy.timeout = Duration::from_secs(3_600);
    let mut mesh = Harness::new(&world, Settings::default());
    let client = mesh.client();
    let large = frame(Kind::OneWay, 1, &[b'x'; CUT_BYTES as usize * 2]);
    mesh.feed(client, &large[..50]);
    let lane = mesh.connect()[0];
    mesh.take(lane);
    mesh.closed(lane);
    let snapshot = mesh.snapshot();
    assert_eq!(snapshot.exchanges, 0);
    assert_eq!(snapshot.counters.failed.iter().sum::<u64>(), 1);
}

#[test]
fn a_listener_that_speaks_another_protocol_now_closes_its_old_clients() {
    let mut world = World::new(Tiny::new(Correlation::ById, Order::AsReady));
    let mut mesh = Harness::new(&world, Settings::default());
    let client = mesh.client();
    let mut other = Tiny::new(Correlation::ById, Order::AsReady);
    other.name = "other";
    world.codec = Arc::new(other);
    mesh.reload(&world);
    assert_eq!(mesh.closed.get(&client), Some(&CloseCause::Drained));
}

#[test]
fn what_waits_behind_a_lane_that_goes_away_gets_another() {
    let mut world = World::new(Tiny::new(Correlation::ById, Order::AsReady));
    world.policy.lanes.depth = 2;
    world.policy.lanes.lanes_max = 1;
    let mut mesh = Harness::new(&world, Settings::default());
    let client = mesh.client();
    mesh.request(client, 1, "quick");
    let lane = mesh.connect()[0];
    mesh.request(client, 2, "slow");
    mesh.request(client, 3, "waits");
    mesh.feed(lane, &frame(Kind::GoAway, 0, b"g"));
    let sent = mesh.frames(lane);
    mesh.answer(lane, sent[0].0, "x");
    let lanes = mesh.connect();
    assert_eq!(lanes.len(), 1, "another lane is opened");
    assert_eq!(mesh.frames(lanes[0])[0].1, "waits");
}

#[test]
fn a_second_answer_on_an_exclusive_lane_is_not_the_next_clients() {
    let mut world = World::new(Tiny::new(Correlation::ById, Order::AsReady));
    world.policy.lanes.lanes_max = 1;
    let mut mesh = Harness::new(&world, Settings::default());
    let (one, two) = (mesh.client(), mesh.client());
    mesh.request(one, 1, "X secret");
    let lane = mesh.connect()[0];
    mesh.take(lane);
    mesh.answer(lane, 1, "for one");
    mesh.request(two, 2, "X mine");
    mesh.take(lane);
    mesh.answer(lane, 1, "for one, again");
    assert!(
        mesh.frames(two)
            .iter()
            .all(|(_, body)| body.starts_with('!')),
        "an answer reached the wrong client"
    );
}

#[test]
fn a_server_that_pings_and_does_not_read_is_not_answered_without_end() {
    let world = World::new(Tiny::new(Correlation::ById, Order::AsReady));
    let mut mesh = Harness::new(&world, Settings::default());
    let client = mesh.client();
    mesh.request(client, 1, "x");
    let lane = mesh.connect()[0];
    let pings = frame(Kind::Ping, 1, b"ping").repeat(1_000);
    for _ in 0..200 {
        mesh.feed(lane, &pings);
    }
    assert!(mesh.engine.outbox(lane).len() <= 2 << 20);
}

#[test]
fn an_id_that_was_given_again_is_not_freed_for_its_first_holder() {
    let mut tiny = Tiny::new(Correlation::ById, Order::AsReady);
    tiny.traits.one_way_answers = OneWayAnswers::Maybe;
    tiny.traits.ids = Some(weft_codec::IdDomain {
        kind: weft_codec::IdKind::Integer(1),
        wire_first: 1,
        wire_last: 2,
    });
    let mut world = World::new(tiny);
    world.policy.lanes.lanes_max = 1;
    let mut mesh = Harness::new(&world, Settings::default());
    let client = mesh.client();
    mesh.request(client, 1, "x");
    let lane = mesh.connect()[0];
    let first = mesh.frames(lane)[0].0;
    mesh.answer(lane, first, "x");
    let one_way = |mesh: &mut Harness| {
        mesh.feed(client, &frame(Kind::OneWay, 9, b"notice"));
        mesh.frames(lane)[0].0
    };
    for _ in 0..2 {
        let id = one_way(&mut mesh);
        mesh.answer(lane, id, "answered at once");
    }
    mesh.pass(Duration::from_secs(20));
    let late = one_way(&mut mesh);
    mesh.pass(Duration::from_secs(15));
    one_way(&mut mesh);
    mesh.take(client);
    mesh.request(client, 5, "mine");
    mesh.take(lane);
    mesh.answer(lane, late, "not yours");
    assert_eq!(mesh.frames(client), []);
}

#[test]
fn each_request_that_waits_for_an_instance_gives_up_at_its_own_time() {
    let mut world = World::new(Tiny::new(Correlation::ById, Order::AsReady));
    world.policy.queue.no_instance_wait = Duration::from_secs(1);
    let mut mesh = Harness::new(&world, Settings::default());
    let client = mesh.client();
    for id in 0..3 {
        mesh.request(client, id, "waits");
        mesh.refuse();
        mesh.pass(Duration::from_millis(300));
    }
    let mut gave_up = Vec::new();
    for _ in 0..12 {
        mesh.refuse();
        gave_up.push(mesh.frames(client).len());
        mesh.pass(Duration::from_millis(100));
    }
    // From 900 ms on: the first at 1,000, the others 300 and 600 ms after it.
    assert_eq!(gave_up, [0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 0]);
}
