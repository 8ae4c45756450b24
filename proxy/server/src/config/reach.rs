//! Whether everything that is configured can be reached, once it is known to be right.

use std::collections::BTreeSet;

use weft_model::InstanceAddress;
use weft_route::RouteTable;

use super::listeners::Checked as CheckedListener;
use super::place::{Findings, Place};
use super::{Config, ListenAddress};

/// Complains of listeners that lead nowhere, and warns of routes and services that no exchange
/// can take, and of instances that are this proxy itself.
pub(super) fn reach(found: &mut Findings<'_>, config: &Config, listeners: &[CheckedListener]) {
    let root = Place::ROOT;
    let mut reached = vec![false; config.routes.len()];
    let mut shadowed_by = vec![None; config.routes.len()];
    let mut services = BTreeSet::new();
    let position = |name: &str| config.routes.iter().position(|route| route.name == name);
    let branches = listeners.iter().flat_map(|checked| {
        let protocols = checked.listener.protocols.iter();
        protocols.map(move |protocol| (checked, protocol))
    });
    for (checked, protocol) in branches {
        let name = &checked.listener.name;
        let routes = config.routes_of(&checked.listener, protocol);
        let Ok(table) = RouteTable::compile(name, &routes, &config.services) else {
            continue;
        };
        if table.rules().is_empty() {
            leads_nowhere(found, checked, protocol);
        }
        let shadows = table.shadows();
        for (n, rule) in table.rules().iter().enumerate() {
            let Some(route) = position(&rule.route.name) else {
                continue;
            };
            match shadows.iter().find(|shadow| shadow.rule == n) {
                None => {
                    set(&mut reached, route, true);
                    services.insert(rule.service);
                }
                Some(shadow) => {
                    let by = table.rules().get(shadow.by).map(|rule| &rule.route.name);
                    set(&mut shadowed_by, route, by.cloned());
                }
            }
        }
    }
    for (route, by) in shadowed_by.iter().enumerate() {
        if let (Some(by), Some(false)) = (by, reached.get(route)) {
            shadowed(found, config, listeners, route, by);
        }
    }
    let list = root.field("services");
    for (index, service) in config.services.iter().enumerate() {
        if !services.contains(&index) {
            found.warn(
                &list.index(index),
                format!("no exchange can reach service `{}`", service.name),
                "name it in a listener or a route, or remove it",
            );
        }
        let place = list.index(index);
        let instances = place.field("instances");
        for (number, instance) in service.instances.iter().enumerate() {
            let own = listeners.iter().find(|checked| {
                let mut addresses = checked.listener.addresses.iter();
                addresses.any(|address| leads_to(&instance.address, address))
            });
            if let Some(own) = own {
                let (address, listener) = (&instance.address, &own.listener.name);
                found.warn(
                    &instances.index(number),
                    format!("`{address}` is listener `{listener}` of this proxy: requests may go round until their time is over"),
                    "write the server's address",
                );
            }
        }
    }
}

/// Whether who connects to `to` comes to a socket that listens at `at`.
fn leads_to(to: &InstanceAddress, at: &ListenAddress) -> bool {
    match (to, at) {
        (InstanceAddress::Tcp(to), ListenAddress::Tcp(at)) => {
            let any = at.ip().is_unspecified() && to.ip().is_loopback();
            to.port() == at.port() && (to.ip() == at.ip() || any)
        }
        (InstanceAddress::Unix(to), ListenAddress::Unix(at)) => to == at,
        _ => false,
    }
}

/// Complains of a listener, or of one of its protocols, that has no rule.
fn leads_nowhere(found: &mut Findings<'_>, checked: &CheckedListener, protocol: &str) {
    let root = Place::ROOT;
    let list = root.field("listeners");
    let (place, name) = (list.index(checked.index), &checked.listener.name);
    if checked.listener.protocols.len() == 1 {
        found.refuse(
            &place,
            format!("listener `{name}` leads nowhere"),
            "add `service: …` to it, or a route that concerns it",
        );
    } else {
        found.refuse(
            &place,
            format!("clients of listener `{name}` that speak `{protocol}` are led nowhere"),
            "add a service of that protocol to `services`, or a route that concerns it",
        );
    }
}

fn set<T>(list: &mut [T], index: usize, value: T) {
    if let Some(slot) = list.get_mut(index) {
        *slot = value;
    }
}

fn shadowed(
    found: &mut Findings<'_>,
    config: &Config,
    listeners: &[CheckedListener],
    route: usize,
    by: &str,
) {
    let root = Place::ROOT;
    let Some(name) = config.routes.get(route).map(|route| route.name.as_str()) else {
        return;
    };
    let behind = name.strip_prefix("fallback/");
    let behind = behind.map(|rest| rest.split('/').next().unwrap_or(rest));
    let list = root.field(if behind.is_some() {
        "listeners"
    } else {
        "routes"
    });
    match behind.and_then(|name| listeners.iter().find(|l| l.listener.name == name)) {
        Some(checked) => found.warn(
            &list.index(checked.index).field("service"),
            format!("no exchange gets here: route `{by}` takes all of them"),
            "remove `service: …`, or give the route a condition",
        ),
        None => found.warn(
            &list.index(route),
            format!(
                "route `{name}` is never taken: route `{by}` before it takes all its exchanges"
            ),
            "move it before that one, or remove it",
        ),
    }
}
