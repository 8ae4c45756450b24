//! What a description says of connections and keys, over real sockets: logins that a connection
//! takes once, requests that the proxy answers itself, farewells of clients, keys that choose instances.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::spawn_local;
use weft_proxy::Server;

use crate::play;
use crate::proxy::{address_of, config, until};

const KEYED: &str = r#"Protocol(
    name: "keyed",
    frame: [
        Length("size", U16, Rest), Int("op", U8), Id("id", U16), Int("code", U8), Str("key", U8), Body("text"),
    ],
    status: Of("code", [(0, Ok), (_, ApplicationError)]),
    connection: [When({ "op": 1 }, LoginOnce), When({ "op": 3 }, Local), When({ "op": 4 }, Quit)],
    hash_keys: ["key"],
    replies: (local: (echo: ["op"])),
)"#;

const LOGIN: u8 = 1;
const WORK: u8 = 2;
const ALIVE: u8 = 3;
const QUIT: u8 = 4;
const REFUSED: u8 = 1;

/// A frame in parts.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Said {
    op: u8,
    id: u16,
    code: u8,
    key: String,
    text: String,
}

fn said(op: u8, id: u16, key: &str, text: &str) -> Said {
    Said {
        op,
        id,
        code: 0,
        key: key.to_owned(),
        text: text.to_owned(),
    }
}

async fn say(stream: &mut TcpStream, said: &Said) {
    let mut rest = vec![said.op];
    rest.extend(said.id.to_be_bytes());
    rest.extend([said.code, u8::try_from(said.key.len()).unwrap()]);
    rest.extend(said.key.as_bytes());
    rest.extend(said.text.as_bytes());
    let mut frame = u16::try_from(rest.len()).unwrap().to_be_bytes().to_vec();
    frame.extend(rest);
    stream.write_all(&frame).await.unwrap();
}

/// Reads a frame; `None` at the end of the stream.
async fn hear(stream: &mut TcpStream) -> Option<Said> {
    let size = stream.read_u16().await.ok()?;
    let mut rest = vec![0; usize::from(size)];
    stream.read_exact(&mut rest).await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let key_end = 5 + usize::from(rest[4]);
    Some(Said {
        op: rest[0],
        id: u16::from_be_bytes([rest[1], rest[2]]),
        code: rest[3],
        key: text(&rest[5..key_end]),
        text: text(&rest[key_end..]),
    })
}

/// What a server was asked, and by which login.
type Heard = Rc<RefCell<Vec<(u8, String)>>>;

/// A server of which a connection takes one login, and works only after it. Answers its own name.
async fn serve(listener: TcpListener, name: &'static str, heard: Heard) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let heard = Rc::clone(&heard);
        spawn_local(async move {
            let mut login: Option<String> = None;
            while let Some(asked) = hear(&mut stream).await {
                let fits = (asked.op == LOGIN) != login.is_some();
                if asked.op == LOGIN {
                    login.get_or_insert_with(|| asked.text.clone());
                }
                let who = login.clone().unwrap_or_default();
                heard.borrow_mut().push((asked.op, who.clone()));
                let answer = Said {
                    code: if fits { 0 } else { REFUSED },
                    text: format!("{name} for {who}: {}", asked.text),
                    ..asked
                };
                say(&mut stream, &answer).await;
            }
        });
    }
}

