//! The few frames that the load generator and the sample backend speak.
//!
//! They share no line with the codecs of the proxy on purpose: what stands between them is
//! checked by code that was written against the protocol, not against the proxy. Requests and
//! answers carry opaque bodies; what is in a body is known to the load generator alone.

mod cursor;

pub(crate) mod acme;
pub(crate) mod length_id;
pub(crate) mod redis;
pub(crate) mod thrift;

#[cfg(test)]
mod tests;

/// No frame is longer than this many bytes; a larger length is nonsense.
pub(crate) const FRAME_BYTES_MAX: usize = 64 << 20;

/// How an error begins that a proxy, not a backend, has said.
const PROXY_WORDS: &[u8] = b"weft: ";

/// A protocol that both sides speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Protocol {
    /// Apache Thrift, framed, binary.
    Thrift,
    /// The demo's in-house protocol.
    Acme,
    /// Redis (RESP 2).
    Redis,
    /// A length, an id, an opcode, a body.
    LengthId,
}

impl Protocol {
    /// The name, as the command line writes it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Thrift => "thrift",
            Self::Acme => "acme",
            Self::Redis => "redis",
            Self::LengthId => "length-id",
        }
    }
}

/// What a client asks; the body comes in two parts so that neither is copied twice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask<'a> {
    /// The id, where the protocol has one.
    pub(crate) id: u32,
    /// The service, where the protocol names one.
    pub(crate) service: &'a str,
    /// The method.
    pub(crate) method: &'a str,
    /// The body: its stamp, then its filling.
    pub(crate) body: (&'a [u8], &'a [u8]),
}

/// A request as a backend reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Request<'a> {
    /// The length of its frame.
    pub(crate) frame_bytes: usize,
    /// What it wants.
    pub(crate) kind: RequestKind,
    /// Its id.
    pub(crate) id: u32,
    /// The service, or empty.
    pub(crate) service: &'a [u8],
    /// The method, or the opcode's two bytes.
    pub(crate) method: &'a [u8],
    /// Its body.
    pub(crate) body: &'a [u8],
}

/// What a request wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestKind {
    /// One answer.
    Call,
    /// No answer.
    OneWay,
    /// A sign of life.
    Ping,
}

/// An answer as a client reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answer<'a> {
    /// The length of its frame.
    pub(crate) frame_bytes: usize,
    /// Its id; `None` in protocols that answer in order.
    pub(crate) id: Option<u32>,
    /// What it says.
    pub(crate) outcome: Outcome,
    /// The method that it repeats, or empty.
    pub(crate) method: &'a [u8],
    /// The body, or the words of an error.
    pub(crate) payload: &'a [u8],
    /// The backend that says it wrote this, where a field of its own carries that.
    pub(crate) backend: &'a [u8],
}

/// What an answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The payload is the answer.
    Ok,
    /// There is no such value (Redis nil).
    Nothing,
    /// The backend answered with an error.
    ApplicationError,
    /// A proxy answered in the backend's stead.
    ProxyError,
}

/// What a backend answers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reply<'a> {
    /// Whether it is an error.
    pub(crate) error: bool,
    /// The name of the backend.
    pub(crate) backend: &'a [u8],
}

/// Bytes that are not of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Nonsense(pub(crate) &'static str);

/// Reads one answer from the start of `bytes`; `None` while it is not whole.
pub(crate) fn read_answer(
    protocol: Protocol,
    bytes: &[u8],
) -> Result<Option<Answer<'_>>, Nonsense> {
    match protocol {
        Protocol::Thrift => thrift::read_answer(bytes),
        Protocol::Acme => acme::read_answer(bytes),
        Protocol::Redis => redis::read_answer(bytes),
        Protocol::LengthId => length_id::read_answer(bytes),
    }
}

/// Whether the words of an error are a proxy's.
fn said_by_proxy(words: &[u8]) -> Outcome {
    if words.windows(PROXY_WORDS.len()).any(|w| w == PROXY_WORDS) {
        Outcome::ProxyError
    } else {
        Outcome::ApplicationError
    }
}
