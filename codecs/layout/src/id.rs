//! Ids as they stand on the wire, and the numbers that the mesh knows them by.

use weft_codec::{IdDomain, IdKind};

use crate::number::{Form, Number};

/// The longest id that is accepted, in bytes.
pub(crate) const ID_BYTES_MAX: usize = 255;

/// What a UUID of the mesh begins with: of version 4 and variant 1, but for randomness.
const UUID_PREFIX: &[u8; 24] = b"00000000-0000-4000-8000-";

/// How an id is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IdForm {
    Number(Number),
    /// So many decimal digits.
    Decimal(u8),
    /// Up to so many decimal digits, without zeros before them.
    Digits(u8),
    /// So many hexadecimal digits, or any text of so many bytes; the mesh writes small letters.
    Hex(u8),
    /// The 36 characters of a UUID.
    Uuid,
    /// So many bytes without a meaning.
    Bytes(u8),
}

impl IdForm {
    /// Bytes of an id of the mesh's own; `None` where they depend on the id.
    pub(crate) fn wire_bytes(self) -> Option<usize> {
        match self {
            Self::Number(number) if number.is_fixed() => Some(number.bytes()),
            Self::Number(_) | Self::Digits(_) => None,
            Self::Decimal(bytes) | Self::Hex(bytes) | Self::Bytes(bytes) => Some(bytes.into()),
            Self::Uuid => Some(36),
        }
    }

    /// The number of an id that was read; of one that the mesh cannot have written a hash with
    /// its highest bit set, which no id of the mesh has.
    #[inline]
    pub(crate) fn value(self, bytes: &[u8]) -> u64 {
        match self {
            Self::Number(number) => number.read(bytes, 0, bytes.len()).unwrap_or(0),
            Self::Decimal(digits) => digits_of(bytes, digits, 10),
            Self::Digits(most) => match u8::try_from(bytes.len()) {
                Ok(0) => hash(bytes),
                Ok(digits) if digits <= most && (bytes.first() != Some(&b'0') || digits == 1) => {
                    digits_of(bytes, digits, 10)
                }
                _ => hash(bytes),
            },
            Self::Hex(digits) => digits_of(bytes, digits, 16),
            Self::Uuid => match bytes.strip_prefix(UUID_PREFIX) {
                Some(digits) => digits_of(digits, 12, 16),
                None => hash(bytes),
            },
            Self::Bytes(width) => {
                let (high, low) = bytes.split_at(bytes.len().saturating_sub(8));
                if bytes.len() != usize::from(width) || high.iter().any(|byte| *byte != 0) {
                    return hash(bytes);
                }
                low.iter()
                    .fold(0, |value, byte| value.wrapping_shl(8) | u64::from(*byte))
            }
        }
    }

    /// Appends the id `value`. Returns false, and appends nothing, if it does not fit.
    pub(crate) fn push(self, value: u64, out: &mut Vec<u8>) -> bool {
        match self {
            Self::Number(number) => number.push(value, out),
            Self::Decimal(digits) => push_digits(value, digits, 10, out),
            Self::Digits(most) => {
                let digits = value.checked_ilog10().unwrap_or(0).saturating_add(1);
                let digits = u8::try_from(digits).unwrap_or(u8::MAX);
                digits <= most && push_digits(value, digits, 10, out)
            }
            Self::Hex(digits) => push_digits(value, digits, 16, out),
            Self::Uuid => {
                let begin = out.len();
                out.extend_from_slice(UUID_PREFIX);
                let fits = push_digits(value, 12, 16, out);
                if !fits {
                    out.truncate(begin);
                }
                fits
            }
            Self::Bytes(width) => {
                let width = usize::from(width);
                let bytes = value.to_be_bytes();
                let zeros = width.saturating_sub(bytes.len());
                let (lost, kept) = bytes.split_at(bytes.len().saturating_sub(width));
                if lost.iter().any(|byte| *byte != 0) {
                    return false;
                }
                out.resize(out.len().saturating_add(zeros), 0);
                out.extend_from_slice(kept);
                true
            }
        }
    }

    /// The ids of the mesh when the description names none: not 0, which often means none; of
    /// integers of four bytes and more only the lower half, which peers that read signed
    /// integers understand; of variable width those of one length.
    pub(crate) fn usual(self) -> (u64, u64) {
        let power = |base: u64, digits: u8| {
            base.checked_pow(u32::from(digits))
                .map_or(u64::MAX >> 1, |power| {
                    power.saturating_sub(1).min(u64::MAX >> 1)
                })
        };
        match self {
            Self::Number(number) => match number.form {
                Form::Varint | Form::VarintBe => (1 << 21, (1 << 28) - 1),
                Form::Decimal => (1, number.max()),
                Form::ZigZag => (1 << 20, (1 << 27) - 1),
                Form::Signed => (1, number.max()),
                Form::Unsigned if number.width < 4 => (1, number.max()),
                Form::Unsigned => (1, number.max() >> 1),
            },
            Self::Decimal(digits) => (1, power(10, digits)),
            // Those of the most digits, so that all are as long.
            Self::Digits(most) => (
                power(10, most.saturating_sub(1)).saturating_add(1),
                power(10, most),
            ),
            Self::Hex(digits) => (1, power(16, digits)),
            Self::Uuid => (1, (1 << 48) - 1),
            Self::Bytes(width) => (1, power(256, width)),
        }
    }

