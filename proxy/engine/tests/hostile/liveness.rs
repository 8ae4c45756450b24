//! Silent servers are pinged and dropped; servers and clients are told what the mesh knows.

use std::time::Duration;

use weft_codec::{Correlation, Kind, Order};
use weft_engine::{CloseCause, ConnId, Settings};
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

/// The one ping that a lane has just been sent.
fn ping(mesh: &mut Harness, lane: ConnId) -> u32 {
    let frames = mesh.frames(lane);
    assert_eq!(frames.len(), 1, "{frames:?}");
    assert_eq!(frames[0].1, "Ping");
    frames[0].0
}

fn pong(mesh: &mut Harness, lane: ConnId, id: u32) {
    mesh.feed(lane, &frame(Kind::Pong, id, b"pong"));
}

/// A mesh whose only server has answered a ping while it worked, and then the request.
fn shown(world: &World) -> (Harness, ConnId, ConnId) {
    let mut mesh = Harness::new(world, Settings::default());
    let client = mesh.client();
    mesh.request(client, 1, "slow");
    let lane = mesh.connect()[0];
    let slow = mesh.frames(lane)[0].0;
    mesh.pass(MS * 3_100);
    let id = ping(&mut mesh, lane);
    mesh.pass(MS * 100);
    pong(&mut mesh, lane, id);
    mesh.pass(MS * 100);
    mesh.answer(lane, slow, "SLOW");
    assert_eq!(mesh.frames(client).len(), 1);
    (mesh, client, lane)
}

/// What a lane is sent while its server is busy for so many seconds and reads nothing.
fn unread(mesh: &mut Harness, lane: ConnId, seconds: u32) -> Vec<(u32, String)> {
    let mut frames = mesh.frames(lane);
    for _ in 0..seconds {
        mesh.pass(MS * 1_000);
        frames.extend(mesh.frames(lane));
    }
    frames
}

/// Answers the frames of a server that works in order, pings with pongs.
fn serve(mesh: &mut Harness, lane: ConnId, frames: Vec<(u32, String)>) {
    for (id, body) in frames {
        if body == "Ping" {
            pong(mesh, lane, id);
        } else {
            mesh.answer(lane, id, &body.to_uppercase());
        }
    }
}

#[test]
fn a_server_of_one_request_at_a_time_that_works_for_twenty_seconds_keeps_its_lane() {
    let mut mesh = Harness::new(&world(), Settings::default());
    let client = mesh.client();
    mesh.request(client, 1, "slow");
    mesh.request(client, 2, "next");
    let lane = mesh.connect()[0];
    let frames = unread(&mut mesh, lane, 20);
    assert!(!mesh.closed.contains_key(&lane), "it is only busy");
    assert_eq!(frames.len(), 2 + 6, "a ping each 3 s: {frames:?}");
    serve(&mut mesh, lane, frames);
    assert_eq!(
        mesh.frames(client),
        [(1, "SLOW".to_owned()), (2, "NEXT".to_owned())]
    );
    // Its pongs came behind the answers: they have shown nothing.
    mesh.request(client, 3, "again");
    let frames = unread(&mut mesh, lane, 20);
    serve(&mut mesh, lane, frames);
    assert_eq!(mesh.frames(client), [(3, "AGAIN".to_owned())]);
    let counters = mesh.snapshot().counters;
    assert_eq!((counters.retries, counters.unknown_answers), (0, 0));
}

#[test]
fn a_server_of_one_request_at_a_time_that_ignores_a_request_has_shown_nothing() {
    let mut mesh = Harness::new(&world(), Settings::default());
    let client = mesh.client();
    mesh.request(client, 1, "unheard of");
    let lane = mesh.connect()[0];
    assert_eq!(mesh.frames(lane).len(), 1);
    mesh.pass(MS * 3_100);
    let id = ping(&mut mesh, lane);
    pong(&mut mesh, lane, id);
    mesh.request(client, 2, "slow");
    let frames = unread(&mut mesh, lane, 15);
    assert!(!mesh.closed.contains_key(&lane), "it is only busy");
    serve(&mut mesh, lane, frames);
    assert_eq!(mesh.frames(client), [(2, "SLOW".to_owned())]);
}

#[test]
fn a_pong_that_is_late_shows_nothing() {
    let mut mesh = Harness::new(&world(), Settings::default());
    let client = mesh.client();
    mesh.request(client, 1, "slow");
    let lane = mesh.connect()[0];
    let slow = mesh.frames(lane)[0].0;
    mesh.pass(MS * 3_100);
    let id = ping(&mut mesh, lane);
    mesh.pass(MS * 2_500);
    pong(&mut mesh, lane, id);
    mesh.answer(lane, slow, "SLOW");
    mesh.request(client, 2, "slower");
    let frames = unread(&mut mesh, lane, 10);
    serve(&mut mesh, lane, frames);
    let answers = [(1, "SLOW".to_owned()), (2, "SLOWER".to_owned())];
    assert_eq!(mesh.frames(client), answers);
}

