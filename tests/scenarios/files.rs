//! S17: no more files.

use std::net::TcpStream;
use std::time::Duration;

use crate::peer::{Backend, Client, Manner, Wire};
use crate::play;
use crate::proxy::{Process, counter, get, simple};

#[test]
fn without_files_accepting_pauses_nothing_spins_and_admin_and_traffic_go_on() {
    play(async {
        let backend = Backend::start(Wire::Thrift, "one", Manner::default()).await;
        let proxy = Process::start(&simple("thrift", &[backend.address()], ""), 256);
        let mut early = Client::connect(Wire::Thrift, proxy.front).await;
        early.call(1, "early").await.unwrap();
        // The kernel completes these connects; the proxy takes only as many as it has files for.
        let crowd: Vec<TcpStream> = (0..600)
            .map(|_| TcpStream::connect(proxy.front).unwrap())
            .collect();
        proxy.logged(&["accepting pauses"]);
        let ticks = proxy.ticks();
        tokio::time::sleep(Duration::from_secs(1)).await;
        let spent = proxy.ticks() - ticks;
        assert!(
            spent <= 20,
            "{spent} ticks of processor time in a second of waiting"
        );
        assert_eq!(get(proxy.admin, "/health").0, 200);
        let clients = counter(proxy.admin, "clients_now");
        assert!((50..256).contains(&clients), "{clients} clients were taken");
        assert!(counter(proxy.admin, "accept_pauses_total") > 0);
        assert_eq!(early.call(2, "still").await.unwrap().body, b"one|still");
        // Room comes back, and whoever waits in the queue is served.
        drop(crowd);
        let mut late = Client::connect(Wire::Thrift, proxy.front).await;
        assert_eq!(late.call(1, "late").await.unwrap().body, b"one|late");
    });
}
