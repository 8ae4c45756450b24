//! Redis's real clients and servers with Weft in the middle.

use crate::child::{self, Running};
use crate::install::{Tool, all_there};
use crate::scripts::{
    Language, NODE_CHECKS, PYTHON_CHECKS, Server, assert_all_ok, number, ports, redis_server,
    redis_server_with, report, script,
};
use crate::weft::Weft;

const NEEDED: &[Tool] = &[
    Tool::Python,
    Tool::Node,
    Tool::RedisServer,
    Tool::RedisTools,
];

fn client(language: Language, port: u16, args: &str) -> Running {
    let args = format!("--port {port} {args}");
    Running::start(script(language, "redis_client", &args))
}

fn before(servers: &[Server]) -> Weft {
    Weft::start("redis", &ports(servers), "")
}

/// The last line of `redis-cli` with these arguments.
fn redis_cli(port: u16, args: &[&str]) -> String {
    let mut command = child::command("redis-cli");
    command.args(["-p", &port.to_string()]).args(args);
    Running::start(command).last_line()
}

#[test]
fn redis_py_finds_everything_as_in_a_redis() {
    if !all_there(NEEDED) {
        return;
    }
    for instances in [1, 3] {
        let servers: Vec<Server> = (0..instances).map(|_| redis_server()).collect();
        let weft = before(&servers);
        for resp in ["--resp 2", "--resp 3"] {
            let report = report(client(Language::Python, weft.port, resp));
            assert_all_ok(&report, PYTHON_CHECKS);
        }
        weft.assert_books_balance();
    }
}

#[test]
fn a_transaction_may_come_command_by_command_where_there_is_one_redis() {
    if !all_there(NEEDED) {
        return;
    }
    let servers = [redis_server()];
    let weft = before(&servers);
    let report = report(client(Language::Python, weft.port, "bare_transactions"));
    assert_all_ok(&report, 1);
}

#[test]
fn a_transaction_over_keys_of_several_redises_is_refused_whole() {
    if !all_there(NEEDED) {
        return;
    }
    let servers = [redis_server(), redis_server(), redis_server()];
    let weft = before(&servers);
    for resp in ["--resp 2", "--resp 3"] {
        let args = format!("{resp} crossing_transactions");
        let report = report(client(Language::Python, weft.port, &args));
        assert_all_ok(&report, 1);
    }
}

#[test]
fn a_password_opens_the_lanes_of_those_who_know_it_only() {
    if !all_there(NEEDED) {
        return;
    }
    for instances in [1, 3] {
        let servers: Vec<Server> = (0..instances)
            .map(|_| redis_server_with(&["--requirepass", "sesame"]))
            .collect();
        let weft = before(&servers);
        for resp in ["--resp 2", "--resp 3"] {
            let args = format!("--password sesame {resp} values databases strangers many");
            let report = report(client(Language::Python, weft.port, &args));
            assert_all_ok(&report, 4);
        }
    }
}

#[test]
fn ioredis_finds_everything_as_in_a_redis() {
    if !all_there(NEEDED) {
        return;
    }
    for instances in [1, 3] {
        let servers: Vec<Server> = (0..instances).map(|_| redis_server()).collect();
        let weft = before(&servers);
        let report = report(client(Language::Node, weft.port, ""));
        assert_all_ok(&report, NODE_CHECKS);
        weft.assert_books_balance();
    }
}

#[test]
fn keys_are_spread_over_the_instances_and_stay_where_they_are() {
    if !all_there(NEEDED) {
        return;
    }
    let servers = [redis_server(), redis_server(), redis_server()];
    let weft = before(&servers);
    let report = report(client(Language::Python, weft.port, "values"));
    assert_all_ok(&report, 1);
    let kept = servers.map(|server| redis_cli(server.port, &["dbsize"]).parse::<u32>().unwrap());
    assert!(kept.iter().all(|keys| *keys >= 20), "{kept:?}");
    // 200 texts, a number, a hash and a list, each on one instance only.
    assert_eq!(kept.iter().sum::<u32>(), 203, "{kept:?}");
}

#[test]
fn redis_cli_sees_values_and_errors() {
    if !all_there(NEEDED) {
        return;
    }
    let servers = [redis_server()];
    let weft = before(&servers);
    assert_eq!(redis_cli(weft.port, &["ping"]), "PONG");
    assert_eq!(redis_cli(weft.port, &["set", "cli", "x"]), "OK");
    assert_eq!(redis_cli(weft.port, &["get", "cli"]), "x");
    let error = redis_cli(weft.port, &["incr", "cli"]);
    assert!(error.contains("not an integer"), "{error}");
}

#[test]
fn redis_benchmark_runs_through_with_pipelines() {
    if !all_there(NEEDED) {
        return;
    }
    let servers = [redis_server(), redis_server()];
    let weft = before(&servers);
    for pipeline in ["1", "16"] {
        let mut command = child::command("redis-benchmark");
        command.args(["-p", &weft.port.to_string(), "-t", "set,get,incr"]);
        command.args([
            "-n", "5000", "-c", "20", "-r", "1000", "-P", pipeline, "--csv",
        ]);
        let last = Running::start(command).last_line();
        assert!(last.starts_with("\"INCR\""), "{last}");
    }
    let answered = weft.counters().answered;
    assert!(answered >= 30_000, "{answered}");
    weft.assert_books_balance();
}

