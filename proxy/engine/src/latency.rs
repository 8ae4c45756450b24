//! The latency histogram of an instance: 1 µs to an hour, each value within 1 %.
//!
//! Buckets are as in HdrHistogram (Gil Tene): each power of two is divided into equal parts, so
//! that a bucket is as wide as its values need it for their precision. One answer costs an
//! addition, and it is told to the microsecond up to 256 µs.

use std::time::Duration;

/// An hour.
const MICROS_MAX: u64 = 3_600_000_000;

/// Parts of each power of two: 128, which makes a bucket at most 0.8 % wide.
const PART_BITS: u32 = 7;

/// A histogram that grows with the longest latency that was recorded. One of an instance that
/// answers within 10 ms takes about 8 KiB, and none more than 26 KiB.
#[derive(Debug, Default)]
pub(crate) struct Latencies {
    /// How many fell into each bucket.
    counts: Vec<u64>,
}

impl Latencies {
    #[inline]
    pub(crate) fn record(&mut self, latency_ns: u64) {
        let bucket = bucket_of((latency_ns / 1_000).clamp(1, MICROS_MAX));
        match self.counts.get_mut(bucket) {
            Some(count) => *count += 1,
            None => self.record_longest(bucket),
        }
    }

    /// Makes room for a latency that is longer than all before.
    #[cold]
    fn record_longest(&mut self, bucket: usize) {
        // To the end of its power of two, so that it does not grow with every microsecond.
        let parts = 1 << PART_BITS;
        self.counts.resize((bucket / parts + 1) * parts, 0);
        if let Some(count) = self.counts.get_mut(bucket) {
            *count += 1;
        }
    }

    /// The quantiles at 50, 90, 99 and 99.9 %.
    pub(crate) fn quantiles(&self) -> [Duration; 4] {
        let total: u64 = self.counts.iter().sum();
        [500, 900, 990, 999].map(|per_mille| {
            // Of one answer, all quantiles are that one.
            let wanted = (u128::from(total) * per_mille).div_ceil(1_000).max(1);
            let mut counted = 0;
            let bucket = self.counts.iter().position(|count| {
                counted += u128::from(*count);
                counted >= wanted
            });
            Duration::from_micros(bucket.map_or(0, longest_in))
        })
    }
}

/// The bucket of a latency: the first 256 µs one by one, then each power of two in its parts.
#[inline]
fn bucket_of(micros: u64) -> usize {
    let above = (64 - micros.leading_zeros()).saturating_sub(PART_BITS + 1);
    ((above as usize) << PART_BITS) + (micros >> above) as usize
}

/// The longest latency of a bucket, in microseconds.
fn longest_in(bucket: usize) -> u64 {
    let above = (bucket >> PART_BITS).saturating_sub(1) as u32;
    let part = (bucket - ((above as usize) << PART_BITS)) as u64;
    ((part + 1) << above) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_what_was_recorded_from_microseconds_to_an_hour() {
        let mut latencies = Latencies::default();
        for _ in 0..90 {
            latencies.record(2_000_000);
        }
        for _ in 0..10 {
            latencies.record(u64::MAX);
        }
        let [p50, p90, p99, _] = latencies.quantiles();
        let near = |found: Duration, true_ms: f64| {
            (found.as_secs_f64() * 1e3 / true_ms - 1.0).abs() < 0.01
        };
        assert!(near(p50, 2.0) && near(p90, 2.0), "{p50:?} {p90:?}");
        assert!(near(p99, 3_600_000.0), "{p99:?}");
    }

    #[test]
    fn every_latency_is_told_within_one_per_cent() {
        let mut micros = 0;
        let mut last = 0;
        while micros <= MICROS_MAX {
            let bucket = bucket_of(micros);
            let told = longest_in(bucket);
            assert!(
                told >= micros && (told - micros) * 100 <= micros,
                "{micros} {told}"
            );
            assert!(
                bucket == last || bucket == last + 1 || micros > 256,
                "{micros}"
            );
            last = bucket;
            micros += 1 + micros / 1_000;
        }
        assert!(bucket_of(MICROS_MAX) < 26 << PART_BITS);
    }

    #[test]
    fn of_nothing_the_quantiles_are_zero_and_of_one_answer_they_are_that_one() {
        assert_eq!(Latencies::default().quantiles(), [Duration::ZERO; 4]);
        let mut latencies = Latencies::default();
        latencies.record(42_000);
        assert_eq!(latencies.quantiles(), [Duration::from_micros(42); 4]);
    }
}
