//! S16: thousands of clients reconnect at once, and the backend was away.

use std::time::Duration;

use crate::peer::{Backend, Client, Manner, Wire};
use crate::play;
use crate::proxy::{Process, counter, simple};

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
        tokio::time::sleep(Duration::from_millis(500)).await;
        let failed_connects = counter(proxy.admin, "connects_failed_total");
        assert!(
            failed_connects < 100,
            "{failed_connects} connects to a dead backend"
        );
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
