//! The process ends when it is told to, and nobody loses what was promised.

use std::time::Duration;

use weft_proxy::Server;

use crate::peer::{Backend, Client, Manner, Wire};
use crate::play;
use crate::proxy::{PATIENCE, Process, address_of, config, simple, until};

#[test]
fn a_drain_finishes_what_is_in_flight_takes_nobody_new_and_then_ends() {
    play(async {
        let manner = Manner {
            delay: Duration::from_millis(300),
            ..Manner::default()
        };
        let backend = Backend::start(Wire::Thrift, "slow", manner).await;
        let server = Server::start(config(&simple("thrift", &[backend.address()], ""))).unwrap();
        let front = address_of(&server, "front");
        let mut busy = Client::connect(Wire::Thrift, front).await;
        let mut idle = Client::connect(Wire::Thrift, front).await;
        busy.send(5, "in flight").await.unwrap();
        until(&server, "the request is in flight", |view| {
            view.exchanges() == 1 && view.clients() == 2
        })
        .await;
        server.drain(Duration::from_secs(10));
        assert_eq!(busy.receive().await.unwrap().body, b"slow|in flight");
        assert!(idle.receive().await.is_err(), "an idle client is closed");
        assert!(server.wait(PATIENCE), "the workers end");
        assert!(std::net::TcpStream::connect(front).is_err());
    });
}

#[test]
fn a_drain_does_not_wait_longer_than_its_grace() {
    play(async {
        let manner = Manner {
            silent: true,
            ..Manner::default()
        };
        let backend = Backend::start(Wire::Thrift, "silent", manner).await;
        let server = Server::start(config(&simple("thrift", &[backend.address()], ""))).unwrap();
        let mut client = Client::connect(Wire::Thrift, address_of(&server, "front")).await;
        client.send(5, "never answered").await.unwrap();
        until(&server, "the request is in flight", |view| {
            view.exchanges() == 1
        })
        .await;
        let began = std::time::Instant::now();
        server.drain(Duration::from_millis(200));
        assert!(server.wait(PATIENCE));
        assert!(began.elapsed() < Duration::from_secs(5));
    });
}

#[test]
fn a_signal_that_asks_for_nothing_ends_nothing() {
    play(async {
        let backend = Backend::start(Wire::Thrift, "one", Manner::default()).await;
        let proxy = Process::start(&simple("thrift", &[backend.address()], ""), 1_024);
        let mut client = Client::connect(Wire::Thrift, proxy.front).await;
        for name in ["USR1", "USR2"] {
            proxy.signal(name);
            proxy.logged(&["ask for nothing here"]);
            assert_eq!(client.call(1, "hello").await.unwrap().body, b"one|hello");
        }
    });
}

#[test]
fn sigterm_drains_and_exits_with_zero() {
    play(async {
        let backend = Backend::start(Wire::Thrift, "one", Manner::default()).await;
        let mut proxy = Process::start(&simple("thrift", &[backend.address()], ""), 1_024);
        let mut client = Client::connect(Wire::Thrift, proxy.front).await;
        client.call(1, "hello").await.unwrap();
        proxy.signal("TERM");
        assert!(client.receive().await.is_err());
        assert_eq!(proxy.exit_code(), Some(0));
    });
}

#[test]
fn a_second_sigterm_ends_at_once() {
    play(async {
        let manner = Manner {
            silent: true,
            ..Manner::default()
        };
        let backend = Backend::start(Wire::Thrift, "silent", manner).await;
        let mut proxy = Process::start(&simple("thrift", &[backend.address()], ""), 1_024);
        let mut client = Client::connect(Wire::Thrift, proxy.front).await;
        client.send(1, "never answered").await.unwrap();
        proxy.signal("TERM");
        proxy.logged(&["draining"]);
        proxy.signal("TERM");
        assert_eq!(proxy.exit_code(), Some(143));
    });
}

#[test]
fn a_wrong_file_exits_with_two() {
    let file = std::env::temp_dir().join(format!("weft-wrong-{}.ron", std::process::id()));
    std::fs::write(&file, "Proxy(listners: [])").unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_weft-under-test"))
        .arg(&file)
        .output()
        .unwrap();
    std::fs::remove_file(&file).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("listners"));
}