#[test]
fn redis_benchmark_does_not_notice_one_of_three_redises_that_dies_where_reads_may_be_repeated() {
    if !all_there(NEEDED) {
        return;
    }
    const REQUESTS: u64 = 150_000;
    let mut servers = [redis_server(), redis_server(), redis_server()];
    let policy = "balancing: PeakEwma, idempotent: [\"GET\"], retry: (retries_max: 3)";
    let weft = Weft::start("redis", &ports(&servers), policy);
    let mut command = child::command("redis-benchmark");
    command.args(["-p", &weft.port.to_string(), "-t", "get", "-r", "1000"]);
    command.args(["-n", &REQUESTS.to_string(), "-c", "20", "-P", "8", "--csv"]);
    let running = Running::start(command);
    weft.wait_until("run under way", |counters| counters.answered > 10_000);
    servers[0].running.kill();
    let last = running.last_line();
    assert!(last.starts_with("\"GET\""), "{last}");
    let counters = weft.counters();
    assert!(counters.answered >= REQUESTS, "{counters:?}");
    assert_eq!(counters.failed.iter().sum::<u64>(), 0, "{counters:?}");
    assert!(
        counters.answered > 20_000 && counters.connects_failed > 0,
        "{counters:?}"
    );
    weft.assert_books_balance();
}

#[test]
fn a_redis_that_dies_is_an_error_reply_on_a_connection_that_stays() {
    if !all_there(NEEDED) {
        return;
    }
    let mut servers = [redis_server(), redis_server(), redis_server()];
    let weft = Weft::start(
        "redis",
        &[0, 1, 2].map(|at: usize| servers[at].port),
        "queue: (no_instance_wait: \"20ms\")",
    );
    let mut running = client(Language::Python, weft.port, "--outage --seconds 2");
    running.wait_for(|line| (line == "running").then_some(()));
    servers[0].running.kill();
    let report = report(running);
    assert_eq!(number(&report, "wrong_count"), 0, "{report}");
    // What it set last on the Redis that died is gone with it, and nothing else.
    assert!(number(&report, "lost") <= 1, "{report}");
    assert!(number(&report, "ok") > 50, "{report}");
    for words in report["said"].as_object().unwrap().keys() {
        assert!(words.starts_with("weft: "), "{words}: {report}");
    }
    assert_eq!(weft.counters().clients_accepted, 1, "{report}");
}

#[test]
fn a_redis_that_was_never_there_is_an_err_reply_in_words() {
    if !all_there(NEEDED) {
        return;
    }
    let weft = Weft::start(
        "redis",
        &[crate::scripts::free_port()],
        "queue: (no_instance_wait: \"20ms\")",
    );
    let error = redis_cli(weft.port, &["get", "x"]);
    assert!(error.starts_with("ERR weft: "), "{error}");
}

#[test]
fn ioredis_hears_right_values_or_our_words_on_one_connection_while_a_redis_dies() {
    if !all_there(NEEDED) {
        return;
    }
    let mut servers = [redis_server(), redis_server(), redis_server()];
    let policy = "queue: (no_instance_wait: \"20ms\")";
    let weft = Weft::start("redis", &ports(&servers), policy);
    let mut running = client(Language::Node, weft.port, "--outage --seconds 2");
    running.wait_for(|line| (line == "running").then_some(()));
    servers[0].running.kill();
    let told = report(running);
    assert_eq!(number(&told, "wrong_count"), 0, "{told}");
    // At most one value of each strand was set on the Redis that died and asked for elsewhere.
    assert!(number(&told, "lost") <= 16, "{told}");
    assert!(number(&told, "ok") > 400, "{told}");
    let said = told["said"].as_object().unwrap();
    // Often nothing of it was under way to the one that died; then nobody is told anything.
    for words in said.keys() {
        assert!(words.starts_with("ERR weft: "), "{words}: {told}");
    }
    for kind in told["kinds"].as_object().unwrap().keys() {
        assert_eq!(kind, "ReplyError", "{told}");
    }
    // What ioredis asks first, it asks on its one connection.
    assert_eq!(weft.counters().clients_accepted, 1, "{told}");
    weft.assert_books_balance();
}

#[test]
fn an_absent_redis_is_ioredis_own_error_in_our_words() {
    if !all_there(NEEDED) {
        return;
    }
    let absent = [crate::scripts::free_port()];
    let policy = "queue: (no_instance_wait: \"20ms\")";
    let weft = Weft::start("redis", &absent, policy);
    let told = report(client(Language::Node, weft.port, "--refused"));
    assert_eq!(told["kind"], "ReplyError", "{told}");
    let words = told["message"].as_str().unwrap();
    assert!(words.starts_with("ERR weft: "), "{told}");
}
