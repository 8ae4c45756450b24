//! Thrift's real clients and servers with Weft in the middle.

use serde_json::Value;

use crate::child::Running;
use crate::install::{self, Tool, all_there};
use crate::scripts::{
    Language, Server, assert_all_right, number, ports, report, script, servers_seen, three,
    thrift_client,
};
use crate::weft::Weft;

const NEEDED: &[Tool] = &[Tool::Python, Tool::Node, Tool::ThriftCompiler];

/// What both languages can speak.
const DIALECTS: [&str; 4] = [
    "--protocol binary",
    "--protocol compact",
    "--mux",
    "--mux --protocol compact",
];

fn before(servers: &[Server]) -> Weft {
    Weft::start("thrift", &ports(servers), "")
}

#[test]
fn python_clients_that_all_use_id_0_get_their_own_answers() {
    if !all_there(NEEDED) {
        return;
    }
    for language in [Language::Python, Language::Node] {
        for dialect in DIALECTS {
            let servers = three(language, dialect);
            let weft = before(&servers);
            let args = format!("--count 40 --connections 12 {dialect}");
            let report = report(thrift_client(Language::Python, weft.port, &args));
            assert_all_right(&report, 480);
            assert!(servers_seen(&report) >= 2, "{report}");
            weft.assert_books_balance();
        }
    }
}

#[test]
fn node_clients_with_many_in_flight_on_one_connection_get_their_own_answers() {
    if !all_there(NEEDED) {
        return;
    }
    for language in [Language::Python, Language::Node] {
        for dialect in DIALECTS {
            let servers = three(language, dialect);
            let weft = before(&servers);
            let args = format!("--count 500 --in-flight 64 {dialect}");
            let report = report(thrift_client(Language::Node, weft.port, &args));
            // One-way calls, every fifth, have no answer to be right.
            assert_all_right(&report, 400);
            assert!(servers_seen(&report) >= 2, "{report}");
            weft.assert_books_balance();
        }
    }
}

#[test]
fn the_header_transport_passes_with_its_headers_and_transforms() {
    if !all_there(NEEDED) {
        return;
    }
    for dialect in ["", "--protocol compact", "--zlib"] {
        let args = format!("--transport header {dialect}");
        let servers = three(Language::Python, &args);
        let weft = before(&servers);
        let client = format!("--count 40 --connections 8 {args}");
        let report = report(thrift_client(Language::Python, weft.port, &client));
        assert_all_right(&report, 320);
        weft.assert_books_balance();
    }
}

#[test]
fn a_payload_of_1_mib_passes_both_ways() {
    if !all_there(NEEDED) {
        return;
    }
    for language in [Language::Python, Language::Node] {
        for dialect in ["--protocol binary", "--protocol compact"] {
            let servers = three(language, dialect);
            let weft = before(&servers);
            let args = format!("--big 1048576 {dialect}");
            for client in [Language::Python, Language::Node] {
                let report = report(thrift_client(client, weft.port, &args));
                assert_all_right(&report, 1);
            }
            let counters = weft.counters();
            assert_eq!(counters.streamed_requests, 2, "{counters:?}");
            assert_eq!(counters.streamed_answers, 2, "{counters:?}");
            weft.assert_books_balance();
        }
    }
}

#[test]
fn payloads_of_1_mib_and_small_calls_of_many_clients_do_not_harm_each_other() {
    if !all_there(NEEDED) {
        return;
    }
    let servers = three(Language::Node, "");
    let weft = before(&servers);
    let clients = ["a", "b", "c"].map(|run| {
        let args = format!("--run {run} --big 1048576 --count 50 --connections 4");
        let python = thrift_client(Language::Python, weft.port, &args);
        let node = thrift_client(Language::Node, weft.port, &args);
        (python, node)
    });
    for (python, node) in clients {
        assert_all_right(&report(python), 201);
        assert_all_right(&report(node), 161);
    }
    weft.assert_books_balance();
}

#[test]
fn a_one_way_call_is_executed_exactly_once() {
    if !all_there(NEEDED) {
        return;
    }
    for language in [Language::Python, Language::Node] {
        let servers = three(language, "");
        let weft = before(&servers);
        let report = report(thrift_client(language, weft.port, "--count 25"));
        let tokens = report["notes"].as_array().unwrap();
        assert_eq!(tokens.len(), 5);
        let tokens: Vec<&str> = tokens.iter().filter_map(Value::as_str).collect();
        let args = format!("--noted {}", tokens.join(","));
        let mut seen = [0; 5];
        for server in &servers {
            let noted = crate::scripts::report(thrift_client(Language::Python, server.port, &args));
            for (seen, noted) in seen.iter_mut().zip(noted.as_array().unwrap()) {
                *seen += noted.as_u64().unwrap();
            }
        }
        assert_eq!(seen, [1; 5], "{tokens:?}");
        assert_eq!(weft.counters().sent, 5);
        weft.assert_books_balance();
    }
}

#[test]
fn what_a_server_raises_reaches_its_caller_as_the_server_said_it() {
    if !all_there(NEEDED) {
        return;
    }
    // A break inside the method, and a method that the server does not have; after each a call
    // that must be right.
    let args = "--count 40 --steps crash,echo,missing,add";
    for server in [Language::Python, Language::Node] {
        let servers = three(server, "");
        let weft = before(&servers);
        for client in [Language::Python, Language::Node] {
            let direct = report(thrift_client(client, servers[0].port, args));
            let report = report(thrift_client(client, weft.port, args));
            assert_eq!(number(&report, "wrong_count"), 0, "{report}");
            assert_eq!(number(&report, "ok"), 20, "{report}");
            assert_eq!(number(&report, "error_count"), 20, "{report}");
            assert_eq!(kinds(&direct), kinds(&report));
            assert_eq!(
                weft.counters().failed,
                [0; weft_codec::ProxyError::ALL.len()]
            );
        }
        assert_eq!(weft.counters().clients_accepted, 2);
        weft.assert_books_balance();
    }
}

/// The kinds, types and first words of a report's errors, without what names a server, sorted.
fn kinds(report: &Value) -> Vec<(String, String, String)> {
    let mut kinds: Vec<_> = report["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| {
            let message = error["message"].as_str().unwrap();
            let words = message.split_once('|').map_or(message, |_| "SERVER|TOKEN");
            (
                error["kind"].to_string(),
                error["type"].to_string(),
                words.to_owned(),
            )
        })
        .collect();
    kinds.sort();
    kinds.dedup();
    kinds
}

#[test]
fn thriftpy2_gets_its_own_answers() {
    if !all_there(NEEDED) {
        return;
    }
    for dialect in ["--protocol binary", "--protocol compact"] {
        let servers = three(Language::Node, dialect);
        let weft = before(&servers);
        let idl = install::here().join("thrift/peers.thrift");
        let args = format!("--port {} --idl {} {dialect}", weft.port, idl.display());
        let client = Running::start(script(Language::Python, "thriftpy2_client", &args));
        assert_all_right(&report(client), 40);
        weft.assert_books_balance();
    }
}
