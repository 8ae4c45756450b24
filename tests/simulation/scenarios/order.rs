//! Order: tombstones on in-order lanes (S9), and both deadlocks of ordered clients.

use std::time::Duration;

use weft_codec::{Order, ProxyError};

use super::{must, served};
use crate::client::ClientPlan;
use crate::codec::Choice;
use crate::oracle::{Allowed, Seen};
use crate::plan::{MS, Plan, S};
use crate::seeds::run;

#[test]
fn s9_a_timeout_on_an_in_order_lane_shifts_no_answer() {
    run(
        "s9_a_timeout_on_an_in_order_lane_shifts_no_answer",
        40,
        |seed| {
            let choice = Choice::in_order();
            let mut leaver = ClientPlan::new(choice, 10, 4);
            leaver.connections = 10;
            leaver.leaves_permille = 800;
            leaver.rude = seed.is_multiple_of(2);
            let mut plan = Plan::new(choice, 2)
                .clients(3, &leaver)
                .clients(3, &ClientPlan::new(choice, 60, 4));
            plan.policy().timeout = Duration::from_millis(60);
            plan.policy().retry.budget_floor_per_second = 10_000;
            plan.proxies[0].settings.tombstone_grace = Duration::from_millis(200);
            for backend in &mut plan.backends {
                backend.tail_permille = 20;
                backend.tail = (30 * MS, 150 * MS);
            }
            plan.allowed = Allowed::errors(&[ProxyError::Deadline, ProxyError::ResetAfterSending]);
            plan
        },
        |report| {
            let steady = report
                .oracle
                .count(|r| r.client >= 3 && matches!(r.seen, Some(Seen::Answer(_, _))));
            must(steady > 90, || format!("only {steady} of 180 served"))
        },
    );
}

#[test]
fn s9_a_lane_whose_head_never_answers_closes_after_its_grace() {
    run(
        "s9_a_lane_whose_head_never_answers_closes_after_its_grace",
        10,
        |_| {
            let choice = Choice::in_order();
            let mut plan = Plan::new(choice, 1).clients(1, &ClientPlan::new(choice, 1, 1));
            plan.policy().timeout = Duration::from_millis(100);
            plan.policy().lanes.idle = Duration::from_secs(60);
            plan.proxies[0].settings.tombstone_grace = Duration::from_millis(500);
            plan.backends[0].delay = (20 * S, 20 * S);
            plan.horizon = 10 * S;
            plan.allowed = Allowed::errors(&[ProxyError::Deadline]);
            plan
        },
        |report| {
            let c = &report.counters[0];
            must(c.late_answers == 0 && c.answered == 0, || format!("{c:?}"))
        },
    );
}

#[test]
fn a_pipeline_that_is_written_before_anything_is_read_does_not_deadlock() {
    run(
        "a_pipeline_that_is_written_before_anything_is_read_does_not_deadlock",
        20,
        |seed| {
            let choice = Choice::in_order();
            let mut client = ClientPlan::new(choice, 600, 600);
            client.writes_first = true;
            client.body = (100, 900);
            let mut plan = Plan::new(choice, 2).clients(2, &client);
            plan.front.buffer = 4 << 10;
            plan.back.buffer = 4 << 10;
            for backend in &mut plan.backends {
                backend.echoes = true;
                backend.blocking_writes = seed.is_multiple_of(2);
            }
            plan
        },
        |report| served(report, 1_200),
    );
}

#[test]
fn a_lane_is_never_paused_for_an_answer_that_is_out_of_turn() {
    run(
        "a_lane_is_never_paused_for_an_answer_that_is_out_of_turn",
        20,
        |seed| {
            let choice = Choice::by_id(4);
            let mut client = ClientPlan::new(choice, 60, 60);
            client.in_order = true;
            client.body = (2_000, 9_000);
            let mut plan = Plan::new(choice, 1).clients(3, &client);
            plan.order = Order::InOrder;
            plan.back.buffer = 16 << 10;
            plan.policy().lanes.lanes_max = 1;
            plan.backends[0].echoes = true;
            plan.backends[0].blocking_writes = true;
            plan.backends[0].delay = (0, MS);
            plan.backends[0].tail_permille = 30;
            let settings = &mut plan.proxies[0].settings;
            settings.answer_bytes_max = 60_000 + seed as usize % 20 * 2_000;
            settings.ordered_outbox_pause_bytes = 20_000;
            plan.allowed = Allowed::errors(&[ProxyError::Overload]);
            plan
        },
        |report| {
            let limit = 60_000 + 20 * 2_000 + 3 * 64 * 1_024;
            must(report.oracle.peaks[0] < limit, || {
                format!("{} bytes of answers held", report.oracle.peaks[0])
            })?;
            let served = report.oracle.served();
            must(served >= 10, || format!("only {served} of 180 served"))
        },
    );
}
