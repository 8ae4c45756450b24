//! What described protocols do beside asking and answering: greetings, pushes, pings, logins, sessions, one-ways, answers
//! in several frames, cancels and go-aways.

use weft_codec::{Correlation, Effect, OneWayAnswers, Order, ProxyError};
use weft_engine::CloseCause;

use super::super::{must, served};
use super::{by_id, fair, foul, mostly_served, shape};
use crate::client::{ClientPlan, Ids};
use crate::codec::Choice;
use crate::described::IdShape;
use crate::oracle::{Allowed, Seen};
use crate::plan::{Fault, MS, Plan, S};
use crate::seeds::run;

/// A protocol with requests that change their connection; one seed in so many has no ids.
fn stateful(seed: u64, without_ids: u64) -> (Choice, IdShape) {
    let (mut choice, shape) = match seed.is_multiple_of(without_ids) {
        true => (Choice::in_order(), IdShape::None),
        false => (by_id(shape(seed)), shape(seed)),
    };
    choice.effects = true;
    (choice, shape)
}

#[test]
fn a_server_that_greets_pushes_and_pings_has_one_client_on_each_connection() {
    run(
        "a_server_that_greets_pushes_and_pings_has_one_client_on_each_connection",
        30,
        |seed| {
            let shape = if seed.is_multiple_of(3) {
                IdShape::None
            } else {
                shape(seed)
            };
            let mut choice = by_id(shape).with(Correlation::Bound, Order::InOrder);
            choice.greets = seed % 4 != 3;
            let mut plan = fair(choice, shape, seed);
            for client in &mut plan.clients {
                client.ids = Ids::Sequential;
                client.in_order = true;
                client.user = 1 + (seed % 5) as u8;
                client.half_closes = false;
                if choice.id_bytes > 0 {
                    client.ping_permille = 30;
                }
            }
            for backend in &mut plan.backends {
                backend.push_permille = 300;
                backend.ping_permille = 100;
                backend.logins = true;
            }
            plan
        },
        |report| {
            served(report, 150)?;
            let oracle = &report.oracle;
            must(oracle.logins == 5, || {
                format!("{} logins of 5 clients", oracle.logins)
            })?;
            must(
                oracle.pushes[0] > 0 && oracle.pushes[1] > oracle.pushes[0] / 2,
                || format!("pushes sent and got: {:?}", oracle.pushes),
            )?;
            must(oracle.server_pings[0] > oracle.server_pings[1] / 2, || {
                format!("servers' pongs, pings: {:?}", oracle.server_pings)
            })
        },
    );
}

#[test]
fn servers_that_ping_get_their_pongs_on_lanes_that_clients_share() {
    run(
        "servers_that_ping_get_their_pongs_on_lanes_that_clients_share",
        20,
        |seed| {
            let shape = shape(seed);
            let mut plan = fair(by_id(shape), shape, seed);
            for client in &mut plan.clients {
                // In the middle of a large request no pong can be said: the server asks again.
                client.large_permille = 0;
            }
            for backend in &mut plan.backends {
                backend.ping_permille = 300;
                // Nobody asked for a push on a shared lane, and nobody gets one.
                backend.push_permille = 100;
            }
            plan
        },
        |report| {
            served(report, 150)?;
            let (oracle, c) = (&report.oracle, &report.counters[0]);
            must(oracle.server_pings[1] > 0, || "no server pinged".to_owned())?;
            must(oracle.server_pings[0] == oracle.server_pings[1], || {
                format!("servers' pongs, pings: {:?}", oracle.server_pings)
            })?;
            must(oracle.pushes[1] == 0 && oracle.pushes[0] > 0, || {
                format!("pushes sent and got: {:?}", oracle.pushes)
            })?;
            must(oracle.pings[0] == oracle.pings[1], || {
                format!("pings {:?}", oracle.pings)
            })?;
            must(c.unknown_answers == 0, || format!("{c:?}"))
        },
    );
}

#[test]
fn logins_are_replayed_and_nobody_is_served_on_anothers() {
    run(
        "logins_are_replayed_and_nobody_is_served_on_anothers",
        60,
        |seed| {
            let (choice, shape) = stateful(seed, 4);
            let mut plan = fair(choice, shape, seed);
            foul(&mut plan, seed);
            for (index, client) in plan.clients.iter_mut().enumerate() {
                client.user = 1 + (index % 3) as u8;
                client.ping_permille = 0;
            }
            for backend in &mut plan.backends {
                backend.logins = true;
            }
            plan
        },
        |report| {
            mostly_served(report, 120)?;
            let asked = report.oracle.logins;
            must(asked > 15, || format!("{asked} logins: none was replayed"))
        },
    );
}

