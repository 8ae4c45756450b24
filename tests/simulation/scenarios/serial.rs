//! Servers that serve one request at a time on each connection.

use super::{must, served};
use crate::backend::Serving;
use crate::client::ClientPlan;
use crate::codec::Choice;
use crate::plan::{MS, Plan, backend_port};
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
