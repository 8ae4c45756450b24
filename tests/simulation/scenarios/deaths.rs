//! Connections and processes that die: clients cut inside a frame (S2), servers that close
//! under load (S11), poison, restarts, drains, cut networks.

use std::time::Duration;

use weft_codec::ProxyError;
use weft_engine::CloseCause;

use super::{must, served};
use crate::client::ClientPlan;
use crate::codec::Choice;
use crate::network::Owner;
use crate::oracle::{Allowed, Seen};
use crate::plan::{Fault, MS, Plan, S, backend_port};
use crate::seeds::run;
use crate::world::Report;

fn choice(seed: u64) -> Choice {
    match seed % 3 {
        0 => Choice::by_id(4),
        1 => Choice::in_order(),
        _ => Choice::by_id(1),
    }
}

/// Retries without a budget that could run out.
fn generous(plan: &mut Plan) {
    let retry = &mut plan.policy().retry;
    retry.retries_max = 8;
    retry.budget_floor_per_second = 100_000;
}

/// Every idempotent request was served; no other was lost without an error.
fn idempotent_all_served(report: &Report) -> Result<(), String> {
    let failed = report
        .oracle
        .count(|r| r.idempotent && !matches!(r.seen, Some(Seen::Answer(_, _))));
    must(failed == 0, || {
        let which = report
            .oracle
            .requests
            .iter()
            .find(|r| r.idempotent && !matches!(r.seen, Some(Seen::Answer(_, _))));
        format!(
            "{failed} idempotent requests failed: {which:?} {:?}",
            report.counters
        )
    })
}

#[test]
fn s2_a_client_cut_at_any_byte_leaves_the_next_one_unharmed() {
    run(
        "s2_a_client_cut_at_any_byte_leaves_the_next_one_unharmed",
        130,
        |seed| {
            let choice = choice(seed / 200);
            let mut cut = ClientPlan::new(choice, 3, 3);
            cut.body = (20, 20);
            cut.leaves_at = Some(seed % 200);
            cut.rude = seed.is_multiple_of(2);
            cut.start = (0, 0);
            let mut next = ClientPlan::new(choice, 5, 2);
            next.start = (MS / 4, 2 * MS);
            let mut plan = Plan::new(choice, 1).clients(1, &cut).clients(1, &next);
            plan.backends[0].delay = (MS, 3 * MS);
            plan
        },
        |report| {
            let next = report
                .oracle
                .count(|r| r.client == 1 && matches!(r.seen, Some(Seen::Answer(_, _))));
            must(next == 5, || format!("{next} of 5 served"))
        },
    );
}

#[test]
fn s11_servers_that_close_connections_fail_no_idempotent_request() {
    run(
        "s11_servers_that_close_connections_fail_no_idempotent_request",
        50,
        |seed| {
            let choice = choice(seed);
            let mut client = ClientPlan::new(choice, 100, 6);
            client.once_permille = 200;
            let mut plan = Plan::new(choice, 3).clients(5, &client);
            generous(&mut plan);
            for backend in &mut plan.backends {
                backend.closes_every = 40 + (seed % 5) as u32 * 20;
                backend.rude = seed.is_multiple_of(2);
            }
            plan.allowed = Allowed::errors(&[ProxyError::ResetAfterSending]);
            plan
        },
        idempotent_all_served,
    );
}

#[test]
fn s11_work_that_a_server_did_not_execute_is_done_elsewhere() {
    run(
        "s11_work_that_a_server_did_not_execute_is_done_elsewhere",
        20,
        |seed| {
            let choice = choice(seed);
            let mut client = ClientPlan::new(choice, 50, 4);
            client.once_permille = 500;
            let mut plan = Plan::new(choice, 3).clients(4, &client);
            generous(&mut plan);
            for backend in &mut plan.backends {
                backend.not_executed_permille = 100;
            }
            plan
        },
        |report| served(report, 200),
    );
}