#[test]
fn sessions_of_described_protocols_keep_their_connection() {
    run(
        "sessions_of_described_protocols_keep_their_connection",
        30,
        |seed| {
            let (choice, shape) = stateful(seed, 3);
            let mut plan = fair(choice, shape, seed);
            for client in &mut plan.clients {
                client.ids = Ids::Sequential;
                client.once_permille = 0;
                client.effect_permille = (
                    200,
                    vec![
                        Effect::Pin,
                        Effect::Unpin,
                        Effect::Blocking,
                        Effect::Session,
                    ],
                );
            }
            plan
        },
        |report| served(report, 150),
    );
}

#[test]
fn described_one_ways_are_sent_once_whether_servers_answer_them_or_not() {
    run(
        "described_one_ways_are_sent_once_whether_servers_answer_them_or_not",
        40,
        |seed| {
            let shape = if seed.is_multiple_of(5) {
                IdShape::None
            } else {
                shape(seed)
            };
            let mut choice = match shape {
                IdShape::None => Choice::in_order(),
                _ => by_id(shape),
            };
            choice.one_way = match seed % 3 {
                0 => OneWayAnswers::Never,
                1 if shape != IdShape::None => OneWayAnswers::Maybe,
                _ => OneWayAnswers::Always,
            };
            let mut client = ClientPlan::new(choice, 60, 6);
            client.one_way_permille = 400;
            client.half_closes = seed.is_multiple_of(2);
            let mut plan = Plan::described(choice, shape, 2).clients(4, &client);
            for backend in &mut plan.backends {
                backend.one_way_permille = match choice.one_way {
                    OneWayAnswers::Never => 0,
                    OneWayAnswers::Maybe => 500,
                    OneWayAnswers::Always => 1_000,
                };
            }
            plan
        },
        |report| {
            let all = report.oracle.count(|r| r.one_way);
            let once = report
                .oracle
                .count(|r| r.one_way && r.executed.len() == 1 && r.seen == Some(Seen::Sent));
            must(once == all, || format!("{once} of {all} executed once"))?;
            let c = &report.counters[0];
            must(c.sent == all as u64 && c.unknown_answers == 0, || {
                format!("{all} one-ways: {c:?}")
            })?;
            served(report, 240 - all)
        },
    );
}

#[test]
fn described_answers_in_several_frames_stay_together() {
    run(
        "described_answers_in_several_frames_stay_together",
        30,
        |seed| {
            let shape = if seed.is_multiple_of(5) {
                IdShape::None
            } else {
                shape(seed)
            };
            let choice = match shape {
                IdShape::None => Choice::in_order(),
                _ => by_id(shape),
            };
            let mut plan = fair(choice, shape, seed);
            for backend in &mut plan.backends {
                backend.more_permille = 300;
            }
            if seed.is_multiple_of(2) {
                foul(&mut plan, seed);
            }
            plan
        },
        |report| mostly_served(report, 120),
    );
}

#[test]
fn s7_cancels_reach_the_server_and_the_ids_stay_taken() {
    run(
        "s7_cancels_reach_the_server_and_the_ids_stay_taken",
        40,
        |seed| {
            let shape = [
                IdShape::Byte,
                IdShape::Text,
                IdShape::Uuid,
                IdShape::Trailer,
                IdShape::Varint,
            ][(seed % 5) as usize];
            let mut choice = by_id(shape);
            choice.polite = true;
            let mut cancels = ClientPlan::new(choice, 60, 6);
            cancels.cancel_permille = 300;
            let mut plan = Plan::described(choice, shape, 1)
                .clients(4, &cancels)
                .clients(2, &ClientPlan::new(choice, 60, 4));
            plan.backends[0].delay = (MS / 10, 12 * MS);
            plan.backends[0].heeds_cancels = seed % 4 < 2;
            if seed.is_multiple_of(4) {
                plan = plan.chained();
            }
            plan
        },
        |report| {
            let left = report.oracle.count(|r| r.seen == Some(Seen::Left));
            let cancels = report.oracle.cancels as usize;
            must(left > 20, || format!("only {left} cancelled"))?;
            // One that was answered before its cancel came is not cancelled any more.
            must(cancels <= left && cancels > left / 2, || {
                format!("{left} cancelled, the server was told {cancels} times")
            })?;
            served(report, 360 - left)
        },
    );
}

#[test]
fn a_drain_says_go_away_to_described_clients_and_loses_nothing() {
    run(
        "a_drain_says_go_away_to_described_clients_and_loses_nothing",
        20,
        |seed| {
            let shape = shape(seed);
            let mut choice = by_id(shape);
            choice.polite = true;
            let mut client = ClientPlan::new(choice, 100, 4);
            client.think = (0, 2 * MS);
            let mut plan = Plan::described(choice, shape, 2).clients(4, &client);
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
            must(report.oracle.go_aways == 4, || {
                format!("{} of 4 clients were told", report.oracle.go_aways)
            })?;
            let lost = report
                .oracle
                .count(|r| !r.executed.is_empty() && !matches!(r.seen, Some(Seen::Answer(_, _))));
            must(lost == 0, || {
                format!("{lost} executed requests got no answer")
            })
        },
    );
}
