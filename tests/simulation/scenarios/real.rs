//! Real protocols with their real codecs: Thrift and Redis, in fair weather and in foul.

use std::rc::Rc;
use std::time::Duration;

use weft_codec::ProxyError;
use weft_engine::CloseCause;

use super::{must, served};
use crate::client::{ClientPlan, Ids};
use crate::codec::Choice;
use crate::dialects::{RedisDialect, ThriftDialect};
use crate::oracle::{Allowed, Seen};
use crate::plan::{Fault, MS, Plan};
use crate::seeds::run;

/// Clients that speak Thrift on even seeds and Redis on odd ones.
fn real(seed: u64) -> Plan {
    let thrift = seed.is_multiple_of(2);
    let choice = if thrift {
        Choice::by_id(4)
    } else {
        Choice::in_order()
    };
    let mut client = ClientPlan::new(choice, 60, 1 + seed as usize % 9);
    client.once_permille = 200;
    client.large_permille = 20;
    client.ids = [Ids::Same, Ids::Sequential, Ids::Random][seed as usize % 3];
    client.half_closes = seed.is_multiple_of(5);
    if thrift {
        client.one_way_permille = 100;
    }
    let mut plan = Plan::new(choice, 3).clients(5, &client);
    plan.front.segment = 1 + (seed as usize * 41) % 3_000;
    plan.back.segment = 1 + (seed as usize * 59) % 3_000;
    for backend in &mut plan.backends {
        backend.large_permille = 20;
    }
    if thrift {
        plan.speaking(weft_thrift::Thrift::new(), Rc::new(ThriftDialect))
    } else {
        plan.by_service = false;
        plan.speaking(weft_resp::Resp::new(), Rc::new(RedisDialect))
    }
}

#[test]
fn thrift_and_redis_clients_get_their_own_answers() {
    run(
        "thrift_and_redis_clients_get_their_own_answers",
        40,
        real,
        |report| {
            let one_ways = report.oracle.count(|r| r.one_way);
            served(report, 300 - one_ways)
        },
    );
}

#[test]
fn thrift_and_redis_backends_die_and_return_and_nothing_is_mixed_up() {
    run(
        "thrift_and_redis_backends_die_and_return_and_nothing_is_mixed_up",
        40,
        |seed| {
            let mut plan = real(seed);
            plan.policy().timeout = Duration::from_millis(400);
            plan.policy().retry.retries_max = 8;
            plan.policy().retry.budget_floor_per_second = 100_000;
            for client in &mut plan.clients {
                client.think = (0, 3 * MS);
                client.connections = 3;
                client.leaves_permille = 200;
            }
            for backend in &mut plan.backends {
                backend.closes_every = 30;
                backend.tail_permille = 10;
                backend.tail = (300 * MS, 500 * MS);
                backend.rude = seed % 4 < 2;
            }
            plan.faults = vec![
                (20 * MS, Fault::Kill(0)),
                (60 * MS, Fault::Revive(0)),
                (90 * MS, Fault::Kill(1)),
                (140 * MS, Fault::Revive(1)),
            ];
            plan.allowed = Allowed::errors(&[ProxyError::ResetAfterSending, ProxyError::Deadline]);
            // Servers die inside large answers.
            plan.allowed.losses = vec![CloseCause::PeerGone];
            plan
        },
        |report| {
            let answered = report
                .oracle
                .count(|r| matches!(r.seen, Some(Seen::Answer(_, _))));
            must(answered > 200, || format!("only {answered} of 900 served"))
        },
    );
}
