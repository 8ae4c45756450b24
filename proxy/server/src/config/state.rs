//! From the checked configuration to the state that engines run on, sharing with the state
//! before it whatever did not change.

use std::sync::Arc;

use weft_codec::{Codec, Limits, Order};
use weft_engine::{Listener, ServiceState, Sniffing, State};
use weft_model::{OrderChoice, Route, Service};
use weft_route::RouteTable;

use super::{Config, ListenerConfig, protocols};

impl Config {
    /// The state of this configuration. A listener's index is its position in
    /// [`Config::listeners`], a service's its position in [`Config::services`].
    #[must_use]
    pub fn state(&self, version: u64) -> State {
        self.shared_state(version, &[], &[])
    }

    /// The state that follows `previous`, with the next version and the same indices as
    /// [`Config::state`]. Services and listeners that did not change are shared with `previous`;
    /// for that, call [`Config::share_codecs`] before.
    #[must_use]
    pub fn state_after(&self, previous: &State) -> State {
        let version = previous.version.saturating_add(1);
        self.shared_state(version, &previous.listeners, &previous.services)
    }

    /// Takes over the codecs of an earlier configuration for the protocols whose descriptions
    /// did not change, so that what hangs on them need not be built again.
    pub fn share_codecs(&mut self, earlier: &Self) {
        protocols::keep(&mut self.codecs, &earlier.codecs);
    }

    fn shared_state(
        &self,
        version: u64,
        listeners: &[Arc<Listener>],
        services: &[Arc<ServiceState>],
    ) -> State {
        let services = self
            .services
            .iter()
            .zip(&self.service_limits)
            .filter_map(|(service, limits)| {
                let hop = self.hops.contains(&service.name);
                let codec = &self.codecs.get(&service.protocol)?.codec;
                let earlier = services.iter().find(|s| s.service.name == service.name);
                Some(shared_service((service, hop), *limits, codec, earlier))
            })
            .collect();
        let listeners = self
            .listeners
            .iter()
            .filter_map(|listener| {
                let state = self.listener_state(listener)?;
                let earlier = listeners.iter().find(|l| is_equal(l, &state));
                Some(earlier.map_or_else(|| Arc::new(state), Arc::clone))
            })
            .collect::<Vec<_>>();
        debug_assert_eq!(
            listeners.len(),
            self.listeners.len(),
            "checked names resolve"
        );
        State {
            version,
            listeners,
            services,
            homes: Vec::new(),
        }
    }

    fn listener_state(&self, listener: &ListenerConfig) -> Option<Listener> {
        let branch = |protocol| self.branch(listener, protocol);
        let [protocol] = listener.protocols.as_slice() else {
            let branches: Option<Vec<_>> = listener.protocols.iter().map(branch).collect();
            let branches: Vec<_> = branches?.into_iter().map(Arc::new).collect();
            return Some(Listener {
                sniff: Some(Sniffing {
                    branches: branches.clone(),
                    server_first: listener.server_first,
                    timeout: listener.sniff_timeout,
                }),
                ..(**branches.first()?).clone()
            });
        };
        branch(protocol)
    }

    /// The routes for a listener's clients of one of its protocols: of several each has those
    /// that lead to services of its own.
    pub(super) fn routes_of(&self, listener: &ListenerConfig, protocol: &str) -> Vec<Arc<Route>> {
        let suits = |route: &&Arc<Route>| {
            let service = self.services.iter().find(|s| s.name == route.to.service);
            let own = service.is_none_or(|service| service.protocol == protocol);
            own || listener.protocols.len() == 1
        };
        self.routes.iter().filter(suits).cloned().collect()
    }

    /// The listener for clients of one of its protocols.
    fn branch(&self, listener: &ListenerConfig, protocol: &String) -> Option<Listener> {
        let codec = Arc::clone(&self.codecs.get(protocol)?.codec);
        let routes = self.routes_of(listener, protocol);
        Some(Listener {
            name: listener.name.clone(),
            order: match listener.order {
                OrderChoice::Protocol => codec.traits().order,
                OrderChoice::InOrder => Order::InOrder,
            },
            codec,
            hop: listener.hop,
            limits: listener.limits,
            routes: RouteTable::compile(&listener.name, &routes, &self.services).ok()?,
            sniff: None,
        })
    }
}

/// The earlier state of a service, if nothing of it changed; otherwise a new one.
fn shared_service(
    (service, hop): (&Service, bool),
    limits: Limits,
    codec: &Arc<dyn Codec>,
    earlier: Option<&Arc<ServiceState>>,
) -> Arc<ServiceState> {
    match earlier {
        Some(earlier)
            if earlier.service == *service
                && earlier.limits == limits
                && earlier.hop == hop
                && Arc::ptr_eq(&earlier.codec, codec) =>
        {
            Arc::clone(earlier)
        }
        _ => Arc::new(ServiceState {
            service: service.clone(),
            hop,
            codec: Arc::clone(codec),
            limits,
        }),
    }
}

/// Whether two listeners do the same. Rules are equal only if their service has the same index,
/// so a listener is not shared when services before its own come or go.
fn is_equal(one: &Listener, other: &Listener) -> bool {
    one.name == other.name
        && one.order == other.order
        && one.hop == other.hop
        && one.limits == other.limits
        && Arc::ptr_eq(&one.codec, &other.codec)
        && one.routes == other.routes
        && match (&one.sniff, &other.sniff) {
            (None, None) => true,
            (Some(one), Some(other)) => {
                one.server_first == other.server_first
                    && one.timeout == other.timeout
                    && one.branches.len() == other.branches.len()
                    && one
                        .branches
                        .iter()
                        .zip(&other.branches)
                        .all(|(a, b)| is_equal(a, b))
            }
            _ => false,
        }
}
