//! TARS's real client and server, those of its Node library `@tars/rpc`: with each other, then with
//! Weft in the middle.

use serde_json::Value;

use crate::child::Running;
use crate::install::{Tool, all_there};
use crate::scripts::{
    self, Language, Server, assert_all_right, assert_says, free_port, noted, number, ports, report,
    servers_seen,
};
use crate::weft::Weft;

const NEEDED: &[Tool] = &[Tool::Node];

/// TARS itself, complex and simple TUP.
const VERSIONS: [u8; 3] = [1, 2, 3];

/// What the library rejects a call with.
const KIND: &str = "RpcCallError";

fn client(port: u16, version: u8, args: &str) -> Running {
    let args = format!("--protocol-version {version} {args}");
    scripts::client(Language::Node, "tars_client", port, &args)
}

fn server(name: &str) -> Server {
    scripts::server(Language::Node, "tars_server", name, "")
}

fn three() -> [Server; 3] {
    ["one", "two", "three"].map(server)
}

fn before(servers: &[Server]) -> Weft {
    Weft::start("tars", &ports(servers), "")
}

/// The results that a client reports with its errors.
fn codes(report: &Value) -> Vec<i64> {
    let errors = report["errors"].as_array().unwrap();
    let mut codes: Vec<i64> = errors
        .iter()
        .filter_map(|error| error["code"].as_i64())
        .collect();
    codes.dedup();
    codes
}

#[test]
fn tars_client_and_server_understand_each_other() {
    if !all_there(NEEDED) {
        return;
    }
    let server = server("one");
    for version in VERSIONS {
        let node = report(client(server.port, version, "--count 300 --big 1048576"));
        // Every sixth is one-way and has no answer to be right.
        assert_all_right(&node, 251);
    }
}

#[test]
fn clients_with_many_in_flight_get_their_own_answers_although_their_ids_are_the_same() {
    if !all_there(NEEDED) {
        return;
    }
    for version in VERSIONS {
        let servers = three();
        let weft = before(&servers);
        // Past 127 ids take two bytes, and answers come in another order than the requests went.
        let args = "--count 300 --connections 4 --in-flight 64";
        let clients =
            ["a", "b"].map(|run| client(weft.port, version, &format!("--run {run} {args}")));
        for node in clients.map(report) {
            assert_all_right(&node, 1000);
            assert!(servers_seen(&node) >= 2, "{node}");
        }
        let counters = weft.wait_until("one-ways", |counters| counters.sent == 400);
        assert_eq!(counters.clients_accepted, 8, "{counters:?}");
        weft.assert_books_balance();
    }
}

#[test]
fn pings_are_answered_on_the_way_and_never_reach_a_server() {
    if !all_there(NEEDED) {
        return;
    }
    let servers = three();
    let weft = before(&servers);
    for version in VERSIONS {
        let node = report(client(
            weft.port,
            version,
            "--count 90 --steps ping,echo,ping",
        ));
        assert_all_right(&node, 90);
    }
    for server in &servers {
        let pinged = client(server.port, 1, "--pinged").last_line();
        assert_eq!(pinged, "[0]");
    }
    weft.assert_books_balance();
}

#[test]
fn a_one_way_call_is_executed_exactly_once() {
    if !all_there(NEEDED) {
        return;
    }
    for version in VERSIONS {
        let servers = three();
        let weft = before(&servers);
        let node = report(client(weft.port, version, "--count 40 --steps note,echo"));
        weft.wait_until("one-ways", |counters| counters.sent == 20);
        let ask = |port, args: &str| client(port, version, args);
        assert_eq!(noted(&node, &servers, ask), [1; 20], "{node}");
        weft.assert_books_balance();
    }
}

#[test]
fn a_payload_of_1_mib_passes_both_ways() {
    if !all_there(NEEDED) {
        return;
    }
    for version in VERSIONS {
        let servers = three();
        let weft = before(&servers);
        let node = report(client(weft.port, version, "--big 1048576"));
        assert_all_right(&node, 1);
        // A request is complete before it goes on: its context stands behind its body.
        let counters = weft.counters();
        assert_eq!(counters.streamed_requests, 0, "{counters:?}");
        assert_eq!(counters.streamed_answers, 1, "{counters:?}");
        weft.assert_books_balance();
    }
}

