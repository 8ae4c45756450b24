//! Requests and answers of each protocol that is measured.

use std::sync::Arc;

use weft_acme::Acme;
use weft_codec::Codec;
use weft_layout::Layout;
use weft_resp::Resp;
use weft_thrift::Thrift;

/// Bytes of text in each request, as in the comparison with other proxies.
const TEXT_BYTES: usize = 128;

/// A protocol that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Thrift, framed binary: a codec in Rust, answers by id.
    Thrift,
    /// Redis: a codec in Rust, answers in order.
    Redis,
    /// Acme: a description in RON, answers by id.
    Acme,
    /// Acme by a codec in Rust: what its description is held against.
    AcmeByHand,
}

impl Protocol {
    /// Every protocol.
    pub const ALL: [Self; 4] = [Self::Thrift, Self::Redis, Self::Acme, Self::AcmeByHand];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Thrift => "thrift",
            Self::Redis => "redis",
            Self::Acme => "acme",
            Self::AcmeByHand => "acme-by-hand",
        }
    }

    /// The protocol of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }
}

/// The frames of a protocol, all of one length.
#[derive(Clone, Debug)]
pub struct Frames {
    /// Reads and patches them.
    pub codec: Arc<dyn Codec>,
    protocol: Protocol,
}

impl Frames {
    /// The frames of `protocol`.
    ///
    /// # Errors
    /// If the protocol's description does not compile, with every complaint.
    pub fn of(protocol: Protocol) -> Result<Self, String> {
        let codec: Arc<dyn Codec> = match protocol {
            Protocol::Thrift => Arc::new(Thrift::new()),
            Protocol::Redis => Arc::new(Resp::new()),
            Protocol::AcmeByHand => Arc::new(Acme::new()),
            Protocol::Acme => {
                let text = include_str!("../../protocols/acme/protocol.ron");
                let layout = Layout::compile("protocols/acme/protocol.ron", text);
                Arc::new(layout.map_err(|all| {
                    let all: Vec<String> = all.iter().map(ToString::to_string).collect();
                    all.join("\n")
                })?)
            }
        };
        Ok(Self { codec, protocol })
    }

    /// A request under `id`.
    #[must_use]
    pub fn request(&self, id: u32) -> Vec<u8> {
        let text = [b'x'; TEXT_BYTES];
        match self.protocol {
            Protocol::Thrift => {
                let mut message = b"\x80\x01\x00\x01\x00\x00\x00\x04echo".to_vec();
                message.extend(id.to_be_bytes());
                message.extend(b"\x0b\x00\x01\x00\x00\x00\x80");
                message.extend(text);
                message.push(0);
                framed(b"", &message)
            }
            Protocol::Redis => {
                let mut frame = b"*3\r\n$3\r\nSET\r\n$4\r\nkey1\r\n$128\r\n".to_vec();
                frame.extend(text);
                frame.extend(b"\r\n");
                frame
            }
            Protocol::Acme | Protocol::AcmeByHand => {
                let mut start = b"AC\x01\x00\x00\x00".to_vec();
                start.extend(id.to_be_bytes());
                start.extend([0; 4]);
                let mut rest = b"\x04echo\x04echo\x00\x00".to_vec();
                rest.extend(text);
                framed(&start, &rest)
            }
        }
    }

    /// Appends the answers to the requests in `requests`, which begin and end whole.
    ///
    /// A backend's own work is not what is measured, so this does as little as it can.
    pub fn answer(&self, requests: &[u8], answers: &mut Vec<u8>) {
        let frame_bytes = self.request(0).len();
        match self.protocol {
            Protocol::Redis => {
                for _ in 0..requests.len() / frame_bytes {
                    answers.extend_from_slice(b"+OK\r\n");
                }
            }
            // The same frame with another kind: Thrift's at byte 7, Acme's at byte 3.
            Protocol::Thrift => turned(requests, frame_bytes, 7, 2, answers),
            Protocol::Acme | Protocol::AcmeByHand => {
                turned(requests, frame_bytes, 3, 1, answers);
            }
        }
    }

    /// Bytes of one answer.
    #[must_use]
    pub fn answer_bytes(&self) -> usize {
        let mut answer = Vec::new();
        self.answer(&self.request(0), &mut answer);
        answer.len()
    }
}

fn framed(start: &[u8], rest: &[u8]) -> Vec<u8> {
    let length = u32::try_from(rest.len()).unwrap_or(u32::MAX);
    [start, &length.to_be_bytes(), rest].concat()
}

/// Copies frames of `frame_bytes` and sets one byte in each.
fn turned(requests: &[u8], frame_bytes: usize, at: usize, kind: u8, answers: &mut Vec<u8>) {
    let begins = answers.len();
    answers.extend_from_slice(requests);
    let copied = answers.get_mut(begins..).unwrap_or_default();
    for frame in copied.chunks_exact_mut(frame_bytes) {
        if let Some(byte) = frame.get_mut(at) {
            *byte = kind;
        }
    }
}
