//! Integers as they stand on the wire. Knows bytes and no protocol.

/// An unsigned integer of 1 to 8 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Number {
    /// Bytes on the wire, 1 to 8.
    pub(crate) width: u8,
    /// Whether the least significant byte comes first.
    pub(crate) little: bool,
}

impl Number {
    /// Bytes on the wire.
    #[inline]
    pub(crate) fn bytes(self) -> usize {
        usize::from(self.width)
    }

    /// The largest value that it can carry.
    pub(crate) fn max(self) -> u64 {
        let unused = 64u32.saturating_sub(u32::from(self.width).saturating_mul(8));
        u64::MAX.checked_shr(unused).unwrap_or(0)
    }

    /// The value at `at`; `None` if its bytes are not all there.
    #[inline]
    pub(crate) fn read(self, bytes: &[u8], at: usize) -> Option<u64> {
        let rest = bytes.get(at..)?;
        Some(match (self.width, self.little) {
            (1, _) => u64::from(*rest.first()?),
            (2, false) => u64::from(u16::from_be_bytes(*rest.first_chunk()?)),
            (2, true) => u64::from(u16::from_le_bytes(*rest.first_chunk()?)),
            (4, false) => u64::from(u32::from_be_bytes(*rest.first_chunk()?)),
            (4, true) => u64::from(u32::from_le_bytes(*rest.first_chunk()?)),
            (8, false) => u64::from_be_bytes(*rest.first_chunk()?),
            (8, true) => u64::from_le_bytes(*rest.first_chunk()?),
            _ => self.fold(rest.get(..self.bytes())?),
        })
    }

    /// The value of exactly its bytes, for the widths that no machine integer has.
    fn fold(self, bytes: &[u8]) -> u64 {
        let join = |value: u64, byte: &u8| value.wrapping_shl(8) | u64::from(*byte);
        if self.little {
            bytes.iter().rev().fold(0, join)
        } else {
            bytes.iter().fold(0, join)
        }
    }

    /// Writes `value` at `at`. Returns false, and writes nothing, if it does not fit the width
    /// or the place.
    #[inline]
    pub(crate) fn write(self, value: u64, bytes: &mut [u8], at: usize) -> bool {
        if value > self.max() {
            return false;
        }
        let Some(place) = bytes.get_mut(at..at.saturating_add(self.bytes())) else {
            return false;
        };
        if let (Ok(four), Ok(value)) = (<&mut [u8; 4]>::try_from(&mut *place), u32::try_from(value))
        {
            // By far the most frequent width.
            *four = if self.little {
                value.to_le_bytes()
            } else {
                value.to_be_bytes()
            };
        } else if self.little {
            for (to, from) in place.iter_mut().zip(value.to_le_bytes()) {
                *to = from;
            }
        } else {
            for (to, from) in place.iter_mut().rev().zip(value.to_le_bytes()) {
                *to = from;
            }
        }
        true
    }

    /// Appends `value`. Returns false, and appends nothing, if it does not fit.
    pub(crate) fn push(self, value: u64, out: &mut Vec<u8>) -> bool {
        if value > self.max() {
            return false;
        }
        let at = out.len();
        out.resize(at.saturating_add(self.bytes()), 0);
        self.write(value, out, at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_width_and_order_comes_back_as_it_went() {
        for width in 1..=8 {
            for little in [false, true] {
                let number = Number { width, little };
                for value in [0, 1, 0x81, number.max() / 3, number.max()] {
                    let value = value.min(number.max());
                    let mut out = vec![0xEE];
                    assert!(number.push(value, &mut out));
                    assert_eq!(out.len(), 1 + usize::from(width));
                    assert_eq!(number.read(&out, 1), Some(value), "{number:?}");
                    assert_eq!(number.read(&out, 2), None);
                }
            }
        }
    }

    #[test]
    fn the_order_of_bytes_is_the_declared_one() {
        let big = Number {
            width: 3,
            little: false,
        };
        let little = Number {
            width: 3,
            little: true,
        };
        assert_eq!(big.read(&[1, 2, 3], 0), Some(0x01_02_03));
        assert_eq!(little.read(&[1, 2, 3], 0), Some(0x03_02_01));
    }

    #[test]
    fn a_value_that_does_not_fit_is_not_written() {
        let number = Number {
            width: 2,
            little: false,
        };
        let mut out = Vec::new();
        assert!(!number.push(0x1_0000, &mut out));
        assert!(out.is_empty());
        assert!(!number.write(1, &mut [0], 0));
    }
}
