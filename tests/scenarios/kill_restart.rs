//! Backends die and come back under load while all clients use the same ids.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use tokio::task::spawn_local;
use weft_proxy::Server;

use crate::peer::{Backend, Client, Manner, Tally, Wire};
use crate::play;
use crate::proxy::{address_of, config, simple, sockets_in_state, until};

/// Kills and restarts three backends in turn under load; what clients saw, and that in the end
/// nothing is left.
fn ordeal(policy: &str) -> Tally {
    let result = Rc::new(Cell::new(Tally::default()));
    let seen = Rc::clone(&result);
    let policy = policy.to_owned();
    play(async move {
        let manner = Manner {
            shuffle: true,
            ..Manner::default()
        };
        let mut backends = Vec::new();
        for name in ["one", "two", "three"] {
            backends.push(Backend::start(Wire::Thrift, name, manner).await);
        }
        let addresses: Vec<_> = backends.iter().map(Backend::address).collect();
        let text = simple("thrift", &addresses, &format!("policy: Policy({policy}),"));
        let server = Server::start(config(&text)).unwrap();
        let front = address_of(&server, "front");
        let left = Rc::new(Cell::new(24_usize));
        let clients: Vec<_> = (0..24)
            .map(|number| {
                let left = Rc::clone(&left);
                spawn_local(async move {
                    let mut client = Client::connect(Wire::Thrift, front).await;
                    let tally = client.hammer(number, 4, 1_000).await;
                    left.set(left.get() - 1);
                    tally
                })
            })
            .collect();
        let mut kills = 0;
        while left.get() > 0 {
            let victim = &backends[kills % backends.len()];
            victim.kill();
            tokio::time::sleep(Duration::from_millis(40)).await;
            victim.restart().await;
            tokio::time::sleep(Duration::from_millis(40)).await;
            kills += 1;
        }
        let mut total = Tally::default();
        for client in clients {
            total.add(client.await.unwrap());
        }
        assert!(kills > 3, "the load outlasted {kills} kills");
        assert_eq!(total.answered + total.failed, 24_000, "one end per request");
        let view = until(&server, "nothing is in flight", |view| {
            view.clients() == 0 && view.exchanges() == 0
        })
        .await;
        let counters = view.counters();
        let failed: u64 = counters.failed.iter().chain(&counters.shed).sum();
        assert_eq!(counters.accepted, 24_000);
        assert_eq!(counters.answered + failed, 24_000);
        assert_eq!(counters.unknown_answers, 0);
        nothing_left(&server, &backends).await;
        seen.set(total);
    });
    result.get()
}

/// Without servers no lane can be left, and no socket on either side.
async fn nothing_left(server: &Server, backends: &[Backend]) {
    for backend in backends {
        backend.kill();
    }
    until(server, "no lane is left", |view| view.lanes() == 0).await;
    let mut ports = vec![address_of(server, "front").port()];
    ports.extend(backends.iter().map(|backend| backend.address().port()));
    for port in ports {
        assert_eq!(sockets_in_state(port, "01"), 0, "established at {port}");
        assert_eq!(sockets_in_state(port, "08"), 0, "half-dead at {port}");
    }
}

#[test]
fn no_idempotent_request_fails_while_backends_are_killed_and_restarted() {
    let total = ordeal(
        "idempotent: [\"*\"], retry: Retry(retries_max: 5, budget_ratio: 1.0, budget_floor_per_second: 1000)",
    );
    assert_eq!((total.answered, total.failed), (24_000, 0));
}

#[test]
fn what_must_not_be_sent_twice_fails_with_an_error_and_never_with_a_wrong_answer() {
    let total = ordeal("idempotent: []");
    assert!(total.answered > 12_000, "{total:?}");
}

#[test]
fn requests_that_wait_for_lanes_to_a_dead_server_do_not_storm_it() {
    play(async move {
        let backend = Backend::start(Wire::Thrift, "dead", Manner::default()).await;
        backend.kill();
        // One lane for each request: all of them are opened at once, and all are refused.
        let text = simple(
            "thrift",
            &[backend.address()],
            "policy: Policy(lanes: Lanes(depth: 1)),",
        );
        let server = Server::start(config(&text)).unwrap();
        let mut client = Client::connect(Wire::Thrift, address_of(&server, "front")).await;
        for id in 1..=8 {
            client.send(id, "anyone?").await.unwrap();
        }
        for _ in 1..=8 {
            assert!(client.receive().await.unwrap().is_proxy_error);
        }
        // Eight lanes, and a probe about every tenth of the second that the requests may wait.
        let failed = server.view().counters().connects_failed;
        assert!((1..=60).contains(&failed), "{failed} connects");
    });
}
