//! Dubbo's real clients and servers: dubbo-py, dubbo-ssl-python, dubbo2.js, and sofa-rpc-node with
//! dubbo-remoting; with each other, then with Weft in the middle.

use crate::child::Running;
use crate::install::{Tool, all_there};
use crate::scripts::{
    self, Language, Server, assert_all_right, assert_says, free_port, noted, number, ports, report,
    servers_seen,
};
use crate::weft::Weft;

const NEEDED: &[Tool] = &[Tool::Python, Tool::Node];
const BOTH: [Language; 2] = [Language::Python, Language::Node];

/// The two Node clients, and what each calls an error that it was told.
const NODE_CLIENTS: [(&str, &str); 2] = [
    ("--lib dubbo2.js", "DubboDecodeError"),
    ("--lib sofa", "Error"),
];

fn client(language: Language, port: u16, args: &str) -> Running {
    scripts::client(language, "dubbo_client", port, args)
}

/// A server; a Python one heartbeats its clients often.
fn server(language: Language, name: &str) -> Server {
    let args = match language {
        Language::Python => "--heartbeat-ms 50",
        Language::Node => "",
    };
    scripts::server(language, "dubbo_server", name, args)
}

fn three(language: Language) -> [Server; 3] {
    ["one", "two", "three"].map(|name| server(language, name))
}

fn before(servers: &[Server]) -> Weft {
    Weft::start("dubbo", &ports(servers), "")
}

/// dubbo-py takes answers to one-ways for answers to its other calls, and sofa-rpc-node breaks
/// over dubbo-py's answers to heartbeats: neither is tried without Weft between.
#[test]
fn dubbo_clients_and_servers_understand_each_other() {
    if !all_there(NEEDED) {
        return;
    }
    for language in BOTH {
        let server = server(language, "one");
        let args = "--count 30 --connections 2 --steps echo,pause,refuse";
        let python = report(client(Language::Python, server.port, args));
        assert_all_right(&python, 60);
        for (library, _) in NODE_CLIENTS {
            let args = format!("--count 60 --in-flight 8 --steps echo,pause,refuse {library}");
            let node = report(client(Language::Node, server.port, &args));
            assert_all_right(&node, 60);
        }
    }
}

#[test]
fn node_clients_with_many_in_flight_on_one_connection_get_their_own_answers() {
    if !all_there(NEEDED) {
        return;
    }
    for language in BOTH {
        for (library, _) in NODE_CLIENTS {
            let servers = three(language);
            let weft = before(&servers);
            // dubbo2.js heartbeats by a clock: see its script.
            let (steps, ok) = match library {
                "--lib sofa" => ("echo,pause,heartbeat,refuse", 300),
                _ => ("echo,pause,refuse", 400),
            };
            let args = format!("--count 400 --in-flight 64 --steps {steps} {library}");
            // One connection each, and the same ids on all.
            let clients = ["a", "b", "c"]
                .map(|run| client(Language::Node, weft.port, &format!("--run {run} {args}")));
            for node in clients {
                let node = report(node);
                assert_all_right(&node, ok);
                assert_eq!(number(&node, "heartbeats"), 400 - ok, "{node}");
                assert!(servers_seen(&node) >= 2, "{node}");
            }
            let pings = weft.counters().pings;
            assert!(
                pings >= (400 - ok) * 3 && pings > 0,
                "{:?}",
                weft.counters()
            );
            weft.assert_books_balance();
        }
    }
}

#[test]
fn python_clients_get_their_own_answers_beside_heartbeats_and_one_ways() {
    if !all_there(NEEDED) {
        return;
    }
    for language in BOTH {
        let servers = three(language);
        let weft = before(&servers);
        let args = "--count 40 --connections 12";
        let python = report(client(Language::Python, weft.port, args));
        // Every fifth is a heartbeat, every fifth a one-way.
        assert_all_right(&python, 288);
        assert!(servers_seen(&python) >= 2, "{python}");
        weft.wait_until("one-ways", |counters| counters.sent == 96);
        assert!(weft.counters().pings >= 96);
        weft.assert_books_balance();
    }
}

