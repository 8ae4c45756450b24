//! Listeners: where clients come in.

use weft_codec::Limits;
use weft_model::OrderChoice;

use super::limits::frames;
use super::names::{Unique, name};
use super::place::{Findings, Place};
use super::protocols::Protocols;
use super::services::Checked as CheckedService;
use super::{ListenAddress, ListenerConfig, addresses, hop, raw, sharing};

/// A listener, and where it stands in the file.
#[derive(Clone, Debug)]
pub(super) struct Checked {
    /// Its position in the file.
    pub(super) index: usize,
    /// What was read of it, with the defaults for what is wrong.
    pub(super) listener: ListenerConfig,
    /// The services behind all its routes, one for each protocol at most.
    pub(super) fallbacks: Vec<String>,
}

/// Checks all listeners. Those that have a name are returned, right or wrong.
pub(super) fn listeners(
    found: &mut Findings<'_>,
    protocols: &mut Protocols<'_>,
    raw: &[raw::Listener],
    services: &[CheckedService],
    default_frames: Limits,
) -> Vec<Checked> {
    let root = Place::ROOT;
    let list = root.field("listeners");
    if raw.is_empty() {
        found.refuse(
            &root,
            "there is no listener, so no client could come",
            "add `listeners: [Listener(name: …, addresses: […], service: …)]`",
        );
    }
    let mut names = Unique::new("listener");
    let mut bound = Unique::new("address");
    let mut listeners = Vec::with_capacity(raw.len());
    for (index, raw) in raw.iter().enumerate() {
        let place = list.index(index);
        let name = name(found, &place, raw.name.as_ref());
        if let Some(name) = &name {
            names.see(found, &place.field("name"), name.clone());
        }
        let addresses = bind(found, &place, &raw.addresses, &mut bound);
        let limits = frames(
            found,
            &place.field("frames"),
            raw.frames.as_ref(),
            default_frames,
        );
        let spoken = sharing::spoken(found, protocols, &place, raw, services);
        let hop_place = place.field("hop");
        let hop = hop::hop(found, protocols, &hop_place, (raw.hop, &spoken.protocols));
        if let Some(name) = name {
            listeners.push(Checked {
                index,
                listener: ListenerConfig {
                    name,
                    addresses,
                    protocols: spoken.protocols,
                    server_first: spoken.server_first,
                    sniff_timeout: spoken.sniff_timeout,
                    hop,
                    order: match raw.order {
                        Some(raw::Order::InOrder) => OrderChoice::InOrder,
                        Some(raw::Order::Protocol) | None => OrderChoice::Protocol,
                    },
                    limits,
                },
                fallbacks: spoken.fallbacks,
            });
        }
    }
    listeners
}

fn bind(
    found: &mut Findings<'_>,
    place: &Place<'_>,
    raw: &[String],
    bound: &mut Unique<String>,
) -> Vec<ListenAddress> {
    if raw.is_empty() {
        found.missing(place, "addresses", "[\"0.0.0.0:7000\"]");
    }
    let list = place.field("addresses");
    let mut addresses = Vec::with_capacity(raw.len());
    for (n, text) in raw.iter().enumerate() {
        let place = list.index(n);
        let Some(address) = addresses::listen(found, &place, text) else {
            continue;
        };
        // Port 0 is another port each time.
        if !matches!(address, ListenAddress::Tcp(a) if a.port() == 0) {
            bound.see(found, &place, address.to_string());
        }
        addresses.push(address);
    }
    addresses
}
