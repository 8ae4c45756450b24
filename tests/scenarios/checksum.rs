//! Large frames that end in a checksum pass in pieces, and a wrong one is never made right.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::spawn_local;

use crate::play;
use crate::proxy::{Process, counter, simple};

/// Bytes of the struct before the payload; the checksum behind it has four.
const HEADER: usize = 34;
/// Asks the server for an answer with a wrong checksum.
const SPOIL: u16 = 9;

/// A message of `protocols/cstruct`, written down by hand from its specification.
fn message(flags: u8, sequence: u32, opcode: u16, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(HEADER + payload.len() + 4).unwrap();
    let mut bytes = vec![0x5A, 0xA5, 2, flags];
    bytes.extend(length.to_le_bytes());
    bytes.extend(sequence.to_le_bytes());
    bytes.extend(opcode.to_le_bytes());
    bytes.extend([0; 2]);
    bytes.extend(*b"account 1\0\0\0\0\0\0\0");
    bytes.extend([0; 2]);
    bytes.extend_from_slice(payload);
    let crc = crc32fast::hash(&bytes);
    bytes.extend(crc.to_le_bytes());
    bytes
}

/// What came, and whether its checksum is right.
struct Received {
    sequence: u32,
    opcode: u16,
    payload: Vec<u8>,
    intact: bool,
}

async fn receive(stream: &mut TcpStream) -> Option<Received> {
    let mut bytes = vec![0; 8];
    stream.read_exact(&mut bytes).await.ok()?;
    assert_eq!(bytes[..3], [0x5A, 0xA5, 2]);
    let length = u32::from_le_bytes(bytes[4..8].try_into().unwrap()) as usize;
    bytes.resize(length, 0);
    stream.read_exact(&mut bytes[8..]).await.ok()?;
    let crc = bytes.split_off(length - 4);
    Some(Received {
        sequence: u32::from_le_bytes(bytes[8..12].try_into().unwrap()),
        opcode: u16::from_le_bytes(bytes[12..14].try_into().unwrap()),
        intact: crc == crc32fast::hash(&bytes).to_le_bytes(),
        payload: bytes.split_off(HEADER),
    })
}

/// A server that answers with what it was sent; how many requests came damaged.
async fn server() -> (SocketAddr, Rc<Cell<usize>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let damaged = Rc::new(Cell::new(0));
    let seen = Rc::clone(&damaged);
    spawn_local(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let seen = Rc::clone(&seen);
            spawn_local(async move {
                while let Some(request) = receive(&mut stream).await {
                    if !request.intact {
                        seen.set(seen.get() + 1);
                        return;
                    }
                    let mut answer = message(1, request.sequence, request.opcode, &request.payload);
                    if request.opcode == SPOIL {
                        let at = answer.len() - 1_000;
                        answer[at] ^= 1;
                    }
                    if stream.write_all(&answer).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    (address, damaged)
}

fn proxy(server: SocketAddr) -> Process {
    let description = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../protocols/cstruct/protocol.ron"
    );
    let more = format!("protocols: [\"{description}\"],");
    Process::start(&simple("cstruct", &[server], &more), 1_024)
}

fn payload(client: u32, bytes: usize) -> Vec<u8> {
    let mut rng = fastrand::Rng::with_seed(client.into());
    (0..bytes).map(|_| rng.u8(..)).collect()
}

async fn call(stream: &mut TcpStream, client: u32, bytes: usize) {
    let payload = payload(client, bytes);
    let request = message(0, 1, 1, &payload);
    let (mut reader, mut writer) = stream.split();
    // The server answers only when it has all: no need to read meanwhile.
    writer.write_all(&request).await.unwrap();
    let mut answer = vec![0; request.len()];
    reader.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer[8..12], 1u32.to_le_bytes(), "another caller's id");
    assert!(
        answer == message(1, 1, 1, &payload),
        "client {client}: not its answer"
    );
}

#[test]
fn bodies_far_larger_than_any_buffer_pass_with_their_checksums_mended() {
    play(async {
        let (address, damaged) = server().await;
        let proxy = proxy(address);
        let mut streams = Vec::new();
        for client in 0..4 {
            let mut stream = TcpStream::connect(proxy.front).await.unwrap();
            call(&mut stream, client, 100).await;
            streams.push(stream);
        }
        let before = proxy.resident_bytes();
        let calls: Vec<_> = (0..4)
            .zip(streams)
            .map(|(client, mut stream)| {
                spawn_local(async move {
                    call(&mut stream, client, 16 << 20).await;
                    call(&mut stream, client, 70_001).await;
                })
            })
            .collect();
        for call in calls {
            call.await.unwrap();
        }
        let grown = proxy.resident_bytes().saturating_sub(before);
        assert!(grown < 24 << 20, "{grown} bytes for 64 MiB on their way");
        assert_eq!(damaged.get(), 0);
        assert!(counter(proxy.admin, "streamed_requests_total") >= 4);
        assert!(counter(proxy.admin, "streamed_answers_total") >= 4);
    });
}

#[test]
fn a_large_request_with_a_wrong_checksum_reaches_the_server_with_a_wrong_one() {
    play(async {
        let (address, damaged) = server().await;
        let proxy = proxy(address);
        let mut other = TcpStream::connect(proxy.front).await.unwrap();
        call(&mut other, 1, 100).await;
        let mut client = TcpStream::connect(proxy.front).await.unwrap();
        let mut request = message(0, 1, 1, &payload(2, 1 << 20));
        request[700_000] ^= 4;
        client.write_all(&request).await.unwrap();
        let mut rest = Vec::new();
        // What the proxy says of the lost lane may still come; then the end.
        let _reset = client.read_to_end(&mut rest).await;
        proxy.logged(&["checksum at the end of a large request"]);
        assert_eq!(damaged.get(), 1);
        call(&mut other, 1, 100).await;
    });
}

#[test]
fn a_large_answer_with_a_wrong_checksum_reaches_its_caller_with_a_wrong_one() {
    play(async {
        let (address, _) = server().await;
        let proxy = proxy(address);
        let mut client = TcpStream::connect(proxy.front).await.unwrap();
        // Damaged from the start of the answer, so the request itself is small.
        let request = message(0, 7, SPOIL, &payload(3, 200_000));
        client.write_all(&request).await.unwrap();
        let answer = receive(&mut client).await.unwrap();
        assert_eq!((answer.sequence, answer.intact), (7, false));
        proxy.logged(&["checksum at the end of a large answer"]);
        call(&mut client, 3, 100).await;
    });
}
