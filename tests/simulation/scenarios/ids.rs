//! Ids under pressure: late answers, wrapping, repetition, forgeries, reuse (S1, S3–S7).

use std::time::Duration;

use weft_codec::{OneWayAnswers, ProxyError};
use weft_engine::CloseCause;

use super::{must, served};
use crate::client::{ClientPlan, Ids};
use crate::codec::Choice;
use crate::oracle::{Allowed, Seen};
use crate::plan::{Fault, MS, Plan};
use crate::seeds::run;
use crate::world::Report;

fn width(seed: u64) -> usize {
    [1, 2, 4][(seed % 3) as usize]
}

#[test]
fn s1_late_answers_are_counted_and_never_delivered() {
    run(
        "s1_late_answers_are_counted_and_never_delivered",
        50,
        |seed| {
            let choice = Choice::by_id(width(seed));
            let mut plan = Plan::new(choice, 2).clients(6, &ClientPlan::new(choice, 60, 16));
            plan.policy().timeout = Duration::from_millis(40);
            for backend in &mut plan.backends {
                backend.tail_permille = 40;
                backend.tail = (30 * MS, 300 * MS);
            }
            plan.allowed = Allowed::errors(&[ProxyError::Deadline, ProxyError::Overload]);
            plan
        },
        |report| {
            let c = &report.counters[0];
            let told = c.answered + c.late_answers;
            let trusted = c.closed[CloseCause::Untrusted as usize] == 0
                && c.closed[CloseCause::Idle as usize] == c.lanes_opened;
            let answers = report.oracle.answers;
            must(told == answers || (!trusted && told < answers), || {
                format!("{answers} answers were sent: {c:?}")
            })?;
            must(c.unknown_answers == 0, || format!("unknown: {c:?}"))?;
            must(report.took_max < Duration::from_millis(60), || {
                format!("an exchange took {:?} of 40 ms", report.took_max)
            })
        },
    );
}

#[test]
fn s3_eight_bit_ids_wrap_then_open_a_lane_then_queue_then_refuse() {
    run(
        "s3_eight_bit_ids_wrap_then_open_a_lane_then_queue_then_refuse",
        20,
        |seed| {
            let choice = Choice::by_id(1);
            let plan = Plan::new(choice, 1).clients(8, &ClientPlan::new(choice, 300, 100));
            full(plan, seed)
        },
        filled,
    );
}

/// Two lanes for 800 requests at once of ids that wrap: some wait, others are refused.
pub(super) fn full(mut plan: Plan, seed: u64) -> Plan {
    let policy = plan.policy();
    policy.lanes.depth = 1_000;
    policy.lanes.lanes_max = 2;
    policy.queue.waiting_max = if seed.is_multiple_of(2) { 50 } else { 1_000 };
    plan.backends[0].delay = (5 * MS, 20 * MS);
    plan.allowed = Allowed::errors(&[ProxyError::Overload]);
    plan
}

/// Both lanes were used, what was refused was told, and all else was served.
pub(super) fn filled(report: &Report) -> Result<(), String> {
    must(report.peers_peak[0] == 2, || {
        format!("{} lanes at most", report.peers_peak[0])
    })?;
    let shed: u64 = report.counters[0].shed.iter().sum();
    let refused = report
        .oracle
        .count(|r| matches!(r.seen, Some(Seen::Error(_))));
    must(refused as u64 == shed, || {
        format!("{refused} refused, {shed} shed")
    })?;
    served(report, 2_400 - refused)
}

#[test]
fn s4_clients_that_all_use_one_id_get_their_own_answers() {
    run(
        "s4_clients_that_all_use_one_id_get_their_own_answers",
        30,
        |seed| {
            let choice = Choice::by_id(width(seed));
            let mut client = ClientPlan::new(choice, 40, 1 + (seed % 5) as usize * 4);
            client.ids = Ids::Same;
            Plan::new(choice, 2).clients(10, &client)
        },
        |report| served(report, 400),
    );
}

