//! The peers with each other, nobody between: what the scripts prove without Weft, so that a
//! failure with it is Weft's.

use crate::child::{self, Running};
use crate::install::{self, Tool, all_there};
use crate::scripts::{
    Language, NODE_CHECKS, PYTHON_CHECKS, assert_all_ok, assert_all_right, redis_server, report,
    script, thrift_client, thrift_server,
};

const THRIFT: &[Tool] = &[Tool::Python, Tool::Node, Tool::ThriftCompiler];

#[test]
fn thrift_clients_and_servers_of_two_languages_understand_each_other() {
    if !all_there(THRIFT) {
        return;
    }
    for server in [Language::Python, Language::Node] {
        for args in ["--protocol binary", "--protocol compact", "--mux"] {
            let server = thrift_server(server, "one", args);
            let python = format!("--count 20 --connections 2 --big 1048576 {args}");
            let python = report(thrift_client(Language::Python, server.port, &python));
            assert_all_right(&python, 41);
            // One-way calls, every fifth, have no answer to be right.
            let node = format!("--count 100 --big 1048576 {args}");
            let node = report(thrift_client(Language::Node, server.port, &node));
            assert_all_right(&node, 81);
        }
    }
}

#[test]
fn the_header_transport_works_between_pythons() {
    if !all_there(THRIFT) {
        return;
    }
    for args in ["", "--protocol compact", "--zlib"] {
        let args = format!("--transport header {args}");
        let server = thrift_server(Language::Python, "one", &args);
        let client = format!("--count 20 {args}");
        let client = report(thrift_client(Language::Python, server.port, &client));
        assert_all_right(&client, 20);
    }
}

#[test]
fn thriftpy2_understands_apaches_server() {
    if !all_there(THRIFT) {
        return;
    }
    let server = thrift_server(Language::Node, "one", "");
    let idl = install::here().join("thrift/peers.thrift");
    let args = format!("--port {} --idl {}", server.port, idl.display());
    let client = Running::start(script(Language::Python, "thriftpy2_client", &args));
    assert_all_right(&report(client), 40);
}

#[test]
fn redis_clients_find_everything_right_in_a_redis() {
    if !all_there(&[
        Tool::Python,
        Tool::Node,
        Tool::RedisServer,
        Tool::RedisTools,
    ]) {
        return;
    }
    let redis = redis_server();
    for resp in [2, 3] {
        let args = format!("--port {} --resp {resp}", redis.port);
        let client = Running::start(script(Language::Python, "redis_client", &args));
        assert_all_ok(&report(client), PYTHON_CHECKS);
        let args = format!("{args} bare_transactions");
        let client = Running::start(script(Language::Python, "redis_client", &args));
        assert_all_ok(&report(client), 1);
    }
    let args = format!("--port {}", redis.port);
    let client = Running::start(script(Language::Node, "redis_client", &args));
    assert_all_ok(&report(client), NODE_CHECKS);

    let mut ping = child::command("redis-cli");
    ping.args(["-p", &redis.port.to_string(), "ping"]);
    assert_eq!(Running::start(ping).last_line(), "PONG");
}
