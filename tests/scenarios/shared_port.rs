//! One port, three protocols: each client gets the service of its own, and strangers are told
//! apart and shown the door.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::spawn_local;
use weft_proxy::Server;

use crate::peer::{Backend, Client, Manner, Wire};
use crate::play;
use crate::proxy::{Process, address_of, config, until};

fn shared(backends: &[(Wire, &Backend)]) -> String {
    let services: Vec<String> = backends
        .iter()
        .map(|(wire, backend)| {
            let (protocol, address) = (wire.protocol(), backend.address());
            format!(
                "Service(name: \"{protocol}s\", protocol: \"{protocol}\", instances: [\"{address}\"])"
            )
        })
        .collect();
    let names: Vec<String> = backends
        .iter()
        .map(|(wire, _)| format!("\"{}s\"", wire.protocol()))
        .collect();
    format!(
        "Proxy(
            workers: 2,
            admin: \"127.0.0.1:0\",
            listeners: [Listener(name: \"front\", addresses: [\"127.0.0.1:0\"], services: [{}])],
            services: [{}],
        )",
        names.join(", "),
        services.join(", ")
    )
}

#[test]
fn clients_of_three_protocols_are_served_on_one_port() {
    play(async {
        let wires = [Wire::Thrift, Wire::Acme, Wire::Redis];
        let mut backends = Vec::new();
        for wire in wires {
            backends.push((
                wire,
                Backend::start(wire, wire.protocol(), Manner::default()).await,
            ));
        }
        let all: Vec<(Wire, &Backend)> = backends.iter().map(|(w, b)| (*w, b)).collect();
        let server = Server::start(config(&shared(&all))).unwrap();
        let front = address_of(&server, "front");
        let clients: Vec<_> = (0..12)
            .map(|number| {
                spawn_local(async move {
                    let wire = wires[number % 3];
                    let mut client = Client::connect(wire, front).await;
                    for turn in 0..200 {
                        let body = format!("client {number} turn {turn}");
                        let answer = client.call(turn, &body).await.unwrap();
                        let expected = format!("{}|{body}", wire.protocol());
                        assert_eq!(String::from_utf8_lossy(&answer.body), expected);
                    }
                })
            })
            .collect();
        for client in clients {
            client.await.unwrap();
        }
        let view = until(&server, "the clients are gone", |view| view.clients() == 0).await;
        assert_eq!(view.counters().answered, 12 * 200);
        assert_eq!(view.counters().malformed, [0, 0]);
    });
}

#[test]
fn a_stranger_on_a_shared_port_is_closed_and_the_log_says_what_was_tried() {
    play(async {
        let thrift = Backend::start(Wire::Thrift, "one", Manner::default()).await;
        let redis = Backend::start(Wire::Redis, "two", Manner::default()).await;
        let text = shared(&[(Wire::Thrift, &thrift), (Wire::Redis, &redis)]);
        let proxy = Process::start(&text, 1_024);
        let mut stranger = TcpStream::connect(proxy.front).await.unwrap();
        stranger
            .write_all(b"\x16\x03\x01\x02\x00\x01")
            .await
            .unwrap();
        let mut rest = Vec::new();
        // Closed, whether with an end or a reset.
        let _end = stranger.read_to_end(&mut rest).await;
        assert!(rest.is_empty());
        let line = proxy.logged(&["are of none of"]);
        assert!(line.contains("none of thrift, redis"), "{line}");
        let mut client = Client::connect(Wire::Redis, proxy.front).await;
        assert_eq!(client.call(1, "key").await.unwrap().body, b"two|key");
    });
}
