//! SOFABolt's real client and server, sofa-bolt-node and sofa-rpc-node: with each other, then with
//! Weft in the middle.

use crate::child::Running;
use crate::install::{Tool, all_there};
use crate::scripts::{
    self, Language, Server, assert_all_right, assert_says, free_port, noted, number, ports, report,
    servers_seen,
};
use crate::weft::Weft;

const NEEDED: &[Tool] = &[Tool::Node];

/// Versions, checksums and serializations.
const DIALECTS: [&str; 6] = [
    "",
    "--bolt 2",
    "--bolt 2 --crc",
    "--codec protobuf",
    "--codec protobuf --bolt 2",
    "--codec protobuf --bolt 2 --crc",
];

fn client(port: u16, args: &str) -> Running {
    scripts::client(Language::Node, "bolt_client", port, args)
}

fn server(name: &str) -> Server {
    scripts::server(Language::Node, "bolt_server", name, "")
}

fn three() -> [Server; 3] {
    ["one", "two", "three"].map(server)
}

fn before(servers: &[Server]) -> Weft {
    Weft::start("bolt", &ports(servers), "")
}

/// The client breaks over answers to one-ways in protobuf: these are not tried without Weft
/// between.
#[test]
fn bolt_client_and_server_understand_each_other() {
    if !all_there(NEEDED) {
        return;
    }
    let server = server("one");
    for dialect in DIALECTS {
        let args = format!("--count 100 --in-flight 8 --big 1048576 {dialect}");
        let node = report(client(server.port, &args));
        // Every fourth is a heartbeat.
        assert_all_right(&node, 76);
        assert_eq!(number(&node, "heartbeats"), 25, "{node}");
    }
}

#[test]
fn clients_with_many_in_flight_get_their_own_answers_beside_heartbeats_and_one_ways() {
    if !all_there(NEEDED) {
        return;
    }
    for dialect in DIALECTS {
        let servers = three();
        let weft = before(&servers);
        let args = format!(
            "--count 500 --in-flight 64 --steps echo,pause,heartbeat,refuse,note {dialect}"
        );
        // The same ids on all connections.
        let clients = ["a", "b"].map(|run| client(weft.port, &format!("--run {run} {args}")));
        for node in clients {
            let node = report(node);
            assert_all_right(&node, 300);
            assert_eq!(number(&node, "heartbeats"), 100, "{node}");
            assert!(servers_seen(&node) >= 2, "{node}");
        }
        let counters = weft.wait_until("one-ways", |counters| counters.sent == 200);
        // Each heartbeat was answered once, by the mesh.
        assert_eq!(counters.pings, 200, "{counters:?}");
        weft.assert_books_balance();
    }
}

#[test]
fn versions_and_serializations_share_lanes_and_nothing_else() {
    if !all_there(NEEDED) {
        return;
    }
    let servers = three();
    let weft = before(&servers);
    let steps = "--count 200 --in-flight 16 --steps echo,pause,refuse,note";
    let clients = DIALECTS.map(|dialect| client(weft.port, &format!("{steps} {dialect}")));
    for node in clients {
        assert_all_right(&report(node), 150);
    }
    weft.assert_books_balance();
}

#[test]
fn a_one_way_call_is_executed_exactly_once_and_its_answer_reaches_nobody() {
    if !all_there(NEEDED) {
        return;
    }
    for dialect in ["", "--bolt 2 --crc", "--codec protobuf"] {
        let servers = three();
        let weft = before(&servers);
        let args = format!("--count 50 --in-flight 4 --steps note,echo {dialect}");
        let node = report(client(weft.port, &args));
        assert_all_right(&node, 25);
        let ask = |port, args: &str| client(port, args);
        assert_eq!(noted(&node, &servers, ask), [1; 25]);
        assert_eq!(weft.counters().sent, 25);
        weft.assert_books_balance();
    }
}

#[test]
fn a_payload_of_1_mib_passes_both_ways() {
    if !all_there(NEEDED) {
        return;
    }
    for dialect in ["", "--codec protobuf", "--bolt 2 --crc"] {
        let servers = three();
        let weft = before(&servers);
        let node = report(client(weft.port, &format!("--big 1048576 {dialect}")));
        assert_all_right(&node, 1);
        let counters = weft.counters();
        // In pieces, also where a checksum is mended at their end.
        assert_eq!(counters.streamed_requests, 1, "{counters:?}");
        assert_eq!(counters.streamed_answers, 1, "{counters:?}");
        weft.assert_books_balance();
    }
}

