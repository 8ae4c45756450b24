//! What a proxy costs that has nothing to do.

use std::time::Duration;

use crate::peer::{Backend, Client, Manner, Wire};
use crate::play;
use crate::proxy::{Process, counter, simple};

/// Connects `n` clients that have each made one call and then wait.
async fn idle_clients(proxy: &Process, n: usize) -> Vec<Client> {
    let mut clients = Vec::with_capacity(n);
    for _ in 0..n {
        let mut client = Client::connect(Wire::Thrift, proxy.front).await;
        client.call(1, "once").await.unwrap();
        clients.push(client);
    }
    clients
}

#[test]
fn a_proxy_with_a_thousand_idle_clients_makes_no_system_call_for_five_seconds() {
    play(async {
        let backend = Backend::start(Wire::Thrift, "one", Manner::default()).await;
        let proxy = Process::start(&simple("thrift", &[backend.address()], ""), 4_096);
        let clients = idle_clients(&proxy, 1_000).await;
        assert_eq!(counter(proxy.admin, "clients_now"), 1_000);
        // Connects of lanes leave a timer behind for their time limit, and admin connections end.
        tokio::time::sleep(Duration::from_secs(2)).await;
        let (sleeps, ticks) = (proxy.sleeps(), proxy.ticks());
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!((proxy.sleeps(), proxy.ticks()), (sleeps, ticks));
        drop(clients);
    });
}

#[test]
fn an_idle_connection_holds_at_most_one_kibibyte() {
    play(async {
        let backend = Backend::start(Wire::Thrift, "one", Manner::default()).await;
        let proxy = Process::start(&simple("thrift", &[backend.address()], ""), 8_192);
        // What the first clients cost once is not theirs.
        let first = idle_clients(&proxy, 200).await;
        let before = proxy.resident_bytes();
        let n = 3_000;
        let clients = idle_clients(&proxy, n).await;
        let each = proxy.resident_bytes().saturating_sub(before) / n;
        println!("{each} bytes per idle connection");
        assert!(each <= 1_024, "{each} bytes per idle connection");
        drop((first, clients));
    });
}
