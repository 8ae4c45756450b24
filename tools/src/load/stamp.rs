//! What stands at the beginning of every body: who asked, which request it was, and a nonce that
//! only this run can have made.
//!
//! It is text, so that a body is also a valid string in protocols that have strings. An answer
//! whose stamp is another's is proof of cross-talk, and says whose it was.

/// Bytes of a stamp, and so the smallest body.
pub(super) const STAMP_BYTES: usize = 32;

/// Bytes by which fillings may begin at another place.
const FILLING_SHIFT: usize = 61;

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// One request of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    /// The client: a number per connection of the load generator.
    pub(super) client: u32,
    /// The request; 48 bits are kept.
    pub(super) sequence: u64,
}

impl Stamp {
    /// Its text: client, sequence and nonce in hexadecimal digits.
    pub(super) fn text(self, seed: u64) -> [u8; STAMP_BYTES] {
        let mut text = [0; STAMP_BYTES];
        let (client, rest) = text.split_at_mut(8);
        let (sequence, nonce) = rest.split_at_mut(12);
        put_hex(self.client.into(), client);
        put_hex(self.sequence, sequence);
        put_hex(self.nonce(seed), nonce);
        text
    }

    /// Reads the stamp at the beginning of `body`, if a run with this seed wrote it.
    pub(super) fn read(body: &[u8], seed: u64) -> Option<Self> {
        let text = body.get(..STAMP_BYTES)?;
        let stamp = Self {
            client: u32::try_from(hex(text.get(..8)?)?).ok()?,
            sequence: hex(text.get(8..20)?)?,
        };
        (stamp.text(seed) == text).then_some(stamp)
    }

    fn nonce(self, seed: u64) -> u64 {
        // The finalizer of SplitMix64 (Steele, Lea and Flood, 2014).
        let mut z = seed
            ^ self.sequence.wrapping_mul(0x9e37_79b9_7f4a_7c15)
            ^ u64::from(self.client).rotate_left(32);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) >> 16
    }
}

/// The bytes after the stamps, the same for the whole run, begun at a different place by each
/// request.
#[derive(Debug)]
pub(super) struct Filling {
    bytes: Vec<u8>,
    length: usize,
}

impl Filling {
    /// For bodies of `body_bytes`, stamp included.
    pub(super) fn new(body_bytes: usize, seed: u64) -> Self {
        let length = body_bytes.saturating_sub(STAMP_BYTES);
        let mut random = fastrand::Rng::with_seed(seed);
        let bytes = (0..length + FILLING_SHIFT).map(|_| random.alphanumeric());
        Self {
            bytes: bytes.map(|c| u8::try_from(c).unwrap_or(b'x')).collect(),
            length,
        }
    }

    /// The bytes that follow `stamp`.
    pub(super) fn of(&self, stamp: Stamp) -> &[u8] {
        let shift = (stamp.sequence ^ u64::from(stamp.client)) % FILLING_SHIFT as u64;
        let start = usize::try_from(shift).unwrap_or(0);
        self.bytes
            .get(start..start + self.length)
            .unwrap_or_default()
    }
}

fn put_hex(mut value: u64, text: &mut [u8]) {
    for place in text.iter_mut().rev() {
        let digit = usize::from(value.to_le_bytes()[0] & 15);
        *place = DIGITS.get(digit).copied().unwrap_or(b'0');
        value >>= 4;
    }
}

fn hex(text: &[u8]) -> Option<u64> {
    text.iter().try_fold(0, |value, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(value << 4 | u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: Stamp = Stamp {
        client: 7,
        sequence: 0x1234_5678_9abc,
    };

    #[test]
    fn a_stamp_reads_back_in_its_own_run_only() {
        let text = STAMP.text(99);
        assert!(text.is_ascii());
        assert_eq!(Stamp::read(&text, 99), Some(STAMP));
        assert_eq!(Stamp::read(&text, 98), None);
    }

    #[test]
    fn a_stamp_with_one_wrong_digit_is_no_stamp() {
        for place in 0..STAMP_BYTES {
            let mut text = STAMP.text(99);
            text[place] = if text[place] == b'0' { b'1' } else { b'0' };
            assert_eq!(Stamp::read(&text, 99), None, "digit {place}");
        }
    }

    #[test]
    fn fillings_have_the_length_asked_for_and_differ_between_neighbours() {
        let filling = Filling::new(128, 1);
        let next = Stamp {
            sequence: STAMP.sequence + 1,
            ..STAMP
        };
        assert_eq!(filling.of(STAMP).len(), 96);
        assert_ne!(filling.of(STAMP), filling.of(next));
        assert!(Filling::new(STAMP_BYTES, 1).of(STAMP).is_empty());
    }
}
