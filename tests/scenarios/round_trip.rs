//! Requests and answers find their way, over every kind of socket.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::task::spawn_local;
use weft_proxy::Server;

use crate::peer::{Backend, Client, Manner, Tally, Wire};
use crate::play;
use crate::proxy::{address_of, config, simple, until};

/// Sixteen clients with eight requests in flight each, all under the same ids, against servers
/// that answer out of order.
fn everybody_gets_their_own(wire: Wire) {
    play(async move {
        let manner = Manner {
            shuffle: true,
            ..Manner::default()
        };
        let one = Backend::start(wire, "one", manner).await;
        let two = Backend::start(wire, "two", manner).await;
        let text = simple(wire.protocol(), &[one.address(), two.address()], "");
        let server = Server::start(config(&text)).unwrap();
        let front = address_of(&server, "front");
        let clients: Vec<_> = (0..16)
            .map(|number| {
                spawn_local(async move {
                    let mut client = Client::connect(wire, front).await;
                    client.hammer(number, 8, 200).await
                })
            })
            .collect();
        let mut total = Tally::default();
        for client in clients {
            total.add(client.await.unwrap());
        }
        assert_eq!((total.answered, total.failed), (16 * 200, 0));
        let view = until(&server, "every client is gone", |view| {
            view.clients() == 0 && view.exchanges() == 0
        })
        .await;
        let counters = view.counters();
        assert_eq!((counters.accepted, counters.answered), (3_200, 3_200));
        assert_eq!(one.served() + two.served(), 3_200);
        assert!(one.served() > 0 && two.served() > 0);
    });
}

#[test]
fn every_thrift_client_gets_its_own_answers_although_all_use_the_same_ids() {
    everybody_gets_their_own(Wire::Thrift);
}

#[test]
fn every_acme_client_gets_its_own_answers_although_all_use_the_same_ids() {
    everybody_gets_their_own(Wire::Acme);
}

#[test]
fn a_large_request_and_its_large_answer_come_through_whole() {
    play(async {
        let backend = Backend::start(Wire::Thrift, "one", Manner::default()).await;
        let server = Server::start(config(&simple("thrift", &[backend.address()], ""))).unwrap();
        let mut client = Client::connect(Wire::Thrift, address_of(&server, "front")).await;
        let body: String = (0..3 << 20)
            .map(|i| char::from(b'a' + (i % 26) as u8))
            .collect();
        let answer = client.call(7, &body).await.unwrap();
        assert_eq!(answer.id, 7);
        assert_eq!(answer.body.len(), body.len() + 4);
        assert!(answer.body.ends_with(body.as_bytes()));
    });
}

#[test]
fn ipv6_and_unix_listeners_serve_the_same_service() {
    play(async {
        let backend = Backend::start(Wire::Thrift, "one", Manner::default()).await;
        let path = std::env::temp_dir().join(format!("weft-front-{}.sock", std::process::id()));
        let text = simple("thrift", &[backend.address()], "").replace(
            "\"127.0.0.1:0\"]",
            &format!("\"[::1]:0\", \"unix:{}\"]", path.display()),
        );
        let server = Server::start(config(&text)).unwrap();
        let mut over_ipv6 = Client::connect(Wire::Thrift, address_of(&server, "front")).await;
        assert_eq!(over_ipv6.call(1, "six").await.unwrap().body, b"one|six");
        let mut over_unix = UnixStream::connect(&path).await.unwrap();
        over_unix
            .write_all(&Wire::Thrift.request(2, "echo", b"file"))
            .await
            .unwrap();
        let answer = Wire::Thrift.read(&mut over_unix).await.unwrap().unwrap();
        assert_eq!(
            (answer.id, answer.body.as_slice()),
            (2, b"one|file".as_slice())
        );
        drop(server);
        assert!(!path.exists(), "the socket's file is gone with the proxy");
    });
}

#[test]
fn raw_bytes_are_relayed_both_ways_and_a_half_close_is_passed_on() {
    play(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        spawn_local(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut all = Vec::new();
            stream.read_to_end(&mut all).await.unwrap();
            all.reverse();
            stream.write_all(&all).await.unwrap();
        });
        let server = Server::start(config(&simple("raw", &[address], ""))).unwrap();
        let mut client = tokio::net::TcpStream::connect(address_of(&server, "front"))
            .await
            .unwrap();
        client.write_all(b"any bytes at all").await.unwrap();
        client.shutdown().await.unwrap();
        let mut back = Vec::new();
        client.read_to_end(&mut back).await.unwrap();
        assert_eq!(back, b"lla ta setyb yna");
    });
}
