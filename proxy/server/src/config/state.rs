//! From the checked configuration to the state that engines run on.

use std::sync::Arc;

use weft_codec::Order;
use weft_engine::{Listener, ServiceState, State};
use weft_model::OrderChoice;
use weft_route::RouteTable;

use super::{Config, ListenerConfig};

impl Config {
    /// The state of this configuration. A listener's index is its position in
    /// [`Config::listeners`].
    #[must_use]
    pub fn state(&self, version: u64) -> State {
        State {
            version,
            listeners: self
                .listeners
                .iter()
                .filter_map(|listener| self.listener_state(listener))
                .map(Arc::new)
                .collect(),
            services: self.service_states().map(Arc::new).collect(),
        }
    }

    fn service_states(&self) -> impl Iterator<Item = ServiceState> {
        self.services
            .iter()
            .zip(&self.service_limits)
            .filter_map(|(service, limits)| {
                Some(ServiceState {
                    service: service.clone(),
                    codec: Arc::clone(&self.codecs.get(&service.protocol)?.codec),
                    limits: *limits,
                })
            })
    }

    fn listener_state(&self, listener: &ListenerConfig) -> Option<Listener> {
        let codec = Arc::clone(&self.codecs.get(&listener.protocol)?.codec);
        Some(Listener {
            name: listener.name.clone(),
            order: match listener.order {
                OrderChoice::Protocol => codec.traits().order,
                OrderChoice::InOrder => Order::InOrder,
            },
            codec,
            limits: listener.limits,
            routes: RouteTable::compile(&listener.name, &self.routes, &self.services).ok()?,
        })
    }
}
