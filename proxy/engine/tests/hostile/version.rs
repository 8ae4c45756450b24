//! A protocol gets another description while its clients are connected: what one version noted
//! of a request, no other version reads. The codec of these tests panics if it must.

use std::sync::Arc;
use std::time::Duration;

use weft_codec::{Correlation, Kind, Order};
use weft_engine::{CloseCause, ConnId, Settings};

use crate::codec::{Tiny, frame};
use crate::harness::{Harness, World};

fn world(version: u8) -> World {
    World::new(Tiny {
        version,
        ..Tiny::new(Correlation::ById, Order::AsReady)
    })
}

/// Answers everything that was sent on these lanes with its own body.
fn echo(mesh: &mut Harness, lanes: &[ConnId]) -> usize {
    let mut echoed = 0;
    for lane in lanes {
        for (id, body) in mesh.frames(*lane) {
            mesh.answer(*lane, id, &body);
            echoed += 1;
        }
    }
    echoed
}

fn well(mesh: &Harness) {
    let counters = mesh.snapshot().counters;
    assert_eq!(counters.codec_panics, 0, "{:?}", mesh.reports);
    assert_eq!(counters.failed, [0; 12], "{:?}", mesh.reports);
}

#[test]
fn an_idle_client_and_a_new_one_take_the_new_version() {
    let mut mesh = Harness::new(&world(1), Settings::default());
    let idle = mesh.client();
    mesh.request(idle, 1, "old");
    let old = mesh.connect();
    echo(&mut mesh, &old);
    assert_eq!(mesh.frames(idle).len(), 1);
    mesh.reload(&world(2));
    assert_eq!(mesh.closed.get(&old[0]), Some(&CloseCause::Drained));
    let new = mesh.client();
    mesh.request(idle, 2, "x");
    mesh.request(new, 1, "y");
    let lanes = mesh.connect();
    assert_eq!(echo(&mut mesh, &lanes), 2);
    assert_eq!(mesh.frames(idle), [(2, "x".to_owned())]);
    assert_eq!(mesh.frames(new), [(1, "y".to_owned())]);
    well(&mesh);
}

#[test]
fn a_busy_client_keeps_its_version_until_nothing_is_in_flight() {
    let mut mesh = Harness::new(&world(1), Settings::default());
    let client = mesh.client();
    mesh.request(client, 1, "in flight");
    let old = mesh.connect();
    let sent = mesh.frames(old[0]);
    mesh.reload(&world(2));
    // The old lane takes nothing new: the next request of the old version gets a lane of it.
    mesh.request(client, 2, "still old");
    let between = mesh.connect();
    assert_eq!(between.len(), 1);
    mesh.answer(old[0], sent[0].0, "late");
    assert_eq!(mesh.frames(client), [(1, "late".to_owned())]);
    assert_eq!(echo(&mut mesh, &between), 1);
    assert_eq!(mesh.frames(client), [(2, "still old".to_owned())]);
    // Now it is idle, and of the new version.
    mesh.request(client, 3, "new");
    let new = mesh.connect();
    assert_eq!(new.len(), 1, "a lane of the new version");
    assert_eq!(echo(&mut mesh, &new), 1);
    assert_eq!(mesh.frames(client), [(3, "new".to_owned())]);
    well(&mesh);
}

#[test]
fn half_a_frame_is_finished_by_the_version_that_began_it() {
    let mut mesh = Harness::new(&world(1), Settings::default());
    let client = mesh.client();
    let request = frame(Kind::Request, 7, b"in two halves");
    mesh.feed(client, &request[..9]);
    mesh.reload(&world(2));
    mesh.feed(client, &request[9..]);
    let lanes = mesh.connect();
    assert_eq!(echo(&mut mesh, &lanes), 1);
    assert_eq!(mesh.frames(client), [(7, "in two halves".to_owned())]);
    mesh.request(client, 8, "new");
    let lanes = mesh.connect();
    assert_eq!(echo(&mut mesh, &lanes), 1);
    assert_eq!(mesh.frames(client).len(), 1);
    well(&mesh);
}

#[test]
fn what_waits_for_a_lane_goes_to_one_of_its_own_version() {
    let mut world_1 = world(1);
    world_1.policy.lanes.lanes_max = 1;
    world_1.policy.lanes.depth = 1;
    let mut world_2 = world(2);
    world_2.policy = world_1.policy.clone();
    let mut mesh = Harness::new(&world_1, Settings::default());
    let client = mesh.client();
    for id in 0..4 {
        mesh.request(client, id, "queued");
    }
    let old = mesh.connect();
    mesh.reload(&world_2);
    let mut lanes = old;
    let mut answered = 0;
    for _ in 0..20 {
        answered += echo(&mut mesh, &lanes);
        lanes.extend(mesh.connect());
        mesh.pass(Duration::from_millis(100));
    }
    assert_eq!(answered, 4);
    assert_eq!(mesh.frames(client).len(), 4);
    well(&mesh);
}

#[test]
fn a_request_in_pieces_is_finished_by_the_version_that_began_it() {
    let mut mesh = Harness::new(&world(1), Settings::default());
    let client = mesh.client();
    let request = frame(Kind::Request, 7, &[b'x'; 300]);
    mesh.feed(client, &request[..100]);
    let old = mesh.connect();
    mesh.reload(&world(2));
    mesh.feed(client, &request[100..]);
    assert_eq!(echo(&mut mesh, &old), 1);
    assert_eq!(mesh.frames(client)[0].1.len(), 300);
    mesh.request(client, 8, "new");
    let lanes = mesh.connect();
    assert_eq!(echo(&mut mesh, &lanes), 1);
    well(&mesh);
}

#[test]
fn a_third_version_ends_the_clients_of_the_first_when_they_are_answered() {
    let mut mesh = Harness::new(&world(1), Settings::default());
    let (first, second) = (mesh.client(), mesh.client());
    mesh.request(first, 1, "first");
    let old = mesh.connect();
    mesh.reload(&world(2));
    mesh.request(second, 1, "second");
    let between = mesh.connect();
    mesh.reload(&world(3));
    // The first is drained, the second keeps the version before the last.
    mesh.request(first, 2, "not taken any more");
    mesh.request(second, 2, "taken");
    let last = mesh.connect();
    let lanes: Vec<ConnId> = [old, between, last].concat();
    assert_eq!(echo(&mut mesh, &lanes), 3);
    assert_eq!(mesh.frames(first), [(1, "first".to_owned())]);
    assert_eq!(mesh.frames(second).len(), 2);
    assert_eq!(mesh.closed.get(&first), Some(&CloseCause::Drained));
    assert!(!mesh.closed.contains_key(&second));
    mesh.request(second, 3, "of the last version");
    let lanes = mesh.connect();
    assert_eq!(echo(&mut mesh, &lanes), 1);
    well(&mesh);
}

#[test]
fn a_reload_that_changes_no_description_ends_nobody() {
    let mut mesh = Harness::new(&world(1), Settings::default());
    let client = mesh.client();
    mesh.request(client, 1, "old");
    let old = mesh.connect();
    let second = world(2);
    mesh.reload(&second);
    for _ in 0..3 {
        mesh.reload(&World {
            codec: Arc::clone(&second.codec),
            ..second.clone()
        });
    }
    assert_eq!(echo(&mut mesh, &old), 1);
    assert_eq!(mesh.frames(client).len(), 1);
    assert!(!mesh.closed.contains_key(&client));
    well(&mesh);
}