#[test]
fn a_request_that_makes_the_server_close_does_not_mix_up_the_others() {
    run(
        "a_request_that_makes_the_server_close_does_not_mix_up_the_others",
        40,
        |seed| {
            let choice = choice(seed);
            let mut client = ClientPlan::new(choice, 60, 6);
            client.once_permille = 300;
            let mut plan = Plan::new(choice, 2).clients(5, &client);
            generous(&mut plan);
            for backend in &mut plan.backends {
                backend.poison_permille = 8;
                backend.rude = seed.is_multiple_of(2);
            }
            plan.allowed = Allowed::errors(&[ProxyError::ResetAfterSending]);
            plan
        },
        idempotent_all_served,
    );
}

#[test]
fn a_backend_that_dies_and_returns_costs_no_idempotent_request() {
    run(
        "a_backend_that_dies_and_returns_costs_no_idempotent_request",
        40,
        |seed| {
            let choice = choice(seed);
            let mut client = ClientPlan::new(choice, 200, 4);
            client.once_permille = 200;
            client.think = (0, 2 * MS);
            let mut plan = Plan::new(choice, 3).clients(5, &client);
            generous(&mut plan);
            plan.faults = vec![
                (30 * MS, Fault::Kill(0)),
                (80 * MS, Fault::Kill(1)),
                (120 * MS, Fault::Revive(0)),
                (160 * MS, Fault::Revive(1)),
                (170 * MS, Fault::Kill(2)),
                (250 * MS, Fault::Revive(2)),
            ];
            plan.allowed = Allowed::errors(&[ProxyError::ResetAfterSending]);
            plan
        },
        idempotent_all_served,
    );
}

#[test]
fn no_instance_is_said_in_time_and_service_comes_back() {
    run(
        "no_instance_is_said_in_time_and_service_comes_back",
        20,
        |seed| {
            let choice = choice(seed);
            let mut client = ClientPlan::new(choice, 100, 2);
            client.think = (0, 100 * MS);
            let mut plan = Plan::new(choice, 2).clients(3, &client);
            plan.proxies[0].settings.reconnect_max = Duration::from_millis(500);
            plan.faults = vec![
                (S, Fault::Kill(0)),
                (S, Fault::Kill(1)),
                (3 * S, Fault::Revive(0)),
                (3 * S, Fault::Revive(1)),
            ];
            plan.allowed = Allowed::errors(&[
                ProxyError::ResetAfterSending,
                ProxyError::ResetBeforeSending,
                ProxyError::NoInstance,
                ProxyError::ConnectFailed,
            ]);
            plan
        },
        |report| {
            // 2 s without instances, connects at least 100 ms apart, one for each.
            let failed = report.counters[0].connects_failed;
            must(failed <= 60, || format!("{failed} connects failed"))?;
            let after = report.oracle.count(|r| r.at > 4 * S);
            let served = report
                .oracle
                .count(|r| r.at > 4 * S && matches!(r.seen, Some(Seen::Answer(_, _))));
            must(served == after, || {
                format!("{served} of {after} served after the outage")
            })
        },
    );
}

#[test]
fn a_network_that_swallows_everything_is_found_out() {
    run(
        "a_network_that_swallows_everything_is_found_out",
        30,
        |seed| {
            let choice = choice(seed);
            let mut client = ClientPlan::new(choice, 60, 4);
            client.think = (0, 50 * MS);
            client.once_permille = 200;
            let mut plan = Plan::new(choice, 2).clients(3, &client);
            generous(&mut plan);
            plan.policy().timeout = Duration::from_secs(20);
            plan.faults = vec![
                (200 * MS, Fault::Cut(backend_port(0))),
                ((1 + seed % 10) * S, Fault::Heal(backend_port(0))),
            ];
            plan.allowed = Allowed::errors(&[ProxyError::ResetAfterSending]);
            plan
        },
        idempotent_all_served,
    );
}

