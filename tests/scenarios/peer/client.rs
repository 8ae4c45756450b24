//! A client that checks that what it is told is the answer to what it asked.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

use super::wire::{Message, Wire};

/// What is read from, over any kind of socket.
pub(crate) type Reader = Box<dyn AsyncRead + Unpin>;
/// What is written to. Dropping it finishes sending.
pub(crate) type Writer = Box<dyn AsyncWrite + Unpin>;

/// Connects to an address as a configuration writes it, `unix:` included.
pub(crate) async fn dial(address: &str) -> (Reader, Writer) {
    if let Some(path) = address.strip_prefix("unix:") {
        let (reader, writer) = UnixStream::connect(path).await.unwrap().into_split();
        return (Box::new(reader), Box::new(writer));
    }
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (reader, writer) = stream.into_split();
    (Box::new(reader), Box::new(writer))
}

/// How calls of a client ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// With the right answer of a server.
    pub(crate) answered: usize,
    /// With an error that the proxy said.
    pub(crate) failed: usize,
}

impl Tally {
    /// Adds another client's.
    pub(crate) fn add(&mut self, other: Self) {
        self.answered += other.answered;
        self.failed += other.failed;
    }
}

/// A client connection.
pub(crate) struct Client {
    wire: Wire,
    reader: Reader,
    writer: Writer,
}

impl Client {
    /// Connects.
    pub(crate) async fn connect(wire: Wire, address: SocketAddr) -> Self {
        Self::connect_to(wire, &address.to_string()).await
    }

    /// Connects to an address as a configuration writes it.
    pub(crate) async fn connect_to(wire: Wire, address: &str) -> Self {
        let (reader, writer) = dial(address).await;
        Self {
            wire,
            reader,
            writer,
        }
    }

    /// Sends one request and reads the next message.
    ///
    /// # Errors
    /// The connection ended or broke.
    pub(crate) async fn call(&mut self, id: u32, body: &str) -> io::Result<Message> {
        self.send(id, body).await?;
        self.receive().await
    }

    /// Sends one request.
    ///
    /// # Errors
    /// The connection broke.
    pub(crate) async fn send(&mut self, id: u32, body: &str) -> io::Result<()> {
        let request = self.wire.request(id, "echo", body.as_bytes());
        self.writer.write_all(&request).await
    }

    /// Half-closes.
    pub(crate) async fn finish_sending(&mut self) {
        self.writer.shutdown().await.unwrap();
    }

    /// Reads the next message.
    ///
    /// # Errors
    /// The connection ended or broke.
    pub(crate) async fn receive(&mut self) -> io::Result<Message> {
        self.wire
            .read(&mut self.reader)
            .await?
            .ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// Calls again and again with `depth` requests in flight under the ids `1..=depth`, the same
    /// for every client, until `calls` have come to an end. Every answer must be to its request.
    pub(crate) async fn hammer(&mut self, client: usize, depth: u32, calls: usize) -> Tally {
        let mut asked: HashMap<u32, String> = HashMap::new();
        let mut tally = Tally::default();
        let mut sent = 0;
        for id in 1..=depth {
            sent += 1;
            self.ask(client, id, sent, &mut asked).await;
        }
        while let Some(answer) = {
            if asked.is_empty() {
                None
            } else {
                Some(self.receive().await.expect("the client's connection holds"))
            }
        } {
            let nonce = asked
                .remove(&answer.id)
                .unwrap_or_else(|| panic!("client {client}: nobody asked under {}", answer.id));
            if answer.is_proxy_error {
                tally.failed += 1;
            } else {
                let body = String::from_utf8(answer.body).unwrap();
                let (_, echoed) = body.split_once('|').unwrap();
                assert_eq!(echoed, nonce, "client {client} got another caller's answer");
                tally.answered += 1;
            }
            if sent < calls {
                sent += 1;
                self.ask(client, answer.id, sent, &mut asked).await;
            }
        }
        tally
    }

    async fn ask(&mut self, client: usize, id: u32, turn: usize, asked: &mut HashMap<u32, String>) {
        let nonce = format!("client {client} turn {turn} id {id}");
        self.send(id, &nonce)
            .await
            .expect("the client's connection holds");
        asked.insert(id, nonce);
    }
}
