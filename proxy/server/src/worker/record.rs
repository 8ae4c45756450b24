//! Access records: one line of the log for each exchange that ended, where the configuration
//! asks for them.

use weft_engine::{AccessRecord, Outcome};

use super::Worker;

impl Worker {
    /// Logs the exchanges that ended in this turn. Nothing is kept: without this the engine's
    /// list would grow for ever.
    pub(super) fn log_records(&mut self) {
        self.engine.take_records(&mut self.records);
        for record in self.records.drain(..) {
            log(self.number, &record);
        }
    }
}

fn log(worker: usize, record: &AccessRecord) {
    let (outcome, error) = words(record.outcome);
    tracing::info!(
        target: "weft_access",
        worker,
        client = record.client.number(),
        id = record.caller_id,
        listener = record.listener,
        route = record.route,
        service = record.service,
        instance = record.instance,
        attempts = record.attempts,
        sent_before = record.sent_before,
        micros = u64::try_from(record.took.as_micros()).unwrap_or(u64::MAX),
        outcome,
        error,
        "exchange"
    );
}

/// The outcome and, where there is one, the proxy error: the labels of the metrics.
fn words(outcome: Outcome) -> (&'static str, Option<&'static str>) {
    match outcome {
        Outcome::Answered => ("answered", None),
        Outcome::Failed(error) => ("failed", Some(error.label())),
        Outcome::Shed(error) => ("shed", Some(error.label())),
        Outcome::Sent => ("sent", None),
        Outcome::Cancelled => ("cancelled", None),
    }
}
