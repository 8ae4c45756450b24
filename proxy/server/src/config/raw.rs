//! What a configuration file may say, as it is written: every field may be left out, and an
//! unknown one is refused. Meaning, defaults and ranges stand where a value is checked, and in
//! `docs/configuration.md`.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::{Deserialize, Deserializer, de};

use super::written::Written;

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Proxy {
    pub(crate) name: Option<String>,
    pub(crate) workers: Option<Written>,
    pub(crate) admin: Option<String>,
    pub(crate) statsd: Option<Statsd>,
    pub(crate) drain: Option<Drain>,
    pub(crate) sockets: Option<Sockets>,
    pub(crate) limits: Option<Limits>,
    pub(crate) frames: Option<Frames>,
    pub(crate) policy: Option<Policy>,
    pub(crate) protocols: Vec<String>,
    pub(crate) listeners: Vec<Listener>,
    pub(crate) services: Vec<Service>,
    pub(crate) routes: Vec<Route>,
}

/// Where metrics go.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Statsd {
    pub(crate) address: Option<String>,
    pub(crate) prefix: Option<String>,
    pub(crate) interval: Option<Written>,
}

/// How the process ends.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Drain {
    pub(crate) grace: Option<Written>,
    pub(crate) hard_stop: Option<Written>,
}

/// Options of TCP sockets.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Sockets {
    pub(crate) client_user_timeout: Option<Written>,
    pub(crate) lane_user_timeout: Option<Written>,
    pub(crate) keepalive_idle: Option<Written>,
    pub(crate) keepalive_interval: Option<Written>,
    pub(crate) keepalive_probes: Option<Written>,
    pub(crate) backlog: Option<Written>,
}

/// Bounds and times of each worker.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Limits {
    pub(crate) clients_max: Option<Written>,
    pub(crate) exchanges_max: Option<Written>,
    pub(crate) client_in_flight_max: Option<Written>,
    pub(crate) client_outbox_pause_bytes: Option<Written>,
    pub(crate) ordered_outbox_pause_bytes: Option<Written>,
    pub(crate) answer_bytes_max: Option<Written>,
    pub(crate) lane_outbox_pause_bytes: Option<Written>,
    pub(crate) stream_spill_bytes: Option<Written>,
    pub(crate) stream_stall: Option<Written>,
    pub(crate) kept_bytes_max: Option<Written>,
    pub(crate) head_timeout: Option<Written>,
    pub(crate) frame_stall_timeout: Option<Written>,
    pub(crate) client_idle_timeout: Option<Written>,
    pub(crate) tombstone_grace: Option<Written>,
    pub(crate) one_way_linger: Option<Written>,
    pub(crate) reconnect_min: Option<Written>,
    pub(crate) reconnect_max: Option<Written>,
    pub(crate) unknown_answers_max: Option<Written>,
    pub(crate) access_records: Option<bool>,
}

/// Bounds of frames.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Frames {
    pub(crate) frame_bytes_max: Option<Written>,
    pub(crate) head_bytes_max: Option<Written>,
    pub(crate) cut_through_bytes: Option<Written>,
}

/// Where clients come in.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Listener {
    pub(crate) name: Option<String>,
    pub(crate) addresses: Vec<String>,
    pub(crate) protocol: Option<String>,
    pub(crate) protocols: Vec<String>,
    pub(crate) service: Option<String>,
    pub(crate) services: Vec<String>,
    pub(crate) server_first: Option<String>,
    pub(crate) sniff_timeout: Option<Written>,
    pub(crate) hop: Option<bool>,
    pub(crate) order: Option<Order>,
    pub(crate) frames: Option<Frames>,
}

/// The order of answers.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) enum Order {
    Protocol,
    InOrder,
}

/// A service.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Service {
    pub(crate) name: Option<String>,
    pub(crate) protocol: Option<String>,
    pub(crate) instances: Vec<InstanceForm>,
    pub(crate) hop: Option<bool>,
    pub(crate) policy: Option<Policy>,
    pub(crate) frames: Option<Frames>,
}

/// An instance: its address alone, or everything about it.
#[derive(Debug)]
pub(crate) enum InstanceForm {
    /// `"10.0.0.1:9000"`.
    Address(String),
    /// `Instance(address: …)`.
    Full(Box<Instance>),
}

/// Everything about an instance.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Instance {
    pub(crate) address: Option<String>,
    pub(crate) id: Option<String>,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) weight: Option<Written>,
    pub(crate) draining: Option<bool>,
}

impl<'de> Deserialize<'de> for InstanceForm {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(InstanceVisitor)
    }
}

struct InstanceVisitor;

impl<'de> de::Visitor<'de> for InstanceVisitor {
    type Value = InstanceForm;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an address in quotes, or `Instance(address: …)`")
    }

    fn visit_str<E: de::Error>(self, address: &str) -> Result<InstanceForm, E> {
        Ok(InstanceForm::Address(address.to_owned()))
    }

    fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<InstanceForm, A::Error> {
        Instance::deserialize(MapAccessDeserializer::new(map))
            .map(|instance| InstanceForm::Full(Box::new(instance)))
    }
}

/// A rule.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Route {
    pub(crate) name: Option<String>,
    pub(crate) when: Option<Match>,
    pub(crate) to: Option<Target>,
    pub(crate) policy: Option<Policy>,
}

/// Conditions on an exchange.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Match {
    pub(crate) listener: Option<String>,
    pub(crate) service: Option<String>,
    pub(crate) method: Option<String>,
    pub(crate) keys: BTreeMap<String, String>,
}

/// Where a route leads.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Target {
    pub(crate) service: Option<String>,
    pub(crate) subset: BTreeMap<String, String>,
}

/// How exchanges are treated.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Policy {
    pub(crate) timeout: Option<Written>,
    pub(crate) retry: Option<Retry>,
    pub(crate) idempotent: Option<Vec<String>>,
    pub(crate) balancing: Option<Balancing>,
    pub(crate) lanes: Option<Lanes>,
    pub(crate) queue: Option<Queue>,
}

/// Retries.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Retry {
    pub(crate) retries_max: Option<Written>,
    pub(crate) backoff_base: Option<Written>,
    pub(crate) backoff_max: Option<Written>,
    pub(crate) budget_ratio: Option<Written>,
    pub(crate) budget_floor_per_second: Option<Written>,
    pub(crate) budget_window: Option<Written>,
    pub(crate) keep_bytes_max: Option<Written>,
}

/// How an instance is chosen.
#[derive(Clone, Debug, Deserialize)]
pub(crate) enum Balancing {
    ProtocolDefault,
    PeakEwma,
    RoundRobin,
    RingHash,
    RingHashBy(String),
}

/// Lanes to each instance.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Lanes {
    pub(crate) depth: Option<Written>,
    pub(crate) lanes_max: Option<Written>,
    pub(crate) connect_timeout: Option<Written>,
    pub(crate) idle: Option<Written>,
    pub(crate) lifetime: Option<Written>,
    pub(crate) ping_after: Option<Written>,
    pub(crate) ping_timeout: Option<Written>,
    pub(crate) ping_idle: Option<Written>,
}

/// Waiting.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Queue {
    pub(crate) waiting_max: Option<Written>,
    pub(crate) no_instance_wait: Option<Written>,
}
