//! Two proxies in a row that speak hop, over real sockets: backends that die, a second proxy that
//! drains, a client that leaves.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::task::spawn_local;
use weft_proxy::Server;

use crate::peer::{Backend, Client, Manner, Tally, Wire};
use crate::play;
use crate::proxy::{PATIENCE, address_of, config, until};

/// A proxy; `listens` and `asks` say on which side it speaks hop.
fn proxy(protocol: &str, instances: &[SocketAddr], (listens, asks): (bool, bool)) -> Server {
    let instances: Vec<String> = instances.iter().map(|i| format!("\"{i}\"")).collect();
    let text = format!(
        "Proxy(
            workers: 2,
            listeners: [Listener(name: \"front\", addresses: [\"127.0.0.1:0\"],
                service: \"back\", hop: {listens})],
            services: [Service(name: \"back\", protocol: \"{protocol}\", instances: [{}],
                hop: {asks}, policy: Policy(idempotent: [\"*\"]))],
        )",
        instances.join(", ")
    );
    Server::start(config(&text)).unwrap()
}

/// Eight clients that each have eight requests in flight; what became of theirs.
async fn hammer(wire: Wire, front: SocketAddr, calls: usize) -> Tally {
    let clients: Vec<_> = (0..8)
        .map(|number| {
            spawn_local(async move {
                let mut client = Client::connect(wire, front).await;
                match wire {
                    Wire::Redis => pipelines(&mut client, number, calls).await,
                    _ => client.hammer(number, 8, calls).await,
                }
            })
        })
        .collect();
    let mut tally = Tally::default();
    for client in clients {
        tally.add(client.await.unwrap());
    }
    tally
}

/// Eight requests at once and their answers in order, again and again.
async fn pipelines(client: &mut Client, number: usize, calls: usize) -> Tally {
    let mut tally = Tally::default();
    for turn in 0..calls / 8 {
        let body = |id| format!("client {number} turn {turn} id {id}");
        for id in 0..8 {
            client.send(id, &body(id)).await.unwrap();
        }
        for id in 0..8 {
            let answer = client.receive().await.unwrap();
            if answer.is_proxy_error {
                tally.failed += 1;
                continue;
            }
            let said = String::from_utf8(answer.body).unwrap();
            assert_eq!(said.split_once('|').unwrap().1, body(id));
            tally.answered += 1;
        }
    }
    tally
}

#[test]
fn all_protocols_share_few_connections_between_two_proxies() {
    for wire in [Wire::Thrift, Wire::Acme, Wire::Redis] {
        play(async move {
            let manner = Manner {
                shuffle: wire != Wire::Redis,
                ..Manner::default()
            };
            let backend = Backend::start(wire, "one", manner).await;
            let second = proxy(wire.protocol(), &[backend.address()], (true, false));
            let between = address_of(&second, "front");
            let first = proxy(wire.protocol(), &[between], (false, true));
            let tally = hammer(wire, address_of(&first, "front"), 400).await;
            assert_eq!((tally.answered, tally.failed), (8 * 400, 0), "{wire:?}");
            let counters = first.view().counters();
            assert_eq!(counters.malformed, [0, 0]);
            assert_eq!(second.view().counters().answered, 8 * 400);
            assert!(second.view().counters().clients_accepted <= 8, "{wire:?}");
        });
    }
}

#[test]
fn a_second_proxy_drains_under_load_and_no_request_is_lost() {
    play(async {
        let manner = Manner {
            delay: Duration::from_millis(2),
            ..Manner::default()
        };
        let backend = Backend::start(Wire::Thrift, "one", manner).await;
        let seconds: Vec<Server> = (0..2)
            .map(|_| proxy("thrift", &[backend.address()], (true, false)))
            .collect();
        let between: Vec<SocketAddr> = seconds.iter().map(|s| address_of(s, "front")).collect();
        let first = proxy("thrift", &between, (false, true));
        let front = address_of(&first, "front");
        let load = spawn_local(hammer(Wire::Thrift, front, 600));
        until(&seconds[0], "it is busy", |view| {
            view.counters().answered > 200
        })
        .await;
        seconds[0].drain(Duration::from_secs(10));
        let tally = load.await.unwrap();
        assert_eq!((tally.answered, tally.failed), (8 * 600, 0));
        assert!(seconds[0].wait(PATIENCE), "it ends when all is answered");
        let counters = first.view().counters();
        assert_eq!(counters.retries, 0, "nothing had to be sent twice");
    });
}

#[test]
fn backends_of_the_second_proxy_die_and_no_idempotent_request_fails() {
    play(async {
        let one = Backend::start(Wire::Redis, "one", Manner::default()).await;
        let two = Backend::start(Wire::Redis, "two", Manner::default()).await;
        let text = |instances: String, hops: &str| {
            format!(
                "Proxy(
                    workers: 1,
                    listeners: [Listener(name: \"front\", addresses: [\"127.0.0.1:0\"],
                        service: \"back\", {hops})],
                    services: [Service(name: \"back\", protocol: \"redis\", instances: [{instances}],
                        policy: Policy(idempotent: [\"*\"], balancing: PeakEwma,
                            retry: Retry(retries_max: 8, budget_floor_per_second: 10000)))],
                )"
            )
        };
        let instances = format!("\"{}\", \"{}\"", one.address(), two.address());
        let second = Server::start(config(&text(instances, "hop: true"))).unwrap();
        let between = address_of(&second, "front");
        let first = proxy("redis", &[between], (false, true));
        let load = spawn_local(hammer(Wire::Redis, address_of(&first, "front"), 2_000));
        until(&second, "it is busy", |view| view.counters().answered > 500).await;
        one.kill();
        until(&second, "the other serves", |view| {
            view.counters().answered > 3_000
        })
        .await;
        one.restart().await;
        let tally = load.await.unwrap();
        assert_eq!((tally.answered, tally.failed), (8 * 2_000, 0));
    });
}

#[test]
fn a_client_that_leaves_is_cancelled_at_the_second_proxy() {
    play(async {
        let manner = Manner {
            silent: true,
            ..Manner::default()
        };
        let backend = Backend::start(Wire::Thrift, "silent", manner).await;
        let second = proxy("thrift", &[backend.address()], (true, false));
        let first = proxy("thrift", &[address_of(&second, "front")], (false, true));
        let mut client = tokio::net::TcpStream::connect(address_of(&first, "front"))
            .await
            .unwrap();
        let request = Wire::Thrift.request(5, "get", b"never answered");
        client.write_all(&request).await.unwrap();
        until(&second, "the request is there", |view| {
            view.exchanges() == 1
        })
        .await;
        // With a reset: one that only half-closes still wants its answer.
        client.set_zero_linger().unwrap();
        drop(client);
        let view = until(&second, "it is given up", |view| view.exchanges() == 0).await;
        assert_eq!(view.counters().cancelled, 1);
        assert_eq!(first.view().counters().cancels_said, 1);
    });
}
