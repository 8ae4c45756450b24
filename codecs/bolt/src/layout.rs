//! The fixed part of both versions' headers, and what bytes that are no Bolt look like.

use weft_codec::{Kind, Malformed, Sniff, Span};

/// An answer of version 1 with nothing in it: nothing smaller is a frame.
pub(crate) const FRAME_BYTES_MIN: u32 = 20;

/// First byte of version 1.
pub(crate) const V1: u8 = 1;
/// First byte of version 2.
pub(crate) const V2: u8 = 2;

/// Bytes that say what a frame is and how long its fixed part is.
const TYPE_BYTES: usize = 3;

/// What the byte after the version says.
pub(crate) mod rpc_type {
    pub(crate) const RESPONSE: u8 = 0;
    pub(crate) const REQUEST: u8 = 1;
    pub(crate) const ONE_WAY: u8 = 2;
}

/// Command codes.
pub(crate) mod command {
    pub(crate) const HEARTBEAT: u16 = 0;
    pub(crate) const RESPONSE: u16 = 2;
}

/// Serializations.
pub(crate) mod serialization {
    pub(crate) const HESSIAN2: u8 = 1;
    pub(crate) const PROTOBUF: u8 = 11;
}

/// Bytes of the checksum at the end of some frames of version 2.
pub(crate) const CRC_BYTES: u32 = 4;

/// The fixed part of a frame's header, and where the rest stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    pub(crate) version: u8,
    pub(crate) rpc_type: u8,
    pub(crate) command: u16,
    pub(crate) serialization: u8,
    pub(crate) id: Span,
    pub(crate) id_value: u32,
    /// Where the time limit of a request, four bytes, or the status of an answer, two, stands.
    pub(crate) fields_at: usize,
    /// Where the three lengths stand: class u16, header u16, content u32.
    pub(crate) lengths_at: usize,
    pub(crate) class: Span,
    pub(crate) headers: Span,
    pub(crate) content: Span,
    /// Bytes of the whole frame.
    pub(crate) frame_bytes: u64,
    /// A CRC-32 of everything before it ends the frame.
    pub(crate) crc: bool,
}

impl Layout {
    /// The layout of the frame at the beginning of `bytes`, or how many bytes must be there.
    ///
    /// # Errors
    /// Bytes that are of another protocol.
    #[inline]
    pub(crate) fn read(bytes: &[u8]) -> Result<Result<Self, usize>, Malformed> {
        let version = match bytes {
            [] => return Ok(Err(1)),
            [version @ (V1 | V2), ..] => *version,
            _ => return Err(not_bolt(bytes)),
        };
        let (variant, rpc_type) = match *bytes {
            [V1, rpc_type, _, ..] => (1, rpc_type),
            [_, variant, rpc_type, ..] => (variant, rpc_type),
            _ => return Ok(Err(TYPE_BYTES)),
        };
        if !matches!(variant, 1 | 2) {
            return Err(wrong_variant(variant));
        }
        if rpc_type > rpc_type::ONE_WAY {
            return Err(wrong_type(version, rpc_type));
        }
        let fixed = Self::fixed_bytes(version, rpc_type);
        let Some(header) = bytes.get(..fixed) else {
            return Ok(Err(fixed));
        };
        // Nothing below is missing: the fixed part is there.
        Ok(Self::of(version, variant, rpc_type, header).ok_or(fixed))
    }

    fn fixed_bytes(version: u8, rpc_type: u8) -> usize {
        match (version, rpc_type == rpc_type::RESPONSE) {
            (V1, true) => 20,
            (V1, false) | (_, true) => 22,
            (_, false) => 24,
        }
    }

