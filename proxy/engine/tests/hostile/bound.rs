//! Clients with a lane of their own: what they say last, and what they say without their name; and
//! logins that a connection takes only once.

use std::time::Duration;

use weft_codec::{Correlation, Kind, Order};
use weft_engine::{CloseCause, ConnId, Settings};
use weft_model::{Match, TextMatch};

use crate::codec::{Tiny, frame};
use crate::harness::{Harness, World};

fn bound() -> World {
    World::new(Tiny::new(Correlation::Bound, Order::InOrder))
}

/// A client that has opened a tunnel, and its lane.
fn tunnel(world: &World) -> (Harness, ConnId, ConnId) {
    let mut mesh = Harness::new(world, Settings::default());
    let client = mesh.client();
    mesh.request(client, 1, "T: it's me");
    let lane = mesh.connect()[0];
    assert_eq!(mesh.frames(lane), [(1, "T: it's me".to_owned())]);
    (mesh, client, lane)
}

#[test]
fn what_a_client_says_last_goes_out_before_its_lane_closes() {
    let (mut mesh, client, lane) = tunnel(&bound());
    mesh.feed(client, &frame(Kind::Handshake, 0, b"farewell"));
    mesh.ended(client);
    assert_eq!(mesh.closed.get(&lane), None);
    assert_eq!(mesh.frames(lane), [(0, "farewell".to_owned())]);
    assert_eq!(mesh.closed.get(&lane), Some(&CloseCause::PeerGone));
    assert_eq!(mesh.snapshot().clients.len(), 0);
}

#[test]
fn so_does_what_it_said_before_its_connection_broke() {
    let (mut mesh, client, lane) = tunnel(&bound());
    mesh.one_way(client, "one");
    mesh.one_way(client, "two");
    mesh.closed(client);
    mesh.wrote(lane, 5);
    assert_eq!(mesh.closed.get(&lane), None);
    // What the server says to nobody disturbs nothing.
    mesh.feed(lane, &frame(Kind::Push, 0, b"news"));
    mesh.answer(lane, 1, "late");
    assert!(mesh.take(lane).ends_with(b"two"));
    assert_eq!(mesh.closed.get(&lane), Some(&CloseCause::PeerGone));
    assert_eq!(mesh.snapshot().counters.unknown_answers, 0);
}

#[test]
fn a_client_that_breaks_off_inside_a_frame_takes_its_lane_with_it() {
    let (mut mesh, client, lane) = tunnel(&bound());
    let large = frame(Kind::OneWay, 0, &[b'x'; 300]);
    mesh.feed(client, &large[..200]);
    mesh.closed(client);
    assert_eq!(mesh.closed.get(&lane), Some(&CloseCause::PeerGone));
}

#[test]
fn a_server_that_does_not_read_the_last_words_holds_the_lane_for_a_bounded_time() {
    let (mut mesh, client, lane) = tunnel(&bound());
    mesh.feed(client, &frame(Kind::Handshake, 0, b"farewell"));
    mesh.ended(client);
    mesh.pass(Settings::default().frame_stall_timeout + Duration::from_secs(1));
    assert_eq!(mesh.closed.get(&lane), Some(&CloseCause::Stalled));
}

#[test]
fn a_drain_does_not_cut_last_words_off_before_its_grace_is_over() {
    let (mut mesh, client, lane) = tunnel(&bound());
    mesh.drain(Duration::from_secs(5));
    mesh.feed(client, &frame(Kind::Handshake, 0, b"farewell"));
    mesh.ended(client);
    assert!(!mesh.engine.is_drained());
    assert_eq!(mesh.frames(lane), [(0, "farewell".to_owned())]);
    assert!(mesh.engine.is_drained());

    let (mut mesh, client, lane) = tunnel(&bound());
    mesh.drain(Duration::from_secs(5));
    mesh.feed(client, &frame(Kind::Handshake, 0, b"farewell"));
    mesh.ended(client);
    mesh.pass(Duration::from_secs(6));
    assert_eq!(mesh.closed.get(&lane), Some(&CloseCause::Drained));
    assert!(mesh.engine.is_drained());
}

#[test]
fn what_passes_a_tunnel_goes_by_the_rule_that_took_its_first_frame() {
    let mut world = bound();
    world.when = Match {
        method: Some(TextMatch::Exact("T".into())),
        ..Match::default()
    };
    let (mut mesh, client, lane) = tunnel(&world);
    mesh.one_way(client, "nameless");
    mesh.request(client, 2, "nameless too");
    let passed = [(0, "nameless".to_owned()), (2, "nameless too".to_owned())];
    assert_eq!(mesh.frames(lane), passed);
    let counters = mesh.snapshot().counters;
    assert_eq!((counters.accepted, counters.sent), (3, 3));
    // Without a tunnel every frame is asked for its own.
    let stranger = mesh.client();
    mesh.request(stranger, 3, "nameless");
    assert_eq!(mesh.frames(stranger), [(3, "!no_route".to_owned())]);
}

#[test]
fn a_login_that_must_be_alone_gets_a_lane_that_nobody_has_logged_in_on() {
    let world = World::new(Tiny::new(Correlation::ById, Order::AsReady));
    let mut mesh = Harness::new(&world, Settings::default());
    let mut shared = Vec::new();
    for _ in 0..3 {
        let client = mesh.client();
        mesh.request(client, 1, "FX: ali, sesame");
        let alone = mesh.connect()[0];
        assert_eq!(mesh.frames(alone), [(1, "FX: ali, sesame".to_owned())]);
        mesh.answer(alone, 1, "welcome");
        assert_eq!(mesh.frames(client), [(1, "welcome".to_owned())]);
        assert_eq!(mesh.closed.get(&alone), Some(&CloseCause::Drained));
        // Whoever has the same login shares lanes on which it was replayed.
        mesh.request(client, 1, "work");
        for lane in mesh.connect() {
            assert_eq!(mesh.frames(lane)[0].1, "FX: ali, sesame");
            mesh.answer(lane, 0, "welcome");
            shared.push(lane);
        }
        let sent = mesh.frames(shared[0]);
        assert_eq!(sent[0].1, "work");
        mesh.answer(shared[0], sent[0].0, "done");
        assert_eq!(mesh.frames(client), [(1, "done".to_owned())]);
    }
    assert_eq!(shared.len(), 1);
}
