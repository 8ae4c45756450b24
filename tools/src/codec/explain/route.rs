//! Which route, subset and instances a request would take by a configuration, and why.

use std::path::Path;

use weft_codec::{Balance, Codec, Field, Kind, Side};
use weft_model::{Balancing, Instance, Labels, Service};
use weft_proxy::config;
use weft_route::{Finding, RequestFields, RouteTable};

use crate::codec::decode::Frame;

/// The listeners of a configuration that speak the protocol.
pub(super) struct Routes {
    listeners: Vec<(String, RouteTable)>,
    services: Vec<Service>,
}

/// What one listener makes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Way {
    pub(super) listener: String,
    /// What each route says, in words.
    pub(super) steps: Vec<String>,
    /// Where it goes; `None` if no route takes it.
    pub(super) to: Option<Target>,
}

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) route: String,
    pub(super) service: String,
    pub(super) subset: Labels,
    /// The instances of the subset: id, and why it is out if it is.
    pub(super) candidates: Vec<(String, Option<&'static str>)>,
    /// How one of them is chosen.
    pub(super) choice: String,
}

impl Routes {
    /// The listeners of a configuration that speak `protocol`.
    ///
    /// # Errors
    /// What is wrong with the file, or that no listener speaks the protocol.
    pub(super) fn read(file: &Path, protocol: &str) -> anyhow::Result<Self> {
        let config = config::load(file).map_err(|complaints| {
            let told: Vec<String> = complaints.iter().map(ToString::to_string).collect();
            anyhow::anyhow!(told.join("\n"))
        })?;
        let state = config.state(1);
        let listeners: Vec<_> = state
            .listeners
            .iter()
            .filter(|listener| listener.codec.name() == protocol)
            .map(|listener| (listener.name.clone(), listener.routes.clone()))
            .collect();
        if listeners.is_empty() {
            anyhow::bail!("no listener of {} speaks `{protocol}`", file.display());
        }
        Ok(Self {
            listeners,
            services: config.services,
        })
    }

    /// What each listener makes of a request; nothing for other frames.
    pub(super) fn ways(&self, codec: &dyn Codec, frame: &Frame<'_>) -> Vec<Way> {
        let asks = matches!(frame.head.kind, Kind::Request | Kind::OneWay);
        if !asks || frame.side != Side::Downstream {
            return Vec::new();
        }
        let request = RequestFields {
            codec,
            head: &frame.head,
            frame: frame.bytes,
        };
        let ways = self.listeners.iter().map(|(listener, table)| {
            let steps = table.explain(&request);
            let taken = steps.iter().find(|step| step.finding == Finding::Takes);
            let to = taken.and_then(|step| {
                let rule = table.rules().iter().find(|rule| rule.route == step.route)?;
                let service = self.services.get(rule.service)?;
                let subset = step.route.to.subset.clone();
                Some(Target {
                    route: step.route.name.clone(),
                    service: service.name.clone(),
                    candidates: candidates(service, &subset),
                    subset,
                    choice: choice(codec, frame, &rule.policy.balancing),
                })
            });
            Way {
                listener: listener.clone(),
                steps: steps.iter().map(ToString::to_string).collect(),
                to,
            }
        });
        ways.collect()
    }
}

fn candidates(service: &Service, subset: &Labels) -> Vec<(String, Option<&'static str>)> {
    let why_out = |instance: &Instance| instance.draining.then_some("draining");
    let of_subset = |instance: &&Instance| {
        let labels = &instance.labels;
        subset
            .iter()
            .all(|(name, value)| labels.get(name) == Some(value))
    };
    let instances = service.instances.iter().filter(of_subset);
    instances
        .map(|instance| (instance.id.clone(), why_out(instance)))
        .collect()
}

fn choice(codec: &dyn Codec, frame: &Frame<'_>, balancing: &Balancing) -> String {
    let ewma = "the better of two random ones by peak-EWMA latency".to_owned();
    let keyed = |key: Option<String>| match key {
        Some(key) => format!("ring hash by `{key}`"),
        None => format!("ring hash, but it has no key: {ewma}"),
    };
    let hash_key = || text(codec, frame, Field::HashKey(0));
    match balancing {
        Balancing::PeakEwma => ewma.clone(),
        Balancing::RoundRobin => "round robin by weight".to_owned(),
        Balancing::RingHash(None) => keyed(hash_key()),
        Balancing::RingHash(Some(key)) => keyed(text(codec, frame, named(key))),
        Balancing::ProtocolDefault => match codec.traits().balance {
            Balance::PeakEwma => ewma.clone(),
            Balance::RingHash => keyed(hash_key()),
        },
    }
}

fn named(key: &str) -> Field<'_> {
    match key {
        "service" => Field::Service,
        "method" => Field::Method,
        key => Field::Key(key),
    }
}

fn text(codec: &dyn Codec, frame: &Frame<'_>, field: Field<'_>) -> Option<String> {
    let value = codec.field(frame.side, &frame.head, frame.bytes, field)?;
    Some(value.to_bytes().escape_ascii().to_string())
}
