//! The checksum at the end of a frame that is cut through.

use weft_codec::{CHECKSUM_BYTES_MAX, Cut, Head, RunningSum, Tail};

use crate::checksum::Running;
use crate::number::Number;
use crate::program::{Program, Sum};

/// A checksum as it stands in frames.
#[derive(Debug)]
struct Written {
    running: Running,
    number: Number,
}

impl Written {
    fn over(sum: &Sum, bytes: &[u8]) -> Box<Self> {
        let mut running = sum.algorithm.running();
        running.add(bytes);
        let number = sum.number;
        Box::new(Self { running, number })
    }
}

impl RunningSum for Written {
    fn add(&mut self, bytes: &[u8]) {
        self.running.add(bytes);
    }

    fn wire_bytes(&self) -> [u8; CHECKSUM_BYTES_MAX] {
        let mut bytes = [0; CHECKSUM_BYTES_MAX];
        self.number.write(self.running.value(), &mut bytes, 0);
        bytes
    }
}

impl Program {
    /// The checksum that ends every frame and covers all before it.
    pub(crate) fn tail_sum(&self) -> Option<&Sum> {
        self.ends_in_sum.then(|| self.sums.first()).flatten()
    }

    /// Where the checksum stands that ends a frame; its end if none does.
    pub(crate) fn tail_at(&self, frame_bytes: usize) -> usize {
        let bytes = self.tail_sum().map_or(0, |sum| sum.number.bytes());
        frame_bytes.saturating_sub(bytes)
    }

    /// Mends the checksum of a frame that is cut through: see [`weft_codec::Codec::tail`].
    pub(crate) fn tail(&self, head: &Head, frame: &[u8], emitted: &[u8]) -> Option<Tail> {
        let sum = self.tail_sum()?;
        let covered = self.tail_at(head.frame_bytes as usize);
        let covered = covered.checked_sub(frame.len())? as u64;
        let changes = head.cut == Cut::ChecksumTail && frame != emitted;
        changes.then(|| {
            let (came, goes) = (Written::over(sum, frame), Written::over(sum, emitted));
            Tail::new(came, goes, covered, sum.number.bytes())
        })
    }
}
