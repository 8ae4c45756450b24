//! The end of a frame that is cut through and carries its checksum behind what it covers.

/// The widest checksum, in bytes.
pub const CHECKSUM_BYTES_MAX: usize = 8;

/// A checksum as bytes are added to it.
pub trait RunningSum: Send + std::fmt::Debug {
    /// Adds the next bytes.
    fn add(&mut self, bytes: &[u8]);

    /// The checksum of everything added so far, as it stands in a frame; bytes past its width
    /// are zero.
    fn wire_bytes(&self) -> [u8; CHECKSUM_BYTES_MAX];
}

/// Mends the checksum at the end of a frame whose head was edited and whose other bytes pass in
/// pieces: see [`crate::Codec::tail`].
///
/// A frame that came with a wrong checksum goes on with a wrong one: what differed before
/// differs after. Only its receiver can say what that means, and it is not to be deceived.
#[derive(Debug)]
pub struct Tail {
    /// Over the bytes as they came, and as they go on.
    came: Box<dyn RunningSum>,
    goes: Box<dyn RunningSum>,
    /// Covered bytes still to come.
    covered: u64,
    said: [u8; CHECKSUM_BYTES_MAX],
    said_bytes: usize,
    sum_bytes: usize,
}

/// What is to be done with bytes that were given to a [`Tail`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// So many of them go on as they are; the others belong to the checksum and are kept.
    pub pass: usize,
    /// The checksum, once all of it came.
    pub sum: Option<MendedSum>,
}

/// A checksum that goes on in the place of the one that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MendedSum {
    bytes: [u8; CHECKSUM_BYTES_MAX],
    len: usize,
    /// The one that came was right.
    pub intact: bool,
}

impl MendedSum {
    /// Its bytes, as many as came.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl Tail {
    /// One for a frame of which the covered bytes up to here were added to both sums: to `came`
    /// as they came, to `goes` as they were emitted. `covered` are the bytes still to come before
    /// the checksum, which has `sum_bytes`, at most [`CHECKSUM_BYTES_MAX`].
    #[must_use]
    pub fn new(
        came: Box<dyn RunningSum>,
        goes: Box<dyn RunningSum>,
        covered: u64,
        sum_bytes: usize,
    ) -> Self {
        Self {
            came,
            goes,
            covered,
            said: [0; CHECKSUM_BYTES_MAX],
            said_bytes: 0,
            sum_bytes: sum_bytes.min(CHECKSUM_BYTES_MAX),
        }
    }

    /// Takes the next bytes of the frame, in pieces of any size. Bytes past its end are left
    /// alone.
    pub fn take(&mut self, bytes: &[u8]) -> Taken {
        let pass = usize::try_from(self.covered)
            .unwrap_or(usize::MAX)
            .min(bytes.len());
        let (covered, rest) = bytes.split_at_checked(pass).unwrap_or((bytes, &[]));
        self.covered = self.covered.saturating_sub(pass as u64);
        self.came.add(covered);
        self.goes.add(covered);
        let before = self.said_bytes;
        let places = self.said.iter_mut().take(self.sum_bytes).skip(before);
        for (place, byte) in places.zip(rest) {
            *place = *byte;
            self.said_bytes = self.said_bytes.saturating_add(1);
        }
        let ends = before < self.sum_bytes && self.said_bytes == self.sum_bytes;
        let sum = ends.then(|| self.mended());
        Taken { pass, sum }
    }

    fn mended(&self) -> MendedSum {
        let was = self.came.wire_bytes();
        let mut bytes = self.goes.wire_bytes();
        let mut intact = true;
        let places = bytes.iter_mut().zip(self.said).zip(was);
        for ((byte, said), was) in places.take(self.sum_bytes) {
            *byte ^= said ^ was;
            intact &= said == was;
        }
        MendedSum {
            bytes,
            len: self.sum_bytes,
            intact,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{CHECKSUM_BYTES_MAX, RunningSum, Tail, Taken};

    /// All bytes added up, two bytes wide.
    #[derive(Debug, Default)]
    struct Added(u16);

    impl RunningSum for Added {
        fn add(&mut self, bytes: &[u8]) {
            for byte in bytes {
                self.0 = self.0.wrapping_add(u16::from(*byte));
            }
        }

        fn wire_bytes(&self) -> [u8; CHECKSUM_BYTES_MAX] {
            let [high, low] = self.0.to_be_bytes();
            [high, low, 0, 0, 0, 0, 0, 0]
        }
    }

    fn tail(came: &[u8], goes: &[u8], covered: u64) -> Tail {
        let sum = |bytes: &[u8]| {
            let mut sum = Added::default();
            sum.add(bytes);
            Box::new(sum)
        };
        Tail::new(sum(came), sum(goes), covered, 2)
    }

    fn pass(tail: &mut Tail, pieces: &[&[u8]]) -> (Vec<u8>, Option<bool>) {
        let (mut out, mut intact) = (Vec::new(), None);
        for piece in pieces {
            let Taken { pass, sum } = tail.take(piece);
            out.extend_from_slice(&piece[..pass]);
            if let Some(sum) = sum {
                assert_eq!(intact, None, "the end came twice");
                out.extend_from_slice(sum.as_bytes());
                intact = Some(sum.intact);
            }
        }
        (out, intact)
    }

    #[test]
    fn the_sum_follows_what_was_edited_however_the_rest_is_cut() {
        let rest = [10, 20, 30, 0, 62];
        let expected = (vec![10, 20, 30, 0, 161], Some(true));
        for first in 0..=rest.len() {
            for second in first..=rest.len() {
                let pieces = [&rest[..first], &rest[first..second], &rest[second..]];
                let mut tail = tail(&[2], &[101], 3);
                assert_eq!(pass(&mut tail, &pieces), expected, "{first} {second}");
            }
        }
    }

    #[test]
    fn a_wrong_sum_stays_wrong() {
        let (out, intact) = pass(&mut tail(&[2], &[101], 1), &[&[10, 0, 13]]);
        assert_eq!(intact, Some(false));
        assert_ne!(out[1..], 111u16.to_be_bytes());
    }
}
