//! Reading and writing JCE, the tagged encoding of TARS, each step checked and bounded.
//!
//! A field is a head (tag in the high four bits, type in the low four; a tag above 14 has a byte
//! of its own) and a value. It knows values, not what packets are made of them.

use weft_codec::{Malformed, Span};

/// Types of values, as TARS numbers them.
pub(crate) mod kind {
    pub(crate) const INT8: u8 = 0;
    pub(crate) const INT16: u8 = 1;
    pub(crate) const INT32: u8 = 2;
    pub(crate) const INT64: u8 = 3;
    pub(crate) const FLOAT: u8 = 4;
    pub(crate) const DOUBLE: u8 = 5;
    pub(crate) const STRING1: u8 = 6;
    pub(crate) const STRING4: u8 = 7;
    pub(crate) const MAP: u8 = 8;
    pub(crate) const LIST: u8 = 9;
    pub(crate) const STRUCT_BEGIN: u8 = 10;
    pub(crate) const STRUCT_END: u8 = 11;
    pub(crate) const ZERO: u8 = 12;
    pub(crate) const SIMPLE_LIST: u8 = 13;
}

/// Maps, lists and structures in each other beyond this depth are refused.
const DEPTH_MAX: u8 = 16;

/// Why reading stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// So many bytes of the frame must be there.
    Need(usize),
    /// The bytes are not what they must be.
    Malformed(Malformed),
}

impl Stop {
    pub(crate) fn malformed(at: usize, reason: &'static str) -> Self {
        Self::Malformed(Malformed::new(at, reason))
    }
}

/// The head of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FieldHead {
    /// Where it stands.
    pub(crate) at: usize,
    pub(crate) tag: u8,
    pub(crate) kind: u8,
}

/// An integer with the place of its whole field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Integer {
    /// Head and value.
    pub(crate) span: Span,
    pub(crate) kind: u8,
    pub(crate) value: i64,
}

/// A place in a frame of which all bytes, or only the first, are there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    frame_bytes: usize,
    head_bytes_max: usize,
}

impl<'a> Reader<'a> {
    /// Begins at offset `at` of a frame of `frame_bytes`.
    pub(crate) fn new(bytes: &'a [u8], at: usize, frame_bytes: usize) -> Self {
        Self {
            bytes,
            at,
            frame_bytes,
            head_bytes_max: usize::MAX,
        }
    }

    /// Reads no further than so many bytes of the frame, until [`Reader::leave_head`].
    pub(crate) fn within(self, head_bytes_max: u32) -> Self {
        Self {
            head_bytes_max: head_bytes_max as usize,
            ..self
        }
    }

    /// What follows is bounded by the frame alone.
    pub(crate) fn leave_head(&mut self) {
        self.head_bytes_max = usize::MAX;
    }

    /// Offset of the next byte.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// Whether the frame ends here.
    pub(crate) fn is_at_end(&self) -> bool {
        self.at >= self.frame_bytes
    }

    #[inline]
    fn take(&mut self, len: usize) -> Result<&'a [u8], Stop> {
        let end = self.at.saturating_add(len);
        if end > self.frame_bytes {
            return Err(Stop::malformed(
                self.at,
                "a field reaches past the end of its packet",
            ));
        }
        if end > self.head_bytes_max {
            return Err(Stop::malformed(
                self.at,
                "the names of a packet reach past the limit of its head",
            ));
        }
        let bytes = self.bytes.get(self.at..end).ok_or(Stop::Need(end))?;
        self.at = end;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Stop> {
        let at = self.at;
        let bytes = self.take(N)?;
        bytes
            .first_chunk()
            .copied()
            .ok_or(Stop::malformed(at, "a field is cut off"))
    }

    /// The head of the next field.
    #[inline]
    pub(crate) fn head(&mut self) -> Result<FieldHead, Stop> {
        let at = self.at;
        let [first] = self.array()?;
        let kind = first & 0x0f;
        let tag = match first >> 4 {
            15 => {
                let [tag] = self.array()?;
                tag
            }
            tag => tag,
        };
        Ok(FieldHead { at, tag, kind })
    }

    /// The integer of a head that was read.
    #[inline]
    pub(crate) fn integer(&mut self, head: FieldHead) -> Result<Integer, Stop> {
        let value = match head.kind {
            kind::ZERO => 0,
            kind::INT8 => i8::from_be_bytes(self.array()?).into(),
            kind::INT16 => i16::from_be_bytes(self.array()?).into(),
            kind::INT32 => i32::from_be_bytes(self.array()?).into(),
            kind::INT64 => i64::from_be_bytes(self.array()?),
            _ => {
                return Err(Stop::malformed(
                    head.at,
                    "a field has another type; expected an integer",
                ));
            }
        };
        Ok(Integer {
            span: Span::between(head.at, self.at),
            kind: head.kind,
            value,
        })
    }

