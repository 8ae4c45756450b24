//! The plain case, and proofs that the simulator itself works: clients that speak to a backend
//! with no proxy between, and an oracle that sees what it must see.

use weft_codec::{Correlation, Order};

use crate::backend::Serving;
use crate::client::{ClientPlan, Ids};
use crate::codec::Choice;
use crate::message::{Message, Status};
use crate::network::Link;
use crate::oracle::{Oracle, Seen};
use crate::plan::{Plan, backend_port};
use crate::seeds::run;
use crate::world::World;

use super::served;

#[test]
fn every_request_is_answered_when_nothing_goes_wrong() {
    let choice = Choice::by_id(4);
    run(
        "every_request_is_answered_when_nothing_goes_wrong",
        40,
        |_| Plan::new(choice, 3).clients(4, &ClientPlan::new(choice, 40, 4)),
        |report| served(report, 160),
    );
}

#[test]
fn the_virtual_network_carries_every_byte_without_a_proxy() {
    let choice = Choice::by_id(4);
    run(
        "the_virtual_network_carries_every_byte_without_a_proxy",
        10,
        |seed| {
            let mut client = ClientPlan::new(choice, 40, 4);
            client.port = backend_port(0);
            client.large_permille = 50;
            client.large = (2_000, 4_000);
            client.half_closes = seed.is_multiple_of(2);
            let mut plan = Plan::new(choice, 1).clients(4, &client);
            plan.back = Link {
                buffer: 1 + seed as usize * 100,
                segment: 1 + seed as usize,
                ..Link::default()
            };
            plan.backends[0].large_permille = 50;
            plan.backends[0].large = (2_000, 4_000);
            plan
        },
        |report| served(report, 160),
    );
}

#[test]
fn the_oracle_sees_answers_that_are_mixed_up() {
    let choice = Choice::by_id(1).with(Correlation::ById, Order::AsReady);
    let mut client = ClientPlan::new(choice, 50, 8);
    client.port = backend_port(0);
    client.ids = Ids::Same;
    let mut plan = Plan::new(choice, 1).clients(1, &client);
    plan.backends[0].serving = Serving::Concurrent;
    plan.backends[0].strict_ids = false;
    let report = World::new(plan, 1, false).run();
    assert!(
        report
            .oracle
            .wrongs
            .iter()
            .any(|w| w.contains("CROSS-TALK")),
        "{:?}",
        report.oracle.wrongs
    );
}

#[test]
fn the_oracle_sees_second_executions_second_outcomes_and_missing_ones() {
    let mut oracle = Oracle::default();
    let nonces: Vec<u64> = (0..3)
        .map(|client| oracle.ask(0, client, (false, false), 7))
        .collect();
    oracle.executed(1, nonces[0], 1_000);
    oracle.executed(2, nonces[0], 1_001);
    assert!(oracle.wrongs.remove(0).contains("executed twice"));
    let message = Message {
        nonce: nonces[0],
        name: 1_000,
        status: Status::Ok,
        ..Message::empty(weft_codec::Kind::Answer)
    };
    oracle.answered(3, nonces[0], &message);
    oracle.end(3, nonces[0], Seen::Lost);
    assert!(oracle.wrongs.remove(0).contains("two outcomes"));
    oracle.lost(4, 9, nonces[1], false);
    assert!(oracle.wrongs.remove(0).contains("was closed"));
    oracle.check_outcomes();
    assert!(oracle.wrongs.remove(0).contains("no outcome"));
    assert!(oracle.wrongs.is_empty(), "{:?}", oracle.wrongs);
}
