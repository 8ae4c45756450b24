//! Large answers and answers in several frames, out of turn.

use std::time::Duration;

use weft_codec::{Correlation, Kind, Order};
use weft_engine::{CloseCause, Settings};

use crate::codec::{Tiny, frame, part};
use crate::harness::{Harness, World};

#[test]
fn the_rest_of_a_held_answer_does_not_follow_the_words_that_replaced_it() {
    let world = World::new(Tiny::new(Correlation::ById, Order::InOrder));
    let mut mesh = Harness::new(&world, Settings::default());
    let client = mesh.client();
    mesh.request(client, 1, "first");
    let lane = mesh.connect()[0];
    mesh.request(client, 2, "D: in a hurry");
    let sent = mesh.frames(lane);
    let large = frame(Kind::Answer, sent[1].0, &[b'x'; 200]);
    mesh.feed(lane, &large[..100]);
    mesh.pass(Duration::from_millis(600));
    mesh.feed(lane, &large[100..]);
    mesh.answer(lane, sent[0].0, "FIRST");
    let got = mesh.frames(client);
    assert_eq!(got, [(1, "FIRST".to_owned()), (2, "!deadline".to_owned())]);
}

#[test]
fn a_retry_does_not_begin_with_a_piece_of_the_lost_answer() {
    let mut world = World::new(Tiny::new(Correlation::ById, Order::InOrder));
    world.policy.idempotent = weft_model::Patterns(vec![weft_model::TextMatch::Any]);
    let mut mesh = Harness::new(&world, Settings::default());
    let client = mesh.client();
    mesh.request(client, 1, "first");
    let lane = mesh.connect()[0];
    mesh.request(client, 2, "second");
    let sent = mesh.frames(lane);
    mesh.feed(lane, &part(sent[1].0, b"half"));
    mesh.closed(lane);
    mesh.pass(Duration::from_millis(300));
    let mut lanes = mesh.connect();
    mesh.pass(Duration::from_millis(300));
    lanes.extend(mesh.connect());
    // The second follows the first on its lane.
    for _ in 0..2 {
        lanes.extend(mesh.connect());
        for lane in lanes.clone() {
            for (id, body) in mesh.frames(lane) {
                mesh.answer(lane, id, &body.to_uppercase());
            }
        }
    }
    let got = mesh.frames(client);
    assert_eq!(got, [(1, "FIRST".to_owned()), (2, "SECOND".to_owned())]);
}

#[test]
fn a_piece_of_a_large_frame_goes_on_in_the_buffer_that_it_was_read_into() {
    let world = World::new(Tiny::new(Correlation::ById, Order::AsReady));
    let mut mesh = Harness::new(&world, Settings::default());
    let client = mesh.client();
    let large = frame(Kind::Request, 1, &[b'x'; 5_000]);
    mesh.feed(client, &large[..2_000]);
    let lane = mesh.connect()[0];
    let mut arrived = mesh.take(lane);
    let place = mesh.lend(client, &large[2_000..4_000]);
    assert_eq!(mesh.engine.outbox(lane).as_ptr(), place);
    arrived.extend(mesh.take(lane));
    // What belongs to the next frame must not go with it.
    let mut last = large[4_000..].to_vec();
    last.extend(frame(Kind::Request, 2, b"next"));
    mesh.lend(client, &last);
    let others = mesh.connect();
    arrived.extend(mesh.take(lane));
    assert_eq!(arrived[8..], large[8..]);
    assert_eq!(mesh.frames(others[0]).len(), 1);

    let id = u32::from_be_bytes([arrived[4], arrived[5], arrived[6], arrived[7]]);
    let answer = frame(Kind::Answer, id, &[b'y'; 5_000]);
    mesh.feed(lane, &answer[..2_000]);
    let mut got = mesh.take(client);
    let place = mesh.lend(lane, &answer[2_000..]);
    assert_eq!(mesh.engine.outbox(client).as_ptr(), place);
    got.extend(mesh.take(client));
    assert_eq!((&got[4..8], &got[8..]), (&[0, 0, 0, 1][..], &answer[8..]));
}

/// A client in the middle of a large answer on a lane where another's request waits, and what
/// became of it when it took `bytes` every 200 ms for two seconds.
fn read_slowly(bytes: usize) -> Option<CloseCause> {
    let world = World::new(Tiny::new(Correlation::ById, Order::AsReady));
    let settings = Settings {
        stream_spill_bytes: 6_400,
        ..Settings::default()
    };
    let mut mesh = Harness::new(&world, settings);
    let (slow, other) = (mesh.client(), mesh.client());
    mesh.request(slow, 1, "large");
    let lane = mesh.connect()[0];
    mesh.request(other, 1, "small");
    let id = mesh.frames(lane)[0].0;
    let large = frame(Kind::Answer, id, &[b'x'; 60_000]);
    mesh.feed(lane, &large[..40_000]);
    for _ in 0..10 {
        mesh.pass(Duration::from_millis(200));
        mesh.wrote(slow, bytes);
    }
    assert!(!mesh.closed.contains_key(&other));
    mesh.closed.get(&slow).copied()
}

#[test]
fn a_reader_that_takes_a_byte_now_and_then_does_not_hold_a_shared_lane() {
    let cause = read_slowly(1);
    assert_eq!(cause, Some(CloseCause::SlowReader));
}

#[test]
fn a_slow_reader_that_keeps_on_taking_is_not_closed() {
    assert_eq!(read_slowly(100), None);
}

#[test]
fn a_lane_that_is_given_up_for_its_rate_still_ends_the_large_answer_by_which_that_was_seen() {
    let world = World::new(Tiny::new(Correlation::ById, Order::AsReady));
    let mut mesh = Harness::new(&world, Settings::default());
    let client = mesh.client();
    // Alone a request takes a millisecond.
    mesh.request(client, 1, "alone");
    let first = mesh.connect()[0];
    for _ in 0..30 {
        let sent = mesh.frames(first);
        mesh.pass(Duration::from_millis(1));
        mesh.answer(first, sent[0].0, "quick");
        mesh.request(client, 1, "alone");
    }
    let sent = mesh.frames(first);
    mesh.answer(first, sent[0].0, "quick");
    // Several at once take ten: another lane is tried.
    mesh.pass(Duration::from_millis(20));
    for id in 2..6 {
        mesh.request(client, id, "together");
    }
    let sent = mesh.frames(first);
    mesh.pass(Duration::from_millis(10));
    for (id, _) in sent.iter().rev() {
        mesh.answer(first, *id, "slow");
    }
    let second = mesh.connect()[0];
    mesh.take(client);
    // It brings nothing, as the head of a large answer on it shows.
    for id in 7..11 {
        mesh.request(client, id, "on both");
    }
    mesh.pass(Duration::from_millis(1));
    let sent = mesh.frames(second);
    assert_eq!(sent.len(), 2);
    mesh.answer(second, sent[0].0, "quick");
    mesh.take(client);
    mesh.pass(Duration::from_millis(60));
    let large = frame(Kind::Answer, sent[1].0, &[b'x'; 400]);
    mesh.feed(second, &large[..100]);
    assert!(
        !mesh.closed.contains_key(&second),
        "half of an answer is on it"
    );
    let mut got = mesh.take(client);
    mesh.feed(second, &large[100..]);
    got.extend(mesh.take(client));
    assert_eq!(got.len(), large.len());
    assert_eq!(mesh.closed.get(&second), Some(&CloseCause::Idle));
}
