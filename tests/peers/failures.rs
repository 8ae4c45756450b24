//! What real clients see when backends are absent, late, or die: errors in their own protocol's
//! words, on connections that stay.

use serde_json::Value;

use crate::install::{Tool, all_there};
use crate::scripts::{
    Language, free_port, number, ports, report, three, thrift_client, thrift_server,
    thrift_server_at,
};
use crate::weft::Weft;

const NEEDED: &[Tool] = &[Tool::Python, Tool::Node, Tool::ThriftCompiler];
const BOTH: [Language; 2] = [Language::Python, Language::Node];

/// Asserts that every error is a `TApplicationException` in Weft's words with `cause` in them.
fn assert_raised(report: &Value, cause: &str) {
    for error in report["errors"].as_array().unwrap() {
        assert_eq!(error["kind"], "TApplicationException", "{error}");
        let message = error["message"].as_str().unwrap();
        assert!(message.starts_with("weft: "), "{message}");
        assert!(message.contains(cause), "{message}");
    }
}

#[test]
fn an_absent_backend_is_a_t_application_exception_in_words() {
    if !all_there(NEEDED) {
        return;
    }
    let policy = "queue: (no_instance_wait: \"20ms\")";
    let dialects = [
        (Language::Python, "--protocol binary"),
        (Language::Python, "--protocol compact"),
        (Language::Python, "--mux"),
        (Language::Python, "--transport header"),
        (Language::Python, "--transport header --protocol compact"),
        (Language::Python, "--transport header --zlib"),
        (Language::Node, "--protocol binary"),
        (Language::Node, "--protocol compact"),
        (Language::Node, "--mux"),
    ];
    for (language, dialect) in dialects {
        let weft = Weft::start("thrift", &[free_port()], policy);
        let args = format!("--count 4 --steps echo {dialect}");
        let report = report(thrift_client(language, weft.port, &args));
        let what = format!("{language:?} {dialect}: {report}");
        assert_eq!(number(&report, "error_count"), 4, "{what}");
        assert_raised(&report, "no instance can be connected");
        // All on the one connection that the client opened.
        assert_eq!(weft.counters().clients_accepted, 1, "{what}");
        weft.assert_books_balance();
    }
}

