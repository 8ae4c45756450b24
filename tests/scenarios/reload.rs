//! A new configuration takes over without anybody noticing; a wrong one does not.

use std::cell::Cell;
use std::rc::Rc;

use tokio::task::spawn_local;
use weft_proxy::Server;

use crate::peer::{Backend, Client, Manner, Tally, Wire};
use crate::play;
use crate::proxy::{Process, address_of, config, get, simple, until};

#[test]
fn reloads_under_traffic_lose_no_connection_and_no_request() {
    play(async {
        let manner = Manner {
            shuffle: true,
            ..Manner::default()
        };
        let one = Backend::start(Wire::Thrift, "one", manner).await;
        let two = Backend::start(Wire::Thrift, "two", manner).await;
        let with = |backends: &[_]| config(&simple("thrift", backends, ""));
        let server = Server::start(with(&[one.address()])).unwrap();
        let front = address_of(&server, "front");
        let left = Rc::new(Cell::new(8_usize));
        let clients: Vec<_> = (0..8)
            .map(|number| {
                let left = Rc::clone(&left);
                spawn_local(async move {
                    let mut client = Client::connect(Wire::Thrift, front).await;
                    let tally = client.hammer(number, 4, 1_500).await;
                    left.set(left.get() - 1);
                    tally
                })
            })
            .collect();
        let mut reloads = 0;
        while left.get() > 0 {
            let backends = match reloads % 3 {
                0 => vec![one.address(), two.address()],
                1 => vec![two.address()],
                _ => vec![one.address()],
            };
            server.reload(with(&backends)).unwrap();
            reloads += 1;
            assert_eq!(address_of(&server, "front"), front);
            tokio::time::sleep(std::time::Duration::from_millis(30)).await;
        }
        let mut total = Tally::default();
        for client in clients {
            total.add(client.await.unwrap());
        }
        assert_eq!((total.answered, total.failed), (8 * 1_500, 0));
        assert!(reloads > 3, "the traffic outlasted {reloads} reloads");
        assert!(two.served() > 0);
        let view = until(&server, "the clients are gone", |view| view.clients() == 0).await;
        assert_eq!(view.counters().clients_accepted, 8);
    });
}

#[test]
fn a_listener_comes_and_another_goes_while_its_client_finishes() {
    play(async {
        let backend = Backend::start(Wire::Thrift, "one", Manner::default()).await;
        let old = simple("thrift", &[backend.address()], "");
        let server = Server::start(config(&old)).unwrap();
        let front = address_of(&server, "front");
        let mut client = Client::connect(Wire::Thrift, front).await;
        client.call(1, "before").await.unwrap();
        server
            .reload(config(&old.replace("front", "other")))
            .unwrap();
        assert_eq!(client.call(2, "after").await.unwrap().body, b"one|after");
        let mut newcomer = Client::connect(Wire::Thrift, address_of(&server, "other")).await;
        assert_eq!(newcomer.call(1, "new").await.unwrap().body, b"one|new");
        assert!(
            server
                .addresses()
                .iter()
                .all(|bound| bound.listener != "front")
        );
        until(&server, "the new state is everywhere", |view| {
            view.workers
                .iter()
                .all(|worker| worker.engine.state_version == 2)
        })
        .await;
        let refused = std::net::TcpStream::connect(front);
        assert_eq!(
            refused.unwrap_err().kind(),
            std::io::ErrorKind::ConnectionRefused
        );
    });
}

#[test]
fn an_address_that_cannot_be_had_leaves_everything_as_it_was() {
    play(async {
        let backend = Backend::start(Wire::Thrift, "one", Manner::default()).await;
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let old = simple("thrift", &[backend.address()], "");
        let server = Server::start(config(&old)).unwrap();
        let mut client = Client::connect(Wire::Thrift, address_of(&server, "front")).await;
        client.call(1, "before").await.unwrap();
        let wanted = format!("\"127.0.0.1:0\", \"{}\"]", taken.local_addr().unwrap());
        let new = old.replace("\"127.0.0.1:0\"]", &wanted);
        let error = server.reload(config(&new)).unwrap_err().to_string();
        assert!(
            error.contains("front") && error.contains("in use"),
            "{error}"
        );
        assert_eq!(client.call(2, "after").await.unwrap().body, b"one|after");
        let (_, shown) = get(server.admin_address().unwrap(), "/config");
        let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(shown["version"], 1);
        assert_eq!(shown["last_reload"]["in_force"], false);
    });
}

#[test]
fn sighup_takes_a_good_file_and_refuses_a_bad_one_aloud() {
    play(async {
        let one = Backend::start(Wire::Thrift, "one", Manner::default()).await;
        let two = Backend::start(Wire::Thrift, "two", Manner::default()).await;
        let proxy = Process::start(&simple("thrift", &[one.address()], ""), 1_024);
        let mut client = Client::connect(Wire::Thrift, proxy.front).await;
        assert_eq!(client.call(1, "a").await.unwrap().body, b"one|a");

        proxy.rewrite(&simple("thrift", &[one.address()], "listners: []"));
        proxy.signal("HUP");
        proxy.logged(&["reload refused"]);
        let complaint = proxy.logged(&["listners"]);
        assert!(complaint.contains(".ron:"), "names the place: {complaint}");
        let (_, shown) = get(proxy.admin, "/config");
        assert!(shown.contains("listners"), "{shown}");
        assert_eq!(client.call(1, "b").await.unwrap().body, b"one|b");

        proxy.rewrite(&simple("thrift", &[two.address()], ""));
        proxy.signal("HUP");
        proxy.logged(&["reloaded"]);
        let began = std::time::Instant::now();
        while client.call(1, "c").await.unwrap().body != b"two|c" {
            assert!(began.elapsed() < crate::proxy::PATIENCE);
        }
    });
}
