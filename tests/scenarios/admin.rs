//! The admin endpoint and statsd tell the truth, and can only be read.

use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};

use weft_proxy::Server;

use crate::peer::{Backend, Client, Manner, Wire};
use crate::play;
use crate::proxy::{PATIENCE, Process, address_of, config, counter, get, simple};

#[test]
fn every_page_answers_and_the_numbers_agree_with_what_was_done() {
    play(async {
        let backend = Backend::start(Wire::Thrift, "one", Manner::default()).await;
        let server = Server::start(config(&simple("thrift", &[backend.address()], ""))).unwrap();
        let admin = server.admin_address().unwrap();
        let mut client = Client::connect(Wire::Thrift, address_of(&server, "front")).await;
        for _ in 0..10 {
            client.call(1, "hello").await.unwrap();
        }
        for page in [
            "/",
            "/health",
            "/ready",
            "/config",
            "/counters",
            "/connections",
            "/lanes",
            "/services",
            "/metrics",
        ] {
            assert_eq!(get(admin, page).0, 200, "{page}");
        }
        assert_eq!(get(admin, "/nowhere").0, 404);
        assert_eq!(counter(admin, "exchanges_answered_total"), 10);
        let (_, metrics) = get(admin, "/metrics");
        assert!(
            metrics.contains("\nweft_exchanges_answered_total 10\n"),
            "{metrics}"
        );
        assert!(metrics.contains("weft_instance_latency_seconds{service=\"back\",instance="));
        let (_, connections) = get(admin, "/connections");
        let connections: serde_json::Value = serde_json::from_str(&connections).unwrap();
        assert_eq!(connections.as_array().unwrap().len(), 1);
        assert_eq!(connections[0]["listener"], "front");
        server.drain(std::time::Duration::from_secs(1));
        assert_eq!(get(admin, "/ready").0, 503);
    });
}

#[test]
fn nothing_can_be_changed_through_it() {
    let server = Server::start(config(&simple(
        "thrift",
        &["127.0.0.1:9".parse().unwrap()],
        "",
    )))
    .unwrap();
    let mut stream = TcpStream::connect(server.admin_address().unwrap()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
        .write_all(b"POST /config HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 405"), "{answer}");
}

#[test]
fn a_page_of_another_site_reads_nothing_through_it() {
    let server = Server::start(config(&simple(
        "thrift",
        &["127.0.0.1:9".parse().unwrap()],
        "",
    )))
    .unwrap();
    let mut stream = TcpStream::connect(server.admin_address().unwrap()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
        .write_all(b"GET /config HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 421"), "{answer}");
    assert!(!answer.contains("thrift"), "{answer}");
}

#[test]
fn statsd_gets_what_was_added_in_small_datagrams_and_nothing_when_nothing_happens() {
    play(async {
        let daemon = UdpSocket::bind("127.0.0.1:0").unwrap();
        let backend = Backend::start(Wire::Thrift, "one", Manner::default()).await;
        let more = format!(
            "statsd: Statsd(address: \"{}\", prefix: \"test\", interval: \"100ms\"),",
            daemon.local_addr().unwrap()
        );
        let server = Server::start(config(&simple("thrift", &[backend.address()], &more))).unwrap();
        let mut client = Client::connect(Wire::Thrift, address_of(&server, "front")).await;
        for _ in 0..10 {
            client.call(1, "hello").await.unwrap();
        }
        daemon.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut answered = 0_u64;
        let mut buffer = [0; 65_536];
        while answered < 10 {
            let n = daemon.recv(&mut buffer).expect("statsd is told");
            assert!(n <= 1_432, "a datagram of {n} bytes");
            let text = std::str::from_utf8(&buffer[..n]).unwrap();
            answered += text
                .lines()
                .filter_map(|line| line.strip_prefix("test.exchanges_answered:"))
                .filter_map(|rest| rest.strip_suffix("|c")?.parse::<u64>().ok())
                .sum::<u64>();
        }
        assert_eq!(answered, 10);
        // What was still on its way may come; then there is silence.
        daemon
            .set_read_timeout(Some(std::time::Duration::from_millis(700)))
            .unwrap();
        let mut late = 0;
        while daemon.recv(&mut buffer).is_ok() {
            late += 1;
            assert!(late < 20, "an idle proxy goes on telling");
        }
    });
}

#[test]
fn each_exchange_leaves_a_line_in_the_log_where_records_are_asked_for() {
    play(async {
        let backend = Backend::start(Wire::Thrift, "one", Manner::default()).await;
        let more = "limits: Limits(access_records: true),";
        let proxy = Process::start(&simple("thrift", &[backend.address()], more), 1_024);
        let mut client = Client::connect(Wire::Thrift, proxy.front).await;
        client.call(1, "hello").await.unwrap();
        let line = proxy.logged(&["exchange", "outcome=\"answered\""]);
        for words in [
            "listener=\"front\"",
            "service=\"back\"",
            "attempts=1",
            "micros=",
        ] {
            assert!(line.contains(words), "{words}: {line}");
        }
    });
}
