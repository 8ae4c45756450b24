//! Services and their instances.

use weft_codec::Limits;
use weft_model::{Instance, Policy, Service};

use super::limits::frames;
use super::names::{Unique, name};
use super::place::{Findings, Place};
use super::protocols::Protocols;
use super::{addresses, hop, policies, raw};

/// What services have unless they say otherwise.
#[derive(Clone, Debug)]
pub(super) struct Defaults {
    /// The file's policy.
    pub(super) policy: Policy,
    /// The file's bounds of frames.
    pub(super) frames: Limits,
}

/// A service and what the model does not hold of it.
#[derive(Clone, Debug)]
pub(super) struct Checked {
    /// What was read of it, with the defaults for what is wrong.
    pub(super) service: Service,
    /// Bounds of its frames.
    pub(super) limits: Limits,
    /// Its instances are Weft proxies that take hop.
    pub(super) hop: bool,
}

/// Checks all services. Those that have a name are returned, right or wrong, so that routes to
/// them are not complained of too.
pub(super) fn services(
    found: &mut Findings<'_>,
    protocols: &mut Protocols<'_>,
    raw: &[raw::Service],
    defaults: &Defaults,
) -> Vec<Checked> {
    let root = Place::ROOT;
    let list = root.field("services");
    let mut names = Unique::new("service");
    let mut services = Vec::with_capacity(raw.len());
    for (index, raw) in raw.iter().enumerate() {
        let place = list.index(index);
        let name = name(found, &place, raw.name.as_ref());
        if let Some(name) = &name {
            names.see(found, &place.field("name"), name.clone());
        }
        let checked = service(found, protocols, &place, raw, defaults);
        if let Some(name) = name {
            services.push(Checked {
                service: Service {
                    name,
                    ..checked.service
                },
                limits: checked.limits,
                hop: checked.hop,
            });
        }
    }
    services
}

/// A service without its name.
fn service(
    found: &mut Findings<'_>,
    protocols: &mut Protocols<'_>,
    place: &Place<'_>,
    raw: &raw::Service,
    defaults: &Defaults,
) -> Checked {
    let limits = frames(
        found,
        &place.field("frames"),
        raw.frames.as_ref(),
        defaults.frames,
    );
    let mut policy = defaults.policy.clone();
    let policy_place = place.field("policy");
    let protocol = raw.protocol.clone().unwrap_or_default();
    let traits = match raw.protocol {
        None => {
            found.missing(place, "protocol", "\"…\"");
            None
        }
        Some(_) => protocols.find(found, &place.field("protocol"), &protocol),
    };
    if policy.idempotent.is_empty() {
        policy.idempotent = protocols.idempotent(&protocol);
    }
    if let Some(raw) = &raw.policy {
        policies::apply(found, &policy_place, raw, &mut policy);
    }
    if let Some(traits) = traits {
        let place = policy_place.field("balancing");
        policies::balancing_key(found, &place, &policy, &protocol, &traits);
    }
    let instances = instances(found, place, &raw.instances);
    if raw.instances.is_empty() {
        found.warn(
            place,
            "the service has no instance: every exchange with it will fail",
            "add `instances: [\"10.0.0.1:9000\"]`",
        );
    }
    let spoken = std::slice::from_ref(&protocol);
    let hop = hop::hop(found, protocols, &place.field("hop"), (raw.hop, spoken));
    Checked {
        hop,
        service: Service {
            name: String::new(),
            protocol,
            instances,
            policy,
        },
        limits,
    }
}

fn instances(
    found: &mut Findings<'_>,
    place: &Place<'_>,
    raw: &[raw::InstanceForm],
) -> Vec<Instance> {
    let list = place.field("instances");
    let mut addresses = Unique::new("address");
    let mut ids = Unique::new("instance id");
    let mut instances = Vec::with_capacity(raw.len());
    for (n, form) in raw.iter().enumerate() {
        let place = list.index(n);
        let short;
        let (raw, address_place) = match form {
            raw::InstanceForm::Full(raw) => (&**raw, place.field("address")),
            raw::InstanceForm::Address(address) => {
                short = raw::Instance {
                    address: Some(address.clone()),
                    ..raw::Instance::default()
                };
                (&short, place)
            }
        };
        if let Some(instance) = instance(found, &place, &address_place, raw) {
            addresses.see(found, &address_place, instance.address.to_string());
            if raw.id.is_some() {
                ids.see(found, &place.field("id"), instance.id.clone());
            }
            instances.push(instance);
        }
    }
    instances
}

fn instance(
    found: &mut Findings<'_>,
    place: &Place<'_>,
    address_place: &Place<'_>,
    raw: &raw::Instance,
) -> Option<Instance> {
    let mut weight = 1;
    found.count(
        &place.field("weight"),
        raw.weight.as_ref(),
        1..=1_000,
        &mut weight,
    );
    if raw.id.as_ref().is_some_and(String::is_empty) {
        found.refuse(
            &place.field("id"),
            "the id is empty",
            "leave it out: then the address is the id",
        );
    }
    let Some(address) = &raw.address else {
        found.missing(place, "address", "\"10.0.0.1:9000\"");
        return None;
    };
    let address = addresses::instance(found, address_place, address)?;
    Some(Instance {
        id: raw.id.clone().unwrap_or_else(|| address.to_string()),
        incarnation: 0,
        address,
        labels: raw.labels.clone(),
        weight,
        draining: raw.draining.unwrap_or(false),
    })
}
