//! Two proxies that speak hop between them: whatever the protocol is, its requests multiplex
//! there, nobody gets another's answer, and nothing that may not be repeated is.

use std::rc::Rc;
use std::time::Duration;

use weft_codec::{Correlation, Effect, Order, ProxyError};
use weft_engine::CloseCause;

use super::{must, served};
use crate::client::{ClientPlan, Ids};
use crate::codec::Choice;
use crate::dialects::{RedisDialect, ThriftDialect};
use crate::network::Owner;
use crate::oracle::{Allowed, Seen};
use crate::plan::{Fault, MS, Plan, S, proxy_port};
use crate::seeds::run;

/// Protocols of all sorts: by id of every width, in order, exclusive.
fn choice(seed: u64) -> Choice {
    match seed % 6 {
        0 => Choice::by_id(4),
        1 => Choice::in_order(),
        2 => Choice::by_id(1),
        3 => Choice::by_id(8).with(Correlation::Exclusive, Order::AsReady),
        4 => Choice::by_id(2),
        _ => Choice::by_id(0).with(Correlation::Exclusive, Order::InOrder),
    }
}

/// Clients of many sorts on one protocol, through two proxies.
fn fair(seed: u64) -> Plan {
    let choice = choice(seed);
    let mut client = ClientPlan::new(choice, 30, 1 + (seed % 7) as usize);
    client.half_closes = seed.is_multiple_of(3);
    client.large_permille = 20;
    client.once_permille = 300;
    if choice.id_bytes > 0 {
        client.ids = [Ids::Same, Ids::Sequential, Ids::Random][(seed / 6 % 3) as usize];
    }
    if choice.correlation == Correlation::ById {
        client.ping_permille = 30;
        client.exclusive_permille = 100;
    }
    let mut plan = Plan::new(choice, 3).clients(5, &client).hopping();
    plan.front.segment = 1 + (seed as usize * 37) % 5_000;
    plan.back.segment = 1 + (seed as usize * 53) % 5_000;
    for backend in &mut plan.backends {
        backend.large_permille = 20;
        backend.more_permille = 50;
    }
    plan
}

#[test]
fn every_protocol_multiplexes_between_two_proxies() {
    run(
        "every_protocol_multiplexes_between_two_proxies",
        60,
        fair,
        |report| {
            served(report, 150)?;
            let lanes = report.counters[0].lanes_opened;
            must(lanes <= 12, || format!("{lanes} lanes between the proxies"))
        },
    );
}

#[test]
fn thrift_and_redis_multiplex_between_two_proxies() {
    run(
        "thrift_and_redis_multiplex_between_two_proxies",
        30,
        |seed| {
            let thrift = seed.is_multiple_of(2);
            let choice = match thrift {
                true => Choice::by_id(4),
                false => Choice::in_order(),
            };
            let mut client = ClientPlan::new(choice, 60, 1 + seed as usize % 9);
            client.once_permille = 200;
            client.large_permille = 20;
            client.ids = [Ids::Same, Ids::Sequential, Ids::Random][seed as usize % 3];
            let mut plan = Plan::new(choice, 3).clients(5, &client);
            plan.back.segment = 1 + (seed as usize * 59) % 3_000;
            if thrift {
                plan.speaking(weft_thrift::Thrift::new(), Rc::new(ThriftDialect))
            } else {
                plan.by_service = false;
                plan.speaking(weft_resp::Resp::new(), Rc::new(RedisDialect))
            }
            .hopping()
        },
        |report| served(report, 300),
    );
}

#[test]
fn what_changes_a_connection_goes_natively_beside_the_hop() {
    run(
        "what_changes_a_connection_goes_natively_beside_the_hop",
        40,
        |seed| {
            let mut choice = match seed % 2 {
                0 => Choice::by_id(4),
                _ => Choice::in_order(),
            };
            choice.effects = true;
            let mut client = ClientPlan::new(choice, 30, 1 + (seed % 5) as usize);
            client.effect_permille = (200, vec![Effect::Pin, Effect::Unpin, Effect::Blocking]);
            client.user = if seed.is_multiple_of(3) { 1 } else { 0 };
            let mut other = client.clone();
            other.user = 0;
            let mut plan = Plan::new(choice, 2)
                .clients(3, &client)
                .clients(2, &other)
                .hopping();
            for backend in &mut plan.backends {
                backend.logins = true;
            }
            plan
        },
        |report| {
            let lost = report
                .oracle
                .count(|r| !matches!(r.seen, Some(Seen::Answer(_, _))));
            must(lost == 0, || format!("{lost} not served"))
        },
    );
}

#[test]
fn backends_lanes_and_hops_break_and_nothing_is_mixed_up_or_repeated() {
    run(
        "backends_lanes_and_hops_break_and_nothing_is_mixed_up_or_repeated",
        80,
        |seed| {
            let mut plan = fair(seed);
            for proxy in &mut plan.proxies {
                let policy = &mut proxy.services[0].policy;
                policy.timeout = Duration::from_millis(400);
                policy.retry.retries_max = 8;
                policy.retry.budget_floor_per_second = 100_000;
            }
            for client in &mut plan.clients {
                client.think = (0, 20 * MS);
                client.leaves_permille = 100;
            }
            for at in 1..6 {
                let time = at * 50 * MS + seed % 40 * MS;
                plan.faults.push((
                    time,
                    match (seed / 6 + at) % 5 {
                        0 => Fault::Kill(at as usize % 3),
                        1 => Fault::Break(proxy_port(1)),
                        2 => Fault::BreakOne(Owner::Proxy(0), seed),
                        3 => Fault::Cut(proxy_port(1)),
                        _ => Fault::Restart(1),
                    },
                ));
                plan.faults
                    .push((time + 120 * MS, Fault::Heal(proxy_port(1))));
                plan.faults
                    .push((time + 120 * MS, Fault::Revive(at as usize % 3)));
            }
            plan.allowed = Allowed::everything();
            plan
        },
        |report| {
            let asked = report.oracle.requests.len();
            let answered = report.oracle.served();
            must(answered * 4 >= asked, || {
                format!("{answered} of {asked} served; {:?}", report.counters)
            })
        },
    );
}

