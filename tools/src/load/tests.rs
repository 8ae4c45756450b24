//! The load generator against the sample backend, over real sockets, for a fraction of a second.

use std::time::Duration;

use super::plan::method;
use super::*;
use crate::echo::fixture::{Behaviour, Serving, serve};

fn plan(backend: &Serving, protocol: Protocol) -> Plan {
    let name = if protocol == Protocol::Redis {
        "get"
    } else {
        "echo"
    };
    let methods = if protocol == Protocol::LengthId {
        "7"
    } else {
        name
    };
    Plan {
        target: backend.address.clone(),
        protocol,
        service: "shop".to_owned(),
        methods: vec![method(methods).unwrap()],
        connections: 4,
        idle: 0,
        in_flight: 4,
        rate: None,
        measure: Duration::from_millis(100),
        warm_up: Duration::ZERO,
        grace: Duration::from_secs(20),
        body_bytes: 128,
        ids: Ids::Sequential,
        reconnect_every: None,
        threads: 1,
    }
}

fn run(plan: Plan) -> Report {
    Running::start(plan).unwrap().finish().unwrap()
}

const ALL: [Protocol; 4] = [
    Protocol::Thrift,
    Protocol::Acme,
    Protocol::Redis,
    Protocol::LengthId,
];

#[test]
fn every_answer_of_a_good_backend_is_right_in_every_protocol() {
    for protocol in ALL {
        let backend = serve(protocol, Behaviour::default());
        let report = run(plan(&backend, protocol));
        let sum = report.tally.sum();
        assert!(report.is_clean(), "{:?}", report.tally);
        assert!(sum.ok > 0, "{protocol:?}");
        assert_eq!((sum.sent, sum.answered()), (sum.ok, sum.ok));
    }
}

#[test]
fn an_open_loop_sends_every_request_of_its_schedule() {
    let backend = serve(Protocol::Thrift, Behaviour::default());
    let mut plan = plan(&backend, Protocol::Thrift);
    plan.rate = Some(1_000.0);
    plan.warm_up = Duration::from_millis(50);
    plan.measure = Duration::from_millis(200);
    let report = run(plan);
    assert!(report.is_clean(), "{:?}", report.tally);
    assert_eq!(report.unsent, 0);
    assert_eq!(report.tally.sum().ok, 250);
    assert_eq!(report.tally.measured, 200);
}

#[test]
fn an_open_loop_counts_the_wait_for_a_free_connection() {
    let backend = serve(Protocol::Acme, Behaviour::slow(Duration::from_millis(20)));
    let mut plan = plan(&backend, Protocol::Acme);
    // One request every 5 ms, where the only connection takes 20 ms for each.
    (plan.connections, plan.in_flight) = (1, 1);
    plan.rate = Some(200.0);
    let report = run(plan);
    assert!(report.is_clean(), "{:?}", report.tally);
    // 20 requests take at least 400 ms; the last was meant to be sent at 95 ms.
    let slowest = report.tally.latency_ns.max();
    assert!(slowest >= 300_000_000, "{slowest}");
}

#[test]
fn a_backlog_that_outlasts_the_run_is_unsent_and_not_lost() {
    let backend = serve(Protocol::Acme, Behaviour::slow(Duration::from_millis(20)));
    let mut plan = plan(&backend, Protocol::Acme);
    (plan.connections, plan.in_flight) = (1, 1);
    plan.rate = Some(1_000.0);
    plan.grace = Duration::from_millis(400);
    let report = run(plan);
    assert!(report.is_clean(), "{:?}", report.tally);
    assert!(report.unsent > 0);
    assert_eq!(report.unsent + report.tally.sum().ok, 100);
}

#[test]
fn answers_out_of_order_are_matched_by_id_and_are_wrong_by_position() {
    let backend = serve(Protocol::Acme, Behaviour::reversing());
    let mut plan = plan(&backend, Protocol::Acme);
    plan.in_flight = 16;
    assert!(run(plan.clone()).is_clean());
    plan.ids = Ids::Same;
    let report = run(plan);
    assert!(report.tally.sum().wrong > 0);
    assert!(!report.is_clean());
}

#[test]
fn requests_on_a_connection_that_was_closed_are_lost_and_the_run_says_so() {
    let backend = serve(Protocol::LengthId, Behaviour::closing(0.01));
    let report = run(plan(&backend, Protocol::LengthId));
    let sum = report.tally.sum();
    assert!(sum.lost > 0 && report.tally.resets > 0);
    assert_eq!(sum.sent, sum.answered() + sum.lost);
    assert!(!report.is_clean());
}

#[test]
fn a_connection_for_each_request_is_opened_anew() {
    let backend = serve(Protocol::Thrift, Behaviour::default());
    let mut plan = plan(&backend, Protocol::Thrift);
    (plan.in_flight, plan.reconnect_every) = (1, Some(1));
    let report = run(plan);
    assert!(report.is_clean(), "{:?}", report.tally);
    assert!(report.tally.connects >= report.tally.sum().ok);
}

#[test]
fn a_target_that_is_not_there_is_named() {
    let plan = {
        let backend = serve(Protocol::Thrift, Behaviour::default());
        plan(&backend, Protocol::Thrift)
    };
    let Err(error) = Running::start(plan) else {
        panic!("nobody listens there");
    };
    assert!(error.to_string().contains("is it running?"), "{error}");
}

#[test]
fn a_target_that_is_only_starting_is_waited_for() {
    let path = std::env::temp_dir().join(format!("weft-late-{}.sock", std::process::id()));
    let target = Address::Unix(path.clone());
    let refused = first_connect(&target, Duration::ZERO);
    assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::NotFound);
    let starting = std::thread::spawn({
        let path = path.clone();
        move || std::os::unix::net::UnixListener::bind(path).unwrap()
    });
    first_connect(&target, Duration::from_secs(20)).unwrap();
    drop(starting.join().unwrap());
    std::fs::remove_file(path).unwrap();
}