#[test]
fn a_service_without_instances_is_a_t_application_exception_in_words() {
    if !all_there(NEEDED) {
        return;
    }
    // The only instance is draining.
    let weft = Weft::with_config(&format!(
        "(
            listeners: [(name: \"front\", addresses: [\"127.0.0.1:0\"], protocol: \"thrift\",
                service: \"some\")],
            services: [(name: \"some\", protocol: \"thrift\",
                instances: [Instance(address: \"127.0.0.1:{}\", draining: true)],
                policy: (queue: (no_instance_wait: \"20ms\")))],
        )",
        free_port()
    ));
    for language in BOTH {
        let report = report(thrift_client(language, weft.port, "--count 3 --steps echo"));
        assert_eq!(number(&report, "error_count"), 3, "{report}");
        assert_raised(&report, "no instance");
    }
    assert_eq!(weft.counters().clients_accepted, 2);
}

#[test]
fn a_request_that_no_route_takes_is_a_t_application_exception_in_words() {
    if !all_there(NEEDED) {
        return;
    }
    let weft = Weft::with_config(&format!(
        "(
            listeners: [(name: \"front\", addresses: [\"127.0.0.1:0\"], protocol: \"thrift\")],
            services: [(name: \"some\", protocol: \"thrift\", instances: [\"127.0.0.1:{}\"])],
            routes: [(name: \"other\", when: (method: \"other\"), to: (service: \"some\"))],
        )",
        free_port()
    ));
    for language in BOTH {
        let report = report(thrift_client(language, weft.port, "--count 3 --steps echo"));
        assert_eq!(number(&report, "error_count"), 3, "{report}");
        assert_raised(&report, "no route takes this request");
    }
    assert_eq!(weft.counters().clients_accepted, 2);
}

#[test]
fn a_late_answer_is_a_t_application_exception_and_never_another_calls_answer() {
    if !all_there(NEEDED) {
        return;
    }
    for client in BOTH {
        let servers = three(Language::Node, "");
        let weft = Weft::start("thrift", &ports(&servers), "timeout: \"200ms\"");
        let args = "--count 10 --in-flight 1 --steps pause,echo --pause-ms 300";
        let report = report(thrift_client(client, weft.port, args));
        assert_eq!(number(&report, "wrong_count"), 0, "{report}");
        assert_eq!(number(&report, "ok"), 5, "{report}");
        assert_eq!(number(&report, "error_count"), 5, "{report}");
        assert_raised(&report, "deadline exceeded");
        let counters = weft.wait_until("five late answers", |counters| counters.late_answers == 5);
        assert_eq!(counters.clients_accepted, 1, "{counters:?}");
        weft.assert_books_balance();
    }
}

#[test]
fn idempotent_calls_of_many_clients_all_succeed_while_a_backend_dies() {
    if !all_there(NEEDED) {
        return;
    }
    let policy = "idempotent: [\"echo\"]";
    for language in BOTH {
        let mut servers = three(language, "");
        let weft = Weft::start("thrift", &ports(&servers), policy);
        let python = "--seconds 2 --connections 8 --steps echo";
        let node = "--seconds 2 --connections 4 --in-flight 8 --steps echo";
        let mut clients = [
            thrift_client(Language::Python, weft.port, python),
            thrift_client(Language::Node, weft.port, node),
        ];
        for client in &mut clients {
            client.wait_for(|line| (line == "running").then_some(()));
        }
        servers[0].running.kill();
        for report in clients.map(report) {
            assert_eq!(number(&report, "error_count"), 0, "{report}");
            assert_eq!(number(&report, "wrong_count"), 0, "{report}");
            assert!(number(&report, "ok") > 400, "{report}");
        }
        assert_eq!(weft.counters().clients_accepted, 12);
        weft.assert_books_balance();
    }
}

#[test]
fn other_calls_fail_in_words_on_connections_that_stay() {
    if !all_there(NEEDED) {
        return;
    }
    for (client, connections, args) in [
        (Language::Python, 16, "--connections 16 --pause-ms 20"),
        // Pauses of its own choice, from 1 to 20 ms, so that not all answers come at once.
        (Language::Node, 4, "--connections 4 --in-flight 16"),
    ] {
        let mut servers = three(Language::Node, "");
        let weft = Weft::start("thrift", &ports(&servers), "");
        // Every server has some of them at any time.
        let args = format!("--seconds 2 --steps pause {args}");
        let mut client = thrift_client(client, weft.port, &args);
        client.wait_for(|line| (line == "running").then_some(()));
        servers[0].running.kill();
        let report = report(client);
        assert_eq!(number(&report, "wrong_count"), 0, "{report}");
        assert!(number(&report, "ok") > 400, "{report}");
        assert!(number(&report, "error_count") > 0, "{report}");
        assert_raised(&report, "connection lost");
        assert_eq!(weft.counters().clients_accepted, connections, "{report}");
        weft.assert_books_balance();
    }
}

#[test]
fn a_backend_that_comes_back_gets_its_share_again() {
    if !all_there(NEEDED) {
        return;
    }
    let mut servers = three(Language::Node, "");
    let weft = Weft::start("thrift", &ports(&servers), "idempotent: [\"echo\"]");
    let args = "--seconds 4 --connections 8 --steps echo";
    let mut client = thrift_client(Language::Python, weft.port, args);
    client.wait_for(|line| (line == "running").then_some(()));
    servers[0].running.kill();
    let _again = thrift_server_at(Language::Node, "again", servers[0].port);
    let report = report(client);
    assert_eq!(number(&report, "error_count"), 0, "{report}");
    assert_eq!(number(&report, "wrong_count"), 0, "{report}");
    let share = report["servers"]["again"].as_u64().unwrap_or(0);
    assert!(share > 100, "{report}");
    weft.assert_books_balance();
}

#[test]
fn a_bad_request_that_ends_a_shared_lane_harms_no_idempotent_call_on_it() {
    if !all_there(NEEDED) {
        return;
    }
    // Servers of multiplexed services close the connection on a name without a service.
    let servers = ["one", "two"].map(|name| thrift_server(Language::Python, name, "--mux"));
    let weft = Weft::start("thrift", &ports(&servers), "idempotent: [\"echo\"]");
    let good = "--seconds 2 --connections 6 --steps echo --mux";
    let mut good = thrift_client(Language::Python, weft.port, good);
    good.wait_for(|line| (line == "running").then_some(()));
    let bad = "--count 20 --every-ms 40 --steps add";
    let bad = report(thrift_client(Language::Python, weft.port, bad));
    assert_eq!(number(&bad, "error_count"), 20, "{bad}");
    assert_raised(&bad, "connection lost");
    let good = report(good);
    assert_eq!(number(&good, "error_count"), 0, "{good}");
    assert_eq!(number(&good, "wrong_count"), 0, "{good}");
    assert_eq!(weft.counters().clients_accepted, 7);
    weft.assert_books_balance();
}
