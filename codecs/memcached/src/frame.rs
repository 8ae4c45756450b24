//! Finding frames: the header of 24 bytes, the key in the head, and what bytes that are no
//! binary memcached look like.

use weft_codec::{Cut, Effect, Head, Kind, Limits, Malformed, Scanned, Side, Sniff, Span};

use crate::operation::{self, Form, Operation, Role, SASL_AUTH, status};

/// Bytes of a header, without which nothing is a frame.
pub(crate) const HEADER_BYTES: usize = 24;

/// The first byte of a request and of an answer.
pub(crate) const REQUEST: u8 = 0x80;
pub(crate) const ANSWER: u8 = 0x81;

/// Where the opaque stands, which an answer echoes.
pub(crate) const OPAQUE: Span = Span::new(12, 4);

/// The login whose one request carries all: name and password.
const PLAIN: &[u8] = b"PLAIN";

/// A header, as far as it is read.
#[derive(Clone, Copy, Debug)]
struct Header {
    opcode: u8,
    key_len: u16,
    extras_len: u8,
    /// Of an answer; the number of a bucket in requests.
    status: u16,
    body_len: u32,
    opaque: u32,
}

impl Header {
    fn of(bytes: &[u8; HEADER_BYTES]) -> Self {
        let &[
            _,
            opcode,
            k0,
            k1,
            extras_len,
            _,
            s0,
            s1,
            b0,
            b1,
            b2,
            b3,
            o0,
            o1,
            o2,
            o3,
            ..,
        ] = bytes;
        Self {
            opcode,
            key_len: u16::from_be_bytes([k0, k1]),
            extras_len,
            status: u16::from_be_bytes([s0, s1]),
            body_len: u32::from_be_bytes([b0, b1, b2, b3]),
            opaque: u32::from_be_bytes([o0, o1, o2, o3]),
        }
    }

    /// Bytes of the header, the extras and the key.
    fn head_bytes(&self) -> u32 {
        24u32
            .saturating_add(self.extras_len.into())
            .saturating_add(self.key_len.into())
    }

    fn fits(&self, form: Form) -> bool {
        let value_len = self
            .body_len
            .saturating_add(24)
            .saturating_sub(self.head_bytes());
        form.fits(self.extras_len.into(), self.key_len.into(), value_len)
    }
}

/// What [`Head::notes`] hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Notes {
    pub(crate) opcode: u8,
    /// The status of an answer; 0 in a request.
    pub(crate) status: u16,
    pub(crate) key: Span,
}

impl Notes {
    fn pack(self) -> [u32; 4] {
        [
            self.opcode.into(),
            self.status.into(),
            self.key.start,
            self.key.len,
        ]
    }

    pub(crate) fn of(head: &Head) -> Self {
        let [opcode, status, start, len] = head.notes;
        let [opcode, ..] = opcode.to_le_bytes();
        let [s0, s1, ..] = status.to_le_bytes();
        Self {
            opcode,
            status: u16::from_le_bytes([s0, s1]),
            key: Span::new(start, len),
        }
    }
}

/// Finds all heads in `bytes`. Needs no state: what is unfinished is looked at again only when
/// as many bytes are there as were asked for.
pub(crate) fn scan(
    side: Side,
    limits: &Limits,
    bytes: &[u8],
    heads: &mut Vec<Head>,
) -> Result<Scanned, Malformed> {
    let mut consumed = 0usize;
    loop {
        let rest = bytes.get(consumed..).unwrap_or_default();
        let found = first(side, limits, rest).map_err(|mut malformed| {
            malformed.at = malformed.at.saturating_add(consumed);
            malformed
        })?;
        match found {
            Found::Head(mut head) => {
                let Ok(start) = u32::try_from(consumed) else {
                    return Ok(Scanned { consumed, need: 1 });
                };
                head.start = start;
                consumed = consumed.saturating_add(head.frame_bytes as usize);
                heads.push(head);
                if consumed >= bytes.len() {
                    return Ok(Scanned { consumed, need: 1 });
                }
            }
            Found::Need(need) => return Ok(Scanned { consumed, need }),
        }
    }
}

enum Found {
    Head(Head),
    Need(usize),
}

/// The first frame of `bytes`.
#[inline]
fn first(side: Side, limits: &Limits, bytes: &[u8]) -> Result<Found, Malformed> {
    let magic = match side {
        Side::Downstream => REQUEST,
        Side::Upstream => ANSWER,
    };
    match bytes.first() {
        None => return Ok(Found::Need(1)),
        Some(first) if *first != magic => return Err(wrong_magic(side, bytes)),
        Some(_) => {}
    }
    let Some(header) = bytes.first_chunk::<HEADER_BYTES>() else {
        return Ok(Found::Need(HEADER_BYTES));
    };
    let header = Header::of(header);
    let head_bytes = header.head_bytes();
    let frame_bytes = header.body_len.saturating_add(24);
    if head_bytes > frame_bytes || frame_bytes > limits.frame_bytes_max {
        return Err(wrong_length(&header, limits));
    }
    if head_bytes > limits.head_bytes_max {
        return Err(Malformed::new(2, "the key is over the limit of a head"));
    }
    if bytes.len() >= frame_bytes as usize {
        let head = head_of(side, &header, bytes, frame_bytes);
        return Ok(Found::Head(Head {
            head_bytes: frame_bytes,
            ..head
        }));
    }
    if frame_bytes <= limits.cut_through_bytes {
        return Ok(Found::Need(frame_bytes as usize));
    }
    if bytes.len() < head_bytes as usize {
        return Ok(Found::Need(head_bytes as usize));
    }
    Ok(Found::Head(head_of(side, &header, bytes, frame_bytes)))
}