#[test]
fn a_drain_loses_nothing_that_is_in_flight() {
    run(
        "a_drain_loses_nothing_that_is_in_flight",
        30,
        |seed| {
            let mut choice = choice(seed);
            choice.polite = seed.is_multiple_of(2);
            let mut client = ClientPlan::new(choice, 100, 4);
            client.think = (0, 2 * MS);
            let mut plan = Plan::new(choice, 2).clients(4, &client);
            for backend in &mut plan.backends {
                backend.delay = (MS, 20 * MS);
            }
            plan.faults = vec![(40 * MS, Fault::Drain(0, 10 * S))];
            plan.allowed = Allowed {
                errors: vec![ProxyError::Draining],
                losses: vec![CloseCause::Drained],
                faults: true,
            };
            plan
        },
        |report| {
            let executed = report
                .oracle
                .count(|r| !r.executed.is_empty() && !matches!(r.seen, Some(Seen::Answer(_, _))));
            must(executed == 0, || {
                format!("{executed} executed requests got no answer")
            })
        },
    );
}

#[test]
fn lanes_that_break_between_two_proxies_fail_no_idempotent_request() {
    run(
        "lanes_that_break_between_two_proxies_fail_no_idempotent_request",
        30,
        |seed| {
            let choice = choice(seed);
            let mut client = ClientPlan::new(choice, 100, 4);
            client.once_permille = 200;
            client.think = (0, MS);
            let mut plan = Plan::new(choice, 2).clients(4, &client).chained();
            generous(&mut plan);
            let service = &mut plan.proxies[1].services[0];
            service.policy.retry.retries_max = 8;
            service.policy.retry.budget_floor_per_second = 100_000;
            plan.faults = (1..6)
                .map(|n| (n * 12 * MS, Fault::BreakOne(Owner::Proxy(1), seed + n)))
                .collect();
            plan.allowed = Allowed::errors(&[ProxyError::ResetAfterSending]);
            plan
        },
        idempotent_all_served,
    );
}

/// The network swallows a server that has taken its requests and answered none: nothing that was
/// sent to it waits to be acknowledged, nothing else will be sent to it, and the request's deadline
/// comes before the keep-alive.
fn swallowed(seed: u64) -> Plan {
    let choice = Choice::by_id(if seed.is_multiple_of(2) { 4 } else { 1 });
    let mut client = ClientPlan::new(choice, 4, 4);
    client.start = (0, 10 * MS);
    let mut plan = Plan::new(choice, 2).clients(4, &client);
    generous(&mut plan);
    plan.policy().timeout = Duration::from_secs(12);
    for backend in &mut plan.backends {
        backend.delay = (400 * MS, 600 * MS);
    }
    plan.faults = vec![
        ((200 + seed % 150) * MS, Fault::Cut(backend_port(0))),
        (60 * S, Fault::Heal(backend_port(0))),
    ];
    plan
}

#[test]
fn s15_a_busy_server_that_the_network_swallows_is_found_by_a_ping_and_the_user_timeout() {
    run(
        "s15_a_busy_server_that_the_network_swallows_is_found_by_a_ping_and_the_user_timeout",
        20,
        swallowed,
        |report| {
            idempotent_all_served(report)?;
            let pinged: u64 = report.counters.iter().map(|c| c.pings_said).sum();
            must(pinged > 0, || "nothing was pinged".to_owned())?;
            // The ping after 3 s, its time-out after 5 more, and the request elsewhere.
            let late = report.oracle.count(|r| r.ended > r.at + 9 * S + 500 * MS);
            must(late == 0, || format!("{late} were late"))
        },
    );
}

#[test]
fn s15_without_pings_only_the_deadline_ends_what_a_swallowed_server_had() {
    run(
        "s15_without_pings_only_the_deadline_ends_what_a_swallowed_server_had",
        5,
        |seed| {
            let mut plan = swallowed(seed);
            plan.policy().lanes.ping_after = Duration::ZERO;
            plan.allowed = Allowed::errors(&[ProxyError::Deadline]);
            plan
        },
        |report| {
            let failed = report
                .oracle
                .count(|r| matches!(r.seen, Some(Seen::Error(ProxyError::Deadline))));
            must(failed > 0, || "found without a ping".to_owned())
        },
    );
}
