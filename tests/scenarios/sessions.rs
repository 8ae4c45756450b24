//! Several sessions on one connection, as a gateway carries them: each has ids of its own, and they are the
//! same ones.

use std::collections::HashMap;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::spawn_local;
use weft_proxy::Server;

use crate::play;
use crate::proxy::{address_of, config, until};

const SESSIONS: &str = r#"Protocol(
    name: "sessions",
    frame: [Length("size", U16, Rest), Int("status", U8), Int("session", U32), Id("id", U16), Body("text")],
    status: Of("status", [(0, Ok), (_, ApplicationError)]),
    keys: ["session"],
    state: Stateless,
    replies: (error: (status: Is(9), echo: ["session"], words: "text")),
)"#;

/// Status, session, id and text.
type Frame = (u8, u32, u16, String);

async fn say(stream: &mut TcpStream, (status, session, id, text): &Frame) {
    let mut rest = vec![*status];
    rest.extend(session.to_be_bytes());
    rest.extend(id.to_be_bytes());
    rest.extend(text.as_bytes());
    let mut frame = u16::try_from(rest.len()).unwrap().to_be_bytes().to_vec();
    frame.extend(rest);
    stream.write_all(&frame).await.unwrap();
}

async fn hear(stream: &mut TcpStream) -> Option<Frame> {
    let size = stream.read_u16().await.ok()?;
    let mut rest = vec![0; usize::from(size)];
    stream.read_exact(&mut rest).await.unwrap();
    let session = u32::from_be_bytes(rest[1..5].try_into().unwrap());
    let id = u16::from_be_bytes([rest[5], rest[6]]);
    let text = String::from_utf8(rest[7..].to_vec()).unwrap();
    Some((rest[0], session, id, text))
}

/// How many requests the server takes before it answers them, the last one first.
const BATCH: usize = 30;

async fn serve(listener: TcpListener) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        spawn_local(async move {
            let mut batch = Vec::new();
            while let Some(asked) = hear(&mut stream).await {
                batch.push(asked);
                if batch.len() == BATCH {
                    for (status, session, id, text) in batch.drain(..).rev() {
                        let answer = (status, session, id, format!("{session} did {text}"));
                        say(&mut stream, &answer).await;
                    }
                }
            }
        });
    }
}

async fn proxy(test: &str, instance: &str) -> Server {
    let folder = std::env::temp_dir().join(format!("weft-{test}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("sessions.ron");
    std::fs::write(&file, SESSIONS).unwrap();
    let text = format!(
        "Proxy(
            workers: 1, admin: \"127.0.0.1:0\", protocols: [\"{}\"],
            listeners: [Listener(name: \"front\", addresses: [\"127.0.0.1:0\"], service: \"s\")],
            services: [Service(name: \"s\", protocol: \"sessions\", instances: [{instance}],
                policy: (lanes: (lanes_max: 1), queue: (no_instance_wait: \"20ms\")))],
        )",
        file.display(),
    );
    let server = Server::start(config(&text)).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    server
}

#[test]
fn sessions_that_use_the_same_ids_each_get_their_own_answers() {
    play(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let instance = format!("\"{}\"", listener.local_addr().unwrap());
        spawn_local(serve(listener));
        let server = proxy("sessions", &instance).await;
        let mut gateway = TcpStream::connect(address_of(&server, "front"))
            .await
            .unwrap();
        let (sessions, turns) = (6u32, 25u16);
        for id in 0..turns {
            for session in 0..sessions {
                let text = format!("turn {id}");
                say(&mut gateway, &(0, session, id, text)).await;
            }
        }
        let mut seen: HashMap<(u32, u16), usize> = HashMap::new();
        for _ in 0..sessions * u32::from(turns) {
            let (status, session, id, text) = hear(&mut gateway).await.unwrap();
            assert_eq!((status, text), (0, format!("{session} did turn {id}")));
            *seen.entry((session, id)).or_default() += 1;
        }
        assert_eq!(seen.len(), 150);
        assert!(seen.values().all(|times| *times == 1), "{seen:?}");
        drop(gateway);
        let view = until(&server, "the gateway is gone", |view| view.clients() == 0).await;
        assert_eq!(view.counters().answered, 150);
        assert_eq!(view.counters().unknown_answers, 0);
    });
}

#[test]
fn an_error_of_the_proxy_says_whose_request_it_refuses() {
    play(async {
        let server = proxy("sessions-refused", "").await;
        let mut gateway = TcpStream::connect(address_of(&server, "front"))
            .await
            .unwrap();
        for session in [7, 8, 9] {
            say(&mut gateway, &(0, session, 1, "anybody?".to_owned())).await;
        }
        let mut refused = Vec::new();
        for _ in 0..3 {
            let (status, session, id, text) = hear(&mut gateway).await.unwrap();
            assert_eq!((status, id), (9, 1));
            assert!(text.starts_with("weft: no instance"), "{text}");
            refused.push(session);
        }
        assert_eq!(refused, [7, 8, 9]);
    });
}
