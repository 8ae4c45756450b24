//! What a run found, for people and for programs.

use std::fmt::{self, Write};
use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use super::plan::Plan;
use super::tally::{Counts, Tally};

/// What a run found.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    /// Everything counted.
    pub(crate) tally: Tally,
    /// How long it was measured.
    pub(crate) measured_for: Duration,
    /// Requests that the schedule held but no connection could take (open loop).
    pub(crate) unsent: u64,
    /// Processor time of the load generator for each request of the whole run, in microseconds.
    pub(crate) cpu_us_per_request: f64,
    /// Idle connections at the beginning and those of them that were still open at the end.
    pub(crate) idle: (usize, usize),
}

/// Microseconds at a quantile.
pub(crate) fn quantile_us(latency_ns: &Histogram<u64>, quantile: f64) -> f64 {
    latency_ns.value_at_quantile(quantile) as f64 / 1e3
}

impl Report {
    /// Whether nothing happened that a correct mesh must not do.
    pub(crate) fn is_clean(&self) -> bool {
        !self.tally.is_broken() && self.idle.0 == self.idle.1
    }

    fn per_second(&self) -> f64 {
        let seconds = self.measured_for.as_secs_f64();
        if seconds > 0.0 {
            self.tally.measured as f64 / seconds
        } else {
            0.0
        }
    }

    /// For programs; the names do not change.
    pub(crate) fn json(&self, plan: &Plan) -> Value {
        let sum = self.tally.sum();
        let latency = &self.tally.latency_ns;
        let methods: serde_json::Map<String, Value> = plan
            .methods
            .iter()
            .zip(&self.tally.methods)
            .map(|(method, counts)| (method.name.clone(), counts_json(counts)))
            .collect();
        json!({
            "target": plan.target.to_string(),
            "protocol": plan.protocol.name(),
            "connections": plan.connections,
            "in_flight": plan.in_flight,
            "rate": plan.rate,
            "body_bytes": plan.body_bytes,
            "measured_seconds": self.measured_for.as_secs_f64(),
            "measured_answers": self.tally.measured,
            "requests_per_second": self.per_second(),
            "latency_us": {
                "min": latency.min() as f64 / 1e3,
                "mean": latency.mean() / 1e3,
                "p50": quantile_us(latency, 0.5),
                "p90": quantile_us(latency, 0.9),
                "p99": quantile_us(latency, 0.99),
                "p999": quantile_us(latency, 0.999),
                "max": latency.max() as f64 / 1e3,
            },
            "all": counts_json(&sum),
            "methods": methods,
            "duplicates": self.tally.duplicates,
            "unknown": self.tally.unknown,
            "misses": self.tally.misses,
            "unsent": self.unsent,
            "connects": self.tally.connects,
            "connect_failures": self.tally.connect_failures,
            "resets": self.tally.resets,
            "closed_idle": self.tally.closed_idle,
            "idle": { "opened": self.idle.0, "still_open": self.idle.1 },
            "backends": pairs_json(&self.tally.backends),
            "errors": pairs_json(&self.tally.errors),
            "complaints": self.tally.complaints,
            "load_cpu_us_per_request": self.cpu_us_per_request,
            "clean": self.is_clean(),
        })
    }

