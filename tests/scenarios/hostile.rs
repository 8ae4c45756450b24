//! S18 and S19: bytes that no well-meaning peer sends, on every kind of listener.
//!
//! One proxy listens for several protocols over TCP and over a Unix socket; each kind of attack
//! goes to each of them, while a good client of each is served. What is of no protocol at all also
//! goes to every built-in one.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::peer::{Backend, Client, Manner, Reader, Wire, Writer, dial};
use crate::play;
use crate::proxy::{PATIENCE, Process, counter, get};

/// The protocols that have a good client and server here.
const WIRES: [Wire; 4] = [Wire::Thrift, Wire::Acme, Wire::LengthId, Wire::Redis];

/// What any one hostile client may make the proxy hold.
const HELD_BYTES_MAX: usize = 64 << 10;

/// A proxy with a listener for each protocol, each over TCP and a Unix socket.
struct Fortress {
    proxy: Process,
    backends: Vec<Backend>,
    /// Protocol and address.
    gates: Vec<(Wire, String)>,
}

impl Drop for Fortress {
    fn drop(&mut self) {
        for (_, address) in &self.gates {
            if let Some(path) = address.strip_prefix("unix:") {
                // The proxy is killed, and cannot take it away itself.
                let _gone = std::fs::remove_file(path);
            }
        }
    }
}

impl Fortress {
    /// `name` tells its sockets from those of other tests; `limits` is a `Limits(…)`'s inside.
    async fn start(name: &str, limits: &str) -> Self {
        let mut backends = Vec::new();
        let (mut listeners, mut services) = (String::new(), String::new());
        for wire in WIRES {
            let backend = Backend::start(wire, "one", Manner::default()).await;
            let protocol = wire.protocol();
            // One of them must be called `front`.
            let listener = if wire == WIRES[0] { "front" } else { protocol };
            let path = std::env::temp_dir().join(format!(
                "weft-{name}-{}-{protocol}.sock",
                std::process::id()
            ));
            listeners += &format!(
                "Listener(name: \"{listener}\", addresses: [\"127.0.0.1:0\", \"unix:{}\"], service: \"{protocol}\"),",
                path.display()
            );
            services += &format!(
                "Service(name: \"{protocol}\", protocol: \"{protocol}\", instances: [\"{}\"]),",
                backend.address()
            );
            backends.push(backend);
        }
        let root = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../protocols/length-id/protocol.ron"
        );
        let text = format!(
            "Proxy(workers: 2, admin: \"127.0.0.1:0\", protocols: [\"{root}\"],
                listeners: [{listeners}], services: [{services}], limits: Limits({limits}))"
        );
        let proxy = Process::start(&text, 8_192);
        let gates = proxy
            .addresses
            .iter()
            .map(|(listener, address)| {
                let named = |wire: &Wire| wire.protocol() == listener;
                let wire = WIRES.into_iter().find(named).unwrap_or(WIRES[0]);
                (wire, address.clone())
            })
            .collect::<Vec<_>>();
        assert_eq!(gates.len(), 2 * WIRES.len(), "{gates:?}");
        Self {
            proxy,
            backends,
            gates,
        }
    }

    /// A client at each gate that has been served once.
    async fn good_clients(&self) -> Vec<Client> {
        let mut clients = Vec::new();
        for (wire, address) in &self.gates {
            let mut client = Client::connect_to(*wire, address).await;
            client.call(1, "before").await.unwrap();
            clients.push(client);
        }
        clients
    }

    fn served(&self) -> usize {
        self.backends.iter().map(Backend::served).sum()
    }

    /// The most that any client makes the proxy hold now, and how many clients there are.
    fn held(&self) -> (usize, usize) {
        let (_, body) = get(self.proxy.admin, "/connections");
        let rows: serde_json::Value = serde_json::from_str(&body).unwrap();
        let held = |row: &serde_json::Value| {
            ["held_bytes", "outbox_bytes"]
                .map(|name| row[name].as_u64().unwrap() as usize)
                .iter()
                .sum()
        };
        let rows = rows.as_array().unwrap();
        (rows.iter().map(held).max().unwrap_or(0), rows.len())
    }
}

/// Every one of them gets the answer to what it asks now.
async fn all_served(clients: &mut [Client], body: &str) {
    for client in clients {
        let answer = client.call(1, body).await.unwrap();
        assert_eq!(answer.body, format!("one|{body}").as_bytes());
    }
}

