//! Integers as they stand on the wire. Knows bytes and no protocol.
//!
//! A value is a `u64`; negative ones are its two's complement. [`Number::value`] tells what is
//! meant.

use crate::stop::Stop;

/// The most bytes of an integer of variable width: ten groups of seven bits hold 64.
pub(crate) const VARINT_BYTES_MAX: usize = 10;

/// An integer on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Number {
    /// Bytes on the wire, 1 to 8, of digits 1 to 18; 0 where they vary.
    pub(crate) width: u8,
    /// Whether the least significant byte comes first.
    pub(crate) little: bool,
    pub(crate) form: Form,
}

/// How an integer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// So many bytes, from 0.
    Unsigned,
    /// So many bytes, in two's complement.
    Signed,
    /// Groups of seven bits, the lowest first (LEB128, protobuf, MQTT).
    Varint,
    /// The same, with the sign in the lowest bit (protobuf's `sint`).
    ZigZag,
    /// Groups of seven bits, the highest first (MIDI, ASN.1, git).
    VarintBe,
    /// So many decimal digits, with zeros before them.
    Decimal,
}

impl Number {
    /// An unsigned integer of so many bytes, the highest first.
    pub(crate) const fn big(width: u8) -> Self {
        Self {
            width,
            little: false,
            form: Form::Unsigned,
        }
    }

    /// Its fewest bytes.
    #[inline]
    pub(crate) fn bytes(self) -> usize {
        usize::from(self.width.max(1))
    }

    /// Whether it always has the same number of bytes.
    #[inline]
    pub(crate) fn is_fixed(self) -> bool {
        self.width > 0
    }

    /// The largest value that it can carry.
    pub(crate) fn max(self) -> u64 {
        match self.form {
            Form::Unsigned => {
                let unused = 64u32.saturating_sub(u32::from(self.width).saturating_mul(8));
                u64::MAX.checked_shr(unused).unwrap_or(0)
            }
            Form::Signed => {
                let unused = 65u32.saturating_sub(u32::from(self.width).saturating_mul(8));
                u64::MAX.checked_shr(unused).unwrap_or(0)
            }
            Form::ZigZag => u64::MAX >> 1,
            Form::Varint | Form::VarintBe => u64::MAX,
            Form::Decimal => 10u64
                .checked_pow(u32::from(self.width))
                .map_or(u64::MAX, |power| power.saturating_sub(1)),
        }
    }

    /// The smallest value that it can carry.
    pub(crate) fn min(self) -> i128 {
        if self.is_signed() {
            i128::from(self.max()).wrapping_neg().wrapping_sub(1)
        } else {
            0
        }
    }

    /// Whether negative values are meant.
    pub(crate) fn is_signed(self) -> bool {
        matches!(self.form, Form::Signed | Form::ZigZag)
    }

    /// What a value that was read means.
    #[inline]
    pub(crate) fn value(self, raw: u64) -> i128 {
        if self.is_signed() {
            i128::from(raw.cast_signed())
        } else {
            i128::from(raw)
        }
    }

