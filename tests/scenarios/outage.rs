//! S15: the network drops a server silently. Needs root and `ip`, for a network namespace in
//! which the server stands; elsewhere the scenarios say that they are skipped.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use weft_proxy::Server;

use crate::peer::{Backend, Client, Manner, Wire};
use crate::play;
use crate::proxy::{address_of, config, simple, until};

/// A namespace with one link to this one.
struct Island {
    name: String,
    net: u8,
}

impl Island {
    /// `None`, with the reason told, where it cannot be had.
    fn new(net: u8) -> Option<Self> {
        let island = Self {
            name: format!("weft-{}-{net}", std::process::id()),
            net,
        };
        let (name, near, far) = (&island.name, island.near_link(), island.far_link());
        let steps = [
            format!("netns add {name}"),
            format!("link add {near} type veth peer name {far} netns {name}"),
            format!("addr add 10.213.{net}.1/24 dev {near}"),
            format!("link set {near} up"),
            format!("-n {name} addr add 10.213.{net}.2/24 dev {far}"),
            format!("-n {name} link set {far} up"),
        ];
        for step in &steps {
            if !ip(step) {
                println!("skipped: `ip {step}` is not possible here");
                return None;
            }
        }
        Some(island)
    }

    fn near_link(&self) -> String {
        format!("wn{}-{}", std::process::id() % 100_000, self.net)
    }

    fn far_link(&self) -> String {
        format!("wf{}-{}", std::process::id() % 100_000, self.net)
    }

    /// A server there that echoes bytes, which is an answer to itself for raw clients.
    fn echo(&self) -> SocketAddr {
        let namespace = File::open(format!("/run/netns/{}", self.name)).unwrap();
        let address = SocketAddr::from(([10, 213, self.net, 2], 0));
        let (sender, receiver) = channel();
        std::thread::spawn(move || {
            move_into_link_name_space(
                std::os::fd::AsFd::as_fd(&namespace),
                Some(LinkNameSpaceType::Network),
            )
            .unwrap();
            let listener = TcpListener::bind(address).unwrap();
            sender.send(listener.local_addr().unwrap()).unwrap();
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                std::thread::spawn(move || {
                    let mut buffer = [0; 4_096];
                    while let Ok(n) = stream.read(&mut buffer)
                        && n > 0
                    {
                        // Turns a call into a reply, both of binary Thrift.
                        buffer[7] = 2;
                        if stream.write_all(&buffer[..n]).is_err() {
                            return;
                        }
                    }
                });
            }
        });
        receiver.recv().unwrap()
    }

    /// Nothing comes back from there any more, and nobody is told.
    fn drown(&self) {
        assert!(ip(&format!(
            "-n {} route add blackhole 10.213.{}.1/32",
            self.name, self.net
        )));
    }
}

impl Drop for Island {
    fn drop(&mut self) {
        // Takes both ends of the link along.
        let _gone = ip(&format!("link del {}", self.near_link()));
        let _gone = ip(&format!("netns del {}", self.name));
    }
}

fn ip(arguments: &str) -> bool {
    Command::new("ip")
        .args(arguments.split(' '))
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

#[test]
fn a_busy_lane_to_a_server_that_the_network_swallowed_is_out_in_five_seconds() {
    let Some(island) = Island::new(1) else { return };
    play(async move {
        let drowned = island.echo();
        let alive = Backend::start(Wire::Thrift, "alive", Manner::default()).await;
        let text = simple("thrift", &[drowned], "");
        let server = Server::start(config(&text)).unwrap();
        let mut client = Client::connect(Wire::Thrift, address_of(&server, "front")).await;
        assert_eq!(client.call(1, "hello").await.unwrap().body, b"hello");
        island.drown();
        let began = Instant::now();
        client.send(2, "into the void").await.unwrap();
        until(&server, "the lane is out", |view| {
            view.lanes() == 0 || view.counters().retries > 0
        })
        .await;
        let took = began.elapsed();
        assert!(took < Duration::from_secs(8), "out after {took:?}");
        server
            .reload(config(&simple("thrift", &[alive.address()], "")))
            .unwrap();
        let answer = client.receive().await.unwrap();
        assert!(answer.is_proxy_error && answer.id == 2);
        assert_eq!(client.call(3, "again").await.unwrap().body, b"alive|again");
    });
}

#[test]
fn an_idle_lane_is_out_when_its_keepalive_probes_are_not_answered() {
    let Some(island) = Island::new(2) else { return };
    play(async move {
        let drowned = island.echo();
        // The default, 15 s and three probes 5 s apart, makes 30 s; scaled down to 4 s.
        let more = "sockets: Sockets(keepalive_idle: \"1s\", keepalive_interval: \"1s\", keepalive_probes: 3),";
        let server = Server::start(config(&simple("thrift", &[drowned], more))).unwrap();
        let mut client = Client::connect(Wire::Thrift, address_of(&server, "front")).await;
        assert_eq!(client.call(1, "hello").await.unwrap().body, b"hello");
        island.drown();
        let began = Instant::now();
        until(&server, "the lane is out", |view| view.lanes() == 0).await;
        let took = began.elapsed();
        assert!(took < Duration::from_secs(8), "out after {took:?}");
    });
}
