//! Several protocols on one port, told apart by first bytes or by silence; and a description that
//! changes while its clients are at work.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use weft_codec::{Codec, Correlation, Order, ProxyError};
use weft_engine::CloseCause;

use super::{must, served};
use crate::backend::BackendPlan;
use crate::client::{ClientPlan, Ids};
use crate::codec::Choice;
use crate::described::{DescribedDialect, IdShape, another_version, layout};
use crate::dialects::{RedisDialect, ThriftDialect};
use crate::message::Dialect;
use crate::oracle::{Allowed, Seen};
use crate::plan::{Fault, MS, Plan, S, Spoken, backend_port};
use crate::seeds::run;
use crate::world::Report;

fn spoken(codec: impl Codec + 'static, dialect: Rc<dyn Dialect>, by_service: bool) -> Spoken {
    let order = codec.traits().order;
    Spoken {
        codec: Arc::new(codec),
        dialect,
        by_service,
        order,
    }
}

/// The choices of the four protocols of the shared port.
fn choices() -> [Choice; 4] {
    let mut greets =
        Choice::by_id(IdShape::Text.id_bytes()).with(Correlation::Bound, Order::InOrder);
    greets.greets = true;
    [
        Choice::by_id(2),
        Choice::by_id(4),
        Choice::in_order(),
        greets,
    ]
}

/// One port for the simulator's protocol, Thrift, Redis, and a described one whose server greets.
/// Each protocol has a service and two backends of its own.
fn shared(clients: usize, shape: impl Fn(usize, &mut ClientPlan)) -> Plan {
    let choices = choices();
    let mut plan = Plan::new(choices[0], 8);
    let greets = layout(choices[3], IdShape::Text);
    plan.others = vec![
        spoken(weft_thrift::Thrift::new(), Rc::new(ThriftDialect), true),
        spoken(weft_resp::Resp::new(), Rc::new(RedisDialect), false),
        spoken(greets, Rc::new(DescribedDialect(IdShape::Text)), false),
    ];
    plan.silence = (Some(3), 50 * MS);
    let service = plan.proxies[0].services[0].clone();
    plan.proxies[0].services.clear();
    for (number, choice) in choices.into_iter().enumerate() {
        let mut service = service.clone();
        service.number = number as u16;
        service.protocol = number;
        service.instances = [2 * number, 2 * number + 1]
            .map(|backend| (backend_port(backend), 0))
            .to_vec();
        plan.proxies[0].services.push(service);
        for backend in [2 * number, 2 * number + 1] {
            plan.backends[backend] = BackendPlan {
                protocol: number,
                greets: choice.greets,
                ..BackendPlan::for_correlation(choice.correlation)
            };
        }
        for index in 0..clients {
            let mut client = ClientPlan::new(choice, 10, 3);
            client.protocol = number;
            client.service = number as u16;
            shape(index, &mut client);
            plan.clients.push(client);
        }
    }
    plan
}

#[test]
fn s23_clients_of_four_protocols_on_one_port_are_served_wherever_their_stream_is_cut() {
    run(
        "s23_clients_of_four_protocols_on_one_port_are_served_wherever_their_stream_is_cut",
        40,
        |seed| {
            shared(2, |index, client| {
                client.half_closes = seed.is_multiple_of(3);
                client.large_permille = 20;
                if index == 0 && !client.greeted {
                    client.splits_at = Some(seed % 120);
                }
            })
        },
        |report| served(report, 80),
    );
}

#[test]
fn s2_clients_that_leave_a_shared_port_at_any_byte_leave_the_others_unharmed() {
    run(
        "s2_clients_that_leave_a_shared_port_at_any_byte_leave_the_others_unharmed",
        40,
        |seed| {
            let mut plan = shared(2, |index, client| {
                if index == 0 {
                    client.connections = 4;
                    client.leaves_at = Some(seed % 150);
                    client.rude = seed.is_multiple_of(2);
                }
            });
            plan.front.segment = 1 + seed as usize % 40;
            plan
        },
        |report| {
            let steady = report
                .oracle
                .count(|r| r.client % 2 == 1 && matches!(r.seen, Some(Seen::Answer(_, _))));
            must(steady == 40, || {
                format!("{steady} of 40 served: {:?}", report.counters)
            })
        },
    );
}

