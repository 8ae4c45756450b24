//! Every correlation mode and both orders in fair weather: whoever asks is answered, by one
//! proxy and by two in a row.

use weft_codec::{Correlation, Effect, Order};

use super::{must, served};
use crate::backend::Serving;
use crate::client::{ClientPlan, Ids};
use crate::codec::Choice;
use crate::network::Link;
use crate::plan::{MS, Plan};
use crate::seeds::run;

/// Clients of many sorts on one protocol, drawn by the seed.
fn fair(choice: Choice, seed: u64) -> Plan {
    let mut client = ClientPlan::new(choice, 30, 1 + (seed % 7) as usize);
    client.half_closes = seed.is_multiple_of(3);
    client.large_permille = 20;
    client.once_permille = 300;
    if choice.id_bytes > 0 && choice.correlation == Correlation::ById {
        client.ids = [Ids::Same, Ids::Sequential, Ids::Random][(seed % 3) as usize];
        client.ping_permille = 30;
    }
    let mut plan = Plan::new(choice, 3).clients(5, &client);
    plan.front.segment = 1 + (seed as usize * 37) % 5_000;
    plan.back.segment = 1 + (seed as usize * 53) % 5_000;
    for backend in &mut plan.backends {
        backend.large_permille = 20;
        backend.greets = choice.greets;
    }
    plan
}

#[test]
fn answers_by_id_come_back_out_of_order() {
    run(
        "answers_by_id_come_back_out_of_order",
        30,
        |seed| {
            let width = [1, 2, 4, 8][(seed % 4) as usize];
            fair(Choice::by_id(width), seed)
        },
        |report| {
            served(report, 150)?;
            must(report.oracle.pings[0] == report.oracle.pings[1], || {
                format!("pongs, pings: {:?}", report.oracle.pings)
            })
        },
    );
}

#[test]
fn a_listener_that_forces_order_gives_order() {
    run(
        "a_listener_that_forces_order_gives_order",
        20,
        |seed| {
            let choice = Choice::by_id(4);
            let mut plan = fair(choice, seed);
            plan.order = Order::InOrder;
            for client in &mut plan.clients {
                client.in_order = true;
                client.ids = Ids::Random;
                client.ping_permille = 0;
            }
            plan
        },
        |report| served(report, 150),
    );
}

#[test]
fn answers_without_ids_come_in_order() {
    run(
        "answers_without_ids_come_in_order",
        30,
        |seed| fair(Choice::in_order(), seed),
        |report| served(report, 150),
    );
}

#[test]
fn an_exclusive_lane_serves_one_exchange_at_a_time() {
    run(
        "an_exclusive_lane_serves_one_exchange_at_a_time",
        20,
        |seed| {
            let order = [Order::AsReady, Order::InOrder][(seed % 2) as usize];
            fair(Choice::by_id(4).with(Correlation::Exclusive, order), seed)
        },
        |report| served(report, 150),
    );
}

#[test]
fn an_id_that_cannot_be_patched_takes_a_lane_of_its_own() {
    run(
        "an_id_that_cannot_be_patched_takes_a_lane_of_its_own",
        20,
        |seed| {
            let mut plan = fair(Choice::by_id(4), seed);
            for client in &mut plan.clients {
                client.exclusive_permille = 300;
            }
            plan
        },
        |report| served(report, 150),
    );
}

#[test]
fn a_bound_client_has_a_lane_of_its_own() {
    run(
        "a_bound_client_has_a_lane_of_its_own",
        30,
        |seed| {
            let mut choice =
                Choice::by_id([0, 4][(seed % 2) as usize]).with(Correlation::Bound, Order::InOrder);
            choice.greets = seed % 4 >= 2;
            fair(choice, seed)
        },
        |report| served(report, 150),
    );
}

#[test]
fn a_raw_listener_relays_bytes() {
    run(
        "a_raw_listener_relays_bytes",
        20,
        |seed| {
            let choice = Choice::by_id(0).with(Correlation::Raw, Order::InOrder);
            fair(choice, seed)
        },
        |report| served(report, 150),
    );
}

#[test]
fn answers_in_several_frames_stay_together() {
    run(
        "answers_in_several_frames_stay_together",
        20,
        |seed| {
            let choice = if seed.is_multiple_of(2) {
                Choice::by_id(4)
            } else {
                Choice::in_order()
            };
            let mut plan = fair(choice, seed);
            for backend in &mut plan.backends {
                backend.more_permille = 300;
            }
            plan
        },
        |report| served(report, 150),
    );
}

#[test]
fn two_proxies_in_a_row_serve_like_one() {
    run(
        "two_proxies_in_a_row_serve_like_one",
        30,
        |seed| {
            let choice = match seed % 3 {
                0 => Choice::by_id(4),
                1 => Choice::in_order(),
                _ => Choice::by_id(1),
            };
            fair(choice, seed).chained()
        },
        |report| served(report, 150),
    );
}

#[test]
fn pinned_blocking_and_local_requests_find_their_way() {
    run(
        "pinned_blocking_and_local_requests_find_their_way",
        30,
        |seed| {
            let mut choice = Choice::in_order();
            choice.effects = true;
            let mut plan = fair(choice, seed);
            for client in &mut plan.clients {
                client.once_permille = 0;
                client.effect_permille = (
                    200,
                    vec![Effect::Pin, Effect::Unpin, Effect::Blocking, Effect::Local],
                );
            }
            plan
        },
        |report| served(report, 150),
    );
}

#[test]
fn facets_are_replayed_on_new_lanes() {
    run(
        "facets_are_replayed_on_new_lanes",
        20,
        |seed| {
            let mut choice = Choice::in_order();
            choice.effects = true;
            let mut plan = fair(choice, seed);
            for client in &mut plan.clients {
                client.once_permille = 0;
                client.effect_permille = (100, vec![Effect::Facet]);
            }
            plan
        },
        |report| served(report, 150),
    );
}

#[test]
fn tiny_buffers_and_a_byte_at_a_time_change_nothing() {
    run(
        "tiny_buffers_and_a_byte_at_a_time_change_nothing",
        20,
        |seed| {
            let choice = if seed.is_multiple_of(2) {
                Choice::by_id(2)
            } else {
                Choice::in_order()
            };
            let mut plan = fair(choice, seed);
            for client in &mut plan.clients {
                client.large = (500, 2_000);
            }
            for backend in &mut plan.backends {
                backend.large = (500, 2_000);
                backend.serving = Serving::InOrder;
                backend.blocking_writes = seed % 4 < 2;
            }
            let link = Link {
                buffer: 1 + seed as usize % 50,
                segment: 1 + seed as usize % 3,
                latency: MS / 100,
                jitter: MS / 100,
                bandwidth: 0,
                ..Link::default()
            };
            plan.front = link;
            plan.back = link;
            plan.limits.cut_through_bytes = 1_000;
            plan
        },
        |report| served(report, 150),
    );
}
