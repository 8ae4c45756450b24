//! Operations that servers answer only if something is found, by a description, over real sockets.

use std::cell::RefCell;
use std::rc::Rc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::spawn_local;
use weft_proxy::Server;

use crate::play;
use crate::proxy::{address_of, config, until};

const CACHE: &str = r#"Protocol(
    name: "cache",
    frame: [Length("size", U16, Rest), Int("op", U8), Int("status", U8), Id("id", U16), Str("key", U8), Body("value")],
    status: Of("status", [(0, Ok), (1, Ok), (_, ApplicationError)]),
    state: Stateless, correlation: ById, order: InOrder,
    hash_keys: ["key"],
    quiet: [When({ "op": 9 }, (loud: { "op": 0 }, silent: { "status": 1 }))],
    replies: (error: (status: Is(9), echo: ["op"], words: "value")),
)"#;

const GET: u8 = 0;
const GET_QUIETLY: u8 = 9;
const FOUND: u8 = 0;
const MISSING: u8 = 1;

/// Operation, status, id, key and value.
type Frame = (u8, u8, u16, String, String);

async fn say(stream: &mut TcpStream, (op, status, id, key, value): &Frame) {
    let mut rest = vec![*op, *status];
    rest.extend(id.to_be_bytes());
    rest.push(u8::try_from(key.len()).unwrap());
    rest.extend([key.as_bytes(), value.as_bytes()].concat());
    let mut frame = u16::try_from(rest.len()).unwrap().to_be_bytes().to_vec();
    frame.extend(rest);
    stream.write_all(&frame).await.unwrap();
}

async fn hear(stream: &mut TcpStream) -> Option<Frame> {
    let size = stream.read_u16().await.ok()?;
    let mut rest = vec![0; usize::from(size)];
    stream.read_exact(&mut rest).await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let key_end = 5 + usize::from(rest[4]);
    let id = u16::from_be_bytes([rest[2], rest[3]]);
    Some((
        rest[0],
        rest[1],
        id,
        text(&rest[5..key_end]),
        text(&rest[key_end..]),
    ))
}

/// Whether the servers have this key.
fn is_there(key: &str) -> bool {
    key.len().is_multiple_of(2)
}

/// A server that notes the operations it is asked for.
async fn serve(listener: TcpListener, asked: Rc<RefCell<Vec<u8>>>) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let asked = Rc::clone(&asked);
        spawn_local(async move {
            while let Some((op, _, id, key, _)) = hear(&mut stream).await {
                asked.borrow_mut().push(op);
                let (status, value) = match is_there(&key) {
                    true => (FOUND, format!("value of {key}")),
                    false => (MISSING, String::new()),
                };
                say(&mut stream, &(op, status, id, key, value)).await;
            }
        });
    }
}

#[test]
fn quiet_gets_are_answered_by_hits_alone_before_the_loud_one_that_ends_them() {
    play(async {
        let folder = std::env::temp_dir().join(format!("weft-quiet-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("cache.ron");
        std::fs::write(&file, CACHE).unwrap();
        let asked = Rc::new(RefCell::new(Vec::new()));
        let mut addresses = Vec::new();
        for _ in 0..2 {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            addresses.push(format!("\"{}\"", listener.local_addr().unwrap()));
            spawn_local(serve(listener, Rc::clone(&asked)));
        }
        let text = format!(
            "Proxy(
                workers: 1, admin: \"127.0.0.1:0\", protocols: [\"{}\"],
                listeners: [Listener(name: \"front\", addresses: [\"127.0.0.1:0\"], service: \"cache\")],
                services: [Service(name: \"cache\", protocol: \"cache\", instances: [{}])],
            )",
            file.display(),
            addresses.join(", ")
        );
        let server = Server::start(config(&text)).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        let keys: Vec<String> = (0..40)
            .map(|n| "k".repeat(1 + n % 7) + &n.to_string())
            .collect();
        let mut clients = Vec::new();
        for _ in 0..3 {
            clients.push(
                TcpStream::connect(address_of(&server, "front"))
                    .await
                    .unwrap(),
            );
        }
        for stream in &mut clients {
            // All of them under one id, as some clients do.
            for key in &keys {
                say(stream, &(GET_QUIETLY, 0, 7, key.clone(), String::new())).await;
            }
            say(stream, &(GET, 0, 8, "odd".to_owned(), String::new())).await;
        }
        for stream in &mut clients {
            for key in keys.iter().filter(|key| is_there(key)) {
                let hit = (
                    GET_QUIETLY,
                    FOUND,
                    7,
                    key.clone(),
                    format!("value of {key}"),
                );
                assert_eq!(hear(stream).await, Some(hit));
            }
            let last = (GET, MISSING, 8, "odd".to_owned(), String::new());
            assert_eq!(hear(stream).await, Some(last));
        }
        assert_eq!(asked.borrow().len(), 3 * 41);
        assert!(asked.borrow().iter().all(|op| *op == GET));
        drop(clients);
        let view = until(&server, "the clients are gone", |view| view.clients() == 0).await;
        let counters = view.counters();
        assert_eq!((counters.accepted, counters.answered), (3 * 41, 3 * 41));
    });
}
