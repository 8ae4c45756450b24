//! An unsigned integer at a constant place, made ready to be read with one load.

use weft_codec::Span;

use crate::number::{Form, Number};

/// An unsigned integer of fixed width at a constant place in a frame.
///
/// It is read through a window of eight bytes that ends with it, or begins with the frame. So
/// no width needs a case of its own; frames of less than eight bytes have no slots.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    /// Offset of its first byte.
    at: u32,
    /// Bytes on the wire, 1 to 8; 0 of [`Self::ZERO`].
    width: u8,
    /// Whether the least significant byte comes first.
    little: bool,
    /// Where the window begins.
    window: u32,
    /// Bits of the window below the integer.
    below: u32,
    /// The largest value that it can carry.
    max: u64,
}

impl Slot {
    /// A slot whose value is always 0.
    pub(crate) const ZERO: Self = Self {
        at: 0,
        width: 0,
        little: false,
        window: 0,
        below: 0,
        max: 0,
    };

    /// The slot of `number` at `at`; `None` for one that is not unsigned or varies in width.
    pub(crate) fn new(at: u32, number: Number) -> Option<Self> {
        if !number.is_fixed() || number.form != Form::Unsigned {
            return None;
        }
        let window = at.saturating_add(u32::from(number.width)).saturating_sub(8);
        let before = at.saturating_sub(window);
        let behind = 8u32
            .saturating_sub(before)
            .saturating_sub(u32::from(number.width));
        let bytes_below = if number.little { before } else { behind };
        Some(Self {
            at,
            width: number.width,
            little: number.little,
            window,
            below: bytes_below.saturating_mul(8),
            max: number.max(),
        })
    }

    /// The integer, wherever it stands.
    pub(crate) fn number(self) -> Number {
        Number {
            width: self.width,
            little: self.little,
            form: Form::Unsigned,
        }
    }

    /// Offset of its first byte.
    pub(crate) fn at(self) -> usize {
        self.at as usize
    }

    /// Where it stands.
    pub(crate) fn span(self) -> Span {
        Span::new(self.at, u32::from(self.width))
    }

    /// Its bytes, 1 to 8; 0 of [`Self::ZERO`].
    #[inline]
    pub(crate) fn bytes(self) -> usize {
        usize::from(self.width)
    }

    /// The offset behind its last byte.
    #[inline]
    fn behind(self) -> usize {
        self.at().saturating_add(self.bytes())
    }

    /// The largest value that it can carry.
    #[inline]
    pub(crate) fn max(self) -> u64 {
        self.max
    }

    /// Its value; `None` if the window is not all there.
    #[inline]
    pub(crate) fn read(self, frame: &[u8]) -> Option<u64> {
        let window: [u8; 8] = *frame.get(self.window as usize..)?.first_chunk()?;
        let all = if self.little {
            u64::from_le_bytes(window)
        } else {
            u64::from_be_bytes(window)
        };
        Some(all.wrapping_shr(self.below) & self.max)
    }

    /// Its bytes in a frame.
    #[inline]
    pub(crate) fn of(self, frame: &[u8]) -> Option<&[u8]> {
        frame.get(self.at()..self.behind())
    }

    /// Writes `value`, which must not be above [`Self::max`]. Returns false, and writes nothing,
    /// if its place is not all there.
    #[inline(always)]
    pub(crate) fn write(self, value: u64, frame: &mut [u8]) -> bool {
        let place = frame.get_mut(self.at()..self.behind());
        let four = place.and_then(|place| <&mut [u8; 4]>::try_from(place).ok());
        let (Some(four), Ok(value)) = (four, u32::try_from(value)) else {
            return self.write_other(value.to_le_bytes(), frame);
        };
        // By far the most frequent width.
        *four = if self.little {
            value.to_le_bytes()
        } else {
            value.to_be_bytes()
        };
        true
    }

    #[inline(never)]
    fn write_other(self, little: [u8; 8], frame: &mut [u8]) -> bool {
        let Some(place) = frame.get_mut(self.at()..self.behind()) else {
            return false;
        };
        let significant = little.into_iter().take(place.len());
        if self.little {
            place
                .iter_mut()
                .zip(significant)
                .for_each(|(to, from)| *to = from);
        } else {
            let places = place.iter_mut().rev();
            places.zip(significant).for_each(|(to, from)| *to = from);
        }
        true
    }

    /// Puts the first of `bytes` in its place as they are. Returns false, and writes nothing, if
    /// there are too few of them, or its place is not all there.
    #[inline(always)]
    pub(crate) fn put(self, bytes: &[u8], frame: &mut [u8]) -> bool {
        let place = frame.get_mut(self.at()..self.behind());
        let four = place.and_then(|place| <&mut [u8; 4]>::try_from(place).ok());
        if let (Some(to), Some(four)) = (four, bytes.first_chunk()) {
            *to = *four;
            return true;
        }
        let place = frame.get_mut(self.at()..self.behind());
        match (place, bytes.get(..self.bytes())) {
            (Some(place), Some(bytes)) => place.copy_from_slice(bytes),
            _ => return false,
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_reads_and_writes_what_its_number_does_at_every_place_width_and_order() {
        let frame: Vec<u8> = (0..24u8).map(|byte| byte.wrapping_mul(37) ^ 0x91).collect();
        for width in 1..=8u8 {
            for little in [false, true] {
                for at in 0..=24 - u32::from(width) {
                    let number = Number {
                        little,
                        ..Number::big(width)
                    };
                    let slot = Slot::new(at, number).unwrap();
                    let (from, end) = (at as usize, frame.len());
                    assert_eq!(slot.read(&frame), number.read(&frame, from, end).ok());
                    assert_eq!(slot.read(&frame[..from + slot.bytes() - 1]), None);
                    for value in [0, 0x61, number.max() / 3, number.max()] {
                        let (mut one, mut other) = (frame.clone(), frame.clone());
                        assert!(slot.write(value, &mut one));
                        assert!(number.write(value, &mut other, from));
                        assert_eq!(one, other, "{width} bytes at {at}");
                        let mut put = frame.clone();
                        assert!(slot.put(&one[from..], &mut put));
                        assert_eq!(one, put, "{width} bytes at {at}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_frame_that_ends_inside_a_slot_is_not_written() {
        let slot = Slot::new(6, Number::big(4)).unwrap();
        let mut frame = [7u8; 9];
        assert!(!slot.write(1, &mut frame));
        assert!(!slot.put(&[1; 4], &mut frame));
        let mut longer = [7u8; 10];
        assert!(!slot.put(&[1; 3], &mut longer));
        assert_eq!((frame, longer), ([7u8; 9], [7u8; 10]));
    }

    #[test]
    fn signed_numbers_digits_and_varying_widths_have_no_slot() {
        for form in [Form::Signed, Form::Decimal] {
            let number = Number {
                form,
                ..Number::big(4)
            };
            assert!(Slot::new(0, number).is_none());
        }
        assert!(Slot::new(0, Number::big(0)).is_none());
    }
}
