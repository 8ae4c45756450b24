//! The header: magic, flags, status, id and length.

use weft_codec::{Malformed, Sniff, Span};

/// Bytes of the header; a body may be empty.
pub(crate) const HEADER_BYTES: u32 = 16;

/// First two bytes of every frame.
pub(crate) const MAGIC: [u8; 2] = [0xda, 0xbb];

/// Where the id stands.
pub(crate) const ID: Span = Span::new(4, 8);

/// A request; otherwise a response.
pub(crate) const REQUEST: u8 = 0x80;
/// The request wants an answer.
pub(crate) const TWO_WAY: u8 = 0x40;
/// A heartbeat or another event.
pub(crate) const EVENT: u8 = 0x20;
/// The low five bits say how the body is written.
pub(crate) const SERIALIZATION: u8 = 0x1f;
/// The body is hessian.
pub(crate) const HESSIAN2: u8 = 2;

/// Statuses of responses, as Dubbo's `Response` numbers them.
pub(crate) mod status {
    pub(crate) const OK: u8 = 20;
    pub(crate) const SERVER_TIMEOUT: u8 = 31;
    pub(crate) const CHANNEL_INACTIVE: u8 = 35;
    pub(crate) const BAD_REQUEST: u8 = 40;
    pub(crate) const SERVICE_NOT_FOUND: u8 = 60;
    pub(crate) const SERVICE_ERROR: u8 = 70;
    pub(crate) const SERVER_ERROR: u8 = 80;
    pub(crate) const THREADPOOL_EXHAUSTED: u8 = 100;
}

/// A header.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    pub(crate) flags: u8,
    pub(crate) id: u64,
    pub(crate) body_bytes: u32,
}

impl Header {
    /// The header at the beginning of `bytes`, or how many bytes must be there.
    ///
    /// # Errors
    /// Bytes that are of another protocol.
    #[inline]
    pub(crate) fn read(bytes: &[u8]) -> Result<Result<Self, usize>, Malformed> {
        match bytes {
            [] => return Ok(Err(1)),
            [first] if *first == MAGIC[0] => return Ok(Err(2)),
            [first, second, ..] if [*first, *second] == MAGIC => {}
            _ => return Err(not_dubbo(bytes)),
        }
        let Some((&[_, _, flags, _, id @ .., l3, l2, l1, l0], _)) = bytes.split_first_chunk::<16>()
        else {
            return Ok(Err(HEADER_BYTES as usize));
        };
        Ok(Ok(Self {
            flags,
            id: u64::from_be_bytes(id),
            body_bytes: u32::from_be_bytes([l3, l2, l1, l0]),
        }))
    }
}

/// The flags of a frame whose header is there.
#[inline]
pub(crate) fn flags(frame: &[u8]) -> u8 {
    frame.get(2).copied().unwrap_or(0)
}

/// The status of a response whose header is there.
pub(crate) fn status_of(frame: &[u8]) -> u8 {
    frame.get(3).copied().unwrap_or(0)
}

/// The bytes behind the header, as far as they are there.
pub(crate) fn body(frame: &[u8]) -> &[u8] {
    frame.get(HEADER_BYTES as usize..).unwrap_or_default()
}

/// Whether a client's first bytes are Dubbo's.
pub(crate) fn sniff(prefix: &[u8]) -> Sniff {
    match prefix {
        [] => Sniff::Need(2),
        [first] if *first == MAGIC[0] => Sniff::Need(2),
        [first, second, ..] if [*first, *second] == MAGIC => Sniff::Yes,
        _ => Sniff::No,
    }
}

#[cold]
fn not_dubbo(bytes: &[u8]) -> Malformed {
    let looks = match bytes {
        [b'G' | b'P' | b'H' | b'D' | b'O' | b'C', b'A'..=b'Z', ..] => ": looks like HTTP",
        [0x16, 0x03, ..] => ": looks like a TLS handshake",
        [b'a'..=b'z', ..] => ": looks like a telnet command, which only servers understand",
        _ => "",
    };
    let found = bytes.get(..2).unwrap_or(bytes);
    let at = usize::from(bytes.first() == Some(&MAGIC[0]));
    Malformed::new(
        at,
        format!("expected the magic da bb, found {found:02x?}{looks}"),
    )
}
