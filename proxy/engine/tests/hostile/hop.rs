//! Another proxy as a client, and as a server: what it says in the header around a frame is heeded,
//! and what it must be told is told.

use std::time::Duration;

use weft_codec::{Correlation, Kind, Order};
use weft_engine::{CloseCause, Settings};
use weft_hop::{Extension, Extensions, FrameKind, Header};

use crate::codec::{Tiny, frame};
use crate::harness::{Harness, World};

/// A proxy that other proxies ask, or that asks others.
fn world(listens: bool, asks: bool) -> World {
    let mut world = World::new(Tiny::new(Correlation::ById, Order::AsReady));
    world.hop = (listens, asks);
    world
}

/// A native request in a hop frame.
fn asked(id: u64, left_ms: u32, body: &[u8]) -> Vec<u8> {
    let native = frame(Kind::Request, 9, body);
    let mut bytes = Vec::new();
    let mut header = Header {
        left_ms,
        ..Header::new(FrameKind::Request, id)
    };
    let written = header.write_with(&[], native.len() as u32, &mut bytes);
    written.expect("it is short");
    bytes.extend(native);
    bytes
}

fn bare(kind: FrameKind, id: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    Header::new(kind, id).write(&mut bytes);
    bytes
}

/// The headers of whole hop frames.
fn headers(mut bytes: &[u8]) -> Vec<Header> {
    let mut headers = Vec::new();
    while !bytes.is_empty() {
        let header = Header::read(bytes).expect("a hop frame");
        bytes = &bytes[header.frame_bytes as usize..];
        headers.push(header);
    }
    headers
}

#[test]
fn the_time_that_the_asking_proxy_has_left_ends_the_request() {
    let mut mesh = Harness::new(&world(true, false), Settings::default());
    let client = mesh.client();
    mesh.feed(client, &asked(3, 20, b"slow"));
    let lanes = mesh.connect();
    assert_eq!(mesh.frames(lanes[0]).len(), 1);
    mesh.pass(Duration::from_millis(19));
    assert!(mesh.take(client).is_empty());
    mesh.pass(Duration::from_millis(2));
    let said = headers(&mesh.take(client));
    assert_eq!((said[0].kind, said[0].id), (FrameKind::Error, 3));
    assert!(!said[0].not_executed, "the server may have done it");
    assert_eq!(mesh.snapshot().exchanges, 0);
}

#[test]
fn a_request_that_had_to_wait_keeps_what_its_own_frame_said() {
    let settings = Settings {
        client_in_flight_max: 1,
        ..Settings::default()
    };
    let mut mesh = Harness::new(&world(true, false), settings);
    let (proxy, native) = (mesh.client(), mesh.client());
    mesh.feed(proxy, &asked(3, 0, b"first"));
    mesh.feed(proxy, &asked(4, 20, b"held"));
    // Another client's request begins while the second one is held.
    mesh.request(native, 5, "native");
    let lanes = mesh.connect();
    let sent = mesh.frames(lanes[0]);
    assert_eq!(sent.len(), 2);
    for (id, body) in &sent {
        mesh.answer(lanes[0], *id, body);
    }
    assert_eq!(mesh.frames(native), [(5, "native".to_owned())]);
    assert_eq!(headers(&mesh.take(proxy))[0].id, 3);
    assert_eq!(mesh.frames(lanes[0])[0].1, "held");
    mesh.pass(Duration::from_millis(21));
    let said = headers(&mesh.take(proxy));
    assert_eq!((said[0].kind, said[0].id), (FrameKind::Error, 4));
}

#[test]
fn what_no_server_got_is_told_so_and_what_one_may_have_is_not() {
    let mut mesh = Harness::new(&world(true, false), Settings::default());
    let client = mesh.client();
    mesh.feed(client, &asked(3, 0, b"x"));
    while mesh.refuse() > 0 || mesh.snapshot().exchanges > 0 {
        mesh.pass(Duration::from_millis(200));
    }
    let said = headers(&mesh.take(client));
    assert_eq!((said[0].kind, said[0].id), (FrameKind::Error, 3));
    assert!(said[0].not_executed);

    let mut mesh = Harness::new(&world(true, false), Settings::default());
    let client = mesh.client();
    mesh.feed(client, &asked(3, 0, b"x"));
    let lanes = mesh.connect();
    mesh.take(lanes[0]);
    mesh.closed(lanes[0]);
    let said = headers(&mesh.take(client));
    assert_eq!((said[0].kind, said[0].id), (FrameKind::Error, 3));
    assert!(!said[0].not_executed);
}

#[test]
fn a_cancel_ends_its_exchange_and_the_asking_proxy_hears_that_the_id_is_free() {
    let mut mesh = Harness::new(&world(true, false), Settings::default());
    let client = mesh.client();
    mesh.feed(client, &asked(3, 0, b"x"));
    mesh.feed(client, &asked(4, 0, b"y"));
    let lanes = mesh.connect();
    mesh.take(lanes[0]);
    mesh.feed(client, &bare(FrameKind::Cancel, 3));
    assert_eq!(mesh.snapshot().exchanges, 1);
    let said = headers(&mesh.take(client));
    assert_eq!((said[0].kind, said[0].id), (FrameKind::Error, 3));
    assert_eq!(mesh.snapshot().counters.cancelled, 1);
}

