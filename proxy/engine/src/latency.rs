//! The latency histogram of an instance: 1 µs to an hour at two significant digits.

use std::time::Duration;

use hdrhistogram::Histogram;

/// A histogram that exists once something was recorded. One of an instance that answers within
/// 10 ms takes about 8 KiB.
#[derive(Debug, Default)]
pub(crate) struct Latencies {
    histogram: Option<Box<Histogram<u64>>>,
}

impl Latencies {
    #[inline]
    pub(crate) fn record(&mut self, latency_ns: u64) {
        let micros = (latency_ns / 1_000).max(1);
        if let Some(histogram) = &mut self.histogram {
            histogram.saturating_record(micros);
        } else if let Ok(mut histogram) = Histogram::new(2) {
            histogram.auto(true);
            histogram.saturating_record(micros);
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