#[test]
fn servant_function_and_context_decide_where_a_call_goes() {
    if !all_there(NEEDED) {
        return;
    }
    let servers = ["one", "two"].map(server);
    let weft = Weft::with_config(&format!(
        "(
            listeners: [(name: \"front\", addresses: [\"127.0.0.1:0\"], protocol: \"tars\")],
            services: [
                (name: \"one\", protocol: \"tars\", instances: [\"127.0.0.1:{}\"]),
                (name: \"two\", protocol: \"tars\", instances: [\"127.0.0.1:{}\"]),
            ],
            routes: [
                (name: \"by-context\", when: (keys: {{\"context.tenant\": \"js-*\"}}), to: (service: \"one\")),
                (name: \"by-name\", when: (service: \"Peers.*\", method: \"echo\"), to: (service: \"two\")),
            ],
        )",
        servers[0].port, servers[1].port
    ));
    for version in VERSIONS {
        let node = report(client(weft.port, version, "--count 30 --steps tenant,echo"));
        assert_all_right(&node, 30);
        assert_eq!(node["servers"], serde_json::json!({"one": 15, "two": 15}));
        let none = report(client(weft.port, version, "--count 3 --steps pause"));
        assert_eq!(number(&none, "error_count"), 3, "{none}");
        assert_eq!(codes(&none), [-4], "no such servant: {none}");
        assert_says(&none, KIND, "no route takes this request");
    }
}

#[test]
fn what_a_server_says_reaches_its_caller_as_the_server_said_it() {
    if !all_there(NEEDED) {
        return;
    }
    for version in VERSIONS {
        let servers = three();
        let weft = before(&servers);
        let args = "--count 40 --steps refuse,missing,echo,echo";
        let direct = report(client(servers[0].port, version, args));
        let through = report(client(weft.port, version, args));
        for node in [&direct, &through] {
            assert_eq!(number(node, "wrong_count"), 0, "{node}");
            assert_eq!(number(node, "ok"), 30, "{node}");
            assert_eq!(number(node, "error_count"), 10, "{node}");
        }
        assert_eq!(direct["errors"], through["errors"]);
        weft.assert_books_balance();
    }
}

#[test]
fn an_absent_backend_is_the_librarys_own_error_in_words() {
    if !all_there(NEEDED) {
        return;
    }
    for version in VERSIONS {
        let policy = "queue: (no_instance_wait: \"20ms\")";
        let weft = Weft::start("tars", &[free_port()], policy);
        let node = report(client(weft.port, version, "--count 4 --steps echo"));
        assert_eq!(number(&node, "error_count"), 4, "{node}");
        assert_eq!(codes(&node), [-8], "connect error: {node}");
        assert_says(&node, KIND, "no instance can be connected");
        assert_eq!(weft.counters().clients_accepted, 1, "{node}");
        weft.assert_books_balance();
    }
}

#[test]
fn a_late_answer_is_a_time_out_and_never_another_calls_answer() {
    if !all_there(NEEDED) {
        return;
    }
    for version in VERSIONS {
        let servers = three();
        let weft = Weft::start("tars", &ports(&servers), "timeout: \"200ms\"");
        let args = "--count 10 --in-flight 1 --steps pause,echo --pause-ms 300";
        let node = report(client(weft.port, version, args));
        assert_eq!(number(&node, "wrong_count"), 0, "{node}");
        assert_eq!(number(&node, "ok"), 5, "{node}");
        assert_eq!(number(&node, "error_count"), 5, "{node}");
        assert_eq!(codes(&node), [-7], "invoke time-out: {node}");
        assert_says(&node, KIND, "deadline exceeded");
        weft.wait_until("five late answers", |counters| counters.late_answers == 5);
        weft.assert_books_balance();
    }
}

#[test]
fn idempotent_calls_of_many_clients_all_succeed_while_a_backend_dies() {
    if !all_there(NEEDED) {
        return;
    }
    for version in VERSIONS {
        let mut servers = three();
        let weft = Weft::start("tars", &ports(&servers), "idempotent: [\"echo\"]");
        let args = "--seconds 2 --connections 4 --in-flight 8 --steps echo,ping";
        let mut node = client(weft.port, version, args);
        node.wait_for(|line| (line == "running").then_some(()));
        servers[0].running.kill();
        let node = report(node);
        assert_eq!(number(&node, "error_count"), 0, "{node}");
        assert_eq!(number(&node, "wrong_count"), 0, "{node}");
        assert!(number(&node, "ok") > 400, "{node}");
        assert_eq!(weft.counters().clients_accepted, 4);
        weft.assert_books_balance();
    }
}

#[test]
fn other_calls_fail_in_words_on_connections_that_stay() {
    if !all_there(NEEDED) {
        return;
    }
    for version in VERSIONS {
        let mut servers = three();
        let weft = before(&servers);
        let args = "--seconds 2 --connections 4 --in-flight 16 --steps pause";
        let mut node = client(weft.port, version, args);
        node.wait_for(|line| (line == "running").then_some(()));
        servers[0].running.kill();
        let node = report(node);
        assert_eq!(number(&node, "wrong_count"), 0, "{node}");
        assert!(number(&node, "ok") > 400, "{node}");
        assert!(number(&node, "error_count") > 0, "{node}");
        assert_says(&node, KIND, "connection lost");
        assert_eq!(weft.counters().clients_accepted, 4, "{node}");
        weft.assert_books_balance();
    }
}