/// What comes to a port that faces the world, by name.
fn attacks(wire: Wire) -> Vec<(&'static str, Vec<u8>)> {
    let noise: Vec<u8> = (1..4_097_u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    let mut tls = vec![0x16, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3];
    tls.extend([0x5A; 508]);
    let http = b"GET / HTTP/1.1\r\nHost: example\r\nAccept: */*\r\n\r\n".to_vec();
    let mut all = vec![
        ("noise", noise),
        ("http", http),
        ("tls", tls),
        ("ones", vec![0xFF; 300_000]),
    ];
    match wire {
        Wire::Thrift => {
            let head = vec![0xFF, 0xFF, 0xFF, 0xFF, 0x80, 1, 0, 1];
            all.push(("a length of 4 GiB", [head, vec![0; 200_000]].concat()));
            let name = vec![0, 0, 1, 0, 0x80, 1, 0, 1, 0x7F, 0xFF, 0xFF, 0xFF];
            all.push(("a name of 2 GiB", [name, vec![b'x'; 244]].concat()));
        }
        Wire::Acme => {
            let mut head = b"AC\x01\0\0\0\0\0\0\x01\0\0\0\0".to_vec();
            head.extend([0xFF; 4]);
            all.push(("a size of 4 GiB", [head, vec![0; 200_000]].concat()));
        }
        Wire::LengthId => {
            let head = vec![0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 1, 0, 7];
            all.push(("a length of 4 GiB", [head, vec![0; 200_000]].concat()));
            all.push((
                "a length below its head",
                vec![0, 0, 0, 1, 0, 0, 0, 1, 0, 7],
            ));
        }
        Wire::Redis => {
            let text = b"*2\r\n$3\r\nGET\r\n$4294967295\r\n".to_vec();
            all.push(("a text of 4 GiB", [text, vec![b'x'; 200_000]].concat()));
            all.push((
                "an array of 4 Gi texts",
                b"*4294967295\r\n$1\r\nx\r\n".to_vec(),
            ));
            all.push(("an endless line", vec![b'a'; 200_000]));
        }
    }
    all
}

/// A listener for every built-in protocol but `raw`, which has no frames, before one dead server.
fn every_builtin(limits: &str) -> String {
    let names = weft_proxy::builtin::all()
        .iter()
        .map(|builtin| builtin.name);
    let (mut listeners, mut services) = (String::new(), String::new());
    // Any bytes are raw's, and any 64 a record: it has neither a length nor a constant.
    for protocol in names.filter(|name| !["raw", "records"].contains(name)) {
        let listener = if protocol == "thrift" {
            "front"
        } else {
            protocol
        };
        listeners += &format!(
            "Listener(name: \"{listener}\", addresses: [\"127.0.0.1:0\"], service: \"{protocol}\"),"
        );
        services += &format!(
            "Service(name: \"{protocol}\", protocol: \"{protocol}\", instances: [\"127.0.0.1:1\"]),"
        );
    }
    format!(
        "Proxy(workers: 1, admin: \"127.0.0.1:0\", listeners: [{listeners}],
            services: [{services}], limits: Limits({limits}))"
    )
}

/// Sends everything and waits until the proxy closes the connection.
async fn closed_after(address: &str, bytes: &[u8]) -> bool {
    let (mut reader, mut writer) = dial(address).await;
    // The proxy may close before it has read everything.
    let _cut = writer.write_all(bytes).await;
    let mut answer = Vec::new();
    let end = tokio::time::timeout(PATIENCE, reader.read_to_end(&mut answer)).await;
    end.is_ok() && answer.len() < 1_024
}

#[test]
fn hostile_bytes_on_any_listener_close_their_connection_and_no_other_and_are_told() {
    play(async {
        let limits = "head_timeout: \"1s\", frame_stall_timeout: \"1s\"";
        let fortress = Fortress::start("hostile", limits).await;
        let mut good = fortress.good_clients().await;
        let mut served = fortress.served();
        for (wire, address) in &fortress.gates {
            for (name, bytes) in attacks(*wire) {
                let told = counter(fortress.proxy.admin, "complaints_total");
                let closed = closed_after(address, &bytes).await;
                assert!(closed, "{name} at {address} ({wire:?}) is closed");
                let more = counter(fortress.proxy.admin, "complaints_total") - told;
                assert!(more >= 1, "{name} at {address} ({wire:?}) is told");
                all_served(&mut good, name).await;
                served += good.len();
                assert_eq!(fortress.served(), served, "{name} went upstream");
            }
        }
        let (held, clients) = fortress.held();
        assert_eq!((held, clients), (0, good.len()), "nothing is left");
    });
}