    /// The unsigned value at `at`, for integers of fixed width; `None` if its bytes are not all
    /// there.
    #[inline]
    fn fixed(self, bytes: &[u8], at: usize) -> Option<u64> {
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

    /// The value at `at`, of which all bytes must stand before `end`.
    #[inline]
    pub(crate) fn read(self, frame: &[u8], at: usize, end: usize) -> Result<u64, Stop> {
        if self.form != Form::Unsigned {
            return self.decode(frame, at, end).map(|(value, _)| value);
        }
        self.read_plain(frame, at, end)
    }

    /// [`Self::read`] for integers that are known to be unsigned and of fixed width.
    #[inline]
    pub(crate) fn read_plain(self, frame: &[u8], at: usize, end: usize) -> Result<u64, Stop> {
        let behind = at.saturating_add(self.bytes());
        if behind > end {
            return Err(Stop::Beyond(at));
        }
        self.fixed(frame, at).ok_or(Stop::Need(behind))
    }

    /// The value at `at` and the offset behind it.
    pub(crate) fn decode(self, frame: &[u8], at: usize, end: usize) -> Result<(u64, usize), Stop> {
        if !self.is_fixed() {
            return self.varint(frame, at, end);
        }
        let behind = at.saturating_add(self.bytes());
        if behind > end {
            return Err(Stop::Beyond(at));
        }
        if self.form == Form::Decimal {
            let digits = frame.get(at..behind).ok_or(Stop::Need(behind))?;
            let value = digits_of(digits).ok_or(Stop::Beyond(at))?;
            return Ok((value, behind));
        }
        let raw = self.fixed(frame, at).ok_or(Stop::Need(behind))?;
        if self.form == Form::Signed {
            let unused = 64u32.saturating_sub(u32::from(self.width).saturating_mul(8));
            let high = raw.wrapping_shl(unused).cast_signed();
            return Ok((high.wrapping_shr(unused).cast_unsigned(), behind));
        }
        Ok((raw, behind))
    }

    /// The value of an integer of variable width, and the offset behind it.
    fn varint(self, frame: &[u8], at: usize, end: usize) -> Result<(u64, usize), Stop> {
        let mut value = 0u64;
        for index in 0..VARINT_BYTES_MAX {
            let here = at.saturating_add(index);
            if here >= end {
                return Err(Stop::Beyond(at));
            }
            let byte = *frame.get(here).ok_or(Stop::Need(here.saturating_add(1)))?;
            let group = u64::from(byte & 0x7F);
            let bits = u32::try_from(index).unwrap_or(0).saturating_mul(7);
            let (joined, lost) = if self.form == Form::VarintBe {
                (value.wrapping_shl(7) | group, value.leading_zeros() < 7)
            } else {
                let moved = group.checked_shl(bits).unwrap_or(0);
                (value | moved, moved.checked_shr(bits) != Some(group))
            };
            if lost {
                return Err(Stop::Beyond(at));
            }
            value = joined;
            if byte & 0x80 == 0 {
                if self.form == Form::ZigZag {
                    value = (value >> 1) ^ (value & 1).wrapping_neg();
                }
                return Ok((value, here.saturating_add(1)));
            }
        }
        Err(Stop::Beyond(at))
    }

    /// Whether `value` can be written.
    pub(crate) fn holds(self, value: u64) -> bool {
        let meant = self.value(value);
        meant >= self.min() && meant <= i128::from(self.max())
    }

    /// Writes `value` at `at`, for integers of fixed width. Returns false, and writes nothing,
    /// if it does not fit the width or the place.
    #[inline]
    pub(crate) fn write(self, value: u64, bytes: &mut [u8], at: usize) -> bool {
        let fits = match self.form {
            Form::Unsigned => value <= self.max(),
            _ => self.is_fixed() && self.holds(value),
        };
        fits && self.write_plain(value, bytes, at)
    }

    /// [`Self::write`] of a value that is known to fit the width.
    #[inline]
    pub(crate) fn write_plain(self, value: u64, bytes: &mut [u8], at: usize) -> bool {
        let Some(place) = bytes.get_mut(at..at.saturating_add(self.bytes())) else {
            return false;
        };
        if self.form == Form::Decimal {
            let mut left = value;
            for digit in place.iter_mut().rev() {
                *digit = b'0'.saturating_add(u8::try_from(left % 10).unwrap_or(0));
                left /= 10;
            }
        } else if let (Ok(four), Ok(value)) =
            (<&mut [u8; 4]>::try_from(&mut *place), u32::try_from(value))
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
        if !self.holds(value) {
            return false;
        }
        if self.is_fixed() {
            let at = out.len();
            out.resize(at.saturating_add(self.bytes()), 0);
            return self.write(value, out, at);
        }
        self.push_varint(value, out);
        true
    }

    /// Appends `value` in as few groups as it needs.
    fn push_varint(self, value: u64, out: &mut Vec<u8>) {
        let zigzag = self.form == Form::ZigZag;
        let mut left = if zigzag {
            (value << 1) ^ value.cast_signed().wrapping_shr(63).cast_unsigned()
        } else {
            value
        };
        let begin = out.len();
        loop {
            let group = left.to_le_bytes().first().copied().unwrap_or(0) & 0x7F;
            left >>= 7;
            let is_first = out.len() == begin;
            let more = match self.form {
                // Turned round below: the lowest group is the last one.
                Form::VarintBe => !is_first,
                _ => left > 0,
            };
            out.push(group | if more { 0x80 } else { 0 });
            if left == 0 {
                break;
            }
        }
        if self.form == Form::VarintBe
            && let Some(groups) = out.get_mut(begin..)
        {
            groups.reverse();
        }
    }

    /// Bytes of `value` on the wire.
    pub(crate) fn encoded_bytes(self, value: u64) -> usize {
        if self.is_fixed() {
            return self.bytes();
        }
        let mut out = Vec::with_capacity(VARINT_BYTES_MAX);
        self.push_varint(value, &mut out);
        out.len()
    }
}

/// The number that decimal digits make; `None` where something else stands among them.
fn digits_of(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0u64, |value, byte| {
        let digit = char::from(*byte).to_digit(10)?;
        value.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMS: [Form; 5] = [
        Form::Unsigned,
        Form::Signed,
        Form::Varint,
        Form::ZigZag,
        Form::VarintBe,
    ];

    #[test]
    fn every_form_width_and_order_comes_back_as_it_went() {
        for form in FORMS {
            let fixed = matches!(form, Form::Unsigned | Form::Signed);
            for width in if fixed { 1..=8 } else { 0..=0 } {
                for little in [false, true] {
                    let number = Number {
                        width,
                        little,
                        form,
                    };
                    let least = u64::try_from(number.min() & i128::from(u64::MAX)).unwrap();
                    let most = number.max();
                    for value in [0, 1, 0x61, most / 3, most / 2, most - 1, most, least] {
                        let mut out = vec![0xEE];
                        assert!(number.push(value, &mut out), "{number:?} {value}");
                        let got = number.decode(&out, 1, out.len());
                        assert_eq!(got, Ok((value, out.len())), "{number:?}");
                        assert_eq!(number.read(&out, 1, out.len()), Ok(value));
                        assert_eq!(number.encoded_bytes(value), out.len() - 1);
                        let short = number.decode(&out[..out.len() - 1], 1, usize::MAX);
                        assert_eq!(short, Err(Stop::Need(out.len())));
                    }
                }
            }
        }
    }

    #[test]
    fn the_bytes_are_those_of_the_specifications() {
        let bytes = |form, value: i64| {
            let number = Number {
                width: 0,
                little: false,
                form,
            };
            let mut out = Vec::new();
            assert!(number.push(value.cast_unsigned(), &mut out));
            out
        };
        // The examples of protobuf's encoding page, of MQTT 3.1.1 table 2.4 and of MIDI.
        assert_eq!(bytes(Form::Varint, 150), [0x96, 0x01]);
        assert_eq!(bytes(Form::Varint, 2_097_152), [0x80, 0x80, 0x80, 0x01]);
        assert_eq!(bytes(Form::ZigZag, -1), [0x01]);
        assert_eq!(bytes(Form::ZigZag, -2), [0x03]);
        assert_eq!(bytes(Form::VarintBe, 0x3FFF), [0xFF, 0x7F]);
        assert_eq!(bytes(Form::VarintBe, 0x20_0000), [0x81, 0x80, 0x80, 0x00]);
    }

    #[test]
    fn decimal_digits_come_back_as_they_went_and_nothing_else_is_taken_for_them() {
        for (width, value, text) in [
            (1, 7, "7"),
            (4, 52, "0052"),
            (4, 9_999, "9999"),
            (18, 999_999_999_999_999_999, "999999999999999999"),
        ] {
            let number = Number {
                form: Form::Decimal,
                ..Number::big(width)
            };
            let mut out = Vec::new();
            assert!(number.push(value, &mut out));
            assert_eq!(out, text.as_bytes());
            assert_eq!(number.decode(&out, 0, out.len()), Ok((value, out.len())));
            assert!(!number.push(number.max() + 1, &mut out));
            let short = number.decode(&out[1..], 0, 18);
            assert_eq!(short, Err(Stop::Need(out.len())));
        }
        let number = Number {
            form: Form::Decimal,
            ..Number::big(4)
        };
        for text in ["+052", " 052", "52\0\0", "0x52", "-001"] {
            let read = number.decode(text.as_bytes(), 0, 4);
            assert_eq!(read, Err(Stop::Beyond(0)), "{text}");
        }
    }

    #[test]
    fn the_order_of_bytes_is_the_declared_one() {
        let big = Number::big(3);
        let little = Number {
            little: true,
            ..big
        };
        assert_eq!(big.read(&[1, 2, 3], 0, 3), Ok(0x01_02_03));
        assert_eq!(little.read(&[1, 2, 3], 0, 3), Ok(0x03_02_01));
    }

    #[test]
    fn a_value_that_does_not_fit_is_not_written() {
        let number = Number::big(2);
        let mut out = Vec::new();
        assert!(!number.push(0x1_0000, &mut out));
        assert!(out.is_empty());
        assert!(!number.write(1, &mut [0], 0));
        let signed = Number {
            form: Form::Signed,
            ..number
        };
        assert!(!signed.push(0x8000, &mut out));
        assert!(signed.push((-0x8000i64).cast_unsigned(), &mut out));
        assert_eq!(out, [0x80, 0]);
    }

    #[test]
    fn a_varint_without_an_end_or_over_64_bits_is_refused() {
        let number = Number {
            width: 0,
            little: false,
            form: Form::Varint,
        };
        let endless = [0xFF; 12];
        assert_eq!(number.decode(&endless, 0, 12), Err(Stop::Beyond(0)));
        let mut large = [0x80; 10];
        large[9] = 0x02;
        assert_eq!(number.decode(&large, 0, 10), Err(Stop::Beyond(0)));
    }
}
