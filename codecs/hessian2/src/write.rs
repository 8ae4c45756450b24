//! The few values that a mesh writes itself: its own words, and a number over another.

use crate::{Dialect, Item, Scalar};

/// Longer texts are cut off.
pub const TEXT_CHARS_MAX: usize = 4096;

/// Appends `text`. Characters outside the basic plane, of which implementations disagree how they
/// are counted, become `?`.
pub fn put_text(dialect: Dialect, text: &str, out: &mut Vec<u8>) {
    let plain = |character: char| match u16::try_from(u32::from(character)) {
        Ok(_) => character,
        Err(_) => '?',
    };
    let count = text.chars().take(TEXT_CHARS_MAX).count();
    let [.., high, low] = count.to_be_bytes();
    match (count, dialect) {
        (0..=0x1f, _) => out.push(low),
        (0x20..=0x3ff, Dialect::Final) => out.extend_from_slice(&[0x30 | high, low]),
        _ => out.extend_from_slice(&[b'S', high, low]),
    }
    let mut bytes = [0; 4];
    for character in text.chars().take(TEXT_CHARS_MAX) {
        out.extend_from_slice(plain(character).encode_utf8(&mut bytes).as_bytes());
    }
}

/// Writes `value` over the number that `item` is in `bytes`, in as many bytes: an integer, or a
/// text of decimal digits, which gets zeros in front. Answers whether it could; if not, nothing
/// was changed. A smaller number always can, unless it is negative.
pub fn overwrite(item: &Item<'_>, value: u32, bytes: &mut [u8]) -> bool {
    match item.scalar {
        Scalar::Int(_) => bytes
            .get_mut(item.start..item.end)
            .is_some_and(|place| put_int(place, value)),
        Scalar::Text(text) => {
            let digits = item.end.saturating_sub(text.len())..item.end;
            bytes
                .get_mut(digits)
                .is_some_and(|digits| put_digits(digits, value))
        }
        _ => false,
    }
}

/// The final dialect's integers, 32 and 64 bits, by the tag that stands there.
fn put_int(place: &mut [u8], value: u32) -> bool {
    let [b3, b2, b1, b0] = value.to_be_bytes();
    match place {
        [tag @ 0x80..=0xbf] if value <= 0x2f => *tag = 0x90_u8.saturating_add(b0),
        [tag @ 0xd8..=0xef] if value <= 0x0f => *tag = 0xe0_u8.saturating_add(b0),
        [tag @ 0xc0..=0xcf, low] if value <= 0x7ff => {
            (*tag, *low) = (0xc8_u8.saturating_add(b1), b0);
        }
        [tag @ 0xf0..=0xff, low] if value <= 0x7ff => {
            (*tag, *low) = (0xf8_u8.saturating_add(b1), b0);
        }
        [tag @ 0xd0..=0xd7, middle, low] if value <= 0x3_ffff => {
            (*tag, *middle, *low) = (0xd4_u8.saturating_add(b2), b1, b0);
        }
        [tag @ 0x38..=0x3f, middle, low] if value <= 0x3_ffff => {
            (*tag, *middle, *low) = (0x3c_u8.saturating_add(b2), b1, b0);
        }
        [b'I' | 0x59, rest @ ..] if rest.len() == 4 && value <= i32::MAX.unsigned_abs() => {
            rest.copy_from_slice(&[b3, b2, b1, b0]);
        }
        [b'L', rest @ ..] if rest.len() == 8 => {
            rest.copy_from_slice(&u64::from(value).to_be_bytes());
        }
        _ => return false,
    }
    true
}

fn put_digits(digits: &mut [u8], value: u32) -> bool {
    let mut new = [b'0'; 10];
    let mut rest = value;
    for digit in new.iter_mut().rev() {
        let low = u8::try_from(rest.checked_rem(10).unwrap_or(0)).unwrap_or(0);
        *digit = b'0'.saturating_add(low);
        rest = rest.checked_div(10).unwrap_or(0);
    }
    let zeros = new.iter().take_while(|digit| **digit == b'0').count();
    let needed = new.get(zeros..).unwrap_or_default();
    let Some(front) = digits.len().checked_sub(needed.len()) else {
        return false;
    };
    let Some((front, back)) = digits.split_at_mut_checked(front) else {
        return false;
    };
    front.fill(b'0');
    back.copy_from_slice(needed);
    !digits.is_empty()
}
