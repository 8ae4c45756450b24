//! S18 and S19: bytes that no well-meaning peer sends, on every kind of framed listener.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::peer::{Backend, Client, Manner, Wire};
use crate::play;
use crate::proxy::{PATIENCE, Process, counter, simple};

/// What comes to a port that faces the world, by name.
fn attacks() -> Vec<(&'static str, Vec<u8>)> {
    let noise: Vec<u8> = (0..4_096_u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    let mut tls = vec![0x16, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3];
    tls.extend([0x5A; 508]);
    vec![
        ("noise", noise),
        (
            "http",
            b"GET / HTTP/1.1\r\nHost: example\r\nAccept: */*\r\n\r\n".to_vec(),
        ),
        ("tls", tls),
        (
            "a length of 4 GiB",
            [vec![0xFF; 4], vec![0x80, 1, 0, 1], vec![0; 64]].concat(),
        ),
        (
            "an acme size of 4 GiB",
            [
                b"AC\x01\0\0\0\0\0\0\x01\0\0\0\0".to_vec(),
                vec![0xFF; 4],
                vec![0; 64],
            ]
            .concat(),
        ),
        (
            "a thrift name of 2 GiB",
            [
                vec![0, 0, 1, 0, 0x80, 1, 0, 1, 0x7F, 0xFF, 0xFF, 0xFF],
                vec![b'x'; 244],
            ]
            .concat(),
        ),
    ]
}

/// Sends everything and waits until the proxy closes the connection.
async fn closed_after(address: SocketAddr, bytes: &[u8]) -> bool {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The proxy may close before it has read everything.
    let _cut = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let end = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    end.is_ok() && answer.len() < 1_024
}

fn hostile_bytes_are_closed_and_told(wire: Wire) {
    play(async move {
        let backend = Backend::start(wire, "one", Manner::default()).await;
        let proxy = Process::start(
            &simple(
                wire.protocol(),
                &[backend.address()],
                "limits: Limits(head_timeout: \"1s\", frame_stall_timeout: \"1s\"),",
            ),
            4_096,
        );
        let mut good = Client::connect(wire, proxy.front).await;
        good.call(1, "before").await.unwrap();
        for (name, bytes) in attacks() {
            let closed = closed_after(proxy.front, &bytes).await;
            assert!(closed, "{name} on a {} port is closed", wire.protocol());
            assert_eq!(
                good.call(1, name).await.unwrap().body,
                format!("one|{name}").as_bytes()
            );
        }
        // One line names the peer.
        proxy.logged(&["peer=\"127.0.0.1:"]);
        let told = counter(proxy.admin, "complaints_total");
        assert!(told >= 4, "{told} complaints");
        assert_eq!(
            backend.served(),
            1 + attacks().len(),
            "nothing hostile went upstream"
        );
    });
}

#[test]
fn hostile_bytes_on_a_thrift_port_close_their_connection_and_no_other() {
    hostile_bytes_are_closed_and_told(Wire::Thrift);
}

#[test]
fn hostile_bytes_on_an_acme_port_close_their_connection_and_no_other() {
    hostile_bytes_are_closed_and_told(Wire::Acme);
}

#[test]
fn a_flood_of_garbage_fills_neither_the_log_nor_the_memory() {
    play(async {
        let backend = Backend::start(Wire::Thrift, "one", Manner::default()).await;
        let proxy = Process::start(&simple("thrift", &[backend.address()], ""), 4_096);
        closed_after(proxy.front, b"GET / HTTP/1.1\r\n\r\n").await;
        let before = proxy.resident_bytes();
        for _ in 0..500 {
            assert!(closed_after(proxy.front, b"GET / HTTP/1.1\r\n\r\n").await);
        }
        assert!(counter(proxy.admin, "complaints_suppressed_total") > 0);
        let grown = proxy.resident_bytes().saturating_sub(before);
        assert!(grown < 4 << 20, "{grown} bytes");
    });
}

#[test]
fn one_byte_per_second_from_many_connections_ends_at_the_head_timeout_with_memory_flat() {
    play(async {
        let backend = Backend::start(Wire::Thrift, "one", Manner::default()).await;
        let proxy = Process::start(
            &simple(
                "thrift",
                &[backend.address()],
                "limits: Limits(head_timeout: \"3s\"),",
            ),
            4_096,
        );
        let mut good = Client::connect(Wire::Thrift, proxy.front).await;
        good.call(1, "before").await.unwrap();
        let before = proxy.resident_bytes();
        let request = Wire::Thrift.request(1, "echo", b"slow");
        let mut slow = Vec::new();
        for _ in 0..1_000 {
            slow.push(TcpStream::connect(proxy.front).await.unwrap());
        }
        for byte in request.iter().take(3) {
            for stream in &mut slow {
                stream.write_all(&[*byte]).await.unwrap();
            }
            assert_eq!(
                good.call(1, "meanwhile").await.unwrap().body,
                b"one|meanwhile"
            );
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        let each = proxy.resident_bytes().saturating_sub(before) / slow.len();
        assert!(each < 4 << 10, "{each} bytes for each slow client");
        for stream in &mut slow {
            let mut rest = Vec::new();
            let end = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut rest)).await;
            assert!(end.is_ok(), "a slow client is closed");
        }
        assert_eq!(good.call(1, "after").await.unwrap().body, b"one|after");
    });
}
