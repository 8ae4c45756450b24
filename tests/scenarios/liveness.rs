//! A server that hangs without a word while its connection stands.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::spawn_local;
use weft_proxy::Server;

use crate::peer::{Backend, Client, Manner, Wire};
use crate::play;
use crate::proxy::{address_of, config, simple, until};

/// An acme server that answers pings while it holds every request, until it hangs.
#[derive(Default)]
struct Holder {
    requests: Cell<usize>,
    pongs: Cell<usize>,
    hangs: Cell<bool>,
}

impl Holder {
    async fn start() -> (Rc<Self>, SocketAddr) {
        let holder = Rc::new(Self::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = Rc::clone(&holder);
        spawn_local(async move {
            while let Ok((stream, _)) = listener.accept().await {
                spawn_local(Rc::clone(&serving).serve(stream));
            }
        });
        (holder, address)
    }

    /// Ends with the connection; a server that hangs reads on, as its kernel would.
    async fn serve(self: Rc<Self>, mut stream: TcpStream) {
        loop {
            // Fixed part: `AC 1`, kind, status, id, time limit, bytes that follow.
            let mut frame = vec![0; 18];
            if stream.read_exact(&mut frame).await.is_err() {
                return;
            }
            let rest = u32::from_be_bytes([frame[14], frame[15], frame[16], frame[17]]);
            frame.resize(18 + usize::try_from(rest).unwrap(), 0);
            if stream.read_exact(&mut frame[18..]).await.is_err() {
                return;
            }
            if self.hangs.get() {
                continue;
            }
            match frame[3] {
                3 => {
                    frame[3] = 4;
                    stream.write_all(&frame).await.unwrap();
                    self.pongs.set(self.pongs.get() + 1);
                }
                _ => self.requests.set(self.requests.get() + 1),
            }
        }
    }
}

#[test]
fn a_server_that_answered_pings_and_then_hangs_loses_its_lane_and_its_work_is_done_elsewhere() {
    play(async {
        let (holder, hanging) = Holder::start().await;
        let alive = Backend::start(Wire::Acme, "alive", Manner::default()).await;
        let policy = "policy: Policy(idempotent: [\"*\"], \
                      lanes: Lanes(ping_after: \"200ms\", ping_timeout: \"1s\")),";
        let server = Server::start(config(&simple("acme", &[hanging], policy))).unwrap();
        let mut client = Client::connect(Wire::Acme, address_of(&server, "front")).await;
        client.send(7, "held").await.unwrap();
        until(&server, "it ponged while it held the request", |_| {
            holder.requests.get() == 1 && holder.pongs.get() >= 2
        })
        .await;
        assert_eq!(server.view().counters().retries, 0, "it may take its time");
        server
            .reload(config(&simple("acme", &[hanging, alive.address()], policy)))
            .unwrap();
        holder.hangs.set(true);
        let began = Instant::now();
        let answer = client.receive().await.unwrap();
        assert!(
            began.elapsed() < Duration::from_secs(5),
            "far from its deadline of 30 s"
        );
        assert_eq!((answer.id, answer.is_proxy_error), (7, false));
        assert_eq!(answer.body, b"alive|held");
        let counters = server.view().counters();
        assert_eq!((counters.retries, counters.answered), (1, 1));
    });
}
