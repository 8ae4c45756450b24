//! Protocols that are described in the language, with ids of every kind, in fair weather and in
//! foul.

mod connection;

use std::time::Duration;

use weft_codec::{Correlation, Order, ProxyError};
use weft_engine::CloseCause;

use super::ids::{filled, full};
use super::{must, served};
use crate::backend::Serving;
use crate::client::{ClientPlan, Ids};
use crate::codec::Choice;
use crate::described::IdShape;
use crate::network::Owner;
use crate::oracle::{Allowed, Seen};
use crate::plan::{Fault, MS, Plan, backend_port};
use crate::seeds::run;
use crate::world::Report;

/// The traits of a described protocol with answers by ids of this shape.
fn by_id(shape: IdShape) -> Choice {
    Choice::by_id(shape.id_bytes())
}

fn shape(seed: u64) -> IdShape {
    IdShape::ALL[(seed % IdShape::ALL.len() as u64) as usize]
}

/// Clients of many sorts on one described protocol, drawn by the seed.
fn fair(choice: Choice, shape: IdShape, seed: u64) -> Plan {
    let mut client = ClientPlan::new(choice, 30, 1 + (seed % 7) as usize);
    client.half_closes = seed.is_multiple_of(3);
    client.large_permille = 20;
    client.once_permille = 300;
    client.deadline_permille = (300, 20_000);
    if choice.id_bytes > 0 && choice.correlation == Correlation::ById {
        client.ids = match seed / 11 % 4 {
            // The mesh cannot see that an id comes again which it cannot read.
            _ if shape == IdShape::Sealed => Ids::Sequential,
            0 => Ids::Same,
            1 => Ids::Sequential,
            2 => Ids::Few(3),
            _ => Ids::Random,
        };
        client.ping_permille = 30;
    }
    let mut plan = Plan::described(choice, shape, 3).clients(5, &client);
    plan.front.segment = 1 + (seed as usize * 37) % 5_000;
    plan.back.segment = 1 + (seed as usize * 53) % 5_000;
    for backend in &mut plan.backends {
        backend.large_permille = 20;
        backend.greets = choice.greets;
    }
    plan
}

#[test]
fn ids_of_every_kind_come_back_byte_for_byte() {
    run(
        "ids_of_every_kind_come_back_byte_for_byte",
        60,
        |seed| {
            let shape = shape(seed);
            let mut plan = fair(by_id(shape), shape, seed);
            if shape == IdShape::Sealed {
                for client in &mut plan.clients {
                    client.exclusive_permille = 300;
                }
            }
            if seed / 11 % 3 == 1 {
                plan = plan.chained();
            }
            plan
        },
        |report| {
            served(report, 150)?;
            must(report.oracle.pings[0] == report.oracle.pings[1], || {
                format!("pongs, pings: {:?}", report.oracle.pings)
            })
        },
    );
}

/// Retries without a budget that could run out.
fn generous(plan: &mut Plan) {
    let retry = &mut plan.policy().retry;
    retry.retries_max = 8;
    retry.budget_floor_per_second = 100_000;
}

/// Every kind of fault that a fleet has in a bad hour.
fn foul(plan: &mut Plan, seed: u64) {
    generous(plan);
    plan.policy().timeout = Duration::from_millis(400);
    for client in &mut plan.clients {
        client.think = (0, 3 * MS);
        client.connections = 3;
        client.leaves_permille = 200;
        client.rude = seed % 4 < 2;
        client.exclusive_permille = 0;
    }
    for backend in &mut plan.backends {
        backend.closes_every = 30;
        backend.rude = seed.is_multiple_of(2);
        backend.tail_permille = 10;
        backend.tail = (300 * MS, 500 * MS);
    }
    plan.back.partial_writes = 200;
    plan.front.partial_writes = 200;
    plan.faults = vec![
        (20 * MS, Fault::Kill(0)),
        (50 * MS, Fault::BreakOne(Owner::Proxy(0), seed)),
        (60 * MS, Fault::Revive(0)),
        (90 * MS, Fault::Kill(1)),
        (110 * MS, Fault::Cut(backend_port(2))),
        (140 * MS, Fault::Revive(1)),
        ((200 + seed % 300) * MS, Fault::Heal(backend_port(2))),
    ];
    plan.allowed = Allowed {
        errors: vec![
            ProxyError::ResetAfterSending,
            // A large request whose beginning was not kept.
            ProxyError::ResetBeforeSending,
            ProxyError::Deadline,
            ProxyError::Overload,
        ],
        // Servers die inside large answers.
        losses: vec![CloseCause::PeerGone],
        faults: true,
    };
}

fn mostly_served(report: &Report, least: usize) -> Result<(), String> {
    let served = report.oracle.served();
    must(served >= least, || {
        format!(
            "only {served} served, at least {least} should be: {:?}",
            report.counters
        )
    })
}

