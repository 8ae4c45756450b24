//! MQTT's real brokers and clients: mosquitto with paho-mqtt, MQTT.js, mosquitto_pub and
//! mosquitto_sub; with each other, then with Weft in the middle, by the description in
//! `protocols/mqtt`.
//!
//! The brokers are not bridged. Each keeps a message under `broker/name` that the others do not have.

use std::io::Write as _;
use std::process::Stdio;
use std::time::Duration;

use crate::child::{self, Running};
use crate::install::{self, Tool, all_there};
use crate::scripts::{
    self, Language, Server, assert_all_ok, free_port, number, ports, report, until_it_answers,
};
use crate::weft::Weft;

const NEEDED: &[Tool] = &[Tool::Mosquitto, Tool::Paho, Tool::MqttJs];
const VERSIONS: [&str; 2] = ["3.1.1", "5"];

/// How many checks each client has for version 5; for 3.1.1 the Python client has one fewer.
const CHECKS: usize = 8;

/// What brokers are called.
const NAMES: [&str; 3] = ["one", "two", "three"];

/// Starts a mosquitto that keeps nothing on disk and takes any user, and many messages in flight,
/// where its default closes a connection that has 21 of quality 2.
fn broker(name: &str) -> Server {
    let port = free_port();
    let file = install::tmp().join(format!("mosquitto-{port}.conf"));
    let limits = "max_inflight_messages 0\nmax_queued_messages 0\npersistence false";
    let place = format!("listener {port} 127.0.0.1\nallow_anonymous true");
    std::fs::write(&file, format!("{limits}\nuser root\n{place}\n")).unwrap();
    let mut command = child::command("/usr/sbin/mosquitto");
    command.arg("-c").arg(&file);
    let running = Running::start(command);
    until_it_answers(port);
    std::fs::remove_file(&file).unwrap();
    let server = Server { running, port };
    publish(server.port, &["-r", "-t", "broker/name", "-m", name]);
    server
}

fn three() -> [Server; 3] {
    NAMES.map(broker)
}

/// Publishes by mosquitto_pub, in quality 1, and waits for its end.
fn publish(port: u16, args: &[&str]) {
    let mut command = mosquitto("mosquitto_pub", port);
    let status = command.args(["-q", "1"]).args(args).status().unwrap();
    assert!(status.success(), "{status}");
}

fn mosquitto(program: &str, port: u16) -> std::process::Command {
    let mut command = child::command(program);
    command.args(["-h", "127.0.0.1", "-p", &port.to_string()]);
    command
}

fn client(language: Language, port: u16, args: &str) -> Running {
    scripts::client(language, "mqtt_client", port, args)
}

