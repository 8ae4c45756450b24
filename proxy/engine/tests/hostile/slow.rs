//! Clients that send too slowly or do not read, clients that only seem to, and too many of them.

use std::sync::Arc;
use std::time::Duration;

use weft_codec::{Correlation, Kind, Order};
use weft_engine::{Budgets, CloseCause, Settings, Share};

use crate::codec::{Tiny, frame};
use crate::harness::{Harness, World};

const SECOND: Duration = Duration::from_secs(1);

fn mesh(order: Order) -> Harness {
    let mut world = World::new(Tiny::new(Correlation::ById, order));
    world.cut_bytes = u32::MAX;
    Harness::new(&world, Settings::default())
}

#[test]
fn a_byte_per_second_does_not_begin_the_head_timeout_anew() {
    let mut mesh = mesh(Order::AsReady);
    let client = mesh.client();
    let bytes = frame(Kind::Request, 1, &[b'x'; 50]);
    let mut sent = 0;
    for byte in &bytes {
        if mesh.closed.contains_key(&client) {
            break;
        }
        mesh.feed(client, &[*byte]);
        sent += 1;
        mesh.pass(SECOND);
    }
    assert_eq!(mesh.closed.get(&client), Some(&CloseCause::Stalled));
    // The default is 10 s, and the wheel may be late by a slot.
    assert!((10..=11).contains(&sent), "closed after {sent} bytes");
}

#[test]
fn the_head_timeout_of_a_frame_begins_when_the_frame_before_it_ended() {
    let mut mesh = mesh(Order::AsReady);
    let client = mesh.client();
    let request = frame(Kind::Request, 1, b"steady");
    let mut lanes = Vec::new();
    for _ in 0..60 {
        // Each read ends in the middle of a frame, for a minute.
        mesh.feed(client, &request[..9]);
        mesh.pass(SECOND / 2);
        mesh.feed(client, &[&request[9..], &request[..4]].concat());
        lanes.extend(mesh.connect());
        for (id, _) in mesh.frames(lanes[0]) {
            mesh.answer(lanes[0], id, "y");
        }
        mesh.take(client);
        mesh.pass(SECOND / 2);
        mesh.feed(client, &request[4..9]);
        mesh.feed(client, &request[9..]);
        for (id, _) in mesh.frames(lanes[0]) {
            mesh.answer(lanes[0], id, "y");
        }
        mesh.take(client);
    }
    assert_eq!(mesh.closed.get(&client), None);
}

#[test]
fn a_large_frame_over_a_slow_link_is_waited_for() {
    let mut mesh = mesh(Order::AsReady);
    let client = mesh.client();
    let bytes = frame(Kind::Request, 1, &[b'x'; 60_000]);
    for piece in bytes.chunks(2_000) {
        mesh.feed(client, piece);
        mesh.pass(SECOND);
    }
    assert_eq!(mesh.closed.get(&client), None);
    let lane = mesh.connect()[0];
    assert_eq!(mesh.frames(lane).len(), 1);
}

#[test]
fn a_client_that_was_not_read_is_not_told_that_it_was_slow() {
    let mut mesh = mesh(Order::AsReady);
    let client = mesh.client();
    // More in flight than a client may have, and the beginning of another frame.
    let many: Vec<u8> = (1..200)
        .flat_map(|id| frame(Kind::Request, id, b"x"))
        .collect();
    let last = frame(Kind::Request, 200, b"x");
    mesh.feed(client, &[&many[..], &last[..4]].concat());
    let lane = mesh.connect()[0];
    assert!(mesh.snapshot().clients[0].paused);
    mesh.pass(SECOND * 20);
    let mut answered = 0;
    while answered < 199 {
        for (id, _) in mesh.frames(lane) {
            mesh.answer(lane, id, "y");
            answered += 1;
        }
        mesh.take(client);
    }
    assert!(!mesh.snapshot().clients[0].paused);
    mesh.pass(SECOND * 5);
    assert_eq!(mesh.closed.get(&client), None);
    mesh.feed(client, &last[4..]);
    assert_eq!(mesh.frames(lane).len(), 1);
    // And whoever is read again and still sends nothing is closed as any other.
    mesh.take(client);
    mesh.feed(client, &last[..4]);
    mesh.pass(SECOND * 11);
    assert_eq!(mesh.closed.get(&client), Some(&CloseCause::Stalled));
}