    /// The domain of the ids from `first` to `last`.
    pub(crate) fn domain(self, first: u64, last: u64) -> IdDomain {
        let kind = match self {
            Self::Number(number) if number.is_fixed() => IdKind::Integer(number.width),
            Self::Number(_) => IdKind::Varint,
            Self::Decimal(_) | Self::Digits(_) => IdKind::Decimal,
            Self::Hex(_) => IdKind::Hex,
            Self::Uuid => IdKind::Bytes(36),
            Self::Bytes(width) => IdKind::Bytes(width),
        };
        IdDomain {
            kind,
            wire_first: first,
            wire_last: last,
        }
    }
}

/// The number that exactly so many digits make.
fn digits_of(bytes: &[u8], digits: u8, radix: u32) -> u64 {
    if bytes.len() != usize::from(digits) {
        return hash(bytes);
    }
    let number = bytes.iter().try_fold(0u64, |value, byte| {
        let digit = char::from(*byte).to_digit(radix)?;
        let small = !byte.is_ascii_uppercase();
        let value = value.checked_mul(u64::from(radix))?;
        value.checked_add(u64::from(digit)).filter(|_| small)
    });
    match number {
        Some(number) if number >> 63 == 0 => number,
        _ => hash(bytes),
    }
}

/// Appends exactly so many digits.
fn push_digits(value: u64, digits: u8, radix: u64, out: &mut Vec<u8>) -> bool {
    let begin = out.len();
    let mut left = value;
    for _ in 0..digits {
        let digit = left.checked_rem(radix).unwrap_or(0);
        left = left.checked_div(radix).unwrap_or(0);
        let digit = u32::try_from(digit).unwrap_or(0);
        let character = char::from_digit(digit, 16).unwrap_or('0');
        out.push(u8::try_from(character).unwrap_or(b'0'));
    }
    if left > 0 {
        out.truncate(begin);
        return false;
    }
    if let Some(written) = out.get_mut(begin..) {
        written.reverse();
    }
    true
}

/// FNV-1a, with its highest bit set. It need not withstand an enemy: it only tells the ids of
/// one client's own requests apart.
fn hash(bytes: &[u8]) -> u64 {
    let hash = bytes.iter().fold(0xCBF2_9CE4_8422_2325u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3)
    });
    hash | 1 << 63
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_reads_what_it_writes() {
        let varint = Number {
            width: 0,
            little: false,
            form: Form::Varint,
        };
        for form in [
            IdForm::Number(Number::big(1)),
            IdForm::Number(Number::big(8)),
            IdForm::Number(varint),
            IdForm::Number(Number {
                form: Form::ZigZag,
                ..varint
            }),
            IdForm::Decimal(12),
            IdForm::Decimal(20),
            IdForm::Digits(1),
            IdForm::Digits(10),
            IdForm::Digits(18),
            IdForm::Hex(8),
            IdForm::Hex(32),
            IdForm::Uuid,
            IdForm::Bytes(2),
            IdForm::Bytes(16),
        ] {
            let (first, last) = form.usual();
            assert!(last >> 63 == 0, "{form:?}");
            let mut lengths = Vec::new();
            for id in [first, first + 1, last / 2 + 1, last] {
                let mut out = Vec::new();
                assert!(form.push(id, &mut out), "{form:?} {id}");
                assert_eq!(form.value(&out), id, "{form:?}");
                lengths.push(out.len());
            }
            assert!(lengths.iter().all(|bytes| *bytes == lengths[0]), "{form:?}");
        }
    }

    #[test]
    fn what_the_mesh_cannot_have_written_is_no_id_of_the_mesh() {
        for (form, bytes) in [
            (IdForm::Hex(4), b"00FF".as_slice()),
            (IdForm::Hex(4), b"00f"),
            (IdForm::Hex(4), b"0x1g"),
            (IdForm::Decimal(3), b"abc"),
            (IdForm::Digits(3), b"017"),
            (IdForm::Digits(3), b"1700"),
            (IdForm::Digits(3), b"1x"),
            (IdForm::Digits(3), b""),
            (IdForm::Uuid, b"6f1ab9a2-51a1-4c7e-9d2b-000000000001"),
            (IdForm::Bytes(9), b"\x01\0\0\0\0\0\0\0\x01"),
        ] {
            assert!(form.value(bytes) >> 63 == 1, "{form:?} {bytes:?}");
        }
    }

    #[test]
    fn an_id_without_zeros_before_it_is_as_long_as_its_number() {
        for (id, text) in [
            (0, "0"),
            (7, "7"),
            (17, "17"),
            (4_294_967_295, "4294967295"),
        ] {
            let mut out = Vec::new();
            assert!(IdForm::Digits(10).push(id, &mut out));
            assert_eq!(out, text.as_bytes());
            assert_eq!(IdForm::Digits(10).value(&out), id);
        }
    }

    #[test]
    fn an_id_that_does_not_fit_is_not_written() {
        let mut out = Vec::new();
        assert!(!IdForm::Decimal(2).push(100, &mut out));
        assert!(!IdForm::Digits(2).push(100, &mut out));
        assert!(!IdForm::Uuid.push(1 << 48, &mut out));
        assert!(!IdForm::Bytes(1).push(256, &mut out));
        assert!(out.is_empty());
    }
}