#[test]
fn a_second_proxy_that_drains_loses_nothing() {
    run(
        "a_second_proxy_that_drains_loses_nothing",
        60,
        |seed| {
            let choice = choice(seed);
            let mut client = ClientPlan::new(choice, 60, 1 + (seed % 7) as usize);
            client.think = (0, 4 * MS);
            client.once_permille = 500;
            let mut plan = Plan::new(choice, 3).clients(5, &client).hopping();
            // Two proxies of the same kind; one of them drains in the middle.
            let twin = plan.proxies[1].clone();
            plan.proxies.push(twin);
            let services = &mut plan.proxies[0].services;
            services[0].instances.push((proxy_port(2), 0));
            plan.faults
                .push((20 * MS + seed % 60 * MS, Fault::Drain(1, 10 * S)));
            plan
        },
        |report| served(report, 300),
    );
}

#[test]
fn what_the_second_proxy_did_not_execute_goes_to_another() {
    run(
        "what_the_second_proxy_did_not_execute_goes_to_another",
        30,
        |seed| {
            let choice = choice(seed);
            let mut client = ClientPlan::new(choice, 20, 1 + (seed % 4) as usize);
            client.once_permille = 1_000;
            let mut plan = Plan::new(choice, 2).clients(4, &client).hopping();
            // The second proxy knows only a backend that is dead, the third the living one.
            let mut twin = plan.proxies[1].clone();
            plan.proxies[1].services[0] = plan.proxies[1].services[0].at(&[1], 0);
            plan.proxies[1].services[0].policy.queue.no_instance_wait = Duration::from_millis(5);
            twin.services[0] = twin.services[0].at(&[0], 0);
            plan.proxies.push(twin);
            plan.proxies[0].services[0]
                .instances
                .push((proxy_port(2), 0));
            let retry = &mut plan.policy().retry;
            retry.retries_max = 20;
            retry.budget_floor_per_second = 100_000;
            plan.backends[1].born_dead = true;
            plan
        },
        |report| {
            served(report, 80)?;
            let retries = report.counters[0].retries;
            must(retries > 0, || "nothing was tried elsewhere".to_owned())
        },
    );
}

#[test]
fn a_cancel_frees_its_exchange_at_the_second_proxy() {
    run(
        "a_cancel_frees_its_exchange_at_the_second_proxy",
        30,
        |seed| {
            let choice = choice(seed);
            let mut client = ClientPlan::new(choice, 40, 3 + (seed % 7) as usize);
            client.leaves_permille = 1_000;
            client.connections = 8;
            let mut plan = Plan::new(choice, 2).clients(3, &client).hopping();
            for backend in &mut plan.backends {
                backend.delay = (5 * MS, 50 * MS);
            }
            plan.allowed = Allowed {
                losses: vec![CloseCause::Reset],
                ..Allowed::errors(&[ProxyError::Deadline])
            };
            plan
        },
        |report| {
            let said = report.counters[0].cancels_said;
            let heard = report.counters[1].cancelled;
            let replaced = report.counters[0].closed[CloseCause::Untrusted as usize];
            must(said > 0 && heard > 0 && replaced == 0, || {
                format!("{said} said, {heard} heard, {replaced} lanes replaced")
            })
        },
    );
}

#[test]
fn s12_a_deadline_shrinks_over_three_proxies_and_expired_work_is_never_forwarded() {
    const LIMIT_MS: u64 = 25;
    /// Rounding up to a millisecond at two hops, and the way through the network.
    const SLACK_MS: u64 = 8;
    run(
        "s12_a_deadline_shrinks_over_three_proxies_and_expired_work_is_never_forwarded",
        30,
        |seed| {
            let choice = choice(seed);
            let client = ClientPlan::new(choice, 20, 4);
            let mut plan = Plan::new(choice, 1).clients(4, &client).hopping();
            let last = plan.proxies[1].clone();
            plan.proxies.push(last);
            plan.proxies[1].services[0].instances = vec![(proxy_port(2), 0)];
            plan.policy().timeout = Duration::from_millis(LIMIT_MS);
            // One request at a time: the others wait in the last proxy.
            let lanes = &mut plan.proxies[2].services[0].policy.lanes;
            (lanes.depth, lanes.lanes_max) = (1, 1);
            plan.backends[0].delay = (2 * MS, 6 * MS);
            plan.allowed = Allowed::errors(&[ProxyError::Deadline]);
            plan
        },
        |report| {
            let late = report.oracle.requests.iter().find(|request| {
                let limit = request.at + (LIMIT_MS + SLACK_MS) * MS;
                request.executed.iter().any(|(_, at)| *at > limit)
            });
            must(late.is_none(), || format!("executed too late: {late:?}"))?;
            let never = report.oracle.count(|r| r.executed.is_empty());
            must(never > 0, || {
                "there was no need to drop anything".to_owned()
            })
        },
    );
}
