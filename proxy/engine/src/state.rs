//! The configuration that is in force, as the engine reads it.

use std::sync::Arc;
use std::time::Duration;

use weft_codec::{Codec, Limits, Order};
use weft_model::Service;
use weft_route::RouteTable;

/// Everything that is in force; replaced as a whole by [`crate::Engine::new_state`], shared
/// piece by piece with the one before.
#[derive(Clone, Debug)]
pub struct State {
    /// Grows by one with each change.
    pub version: u64,
    /// Listeners; a listener keeps its index as long as it exists.
    pub listeners: Vec<Arc<Listener>>,
    /// Services, in the order that [`weft_route::Rule::service`] counts by. A service is known
    /// by its name, an instance by its id and incarnation.
    pub services: Vec<Arc<ServiceState>>,
    /// For each of `services` the worker that alone serves it, for want of lanes for all
    /// ([`crate::Share::worker`]); what is missing at the end has none.
    pub homes: Vec<Option<usize>>,
}

/// Where clients come in.
#[derive(Clone, Debug)]
pub struct Listener {
    /// Unique.
    pub name: String,
    /// The protocol that clients speak here.
    pub codec: Arc<dyn Codec>,
    /// The order of answers: the protocol's, or forced.
    pub order: Order,
    /// Bounds of frames.
    pub limits: Limits,
    /// Other Weft proxies may speak hop here, beside the protocol; only where that is one whose
    /// requests do not all need a connection of their own.
    pub hop: bool,
    /// The rules that concern this listener.
    pub routes: RouteTable,
    /// Several protocols at once, told apart by a client's first bytes; then codec, order and
    /// routes above are not used. `None` is one protocol.
    pub sniff: Option<Sniffing>,
}

/// Several protocols behind one listener.
#[derive(Clone, Debug)]
pub struct Sniffing {
    /// One listener for each protocol, all of the outer one's name, each of another codec. They
    /// are asked in this order; none has branches of its own.
    pub branches: Vec<Arc<Listener>>,
    /// The branch of clients that stay silent, because they wait for the server's first word.
    pub server_first: Option<usize>,
    /// How long a client may be silent before that branch is taken.
    pub timeout: Duration,
}

/// A service and the codec of its protocol.
#[derive(Clone, Debug)]
pub struct ServiceState {
    /// Name, instances, policy.
    pub service: Service,
    /// Its instances are Weft proxies that take hop, so what needs no connection of its own goes
    /// there in hop frames.
    pub hop: bool,
    /// The protocol's codec. Exchanges of a listener only go to services whose codec has the
    /// same name: the configuration check sees to it.
    pub codec: Arc<dyn Codec>,
    /// Bounds of frames.
    pub limits: Limits,
}
