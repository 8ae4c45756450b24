//! The latency histogram of an instance: 1 µs to an hour at two significant digits.

use std::time::Duration;

use hdrhistogram::Histogram;

/// An hour.
const MICROS_MAX: u64 = 3_600_000_000;

/// A histogram that exists once something was recorded. One of an instance that answers within
/// 10 ms takes about 8 KiB.
#[derive(Debug, Default)]
pub(crate) struct Latencies {
    histogram: Option<Box<Histogram<u64>>>,
}

impl Latencies {
    #[inline]
    pub(crate) fn record(&mut self, latency_ns: u64) {
        let micros = (latency_ns / 1_000).clamp(1, MICROS_MAX);
        // Not the saturating way to record: that one never lets the histogram grow.
        if let Some(histogram) = &mut self.histogram {
            let _in_range = histogram.record(micros);
        } else if let Ok(mut histogram) = Histogram::new(2) {
            let _in_range = histogram.record(micros);
            self.histogram = Some(Box::new(histogram));
        }
    }

    /// The quantiles at 50, 90, 99 and 99.9 %.
    pub(crate) fn quantiles(&self) -> [Duration; 4] {
        self.histogram
            .as_ref()
            .map_or([Duration::ZERO; 4], |histogram| {
                [0.5, 0.9, 0.99, 0.999]
                    .map(|q| Duration::from_micros(histogram.value_at_quantile(q)))
            })
    }
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
}
