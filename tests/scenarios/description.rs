//! The description of a protocol changes while its clients are connected and busy.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::task::spawn_local;
use weft_proxy::Server;

use crate::peer::{Backend, Client, Manner, Tally, Wire};
use crate::play;
use crate::proxy::{Process, address_of, config, simple, until};

const ACME: &str = include_str!("../../protocols/acme/protocol.ron");
const VECTORS: &str = include_str!("../../protocols/acme/vectors/calls.ron");

/// acme's description in a folder of its own, with its vectors beside it.
struct Described(PathBuf);

impl Described {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("weft-described-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(folder.join("vectors")).unwrap();
        std::fs::write(folder.join("vectors/calls.ron"), VECTORS).unwrap();
        let described = Self(folder);
        described.write(ACME);
        described
    }

    fn file(&self) -> PathBuf {
        self.0.join("protocol.ron")
    }

    fn write(&self, text: &str) {
        std::fs::write(self.file(), text).unwrap();
    }

    /// Another version: the same frames, and a key that rules may ask for besides.
    fn next(&self, version: u32) {
        let keys = format!("keys: [\"meta.*\", \"status\"], // version {version}");
        let text = ACME.replace("keys: [\"meta.*\"],", &keys);
        assert_ne!(text, ACME);
        self.write(&text);
    }

    /// One listener in front of these backends, speaking what the file describes.
    fn config(&self, backends: &[&Backend]) -> String {
        let backends: Vec<_> = backends.iter().map(|backend| backend.address()).collect();
        let protocols = format!("protocols: [\"{}\"],", Path::display(&self.file()));
        simple("acme", &backends, &protocols)
    }
}

impl Drop for Described {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn another_description_loses_no_connection_and_no_request_under_load() {
    play(async {
        let manner = Manner {
            shuffle: true,
            ..Manner::default()
        };
        let one = Backend::start(Wire::Acme, "one", manner).await;
        let two = Backend::start(Wire::Acme, "two", manner).await;
        let described = Described::new();
        let text = described.config(&[&one, &two]);
        let server = Server::start(config(&text)).unwrap();
        let front = address_of(&server, "front");
        let clients: Vec<_> = (0..8)
            .map(|number| {
                spawn_local(async move {
                    // Never idle while the description changes; idle between the two halves.
                    let mut client = Client::connect(Wire::Acme, front).await;
                    let mut tally = client.hammer(number, 4, 1_000).await;
                    tally.add(client.hammer(number, 4, 1_000).await);
                    tally
                })
            })
            .collect();
        until(&server, "the load runs", |view| {
            view.counters().answered > 2_000
        })
        .await;
        described.next(2);
        server.reload(config(&text)).unwrap();
        let mut total = Tally::default();
        for client in clients {
            total.add(client.await.unwrap());
        }
        assert_eq!((total.answered, total.failed), (8 * 2_000, 0));
        let view = until(&server, "the clients are gone", |view| view.clients() == 0).await;
        let counters = view.counters();
        assert_eq!((counters.clients_accepted, counters.codec_panics), (8, 0));
        assert_eq!((counters.malformed, counters.unknown_answers), ([0, 0], 0));
    });
}

#[test]
fn clients_that_are_idle_now_and_then_outlive_any_number_of_descriptions() {
    play(async {
        let backend = Backend::start(Wire::Acme, "one", Manner::default()).await;
        let described = Described::new();
        let text = described.config(&[&backend]);
        let server = Server::start(config(&text)).unwrap();
        let front = address_of(&server, "front");
        let clients: Vec<_> = (0..8)
            .map(|number| {
                spawn_local(async move {
                    let mut client = Client::connect(Wire::Acme, front).await;
                    client.hammer(number, 1, 4_000).await
                })
            })
            .collect();
        let mut versions = 1;
        while !clients.iter().all(tokio::task::JoinHandle::is_finished) {
            versions += 1;
            described.next(versions);
            server.reload(config(&text)).unwrap();
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        let mut total = Tally::default();
        for client in clients {
            total.add(client.await.unwrap());
        }
        assert_eq!((total.answered, total.failed), (8 * 4_000, 0));
        assert!(versions > 4, "the load outlasted {versions} descriptions");
    });
}

#[test]
fn a_description_that_fails_its_vectors_is_refused_and_the_old_one_stays() {
    play(async {
        let backend = Backend::start(Wire::Acme, "one", Manner::default()).await;
        let described = Described::new();
        let proxy = Process::start(&described.config(&[&backend]), 1_024);
        let mut client = Client::connect(Wire::Acme, proxy.front).await;
        assert_eq!(client.call(1, "a").await.unwrap().body, b"one|a");
        // It compiles, and reads the two names in the wrong order.
        let wrong = ACME
            .replace("service: \"service\"", "service: \"method\"")
            .replace("\n    method: \"method\"", "\n    method: \"service\"");
        assert_ne!(wrong, ACME);
        described.write(&wrong);
        proxy.signal("HUP");
        proxy.logged(&["reload refused"]);
        proxy.logged(&["fails its own vectors"]);
        assert_eq!(client.call(2, "b").await.unwrap().body, b"one|b");
        described.next(2);
        proxy.signal("HUP");
        proxy.logged(&["reloaded"]);
        assert_eq!(client.call(3, "c").await.unwrap().body, b"one|c");
    });
}