#[test]
fn s5_unknown_and_repeated_ids_are_dropped_and_close_the_lane_past_the_threshold() {
    run(
        "s5_unknown_and_repeated_ids_are_dropped_and_close_the_lane_past_the_threshold",
        30,
        |_| {
            let choice = Choice::by_id(4);
            let mut plan = Plan::new(choice, 2).clients(6, &ClientPlan::new(choice, 60, 8));
            plan.policy().retry.retries_max = 6;
            plan.policy().retry.budget_floor_per_second = 10_000;
            for backend in &mut plan.backends {
                backend.repeat_permille = 100;
                backend.unknown_permille = 100;
            }
            plan
        },
        |report| {
            let c = &report.counters[0];
            served(report, 360)?;
            must(c.closed[CloseCause::Untrusted as usize] > 0, || {
                format!("no lane was closed: {c:?}")
            })?;
            must(c.unknown_answers <= report.oracle.forged, || {
                format!("{} forged: {c:?}", report.oracle.forged)
            })
        },
    );
}

#[test]
fn s5_a_few_unknown_ids_harm_nobody() {
    run(
        "s5_a_few_unknown_ids_harm_nobody",
        20,
        |_| {
            let choice = Choice::by_id(4);
            let mut plan = Plan::new(choice, 2).clients(4, &ClientPlan::new(choice, 50, 8));
            plan.proxies[0].settings.unknown_answers_max = 10_000;
            for backend in &mut plan.backends {
                backend.repeat_permille = 30;
                backend.unknown_permille = 30;
            }
            plan
        },
        |report| {
            served(report, 200)?;
            let c = &report.counters[0];
            must(c.unknown_answers == report.oracle.forged, || {
                format!("{} forged: {c:?}", report.oracle.forged)
            })
        },
    );
}

#[test]
fn s6_a_new_incarnation_never_gets_the_old_lanes_answers() {
    run(
        "s6_a_new_incarnation_never_gets_the_old_lanes_answers",
        30,
        |seed| {
            let choice = if seed.is_multiple_of(2) {
                Choice::by_id(width(seed))
            } else {
                Choice::in_order()
            };
            let mut client = ClientPlan::new(choice, 80, 8);
            client.think = (0, MS);
            let mut plan = Plan::new(choice, 2).clients(4, &client);
            for backend in &mut plan.backends {
                backend.delay = (MS, 15 * MS);
            }
            let service = plan.proxies[0].services[0].clone();
            plan.faults = (1..8)
                .map(|n| {
                    let state = vec![service.at(&[0, 1], n)];
                    (n * 15 * MS, Fault::NewState(0, state))
                })
                .collect();
            plan
        },
        |report| served(report, 320),
    );
}

#[test]
fn s7_a_cancel_leaves_the_other_exchanges_alone() {
    run(
        "s7_a_cancel_leaves_the_other_exchanges_alone",
        40,
        |seed| {
            let mut choice = Choice::by_id(width(seed));
            choice.polite = seed.is_multiple_of(2);
            choice.one_way = OneWayAnswers::Maybe;
            let mut leaver = ClientPlan::new(choice, 20, 8);
            leaver.connections = 20;
            leaver.leaves_permille = 900;
            leaver.rude = seed % 4 < 2;
            leaver.patience = 5 * MS;
            leaver.one_way_permille = 100;
            let mut plan = Plan::new(choice, 1)
                .clients(4, &leaver)
                .clients(2, &ClientPlan::new(choice, 100, 4));
            plan.backends[0].delay = (MS / 10, 12 * MS);
            plan.backends[0].one_way_permille = 500;
            plan
        },
        |report| {
            let steady = report
                .oracle
                .count(|r| r.client >= 4 && matches!(r.seen, Some(Seen::Answer(_, _))));
            must(steady == 200, || format!("{steady} of 200 served"))
        },
    );
}
