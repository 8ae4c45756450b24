//! S20: ends of streams in every situation leave no socket behind.

use std::time::Duration;

use weft_proxy::Server;

use crate::peer::{Backend, Client, Manner, Wire};
use crate::play;
use crate::proxy::{PATIENCE, address_of, config, simple, sockets_in_state, until};

#[test]
fn clients_that_finish_sending_with_requests_in_flight_are_answered_and_leave_no_close_wait() {
    play(async {
        let manner = Manner {
            delay: Duration::from_millis(100),
            ..Manner::default()
        };
        let backend = Backend::start(Wire::Thrift, "slow", manner).await;
        let server = Server::start(config(&simple("thrift", &[backend.address()], ""))).unwrap();
        let front = address_of(&server, "front");
        let mut clients = Vec::new();
        for _ in 0..50 {
            let mut client = Client::connect(Wire::Thrift, front).await;
            client.send(1, "last words").await.unwrap();
            client.finish_sending().await;
            clients.push(client);
        }
        for client in &mut clients {
            assert_eq!(client.receive().await.unwrap().body, b"slow|last words");
            assert!(client.receive().await.is_err(), "then the proxy closes too");
        }
        nothing_left(&server, front.port()).await;
    });
}

#[test]
fn clients_that_vanish_with_requests_in_flight_leave_nothing() {
    play(async {
        let manner = Manner {
            delay: Duration::from_millis(100),
            ..Manner::default()
        };
        let backend = Backend::start(Wire::Thrift, "slow", manner).await;
        let server = Server::start(config(&simple("thrift", &[backend.address()], ""))).unwrap();
        let front = address_of(&server, "front");
        for _ in 0..50 {
            let mut client = Client::connect(Wire::Thrift, front).await;
            client.send(1, "gone before the answer").await.unwrap();
        }
        nothing_left(&server, front.port()).await;
    });
}

#[test]
fn backends_that_close_with_requests_in_flight_leave_no_lane_in_close_wait() {
    play(async {
        let manner = Manner {
            silent: true,
            ..Manner::default()
        };
        let backend = Backend::start(Wire::Thrift, "silent", manner).await;
        let server = Server::start(config(&simple("thrift", &[backend.address()], ""))).unwrap();
        let front = address_of(&server, "front");
        let mut client = Client::connect(Wire::Thrift, front).await;
        client.send(9, "never answered").await.unwrap();
        until(&server, "it is in flight", |view| view.exchanges() == 1).await;
        while backend.served() == 0 {
            tokio::task::yield_now().await;
        }
        backend.kill();
        let answer = client.receive().await.unwrap();
        assert!(answer.is_proxy_error);
        assert_eq!(answer.id, 9, "the error carries the caller's id");
        until(&server, "the lane is gone", |view| view.lanes() == 0).await;
        assert_eq!(sockets_in_state(backend.address().port(), "08"), 0);
    });
}

async fn nothing_left(server: &Server, port: u16) {
    until(server, "no client and no exchange is left", |view| {
        view.clients() == 0 && view.exchanges() == 0
    })
    .await;
    let began = std::time::Instant::now();
    while sockets_in_state(port, "01") + sockets_in_state(port, "08") > 0 {
        assert!(began.elapsed() < PATIENCE, "sockets are left");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
