//! The soup: every seed draws protocol, topology, policies, actors and faults at random. Nothing
//! is promised but what must always hold, which is what the oracle knows.

use std::time::Duration;

use fastrand::Rng;
use weft_codec::{Correlation, Effect, OneWayAnswers, Order};
use weft_model::Balancing;

use crate::backend::{BackendPlan, Serving};
use crate::client::{ClientPlan, Ids};
use crate::codec::Choice;
use crate::network::{Link, Owner};
use crate::oracle::Allowed;
use crate::plan::{Fault, MS, Plan, ProxyPlan, S, backend_port, proxy_port};
use crate::seeds::run;
use crate::stream::Pace;

#[test]
fn soup() {
    run("soup", 300, draw, |_| Ok(()));
}

fn chance(rng: &mut Rng, percent: u32) -> bool {
    rng.u32(0..100) < percent
}

/// A share per thousand: usually none, sometimes some.
fn permille(rng: &mut Rng, percent: u32, most: u32) -> u32 {
    if chance(rng, percent) {
        rng.u32(1..=most)
    } else {
        0
    }
}

fn protocol(rng: &mut Rng) -> Choice {
    let mut choice = match rng.u32(0..10) {
        0..=4 => Choice::by_id([1, 2, 4, 4, 8][rng.usize(0..5)]),
        5..=6 => Choice::in_order(),
        7 => Choice::by_id([0, 4][rng.usize(0..2)]).with(Correlation::Exclusive, Order::InOrder),
        8 => Choice::by_id([0, 4][rng.usize(0..2)]).with(Correlation::Bound, Order::InOrder),
        _ => Choice::by_id(0).with(Correlation::Raw, Order::InOrder),
    };
    choice.polite = chance(rng, 50);
    choice.effects = choice.correlation == Correlation::InOrder && chance(rng, 40);
    choice.greets = choice.correlation == Correlation::Bound && chance(rng, 50);
    choice.one_way = match (choice.correlation, rng.u32(0..3)) {
        (_, 0) => OneWayAnswers::Never,
        (Correlation::ById, 1) => OneWayAnswers::Maybe,
        (Correlation::ById | Correlation::InOrder, _) => OneWayAnswers::Always,
        _ => OneWayAnswers::Never,
    };
    choice
}

fn link(rng: &mut Rng) -> Link {
    Link {
        latency: rng.u64(MS / 100..MS),
        jitter: rng.u64(0..MS),
        bandwidth: [0, 10, 100, 1_000][rng.usize(0..4)],
        buffer: [500, 4 << 10, 32 << 10, 256 << 10][rng.usize(0..4)],
        segment: [16, 100, 1_460, 64 << 10][rng.usize(0..4)],
        partial_writes: [0, 50, 500][rng.usize(0..3)],
    }
}

fn pace(rng: &mut Rng) -> Pace {
    if chance(rng, 85) {
        return Pace::default();
    }
    Pace {
        bytes: rng.usize(100..10_000),
        every: rng.u64(MS / 10..3 * MS),
    }
}

fn backend(rng: &mut Rng, choice: Choice, large: (u32, u32)) -> BackendPlan {
    let by_id = choice.correlation == Correlation::ById;
    let matched = by_id || choice.correlation == Correlation::Exclusive;
    let wide = by_id && choice.id_bytes >= 4;
    BackendPlan {
        serving: match rng.u32(0..4) {
            0 => Serving::Serial,
            1 => Serving::InOrder,
            _ if matched => Serving::Concurrent,
            _ => Serving::InOrder,
        },
        delay: (0, rng.u64(MS / 10..20 * MS)),
        tail_permille: permille(rng, 40, 100),
        tail: (10 * MS, rng.u64(20 * MS..S)),
        large_permille: permille(rng, 30, 60),
        large,
        echoes: chance(rng, 10),
        more_permille: permille(rng, 15, 300),
        never_permille: if matched { permille(rng, 20, 20) } else { 0 },
        error_permille: permille(rng, 30, 100),
        not_executed_permille: permille(rng, 20, 100),
        overload_permille: permille(rng, 20, 100),
        repeat_permille: if wide { permille(rng, 15, 30) } else { 0 },
        unknown_permille: if wide { permille(rng, 15, 30) } else { 0 },
        one_way_permille: match choice.one_way {
            OneWayAnswers::Never => 0,
            OneWayAnswers::Maybe => 500,
            OneWayAnswers::Always => 1_000,
        },
        ping_permille: if by_id { permille(rng, 20, 100) } else { 0 },
        poison_permille: permille(rng, 20, 20),
        closes_every: if chance(rng, 30) { rng.u32(1..100) } else { 0 },
        rude: chance(rng, 50),
        says_go_away: choice.polite && chance(rng, 50),
        blocking_writes: chance(rng, 20),
        greets: choice.greets,
        pace: pace(rng),
        born_dead: chance(rng, 5),
        ..BackendPlan::for_correlation(choice.correlation)
    }
}