#[test]
fn answers_for_clients_that_do_not_read_stay_within_the_budget_for_all() {
    let mut world = World::new(Tiny::new(Correlation::ById, Order::AsReady));
    world.cut_bytes = u32::MAX;
    let settings = Settings {
        answer_bytes_max: 10_000,
        ..Settings::default()
    };
    let mut mesh = Harness::new(&world, settings);
    let (deaf, other) = (mesh.client(), mesh.client());
    for id in 1..=100 {
        mesh.request(deaf, id, "x");
    }
    let lane = mesh.connect()[0];
    let large = "y".repeat(1_000);
    for (id, _) in mesh.frames(lane) {
        mesh.answer(lane, id, &large);
    }
    // Ten are kept, and of the others a few words each.
    let held = mesh.snapshot().answer_bytes;
    assert!((10_000..13_000).contains(&held), "{held} bytes are held");
    // Whoever reads gets the answer, however full it is.
    mesh.request(other, 1, "z");
    for (id, _) in mesh.frames(lane) {
        mesh.answer(lane, id, &large);
    }
    assert_eq!(mesh.frames(other), [(1, large.clone())]);
    let got = mesh.frames(deaf);
    let refused = got.iter().filter(|(_, body)| body == "!overload").count();
    assert_eq!((got.len(), refused), (100, 90));
    assert_eq!(mesh.snapshot().answer_bytes, 0);
}

#[test]
fn the_budget_for_answers_is_one_for_all_engines_of_a_process() {
    let mut world = World::new(Tiny::new(Correlation::ById, Order::AsReady));
    world.cut_bytes = u32::MAX;
    let settings = Settings {
        answer_bytes_max: 64_000,
        ..Settings::default()
    };
    let budgets = Arc::new(Budgets::new(&settings, 2));
    let large = "y".repeat(1_000);
    let mut meshes = [0, 1].map(|worker| {
        let share = Share {
            worker,
            workers: 2,
            budgets: Arc::clone(&budgets),
        };
        Harness::sharing(share, &world, settings.clone())
    });
    for mesh in &mut meshes {
        let deaf = mesh.client();
        for id in 1..=100 {
            mesh.request(deaf, id, "x");
        }
        let lane = mesh.connect()[0];
        for (id, _) in mesh.frames(lane) {
            mesh.answer(lane, id, &large);
        }
    }
    let held = meshes.each_ref().map(|mesh| mesh.snapshot().answer_bytes);
    let sum: usize = held.iter().sum();
    // Of those that are refused a few words are kept.
    assert!((60_000..70_000).contains(&sum), "{held:?} bytes are held");
}

#[test]
fn plain_bytes_for_clients_that_do_not_read_stay_within_the_budget_for_all() {
    let world = World::new(Tiny::new(Correlation::Raw, Order::AsReady));
    let settings = Settings {
        client_outbox_pause_bytes: 2_000,
        stream_spill_bytes: 50_000,
        answer_bytes_max: 100_000,
        ..Settings::default()
    };
    let mut mesh = Harness::new(&world, settings);
    let clients: Vec<_> = (0..20).map(|_| mesh.client()).collect();
    let lanes = mesh.connect();
    assert_eq!(lanes.len(), clients.len());
    for lane in &lanes {
        for _ in 0..100 {
            if !mesh.paused.contains(lane) {
                mesh.feed(*lane, &[b'x'; 1_000]);
            }
        }
    }
    // Two have their whole spill; the others what small answers may fill, and a piece.
    let held = mesh.snapshot().answer_bytes;
    assert!((100_000..160_000).contains(&held), "{held} bytes are held");
    // Whoever reads goes on all the same, piece by piece.
    let last = lanes.len() - 1;
    for _ in 0..10 {
        mesh.take(clients[last]);
        mesh.feed(lanes[last], &[b'y'; 3_000]);
        assert_eq!(mesh.take(clients[last]).len(), 3_000);
    }
}

#[test]
fn clients_with_a_lane_of_their_own_have_one_exchange_each_when_there_are_too_many() {
    let world = World::new(Tiny::new(Correlation::Bound, Order::InOrder));
    let settings = Settings {
        exchanges_max: 5,
        ..Settings::default()
    };
    let mut mesh = Harness::new(&world, settings);
    let clients: Vec<_> = (0..4).map(|_| mesh.client()).collect();
    let mut lanes = Vec::new();
    for client in &clients {
        mesh.feed(*client, &frame(Kind::Request, 1, b"x").repeat(10));
        lanes.extend(mesh.connect());
        mesh.pass(Duration::from_millis(1));
    }
    assert_eq!(mesh.snapshot().exchanges, 8);
    let mut answered = vec![0; 4];
    for _ in 0..40 {
        for (at, lane) in lanes.iter().enumerate() {
            for (id, body) in mesh.frames(*lane) {
                mesh.answer(*lane, id, &body);
                answered[at] += 1;
            }
        }
        for client in &clients {
            mesh.take(*client);
        }
    }
    assert_eq!(answered, [10; 4], "nobody is forgotten");
}
