//! A few long connections are shared among the workers.

use weft_proxy::Server;

use crate::peer::{Backend, Client, Manner, Wire};
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
