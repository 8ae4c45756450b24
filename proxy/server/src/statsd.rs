//! The numbers to statsd over UDP.
//!
//! Aggregated here: once per interval each counter sends what was added since the last time and
//! each gauge its value, and only what changed is sent. A proxy with nothing to do sends nothing.
//! statsd knows no labels, so their values become parts of the name.

use std::collections::HashMap;
use std::net::UdpSocket;
use std::sync::Arc;

use cadence::prelude::*;
use cadence::{BufferedUdpMetricSink, StatsdClient};

use crate::admin;
use crate::config::Statsd;
use crate::metrics::{Family, Kind, families};
use crate::server::Core;

/// Fits one Ethernet frame with IPv6 and UDP headers and some room for tunnels.
const DATAGRAM_BYTES_MAX: usize = 1_432;

/// Sends until it is dropped.
pub(crate) async fn run(config: Statsd, core: Arc<Core>) {
    let client = match client(&config) {
        Ok(client) => client,
        Err(error) => {
            tracing::error!(%error, address = %config.address, "statsd cannot be reached");
            return;
        }
    };
    let mut sent = Sent::default();
    let mut flush = tokio::time::interval(config.interval);
    flush.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        flush.tick().await;
        for change in sent.changes(&families(&admin::view(&core).await)) {
            // A daemon that does not listen loses numbers; traffic does not care.
            let _lost = match change {
                Change::Count(name, added) => client.count(&name, added).map(|_| ()),
                Change::Gauge(name, value) => client.gauge(&name, value).map(|_| ()),
            };
        }
        let _lost = client.flush();
    }
}

fn client(config: &Statsd) -> Result<StatsdClient, cadence::MetricError> {
    let from = if config.address.is_ipv4() {
        "0.0.0.0:0"
    } else {
        "[::]:0"
    };
    let socket = UdpSocket::bind(from)?;
    socket.set_nonblocking(true)?;
    let sink = BufferedUdpMetricSink::with_capacity(config.address, socket, DATAGRAM_BYTES_MAX)?;
    Ok(StatsdClient::from_sink(&config.prefix, sink))
}

/// Something to tell the daemon.
#[derive(Clone, Debug, PartialEq)]
enum Change {
    Count(String, u64),
    Gauge(String, f64),
}

/// What the daemon knows.
#[derive(Debug, Default)]
struct Sent {
    values: HashMap<String, f64>,
}

impl Sent {
    /// What changed since the last call.
    fn changes(&mut self, families: &[Family]) -> Vec<Change> {
        let mut changes = Vec::new();
        for family in families {
            let name = family.name.trim_end_matches("_total");
            for sample in &family.samples {
                let mut name = name.to_owned();
                for (_, value) in &sample.labels {
                    name.push('.');
                    name.extend(value.chars().map(plain));
                }
                let known = self.values.insert(name.clone(), sample.value);
                let before = known.unwrap_or(0.0);
                if family.kind == Kind::Counter {
                    // Below the last value it began anew: then all of it is new.
                    let added = if sample.value < before {
                        sample.value
                    } else {
                        sample.value - before
                    };
                    if added > 0.0 {
                        changes.push(Change::Count(name, added as u64));
                    }
                } else if known != Some(sample.value) {
                    changes.push(Change::Gauge(name, sample.value));
                }
            }
        }
        changes
    }
}

/// Keeps a label's value one part of a name: statsd gives a meaning to `.`, `:`, `|`, `@`, `#`.
fn plain(c: char) -> char {
    if c.is_ascii_alphanumeric() || c == '-' || c == '_' {
        c
    } else {
        '_'
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Sample;

    fn family(name: &'static str, kind: Kind, label: &str, value: f64) -> Family {
        Family {
            name,
            help: "",
            kind,
            samples: vec![Sample {
                labels: vec![("instance", label.to_owned())],
                value,
            }],
        }
    }

    #[test]
    fn counters_tell_what_was_added_and_gauges_their_value_but_only_if_it_changed() {
        let mut sent = Sent::default();
        let at = |count, level| {
            [
                family("ok_total", Kind::Counter, "10.0.0.1:90", count),
                family("level", Kind::Gauge, "a", level),
            ]
        };
        assert_eq!(
            sent.changes(&at(5.0, 1.0)),
            [
                Change::Count("ok.10_0_0_1_90".to_owned(), 5),
                Change::Gauge("level.a".to_owned(), 1.0)
            ]
        );
        assert_eq!(sent.changes(&at(5.0, 1.0)), []);
        assert_eq!(
            sent.changes(&at(7.0, 1.0)),
            [Change::Count("ok.10_0_0_1_90".to_owned(), 2)]
        );
        // A worker that began anew counts from zero.
        assert_eq!(
            sent.changes(&at(3.0, 1.0)),
            [Change::Count("ok.10_0_0_1_90".to_owned(), 3)]
        );
    }
}
