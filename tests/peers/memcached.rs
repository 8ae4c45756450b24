//! memcached itself with its real clients, python-binary-memcached, pylibmc and memjs: with each
//! other, then with Weft in the middle.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::child::{self, Running};
use crate::install::{self, Tool, all_there};
use crate::scripts::{
    self, Language, Server, assert_all_ok, free_port, number, ports, report, until_it_answers,
};
use crate::weft::Weft;

const NEEDED: &[Tool] = &[Tool::Python, Tool::Node, Tool::Memcached];

/// How many checks each client has.
const CHECKS: usize = 6;

/// Longer than this no memcached is silent.
const PATIENCE: Duration = Duration::from_secs(10);

/// The clients: the script's language and arguments.
const CLIENTS: [(Language, &str); 3] = [
    (Language::Python, "--lib bmemcached"),
    (Language::Python, "--lib pylibmc"),
    (Language::Node, ""),
];

fn client((language, library): (Language, &str), port: u16, args: &str) -> Running {
    let args = format!("{library} {args}");
    scripts::client(language, "memcached_client", port, &args)
}

/// Starts a memcached that wants a password: `ali@weft` has `sesame`, `eve@weft` has `open`.
fn memcached_with_passwords() -> Server {
    let port = free_port();
    let folder = install::tmp().join(format!("sasl-{port}"));
    std::fs::create_dir_all(&folder).unwrap();
    let passwords = folder.join("passwords");
    let options = format!(
        "mech_list: PLAIN\npwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: {}\n",
        passwords.display()
    );
    std::fs::write(folder.join("memcached.conf"), options).unwrap();
    for (user, password) in [("ali", "sesame"), ("eve", "open")] {
        let mut command = Command::new("saslpasswd2");
        command.args(["-p", "-c", "-a", "memcached", "-u", "weft", "-f"]);
        let mut told = command
            .arg(&passwords)
            .arg(user)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = told.stdin.take().unwrap();
        input.write_all(password.as_bytes()).unwrap();
        drop(input);
        assert!(told.wait().unwrap().success());
    }
    let mut command = child::command("memcached");
    command.args([
        "-S",
        "-u",
        "root",
        "-l",
        "127.0.0.1",
        "-p",
        &port.to_string(),
    ]);
    command.env("SASL_CONF_PATH", &folder);
    let running = Running::start(command);
    until_it_answers(port);
    Server { running, port }
}

/// Starts a memcached. It says when it is ready only if it is asked to say everything.
fn memcached() -> Server {
    let port = free_port();
    let mut command = child::command("memcached");
    command.args(["-u", "root", "-l", "127.0.0.1", "-p", &port.to_string()]);
    let running = Running::start(command);
    until_it_answers(port);
    Server { running, port }
}

fn three() -> [Server; 3] {
    [memcached(), memcached(), memcached()]
}

fn before(servers: &[Server]) -> Weft {
    Weft::start("memcached", &ports(servers), "")
}

/// How many values a memcached keeps, asked in its text protocol, without any codec.
fn kept(server: &Server) -> u64 {
    let mut stream = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"stats\r\n").unwrap();
    let mut lines = BufReader::new(stream).lines();
    let line =
        lines.find_map(|line| Some(line.unwrap().strip_prefix("STAT curr_items ")?.to_owned()));
    line.unwrap().trim().parse().unwrap()
}

#[test]
fn memcached_clients_find_everything_right_in_a_memcached() {
    if !all_there(NEEDED) {
        return;
    }
    let server = memcached();
    for library in CLIENTS {
        assert_all_ok(&report(client(library, server.port, "")), CHECKS);
    }
}

#[test]
fn they_find_everything_as_in_a_memcached_behind_one_proxy_and_over_three_of_them() {
    if !all_there(NEEDED) {
        return;
    }
    for instances in [1, 3] {
        let servers: Vec<Server> = (0..instances).map(|_| memcached()).collect();
        let weft = before(&servers);
        for library in CLIENTS {
            assert_all_ok(&report(client(library, weft.port, "")), CHECKS);
        }
        weft.assert_books_balance();
    }
}

#[test]
fn all_clients_at_once_do_not_disturb_each_other() {
    if !all_there(NEEDED) {
        return;
    }
    let servers = three();
    let weft = before(&servers);
    let running = CLIENTS.map(|library| client(library, weft.port, ""));
    for client in running {
        assert_all_ok(&report(client), CHECKS);
    }
    weft.assert_books_balance();
}