/// A proxy before two servers, and what each of them is asked.
async fn two(test: &str) -> (Server, [Heard; 2]) {
    let folder = std::env::temp_dir().join(format!("weft-{test}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("keyed.ron");
    std::fs::write(&file, KEYED).unwrap();
    let heard: [Heard; 2] = Default::default();
    let mut addresses = Vec::new();
    for (name, heard) in ["one", "two"].into_iter().zip(&heard) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        addresses.push(format!("\"{}\"", listener.local_addr().unwrap()));
        spawn_local(serve(listener, name, Rc::clone(heard)));
    }
    let text = format!(
        "Proxy(
            workers: 1, admin: \"127.0.0.1:0\", protocols: [\"{}\"],
            listeners: [Listener(name: \"front\", addresses: [\"127.0.0.1:0\"], service: \"keyed\")],
            services: [Service(name: \"keyed\", protocol: \"keyed\", instances: [{}])],
        )",
        file.display(),
        addresses.join(", ")
    );
    let server = Server::start(config(&text)).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    (server, heard)
}

/// Logs a client in.
async fn client(server: &Server, who: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address_of(server, "front"))
        .await
        .unwrap();
    say(&mut stream, &said(LOGIN, 7, "", who)).await;
    let answer = hear(&mut stream).await.unwrap();
    assert_eq!((answer.id, answer.code), (7, 0), "{answer:?}");
    stream
}

#[test]
fn logins_that_a_connection_takes_once_are_never_sent_twice_on_one() {
    play(async {
        let (server, heard) = two("logins").await;
        let mut clients = Vec::new();
        // Two of each: the second finds connections that are logged in already.
        for who in ["ali", "ali", "baba", "baba"] {
            clients.push((who, client(&server, who).await));
        }
        for turn in 0..20u16 {
            for (who, stream) in &mut clients {
                let key = format!("key {turn}");
                say(stream, &said(WORK, turn, &key, "work")).await;
                let answer = hear(stream).await.unwrap();
                assert_eq!((answer.id, answer.code), (turn, 0), "{answer:?}");
                assert!(
                    answer.text.ends_with(&format!("for {who}: work")),
                    "{answer:?}"
                );
            }
        }
        let works = heard.iter().map(|heard| {
            let heard = heard.borrow();
            heard.iter().filter(|(op, _)| *op == WORK).count()
        });
        assert_eq!(works.sum::<usize>(), 80);
    });
}

#[test]
fn one_key_goes_to_one_instance_whoever_asks_and_many_keys_to_all() {
    play(async {
        let (server, _) = two("homes").await;
        let mut homes: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for who in ["ali", "baba"] {
            let mut stream = client(&server, who).await;
            for turn in 0..60u16 {
                let key = format!("key {}", turn % 30);
                say(&mut stream, &said(WORK, turn, &key, "")).await;
                let answer = hear(&mut stream).await.unwrap();
                let home = answer.text.split(' ').next().unwrap().to_owned();
                homes.entry(answer.key).or_default().insert(home);
            }
        }
        assert_eq!(homes.len(), 30);
        assert!(homes.values().all(|homes| homes.len() == 1), "{homes:?}");
        let all: BTreeSet<&String> = homes.values().flatten().collect();
        assert_eq!(all.len(), 2, "{homes:?}");
    });
}

#[test]
fn what_the_proxy_answers_itself_reaches_no_server_and_who_quits_is_closed_behind_its_answer() {
    play(async {
        let (server, heard) = two("quits").await;
        let (mut quits, mut stays) = (client(&server, "ali").await, client(&server, "ali").await);
        say(&mut stays, &said(ALIVE, 9, "", "anybody?")).await;
        assert_eq!(hear(&mut stays).await, Some(said(ALIVE, 9, "", "")));
        say(&mut quits, &said(WORK, 1, "k", "last")).await;
        say(&mut quits, &said(QUIT, 2, "", "bye")).await;
        say(&mut quits, &said(WORK, 3, "k", "too late")).await;
        let mut answers = [
            hear(&mut quits).await.unwrap(),
            hear(&mut quits).await.unwrap(),
        ];
        answers.sort_by_key(|answer| answer.id);
        assert_eq!(answers[1], said(QUIT, 2, "", ""));
        assert!(answers[0].text.ends_with("last"));
        assert_eq!(hear(&mut quits).await, None);
        say(&mut stays, &said(WORK, 4, "k", "more")).await;
        assert_eq!(hear(&mut stays).await.unwrap().id, 4);
        for heard in &heard {
            let heard = heard.borrow();
            assert!(
                heard.iter().all(|(op, _)| [LOGIN, WORK].contains(op)),
                "{heard:?}"
            );
        }
        let works: usize = heard
            .iter()
            .map(|heard| heard.borrow().iter().filter(|(op, _)| *op == WORK).count())
            .sum();
        assert_eq!(works, 2);
        let view = until(&server, "one client is left", |view| view.clients() == 1).await;
        assert_eq!(view.counters().malformed, [0, 0]);
    });
}
