//! How ids stand in described frames: as the description says it, and as the dialect writes and
//! reads it.
//!
//! A client's id is a number; its bytes are made of it in ways that the mesh would not use:
//! zeros before digits, large letters, other lengths, and now and then just what the mesh might
//! draw itself. What comes back must be those bytes.

use weft_codec::Kind;

use super::{Cursor, write_varint};
use crate::message::Message;

/// Where an id stands, and how it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IdShape {
    /// Nowhere.
    None,
    /// One byte, of which the mesh may use 1 to 250.
    Byte,
    /// LEB128.
    Varint,
    /// A text behind its length.
    Text,
    /// Decimal digits up to the line's end.
    Line,
    /// 36 characters.
    Uuid,
    /// Six decimal digits.
    Digits,
    /// An entry of a map.
    InMap,
    /// An element of a counted list.
    InList,
    /// Two bytes in a type-length-value.
    InTlv,
    /// A field of a protobuf message.
    InProto,
    /// Two bytes that cannot be read where the frame is sealed.
    Sealed,
    /// Four bytes behind the body, under a checksum.
    Trailer,
}

impl IdShape {
    /// Every shape that has an id.
    pub(crate) const ALL: [Self; 12] = [
        Self::Byte,
        Self::Varint,
        Self::Text,
        Self::Line,
        Self::Uuid,
        Self::Digits,
        Self::InMap,
        Self::InList,
        Self::InTlv,
        Self::InProto,
        Self::Sealed,
        Self::Trailer,
    ];

    /// Bytes of the numbers that clients use as ids.
    pub(crate) const fn id_bytes(self) -> usize {
        match self {
            Self::None => 0,
            Self::Byte => 1,
            Self::Digits | Self::InTlv | Self::Sealed => 2,
            Self::Trailer => 4,
            Self::Uuid => 6,
            Self::Varint | Self::Text | Self::Line | Self::InMap | Self::InList | Self::InProto => {
                8
            }
        }
    }

