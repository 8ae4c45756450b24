//! What a proxy says of its own accord where the protocol has words for it: cancels to servers,
//! go-aways to clients; and a protocol whose server speaks first on a port that others share.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::spawn_local;
use weft_proxy::Server;

use crate::peer::{Backend, Client, Manner, Wire};
use crate::play;
use crate::proxy::{Process, address_of, config, simple, until};

/// A protocol that has words for everything.
const COURTEOUS: &str = r#"Protocol(
    name: "courteous",
    frame: [
        Length("size", U16, Rest),
        Enum("kind", U8, { 0: Request, 1: Answer, 2: GoAway, 3: Cancel }),
        Id("id", U16),
        Body("text"),
    ],
    state: Stateless,
    replies: (go_away: (), cancel: ()),
)"#;

/// A protocol whose server greets.
const GREETER: &str = r#"Protocol(
    name: "greeter",
    frame: [
        Magic("GR"),
        Length("size", U16, Rest),
        Enum("kind", U8, { 0: Request, 1: Answer, 2: Handshake }),
        Body("text"),
    ],
    speaks_first: Server,
)"#;

const REQUEST: u8 = 0;
const ANSWER: u8 = 1;
const GO_AWAY: u8 = 2;
const CANCEL: u8 = 3;
const GREETING: u8 = 2;

/// A description in a file of its own.
struct Described(PathBuf);

