//! What is remembered of a request: its version, its id byte for byte and, in TUP, the servant
//! and function that an answer names again.
//!
//! Format: version, then a byte with the id's type in the low half and whether no answer is
//! wanted in the highest bit, the number of the id's bytes and they themselves, the servant's
//! length as u32, servant, function.

use weft_codec::{Asked, Head, Kind};

use crate::frame::Notes;
use crate::jce::IntegerBytes;

const ONE_WAY: u8 = 0x80;

/// A request, as [`write`] noted it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller<'a> {
    pub(crate) version: u8,
    pub(crate) one_way: bool,
    id_kind: u8,
    id: &'a [u8],
    /// Empty unless the request is of TUP; so is `function`.
    pub(crate) servant: &'a [u8],
    pub(crate) function: &'a [u8],
}

impl Caller<'_> {
    /// Whether answers are in the form of requests.
    pub(crate) fn is_tup(&self) -> bool {
        is_tup(self.version)
    }

    /// The caller's id as a field under `tag`.
    pub(crate) fn id(&self, tag: u8) -> Option<IntegerBytes> {
        IntegerBytes::again(tag, self.id_kind, self.id)
    }
}

fn is_tup(version: u8) -> bool {
    matches!(version, 2 | 3)
}

/// Notes a request in `asked`. A frame that is none leaves it empty.
pub(crate) fn write(head: &Head, frame: &[u8], asked: &mut Asked) {
    let field = head.id.of(frame).unwrap_or_default();
    // A tag of a byte of its own is possible, though nobody writes it for so small a tag.
    let (first, value) = match field {
        [first, _, value @ ..] if first >> 4 == 15 => (*first, value),
        [first, value @ ..] => (*first, value),
        [] => return,
    };
    let notes = Notes::of(head);
    let one_way = if head.kind == Kind::OneWay {
        ONE_WAY
    } else {
        0
    };
    let len = u8::try_from(value.len()).unwrap_or(0);
    asked
        .bytes
        .extend_from_slice(&[notes.version, first & 0x0f | one_way, len]);
    asked.bytes.extend_from_slice(value);
    if is_tup(notes.version) {
        let servant = notes.servant.of(frame).unwrap_or_default();
        let len = u32::try_from(servant.len()).unwrap_or(0);
        asked.bytes.extend_from_slice(&len.to_be_bytes());
        asked.bytes.extend_from_slice(servant);
        let function = head.method.of(frame).unwrap_or_default();
        asked.bytes.extend_from_slice(function);
    } else {
        asked.bytes.extend_from_slice(&[0; 4]);
    }
}

/// Reads what [`write`] wrote, or `None` if it did not write it.
pub(crate) fn read(asked: &Asked) -> Option<Caller<'_>> {
    let (&[version, flags, len], rest) = asked.bytes.split_first_chunk::<3>()?;
    let (id, rest) = rest.split_at_checked(usize::from(len))?;
    let (len, rest) = rest.split_first_chunk::<4>()?;
    let (servant, function) = rest.split_at_checked(u32::from_be_bytes(*len) as usize)?;
    Some(Caller {
        version,
        one_way: flags & ONE_WAY != 0,
        id_kind: flags & 0x0f,
        id,
        servant,
        function,
    })
}