    /// Fields of the description before the body, and behind it.
    pub(super) const fn described(self) -> (&'static str, &'static str) {
        match self {
            Self::None => ("", ""),
            Self::Byte => (r#"Id("id", U8),"#, ""),
            Self::Varint => (r#"Id("id", Varint),"#, ""),
            Self::Text => (r#"Id("id", Str(U8)),"#, ""),
            Self::Line => (r#"Id("id", Str(Until("\n"), Digits(10))),"#, ""),
            Self::Uuid => (r#"Id("id", Uuid),"#, ""),
            Self::Digits => (r#"Id("id", Decimal(6)),"#, ""),
            Self::InMap => (
                r#"Map("meta", U8, Str(U8), Str(U16), { "call": Id("id", Str(Rest)) }),"#,
                "",
            ),
            Self::InList => (
                r#"List("heads", U8, [Int(U16), Str(U8), Str(Varint)], { 300: Id("id", Str(Rest)) }),"#,
                "",
            ),
            Self::InTlv => (r#"Tlv("tlv", U16, U8, U8, { 5: Id("id", U16) }),"#, ""),
            Self::InProto => (r#"Proto("head", Varint, { 4: Id("id", Varint) }),"#, ""),
            Self::Sealed => (r#"Opaque({ "sealed": 1 }), Id("id", U16),"#, ""),
            Self::Trailer => ("", r#"Id("id", U32), Checksum("crc", U32, Crc32, Before),"#),
        }
    }

    /// The bytes of a client's id.
    fn bytes(self, id: u64) -> Vec<u8> {
        let like_the_meshs = id.is_multiple_of(4);
        match self {
            Self::None => Vec::new(),
            Self::Varint | Self::InProto => {
                let mut out = Vec::new();
                write_varint(id, &mut out);
                out
            }
            Self::Byte | Self::InTlv | Self::Sealed | Self::Trailer => {
                id.to_be_bytes()[8 - self.id_bytes()..].to_vec()
            }
            Self::Line if like_the_meshs => id.to_string().into_bytes(),
            Self::Line => format!("{id:0>width$}", width = 1 + (id % 29) as usize).into_bytes(),
            Self::Digits => format!("{id:06}").into_bytes(),
            Self::Text | Self::InMap | Self::InList if like_the_meshs => {
                format!("{id:016x}").into_bytes()
            }
            Self::Text | Self::InMap | Self::InList => {
                let tail = "~".repeat((id % 37) as usize);
                format!("\u{e4}/{id:X}/{tail}").into_bytes()
            }
            Self::Uuid if like_the_meshs => {
                format!("00000000-0000-4000-8000-{id:012x}").into_bytes()
            }
            Self::Uuid => format!("6F1AB9A2-51a1-4c7e-9D2b-{id:012X}").into_bytes(),
        }
    }

    /// The number of which a client made these bytes, if it did.
    fn number(self, bytes: &[u8]) -> Option<u64> {
        let id = match self {
            Self::None => 0,
            Self::Varint | Self::InProto => Cursor(bytes).varint()?,
            Self::Byte | Self::InTlv | Self::Sealed | Self::Trailer => {
                Cursor(bytes).number(bytes.len())?
            }
            Self::Line | Self::Digits => std::str::from_utf8(bytes).ok()?.parse().ok()?,
            Self::Uuid => hex(bytes.get(24..)?)?,
            Self::Text | Self::InMap | Self::InList => {
                match bytes.strip_prefix("\u{e4}/".as_bytes()) {
                    Some(rest) => hex(rest.split(|byte| *byte == b'/').next()?)?,
                    None => hex(bytes)?,
                }
            }
        };
        (self.bytes(id) == bytes).then_some(id)
    }

    /// Puts the id before the body, with what stands around it.
    pub(super) fn write(self, message: &Message, out: &mut Vec<u8>) {
        let id = self.of(message);
        let odd = message.sequence % 2 == 1;
        match self {
            Self::None | Self::Trailer => {}
            Self::Text => {
                out.push(id.len() as u8);
                out.extend_from_slice(&id);
            }
            Self::Line => {
                out.extend_from_slice(&id);
                out.push(b'\n');
            }
            Self::InMap => {
                let (before, behind) = if odd { (2, 0) } else { (0, 1) };
                out.push(1 + before + behind);
                let entry = |key: &[u8], value: &[u8], out: &mut Vec<u8>| {
                    out.push(key.len() as u8);
                    out.extend_from_slice(key);
                    out.extend_from_slice(&(value.len() as u16).to_be_bytes());
                    out.extend_from_slice(value);
                };
                (0..before).for_each(|n| entry(&[b'c', n], b"before", out));
                entry(b"call", &id, out);
                (0..behind).for_each(|n| entry(&[n], b"", out));
            }
            Self::InList => {
                // Each with a text that nobody asks for between its number and its value.
                let element = |number: u16, value: &[u8], out: &mut Vec<u8>| {
                    out.extend_from_slice(&number.to_be_bytes());
                    out.extend_from_slice(b"\x02--");
                    write_varint(value.len() as u64, out);
                    out.extend_from_slice(value);
                };
                out.push(if odd { 3 } else { 1 });
                if odd {
                    element(44, &[7; 200], out);
                }
                element(300, &id, out);
                if odd {
                    element(301, b"behind", out);
                }
            }
            Self::InTlv => {
                let mut tlv = if odd {
                    b"\x01\x03abc".to_vec()
                } else {
                    Vec::new()
                };
                tlv.extend_from_slice(&[5, 2]);
                tlv.extend_from_slice(&id);
                tlv.extend_from_slice(b"\x09\x00");
                out.extend_from_slice(&(tlv.len() as u16).to_be_bytes());
                out.extend_from_slice(&tlv);
            }
            Self::InProto => {
                // Field 2, a text; field 4, the id; field 7, a fixed 32.
                let mut proto = if odd {
                    b"\x12\x02hi".to_vec()
                } else {
                    Vec::new()
                };
                proto.push(4 << 3);
                proto.extend_from_slice(&id);
                proto.extend_from_slice(b"\x3d\x01\x02\x03\x04");
                write_varint(proto.len() as u64, out);
                out.extend_from_slice(&proto);
            }
            _ => out.extend_from_slice(&id),
        }
    }

    /// Finds the id before the body.
    pub(super) fn read(
        self,
        cursor: &mut Cursor<'_>,
        from_client: bool,
        message: &mut Message,
    ) -> Option<()> {
        let id = match self {
            Self::None | Self::Trailer => return Some(()),
            Self::Byte | Self::Digits | Self::Uuid | Self::Sealed => {
                let count = if self == Self::Uuid {
                    36
                } else {
                    self.bytes(0).len()
                };
                cursor.take(count)?
            }
            Self::Varint => varint_bytes(cursor)?,
            Self::Text => cursor.text()?,
            Self::Line => {
                let end = cursor.0.iter().position(|byte| *byte == b'\n')?;
                let id = cursor.take(end)?;
                cursor.take(1)?;
                id
            }
            Self::InMap => read_map(cursor)?,
            Self::InList => read_list(cursor)?,
            Self::InTlv => {
                let count = cursor.number(2)? as usize;
                read_tlv(Cursor(cursor.take(count)?))?
            }
            Self::InProto => {
                let count = cursor.varint()? as usize;
                read_proto(Cursor(cursor.take(count)?))?
            }
        };
        self.note(id, from_client, message)
    }

    /// Bytes behind the body.
    pub(super) const fn trailer_bytes(self) -> usize {
        if matches!(self, Self::Trailer) { 8 } else { 0 }
    }

    /// Puts the id behind the body, and the checksum of the frame that begins at `start`.
    pub(super) fn write_trailer(self, message: &Message, start: usize, out: &mut Vec<u8>) {
        if self == Self::Trailer {
            out.extend_from_slice(&self.of(message));
            let crc = crc32(&out[start..]);
            out.extend_from_slice(&crc.to_be_bytes());
        }
    }

    /// Takes the id from behind the body; answers the frame without its trailer.
    pub(super) fn read_trailer<'a>(
        self,
        frame: &'a [u8],
        from_client: bool,
        message: &mut Message,
    ) -> Option<&'a [u8]> {
        if self != Self::Trailer {
            return Some(frame);
        }
        let (summed, crc) = frame.split_at_checked(frame.len().checked_sub(4)?)?;
        let (rest, id) = summed.split_at_checked(summed.len().checked_sub(4)?)?;
        self.note(id, from_client, message)?;
        (crc == crc32(summed).to_be_bytes()).then_some(rest)
    }

    /// The bytes of a message's id: those that were read, or those of a client's number.
    fn of(self, message: &Message) -> Vec<u8> {
        if message.id_bytes.is_empty() {
            self.bytes(message.id)
        } else {
            message.id_bytes.clone()
        }
    }

    /// A server notes the bytes of an id, to give them back; a client must know them.
    fn note(self, id: &[u8], from_client: bool, message: &mut Message) -> Option<()> {
        if from_client {
            message.id = self.number(id).unwrap_or(u64::MAX);
            message.id_bytes = id.to_vec();
        } else if matches!(message.kind, Kind::Handshake | Kind::GoAway) {
            // Nobody's: what the mesh says of its own accord answers no request.
        } else {
            message.id = self.number(id)?;
        }
        Some(())
    }
}

fn hex(digits: &[u8]) -> Option<u64> {
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

fn varint_bytes<'a>(cursor: &mut Cursor<'a>) -> Option<&'a [u8]> {
    let all = cursor.0;
    cursor.varint()?;
    all.get(..all.len() - cursor.0.len())
}

fn read_map<'a>(cursor: &mut Cursor<'a>) -> Option<&'a [u8]> {
    let mut found = None;
    for _ in 0..cursor.number(1)? {
        let key = cursor.text()?;
        let count = cursor.number(2)? as usize;
        let value = cursor.take(count)?;
        if key == b"call" && found.replace(value).is_some() {
            return None;
        }
    }
    Some(found.unwrap_or_default())
}

fn read_list<'a>(cursor: &mut Cursor<'a>) -> Option<&'a [u8]> {
    let mut found = None;
    for _ in 0..cursor.number(1)? {
        let number = cursor.number(2)?;
        cursor.text()?;
        let count = cursor.varint()? as usize;
        let value = cursor.take(count)?;
        if number == 300 && found.replace(value).is_some() {
            return None;
        }
    }
    Some(found.unwrap_or_default())
}

fn read_tlv<'a>(mut cursor: Cursor<'a>) -> Option<&'a [u8]> {
    let mut found = None;
    while !cursor.0.is_empty() {
        let (kind, count) = (cursor.number(1)?, cursor.number(1)? as usize);
        let value = cursor.take(count)?;
        if kind == 5 && found.replace(value).is_some() {
            return None;
        }
    }
    found
}

fn read_proto<'a>(mut cursor: Cursor<'a>) -> Option<&'a [u8]> {
    let mut found = None;
    while !cursor.0.is_empty() {
        match cursor.varint()? {
            0x12 => {
                cursor.text()?;
            }
            0x20 => found = Some(varint_bytes(&mut cursor)?),
            0x3D => {
                cursor.take(4)?;
            }
            _ => return None,
        }
    }
    found
}

/// One step of the CRC-32 of zlib for each byte, by hand.
const STEPS: [u32; 256] = {
    let mut steps = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let (mut crc, mut bit) = (byte as u32, 0);
        while bit < 8 {
            crc = crc >> 1 ^ if crc & 1 == 1 { 0xEDB8_8320 } else { 0 };
            bit += 1;
        }
        steps[byte] = crc;
        byte += 1;
    }
    steps
};

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        crc >> 8 ^ STEPS[((crc ^ u32::from(*byte)) & 0xFF) as usize]
    })
}
