//! Servers that serve one request at a time on each connection.

use std::time::Duration;

use weft_codec::ProxyError;

use super::{must, served};
use crate::backend::Serving;
use crate::client::ClientPlan;
use crate::codec::Choice;
use crate::oracle::{Allowed, Seen};
use crate::plan::{MS, Plan, S, backend_port};
use crate::seeds::run;
use crate::world::World;

fn plan(seed: u64) -> Plan {
    let choice = if seed.is_multiple_of(2) {
        Choice::by_id(4)
    } else {
        Choice::in_order()
    };
    let mut plan = Plan::new(choice, 1).clients(16, &ClientPlan::new(choice, 400, 1));
    plan.backends[0].serving = Serving::Serial;
    plan.backends[0].delay = (5 * MS, 5 * MS);
    plan
}

#[test]
fn a_serial_server_behind_a_shared_lane_keeps_its_throughput() {
    run(
        "a_serial_server_behind_a_shared_lane_keeps_its_throughput",
        8,
        plan,
        |report| {
            served(report, 6_400)?;
            let mut direct = plan(0);
            for client in &mut direct.clients {
                client.port = backend_port(0);
            }
            let direct = World::new(direct, 0, false).run();
            must(report.done_at * 9 <= direct.done_at * 10, || {
                format!(
                    "{} ms, direct {} ms, {} lanes, {:?}",
                    report.done_at / MS,
                    direct.done_at / MS,
                    report.peers_peak[0],
                    report.counters
                )
            })
        },
    );
}

#[test]
fn a_declared_depth_of_one_is_kept() {
    run(
        "a_declared_depth_of_one_is_kept",
        10,
        |seed| {
            let mut plan = plan(seed);
            for client in &mut plan.clients {
                client.requests = 40;
                client.depth = 3;
            }
            plan.policy().lanes.depth = 1;
            plan.policy().lanes.lanes_max = 8;
            plan
        },
        |report| {
            must(report.peers_peak[0] <= 8, || {
                format!("{} lanes", report.peers_peak[0])
            })?;
            served(report, 640)
        },
    );
}

#[test]
fn a_serial_server_that_is_busy_for_long_keeps_its_lanes_and_executes_nothing_twice() {
    run(
        "a_serial_server_that_is_busy_for_long_keeps_its_lanes_and_executes_nothing_twice",
        15,
        |seed| {
            let choice = Choice::by_id(if seed.is_multiple_of(2) { 4 } else { 1 });
            let mut client = ClientPlan::new(choice, 3, 1);
            client.once_permille = 500;
            client.think = (0, 4 * S);
            let mut plan = Plan::new(choice, 2).clients(4, &client);
            for backend in &mut plan.backends {
                backend.serving = Serving::Serial;
                backend.delay = (S, 12 * S);
                // These it ignores: its pongs pass by them, and show nothing.
                backend.never_permille = 100;
            }
            plan.policy().timeout = Duration::from_secs(120);
            plan.allowed = Allowed::errors(&[ProxyError::Deadline]);
            plan.horizon = 900 * S;
            plan
        },
        |report| {
            let twice = report.oracle.count(|r| r.executed.len() > 1);
            let lost = report.oracle.count(|r| {
                !matches!(
                    r.seen,
                    Some(Seen::Answer(_, _) | Seen::Error(ProxyError::Deadline))
                )
            });
            must((twice, lost) == (0, 0), || {
                format!("{twice} executed twice, {lost} lost: {:?}", report.counters)
            })?;
            let pinged: u64 = report.counters.iter().map(|c| c.pings_said).sum();
            must(pinged > 0, || "nothing was pinged".to_owned())
        },
    );
}