#[test]
fn servers_die_and_clients_leave_and_ids_of_every_kind_find_their_way() {
    run(
        "servers_die_and_clients_leave_and_ids_of_every_kind_find_their_way",
        60,
        |seed| {
            let shape = shape(seed);
            let mut choice = by_id(shape);
            choice.polite = seed.is_multiple_of(2);
            let mut plan = fair(choice, shape, seed);
            if seed / 11 % 3 == 1 {
                plan = plan.chained();
            }
            foul(&mut plan, seed);
            plan
        },
        |report| mostly_served(report, 200),
    );
}

#[test]
fn s1_late_answers_under_ids_of_every_kind_reach_nobody() {
    run(
        "s1_late_answers_under_ids_of_every_kind_reach_nobody",
        30,
        |seed| {
            let shape = shape(seed);
            let mut plan = fair(by_id(shape), shape, seed);
            plan.policy().timeout = Duration::from_millis(40);
            for backend in &mut plan.backends {
                backend.tail_permille = 60;
                backend.tail = (30 * MS, 300 * MS);
            }
            plan.allowed = Allowed::errors(&[ProxyError::Deadline, ProxyError::Overload]);
            plan
        },
        |report| {
            let c = &report.counters[0];
            must(c.unknown_answers == 0, || format!("unknown: {c:?}"))?;
            let late = report
                .oracle
                .count(|r| matches!(r.seen, Some(Seen::Error(_))));
            must(c.late_answers as usize <= late, || {
                format!("{late} were late: {c:?}")
            })?;
            mostly_served(report, 90)
        },
    );
}

#[test]
fn s3_described_eight_bit_ids_wrap_then_open_a_lane_then_queue_then_refuse() {
    run(
        "s3_described_eight_bit_ids_wrap_then_open_a_lane_then_queue_then_refuse",
        20,
        |seed| {
            let choice = by_id(IdShape::Byte);
            let client = ClientPlan::new(choice, 300, 100);
            full(
                Plan::described(choice, IdShape::Byte, 1).clients(8, &client),
                seed,
            )
        },
        filled,
    );
}

#[test]
fn a_client_that_uses_an_id_again_gets_its_answers_in_the_order_of_its_requests() {
    run(
        "a_client_that_uses_an_id_again_gets_its_answers_in_the_order_of_its_requests",
        30,
        |seed| {
            let shape = [
                IdShape::Byte,
                IdShape::Text,
                IdShape::Uuid,
                IdShape::InProto,
            ][(seed % 4) as usize];
            let choice = by_id(shape);
            let mut client = ClientPlan::new(choice, 60, 20);
            client.ids = Ids::Few(1 + seed % 5);
            let mut plan = Plan::described(choice, shape, 2).clients(4, &client);
            for backend in &mut plan.backends {
                backend.delay = (MS / 10, 20 * MS);
            }
            plan
        },
        |report| served(report, 240),
    );
}

#[test]
fn clients_that_match_by_position_are_answered_in_order_though_frames_have_ids() {
    run(
        "clients_that_match_by_position_are_answered_in_order_though_frames_have_ids",
        30,
        |seed| {
            let shape = shape(seed);
            let mut choice = by_id(shape);
            choice.order = Order::InOrder;
            let mut plan = fair(choice, shape, seed);
            for backend in &mut plan.backends {
                backend.tail_permille = 100;
                backend.tail = (5 * MS, 50 * MS);
            }
            if seed.is_multiple_of(2) {
                foul(&mut plan, seed);
            }
            plan
        },
        |report| mostly_served(report, 150),
    );
}

#[test]
fn ids_that_only_the_order_matches_and_none_at_all_come_in_order() {
    run(
        "ids_that_only_the_order_matches_and_none_at_all_come_in_order",
        30,
        |seed| {
            let choice = Choice::in_order();
            let mut plan = fair(choice, IdShape::None, seed);
            if seed.is_multiple_of(2) {
                foul(&mut plan, seed);
            }
            plan
        },
        |report| mostly_served(report, 120),
    );
}

#[test]
fn a_server_that_takes_one_request_at_a_time_never_gets_a_second() {
    run(
        "a_server_that_takes_one_request_at_a_time_never_gets_a_second",
        30,
        |seed| {
            let (choice, shape) = match seed % 3 {
                0 => (
                    by_id(IdShape::None).with(Correlation::Exclusive, Order::InOrder),
                    IdShape::None,
                ),
                1 => (
                    by_id(IdShape::Line).with(Correlation::Exclusive, Order::AsReady),
                    IdShape::Line,
                ),
                _ => (by_id(IdShape::InTlv), IdShape::InTlv),
            };
            let mut plan = fair(choice, shape, seed);
            plan.policy().lanes.depth = 1;
            plan.policy().lanes.lanes_max = 4;
            for client in &mut plan.clients {
                // Pings of clients are the mesh's to answer; it says none to a server at work.
                client.one_way_permille = 0;
            }
            for backend in &mut plan.backends {
                backend.serving = Serving::Serial;
                backend.one_at_a_time = true;
            }
            if seed.is_multiple_of(2) {
                foul(&mut plan, seed);
            }
            plan
        },
        |report| mostly_served(report, 120),
    );
}
