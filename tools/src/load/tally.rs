//! What a run has counted. Parts of it add up: threads keep their own and hand them over.

use hdrhistogram::{CreationError, Histogram};

/// Latencies are kept up to one minute, to three digits or 64 ns.
const LATENCY_NS: (u64, u64) = (64, 60_000_000_000);

/// How many wrong answers are described; all are counted.
const COMPLAINTS_MAX: usize = 10;

/// How many different texts and names are kept apart.
const NAMES_MAX: usize = 64;

/// Requests of one method.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Written or in the way of being written.
    pub(crate) sent: u64,
    /// Answered as they should be.
    pub(crate) ok: u64,
    /// Answered with an error of the backend's.
    pub(crate) application_errors: u64,
    /// Answered with an error of a proxy's.
    pub(crate) proxy_errors: u64,
    /// Answered with something else than what was asked.
    pub(crate) wrong: u64,
    /// Never answered.
    pub(crate) lost: u64,
}

impl Counts {
    /// Answers of any kind that found their request.
    pub(crate) fn answered(&self) -> u64 {
        self.ok + self.application_errors + self.proxy_errors + self.wrong
    }

    fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.ok += other.ok;
        self.application_errors += other.application_errors;
        self.proxy_errors += other.proxy_errors;
        self.wrong += other.wrong;
        self.lost += other.lost;
    }
}

/// Everything that a run counts.
#[derive(Clone, Debug)]
pub(crate) struct Tally {
    /// By the method's place in the plan.
    pub(crate) methods: Vec<Counts>,
    /// Answers to requests that were meant to be sent after the warm-up.
    pub(crate) measured: u64,
    /// Answers to requests that had been answered before.
    pub(crate) duplicates: u64,
    /// Answers that nobody had asked for.
    pub(crate) unknown: u64,
    /// Values that were gone when they were asked for (Redis).
    pub(crate) misses: u64,
    /// Connections that ended under requests in flight.
    pub(crate) resets: u64,
    /// Connections that the peer closed while nothing was in flight.
    pub(crate) closed_idle: u64,
    /// Connections that came about.
    pub(crate) connects: u64,
    /// Connections that did not.
    pub(crate) connect_failures: u64,
    /// From the intended moment of sending to the answer, in nanoseconds.
    pub(crate) latency_ns: Histogram<u64>,
    /// Answers by the name of the backend that wrote them. Few names: a list is fastest.
    pub(crate) backends: Vec<(String, u64)>,
    /// Errors by their words.
    pub(crate) errors: Vec<(String, u64)>,
    /// The first wrong answers in words.
    pub(crate) complaints: Vec<String>,
}

impl Tally {
    /// Nothing, for so many methods. Takes about 160 KB.
    pub(crate) fn new(methods: usize) -> Result<Self, CreationError> {
        Ok(Self {
            methods: vec![Counts::default(); methods],
            measured: 0,
            duplicates: 0,
            unknown: 0,
            misses: 0,
            resets: 0,
            closed_idle: 0,
            connects: 0,
            connect_failures: 0,
            latency_ns: Histogram::new_with_bounds(LATENCY_NS.0, LATENCY_NS.1, 3)?,
            backends: Vec::new(),
            errors: Vec::new(),
            complaints: Vec::new(),
        })
    }

    /// The counts of a method.
    pub(crate) fn method(&mut self, index: usize) -> &mut Counts {
        if index >= self.methods.len() {
            self.methods.resize(index + 1, Counts::default());
        }
        &mut self.methods[index]
    }

    /// All methods together.
    pub(crate) fn sum(&self) -> Counts {
        let mut sum = Counts::default();
        for counts in &self.methods {
            sum.add(counts);
        }
        sum
    }

    /// Counts an answer by `backend`.
    pub(crate) fn count_backend(&mut self, backend: &[u8], n: u64) {
        count(&mut self.backends, backend, n);
    }

    /// Counts an error by its words.
    pub(crate) fn count_error(&mut self, words: &[u8], n: u64) {
        count(&mut self.errors, words, n);
    }

    /// Describes a wrong answer, if few have been described.
    pub(crate) fn complain(&mut self, complaint: impl FnOnce() -> String) {
        if self.complaints.len() < COMPLAINTS_MAX {
            self.complaints.push(complaint());
        }
    }

    /// Whether anything happened that a correct mesh must not do.
    pub(crate) fn is_broken(&self) -> bool {
        let sum = self.sum();
        sum.wrong + sum.lost + self.duplicates + self.unknown > 0
    }

    /// Adds `other`; its latencies only if `with_latency`.
    pub(crate) fn add(&mut self, other: &Self, with_latency: bool) {
        for (index, counts) in other.methods.iter().enumerate() {
            self.method(index).add(counts);
        }
        self.measured += other.measured;
        self.duplicates += other.duplicates;
        self.unknown += other.unknown;
        self.misses += other.misses;
        self.resets += other.resets;
        self.closed_idle += other.closed_idle;
        self.connects += other.connects;
        self.connect_failures += other.connect_failures;
        if with_latency {
            // Both have the same bounds, so everything fits.
            let _ = self.latency_ns.add(&other.latency_ns);
        }
        for (name, n) in &other.backends {
            self.count_backend(name.as_bytes(), *n);
        }
        for (words, n) in &other.errors {
            self.count_error(words.as_bytes(), *n);
        }
        for complaint in &other.complaints {
            self.complain(|| complaint.clone());
        }
    }

    /// Counts from nothing again, keeping its memory.
    pub(crate) fn clear(&mut self) {
        self.methods.fill(Counts::default());
        self.measured = 0;
        self.duplicates = 0;
        self.unknown = 0;
        self.misses = 0;
        self.resets = 0;
        self.closed_idle = 0;
        self.connects = 0;
        self.connect_failures = 0;
        self.latency_ns.reset();
        self.backends.clear();
        self.errors.clear();
        self.complaints.clear();
    }
}

fn count(names: &mut Vec<(String, u64)>, name: &[u8], n: u64) {
    if let Some((_, count)) = names.iter_mut().find(|(known, _)| known.as_bytes() == name) {
        *count += n;
    } else if names.len() < NAMES_MAX {
        let text = String::from_utf8_lossy(name).chars().take(200).collect();
        names.push((text, n));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_add_up_to_the_whole() {
        let mut whole = Tally::new(2).unwrap();
        let mut part = Tally::new(2).unwrap();
        part.method(1).ok = 3;
        part.count_backend(b"b1", 3);
        part.latency_ns.record(1_000_000).unwrap();
        whole.add(&part, true);
        whole.add(&part, false);
        assert_eq!(whole.sum().ok, 6);
        assert_eq!(whole.backends, [("b1".to_owned(), 6)]);
        assert_eq!(whole.latency_ns.len(), 1);
        part.clear();
        assert_eq!((part.sum(), part.latency_ns.len()), (Counts::default(), 0));
    }

    #[test]
    fn errors_do_not_break_a_run_but_wrong_lost_repeated_and_foreign_answers_do() {
        let mut tally = Tally::new(1).unwrap();
        tally.method(0).proxy_errors = 9;
        tally.method(0).application_errors = 9;
        tally.resets = 9;
        assert!(!tally.is_broken());
        let breaks: [fn(&mut Tally); 4] = [
            |t| t.method(0).wrong = 1,
            |t| t.method(0).lost = 1,
            |t| t.duplicates = 1,
            |t| t.unknown = 1,
        ];
        for breaking in breaks {
            let mut broken = tally.clone();
            breaking(&mut broken);
            assert!(broken.is_broken());
        }
    }
}
