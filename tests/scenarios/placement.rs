//! A few long connections are shared among the workers.

use std::cell::Cell;
use std::rc::Rc;

use tokio::task::spawn_local;
use weft_proxy::Server;

use crate::peer::{Backend, Client, Manner, Tally, Wire};
use crate::play;
use crate::proxy::{address_of, config, simple, until};

#[test]
fn four_clients_on_two_workers_are_two_each_whatever_the_kernel_thinks() {
    play(async {
        let backend = Backend::start(Wire::Thrift, "one", Manner::default()).await;
        for _ in 0..8 {
            let server =
                Server::start(config(&simple("thrift", &[backend.address()], ""))).unwrap();
            let mut clients = Vec::new();
            for _ in 0..4 {
                let mut client = Client::connect(Wire::Thrift, address_of(&server, "front")).await;
                client.call(1, "hello").await.unwrap();
                clients.push(client);
            }
            let view = until(&server, "all are there", |view| view.clients() == 4).await;
            let spread: Vec<usize> = view
                .workers
                .iter()
                .map(|worker| worker.engine.clients.len())
                .collect();
            assert_eq!(spread, [2, 2]);
        }
    });
}

#[test]
fn a_service_with_one_lane_sees_one_connection_from_four_workers_and_all_are_answered() {
    play(async {
        let manner = Manner {
            shuffle: true,
            ..Manner::default()
        };
        let backend = Backend::start(Wire::Thrift, "one", manner).await;
        let few = "policy: Policy(lanes: Lanes(lanes_max: 1)),";
        let text = simple("thrift", &[backend.address()], few).replace("workers: 2", "workers: 4");
        let server = Server::start(config(&text)).unwrap();
        let front = address_of(&server, "front");
        let clients: Vec<_> = (0..16)
            .map(|number| {
                spawn_local(async move {
                    let mut client = Client::connect(Wire::Thrift, front).await;
                    client.hammer(number, 4, 500).await
                })
            })
            .collect();
        let mut total = Tally::default();
        for client in clients {
            total.add(client.await.unwrap());
        }
        assert_eq!((total.answered, total.failed), (16 * 500, 0));
        assert_eq!(backend.accepted(), 1, "one lane, whatever the workers");
        let view = server.view();
        let home = view.services()[0].home.expect("it has a home");
        for worker in &view.workers {
            let accepted = worker.engine.counters.clients_accepted;
            assert_eq!(accepted > 0, worker.worker == home, "clients are at home");
        }
    });
}

#[test]
fn lanes_that_are_enough_are_divided_among_the_workers() {
    play(async {
        let manner = Manner {
            delay: std::time::Duration::from_millis(5),
            ..Manner::default()
        };
        let backend = Backend::start(Wire::Thrift, "one", manner).await;
        let few = "policy: Policy(lanes: Lanes(lanes_max: 3, depth: 1)),";
        let text = simple("thrift", &[backend.address()], few);
        let server = Server::start(config(&text)).unwrap();
        let front = address_of(&server, "front");
        let clients: Vec<_> = (0..16)
            .map(|number| {
                spawn_local(async move {
                    let mut client = Client::connect(Wire::Thrift, front).await;
                    client.hammer(number, 4, 20).await
                })
            })
            .collect();
        let mut total = Tally::default();
        for client in clients {
            total.add(client.await.unwrap());
        }
        assert_eq!((total.answered, total.failed), (16 * 20, 0));
        assert_eq!(
            backend.accepted(),
            3,
            "two of one worker and one of the other"
        );
    });
}

#[test]
fn a_reload_that_gives_a_listener_a_home_loses_nothing() {
    play(async {
        let backend = Backend::start(Wire::Thrift, "one", Manner::default()).await;
        let text = |lanes_max: u32| {
            let lanes = format!("policy: Policy(lanes: Lanes(lanes_max: {lanes_max})),");
            let text = simple("thrift", &[backend.address()], &lanes);
            config(&text.replace("workers: 2", "workers: 4"))
        };
        let server = Server::start(text(8)).unwrap();
        let front = address_of(&server, "front");
        let left = Rc::new(Cell::new(8_usize));
        let clients: Vec<_> = (0..8)
            .map(|number| {
                let left = Rc::clone(&left);
                spawn_local(async move {
                    let mut total = Tally::default();
                    // Each comes again and again, also while its listener moves.
                    for _ in 0..40 {
                        let mut client = Client::connect(Wire::Thrift, front).await;
                        total.add(client.hammer(number, 4, 20).await);
                    }
                    left.set(left.get() - 1);
                    total
                })
            })
            .collect();
        let mut lanes_max = 8;
        while left.get() > 0 {
            lanes_max = 9 - lanes_max;
            server.reload(text(lanes_max)).unwrap();
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        let mut total = Tally::default();
        for client in clients {
            total.add(client.await.unwrap());
        }
        assert_eq!((total.answered, total.failed), (8 * 40 * 20, 0));
        until(&server, "the clients are gone", |view| view.clients() == 0).await;
    });
}