#[test]
fn strangers_and_slow_beginners_on_a_shared_port_are_closed_and_harm_nobody() {
    run(
        "strangers_and_slow_beginners_on_a_shared_port_are_closed_and_harm_nobody",
        10,
        |seed| {
            let mut plan = shared(1, |_, _| {});
            let mut stranger = ClientPlan::new(choices()[0], 0, 1);
            // A TLS hello, a byte at a time; or one byte that any of them may begin with.
            stranger.garbage = Some(if seed.is_multiple_of(2) {
                (
                    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
                    1,
                    3 * MS,
                )
            } else {
                (vec![0], 1, MS)
            });
            plan.clients.push(stranger.clone());
            plan.clients.push(stranger);
            plan.allowed.losses = vec![CloseCause::Malformed, CloseCause::Stalled];
            plan
        },
        |report| {
            served(report, 40)?;
            let c = &report.counters[0];
            let closed =
                c.closed[CloseCause::Malformed as usize] + c.closed[CloseCause::Stalled as usize];
            must(closed == 2, || {
                format!("{closed} of 2 strangers were closed: {c:?}")
            })
        },
    );
}

/// A described protocol whose description changes again and again, so many nanoseconds apart.
fn changing(seed: u64, times: u64, apart: u64) -> Plan {
    let shape = IdShape::ALL[(seed % IdShape::ALL.len() as u64) as usize];
    let mut choice = Choice::by_id(shape.id_bytes());
    choice.greets = seed % 7 == 6;
    if choice.greets {
        choice = choice.with(Correlation::Bound, Order::InOrder);
    }
    let mut client = ClientPlan::new(choice, 120, 1 + (seed % 6) as usize);
    client.ids = if choice.greets {
        Ids::Sequential
    } else {
        Ids::Random
    };
    client.large_permille = 30;
    client.think = (0, 2 * MS);
    let mut plan = Plan::described(choice, shape, 2).clients(6, &client);
    plan.by_service = !choice.greets;
    plan.front.segment = 1 + (seed as usize * 37) % 3_000;
    for backend in &mut plan.backends {
        backend.greets = choice.greets;
        backend.delay = (MS / 10, 10 * MS);
        backend.large_permille = 30;
    }
    plan.faults = (1..=times)
        .map(|n| {
            (
                n * apart,
                Fault::Describe(0, another_version(choice, shape, n)),
            )
        })
        .collect();
    plan
}

/// Only the last version is held by anybody when all is quiet.
fn one_version_left(report: &Report, times: usize) -> Result<(), String> {
    must(report.versions == (times + 1, 1), || {
        format!("versions in force and left: {:?}", report.versions)
    })
}

#[test]
fn a_description_that_changes_under_load_loses_nothing() {
    run(
        "a_description_that_changes_under_load_loses_nothing",
        40,
        |seed| changing(seed, 1, (5 + seed % 60) * MS),
        |report| {
            served(report, 720)?;
            one_version_left(report, 1)
        },
    );
}

#[test]
fn descriptions_that_change_faster_than_clients_rest_end_only_who_is_two_versions_behind() {
    run(
        "descriptions_that_change_faster_than_clients_rest_end_only_who_is_two_versions_behind",
        20,
        |seed| {
            let mut plan = changing(seed, 8, 8 * MS);
            plan.policy().timeout = Duration::from_millis(500);
            for client in &mut plan.clients {
                client.connections = 2;
            }
            plan.allowed = Allowed {
                losses: vec![CloseCause::Drained],
                ..Allowed::errors(&[ProxyError::Draining])
            };
            plan
        },
        |report| {
            let lost = report
                .oracle
                .count(|r| !r.executed.is_empty() && !matches!(r.seen, Some(Seen::Answer(_, _))));
            must(lost == 0, || {
                format!("{lost} executed requests got no answer")
            })?;
            one_version_left(report, 8)
        },
    );
}

#[test]
fn a_changed_description_and_dying_servers_mix_nothing_up() {
    run(
        "a_changed_description_and_dying_servers_mix_nothing_up",
        20,
        |seed| {
            // Of a client whose server greets not much is left when its server closes.
            let mut plan = changing(seed - u64::from(seed % 7 == 6), 4, 15 * MS);
            let retry = &mut plan.policy().retry;
            retry.retries_max = 8;
            retry.budget_floor_per_second = 100_000;
            plan.policy().timeout = Duration::from_millis(60);
            for backend in &mut plan.backends {
                backend.closes_every = 20;
                backend.rude = seed.is_multiple_of(2);
                backend.tail_permille = 20;
                backend.tail = (50 * MS, 100 * MS);
            }
            for client in &mut plan.clients {
                client.connections = 2;
            }
            plan.faults.push((25 * MS, Fault::Kill(0)));
            plan.faults.push((50 * MS, Fault::Revive(0)));
            plan.allowed = Allowed {
                losses: vec![CloseCause::Drained, CloseCause::PeerGone],
                ..Allowed::errors(&[
                    ProxyError::Deadline,
                    ProxyError::ResetAfterSending,
                    ProxyError::ResetBeforeSending,
                    ProxyError::NoInstance,
                    ProxyError::ConnectFailed,
                ])
            };
            plan.horizon = 100 * S;
            plan
        },
        |report| {
            let served = report.oracle.served();
            must(served > 100, || format!("only {served} served"))?;
            one_version_left(report, 4)
        },
    );
}
