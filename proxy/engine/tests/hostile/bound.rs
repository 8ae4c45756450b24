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

/// Clients with a tunnel hear a farewell, but for those whose opening request had the id 13.
fn with_farewells() -> World {
    let mut codec = Tiny::new(Correlation::Bound, Order::InOrder);
    codec.traits.says.farewell = true;
    World::new(codec)
}

const GRACE: Duration = Duration::from_secs(5);

fn farewell() -> [(u32, String); 1] {
    [(1, "farewell".to_owned())]
}

#[test]
fn a_drain_says_farewell_to_a_client_with_a_tunnel_and_closes_it_behind_that() {
    let (mut mesh, client, lane) = tunnel(&with_farewells());
    mesh.answer(lane, 1, "welcome");
    assert_eq!(mesh.frames(client), [(1, "welcome".to_owned())]);
    mesh.drain(GRACE);
    // What the server says behind it goes nowhere.
    mesh.feed(lane, &frame(Kind::Push, 0, b"news"));
    assert_eq!(mesh.closed.get(&client), None);
    assert_eq!(mesh.frames(client), farewell());
    assert_eq!(mesh.closed.get(&client), Some(&CloseCause::Drained));
    assert!(mesh.closed.contains_key(&lane));
    assert!(mesh.engine.is_drained());
    assert_eq!(mesh.snapshot().counters.go_aways_said, 1);
}

#[test]
fn a_farewell_waits_until_the_server_has_said_something() {
    let (mut mesh, client, lane) = tunnel(&with_farewells());
    mesh.drain(GRACE);
    assert_eq!(mesh.frames(client), []);
    mesh.answer(lane, 1, "welcome");
    let said = [(1, "welcome".to_owned()), (1, "farewell".to_owned())];
    let first = mesh.frames(client);
    let second = mesh.frames(client);
    assert_eq!([first, second].concat(), said);
    assert_eq!(mesh.closed.get(&client), Some(&CloseCause::Drained));
}

#[test]
fn a_farewell_waits_for_what_its_client_has_said_and_for_a_frame_that_comes_in_pieces() {
    let (mut mesh, client, lane) = tunnel(&with_farewells());
    mesh.answer(lane, 1, "welcome");
    mesh.frames(client);
    mesh.one_way(client, "one more thing");
    let large = frame(Kind::Push, 0, &[b'x'; 300]);
    mesh.feed(lane, &large[..200]);
    mesh.drain(GRACE);
    assert_eq!(mesh.take(client), large[..200]);
    assert_eq!(mesh.frames(lane), [(0, "one more thing".to_owned())]);
    assert_eq!(mesh.take(client), []);
    mesh.feed(lane, &large[200..]);
    assert_eq!(mesh.take(client), large[200..]);
    assert_eq!(mesh.frames(client), farewell());
    assert_eq!(mesh.closed.get(&client), Some(&CloseCause::Drained));

    // Half a frame of the client: the farewell follows once it is whole and passed on.
    let (mut mesh, client, lane) = tunnel(&with_farewells());
    mesh.answer(lane, 1, "welcome");
    mesh.frames(client);
    let small = frame(Kind::Handshake, 0, b"acknowledged");
    mesh.feed(client, &small[..10]);
    mesh.drain(GRACE);
    assert_eq!(mesh.take(client), []);
    mesh.feed(client, &small[10..]);
    assert_eq!(mesh.frames(client), farewell());
    assert_eq!(mesh.frames(lane), [(0, "acknowledged".to_owned())]);
}

#[test]
fn a_client_for_whom_there_is_no_farewell_stays_until_the_grace_is_over() {
    let mut mesh = Harness::new(&with_farewells(), Settings::default());
    let client = mesh.client();
    mesh.request(client, 13, "T: it's me");
    let lane = mesh.connect()[0];
    mesh.answer(lane, 13, "welcome");
    assert_eq!(mesh.frames(client).len(), 1);
    mesh.drain(GRACE);
    mesh.feed(lane, &frame(Kind::Push, 0, b"news"));
    assert_eq!(mesh.frames(client), [(0, "news".to_owned())]);
    mesh.pass(GRACE + Duration::from_secs(1));
    assert_eq!(mesh.closed.get(&client), Some(&CloseCause::Drained));
    assert_eq!(mesh.snapshot().counters.go_aways_said, 0);
}

#[test]
fn a_client_that_quits_is_answered_in_its_turn_and_closed_and_its_server_hears_nothing_of_it() {
    let world = World::new(Tiny::new(Correlation::ById, Order::InOrder));
    let mut mesh = Harness::new(&world, Settings::default());
    let (client, other) = (mesh.client(), mesh.client());
    mesh.request(client, 1, "work");
    let lane = mesh.connect()[0];
    let sent = mesh.frames(lane);
    // What a client says behind its farewell is not executed.
    let last = [
        frame(Kind::Request, 2, b"Quit"),
        frame(Kind::Request, 3, b"too late"),
    ];
    mesh.feed(client, &last.concat());
    assert_eq!(mesh.frames(client), []);
    assert_eq!(mesh.closed.get(&client), None);
    mesh.answer(lane, sent[0].0, "done");
    let answers = [mesh.frames(client), mesh.frames(client)].concat();
    assert_eq!(answers, [(1, "done".to_owned()), (2, "local".to_owned())]);
    assert_eq!(mesh.closed.get(&client), Some(&CloseCause::Finished));
    // The lane that it shared goes on.
    mesh.request(other, 1, "mine");
    let mine = mesh.frames(lane);
    assert_eq!(mine.len(), 1);
    mesh.answer(lane, mine[0].0, "yours");
    assert_eq!(mesh.frames(other), [(1, "yours".to_owned())]);
    let counters = mesh.snapshot().counters;
    assert_eq!((counters.accepted, counters.answered), (3, 3));
}

#[test]
fn a_client_with_a_lane_of_its_own_quits_by_its_servers_answer() {
    let mut mesh = Harness::new(&bound(), Settings::default());
    let client = mesh.client();
    mesh.request(client, 1, "work");
    let lane = mesh.connect()[0];
    mesh.frames(lane);
    mesh.answer(lane, 1, "done");
    assert_eq!(mesh.frames(client), [(1, "done".to_owned())]);
    mesh.request(client, 2, "Quit");
    assert_eq!(mesh.frames(lane), [(2, "Quit".to_owned())]);
    assert_eq!(mesh.closed.get(&client), None);
    mesh.answer(lane, 2, "bye");
    assert_eq!(mesh.frames(client), [(2, "bye".to_owned())]);
    assert_eq!(mesh.closed.get(&client), Some(&CloseCause::Finished));
    assert!(mesh.closed.contains_key(&lane));
}