#[test]
fn a_proxy_error_is_the_librarys_own_error_in_words() {
    if !all_there(NEEDED) {
        return;
    }
    let absent = "queue: (no_instance_wait: \"20ms\")";
    let nowhere = format!(
        "(
            listeners: [(name: \"front\", addresses: [\"127.0.0.1:0\"], protocol: \"bolt\")],
            services: [(name: \"some\", protocol: \"bolt\", instances: [\"127.0.0.1:{}\"])],
            routes: [(name: \"other\", when: (keys: {{\"props.tenant\": \"red\"}}), to: (service: \"some\"))],
        )",
        free_port()
    );
    for (weft, words) in [
        (
            Weft::start("bolt", &[free_port()], absent),
            "no instance can be connected",
        ),
        (Weft::with_config(&nowhere), "no route takes this request"),
    ] {
        for dialect in DIALECTS {
            let args = format!("--count 8 --in-flight 4 --steps echo {dialect}");
            let node = report(client(weft.port, &args));
            assert_eq!(number(&node, "error_count"), 8, "{node}");
            assert_says(&node, "Error", words);
        }
        assert_eq!(weft.counters().clients_accepted, 6);
        weft.assert_books_balance();
    }
}

#[test]
fn requests_are_routed_by_what_stands_in_their_headers_and_contents() {
    if !all_there(NEEDED) {
        return;
    }
    let servers = three();
    let weft = Weft::with_config(&format!(
        "(
            listeners: [(name: \"front\", addresses: [\"127.0.0.1:0\"], protocol: \"bolt\")],
            services: [
                (name: \"plain\", protocol: \"bolt\", instances: [\"127.0.0.1:{}\"]),
                (name: \"message\", protocol: \"bolt\", instances: [\"127.0.0.1:{}\"]),
            ],
            routes: [
                (name: \"plain\", to: (service: \"plain\"), when: (service: \"com.weft.Peers:1.0\",
                    method: \"echo\", keys: {{\"props.tenant\": \"blue\"}})),
                (name: \"message\", to: (service: \"message\"), when: (
                    service: \"com.weft.PeersPb:1.0\", method: \"echo\",
                    keys: {{\"headers.sofa_head_target_app\": \"peers\"}})),
            ],
        )",
        servers[0].port, servers[1].port
    ));
    for dialect in DIALECTS {
        let args = format!("--count 20 --steps echo {dialect}");
        let node = report(client(weft.port, &args));
        assert_all_right(&node, 20);
        let expected = if dialect.contains("protobuf") {
            "two"
        } else {
            "one"
        };
        assert_eq!(number(&node["servers"], expected), 20, "{node}");
    }
    weft.assert_books_balance();
}

#[test]
fn a_late_answer_is_an_error_in_words_and_never_another_calls_answer() {
    if !all_there(NEEDED) {
        return;
    }
    for dialect in DIALECTS {
        let servers = three();
        let weft = Weft::start("bolt", &ports(&servers), "timeout: \"100ms\"");
        let args = format!("--count 10 --in-flight 1 --steps pause,echo --pause-ms 200 {dialect}");
        let node = report(client(weft.port, &args));
        assert_eq!(number(&node, "wrong_count"), 0, "{node}");
        assert_eq!(number(&node, "ok"), 5, "{node}");
        assert_eq!(number(&node, "error_count"), 5, "{node}");
        assert_says(&node, "Error", "deadline exceeded");
        assert_eq!(weft.counters().clients_accepted, 1);
        weft.assert_books_balance();
    }
}

#[test]
fn idempotent_calls_all_succeed_while_a_backend_dies_and_others_fail_in_words() {
    if !all_there(NEEDED) {
        return;
    }
    for dialect in ["", "--bolt 2 --crc", "--codec protobuf"] {
        let mut servers = three();
        let weft = Weft::start("bolt", &ports(&servers), "idempotent: [\"echo\"]");
        let args = "--seconds 2 --connections 2 --in-flight 16";
        let [mut repeated, mut other] = [("echo", "a"), ("pause", "b")].map(|(steps, run)| {
            let args = format!("{args} --steps {steps} --run {run} {dialect}");
            client(weft.port, &args)
        });
        for client in [&mut repeated, &mut other] {
            client.wait_for(|line| (line == "running").then_some(()));
        }
        servers[0].running.kill();
        let (repeated, other) = (report(repeated), report(other));
        assert_eq!(number(&repeated, "error_count"), 0, "{repeated}");
        assert_eq!(number(&repeated, "wrong_count"), 0, "{repeated}");
        assert!(number(&repeated, "ok") > 400, "{repeated}");
        assert_eq!(number(&other, "wrong_count"), 0, "{other}");
        assert_says(&other, "Error", "connection lost");
        assert_eq!(weft.counters().clients_accepted, 4);
        weft.assert_books_balance();
    }
}

#[test]
fn a_server_that_is_silent_while_it_works_answers_the_proxys_heartbeats() {
    if !all_there(NEEDED) {
        return;
    }
    for dialect in ["", "--bolt 2 --crc"] {
        let servers = three();
        let policy = "lanes: (ping_after: \"50ms\", ping_timeout: \"2s\")";
        let weft = Weft::start("bolt", &ports(&servers), policy);
        let args = format!("--count 8 --in-flight 8 --steps pause --pause-ms 600 {dialect}");
        assert_all_right(&report(client(weft.port, &args)), 8);
        assert!(weft.counters().pings_said > 0, "{:?}", weft.counters());
        weft.assert_books_balance();
    }
}