/// What mosquitto_pub says of a broker that refuses it.
fn refused_by_mosquitto_pub(port: u16, version: &str, user: &str) -> String {
    let version = match version {
        "5" => "mqttv5",
        _ => "mqttv311",
    };
    let mut command = mosquitto("mosquitto_pub", port);
    command.args(["-V", version, "-u", user, "-t", "any", "-m", "any"]);
    let output = command.stderr(Stdio::piped()).output().unwrap();
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

/// A proxy whose clients go to brokers by their user names.
fn before(brokers: &[u16], policy: &str) -> Weft {
    let brokers: Vec<String> = brokers
        .iter()
        .map(|port| format!("\"127.0.0.1:{port}\""))
        .collect();
    weft(&format!(
        "listeners: [(
            name: \"front\", addresses: [\"127.0.0.1:0\"], protocol: \"mqtt\", service: \"brokers\",
        )],
        services: [(
            name: \"brokers\", protocol: \"mqtt\", instances: [{}],
            policy: (balancing: RingHashBy(\"user\"), {policy}),
        )],",
        brokers.join(", ")
    ))
}

fn weft(text: &str) -> Weft {
    let description = install::here().join("../../protocols/mqtt/protocol.ron");
    let description = description.canonicalize().unwrap();
    Weft::with_config(&format!(
        "(workers: 2, protocols: [\"{}\"], {text})",
        description.display()
    ))
}

/// Runs all checks of both clients in both versions at once, with a user each.
fn assert_all_are_well(port: u16) {
    let running = [Language::Python, Language::Node].map(|language| {
        VERSIONS.map(|version| {
            let run = format!("{language:?}-{version}");
            let args = format!("--version {version} --run {run} --user {run}");
            let missing = usize::from(language == Language::Python && version == "3.1.1");
            (client(language, port, &args), CHECKS - missing)
        })
    });
    for (client, checks) in running.into_iter().flatten() {
        assert_all_ok(&report(client), checks);
    }
}

#[test]
fn mqtt_clients_and_brokers_understand_each_other() {
    if !all_there(NEEDED) {
        return;
    }
    let broker = broker("one");
    assert_all_are_well(broker.port);
}

#[test]
fn they_find_everything_as_at_a_broker_behind_one_proxy_and_over_three_of_them() {
    if !all_there(NEEDED) {
        return;
    }
    for brokers in [vec![broker("one")], Vec::from(three())] {
        let weft = before(&ports(&brokers), "");
        assert_all_are_well(weft.port);
        weft.wait_until_all_left();
        weft.assert_books_balance();
    }
}

#[test]
fn mosquittos_own_clients_talk_through_the_proxy_in_every_quality() {
    if !all_there(NEEDED) {
        return;
    }
    let brokers = three();
    let weft = before(&ports(&brokers), "");
    for version in ["mqttv311", "mqttv5"] {
        for quality in ["0", "1", "2"] {
            let topic = format!("{version}/{quality}");
            let mut reader = mosquitto("mosquitto_sub", weft.port);
            reader.args([
                "-V", version, "-q", quality, "-u", "own", "-t", &topic, "-C", "200",
            ]);
            if version == "mqttv5" {
                // mosquitto sends more than the 20 that its own client says it takes.
                reader.args(["-D", "connect", "receive-maximum", "1000"]);
            }
            // It says when it listens, by a message that it was sent.
            reader.args(["-t", "broker/name"]);
            let mut reader = Running::start(reader);
            let broker = reader.wait_for(|line| Some(line.to_owned()));
            assert!(NAMES.contains(&broker.as_str()), "{broker}");
            let mut writer = mosquitto("mosquitto_pub", weft.port);
            writer.args([
                "-V", version, "-q", quality, "-u", "own", "-t", &topic, "-l",
            ]);
            let mut writer = writer.stdin(Stdio::piped()).spawn().unwrap();
            let lines: String = (0..199).map(|line| format!("line {line}\n")).collect();
            let mut input = writer.stdin.take().unwrap();
            input.write_all(lines.as_bytes()).unwrap();
            drop(input);
            assert!(writer.wait().unwrap().success());
            assert_eq!(reader.last_line(), "line 198");
        }
    }
    weft.assert_books_balance();
}

#[test]
fn a_user_name_decides_to_whose_brokers_a_client_goes_for_all_that_it_says() {
    if !all_there(NEEDED) {
        return;
    }
    let brokers = three();
    let [one, two, three] = brokers.each_ref().map(|broker| broker.port);
    let weft = weft(&format!(
        "listeners: [(name: \"front\", addresses: [\"127.0.0.1:0\"], protocol: \"mqtt\")],
        services: [
            (name: \"red\", protocol: \"mqtt\", instances: [\"127.0.0.1:{one}\"]),
            (name: \"blue\", protocol: \"mqtt\", instances: [\"127.0.0.1:{two}\"]),
            (name: \"guests\", protocol: \"mqtt\", instances: [\"127.0.0.1:{three}\"]),
        ],
        routes: [
            (name: \"red\", when: (keys: {{\"user\": \"red-*\"}}), to: (service: \"red\")),
            (name: \"blue\", when: (keys: {{\"user\": \"blue-*\"}}), to: (service: \"blue\")),
            (name: \"guests\", when: (keys: {{\"client\": \"*-guest-1\"}}), to: (service: \"guests\")),
        ],",
    ));
    for version in VERSIONS {
        let args = format!("--version {version} --users red-1,blue-1,guest-1,red-2,blue-2");
        let told = report(client(Language::Python, weft.port, &args));
        let expected = serde_json::json!({
            "red-1": "one", "blue-1": "two", "guest-1": "three", "red-2": "one", "blue-2": "two",
        });
        assert_eq!(told, expected);
    }
    weft.wait_until_all_left();
    weft.assert_books_balance();
}

#[test]
fn a_broker_that_dies_takes_its_own_clients_connections_and_they_come_back_to_another() {
    if !all_there(NEEDED) {
        return;
    }
    let languages = [Language::Python, Language::Node];
    for (language, version) in languages.into_iter().flat_map(|l| VERSIONS.map(|v| (l, v))) {
        let mut brokers = three();
        let weft = before(&ports(&brokers), "");
        let args = format!("--version {version} --outage --seconds 5");
        let mut running = client(language, weft.port, &args);
        let doomed = running.wait_for(|line| Some(line.strip_prefix("running ")?.to_owned()));
        let at = NAMES.iter().position(|name| *name == doomed).unwrap();
        brokers[at].running.kill();
        let told = report(running);
        assert_eq!(told["failures"], serde_json::json!([]), "{told}");
        let clients = told["clients"].as_array().unwrap();
        let mut moved = 0;
        for client in clients {
            assert_eq!(number(client, "wrong"), 0, "{client}");
            assert!(number(client, "ok") > 20, "{client}");
            let was_there = client["brokers"][0] == *doomed;
            moved += usize::from(was_there);
            // Who was elsewhere noticed nothing.
            assert_eq!(number(client, "ends"), u64::from(was_there), "{client}");
            if was_there {
                let came_to = client["brokers"][1].as_str().unwrap();
                assert_ne!(came_to, doomed, "{client}");
            }
        }
        assert!(moved > 0 && moved < clients.len(), "{told}");
        weft.assert_books_balance();
    }
}

#[test]
fn a_client_that_no_broker_serves_is_refused_in_its_version_and_others_notice_nothing() {
    if !all_there(NEEDED) {
        return;
    }
    let broker = broker("one");
    let weft = weft(&format!(
        "listeners: [(name: \"front\", addresses: [\"127.0.0.1:0\"], protocol: \"mqtt\")],
        services: [
            (name: \"some\", protocol: \"mqtt\", instances: [\"127.0.0.1:{}\"]),
            (name: \"none\", protocol: \"mqtt\", instances: [\"127.0.0.1:{}\"],
                policy: (queue: (no_instance_wait: \"20ms\"))),
        ],
        routes: [
            (name: \"some\", when: (keys: {{\"user\": \"served\"}}), to: (service: \"some\")),
            (name: \"none\", when: (keys: {{\"user\": \"unserved\"}}), to: (service: \"none\")),
        ],",
        broker.port,
        free_port()
    ));
    for version in VERSIONS {
        let args = format!("--version {version} --user served");
        let well = client(Language::Node, weft.port, &args);
        for (user, words) in [
            // An instance that cannot be connected is out at once.
            (
                "unserved",
                &[
                    "weft: could not connect to an instance",
                    "weft: no instance of the service",
                ][..],
            ),
            ("nobody", &["weft: no route takes this request"]),
        ] {
            let args = format!("--version {version} --user {user} --refused");
            let node = report(client(Language::Node, weft.port, &args));
            let python = report(client(Language::Python, weft.port, &args));
            let own = refused_by_mosquitto_pub(weft.port, version, user);
            let (code, words) = match version {
                "5" => (0x88, words),
                _ => (3, &[""][..]),
            };
            let is_said = |said: &serde_json::Value| {
                let said = said.as_str().unwrap();
                words.iter().any(|words| said.starts_with(words)) && said.is_empty() == (code == 3)
            };
            assert_eq!(node["kind"], "error", "{node}");
            assert_eq!(number(&node, "code"), code, "{node}");
            let message = node["message"].as_str().unwrap();
            assert!(message.contains("Server unavailable"), "{node}");
            assert!(is_said(&node["reason"]), "{node}");
            // paho names the codes of 3.1.1 as those of version 5.
            let told = &python["codes"][0];
            assert_eq!(told[0], "Server unavailable", "{python}");
            assert_eq!(told[1], 0x88, "{python}");
            assert!(is_said(&told[2]), "{python}");
            assert!(own.to_lowercase().contains("unavailable"), "{own}");
        }
        assert_all_ok(&report(well), CHECKS);
    }
    weft.wait_until_all_left();
    weft.assert_books_balance();
}

#[test]
fn a_drain_says_disconnect_to_clients_of_version_5_and_closes_the_others() {
    if !all_there(NEEDED) {
        return;
    }
    let broker = broker("one");
    let weft = before(&[broker.port], "");
    let mut running = Vec::new();
    for version in VERSIONS {
        for language in [Language::Python, Language::Node] {
            let run = format!("{language:?}-{version}");
            let args = format!("--version {version} --run {run} --user any --farewell");
            let mut client = client(language, weft.port, &args);
            client.wait_for(|line| (line == "running").then_some(()));
            running.push((version, language, client));
        }
    }
    weft.drain(Duration::from_secs(2));
    let reason = "weft: the proxy is shutting down";
    for (version, language, client) in running {
        let told = report(client);
        let expected = match (version, language) {
            ("5", Language::Python) => {
                serde_json::json!({ "said": [["Server shutting down", 0x8B, reason]] })
            }
            ("5", _) => serde_json::json!({ "code": 0x8B, "reason": reason }),
            (_, Language::Python) => serde_json::json!({ "said": [] }),
            _ => serde_json::json!({}),
        };
        assert_eq!(told, expected, "{version} {language:?}");
    }
}
