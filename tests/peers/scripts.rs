//! The scripts of `python/` and `node/` as servers and clients.

use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Map, Value};

use crate::child::{self, Running};
use crate::install;

/// How many checks the Python Redis client has.
pub(crate) const PYTHON_CHECKS: usize = 13;
/// How many checks the Node Redis client has.
pub(crate) const NODE_CHECKS: usize = 7;

/// No server needs longer to start.
const START_PATIENCE: Duration = Duration::from_secs(10);

/// In which language a script is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    /// Apache Thrift's Python library, redis-py, dubbo-py.
    Python,
    /// Apache Thrift's Node library, ioredis, dubbo2.js, sofa-rpc-node.
    Node,
}

/// A server with its port.
#[derive(Debug)]
pub(crate) struct Server {
    /// The process.
    pub(crate) running: Running,
    /// Where it listens, on the loopback.
    pub(crate) port: u16,
}

/// A script with its arguments, ready to be started.
pub(crate) fn script(language: Language, name: &str, args: &str) -> Command {
    let folder = install::here();
    let mut command = match language {
        Language::Python => {
            let mut command = child::command(install::python());
            command.arg(folder.join("python").join(format!("{name}.py")));
            command
        }
        Language::Node => {
            let mut command = child::command("node");
            command.arg(folder.join("node").join(format!("{name}.js")));
            command
        }
    };
    command.args(args.split_whitespace());
    // The Redis scripts need no generated code, and no compiler.
    if name.starts_with("thrift_") {
        let generated = install::generated();
        command.env("PYTHONPATH", generated.join("py"));
        let js = [generated.join("js"), install::node_modules()];
        command.env("NODE_PATH", std::env::join_paths(js).unwrap());
    } else {
        command.env("NODE_PATH", install::node_modules());
    }
    if let Some(mechanisms) = install::sasl_mechanisms() {
        command.env("SASL_PATH", mechanisms);
    }
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// Starts a framed binary Thrift server at a port that was another one's.
pub(crate) fn thrift_server_at(language: Language, name: &str, port: u16) -> Server {
    thrift_server(language, name, &format!("--port {port}"))
}

/// Starts a Thrift server that calls itself `name`.
pub(crate) fn thrift_server(language: Language, name: &str, args: &str) -> Server {
    server(language, "thrift_server", name, args)
}

/// Starts a server by its script, which calls itself `name`.
pub(crate) fn server(language: Language, file: &str, name: &str, args: &str) -> Server {
    let args = format!("--name {name} {args}");
    let mut running = Running::start(script(language, file, &args));
    let port = running.wait_for(|line| line.strip_prefix("listening ")?.trim().parse().ok());
    Server { running, port }
}

/// Starts a client by its script, against `port`.
pub(crate) fn client(language: Language, file: &str, port: u16, args: &str) -> Running {
    Running::start(script(language, file, &format!("--port {port} {args}")))
}

/// Three Thrift servers, which call themselves `one`, `two` and `three`.
pub(crate) fn three(language: Language, args: &str) -> [Server; 3] {
    ["one", "two", "three"].map(|name| thrift_server(language, name, args))
}

/// Where these servers listen.
pub(crate) fn ports(servers: &[Server]) -> Vec<u16> {
    servers.iter().map(|server| server.port).collect()
}

/// Starts a Thrift client against `port`.
pub(crate) fn thrift_client(language: Language, port: u16, args: &str) -> Running {
    client(language, "thrift_client", port, args)
}

/// Starts a redis-server that keeps nothing.
pub(crate) fn redis_server() -> Server {
    redis_server_with(&[])
}

/// Starts a redis-server that keeps nothing, with more options.
pub(crate) fn redis_server_with(options: &[&str]) -> Server {
    let port = free_port();
    let mut command = child::command("redis-server");
    command.args(["--port", &port.to_string(), "--bind", "127.0.0.1"]);
    command
        .args(["--save", "", "--appendonly", "no"])
        .args(options);
    let mut running = Running::start(command);
    running.wait_for(|line| line.contains("Ready to accept").then_some(()));
    Server { running, port }
}

/// Waits for a client's report.
pub(crate) fn report(client: Running) -> Value {
    let line = client.last_line();
    serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

/// A number of a report.
pub(crate) fn number(report: &Value, name: &str) -> u64 {
    report
        .get(name)
        .and_then(Value::as_u64)
        .unwrap_or_else(|| panic!("no `{name}` in {report}"))
}

/// Asserts that a Thrift client got `ok` right answers and nothing else.
pub(crate) fn assert_all_right(report: &Value, ok: u64) {
    assert_eq!(number(report, "wrong_count"), 0, "{report}");
    assert_eq!(number(report, "error_count"), 0, "{report}");
    assert_eq!(number(report, "ok"), ok, "{report}");
}

/// How many servers answered.
pub(crate) fn servers_seen(report: &Value) -> usize {
    report["servers"].as_object().map_or(0, Map::len)
}

/// Asserts that every error is the library's own, of this kind, with Weft's words in it.
pub(crate) fn assert_says(report: &Value, kind: &str, words: &str) {
    let errors = report["errors"].as_array().unwrap();
    assert!(!errors.is_empty(), "{report}");
    for error in errors {
        assert_eq!(error["kind"], kind, "{report}");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains("weft: "), "{report}");
        assert!(message.contains(words), "{report}");
    }
}

/// How often the servers were told each of the notes that a client reports.
pub(crate) fn noted(
    report: &Value,
    servers: &[Server],
    ask: impl Fn(u16, &str) -> Running,
) -> Vec<u64> {
    let tokens = report["notes"].as_array().unwrap();
    let tokens: Vec<&str> = tokens.iter().filter_map(Value::as_str).collect();
    let args = format!("--noted {}", tokens.join(","));
    let mut seen = vec![0; tokens.len()];
    for server in servers {
        let line = ask(server.port, &args).last_line();
        let counts: Vec<u64> = serde_json::from_str(&line).unwrap();
        for (seen, count) in seen.iter_mut().zip(counts) {
            *seen += count;
        }
    }
    seen
}

/// Asserts that every check of a Redis client said "ok".
pub(crate) fn assert_all_ok(report: &Value, checks: usize) {
    let results = report.as_object().unwrap();
    for (name, result) in results {
        assert_eq!(
            result,
            "ok",
            "{name}: {}",
            result.as_str().unwrap_or_default()
        );
    }
    assert_eq!(results.len(), checks, "{report}");
}

/// Waits until a server takes connections that does not say by itself when it is ready.
pub(crate) fn until_it_answers(port: u16) {
    let until = Instant::now() + START_PATIENCE;
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < until, "no server at {port}");
        std::thread::yield_now();
    }
}

/// A port of the loopback that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