#[test]
fn no_built_in_protocol_takes_what_is_none_or_waits_for_one_byte_for_ever() {
    play(async {
        let limits = "head_timeout: \"1s\", frame_stall_timeout: \"1s\"";
        let proxy = Process::start(&every_builtin(limits), 4_096);
        assert!(proxy.addresses.len() >= WIRES.len());
        let mut opened = 0;
        for (listener, address) in &proxy.addresses {
            // Those that come first in the list of any protocol are of none.
            for (name, bytes) in attacks(Wire::LengthId).into_iter().take(4) {
                let told = counter(proxy.admin, "complaints_total");
                let closed = closed_after(address, &bytes).await;
                assert!(closed, "{name} at {listener} is closed");
                let more = counter(proxy.admin, "complaints_total") - told;
                assert!(more >= 1, "{name} at {listener} is told");
            }
            // MQTT has no constant: a letter and what follows make a packet, which is passed on.
            let lanes = counter(proxy.admin, "lanes_opened_total");
            assert!(
                lanes == opened || listener == "mqtt",
                "{listener} opened a lane"
            );
            opened = lanes;
        }
        // Each may be how a frame of one of them begins.
        let mut waiting = Vec::new();
        for (listener, address) in &proxy.addresses {
            for byte in [0, 1, 0x80, 0xDA, b'A', b'*', b' '] {
                let (reader, mut writer) = dial(address).await;
                writer.write_all(&[byte]).await.unwrap();
                waiting.push((listener, byte, reader, writer));
            }
        }
        for (listener, byte, reader, _writer) in &mut waiting {
            let mut rest = Vec::new();
            let end = tokio::time::timeout(PATIENCE, reader.read_to_end(&mut rest)).await;
            assert!(end.is_ok(), "a lone {byte} at {listener} is closed");
        }
        assert_eq!(counter(proxy.admin, "clients_now"), 0);
        assert_eq!(counter(proxy.admin, "lanes_opened_total"), opened);
    });
}

#[test]
fn the_log_names_listener_peer_and_reason_of_hostile_bytes() {
    play(async {
        let fortress = Fortress::start("told", "").await;
        for (wire, address) in &fortress.gates {
            assert!(closed_after(address, b"GET / HTTP/1.1\r\n\r\n").await);
            let listener = match wire {
                Wire::Thrift => "front",
                _ => wire.protocol(),
            };
            let peer = if address.starts_with("unix:") {
                "peer=\"unix"
            } else {
                "peer=\"127.0.0.1:"
            };
            let what = format!("listener {listener}: not {}: ", wire.protocol());
            fortress
                .proxy
                .logged(&[peer, &what, "the client is closed"]);
        }
    });
}

/// The beginning of a request whose head is longer than what is sent of it.
fn unfinished(wire: Wire, bytes: usize) -> Vec<u8> {
    let mut head = match wire {
        // A name that takes the whole frame.
        Wire::Thrift => vec![0, 2, 0, 0, 0x80, 1, 0, 1, 0, 0, 0xF0, 0],
        // A map whose value takes the whole frame.
        Wire::Acme => {
            b"AC\x01\0\0\0\0\0\0\x01\0\0\0\0\0\x02\0\0\x01s\x01m\0\x09\x01k\xF0\0".to_vec()
        }
        // Its head is ten bytes long.
        Wire::LengthId => vec![0, 0, 1, 0, 0, 0, 0],
        Wire::Redis => b"*900\r\n".to_vec(),
    };
    match wire {
        Wire::LengthId => {}
        Wire::Redis => {
            let word = [b"$100\r\n", [b'x'; 100].as_slice(), b"\r\n"].concat();
            while head.len() + word.len() < bytes {
                head.extend(&word);
            }
        }
        _ => head.resize(bytes, b'x'),
    }
    head
}

