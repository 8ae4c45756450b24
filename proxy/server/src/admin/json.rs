//! The tables as JSON.

use std::time::Duration;

use serde_json::{Map, Value, json};
use weft_engine::{ClientView, InstanceView, LaneView};

use crate::metrics::{Kind, families};
use crate::view::View;
use crate::worker::WorkerView;

/// Counters and totals: the metrics without the prefix `weft_`, labelled ones as objects.
pub(super) fn counters(view: &View) -> Value {
    let mut out = Map::new();
    for family in families(view) {
        if family.kind == Kind::Summary || family.name.starts_with("instance_") {
            continue;
        }
        let value = match family.samples.as_slice() {
            [only] if only.labels.is_empty() => number(only.value),
            samples => samples
                .iter()
                .filter_map(|sample| {
                    let (_, label) = sample.labels.first()?;
                    Some((label.clone(), number(sample.value)))
                })
                .collect::<Map<String, Value>>()
                .into(),
        };
        out.insert(family.name.to_owned(), value);
    }
    out.insert("clients_now".to_owned(), json!(view.clients()));
    Value::Object(out)
}

/// Whole numbers without a fraction.
fn number(value: f64) -> Value {
    if value.fract() == 0.0 && (0.0..9e15).contains(&value) {
        return json!(value as u64);
    }
    json!(value)
}

/// Client connections.
pub(super) fn connections(view: &View) -> Value {
    per_worker(view, |worker| {
        worker.engine.clients.iter().map(client).collect()
    })
}

/// Upstream connections.
pub(super) fn lanes(view: &View) -> Value {
    per_worker(view, |worker| {
        worker.engine.lanes.iter().map(lane).collect()
    })
}

fn per_worker(view: &View, rows: fn(&WorkerView) -> Vec<Value>) -> Value {
    let mut all = Vec::new();
    for worker in &view.workers {
        for mut row in rows(worker) {
            if let Some(row) = row.as_object_mut() {
                row.insert("worker".to_owned(), json!(worker.worker));
            }
            all.push(row);
        }
    }
    Value::Array(all)
}

/// Services and their instances.
pub(super) fn services(view: &View) -> Value {
    view.services()
        .iter()
        .map(|service| {
            json!({
                "name": service.name,
                "home": service.home,
                "waiting": service.waiting,
                "instances": service.instances.iter().map(instance).collect::<Vec<_>>(),
            })
        })
        .collect()
}

fn client(client: &ClientView) -> Value {
    json!({
        "connection": client.conn.number(),
        "listener": client.listener,
        "in_flight": client.in_flight,
        "outbox_bytes": client.outbox_bytes,
        "held_bytes": client.held_bytes,
        "paused": client.paused,
        "pinned": client.pinned,
        "source": client.source,
        "age_seconds": seconds(client.age),
    })
}

fn lane(lane: &LaneView) -> Value {
    json!({
        "connection": lane.conn.number(),
        "service": lane.service,
        "instance": lane.instance,
        "class": lane.class,
        "state": lane.state,
        "in_flight": lane.in_flight,
        "abandoned": lane.abandoned,
        "outbox_bytes": lane.outbox_bytes,
        "age_seconds": seconds(lane.age),
    })
}

fn instance(instance: &InstanceView) -> Value {
    let [p50, p90, p99, p999] = instance.quantiles.map(seconds);
    json!({
        "id": instance.id,
        "address": instance.address,
        "state": instance.state,
        "reason": instance.reason,
        "lanes": instance.lanes,
        "in_flight": instance.in_flight,
        "ok": instance.ok,
        "failed": instance.failed,
        "peak_ewma_seconds": seconds(instance.latency),
        "latency_seconds": { "p50": p50, "p90": p90, "p99": p99, "p999": p999 },
    })
}

/// Rounded to microseconds.
fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests {
    use weft_codec::ProxyError;
    use weft_engine::{CloseCause, Snapshot};

    use super::*;
    use crate::worker::ShellCounters;

    #[test]
    fn counters_tell_every_error_and_every_cause_even_before_anything_happened() {
        let worker = WorkerView {
            worker: 0,
            engine: Snapshot::default(),
            shell: ShellCounters::default(),
            lingering: 0,
        };
        let counters = counters(&View::new(vec![worker], 0));
        let members = |name: &str| counters[name].as_object().map_or(0, Map::len);
        assert_eq!(members("exchanges_failed_total"), ProxyError::ALL.len());
        assert_eq!(members("connections_closed_total"), CloseCause::ALL.len());
        assert_eq!(counters["exchanges_accepted_total"], json!(0));
    }
}