#[test]
fn keys_are_spread_over_the_instances_and_stay_where_they_are() {
    if !all_there(NEEDED) {
        return;
    }
    for library in ["--lib bmemcached", "--lib pylibmc"] {
        let servers = three();
        let weft = before(&servers);
        // Quiet sets of 300 keys, and gets of as many, in batches that cross all instances.
        let python = client((Language::Python, library), weft.port, "multi");
        assert_all_ok(&report(python), 1);
        let kept = servers.each_ref().map(kept);
        assert!(kept.iter().all(|keys| *keys >= 40), "{kept:?}");
        assert_eq!(kept.iter().sum::<u64>(), 300, "{kept:?}");
        weft.assert_books_balance();
    }
}

#[test]
fn an_absent_memcached_is_each_librarys_own_error() {
    if !all_there(NEEDED) {
        return;
    }
    let policy = "queue: (no_instance_wait: \"20ms\")";
    for library in CLIENTS {
        let weft = Weft::start("memcached", &[free_port()], policy);
        let told = report(client(library, weft.port, "--refused"));
        for (operation, said) in told.as_object().unwrap() {
            let said = said.as_str().unwrap();
            assert!(
                is_own_error(library.1, operation, said),
                "{operation}: {said}"
            );
        }
        weft.assert_books_balance();
    }
}

/// Whether what a client tells of an operation is its library's own error for a temporary failure.
/// Only python-binary-memcached lets the words of the server through. libmemcached takes a server
/// for dead that says anything it does not know, and pylibmc calls a get of which that is said a
/// miss.
fn is_own_error(library: &str, operation: &str, said: &str) -> bool {
    match (library, operation) {
        ("--lib bmemcached", _) => {
            said.starts_with("MemcachedException: Code: 134 ") && said.contains("weft: ")
        }
        ("--lib pylibmc", "get" | "get_multi") => {
            is_dead(said) || matches!(said, "no error: None" | "no error: {}")
        }
        ("--lib pylibmc", _) => is_dead(said),
        _ => said.starts_with("Error: MemJS ") && said.ends_with(": Temporary failure"),
    }
}

/// Whether libmemcached took its server for dead.
fn is_dead(said: &str) -> bool {
    said.starts_with("UnknownReadFailure: ") || said.starts_with("ServerDown: ")
}

#[test]
fn a_memcached_that_dies_is_an_error_on_a_connection_that_stays() {
    if !all_there(NEEDED) {
        return;
    }
    let policy = "queue: (no_instance_wait: \"20ms\")";
    for (library, strands) in CLIENTS.into_iter().zip([1, 1, 8]) {
        let mut servers = three();
        let weft = Weft::start("memcached", &ports(&servers), policy);
        let mut running = client(library, weft.port, "--outage --seconds 3");
        running.wait_for(|line| (line == "running").then_some(()));
        servers[0].running.kill();
        let told = report(running);
        assert_eq!(number(&told, "wrong_count"), 0, "{told}");
        // What was set last on the memcached that died is gone with it, and nothing else.
        assert!(number(&told, "lost") <= strands, "{told}");
        assert!(number(&told, "ok") > 50, "{told}");
        assert!(all_own_errors(library.1, &told["said"]), "{told}");
        // libmemcached closes its connection after an error that it does not know.
        if library.1 != "--lib pylibmc" {
            assert_eq!(weft.counters().clients_accepted, 1, "{told}");
        }
        weft.assert_books_balance();
    }
}

fn all_own_errors(library: &str, said: &Value) -> bool {
    said.as_object().unwrap().keys().all(|said| match library {
        "--lib bmemcached" => {
            said.starts_with("MemcachedException: Code: 13") && said.contains("weft: ")
        }
        "--lib pylibmc" => is_dead(said),
        _ => said.starts_with("MemJS "),
    })
}

#[test]
fn a_password_opens_the_lanes_of_those_who_know_it_only() {
    if !all_there(&[NEEDED, &[Tool::Sasl]].concat()) {
        return;
    }
    for instances in [1, 3] {
        let servers: Vec<Server> = (0..instances).map(|_| memcached_with_passwords()).collect();
        let weft = before(&servers);
        for user in [
            "--user ali@weft --password sesame",
            "--user eve@weft --password open",
        ] {
            let running = CLIENTS.map(|library| client(library, weft.port, user));
            for client in running {
                assert_all_ok(&report(client), CHECKS);
            }
        }
        for library in CLIENTS {
            let args = "--refused --user ali@weft --password guessed";
            let told = report(client(library, weft.port, args));
            for (operation, said) in told.as_object().unwrap() {
                let refused = !said.as_str().unwrap().starts_with("no error");
                assert!(refused, "{library:?} {operation}: {told}");
            }
        }
        weft.assert_books_balance();
    }
}