    #[inline]
    fn of(version: u8, variant: u8, rpc_type: u8, header: &[u8]) -> Option<Self> {
        // Version 2 has one byte more before its type, and a switch after its serialization.
        let (command_at, id_at) = match version {
            V1 => (2, 5),
            _ => (3, 6),
        };
        let command = header.get(command_at..)?;
        let (&[c1, c0, _, i3, i2, i1, i0, serialization], rest) = command.split_first_chunk()?;
        let switch = match (version, rest.first()) {
            (V2, Some(switch)) => *switch,
            _ => 0,
        };
        let lengths_at = header.len().checked_sub(8)?;
        let lengths = header.get(lengths_at..)?.first_chunk::<8>()?;
        let &[k1, k0, h1, h0, b3, b2, b1, b0] = lengths;
        let class_bytes = u32::from(u16::from_be_bytes([k1, k0]));
        let headers_bytes = u32::from(u16::from_be_bytes([h1, h0]));
        let content_bytes = u32::from_be_bytes([b3, b2, b1, b0]);
        let class = Span::new(u32::try_from(header.len()).ok()?, class_bytes);
        let headers = Span::new(class.end(), headers_bytes);
        let content = Span::new(headers.end(), content_bytes);
        // Java writes the checksum only in the second variant, whatever the switch says.
        let crc = variant == 2 && switch & 1 != 0;
        let tail = if crc { u64::from(CRC_BYTES) } else { 0 };
        let frame_bytes = u64::from(headers.end())
            .saturating_add(content_bytes.into())
            .saturating_add(tail);
        Some(Self {
            version,
            rpc_type,
            command: u16::from_be_bytes([c1, c0]),
            serialization,
            id: Span::new(id_at, 4),
            id_value: u32::from_be_bytes([i3, i2, i1, i0]),
            fields_at: if version == V1 { 10 } else { 12 },
            lengths_at,
            class,
            headers,
            content,
            frame_bytes,
            crc,
        })
    }

    /// The layout of a frame that was found good before.
    #[inline]
    pub(crate) fn again(frame: &[u8]) -> Option<Self> {
        Self::read(frame).ok()?.ok()
    }

    /// What the frame is.
    pub(crate) fn kind(&self) -> Kind {
        let heartbeat = self.command == command::HEARTBEAT;
        match self.rpc_type {
            rpc_type::RESPONSE if heartbeat => Kind::Pong,
            rpc_type::RESPONSE => Kind::Answer,
            _ if heartbeat => Kind::Ping,
            rpc_type::REQUEST => Kind::Request,
            _ => Kind::OneWay,
        }
    }

    /// The status of an answer.
    pub(crate) fn status(&self, frame: &[u8]) -> Option<u16> {
        let bytes = frame.get(self.fields_at..)?.first_chunk()?;
        (self.rpc_type == rpc_type::RESPONSE).then(|| u16::from_be_bytes(*bytes))
    }

    /// The milliseconds that a request will wait; none where it says none, or less.
    pub(crate) fn timeout(&self, frame: &[u8]) -> Option<u32> {
        if self.rpc_type == rpc_type::RESPONSE || self.command == command::HEARTBEAT {
            return None;
        }
        let bytes = frame.get(self.fields_at..)?.first_chunk()?;
        let left = i32::from_be_bytes(*bytes);
        u32::try_from(left).ok().filter(|left| *left > 0)
    }
}

/// Whether a client's first bytes are Bolt's: a request, one-way or heartbeat.
pub(crate) fn sniff(prefix: &[u8]) -> Sniff {
    let expected: &[&[u8]] = match prefix.first() {
        None => return Sniff::Need(1),
        Some(&V1) => &[&[V1], &[1, 2], &[0], &[0, 1, 2]],
        Some(_) => &[&[V2], &[1, 2], &[1, 2], &[0], &[0, 1, 2]],
    };
    for (byte, among) in prefix.iter().zip(expected) {
        if !among.contains(byte) {
            return Sniff::No;
        }
    }
    if prefix.len() < expected.len() {
        return Sniff::Need(expected.len());
    }
    Sniff::Yes
}

#[cold]
fn not_bolt(bytes: &[u8]) -> Malformed {
    let looks = match bytes {
        [b'A'..=b'Z', ..] => ": looks like text",
        [0x16, ..] => ": looks like a TLS handshake",
        [0xda, ..] => ": looks like Dubbo",
        [0, ..] => ": looks like a length, as Thrift or TARS begin with",
        _ => "",
    };
    let found = bytes.first().copied().unwrap_or(0);
    Malformed::new(0, format!("protocol code {found}; expected 1 or 2{looks}"))
}

#[cold]
fn wrong_variant(variant: u8) -> Malformed {
    let reason = format!("version {variant} of protocol code 2; expected 1 or 2");
    Malformed::new(1, reason)
}

#[cold]
fn wrong_type(version: u8, rpc_type: u8) -> Malformed {
    Malformed::new(
        usize::from(version),
        format!("type {rpc_type}; expected 0 (answer), 1 (request) or 2 (one-way)"),
    )
}
