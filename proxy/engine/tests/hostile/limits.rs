//! What several engines of a process may let wait together, and how many lanes stand while some
//! of them go away.

use std::sync::Arc;

use weft_codec::{Correlation, Kind, Order};
use weft_engine::{Budgets, Settings, Share};

use crate::codec::{Tiny, frame};
use crate::harness::{Harness, World};

fn world() -> World {
    World::new(Tiny::new(Correlation::ById, Order::AsReady))
}

/// Two engines of one process.
fn pair(world: &World, settings: &Settings) -> [Harness; 2] {
    let budgets = Arc::new(Budgets::new(settings, 2));
    [0, 1].map(|worker| {
        let share = Share {
            worker,
            workers: 2,
            budgets: Arc::clone(&budgets),
        };
        Harness::sharing(share, world, settings.clone())
    })
}

#[test]
fn no_more_wait_than_may_in_all_engines_of_a_process_together() {
    let mut world = world();
    world.policy.queue.waiting_max = 3;
    let [mut one, mut other] = pair(&world, &Settings::default());
    let (here, there) = (one.client(), other.client());
    for id in 1..=3 {
        one.request(here, id, "waits");
    }
    assert_eq!(one.snapshot().waiting, 3);
    other.request(there, 4, "one too many");
    assert_eq!(other.frames(there), [(4, "!overload".to_owned())]);
    // What waited is on its way: others may wait.
    one.connect();
    assert_eq!(one.snapshot().waiting, 0);
    for id in 5..=7 {
        other.request(there, id, "waits");
    }
    assert_eq!(other.snapshot().waiting, 3);
    assert_eq!(other.frames(there), []);
}

#[test]
fn an_engine_that_is_restarted_takes_none_of_its_places_with_it() {
    let mut world = world();
    world.policy.queue.waiting_max = 3;
    let [mut one, mut other] = pair(&world, &Settings::default());
    let (here, there) = (one.client(), other.client());
    for id in 1..=3 {
        one.request(here, id, "waits");
    }
    drop(one);
    for id in 1..=3 {
        other.request(there, id, "waits");
    }
    assert_eq!(other.snapshot().waiting, 3);
}

#[test]
fn requests_that_wait_are_kept_within_one_budget_for_all_engines_of_a_process() {
    let mut world = world();
    world.cut_bytes = u32::MAX;
    let settings = Settings {
        kept_bytes_max: 64_000,
        ..Settings::default()
    };
    let mut engines = pair(&world, &settings);
    let large = "y".repeat(1_000);
    for mesh in &mut engines {
        let client = mesh.client();
        for id in 1..=100 {
            mesh.request(client, id, &large);
        }
    }
    let kept = engines.each_ref().map(|mesh| mesh.snapshot().kept_bytes);
    let sum: usize = kept.iter().sum();
    assert!((56_000..=64_000).contains(&sum), "{kept:?} bytes are kept");
}

#[test]
fn lanes_that_go_away_are_stood_in_for_once_and_no_more() {
    let mut world = world();
    world.policy.lanes.lanes_max = 2;
    world.policy.lanes.depth = 1;
    let mut mesh = Harness::new(&world, Settings::default());
    let client = mesh.client();
    let mut leaving = Vec::new();
    let mut asked = 0;
    // A server that says go-away on each lane as soon as it has something to do.
    for round in 0..6 {
        for _ in 0..2 {
            asked += 1;
            mesh.request(client, asked, "slow");
        }
        for lane in mesh.connect() {
            leaving.extend(mesh.frames(lane).into_iter().map(|(id, _)| (lane, id)));
            mesh.feed(lane, &frame(Kind::GoAway, 0, b"g"));
        }
        let standing = mesh.snapshot().lanes.len();
        assert_eq!(standing, if round == 0 { 2 } else { 4 }, "round {round}");
    }
    // As one of them closes another may be opened, until all are answered.
    let mut lanes: Vec<_> = leaving.iter().map(|(lane, _)| *lane).collect();
    let mut answered = 0;
    while let Some((lane, id)) = leaving.pop() {
        mesh.answer(lane, id, "done");
        answered += mesh.frames(client).len();
        lanes.extend(mesh.connect());
        for lane in &lanes {
            let sent = mesh.frames(*lane).into_iter();
            leaving.extend(sent.map(|(id, _)| (*lane, id)));
        }
        let standing = mesh.snapshot().lanes.len();
        assert!(standing <= 4, "{standing} lanes stand");
    }
    assert_eq!(answered, asked as usize);
}
