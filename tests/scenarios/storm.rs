//! S16: thousands of clients reconnect at once, and the backend was away. The proxy is a process
//! of its own; what it does to the server is seen from the server's side.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::peer::{Backend, Client, Manner, Wire};
use crate::play;
use crate::proxy::{PATIENCE, Process, counter, simple};

/// Workers of these proxies.
const WORKERS: u64 = 2;
/// A failing instance is connected again after 100 ms at the earliest.
const TRIES_PER_SECOND_MAX: u64 = 10 * WORKERS;

#[test]
fn two_thousand_clients_at_once_open_few_lanes_and_all_are_answered() {
    play(async {
        let backend = Backend::start(Wire::Thrift, "one", Manner::default()).await;
        let more = "policy: Policy(timeout: \"20s\", queue: Queue(waiting_max: 4000, no_instance_wait: \"15s\")),";
        let proxy = Process::start(&simple("thrift", &[backend.address()], more), 8_192);
        backend.kill();
        let mut clients = Vec::new();
        for _ in 0..2_000 {
            let mut client = Client::connect(Wire::Thrift, proxy.front).await;
            client.send(1, "all at once").await.unwrap();
            clients.push(client);
        }
        let failed = || counter(proxy.admin, "connects_failed_total");
        // The first lanes were asked for before anybody knew that the server is away.
        assert!(failed() < 100, "{} connects to a dead backend", failed());
        let (before, began) = (failed(), Instant::now());
        tokio::time::sleep(Duration::from_secs(2)).await;
        let (more, took) = (failed() - before, began.elapsed().as_secs_f64());
        let most = (TRIES_PER_SECOND_MAX as f64 * took).ceil() as u64 + WORKERS;
        assert!((1..=most).contains(&more), "{more} connects in {took} s");
        backend.restart().await;
        for client in &mut clients {
            let answer = client.receive().await.unwrap();
            assert!(
                !answer.is_proxy_error,
                "{}",
                String::from_utf8_lossy(&answer.body)
            );
            assert_eq!(answer.body, b"one|all at once");
        }
        assert!(backend.accepted() <= 64, "{} lanes", backend.accepted());
    });
}

#[test]
fn clients_that_come_back_by_themselves_do_not_pass_their_storm_on() {
    play(async {
        let backend = Backend::start(Wire::Thrift, "one", Manner::default()).await;
        let proxy = Process::start(&simple("thrift", &[backend.address()], ""), 8_192);
        let mut accepted = 0;
        for wave in 0..4 {
            // A thousand clients come at once, and again once the wave before has gone.
            let mut clients = Vec::new();
            for _ in 0..1_000 {
                let mut client = Client::connect(Wire::Thrift, proxy.front).await;
                client.send(1, "wave").await.unwrap();
                clients.push(client);
            }
            for client in &mut clients {
                assert_eq!(client.receive().await.unwrap().body, b"one|wave");
            }
            if wave == 0 {
                accepted = backend.accepted();
                assert!(accepted <= 64, "{accepted} lanes for the first wave");
            }
        }
        let more = backend.accepted() - accepted;
        assert!(more <= 8, "{more} lanes more for waves of the same height");
    });
}

#[test]
fn a_thousand_clients_with_a_lane_each_do_not_hammer_a_server_that_is_away() {
    play(async {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = server.local_addr().unwrap();
        drop(server);
        let proxy = Process::start(&simple("raw", &[address], ""), 8_192);
        let began = Instant::now();
        for _ in 0..1_000 {
            let mut client = TcpStream::connect(proxy.front).await.unwrap();
            // The relay has nothing to relay to, and says so in the only way it has.
            let end = tokio::time::timeout(PATIENCE, client.read(&mut [0])).await;
            assert!(end.is_ok_and(|end| end.is_err() || end.is_ok_and(|n| n == 0)));
        }
        let took = began.elapsed().as_secs_f64();
        let failed = counter(proxy.admin, "connects_failed_total");
        let most = (TRIES_PER_SECOND_MAX as f64 * took).ceil() as u64 + WORKERS;
        assert!(failed <= most, "{failed} connects in {took} s");
    });
}
