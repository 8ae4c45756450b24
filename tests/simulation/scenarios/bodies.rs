//! Large bodies, slow readers, hostile bytes, and streams cut at every byte (S14, S19, S23).

use weft_engine::CloseCause;

use super::{must, served};
use crate::client::ClientPlan;
use crate::codec::Choice;
use crate::network::Link;
use crate::oracle::{Allowed, Seen};
use crate::plan::{MS, Plan, S};
use crate::seeds::run;
use crate::stream::Pace;
use crate::world::{Report, World};

fn choice(seed: u64) -> Choice {
    if seed.is_multiple_of(2) {
        Choice::by_id(4)
    } else {
        Choice::in_order()
    }
}

/// Eight steady clients; with `harm` also one with a 16 MiB body and one that hardly reads.
fn with_slow_reader(seed: u64, harm: bool) -> Plan {
    let choice = choice(seed);
    let mut steady = ClientPlan::new(choice, 300, 1);
    steady.think = (MS, 5 * MS);
    let mut plan = Plan::new(choice, 2).clients(8, &steady);
    if harm {
        let mut large = ClientPlan::new(choice, 1, 1);
        large.body = (16 << 20, 16 << 20);
        large.start = (50 * MS, 100 * MS);
        let mut slow = ClientPlan::new(choice, 40, 40);
        slow.body = (60_000, 200_000);
        slow.pace = Pace {
            bytes: 4_096,
            every: 5 * MS,
        };
        slow.start = (50 * MS, 100 * MS);
        plan = plan.clients(1, &large).clients(1, &slow);
    }
    for backend in &mut plan.backends {
        backend.echoes = true;
    }
    plan.allowed.losses = vec![CloseCause::SlowReader];
    plan.horizon = 1_000 * S;
    plan
}

/// The 99th percentile of the steady clients' latencies.
fn p99(report: &Report) -> u64 {
    let steady = report.oracle.requests.iter().filter(|r| r.client < 8);
    let mut took: Vec<u64> = steady.map(|r| r.ended - r.at).collect();
    took.sort_unstable();
    took.get(took.len() * 99 / 100).copied().unwrap_or(0)
}

#[test]
fn s14_a_slow_reader_and_a_large_body_leave_the_others_quick() {
    // Its requests are those of seed 0 in every comparison, so one calm run is enough.
    let without = p99(&World::new(with_slow_reader(0, false), 0, false).run());
    run(
        "s14_a_slow_reader_and_a_large_body_leave_the_others_quick",
        6,
        |seed| with_slow_reader(seed, true),
        |report| {
            let with = p99(report);
            must(with < 2 * without, || {
                format!("p99 {} us, without {} us", with / 1_000, without / 1_000)
            })?;
            let large = report
                .oracle
                .count(|r| r.client == 8 && matches!(r.seen, Some(Seen::Answer(_, _))));
            must(large == 1, || "the large request was not served".to_owned())
        },
    );
}

#[test]
fn large_bodies_pass_through_small_buffers_in_both_directions() {
    run(
        "large_bodies_pass_through_small_buffers_in_both_directions",
        30,
        |seed| {
            let choice = choice(seed);
            let mut client = ClientPlan::new(choice, 30, 4);
            client.large_permille = 200;
            client.large = (1_000, 400_000);
            client.whole_permille = 200;
            let mut plan = Plan::new(choice, 2).clients(4, &client);
            plan.front.buffer = 10_000;
            plan.back.buffer = 10_000;
            plan.limits.cut_through_bytes = if seed % 4 < 2 { 4 << 10 } else { 64 << 10 };
            for backend in &mut plan.backends {
                backend.echoes = true;
            }
            if seed.is_multiple_of(3) {
                plan = plan.chained();
            }
            plan
        },
        |report| served(report, 120),
    );
}

#[test]
fn s19_hostile_bytes_are_refused_and_hold_little_memory() {
    run(
        "s19_hostile_bytes_are_refused_and_hold_little_memory",
        30,
        |seed| {
            let choice = choice(seed);
            let mut bomb = vec![b'W', 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF];
            bomb.resize(200_000, 7);
            let mut slow = vec![b'W', 0, 0, 0, 0, 0, 0, 200];
            slow.resize(8, 0);
            let mut plan = Plan::new(choice, 1).clients(4, &ClientPlan::new(choice, 100, 2));
            let garbage: [(Vec<u8>, usize, u64); 4] = [
                (bomb, 1_000_000, MS),
                (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(), 1_000, MS),
                (vec![0x16, 3, 1, 2, 0, 1, 0, 1, 0xFC], 1_000, MS),
                (slow, 1, S),
            ];
            for bytes in garbage {
                let mut hostile = ClientPlan::new(choice, 1, 1);
                hostile.garbage = Some(bytes);
                plan = plan.clients(5, &hostile);
            }
            plan
        },
        |report| {
            served(report, 400)?;
            let c = &report.counters[0];
            must(c.malformed[0] == 15, || format!("{c:?}"))?;
            must(c.closed[CloseCause::Stalled as usize] == 5, || {
                format!("{c:?}")
            })?;
            must(report.oracle.peaks[2] <= 64 << 10, || {
                format!("{} bytes held for one client", report.oracle.peaks[2])
            })
        },
    );
}

#[test]
fn s23_a_stream_cut_at_any_byte_gives_the_same_answers() {
    run(
        "s23_a_stream_cut_at_any_byte_gives_the_same_answers",
        130,
        |seed| {
            let choice = choice(seed / 200);
            let mut client = ClientPlan::new(choice, 4, 4);
            client.body = (10, 30);
            client.splits_at = Some(seed % 200);
            let mut plan = Plan::new(choice, 1).clients(1, &client);
            let link = Link {
                partial_writes: 0,
                jitter: 0,
                ..Link::default()
            };
            plan.front = link;
            plan.back = link;
            plan.back.segment = 1 + seed as usize % 60;
            plan
        },
        |report| served(report, 4),
    );
}

#[test]
fn a_client_that_never_reads_is_let_go() {
    run(
        "a_client_that_never_reads_is_let_go",
        10,
        |seed| {
            let choice = choice(seed);
            let mut dead = ClientPlan::new(choice, 50, 50);
            dead.body = (100_000, 100_000);
            dead.pace = Pace {
                bytes: 1,
                every: 200 * S,
            };
            let mut plan = Plan::new(choice, 1)
                .clients(1, &dead)
                .clients(3, &ClientPlan::new(choice, 100, 2));
            plan.backends[0].echoes = true;
            plan.allowed = Allowed {
                losses: vec![CloseCause::SlowReader],
                faults: true,
                ..Allowed::default()
            };
            plan.horizon = 1_000 * S;
            plan
        },
        |report| {
            let steady = report
                .oracle
                .count(|r| r.client >= 1 && matches!(r.seen, Some(Seen::Answer(_, _))));
            must(steady == 300, || format!("{steady} of 300 served"))
        },
    );
}