fn client(rng: &mut Rng, choice: Choice, large: (u32, u32)) -> ClientPlan {
    let depth = [1, 2, 8, 40, 200][rng.usize(0..5)];
    let requests = rng.u32(1..60);
    let framed = matches!(choice.correlation, Correlation::ById | Correlation::InOrder);
    let mut client = ClientPlan::new(choice, requests, depth);
    client.connections = rng.u32(1..6);
    client.ids = [Ids::Same, Ids::Sequential, Ids::Random][rng.usize(0..3)];
    client.body = (0, rng.u32(0..2_000));
    client.large_permille = permille(rng, 30, 60);
    client.large = large;
    client.whole_permille = permille(rng, 20, 500);
    if choice.correlation == Correlation::ById {
        client.exclusive_permille = permille(rng, 15, 300);
        client.ping_permille = permille(rng, 20, 200);
    }
    client.one_way_permille = permille(rng, 30, 400);
    client.once_permille = permille(rng, 60, 1_000);
    client.deadline_permille = (permille(rng, 30, 500), rng.u32(1..2_000));
    if choice.effects {
        let effects = [
            Effect::Pin,
            Effect::Unpin,
            Effect::Blocking,
            Effect::Local,
            Effect::Quit,
            Effect::Facet,
        ];
        client.effect_permille = (permille(rng, 60, 300), effects.to_vec());
    }
    client.start = (0, rng.u64(1..200 * MS));
    client.think = (0, [0, MS, 10 * MS][rng.usize(0..3)]);
    client.leaves_permille = permille(rng, 30, 900);
    client.rude = chance(rng, 50);
    client.half_closes = chance(rng, 25);
    client.writes_first = client.in_order && !client.greeted && depth >= 40 && chance(rng, 20);
    client.patience = if chance(rng, 20) {
        rng.u64(MS..500 * MS)
    } else {
        0
    };
    client.pace = pace(rng);
    if framed && chance(rng, 5) {
        let bytes = (0..rng.usize(1..5_000)).map(|_| rng.u8(..)).collect();
        client.garbage = Some((bytes, rng.usize(1..1_000), rng.u64(MS..S / 10)));
        client.writes_first = false;
    }
    if client.writes_first {
        client.depth = requests as usize;
    }
    client
}

fn proxy(rng: &mut Rng, proxy: &mut ProxyPlan, choice: Choice) {
    let settings = &mut proxy.settings;
    let pick = |rng: &mut Rng, few: usize, many: usize| if chance(rng, 25) { few } else { many };
    settings.clients_max = pick(rng, 3, 1_000);
    settings.exchanges_max = pick(rng, 20, 10_000);
    settings.client_in_flight_max = pick(rng, 4, 128) as u32;
    settings.client_outbox_pause_bytes = pick(rng, 2_000, 32 << 10);
    settings.ordered_outbox_pause_bytes = pick(rng, 10_000, 16 << 20);
    settings.answer_bytes_max = pick(rng, 100_000, 256 << 20);
    settings.lane_outbox_pause_bytes = pick(rng, 10_000, 1 << 20);
    settings.kept_bytes_max = pick(rng, 10_000, 16 << 20);
    settings.tombstone_grace = Duration::from_millis(rng.u64(50..5_000));
    settings.one_way_linger = Duration::from_millis(rng.u64(50..5_000));
    settings.reconnect_max = Duration::from_millis(rng.u64(100..10_000));
    proxy.event_cost = rng.u64(0..20_000);
    proxy.turn_events = rng.usize(1..100);
    proxy.read_bytes = [100, 4 << 10, 64 << 10][rng.usize(0..3)];
    let patient = matches!(choice.correlation, Correlation::Bound | Correlation::Raw);
    let policy = &mut proxy.services[0].policy;
    policy.timeout = Duration::from_millis(if patient { 30_000 } else { rng.u64(20..3_000) });
    policy.retry.retries_max = rng.u8(0..4);
    policy.retry.keep_bytes_max = pick(rng, 500, 64 << 10) as u32;
    policy.balancing = match rng.u32(0..3) {
        0 => Balancing::RoundRobin,
        1 => Balancing::RingHash(None),
        _ => Balancing::PeakEwma,
    };
    policy.lanes.depth = [1, 4, 128, 1_000][rng.usize(0..4)];
    policy.lanes.lanes_max = [1, 2, 32][rng.usize(0..3)];
    policy.lanes.idle = Duration::from_millis(rng.u64(20..5_000));
    if chance(rng, 30) {
        policy.lanes.lifetime = Duration::from_millis(rng.u64(50..2_000));
    }
    policy.queue.waiting_max = pick(rng, 3, 1_000) as u32;
    policy.queue.no_instance_wait = Duration::from_millis(rng.u64(1..1_000));
}