    /// Where the text of a head that was read stands.
    #[inline]
    pub(crate) fn text(&mut self, head: FieldHead) -> Result<Span, Stop> {
        let len = match head.kind {
            kind::STRING1 => {
                let [len] = self.array()?;
                usize::from(len)
            }
            kind::STRING4 => self.length32()?,
            _ => {
                return Err(Stop::malformed(
                    head.at,
                    "a field has another type; expected a string",
                ));
            }
        };
        let start = self.at;
        self.take(len)?;
        Ok(Span::between(start, self.at))
    }

    fn length32(&mut self) -> Result<usize, Stop> {
        let at = self.at;
        let len = u32::from_be_bytes(self.array()?);
        usize::try_from(len).map_err(|_| Stop::malformed(at, "a length is too large"))
    }

    /// How many elements, or bytes, follow: an integer field under tag 0.
    pub(crate) fn count(&mut self) -> Result<usize, Stop> {
        let head = self.head()?;
        let count = self.integer(head)?.value;
        usize::try_from(count).map_err(|_| Stop::malformed(head.at, "a count is negative"))
    }

    /// Passes over the value of a head that was read.
    pub(crate) fn skip(&mut self, head: FieldHead) -> Result<(), Stop> {
        self.skip_at(head, 0)
    }

    fn skip_at(&mut self, head: FieldHead, depth: u8) -> Result<(), Stop> {
        if depth > DEPTH_MAX {
            return Err(Stop::malformed(
                head.at,
                "maps, lists and structures are nested too deeply",
            ));
        }
        let inner = depth.saturating_add(1);
        match head.kind {
            kind::FLOAT => self.take(4).map(drop),
            kind::DOUBLE => self.take(8).map(drop),
            kind::STRING1 | kind::STRING4 => self.text(head).map(drop),
            kind::SIMPLE_LIST => self.bytes().map(drop),
            // Every element takes a byte at least, so the frame's end bounds the walk.
            kind::MAP => {
                for _ in 0..self.count()?.saturating_mul(2) {
                    let element = self.head()?;
                    self.skip_at(element, inner)?;
                }
                Ok(())
            }
            kind::LIST => {
                for _ in 0..self.count()? {
                    let element = self.head()?;
                    self.skip_at(element, inner)?;
                }
                Ok(())
            }
            kind::STRUCT_BEGIN => loop {
                let member = self.head()?;
                if member.kind == kind::STRUCT_END {
                    return Ok(());
                }
                self.skip_at(member, inner)?;
            },
            kind::STRUCT_END => Err(Stop::malformed(
                head.at,
                "a structure ends that never began",
            )),
            _ => self.integer(head).map(drop),
        }
    }

    /// The bytes of a simple list whose head was read: the head of its elements, which must be
    /// bytes, their number, and they themselves.
    fn bytes(&mut self) -> Result<Span, Stop> {
        let element = self.head()?;
        if element.kind != kind::INT8 {
            return Err(Stop::malformed(
                element.at,
                "a simple list has elements that are no bytes",
            ));
        }
        let len = self.count()?;
        let start = self.at;
        self.take(len)?;
        Ok(Span::between(start, self.at))
    }

    /// The value under `key` in a map of texts whose head was read; of a key that is there
    /// twice the last value counts, as in the map that peers fill.
    pub(crate) fn find(&mut self, key: &[u8]) -> Result<Option<Span>, Stop> {
        let mut found = None;
        for _ in 0..self.count()? {
            let head = self.head()?;
            let name = self.text(head)?;
            let head = self.head()?;
            let value = self.text(head)?;
            if name.of(self.bytes) == Some(key) {
                found = Some(value);
            }
        }
        Ok(found)
    }
}

/// The longest integer field: a head of one byte and 32 bits.
const INTEGER_BYTES_MAX: usize = 5;

/// An integer field as peers write it: in the shortest type that holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IntegerBytes {
    bytes: [u8; INTEGER_BYTES_MAX],
    len: usize,
}

impl IntegerBytes {
    /// Of `value` under `tag`, which is below 15.
    pub(crate) fn new(tag: u8, value: i32) -> Self {
        let [b0, b1, b2, b3] = value.to_be_bytes();
        let (kind, value, len) = if value == 0 {
            (kind::ZERO, [0; 4], 1)
        } else if i8::try_from(value).is_ok() {
            (kind::INT8, [b3, 0, 0, 0], 2)
        } else if i16::try_from(value).is_ok() {
            (kind::INT16, [b2, b3, 0, 0], 3)
        } else {
            (kind::INT32, [b0, b1, b2, b3], 5)
        };
        let [v0, v1, v2, v3] = value;
        Self {
            bytes: [tag << 4 | kind, v0, v1, v2, v3],
            len,
        }
    }

