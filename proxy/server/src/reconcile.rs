//! What a reload keeps: listeners hold their index in the state as long as clients may use it.
//!
//! The engine knows a client's listener by index. So a listener that a new configuration still
//! has takes the place of its former self, a new one gets a place at the end, and one that is
//! gone keeps its place, with what is left of its routes, for the clients that are still there.

use std::sync::Arc;

use weft_engine::{Listener, Sniffing, State};
use weft_model::{Route, Service};
use weft_route::RouteTable;

/// The state to put in force after `old`, and for each listener of `new` its index in it.
pub(crate) fn reconcile(old: &[Arc<Listener>], new: State) -> (State, Vec<usize>) {
    let services: Vec<Service> = new
        .services
        .iter()
        .map(|service| service.service.clone())
        .collect();
    let mut listeners: Vec<Arc<Listener>> = Vec::with_capacity(old.len());
    for known in old {
        let successor = new
            .listeners
            .iter()
            .find(|listener| is_same(listener, known));
        listeners.push(match successor {
            Some(successor) => Arc::clone(successor),
            None => Arc::new(remains(known, &services)),
        });
    }
    let mut indices = Vec::with_capacity(new.listeners.len());
    for listener in &new.listeners {
        let place = old.iter().position(|known| is_same(listener, known));
        indices.push(place.unwrap_or(listeners.len()));
        if place.is_none() {
            listeners.push(Arc::clone(listener));
        }
    }
    let state = State { listeners, ..new };
    (state, indices)
}

/// Clients of the one may go on as clients of the other.
fn is_same(one: &Listener, other: &Listener) -> bool {
    one.name == other.name && one.codec.name() == other.codec.name()
}

/// A listener that is gone: its routes to services that are still there.
fn remains(gone: &Listener, services: &[Service]) -> Listener {
    let routes: Vec<Arc<Route>> = gone
        .routes
        .rules()
        .iter()
        .map(|rule| Arc::clone(&rule.route))
        .filter(|route| services.iter().any(|s| s.name == route.to.service))
        .collect();
    let sniff = gone.sniff.as_ref().map(|sniff| Sniffing {
        branches: sniff
            .branches
            .iter()
            .map(|branch| Arc::new(remains(branch, services)))
            .collect(),
        ..sniff.clone()
    });
    Listener {
        routes: RouteTable::compile(&gone.name, &routes, services).unwrap_or_default(),
        sniff,
        ..gone.clone()
    }
}
