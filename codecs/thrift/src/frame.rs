//! Finding frames: length, transport and message of each, and what bytes that are no Thrift
//! look like.

use weft_codec::{Cut, Head, Kind, Limits, Malformed, Scanned, Side, Sniff, Span};

use crate::{
    header::{self, Transform},
    message::{self, Message, Protocol, Reach, Type},
    zlib,
};

/// A compact message with a one-byte id and an empty name: nothing smaller is a frame.
pub(crate) const FRAME_BYTES_MIN: u32 = 8;

/// Bytes of the frame's length, which does not count itself.
pub(crate) const LENGTH_BYTES: u32 = 4;

/// Where the name stands in a bare strict binary frame.
const NAME_AT: u32 = 12;

/// The payload is compact; otherwise binary.
pub(crate) const COMPACT: u32 = 1;
/// The frame is of the header transport.
pub(crate) const HEADER: u32 = 1 << 1;
/// The payload is compressed with zlib.
pub(crate) const ZLIB: u32 = 1 << 2;
/// The payload is under a transform that cannot be undone.
pub(crate) const OPAQUE: u32 = 1 << 3;
/// The answer is a TApplicationException.
pub(crate) const EXCEPTION: u32 = 1 << 4;

/// What [`Head::notes`] hold: where the name stands (absent under a transform), where the
/// payload begins, and the flags above.
pub(crate) fn notes(head: &Head) -> (Span, usize, u32) {
    let [name_at, name_len, payload_at, flags] = head.notes;
    (Span::new(name_at, name_len), payload_at as usize, flags)
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
        let found = match whole_binary(side, limits, rest) {
            Some(head) => Found::Head(head),
            None => first(side, limits, rest).map_err(|mut malformed| {
                malformed.at = malformed.at.saturating_add(consumed);
                malformed
            })?,
        };
        match found {
            Found::Head(mut head) => {
                let Ok(start) = u32::try_from(consumed) else {
                    return Ok(Scanned { consumed, need: 1 });
                };
                head.start = start;
                consumed = consumed.saturating_add(head.frame_bytes as usize);
                heads.push(head);
                if consumed >= bytes.len() {
                    let need = LENGTH_BYTES as usize;
                    return Ok(Scanned { consumed, need });
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

/// The first frame of `bytes` where it is what almost all frames are: whole, bare and strict
/// binary, and good. Whatever else it is, [`first`] finds out; this is only the shorter way.
#[inline]
fn whole_binary(side: Side, limits: &Limits, bytes: &[u8]) -> Option<Head> {
    let &[l0, l1, l2, l3, 0x80, 0x01, _, kind, n0, n1, n2, n3, ..] = bytes else {
        return None;
    };
    let kind = match (side, kind) {
        (Side::Downstream, 1) => Kind::Request,
        (Side::Downstream, 4) => Kind::OneWay,
        (Side::Upstream, 2) => Kind::Answer,
        _ => return None,
    };
    let frame_bytes = u32::from_be_bytes([l0, l1, l2, l3]).checked_add(LENGTH_BYTES)?;
    let frame = bytes.get(..frame_bytes as usize)?;
    let name_len = u32::from_be_bytes([n0, n1, n2, n3]);
    let id_at = name_len.checked_add(NAME_AT)?;
    let id = frame.get(id_at as usize..)?.first_chunk::<4>()?;
    if frame_bytes > limits.frame_bytes_max || id_at.checked_add(4)? > limits.head_bytes_max {
        return None;
    }
    let name = Span::new(NAME_AT, name_len);
    Some(Head {
        frame_bytes,
        head_bytes: frame_bytes,
        id: Span::new(id_at, 4),
        id_value: u64::from(u32::from_be_bytes(*id)),
        method: method_in(side, name, frame),
        kind,
        cut: Cut::Cuttable,
        notes: [name.start, name.len, LENGTH_BYTES, 0],
        ..Head::default()
    })
}

/// The first frame of `bytes`.
fn first(side: Side, limits: &Limits, bytes: &[u8]) -> Result<Found, Malformed> {
    let Some(&length) = bytes.first_chunk::<4>() else {
        return Ok(Found::Need(LENGTH_BYTES as usize));
    };
    let payload = u32::from_be_bytes(length);
    if payload > limits.frame_bytes_max.saturating_sub(LENGTH_BYTES)
        || payload < FRAME_BYTES_MIN.saturating_sub(LENGTH_BYTES)
    {
        return Err(wrong_length(length, limits));
    }
    let frame_bytes = payload.saturating_add(LENGTH_BYTES);
    let reach = Reach {
        frame_bytes: frame_bytes as usize,
        head_bytes_max: limits.head_bytes_max as usize,
    };
    if let Some(frame) = bytes.get(..reach.frame_bytes) {
        return match read(side, frame, frame_bytes, reach)? {
            Found::Head(head) => Ok(Found::Head(Head {
                head_bytes: frame_bytes,
                ..head
            })),
            Found::Need(_) => Err(Malformed::new(
                4,
                "the frame ends inside the message's head",
            )),
        };
    }
    // Not all there. Bytes that are no Thrift are refused at the eighth, not kept until the
    // length that they seem to claim.
    let Some(first) = bytes.first_chunk::<8>() else {
        return Ok(Found::Need(FRAME_BYTES_MIN as usize));
    };
    let &[_, _, _, _, magic @ .., _, _] = first;
    if magic != header::MAGIC {
        message::read(first, LENGTH_BYTES as usize, reach)?;
    }
    if frame_bytes <= limits.cut_through_bytes {
        return Ok(Found::Need(reach.frame_bytes));
    }
    match read(side, bytes, frame_bytes, reach)? {
        Found::Head(head) if head.cut == Cut::Whole => Ok(Found::Need(reach.frame_bytes)),
        found => Ok(found),
    }
}

/// Reads the head of a frame that may be there in part. `head_bytes` is where the head ends.
#[inline]
fn read(side: Side, frame: &[u8], frame_bytes: u32, reach: Reach) -> Result<Found, Malformed> {
    if frame.get(4..6) == Some(&header::MAGIC) {
        return with_header(side, frame, frame_bytes, reach);
    }
    match message::read(frame, LENGTH_BYTES as usize, reach)? {
        message::Begin::Is(message) => {
            let head = head_of(side, frame, frame_bytes, LENGTH_BYTES, &message)?;
            Ok(Found::Head(head))
        }
        message::Begin::Need(need) => Ok(Found::Need(need)),
    }
}

/// The head of a frame whose message stands in it as it is.
#[inline]
fn head_of(
    side: Side,
    frame: &[u8],
    frame_bytes: u32,
    payload_at: u32,
    message: &Message,
) -> Result<Head, Malformed> {
    let kind = kind_of(side, message.kind, payload_at)?;
    let mut flags = match message.protocol {
        Protocol::Binary => 0,
        Protocol::Compact => COMPACT,
    };
    if message.kind == Type::Exception {
        flags |= EXCEPTION;
    }
    let name = message.name;
    Ok(Head {
        start: 0,
        frame_bytes,
        head_bytes: message.body,
        id: message.id,
        id_value: u64::from(message.id_value),
        method: method_in(side, name, frame),
        kind,
        cut: Cut::Cuttable,
        notes: [name.start, name.len, payload_at, flags],
        ..Head::default()
    })
}

/// The method in a name: all of it, or what follows the first `:` in a request.
#[inline]
fn method_in(side: Side, name: Span, frame: &[u8]) -> Span {
    if side == Side::Upstream {
        return name;
    }
    let bytes = name.of(frame).unwrap_or_default();
    match bytes.iter().position(|byte| *byte == b':') {
        Some(colon) => {
            let service = u32::try_from(colon).unwrap_or(u32::MAX).saturating_add(1);
            Span::new(
                name.start.saturating_add(service),
                name.len.saturating_sub(service),
            )
        }
        None => name,
    }
}

#[inline]
fn kind_of(side: Side, kind: Type, payload_at: u32) -> Result<Kind, Malformed> {
    match (side, kind) {
        (Side::Downstream, Type::Call) => Ok(Kind::Request),
        (Side::Downstream, Type::OneWay) => Ok(Kind::OneWay),
        (Side::Upstream, Type::Reply | Type::Exception) => Ok(Kind::Answer),
        (Side::Downstream, Type::Reply | Type::Exception) => Err(Malformed::new(
            payload_at as usize,
            "a client sent a reply; expected a call or a one-way",
        )),
        (Side::Upstream, Type::Call | Type::OneWay) => Err(Malformed::new(
            payload_at as usize,
            "a server sent a call; expected a reply or an exception",
        )),
    }
}

/// A frame of the header transport.
fn with_header(
    side: Side,
    frame: &[u8],
    frame_bytes: u32,
    reach: Reach,
) -> Result<Found, Malformed> {
    let header = match header::read(frame, reach)? {
        header::Begin::Is(header) => header,
        header::Begin::Need(need) => return Ok(Found::Need(need)),
    };
    let payload_at = u32::try_from(header.payload_at).unwrap_or(u32::MAX);
    let mut head = match header.transform {
        Transform::None => match message::read(frame, header.payload_at, reach)? {
            message::Begin::Need(need) => return Ok(Found::Need(need)),
            message::Begin::Is(message) => {
                same_protocol(&message, header.protocol, header.payload_at)?;
                head_of(side, frame, frame_bytes, payload_at, &message)?
            }
        },
        Transform::Zlib if frame.len() < reach.frame_bytes => {
            return Ok(Found::Need(reach.frame_bytes));
        }
        Transform::Zlib => {
            let (message, _) = beginning(frame, header.payload_at)?;
            same_protocol(&message, header.protocol, header.payload_at)?;
            // Name and id stand in the inflated payload, so no span of the frame names them.
            let mut head = head_of(side, &[], frame_bytes, payload_at, &message)?;
            head.notes = [0, 0, payload_at, head.notes[3] | ZLIB];
            untouchable(side, head)
        }
        Transform::Opaque => {
            let kind = match side {
                Side::Downstream => Kind::Request,
                Side::Upstream => Kind::Answer,
            };
            let head = Head {
                frame_bytes,
                id_value: u64::from(header.id),
                kind,
                notes: [0, 0, payload_at, OPAQUE],
                ..Head::default()
            };
            untouchable(side, head)
        }
    };
    let [_, _, _, flags] = &mut head.notes;
    *flags |= HEADER;
    if header.protocol == Protocol::Compact {
        *flags |= COMPACT;
    }
    Ok(Found::Head(head))
}

/// The head of a frame whose message is under a transform. Its id span is the header's: the
/// one id that can be seen.
fn untouchable(side: Side, head: Head) -> Head {
    Head {
        id: header::ID,
        method: Span::default(),
        head_bytes: head.frame_bytes,
        cut: Cut::Whole,
        exclusive: side == Side::Downstream,
        ..head
    }
}

/// The message at the beginning of a zlib payload, and the inflated bytes that its spans are of.
pub(crate) fn beginning(
    frame: &[u8],
    payload_at: usize,
) -> Result<(Message, zlib::Beginning), Malformed> {
    let payload = frame.get(payload_at..).unwrap_or_default();
    let inflated = zlib::Beginning::of(payload)
        .ok_or_else(|| Malformed::new(payload_at, "the payload is no zlib stream"))?;
    let bytes = inflated.bytes();
    let reach = Reach {
        frame_bytes: if inflated.whole {
            bytes.len()
        } else {
            usize::MAX
        },
        head_bytes_max: zlib::BEGIN_BYTES,
    };
    match message::read(bytes, 0, reach) {
        Ok(message::Begin::Is(message)) => Ok((message, inflated)),
        Ok(message::Begin::Need(_)) => Err(Malformed::new(
            payload_at,
            "the compressed payload ends inside the message's head",
        )),
        Err(malformed) => Err(Malformed::new(
            payload_at,
            format!("in the inflated payload, {malformed}"),
        )),
    }
}

fn same_protocol(message: &Message, said: Protocol, at: usize) -> Result<(), Malformed> {
    if message.protocol == said {
        Ok(())
    } else {
        Err(Malformed::new(
            at,
            "the header names one protocol, the message is of another",
        ))
    }
}

/// Whether a client's first bytes are framed Thrift.
pub(crate) fn sniff(prefix: &[u8]) -> Sniff {
    match prefix {
        // 1 GiB and more: another protocol's first letters.
        [first, ..] if *first >= 0x40 => Sniff::No,
        [_, _, _, _, 0x0f, 0xff, ..] => Sniff::Yes,
        [_, _, _, _, first, second, ..] => match message::protocol_of(*first, *second) {
            Some(_) => Sniff::Yes,
            None => Sniff::No,
        },
        _ => Sniff::Need(6),
    }
}

#[cold]
fn wrong_length(length: [u8; 4], limits: &Limits) -> Malformed {
    let bytes = u32::from_be_bytes(length);
    let looks = match &length {
        b"GET " | b"POST" | b"PUT " | b"HEAD" | b"DELE" | b"OPTI" | b"PATC" | b"CONN" | b"TRAC" => {
            ": looks like an HTTP request"
        }
        b"PRI " => ": looks like HTTP/2",
        b"HTTP" => ": looks like an HTTP response",
        b"SSH-" => ": looks like SSH",
        [0x16, 0x03, ..] => ": looks like a TLS handshake",
        [0x15, 0x03, ..] => ": looks like a TLS alert",
        [0x80, 0x01, ..] => ": looks like Thrift binary without frames; use the framed transport",
        [0x82, _, ..] => ": looks like Thrift compact without frames; use the framed transport",
        [b'*', b'0'..=b'9', ..] => ": looks like Redis",
        _ => "",
    };
    let reason = if bytes < FRAME_BYTES_MIN {
        format!("a frame length of {bytes}, too short for a message")
    } else {
        format!(
            "a frame length of {bytes}; the limit is {}{looks}",
            limits.frame_bytes_max.saturating_sub(LENGTH_BYTES)
        )
    };
    Malformed::new(0, reason)
}
