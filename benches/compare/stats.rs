//! Medians, their 95 % intervals, and the verdict on a limit.
//!
//! The end of the path: samples of pairs go in, words for the table come out. It must not know
//! what was measured.

/// A median and the interval that holds it with 95 % confidence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Estimate {
    /// The median of the sample.
    pub(crate) median: f64,
    /// Lower end of the interval.
    pub(crate) low: f64,
    /// Upper end of the interval.
    pub(crate) high: f64,
    /// How many samples it rests on.
    pub(crate) samples: usize,
}

/// What an estimate says about an upper limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Verdict {
    /// The whole interval lies at or below the limit.
    Met,
    /// The whole interval lies above the limit; the median by so much, as a share of the limit.
    MissedBy(f64),
    /// The interval holds the limit, or there are too few samples for an interval.
    NotResolved,
}

/// Fewer samples than this have no 95 % interval for their median.
pub(crate) const SAMPLES_MIN: usize = 6;

impl Estimate {
    /// The median of `samples` with its interval by order statistics, which assumes nothing
    /// about their distribution; `None` if there is no finite sample.
    #[must_use]
    pub(crate) fn of(samples: &[f64]) -> Option<Self> {
        let mut sorted: Vec<f64> = samples.iter().copied().filter(|s| s.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        let n = sorted.len();
        let rank = interval_rank(n);
        Some(Self {
            median: median_of_sorted(&sorted)?,
            low: *sorted.get(rank)?,
            high: *sorted.get(n.checked_sub(1 + rank)?)?,
            samples: n,
        })
    }

    /// Compares with an upper limit.
    #[must_use]
    pub(crate) fn verdict(&self, limit: f64) -> Verdict {
        if self.samples < SAMPLES_MIN {
            Verdict::NotResolved
        } else if self.high <= limit {
            Verdict::Met
        } else if self.low > limit {
            Verdict::MissedBy(self.median / limit - 1.0)
        } else {
            Verdict::NotResolved
        }
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Met => f.write_str("met"),
            Self::MissedBy(share) => write!(f, "missed by {:.0} %", share * 100.0),
            Self::NotResolved => f.write_str("not resolved"),
        }
    }
}

/// The median of one sample; `None` if it is empty.
#[must_use]
pub(crate) fn median(samples: &[f64]) -> Option<f64> {
    let mut sorted: Vec<f64> = samples.iter().copied().filter(|s| s.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    median_of_sorted(&sorted)
}

/// The ratios of the pairs that have both sides.
#[must_use]
pub(crate) fn ratios(ours: &[Option<f64>], theirs: &[Option<f64>]) -> Vec<f64> {
    ours.iter()
        .zip(theirs)
        .filter_map(|(ours, theirs)| Some((*ours)? / (*theirs)?))
        .filter(|ratio| ratio.is_finite())
        .collect()
}

fn median_of_sorted(sorted: &[f64]) -> Option<f64> {
    let n = sorted.len();
    let upper = *sorted.get(n / 2)?;
    if n % 2 == 1 {
        return Some(upper);
    }
    Some(f64::midpoint(*sorted.get(n / 2 - 1)?, upper))
}

/// The largest `k` such that the k-th smallest and the k-th largest sample (from 0) enclose the
/// median with at least 95 %: twice the binomial tail below `k + 1` stays under 5 %. 0, that is
/// the whole range, where no `k` does.
fn interval_rank(n: usize) -> usize {
    let mut term = 0.5f64.powi(i32::try_from(n).unwrap_or(i32::MAX));
    let mut tail = 0.0;
    let mut rank = 0;
    for k in 0..n / 2 {
        tail += term;
        if 2.0 * tail > 0.05 {
            break;
        }
        rank = k;
        term *= (n - k) as f64 / (k + 1) as f64;
    }
    rank
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(n: usize) -> Vec<f64> {
        (1..=n).map(|i| i as f64).collect()
    }

    #[test]
    fn the_interval_of_twenty_pairs_runs_from_the_sixth_to_the_fifteenth() {
        let estimate = Estimate::of(&numbers(20)).unwrap();
        assert_eq!(
            (estimate.low, estimate.median, estimate.high),
            (6.0, 10.5, 15.0)
        );
    }

    #[test]
    fn a_limit_inside_the_interval_is_not_resolved() {
        let estimate = Estimate::of(&numbers(20)).unwrap();
        assert_eq!(estimate.verdict(12.0), Verdict::NotResolved);
        assert_eq!(estimate.verdict(15.0), Verdict::Met);
        assert_eq!(estimate.verdict(5.0).to_string(), "missed by 110 %");
    }

    #[test]
    fn five_pairs_resolve_nothing() {
        let estimate = Estimate::of(&numbers(5)).unwrap();
        assert_eq!(estimate.verdict(1000.0), Verdict::NotResolved);
    }

    #[test]
    fn a_pair_without_one_of_its_sides_is_left_out() {
        let ours = [Some(1.0), None, Some(3.0)];
        let theirs = [Some(2.0), Some(2.0), None];
        assert_eq!(ratios(&ours, &theirs), [0.5]);
    }
}
