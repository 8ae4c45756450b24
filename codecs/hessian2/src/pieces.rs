//! Texts and bytes, which may come in pieces.

use crate::{Dialect, Reader, Scalar};

impl<'a> Reader<'a> {
    /// A text: what it begins with, and all its pieces.
    #[inline]
    pub(crate) fn string(&mut self) -> Option<Scalar<'a>> {
        let tag = self.byte()?;
        self.string_of(tag)
    }

    #[inline]
    pub(crate) fn string_of(&mut self, tag: u8) -> Option<Scalar<'a>> {
        if tag <= 0x1f {
            return Some(Scalar::Text(self.characters(usize::from(tag))?));
        }
        let not_last = match self.dialect {
            Dialect::Final => b'R',
            Dialect::Draft => b's',
        };
        let mut tag = tag;
        let mut pieces = 0u32;
        loop {
            let length = match (tag, self.dialect) {
                (0x00..=0x1f, _) => usize::from(tag),
                (0x30..=0x33, Dialect::Final) => {
                    let high = usize::from(tag & 3) << 8;
                    high | usize::from(self.byte()?)
                }
                (b'S', _) => usize::from(u16::from_be_bytes(self.array()?)),
                _ if tag == not_last => usize::from(u16::from_be_bytes(self.array()?)),
                _ => return None,
            };
            let piece = self.characters(length)?;
            pieces = pieces.saturating_add(1);
            if tag != not_last {
                return Some(match pieces {
                    1 => Scalar::Text(piece),
                    _ => Scalar::Other,
                });
            }
            tag = self.byte()?;
        }
    }

    /// So many characters, each of one to four bytes.
    #[inline]
    pub(crate) fn characters(&mut self, count: usize) -> Option<&'a [u8]> {
        let start = self.at;
        let plain = start.checked_add(count)?;
        if let Some(text) = self.bytes.get(start..plain)
            && text.is_ascii()
        {
            self.at = plain;
            return Some(text);
        }
        self.wide_characters(start, count)
    }

    /// Characters of which some have more than one byte.
    #[cold]
    fn wide_characters(&mut self, start: usize, count: usize) -> Option<&'a [u8]> {
        let mut at = start;
        for _ in 0..count {
            let bytes = match *self.bytes.get(at)? {
                0x00..=0x7f => 1,
                0xc0..=0xdf => 2,
                0xe0..=0xef => 3,
                0xf0..=0xf7 => 4,
                _ => return None,
            };
            at = at.saturating_add(bytes);
        }
        self.at = at;
        self.bytes.get(start..at)
    }

    /// Bytes, in all their pieces.
    pub(crate) fn binary(&mut self, tag: u8) -> Option<Scalar<'a>> {
        let not_last = match self.dialect {
            Dialect::Final => b'A',
            Dialect::Draft => b'b',
        };
        let mut tag = tag;
        loop {
            let length = match (tag, self.dialect) {
                (0x20..=0x2f, _) => usize::from(tag & 0x0f),
                (0x34..=0x37, Dialect::Final) => {
                    let high = usize::from(tag & 3) << 8;
                    high | usize::from(self.byte()?)
                }
                (b'B', _) => usize::from(u16::from_be_bytes(self.array()?)),
                _ if tag == not_last => usize::from(u16::from_be_bytes(self.array()?)),
                _ => return None,
            };
            self.take(length)?;
            if tag != not_last {
                return Some(Scalar::Other);
            }
            tag = self.byte()?;
        }
    }
}
