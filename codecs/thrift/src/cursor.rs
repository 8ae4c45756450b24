//! Reading varints and strings off a slice, each step checked.

/// A place in a slice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// The longest varint of 32 bits.
pub(crate) const VARINT_BYTES_MAX: usize = 5;

/// What reading a varint came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Varint {
    /// Its value.
    Is(u32),
    /// It goes on after the last byte.
    Unfinished,
    /// It has more than 32 bits.
    TooLong,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    /// Offset of the next byte.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// The next byte.
    #[inline]
    pub(crate) fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at = self.at.saturating_add(1);
        Some(byte)
    }

    /// The next `len` bytes.
    #[inline]
    pub(crate) fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(len)?;
        let bytes = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(bytes)
    }

    /// An unsigned varint of at most 32 bits (LEB128), as Thrift's compact protocol writes it.
    #[inline]
    pub(crate) fn varint(&mut self) -> Varint {
        let mut value = 0u32;
        for shift in [0u32, 7, 14, 21, 28] {
            let Some(byte) = self.byte() else {
                return Varint::Unfinished;
            };
            if shift == 28 && byte > 0x0f {
                return Varint::TooLong;
            }
            value |= u32::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Varint::Is(value);
            }
        }
        Varint::TooLong
    }

    /// A varint that must be here whole.
    pub(crate) fn whole_varint(&mut self) -> Option<u32> {
        match self.varint() {
            Varint::Is(value) => Some(value),
            Varint::Unfinished | Varint::TooLong => None,
        }
    }
}

/// The bytes of a varint, and how many they are.
pub(crate) fn varint_bytes(value: u32) -> ([u8; VARINT_BYTES_MAX], usize) {
    let mut bytes = [0; VARINT_BYTES_MAX];
    let mut rest = value;
    let mut len = 0usize;
    for byte in &mut bytes {
        let [low, ..] = rest.to_le_bytes();
        rest >>= 7;
        len = len.saturating_add(1);
        if rest == 0 {
            *byte = low & 0x7f;
            break;
        }
        *byte = low | 0x80;
    }
    (bytes, len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_width_of_varint_reads_as_it_was_written() {
        for value in [
            0,
            1,
            127,
            128,
            16_383,
            16_384,
            1 << 21,
            (1 << 28) - 1,
            u32::MAX,
        ] {
            let (bytes, len) = varint_bytes(value);
            let mut cursor = Cursor::new(&bytes[..len], 0);
            assert_eq!(cursor.varint(), Varint::Is(value));
            assert_eq!(cursor.at(), len);
        }
    }

    #[test]
    fn a_varint_past_32_bits_is_too_long() {
        let mut cursor = Cursor::new(&[0xff, 0xff, 0xff, 0xff, 0x10], 0);
        assert_eq!(cursor.varint(), Varint::TooLong);
    }
}