#[test]
fn a_client_that_takes_answers_by_position_gets_its_own_where_its_listener_keeps_order() {
    if !all_there(NEEDED) {
        return;
    }
    for language in BOTH {
        let servers = three(language);
        let instances = ports(&servers)
            .iter()
            .map(|port| format!("\"127.0.0.1:{port}\""))
            .collect::<Vec<_>>()
            .join(", ");
        let weft = Weft::with_config(&format!(
            "(
                listeners: [(name: \"front\", addresses: [\"127.0.0.1:0\"], protocol: \"dubbo\",
                    service: \"some\", order: InOrder)],
                services: [(name: \"some\", protocol: \"dubbo\", instances: [{instances}])],
            )"
        ));
        // Pauses fall within a pipeline, so that answers are ready in another order.
        let args = "--count 200 --connections 3 --in-flight 20";
        let python = report(client(Language::Python, weft.port, args));
        assert_all_right(&python, 360);
        assert!(servers_seen(&python) >= 2, "{python}");
        weft.assert_books_balance();
    }
}

fn threads_of_dubbo_ssl(port: u16, args: &str) -> Running {
    scripts::client(Language::Python, "dubbo_ssl_client", port, args)
}

#[test]
fn threads_that_share_a_connection_get_their_own_answers_beside_its_heartbeats() {
    if !all_there(NEEDED) {
        return;
    }
    for language in BOTH {
        let servers = three(language);
        let weft = before(&servers);
        let python = report(threads_of_dubbo_ssl(weft.port, "--count 20"));
        assert_all_right(&python, 640);
        assert_eq!(number(&python, "unanswered"), 0, "{python}");
        assert!(servers_seen(&python) >= 2, "{python}");
        assert_eq!(weft.counters().clients_accepted, 1);
        assert!(weft.counters().pings >= 3, "{:?}", weft.counters());
        weft.assert_books_balance();
    }
}

#[test]
fn a_one_way_call_is_executed_exactly_once_and_its_answer_reaches_nobody() {
    if !all_there(NEEDED) {
        return;
    }
    for language in BOTH {
        let servers = three(language);
        let weft = before(&servers);
        let args = "--count 50 --steps note,echo";
        let python = report(client(Language::Python, weft.port, args));
        assert_all_right(&python, 25);
        let ask = |port, args: &str| client(Language::Python, port, args);
        assert_eq!(noted(&python, &servers, ask), [1; 25]);
        assert_eq!(weft.counters().sent, 25);
        weft.assert_books_balance();
    }
}

#[test]
fn heartbeats_of_servers_are_answered_and_reach_no_client() {
    if !all_there(NEEDED) {
        return;
    }
    let servers = three(Language::Python);
    let weft = before(&servers);
    let args = "--seconds 1 --connections 4 --steps echo";
    let python = report(client(Language::Python, weft.port, args));
    assert_eq!(number(&python, "error_count"), 0, "{python}");
    assert_eq!(number(&python, "wrong_count"), 0, "{python}");
    // Every lane is asked twenty times in that second.
    assert!(weft.counters().pings >= 10, "{:?}", weft.counters());
    weft.assert_books_balance();
}

#[test]
fn a_call_that_its_server_never_answers_ends_at_its_deadline_and_harms_no_other() {
    if !all_there(NEEDED) {
        return;
    }
    let servers = three(Language::Python);
    let weft = Weft::start("dubbo", &ports(&servers), "timeout: \"200ms\"");
    let args = "--count 12 --steps missing,echo";
    let python = report(client(Language::Python, weft.port, args));
    assert_eq!(number(&python, "ok"), 6, "{python}");
    assert_eq!(number(&python, "wrong_count"), 0, "{python}");
    assert_eq!(number(&python, "error_count"), 6, "{python}");
    assert_says(&python, "DubboResponse", "deadline exceeded");
    assert_eq!(python["errors"][0]["status"], 31, "{python}");
    assert_eq!(weft.counters().clients_accepted, 1);
    weft.assert_books_balance();
}

#[test]
fn a_payload_of_1_mib_passes_both_ways() {
    if !all_there(NEEDED) {
        return;
    }
    let servers = three(Language::Node);
    let weft = before(&servers);
    for (library, _) in NODE_CLIENTS {
        let args = format!("--big 1048576 {library}");
        let node = report(client(Language::Node, weft.port, &args));
        assert_all_right(&node, 1);
    }
    let counters = weft.counters();
    // Requests are complete first: their attachments stand at the end.
    assert_eq!(counters.streamed_requests, 0, "{counters:?}");
    assert_eq!(counters.streamed_answers, 2, "{counters:?}");
    weft.assert_books_balance();
}

#[test]
fn a_proxy_error_is_each_librarys_own_error_in_words() {
    if !all_there(NEEDED) {
        return;
    }
    let absent = "queue: (no_instance_wait: \"20ms\")";
    let nowhere = format!(
        "(
            listeners: [(name: \"front\", addresses: [\"127.0.0.1:0\"], protocol: \"dubbo\")],
            services: [(name: \"some\", protocol: \"dubbo\", instances: [\"127.0.0.1:{}\"])],
            routes: [(name: \"other\", when: (keys: {{\"group\": \"other\"}}), to: (service: \"some\"))],
        )",
        free_port()
    );
    for (weft, words, status) in [
        (
            Weft::start("dubbo", &[free_port()], absent),
            "no instance can be connected",
            80,
        ),
        (
            Weft::with_config(&nowhere),
            "no route takes this request",
            60,
        ),
    ] {
        let python = report(client(
            Language::Python,
            weft.port,
            "--count 4 --steps echo",
        ));
        assert_eq!(number(&python, "error_count"), 4, "{python}");
        assert_says(&python, "DubboResponse", words);
        assert_eq!(python["errors"][0]["status"], status, "{python}");
        let args = "--count 1 --threads 4 --steps echo";
        let python = report(threads_of_dubbo_ssl(weft.port, args));
        assert_eq!(number(&python, "error_count"), 8, "{python}");
        assert_says(&python, "DubboResponseException", words);
        for (library, kind) in NODE_CLIENTS {
            let args = format!("--count 8 --in-flight 4 --steps echo {library}");
            let node = report(client(Language::Node, weft.port, &args));
            assert_eq!(number(&node, "error_count"), 8, "{node}");
            assert_says(&node, kind, words);
        }
        assert_eq!(weft.counters().clients_accepted, 4);
        weft.assert_books_balance();
    }
}

#[test]
fn idempotent_calls_of_many_clients_all_succeed_while_a_backend_dies() {
    if !all_there(NEEDED) {
        return;
    }
    for language in BOTH {
        let mut servers = three(language);
        let weft = Weft::start("dubbo", &ports(&servers), "idempotent: [\"echo\"]");
        let mut clients = vec![client(
            Language::Python,
            weft.port,
            "--seconds 2 --connections 8 --steps echo,echo,echo,heartbeat",
        )];
        for (library, _) in NODE_CLIENTS {
            let args = format!("--seconds 2 --connections 2 --in-flight 8 --steps echo {library}");
            clients.push(client(Language::Node, weft.port, &args));
        }
        for client in &mut clients {
            client.wait_for(|line| (line == "running").then_some(()));
        }
        servers[0].running.kill();
        for report in clients.into_iter().map(report) {
            assert_eq!(number(&report, "error_count"), 0, "{report}");
            assert_eq!(number(&report, "wrong_count"), 0, "{report}");
            assert!(number(&report, "ok") > 400, "{report}");
        }
        weft.assert_books_balance();
    }
}

#[test]
fn other_calls_fail_in_words_on_connections_that_stay() {
    if !all_there(NEEDED) {
        return;
    }
    for (language, library, kind) in [
        (Language::Python, "--connections 16", "DubboResponse"),
        (
            Language::Node,
            "--in-flight 32 --lib dubbo2.js",
            "DubboDecodeError",
        ),
        (Language::Node, "--in-flight 32 --lib sofa", "Error"),
    ] {
        let mut servers = three(Language::Node);
        let weft = before(&servers);
        let args = format!("--seconds 2 --steps pause {library}");
        let mut client = client(language, weft.port, &args);
        client.wait_for(|line| (line == "running").then_some(()));
        servers[0].running.kill();
        let report = report(client);
        assert_eq!(number(&report, "wrong_count"), 0, "{report}");
        assert!(number(&report, "ok") > 400, "{report}");
        assert_says(&report, kind, "connection lost");
        let connections = if language == Language::Python { 16 } else { 1 };
        assert_eq!(weft.counters().clients_accepted, connections, "{report}");
        weft.assert_books_balance();
    }
}

#[test]
fn a_server_that_is_silent_while_it_works_answers_the_proxys_heartbeats() {
    if !all_there(NEEDED) {
        return;
    }
    let servers = three(Language::Node);
    let policy = "lanes: (ping_after: \"50ms\", ping_timeout: \"2s\")";
    let weft = Weft::start("dubbo", &ports(&servers), policy);
    let args = "--lib sofa --count 8 --in-flight 8 --steps pause --pause-ms 600";
    let node = report(client(Language::Node, weft.port, args));
    assert_all_right(&node, 8);
    assert!(weft.counters().pings_said > 0, "{:?}", weft.counters());
    weft.assert_books_balance();
}

#[test]
fn a_server_of_one_request_at_a_time_keeps_its_lanes_while_it_works() {
    if !all_there(NEEDED) {
        return;
    }
    let servers = three(Language::Python);
    let policy = "lanes: (ping_after: \"50ms\", ping_timeout: \"50ms\")";
    let weft = Weft::start("dubbo", &ports(&servers), policy);
    let args = "--connections 6 --count 2 --steps pause --pause-ms 600";
    let python = report(client(Language::Python, weft.port, args));
    assert_all_right(&python, 12);
    let counters = weft.counters();
    assert!(counters.pings_said > 0, "{counters:?}");
    assert_eq!(counters.retries, 0, "{counters:?}");
    weft.assert_books_balance();
}