    /// For people.
    pub(crate) fn text(&self, plan: &Plan) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.write(plan, &mut text);
        text
    }

    fn write(&self, plan: &Plan, out: &mut String) -> fmt::Result {
        let sum = self.tally.sum();
        let how = match plan.rate {
            Some(rate) => format!("{rate} per second (open loop)"),
            None => "as answers come (closed loop)".to_owned(),
        };
        writeln!(
            out,
            "{} at {}: {} connections x {} in flight, {} bytes, {how}",
            plan.protocol.name(),
            plan.target,
            plan.connections,
            plan.in_flight,
            plan.body_bytes
        )?;
        writeln!(
            out,
            "  {:.0} answers per second over {:.1} s; the load itself took {:.2} CPU-us per request",
            self.per_second(),
            self.measured_for.as_secs_f64(),
            self.cpu_us_per_request
        )?;
        let latency = &self.tally.latency_ns;
        write!(out, "  latency")?;
        for (name, quantile) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)] {
            write!(
                out,
                "  {name} {}",
                short_time(quantile_us(latency, quantile))
            )?;
        }
        writeln!(out, "  max {}", short_time(latency.max() as f64 / 1e3))?;
        self.write_methods(plan, &sum, out)?;
        self.write_connections(out)?;
        for (words, count) in &self.tally.errors {
            writeln!(out, "  {count:>8} x {words}")?;
        }
        for complaint in &self.tally.complaints {
            writeln!(out, "  WRONG {complaint}")?;
        }
        Ok(())
    }

    fn write_methods(&self, plan: &Plan, sum: &Counts, out: &mut String) -> fmt::Result {
        writeln!(
            out,
            "  {:<16}{:>12}{:>12}{:>12}{:>12}{:>8}{:>8}",
            "method", "sent", "right", "app errors", "proxy err.", "wrong", "lost"
        )?;
        let named = plan.methods.iter().map(|method| method.name.as_str());
        let rows = named.zip(&self.tally.methods);
        let all = (plan.methods.len() > 1).then_some(("all", sum));
        for (name, counts) in rows.chain(all) {
            writeln!(
                out,
                "  {name:<16}{:>12}{:>12}{:>12}{:>12}{:>8}{:>8}",
                counts.sent,
                counts.ok,
                counts.application_errors,
                counts.proxy_errors,
                counts.wrong,
                counts.lost
            )?;
        }
        Ok(())
    }

    fn write_connections(&self, out: &mut String) -> fmt::Result {
        let tally = &self.tally;
        writeln!(
            out,
            "  connections: {} made, {} failed, {} reset under requests, {} closed while idle",
            tally.connects, tally.connect_failures, tally.resets, tally.closed_idle
        )?;
        for (count, what) in [
            (tally.duplicates, "answers came twice"),
            (tally.unknown, "answers belonged to no request"),
            (tally.misses, "values were gone and stored again"),
            (
                self.unsent,
                "requests were not sent: no connection was free in time",
            ),
        ] {
            if count > 0 {
                writeln!(out, "  {count} {what}")?;
            }
        }
        if self.idle.0 > 0 {
            writeln!(
                out,
                "  idle connections: {} opened, {} still open",
                self.idle.0, self.idle.1
            )?;
        }
        if !tally.backends.is_empty() {
            let total: u64 = tally.backends.iter().map(|(_, count)| count).sum();
            let mut names = tally.backends.clone();
            names.sort();
            let shares = names.iter().map(|(name, count)| {
                format!(
                    "{name} {:.1} %",
                    *count as f64 * 100.0 / total.max(1) as f64
                )
            });
            writeln!(
                out,
                "  answered by: {}",
                shares.collect::<Vec<_>>().join(", ")
            )?;
        }
        Ok(())
    }
}

/// Microseconds in the unit that reads best.
pub(crate) fn short_time(us: f64) -> String {
    if us < 1_000.0 {
        format!("{us:.0} us")
    } else if us < 1_000_000.0 {
        format!("{:.2} ms", us / 1e3)
    } else {
        format!("{:.2} s", us / 1e6)
    }
}

fn counts_json(counts: &Counts) -> Value {
    json!({
        "sent": counts.sent,
        "ok": counts.ok,
        "application_errors": counts.application_errors,
        "proxy_errors": counts.proxy_errors,
        "wrong": counts.wrong,
        "lost": counts.lost,
    })
}

fn pairs_json(pairs: &[(String, u64)]) -> Value {
    pairs
        .iter()
        .map(|(name, count)| (name.clone(), json!(count)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}