#[test]
fn a_proxy_that_drains_says_go_away_and_waits_for_the_other_to_close() {
    let mut mesh = Harness::new(&world(true, false), Settings::default());
    let client = mesh.client();
    mesh.feed(client, &bare(FrameKind::Ping, u64::MAX));
    assert_eq!(headers(&mesh.take(client))[0].kind, FrameKind::Pong);
    mesh.drain(Duration::from_secs(10));
    assert_eq!(headers(&mesh.take(client))[0].kind, FrameKind::GoAway);
    assert!(
        !mesh.closed.contains_key(&client),
        "a request may be on its way"
    );
    mesh.feed(client, &asked(3, 0, b"on its way"));
    let lanes = mesh.connect();
    let sent = mesh.frames(lanes[0]);
    mesh.answer(lanes[0], sent[0].0, "done");
    let said = headers(&mesh.take(client));
    assert_eq!((said[0].kind, said[0].id), (FrameKind::Answer, 3));
    mesh.ended(client);
    assert_eq!(mesh.closed.get(&client), Some(&CloseCause::Finished));
}

#[test]
fn a_lane_greets_with_the_proxys_name_and_carries_nothing_before_it_was_heard() {
    let settings = Settings {
        name: "edge-1".to_owned(),
        ..Settings::default()
    };
    let mut mesh = Harness::new(&world(false, true), settings.clone());
    let client = mesh.client();
    mesh.request(client, 7, "x");
    let lanes = mesh.connect();
    let greeting = mesh.take(lanes[0]);
    let header = headers(&greeting)[0];
    assert_eq!((header.kind, header.id), (FrameKind::Ping, u64::MAX));
    let said: Vec<_> = Extensions::of(&header, &greeting).collect();
    assert_eq!(said, [Extension::Source(b"edge-1")]);

    let mut other = Harness::new(&world(true, false), settings);
    let asking = other.client();
    other.feed(asking, &greeting);
    let source = other.snapshot().clients[0].source.clone();
    assert_eq!(source.as_deref(), Some("edge-1"));
    mesh.feed(lanes[0], &other.take(asking));
    let request = mesh.take(lanes[0]);
    assert_eq!(headers(&request)[0].kind, FrameKind::Request);
    other.ended(asking);
    assert!(other.snapshot().clients.is_empty());
}

#[test]
fn lanes_that_greet_are_waited_for_and_no_others_are_opened_meanwhile() {
    let mut mesh = Harness::new(&world(false, true), Settings::default());
    let client = mesh.client();
    for id in 0..4 {
        mesh.request(client, id, "first");
    }
    let lanes = mesh.connect();
    assert_eq!(lanes.len(), 1);
    let late = mesh.client();
    for id in 0..20 {
        mesh.request(late, id, "while it greets");
    }
    assert!(mesh.connect().is_empty());
    mesh.take(lanes[0]);
    mesh.feed(lanes[0], &bare(FrameKind::Pong, u64::MAX));
    assert_eq!(headers(&mesh.take(lanes[0])).len(), 24);
}

#[test]
fn a_server_that_is_no_proxy_is_named_as_such() {
    let mut mesh = Harness::new(&world(false, true), Settings::default());
    let client = mesh.client();
    mesh.request(client, 7, "x");
    let lanes = mesh.connect();
    mesh.take(lanes[0]);
    mesh.ended(lanes[0]);
    let said = mesh.reports.join("\n");
    assert!(said.contains("instance a: it closed"), "{said}");
    while mesh.snapshot().exchanges > 0 {
        for lane in mesh.connect() {
            mesh.take(lane);
            mesh.ended(lane);
        }
        mesh.pass(Duration::from_millis(100));
    }
    assert_eq!(mesh.frames(client), [(7, "!connect_failed".to_owned())]);
}

#[test]
fn a_request_says_how_often_it_was_sent_before() {
    let mut first = world(false, true);
    first.policy.retry.retries_max = 3;
    first.policy.retry.budget_floor_per_second = 1_000;
    first.policy.idempotent = weft_model::Patterns(vec![weft_model::TextMatch::Any]);
    let mut mesh = Harness::new(&first, Settings::default());
    let client = mesh.client();
    mesh.request(client, 7, "x");
    let mut sent_before = Vec::new();
    for _ in 0..20 {
        for lane in mesh.connect() {
            mesh.take(lane);
            mesh.feed(lane, &bare(FrameKind::Pong, u64::MAX));
            sent_before.extend(headers(&mesh.take(lane)).iter().map(|header| header.detail));
            mesh.closed(lane);
        }
        mesh.pass(Duration::from_millis(50));
    }
    assert_eq!(sent_before, [0, 1, 2, 3]);
}

#[test]
fn what_is_inside_a_hop_frame_must_be_one_request() {
    let mut mesh = Harness::new(&world(true, false), Settings::default());
    let client = mesh.client();
    let mut two = asked(3, 0, b"one");
    let another = frame(Kind::Request, 4, b"two");
    let bytes = (two.len() + another.len()) as u32;
    two[4..8].copy_from_slice(&bytes.to_be_bytes());
    two.extend(another);
    mesh.feed(client, &two);
    assert_eq!(mesh.closed.get(&client), Some(&CloseCause::Malformed));
    let said = mesh.reports.join("\n");
    assert!(said.contains("around a frame of"), "{said}");
}
