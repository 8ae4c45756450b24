//! The numbers under their public names: one list, read by every sink.
//!
//! Names are stable. Units are seconds and bytes. Counters grow until the process ends (or a
//! worker begins anew after a panic).

use weft_codec::ProxyError;
use weft_engine::{CloseCause, Counters};

use crate::view::View;
use crate::worker::ShellCounters;

/// How a number behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// A quantile of a latency in seconds, labelled `quantile`.
    Summary,
}

/// All samples of one name.
#[derive(Clone, Debug)]
pub(crate) struct Family {
    /// Without the prefix `weft_`.
    pub(crate) name: &'static str,
    /// What it is.
    pub(crate) help: &'static str,
    /// How it behaves.
    pub(crate) kind: Kind,
    /// Its samples, each with its own labels.
    pub(crate) samples: Vec<Sample>,
}

/// One number.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    /// Names and values.
    pub(crate) labels: Vec<(&'static str, String)>,
    /// The number.
    pub(crate) value: f64,
}

type Of<T> = fn(&T) -> u64;

/// Counters of the engine without labels.
const ENGINE: &[(&str, &str, Of<Counters>)] = &[
    (
        "clients_accepted_total",
        "Client connections accepted.",
        |c| c.clients_accepted,
    ),
    (
        "clients_refused_total",
        "Client connections refused at accept.",
        |c| c.clients_refused,
    ),
    ("lanes_opened_total", "Upstream connections opened.", |c| {
        c.lanes_opened
    }),
    (
        "connects_failed_total",
        "Upstream connects that failed.",
        |c| c.connects_failed,
    ),
    ("exchanges_accepted_total", "Requests taken.", |c| {
        c.accepted
    }),
    (
        "exchanges_answered_total",
        "Requests that got the server's answer.",
        |c| c.answered,
    ),
    ("exchanges_sent_total", "One-way requests written.", |c| {
        c.sent
    }),
    (
        "exchanges_cancelled_total",
        "Requests whose client left first.",
        |c| c.cancelled,
    ),
    (
        "retries_total",
        "Requests sent again after bytes of them were written.",
        |c| c.retries,
    ),
    (
        "requeues_total",
        "Requests moved elsewhere before a byte was written.",
        |c| c.requeues,
    ),
    (
        "retries_refused_total",
        "Retries that the budget refused.",
        |c| c.retries_refused,
    ),
    (
        "late_answers_total",
        "Answers to abandoned requests, dropped.",
        |c| c.late_answers,
    ),
    (
        "unknown_answers_total",
        "Answers under unknown ids, dropped.",
        |c| c.unknown_answers,
    ),
    ("pings_total", "Pings answered.", |c| c.pings),
    (
        "pings_said_total",
        "Pings of the proxy to silent servers.",
        |c| c.pings_said,
    ),
    (
        "cancels_said_total",
        "Requests given up towards servers.",
        |c| c.cancels_said,
    ),
    ("go_aways_said_total", "Clients told to go away.", |c| {
        c.go_aways_said
    }),
    ("pushes_total", "Pushes from servers relayed.", |c| c.pushes),
    (
        "streamed_requests_total",
        "Requests passed on in pieces.",
        |c| c.streamed_requests,
    ),
    (
        "streamed_answers_total",
        "Answers passed on in pieces.",
        |c| c.streamed_answers,
    ),
    (
        "serial_lanes_total",
        "Lanes found to serve one request at a time.",
        |c| c.serial_lanes,
    ),
    (
        "codec_panics_total",
        "Panics of codecs; each closed the connection whose bytes were read.",
        |c| c.codec_panics,
    ),
    (
        "downstream_received_bytes_total",
        "Bytes read from clients.",
        |c| c.downstream_bytes_in,
    ),
    (
        "downstream_sent_bytes_total",
        "Bytes written to clients.",
        |c| c.downstream_bytes_out,
    ),
    (
        "upstream_received_bytes_total",
        "Bytes read from servers.",
        |c| c.upstream_bytes_in,
    ),
    (
        "upstream_sent_bytes_total",
        "Bytes written to servers.",
        |c| c.upstream_bytes_out,
    ),
];

/// Counters of the shell.
const SHELL: &[(&str, &str, Of<ShellCounters>)] = &[
    (
        "worker_turns_total",
        "Turns of the workers that served sockets.",
        |s| s.turns,
    ),
    (
        "socket_reads_total",
        "Reads from sockets that gave something.",
        |s| s.reads,
    ),
    ("socket_writes_total", "Writes to sockets.", |s| s.writes),
    ("accepts_total", "Sockets accepted.", |s| s.accepts),
    (
        "accepts_moved_total",
        "Accepted sockets given to a worker with less load.",
        |s| s.moved,
    ),
    ("accept_errors_total", "Accepts that failed.", |s| {
        s.accept_errors
    }),
    (
        "accept_pauses_total",
        "Pauses of accepting for want of files or room.",
        |s| s.accept_pauses,
    ),
    ("complaints_total", "Complaints about peers.", |s| {
        s.complaints
    }),
    (
        "complaints_suppressed_total",
        "Complaints left out of the log.",
        |s| s.complaints_suppressed,
    ),
    (
        "worker_panics_total",
        "Panics after which a worker began anew.",
        |s| s.panics,
    ),
];

/// The latency quantiles that instances tell, in their order.
pub(crate) const QUANTILES: [&str; 4] = ["0.5", "0.9", "0.99", "0.999"];