    /// A type and the bytes of its value, as they stood in another field, under `tag`; `None`
    /// if they are no integer of at most 32 bits.
    pub(crate) fn again(tag: u8, kind: u8, value: &[u8]) -> Option<Self> {
        let fits = match kind {
            kind::ZERO => value.is_empty(),
            kind::INT8 => value.len() == 1,
            kind::INT16 => value.len() == 2,
            kind::INT32 => value.len() == 4,
            _ => false,
        };
        let mut bytes = [tag << 4 | kind, 0, 0, 0, 0];
        let end = value.len().saturating_add(1);
        bytes
            .get_mut(1..end)
            .filter(|_| fits)?
            .copy_from_slice(value);
        Some(Self { bytes, len: end })
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// Appends a text under `tag`, which is below 15; `None` if it is too long for any length.
pub(crate) fn put_text(tag: u8, text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    if let Ok(len) = u8::try_from(text.len()) {
        out.extend_from_slice(&[tag << 4 | kind::STRING1, len]);
    } else {
        out.push(tag << 4 | kind::STRING4);
        out.extend_from_slice(&u32::try_from(text.len()).ok()?.to_be_bytes());
    }
    out.extend_from_slice(text);
    Some(())
}

/// Appends bytes as a simple list under `tag`, which is below 15.
pub(crate) fn put_bytes(tag: u8, bytes: &[u8], out: &mut Vec<u8>) -> Option<()> {
    out.extend_from_slice(&[tag << 4 | kind::SIMPLE_LIST, kind::INT8]);
    out.extend_from_slice(IntegerBytes::new(0, i32::try_from(bytes.len()).ok()?).as_slice());
    out.extend_from_slice(bytes);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(bytes: &[u8]) -> Reader<'_> {
        Reader::new(bytes, 0, bytes.len())
    }

    fn skipped(bytes: &[u8]) -> Result<usize, Stop> {
        let mut reader = reader(bytes);
        let head = reader.head()?;
        reader.skip(head)?;
        Ok(reader.at())
    }

    #[test]
    fn integers_of_every_width_read_as_they_were_written() {
        for (value, len) in [
            (0, 1),
            (1, 2),
            (-1, 2),
            (127, 2),
            (-128, 2),
            (128, 3),
            (-129, 3),
            (32_767, 3),
            (32_768, 5),
            (-32_769, 5),
            (i32::MAX, 5),
            (i32::MIN, 5),
        ] {
            let bytes = IntegerBytes::new(4, value);
            assert_eq!(bytes.as_slice().len(), len, "{value}");
            let mut reader = reader(bytes.as_slice());
            let head = reader.head().unwrap();
            assert_eq!((head.tag, head.at), (4, 0));
            let read = reader.integer(head).unwrap();
            assert_eq!(read.value, i64::from(value));
            assert!(reader.is_at_end());
        }
    }

    #[test]
    fn a_tag_above_14_has_a_byte_of_its_own() {
        let mut reader = reader(&[0xf0, 200, 7]);
        let head = reader.head().unwrap();
        assert_eq!((head.tag, head.kind), (200, kind::INT8));
        assert_eq!(reader.integer(head).unwrap().value, 7);
    }

    #[test]
    fn values_of_every_type_are_passed_over_whole() {
        for value in [
            &[0x04, 0, 0, 0, 0][..],
            &[0x05, 0, 0, 0, 0, 0, 0, 0, 0],
            &[0x06, 2, b'a', b'b'],
            &[0x07, 0, 0, 0, 1, b'a'],
            &[0x08, 0x00, 1, 0x06, 1, b'k', 0x16, 1, b'v'],
            &[0x09, 0x00, 2, 0x0c, 0x00, 1],
            &[0x0a, 0x0c, 0x16, 0, 0x0b],
            &[0x0d, 0x00, 0x00, 3, 1, 2, 3],
        ] {
            assert_eq!(skipped(value), Ok(value.len()), "{value:02x?}");
        }
    }

    #[test]
    fn nesting_beyond_the_bound_is_refused() {
        let lists = |depth: usize| {
            let mut bytes = [0x09, 0x00, 1].repeat(depth);
            bytes.push(0x0c);
            bytes
        };
        assert_eq!(skipped(&lists(16)), Ok(49));
        assert!(matches!(skipped(&lists(17)), Err(Stop::Malformed(_))));
    }

    #[test]
    fn a_count_that_lies_ends_with_the_packet() {
        // Two billion elements in four bytes.
        let list = [0x09, 0x02, 0x7f, 0xff, 0xff, 0xff, 0x0c, 0x0c];
        assert!(matches!(skipped(&list), Err(Stop::Malformed(_))));
        let negative = [0x09, 0x00, 0xff];
        assert!(matches!(skipped(&negative), Err(Stop::Malformed(_))));
    }

    #[test]
    fn of_a_key_that_is_there_twice_the_last_value_counts() {
        let map = [
            0x98, 0x00, 2, 0x06, 1, b'k', 0x16, 1, b'1', 0x06, 1, b'k', 0x16, 1, b'2',
        ];
        let mut reader = reader(&map);
        reader.head().unwrap();
        let found = reader.find(b"k").unwrap().unwrap();
        assert_eq!(found.of(&map), Some(&b"2"[..]));
    }
}