impl Described {
    fn new(name: &str, text: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("weft-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join(format!("{name}.ron"));
        std::fs::write(&file, text).unwrap();
        Self(file)
    }
}

impl Drop for Described {
    fn drop(&mut self) {
        let _gone = std::fs::remove_file(&self.0);
    }
}

/// Writes one `courteous` frame.
async fn say(stream: &mut TcpStream, kind: u8, id: u16, text: &str) {
    let mut frame = u16::try_from(3 + text.len())
        .unwrap()
        .to_be_bytes()
        .to_vec();
    frame.push(kind);
    frame.extend(id.to_be_bytes());
    frame.extend(text.as_bytes());
    stream.write_all(&frame).await.unwrap();
}

/// Reads one; `None` at the end of the stream.
async fn hear(stream: &mut TcpStream) -> Option<(u8, u16, String)> {
    let size = stream.read_u16().await.ok()?;
    let kind = stream.read_u8().await.unwrap();
    let id = stream.read_u16().await.unwrap();
    let mut text = vec![0; usize::from(size) - 3];
    stream.read_exact(&mut text).await.unwrap();
    Some((kind, id, String::from_utf8(text).unwrap()))
}

#[test]
fn a_server_is_told_when_the_client_it_works_for_leaves() {
    play(async {
        let described = Described::new("cancel", COURTEOUS);
        let protocols = format!("protocols: [\"{}\"],", Path::display(&described.0));
        let backend = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = backend.local_addr().unwrap();
        let text = simple("courteous", &[address], &protocols);
        let server = Server::start(config(&text)).unwrap();
        let front = address_of(&server, "front");
        let mut stays = TcpStream::connect(front).await.unwrap();
        say(&mut stays, REQUEST, 7, "stays").await;
        let (mut lane, _) = backend.accept().await.unwrap();
        let (_, of_who_stays, _) = hear(&mut lane).await.unwrap();
        // Another worker may serve the one that leaves, on a lane of its own.
        let mut leaves = TcpStream::connect(front).await.unwrap();
        say(&mut leaves, REQUEST, 7, "leaves").await;
        let mut other = None;
        let (kind, of_who_leaves, said) = tokio::select! {
            heard = hear(&mut lane) => heard.unwrap(),
            accepted = backend.accept() => {
                let lane = other.insert(accepted.unwrap().0);
                hear(lane).await.unwrap()
            }
        };
        assert_eq!((kind, said.as_str()), (REQUEST, "leaves"));
        // With a reset: after a mere end of its stream it might still wait for its answer.
        let now = Some(Duration::ZERO);
        socket2::SockRef::from(&leaves).set_linger(now).unwrap();
        drop(leaves);
        let told = hear(other.as_mut().unwrap_or(&mut lane)).await;
        assert_eq!(told, Some((CANCEL, of_who_leaves, String::new())));
        say(&mut lane, ANSWER, of_who_stays, "done").await;
        assert_eq!(hear(&mut stays).await, Some((ANSWER, 7, "done".to_owned())));
        let view = until(&server, "one client is left", |view| view.clients() == 1).await;
        assert_eq!(
            (view.counters().cancelled, view.counters().answered),
            (1, 1)
        );
    });
}

#[test]
fn clients_are_told_to_go_away_by_a_proxy_that_is_told_to_end_and_lose_nothing() {
    play(async {
        let described = Described::new("go-away", COURTEOUS);
        let protocols = format!("protocols: [\"{}\"],", Path::display(&described.0));
        let backend = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = backend.local_addr().unwrap();
        let mut proxy = Process::start(&simple("courteous", &[address], &protocols), 1_024);
        let mut busy = TcpStream::connect(proxy.front).await.unwrap();
        let mut idle = TcpStream::connect(proxy.front).await.unwrap();
        say(&mut busy, REQUEST, 9, "in flight").await;
        let (mut lane, _) = backend.accept().await.unwrap();
        let (_, id, _) = hear(&mut lane).await.unwrap();
        proxy.signal("TERM");
        let go_away = |heard: Option<(u8, u16, String)>| {
            assert_eq!(heard.map(|(kind, _, _)| kind), Some(GO_AWAY));
        };
        go_away(hear(&mut busy).await);
        go_away(hear(&mut idle).await);
        assert_eq!(
            hear(&mut idle).await,
            None,
            "who has nothing in flight is closed"
        );
        // Told and not answered yet: the exchange lives on, and its answer comes.
        say(&mut lane, ANSWER, id, "kept").await;
        assert_eq!(hear(&mut busy).await, Some((ANSWER, 9, "kept".to_owned())));
        assert_eq!(hear(&mut busy).await, None);
        assert_eq!(proxy.exit_code(), Some(0));
    });
}

/// Reads one `greeter` frame.
async fn hear_greeter(stream: &mut TcpStream) -> Option<(u8, String)> {
    let mut magic = [0; 2];
    stream.read_exact(&mut magic).await.ok()?;
    assert_eq!(&magic, b"GR");
    let size = stream.read_u16().await.unwrap();
    let kind = stream.read_u8().await.unwrap();
    let mut text = vec![0; usize::from(size) - 1];
    stream.read_exact(&mut text).await.unwrap();
    Some((kind, String::from_utf8(text).unwrap()))
}

async fn say_greeter(stream: &mut TcpStream, kind: u8, text: &str) {
    let mut frame = b"GR".to_vec();
    frame.extend(u16::try_from(1 + text.len()).unwrap().to_be_bytes());
    frame.push(kind);
    frame.extend(text.as_bytes());
    stream.write_all(&frame).await.unwrap();
}

/// A server that greets each connection with its number and says everything again.
async fn greet(listener: TcpListener) {
    for number in 0.. {
        let (mut stream, _) = listener.accept().await.unwrap();
        spawn_local(async move {
            say_greeter(&mut stream, GREETING, &format!("welcome {number}")).await;
            while let Some((_, text)) = hear_greeter(&mut stream).await {
                say_greeter(&mut stream, ANSWER, &format!("{number}|{text}")).await;
            }
        });
    }
}

#[test]
fn who_waits_for_a_greeting_on_a_shared_port_gets_it_and_the_others_do_not_wait() {
    play(async {
        let described = Described::new("greeter", GREETER);
        let thrift = Backend::start(Wire::Thrift, "one", Manner::default()).await;
        let greeter = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let text = format!(
            "Proxy(
                workers: 2,
                admin: \"127.0.0.1:0\",
                protocols: [\"{}\"],
                listeners: [Listener(
                    name: \"front\", addresses: [\"127.0.0.1:0\"], services: [\"calls\", \"sessions\"],
                    server_first: \"greeter\", sniff_timeout: \"150ms\",
                )],
                services: [
                    Service(name: \"calls\", protocol: \"thrift\", instances: [\"{}\"]),
                    Service(name: \"sessions\", protocol: \"greeter\", instances: [\"{}\"]),
                ],
            )",
            Path::display(&described.0),
            thrift.address(),
            greeter.local_addr().unwrap(),
        );
        let greeting = spawn_local(greet(greeter));
        let server = Server::start(config(&text)).unwrap();
        let front = address_of(&server, "front");
        let silent: Vec<_> = (0..6)
            .map(|client| {
                spawn_local(async move {
                    let mut stream = TcpStream::connect(front).await.unwrap();
                    let began = std::time::Instant::now();
                    let (kind, text) = hear_greeter(&mut stream).await.unwrap();
                    assert!(began.elapsed() >= Duration::from_millis(150));
                    assert_eq!(kind, GREETING);
                    let mine = text.strip_prefix("welcome ").unwrap().to_owned();
                    for turn in 0..50 {
                        let said = format!("client {client} turn {turn}");
                        say_greeter(&mut stream, REQUEST, &said).await;
                        let answer = hear_greeter(&mut stream).await.unwrap();
                        assert_eq!(answer, (ANSWER, format!("{mine}|{said}")));
                    }
                    mine
                })
            })
            .collect();
        let mut quick = Client::connect(Wire::Thrift, front).await;
        let began = std::time::Instant::now();
        assert_eq!(quick.call(1, "now").await.unwrap().body, b"one|now");
        assert!(
            began.elapsed() < Duration::from_millis(150),
            "it did not wait for silence"
        );
        let mut connections = Vec::new();
        for client in silent {
            connections.push(client.await.unwrap());
        }
        connections.sort();
        connections.dedup();
        assert_eq!(connections.len(), 6, "each has a connection of its own");
        drop(quick);
        let view = until(&server, "the clients are gone", |view| view.clients() == 0).await;
        assert_eq!(view.counters().answered, 6 * 50 + 1);
        assert_eq!(view.counters().malformed, [0, 0]);
        greeting.abort();
    });
}
