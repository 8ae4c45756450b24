//! Weft in the middle: a proxy inside the test, with one listener and one service.

use std::path::Path;
use std::time::{Duration, Instant};

use weft_engine::Counters;
use weft_proxy::Server;
use weft_proxy::config::{self, ListenAddress};

/// What the proxy comes to by itself it comes to within this time.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running proxy.
#[derive(Debug)]
pub(crate) struct Weft {
    server: Server,
    /// Where clients connect, on the loopback.
    pub(crate) port: u16,
}

impl Weft {
    /// A proxy that speaks `protocol` and spreads over the backends at `instances`; `policy` is
    /// the text of the service's policy.
    pub(crate) fn start(protocol: &str, instances: &[u16], policy: &str) -> Self {
        let instances: Vec<String> = instances
            .iter()
            .map(|port| format!("\"127.0.0.1:{port}\""))
            .collect();
        Self::with_config(&format!(
            "(
                workers: 2,
                listeners: [(
                    name: \"front\", addresses: [\"127.0.0.1:0\"],
                    protocol: \"{protocol}\", service: \"backends\",
                )],
                services: [(
                    name: \"backends\", protocol: \"{protocol}\",
                    instances: [{}], policy: ({policy}),
                )],
            )",
            instances.join(", ")
        ))
    }

    /// A proxy of this configuration, which has one listener.
    pub(crate) fn with_config(text: &str) -> Self {
        let config = config::parse("peers.ron", text, Path::new(".")).unwrap_or_else(|all| {
            let all: Vec<String> = all.iter().map(ToString::to_string).collect();
            panic!("{}", all.join("\n"))
        });
        let server = Server::start(config).unwrap();
        let addresses = server.addresses();
        let Some(ListenAddress::Tcp(address)) = addresses.first().map(|bound| &bound.address)
        else {
            panic!("no TCP listener in {addresses:?}");
        };
        let port = address.port();
        Self { server, port }
    }

    /// The proxy's counters now.
    pub(crate) fn counters(&self) -> Counters {
        self.server.view().counters()
    }

    /// Takes no new connections, and lets those that are there finish.
    pub(crate) fn drain(&self, grace: Duration) {
        self.server.drain(grace);
    }

    /// Asks for the counters until they are as `wanted`.
    pub(crate) fn wait_until(&self, what: &str, wanted: impl Fn(&Counters) -> bool) -> Counters {
        let until = Instant::now() + PATIENCE;
        loop {
            let counters = self.counters();
            if wanted(&counters) {
                return counters;
            }
            assert!(Instant::now() < until, "no {what}: {counters:?}");
            std::thread::yield_now();
        }
    }

    /// Waits until no connection of a client or of its own lane is left.
    pub(crate) fn wait_until_all_left(&self) {
        let until = Instant::now() + PATIENCE;
        loop {
            let view = self.server.view();
            if view.clients() == 0 && view.lanes() == 0 {
                return;
            }
            let (clients, lanes) = (view.clients(), view.lanes());
            assert!(Instant::now() < until, "{clients} clients, {lanes} lanes");
            std::thread::yield_now();
        }
    }

    /// Asserts what must hold once all clients have their answers: nothing is in flight, every
    /// exchange had exactly one outcome, and no answer came that nobody had asked for.
    pub(crate) fn assert_books_balance(&self) {
        let view = self.server.view();
        let counters = view.counters();
        assert_eq!(view.exchanges(), 0, "exchanges are left in flight");
        let failed: u64 = counters.failed.iter().chain(&counters.shed).sum();
        let ended = counters.answered + failed + counters.sent + counters.cancelled;
        assert_eq!(counters.accepted, ended, "{counters:?}");
        assert_eq!(counters.unknown_answers, 0, "{counters:?}");
        assert_eq!(counters.malformed, [0, 0], "{counters:?}");
    }
}