fn fault(rng: &mut Rng, plan: &Plan, when: u64, faults: &mut Vec<(u64, Fault)>) {
    let backend = rng.usize(0..plan.backends.len());
    let proxy = rng.usize(0..plan.proxies.len());
    let later = when + rng.u64(MS..2 * S);
    match rng.u32(0..8) {
        0 => {
            faults.push((when, Fault::Kill(backend)));
            faults.push((later, Fault::Revive(backend)));
        }
        1 => {
            let port = [backend_port(backend), proxy_port(proxy)][rng.usize(0..2)];
            faults.push((when, Fault::Cut(port)));
            faults.push((when + rng.u64(MS..40 * S), Fault::Heal(port)));
        }
        2 => faults.push((when, Fault::Break(backend_port(backend)))),
        3 | 4 => {
            let owner = Owner::Proxy(proxy);
            faults.push((when, Fault::BreakOne(owner, rng.u64(..))));
        }
        5 | 6 => {
            let at = plan.proxies.len() - 1;
            let services = &plan.proxies[at].services;
            let some: Vec<usize> = (0..plan.backends.len())
                .filter(|_| chance(rng, 60))
                .collect();
            let incarnation = rng.u64(0..3);
            let state = services.iter().map(|s| s.at(&some, incarnation)).collect();
            faults.push((when, Fault::NewState(at, state)));
        }
        _ if chance(rng, 50) => faults.push((when, Fault::Restart(proxy))),
        _ => faults.push((when, Fault::Drain(proxy, rng.u64(MS..5 * S)))),
    }
}

fn draw(seed: u64) -> Plan {
    let mut rng = Rng::with_seed(seed.wrapping_mul(0x9E37_79B9).wrapping_add(77));
    let rng = &mut rng;
    let choice = protocol(rng);
    let mut plan = Plan::new(choice, rng.usize(1..5));
    plan.front = link(rng);
    plan.back = link(rng);
    if choice.correlation == Correlation::ById && chance(rng, 20) {
        plan.order = Order::InOrder;
    }
    plan.limits.cut_through_bytes = [1_000, 8 << 10, 64 << 10][rng.usize(0..3)];
    let slow = [plan.front, plan.back]
        .iter()
        .any(|link| link.buffer < 1_000 || link.segment < 100);
    let large = if slow { (500, 8_000) } else { (1_000, 200_000) };
    let backends = plan.backends.len();
    plan.backends = (0..backends).map(|_| backend(rng, choice, large)).collect();
    plan.clients = (0..rng.usize(1..8))
        .map(|_| client(rng, choice, large))
        .collect();
    let forges = |b: &BackendPlan| b.repeat_permille + b.unknown_permille > 0;
    if plan.backends.iter().any(forges) {
        // On a lane for one exchange nothing tells a forged answer from the true one.
        for client in &mut plan.clients {
            client.exclusive_permille = 0;
        }
    }
    if plan.order == Order::InOrder {
        for client in &mut plan.clients {
            client.in_order = true;
        }
    }
    let stateless = !choice.effects && choice.correlation != Correlation::Raw;
    // A proxy does not answer one-ways in its servers' place.
    let alone =
        choice.correlation == Correlation::InOrder && choice.one_way != OneWayAnswers::Never;
    if !alone && chance(rng, 30) && (stateless || chance(rng, 50)) {
        plan = plan.chained();
    }
    let mut proxies = std::mem::take(&mut plan.proxies);
    for one in &mut proxies {
        proxy(rng, one, choice);
    }
    plan.proxies = proxies;
    let mut faults = Vec::new();
    for _ in 0..[0, 0, 1, 3, 8][rng.usize(0..5)] {
        let when = rng.u64(MS..S);
        fault(rng, &plan, when, &mut faults);
    }
    plan.faults = faults;
    plan.allowed = Allowed::everything();
    plan.horizon = 1_000 * S;
    plan
}