#[test]
fn a_server_that_has_ponged_ahead_and_then_hangs_is_dropped_and_its_work_goes_elsewhere() {
    let mut world = world();
    let (mut mesh, client, lane) = shown(&world);
    mesh.request(client, 2, "well");
    assert_eq!(mesh.frames(lane).len(), 1);
    world.instances.push(instance("b", 2));
    mesh.reload(&world);
    mesh.pass(MS * 3_100);
    ping(&mut mesh, lane);
    mesh.pass(MS * 1_800);
    assert!(!mesh.closed.contains_key(&lane), "it has two seconds");
    mesh.pass(MS * 400);
    assert_eq!(mesh.closed.get(&lane), Some(&CloseCause::Stalled));
    for lane in mesh.connect() {
        let frames = mesh.frames(lane);
        serve(&mut mesh, lane, frames);
    }
    let answers = mesh.frames(client);
    assert_eq!(
        answers,
        [(2, "WELL".to_owned())],
        "long before its deadline"
    );
}

#[test]
fn a_server_that_ponged_past_all_that_it_has_and_then_hangs_is_dropped() {
    let mut mesh = Harness::new(&world(), Settings::default());
    let client = mesh.client();
    mesh.request(client, 1, "held");
    let lane = mesh.connect()[0];
    assert_eq!(mesh.frames(lane).len(), 1);
    mesh.pass(MS * 3_100);
    let id = ping(&mut mesh, lane);
    pong(&mut mesh, lane, id);
    mesh.pass(MS * 3_100);
    ping(&mut mesh, lane);
    mesh.pass(MS * 2_000);
    assert_eq!(mesh.closed.get(&lane), Some(&CloseCause::Stalled));
}

#[test]
fn what_a_server_has_shown_does_not_outlive_its_incarnation() {
    let mut world = world();
    let (mut mesh, client, old) = shown(&world);
    world.instances[0].incarnation = 2;
    mesh.reload(&world);
    assert!(mesh.closed.contains_key(&old), "another process serves");
    mesh.request(client, 2, "slow");
    let lane = mesh.connect()[0];
    let frames = unread(&mut mesh, lane, 20);
    serve(&mut mesh, lane, frames);
    assert_eq!(mesh.frames(client), [(2, "SLOW".to_owned())]);
}

#[test]
fn a_network_that_was_cut_is_found_by_the_ping_that_nobody_acknowledges() {
    let mut world = world();
    world.instances.push(instance("b", 2));
    let mut mesh = Harness::new(&world, Settings::default());
    let client = mesh.client();
    mesh.request(client, 1, "well");
    let lane = mesh.connect()[0];
    assert_eq!(mesh.frames(lane).len(), 1);
    mesh.pass(MS * 3_100);
    ping(&mut mesh, lane);
    // The kernel's user timeout: 5 s after bytes that were not acknowledged.
    mesh.pass(MS * 4_900);
    assert!(!mesh.closed.contains_key(&lane), "the kernel has the word");
    mesh.closed(lane);
    mesh.pass(MS * 1_000);
    let mut answered = false;
    for lane in mesh.connect() {
        for (id, body) in mesh.frames(lane) {
            answered |= body == "well";
            mesh.answer(lane, id, &body.to_uppercase());
        }
    }
    assert!(answered, "sent again, long before its deadline");
    assert_eq!(mesh.frames(client), [(1, "WELL".to_owned())]);
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
            pong(&mut mesh, lane, id);
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
fn a_server_that_never_pongs_is_not_pinged_for_ever() {
    let mut world = world();
    world.policy.timeout = MS * 600_000;
    let mut mesh = Harness::new(&world, Settings::default());
    let client = mesh.client();
    mesh.request(client, 1, "slow");
    let lane = mesh.connect()[0];
    let slow = mesh.frames(lane)[0].0;
    let mut pings = 0;
    for _ in 0..300 {
        mesh.pass(MS * 1_000);
        pings += mesh.frames(lane).len();
    }
    assert_eq!(pings, 10);
    mesh.answer(lane, slow, "SLOW");
    assert_eq!(mesh.frames(client), [(1, "SLOW".to_owned())]);
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
fn a_lane_of_declared_depth_one_is_left_alone_and_an_idle_one_if_nobody_asks() {
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
fn an_idle_lane_whose_server_may_still_work_on_what_nobody_waits_for_is_not_dropped() {
    for one_way in [false, true] {
        let mut world = world();
        world.policy.lanes.ping_idle = MS * 4_000;
        let mut mesh = Harness::new(&world, Settings::default());
        let client = mesh.client();
        let kind = [Kind::Request, Kind::OneWay][usize::from(one_way)];
        mesh.feed(client, &frame(kind, 1, b"D: slow"));
        let lane = mesh.connect()[0];
        assert_eq!(mesh.frames(lane).len(), 1);
        let ids = unread(&mut mesh, lane, 10);
        assert_eq!(ids.len(), 2, "one way {one_way}: {ids:?}");
        assert!(!mesh.closed.contains_key(&lane), "one way {one_way}");
        // The work is done; what comes next has nothing in front of it.
        serve(&mut mesh, lane, ids);
        mesh.pass(MS * 4_100);
        let id = ping(&mut mesh, lane);
        pong(&mut mesh, lane, id);
        mesh.pass(MS * 4_100);
        ping(&mut mesh, lane);
        mesh.pass(MS * 2_100);
        assert_eq!(mesh.closed.get(&lane), Some(&CloseCause::Stalled));
    }
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