/// Every number of the proxy.
pub(crate) fn families(view: &View) -> Vec<Family> {
    let counters = view.counters();
    let shell = view.shell();
    let mut families = Vec::with_capacity(64);
    families.extend(
        ENGINE
            .iter()
            .map(|(name, help, of)| plain(name, help, Kind::Counter, of(&counters) as f64)),
    );
    families.extend(labelled(&counters));
    families.extend(
        SHELL
            .iter()
            .map(|(name, help, of)| plain(name, help, Kind::Counter, of(&shell) as f64)),
    );
    families.extend(gauges(view));
    families.extend(of_instances(view));
    families
}

fn plain(name: &'static str, help: &'static str, kind: Kind, value: f64) -> Family {
    Family {
        name,
        help,
        kind,
        samples: vec![Sample {
            labels: Vec::new(),
            value,
        }],
    }
}

/// A counter for each member of a closed list.
fn by<'a>(
    name: &'static str,
    help: &'static str,
    label: &'static str,
    members: impl Iterator<Item = (&'static str, &'a u64)>,
) -> Family {
    Family {
        name,
        help,
        kind: Kind::Counter,
        samples: members
            .map(|(member, count)| Sample {
                labels: vec![(label, member.to_owned())],
                value: *count as f64,
            })
            .collect(),
    }
}

fn labelled(counters: &Counters) -> [Family; 4] {
    let errors = || ProxyError::ALL.iter().map(|error| error.label());
    [
        by(
            "exchanges_failed_total",
            "Requests that ended with an error of the proxy.",
            "error",
            errors().zip(&counters.failed),
        ),
        by(
            "exchanges_shed_total",
            "Requests refused for want of room.",
            "error",
            errors().zip(&counters.shed),
        ),
        by(
            "connections_closed_total",
            "Connections that the proxy closed.",
            "cause",
            CloseCause::ALL
                .iter()
                .map(|cause| cause.label())
                .zip(&counters.closed),
        ),
        by(
            "malformed_frames_total",
            "Frames malformed or over a limit.",
            "side",
            ["downstream", "upstream"]
                .into_iter()
                .zip(&counters.malformed),
        ),
    ]
}

fn gauges(view: &View) -> [Family; 9] {
    let sum = |of: fn(&weft_engine::Snapshot) -> usize| -> f64 {
        view.workers.iter().map(|w| of(&w.engine)).sum::<usize>() as f64
    };
    let gauge = |name, help, value| plain(name, help, Kind::Gauge, value);
    let mut listeners = std::collections::BTreeMap::<&str, usize>::new();
    for client in view.workers.iter().flat_map(|w| &w.engine.clients) {
        *listeners.entry(&client.listener).or_default() += 1;
    }
    [
        gauge(
            "workers",
            "Workers that answered.",
            view.workers.len() as f64,
        ),
        gauge(
            "sockets",
            "Sockets of clients and lanes.",
            view.sockets as f64,
        ),
        gauge(
            "state_version",
            "Version of the configuration in force (the lowest of the workers).",
            view.workers
                .iter()
                .map(|w| w.engine.state_version)
                .min()
                .unwrap_or(0) as f64,
        ),
        gauge("exchanges", "Requests in flight.", sum(|s| s.exchanges)),
        gauge(
            "exchanges_waiting",
            "Requests waiting for a lane.",
            sum(|s| s.waiting),
        ),
        gauge(
            "answer_bytes",
            "Bytes held in answers for clients.",
            sum(|s| s.answer_bytes),
        ),
        gauge(
            "kept_bytes",
            "Bytes of requests kept for retries and queues.",
            sum(|s| s.kept_bytes),
        ),
        gauge("lanes", "Upstream connections.", sum(|s| s.lanes.len())),
        Family {
            name: "clients",
            help: "Client connections.",
            kind: Kind::Gauge,
            samples: listeners
                .into_iter()
                .map(|(listener, count)| Sample {
                    labels: vec![("listener", listener.to_owned())],
                    value: count as f64,
                })
                .collect(),
        },
    ]
}

/// What is known of each instance.
fn of_instances(view: &View) -> Vec<Family> {
    let family = |name, help, kind| Family {
        name,
        help,
        kind,
        samples: Vec::new(),
    };
    let mut up = family(
        "instance_up",
        "1 if the instance can be reached.",
        Kind::Gauge,
    );
    let mut in_flight = family(
        "instance_exchanges",
        "Requests in flight on it.",
        Kind::Gauge,
    );
    let mut ok = family(
        "instance_ok_total",
        "Requests it answered well.",
        Kind::Counter,
    );
    let mut failed = family(
        "instance_failed_total",
        "Requests that failed on it.",
        Kind::Counter,
    );
    let mut latency = family(
        "instance_latency_seconds",
        "Latency of its answers since the start; of several workers the highest.",
        Kind::Summary,
    );
    let mut waiting = family(
        "service_waiting",
        "Requests waiting in the service.",
        Kind::Gauge,
    );
    for service in view.services() {
        waiting.samples.push(Sample {
            labels: vec![("service", service.name.clone())],
            value: service.waiting as f64,
        });
        for instance in &service.instances {
            let labels = vec![
                ("service", service.name.clone()),
                ("instance", instance.id.clone()),
            ];
            let sample = |value| Sample {
                labels: labels.clone(),
                value,
            };
            up.samples
                .push(sample(if instance.state == "up" { 1.0 } else { 0.0 }));
            in_flight
                .samples
                .push(sample(f64::from(instance.in_flight)));
            ok.samples.push(sample(instance.ok as f64));
            failed.samples.push(sample(instance.failed as f64));
            for (quantile, took) in QUANTILES.iter().zip(instance.quantiles) {
                let mut labels = labels.clone();
                labels.push(("quantile", (*quantile).to_owned()));
                latency.samples.push(Sample {
                    labels,
                    value: took.as_secs_f64(),
                });
            }
        }
    }
    vec![up, in_flight, ok, failed, latency, waiting]
}
