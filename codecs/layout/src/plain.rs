//! Strides that are passed without knowing what came before: texts behind an integer that counts
//! them, and maps of such texts. Most frames that must be walked have nothing else before what is
//! asked for.

use crate::number::Number;
use crate::program::{Entries, Place, Plain, Program};
use crate::stop::Stop;

impl Program {
    /// The offset of a place behind plain strides in `frame`, which must end by `end`.
    #[inline(always)]
    pub(crate) fn plain_reach(
        &self,
        place: Place,
        frame: &[u8],
        end: usize,
    ) -> Result<usize, Stop> {
        match place.strides {
            0 => Ok(place.bytes as usize),
            _ => self.plain_walk(place, frame, end),
        }
    }

    #[inline(never)]
    fn plain_walk(&self, place: Place, frame: &[u8], end: usize) -> Result<usize, Stop> {
        let mut at = 0usize;
        for plain in self.plain.iter().take(usize::from(place.strides)) {
            at = match *plain {
                Plain::Run(gap, number) => {
                    past_run(number, frame, at.saturating_add(gap as usize), end)
                }
                Plain::Entries(gap, entries) => {
                    entries.past(frame, at.saturating_add(gap as usize), end)
                }
            }?;
        }
        let at = at.saturating_add(place.bytes as usize);
        if at > end {
            return Err(Stop::Beyond(end));
        }
        Ok(at)
    }
}

/// The offset behind a run that begins at `at`.
#[inline]
pub(crate) fn past_run(number: Number, frame: &[u8], at: usize, end: usize) -> Result<usize, Stop> {
    let start = at.saturating_add(number.bytes());
    let bytes = match (number.width, frame.get(at)) {
        // By far the most frequent width.
        (1, Some(byte)) if start <= end => u64::from(*byte),
        _ => number.read_plain(frame, at, end)?,
    };
    let behind = usize::try_from(bytes).map_or(usize::MAX, |bytes| start.saturating_add(bytes));
    if behind > end {
        return Err(Stop::Beyond(at));
    }
    Ok(behind)
}

impl Entries {
    /// The fewest bytes of an entry; never 0.
    fn entry_bytes_min(self) -> usize {
        self.key.bytes().saturating_add(self.value.bytes()).max(1)
    }

    /// How many entries `bytes` can hold at most.
    fn entries_max(self, bytes: usize) -> usize {
        bytes.checked_div(self.entry_bytes_min()).unwrap_or(0)
    }

    /// The offset behind a map that begins at `at`. The count is believed only as far as the
    /// bytes before `end` could hold so many entries, so the walk is bounded by the frame.
    pub(crate) fn past(self, frame: &[u8], at: usize, end: usize) -> Result<usize, Stop> {
        let begin = at;
        let count = self.count.read_plain(frame, at, end)?;
        let mut at = at.saturating_add(self.count.bytes());
        let mut left = usize::try_from(count).unwrap_or(usize::MAX);
        if left > self.entries_max(end.saturating_sub(at)) {
            return Err(Stop::Beyond(begin));
        }
        // The walk goes in rounds: each waits until every entry that is left can be there, then
        // takes all that begin before that place. So the looks at a map that comes byte by byte
        // are few, and what they see of it does not depend on how the stream was cut.
        let mut round = at;
        while left > 0 {
            if at >= round {
                round = at.saturating_add(left.saturating_mul(self.entry_bytes_min()));
                if round > end {
                    return Err(Stop::Beyond(at));
                }
                if frame.len() < round {
                    return Err(Stop::Need(round));
                }
            }
            at = past_run(self.key, frame, at, end)
                .and_then(|value| past_run(self.value, frame, value, end))?;
            left = left.saturating_sub(1);
        }
        Ok(at)
    }

    /// The value under `wanted` in the map that begins at `at`; the first if it stands twice.
    pub(crate) fn find<'f>(self, frame: &'f [u8], at: usize, wanted: &[u8]) -> Option<&'f [u8]> {
        let end = frame.len();
        let count = self.count.read_plain(frame, at, end).ok()?;
        let mut at = at.saturating_add(self.count.bytes());
        let entries_max = self.entries_max(end.saturating_sub(at));
        for _ in 0..usize::try_from(count)
            .unwrap_or(usize::MAX)
            .min(entries_max)
        {
            let value_at = past_run(self.key, frame, at, end).ok()?;
            let behind = past_run(self.value, frame, value_at, end).ok()?;
            if frame.get(at.saturating_add(self.key.bytes())..value_at)? == wanted {
                return frame.get(value_at.saturating_add(self.value.bytes())..behind);
            }
            at = behind;
        }
        None
    }
}
