//! A codec that panics takes down the connection whose bytes it read, and nothing else.

use std::sync::Arc;

use weft_codec::{
    Asked, CannotSay, Codec, EmitError, Field, Head, Limits, Malformed, Rewrite, Say, ScanState,
    Scanned, Side, Sniff, Traits, Value, Verdict,
};
use weft_proxy::Server;
use weft_proxy::config::Config;

use crate::peer::{Backend, Client, Manner, Wire};
use crate::play;
use crate::proxy::{address_of, config, simple, until};

/// A request with this in it makes the codec panic while it looks for frames.
const POISON: &str = "poison";
/// And this one later, when the engine works on a frame.
const VENOM: &str = "venom";

/// Another codec, but for the poison.
#[derive(Debug)]
struct Fragile(Arc<dyn Codec>);

impl Codec for Fragile {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn traits(&self) -> &Traits {
        self.0.traits()
    }

    fn sniff(&self, prefix: &[u8]) -> Sniff {
        self.0.sniff(prefix)
    }

    fn scan(
        &self,
        side: Side,
        limits: &Limits,
        state: &mut ScanState,
        bytes: &[u8],
        heads: &mut Vec<Head>,
    ) -> Result<Scanned, Malformed> {
        let poisoned = bytes.windows(POISON.len()).any(|w| w == POISON.as_bytes());
        assert!(!poisoned, "the codec met the poison");
        self.0.scan(side, limits, state, bytes, heads)
    }

    fn remember(&self, head: &Head, frame: &[u8], asked: &mut Asked) {
        let poisoned = frame.windows(VENOM.len()).any(|w| w == VENOM.as_bytes());
        assert!(!poisoned, "the codec met the venom");
        self.0.remember(head, frame, asked);
    }

    fn field<'a>(
        &self,
        side: Side,
        head: &Head,
        frame: &'a [u8],
        field: Field<'_>,
    ) -> Option<Value<'a>> {
        self.0.field(side, head, frame, field)
    }

    fn classify(&self, head: &Head, frame: &[u8]) -> Verdict {
        self.0.classify(head, frame)
    }

    fn emit(
        &self,
        side: Side,
        head: &Head,
        frame: &[u8],
        rewrite: &Rewrite<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), EmitError> {
        self.0.emit(side, head, frame, rewrite, out)
    }

    fn say(&self, what: &Say<'_>, out: &mut Vec<u8>) -> Result<(), CannotSay> {
        self.0.say(what, out)
    }
}

/// The configuration with its codecs made fragile.
fn fragile(mut config: Config) -> Config {
    for protocol in config.codecs.values_mut() {
        protocol.codec = Arc::new(Fragile(Arc::clone(&protocol.codec)));
    }
    config
}

#[test]
fn a_panic_over_strange_bytes_closes_that_connection_alone() {
    attack(POISON);
}

#[test]
fn a_panic_while_a_frame_is_handled_closes_that_connection_alone() {
    attack(VENOM);
}

/// Two clients on two workers, and one whose request makes the codec panic: the two notice
/// nothing, and no worker begins anew.
fn attack(word: &'static str) {
    play(async {
        let backend = Backend::start(Wire::Thrift, "one", Manner::default()).await;
        let text = simple("thrift", &[backend.address()], "");
        let server = Server::start(fragile(config(&text))).unwrap();
        let front = address_of(&server, "front");
        // One client on each of the two workers.
        let mut clients = Vec::new();
        for _ in 0..2 {
            let mut client = Client::connect(Wire::Thrift, front).await;
            client.call(1, "before").await.unwrap();
            clients.push(client);
        }
        let mut attacker = Client::connect(Wire::Thrift, front).await;
        attacker.send(1, word).await.unwrap();
        assert!(
            attacker.receive().await.is_err(),
            "whose bytes did it is closed"
        );
        for client in &mut clients {
            let answer = client.call(2, "after").await.unwrap();
            assert_eq!(answer.body, b"one|after");
        }
        for turn in 0..8 {
            let mut newcomer = Client::connect(Wire::Thrift, front).await;
            let body = format!("turn {turn}");
            let answer = newcomer.call(1, &body).await.unwrap();
            assert_eq!(answer.body, format!("one|{body}").as_bytes());
        }
        drop(clients);
        let view = until(&server, "everybody is gone and no socket is left", |view| {
            view.workers.len() == 2 && view.clients() == 0 && view.sockets == view.lanes()
        })
        .await;
        assert_eq!(view.shell().panics, 0, "no worker began anew");
        assert_eq!(view.counters().codec_panics, 1);
    });
}