#[test]
fn heads_that_stand_still_hold_at_most_64_kib_each_and_end_at_the_stall_timeout() {
    play(async {
        let fortress = Fortress::start("heads", "frame_stall_timeout: \"3s\"").await;
        let mut good = fortress.good_clients().await;
        let before = fortress.proxy.resident_bytes();
        let mut hostile: Vec<(Reader, Writer)> = Vec::new();
        for (wire, address) in &fortress.gates {
            for _ in 0..40 {
                let (reader, mut writer) = dial(address).await;
                let head = unfinished(*wire, 60_000);
                writer.write_all(&head).await.unwrap();
                hostile.push((reader, writer));
            }
        }
        all_served(&mut good, "meanwhile").await;
        let (held, clients) = fortress.held();
        assert_eq!(clients, good.len() + hostile.len());
        assert!(held <= HELD_BYTES_MAX, "{held} bytes for one client");
        let grown = fortress.proxy.resident_bytes().saturating_sub(before);
        let each = grown / hostile.len();
        assert!(each <= HELD_BYTES_MAX, "{each} bytes of memory for each");
        for (reader, _writer) in &mut hostile {
            let mut rest = Vec::new();
            let end = tokio::time::timeout(PATIENCE, reader.read_to_end(&mut rest)).await;
            assert!(end.is_ok(), "a head that stands still is closed");
        }
        all_served(&mut good, "after").await;
    });
}

#[test]
fn a_flood_of_garbage_fills_neither_the_log_nor_the_memory() {
    play(async {
        let fortress = Fortress::start("flood", "").await;
        let http = b"GET / HTTP/1.1\r\n\r\n";
        for (_, address) in &fortress.gates {
            closed_after(address, http).await;
        }
        let before = fortress.proxy.resident_bytes();
        for _ in 0..100 {
            for (_, address) in &fortress.gates {
                assert!(closed_after(address, http).await);
            }
        }
        let told = counter(fortress.proxy.admin, "complaints_total");
        let suppressed = counter(fortress.proxy.admin, "complaints_suppressed_total");
        assert_eq!(told, 808);
        // Five lines per second, kind and worker.
        assert!(suppressed > 0, "{suppressed} of {told}");
        let grown = fortress.proxy.resident_bytes().saturating_sub(before);
        assert!(grown < 4 << 20, "{grown} bytes");
    });
}

#[test]
fn one_byte_per_second_from_many_connections_ends_at_the_head_timeout_with_memory_flat() {
    play(async {
        let fortress = Fortress::start("slow", "head_timeout: \"3s\"").await;
        let mut good = fortress.good_clients().await;
        let before = fortress.proxy.resident_bytes();
        let mut slow: Vec<(Wire, Reader, Writer)> = Vec::new();
        for (wire, address) in &fortress.gates {
            for _ in 0..150 {
                let (reader, writer) = dial(address).await;
                slow.push((*wire, reader, writer));
            }
        }
        for turn in 0..3 {
            for (wire, _, writer) in &mut slow {
                let request = wire.request(1, "echo", b"slow");
                writer.write_all(&request[turn..=turn]).await.unwrap();
            }
            all_served(&mut good, "meanwhile").await;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        let each = fortress.proxy.resident_bytes().saturating_sub(before) / slow.len();
        assert!(each < 4 << 10, "{each} bytes for each slow client");
        for (wire, reader, _writer) in &mut slow {
            let mut rest = Vec::new();
            let end = tokio::time::timeout(PATIENCE, reader.read_to_end(&mut rest)).await;
            assert!(end.is_ok(), "a slow client is closed ({wire:?})");
        }
        all_served(&mut good, "after").await;
    });
}

#[test]
fn a_raw_listener_relays_hostile_bytes_as_they_are_and_says_nothing() {
    play(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = listener.local_addr().unwrap();
        let proxy = Process::start(&crate::proxy::simple("raw", &[server], ""), 1_024);
        let wires = WIRES.into_iter().flat_map(attacks);
        for (name, bytes) in wires {
            let (_reader, mut writer) = dial(&proxy.front.to_string()).await;
            let (mut upstream, sent) = tokio::join!(
                async { listener.accept().await.unwrap().0 },
                writer.write_all(&bytes),
            );
            sent.unwrap();
            let mut came = vec![0; bytes.len()];
            upstream.read_exact(&mut came).await.unwrap();
            assert!(came == bytes, "{name} is changed");
        }
        assert_eq!(counter(proxy.admin, "complaints_total"), 0);
    });
}