#[inline]
fn head_of(side: Side, header: &Header, frame: &[u8], frame_bytes: u32) -> Head {
    let head_bytes = header.head_bytes();
    let key_len = u32::from(header.key_len);
    let key = Span::new(head_bytes.saturating_sub(key_len), key_len);
    let operation = operation::by_code(header.opcode);
    let head = Head {
        start: 0,
        frame_bytes,
        head_bytes,
        id: OPAQUE,
        id_value: header.opaque.into(),
        cut: Cut::Cuttable,
        ..Head::default()
    };
    let mut notes = Notes {
        opcode: header.opcode,
        status: 0,
        key,
    };
    match side {
        Side::Downstream => {
            let effect = effect(operation, header, key.of(frame));
            Head {
                kind: Kind::Request,
                effect,
                // memcached refuses a second login on a connection that has one.
                exclusive: effect == Effect::Facet,
                notes: notes.pack(),
                ..head
            }
        }
        Side::Upstream => {
            notes.status = header.status;
            Head {
                kind: Kind::Answer,
                // Statistics end with an empty frame, or with an error.
                more: operation.is_some_and(|operation| operation.role == Role::Statistics)
                    && header.status == status::OK
                    && header.body_len > 0,
                notes: notes.pack(),
                ..head
            }
        }
    }
}

/// What a request does to its connection. What nobody knows may answer never, or many times: its
/// client gets a lane of its own on which answers are not counted. So does a login of several
/// steps, which cannot be repeated on other lanes. What is not of its operation's form would end
/// the lane, and is refused here.
#[inline]
fn effect(operation: Option<Operation>, header: &Header, key: Option<&[u8]>) -> Effect {
    let Some(operation) = operation else {
        return Effect::Tunnel;
    };
    match operation.role {
        Role::Quit => Effect::Quit,
        Role::Barrier => Effect::Local,
        _ if !header.fits(operation.form) => Effect::Local,
        Role::Keyed | Role::Server | Role::Statistics => Effect::Stateless,
        Role::Login if header.opcode == SASL_AUTH && key == Some(PLAIN) => Effect::Facet,
        Role::Login => Effect::Tunnel,
    }
}

/// Whether a client's first bytes are a request of this protocol, and of its operation's form.
pub(crate) fn sniff(prefix: &[u8]) -> Sniff {
    match prefix {
        [first, ..] if *first != REQUEST => Sniff::No,
        [_, opcode, ..] if operation::by_code(*opcode).is_none() => Sniff::No,
        // No data type but 0 was ever defined.
        [_, _, _, _, _, data_type, ..] if *data_type != 0 => Sniff::No,
        _ => match prefix.first_chunk::<HEADER_BYTES>().map(Header::of) {
            None => Sniff::Need(HEADER_BYTES),
            Some(header)
                if header.head_bytes() <= header.body_len.saturating_add(24)
                    && operation::by_code(header.opcode)
                        .is_some_and(|operation| header.fits(operation.form)) =>
            {
                Sniff::Yes
            }
            Some(_) => Sniff::No,
        },
    }
}

#[cold]
fn wrong_magic(side: Side, bytes: &[u8]) -> Malformed {
    let first = bytes.first().copied().unwrap_or(0);
    let (expected, looks) = match (side, first) {
        (Side::Downstream, b'a'..=b'z') => (
            REQUEST,
            ": looks like memcached's text protocol; only the binary one is read",
        ),
        (Side::Downstream, b'A'..=b'Z') => (REQUEST, ": looks like HTTP"),
        (Side::Downstream, 0x16) => (REQUEST, ": looks like a TLS handshake"),
        (Side::Downstream, ANSWER) => (REQUEST, ": a client sent an answer"),
        (Side::Downstream, _) => (REQUEST, ""),
        (Side::Upstream, b'A'..=b'Z') => (
            ANSWER,
            ": looks like a server that speaks only memcached's text protocol",
        ),
        (Side::Upstream, REQUEST) => (ANSWER, ": a server sent a request"),
        (Side::Upstream, _) => (ANSWER, ""),
    };
    Malformed::new(
        0,
        format!("a frame begins with {first:#04x}; expected {expected:#04x}{looks}"),
    )
}

#[cold]
fn wrong_length(header: &Header, limits: &Limits) -> Malformed {
    let Header {
        body_len,
        key_len,
        extras_len,
        ..
    } = header;
    let reason = if header.body_len.saturating_add(24) > limits.frame_bytes_max {
        let limit = limits.frame_bytes_max;
        format!("a body of {body_len} bytes; the limit of a frame is {limit}")
    } else {
        format!("a body of {body_len} bytes holds no {extras_len} of extras and {key_len} of key")
    };
    Malformed::new(8, reason)
}
