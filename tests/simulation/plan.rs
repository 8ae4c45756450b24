//! What a run is made of: everything that a scenario chooses.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;

use weft_codec::{Codec, Correlation, Limits, Order};
use weft_engine::{Listener, ServiceState, Settings, Sniffing, State};
use weft_model::{
    Instance, InstanceAddress, Labels, Match, Patterns, Policy, Route, Service, Target, TextMatch,
};
use weft_route::RouteTable;

use crate::backend::BackendPlan;
use crate::client::ClientPlan;
use crate::codec::{Choice, SimCodec};
use crate::described::{DescribedDialect, IdShape, layout};
use crate::message::{Dialect, SimDialect};
use crate::network::{Link, Owner, Port};
use crate::oracle::Allowed;

/// Nanoseconds of a millisecond.
pub(crate) const MS: u64 = 1_000_000;
/// Nanoseconds of a second.
pub(crate) const S: u64 = 1_000_000_000;

/// The port of a proxy.
pub(crate) fn proxy_port(proxy: usize) -> Port {
    100 + proxy as Port
}

fn is_proxy(port: Port) -> bool {
    (proxy_port(0)..backend_port(0)).contains(&port)
}

/// The port of a backend.
pub(crate) fn backend_port(backend: usize) -> Port {
    1_000 + backend as Port
}

/// A service of one proxy.
#[derive(Clone, Debug)]
pub(crate) struct ServicePlan {
    /// Its number: clients ask for `s<number>`.
    pub(crate) number: u16,
    /// Which of the listener's protocols it speaks; 0 is the plan's own.
    pub(crate) protocol: usize,
    /// Where it is served, and the incarnation.
    pub(crate) instances: Vec<(Port, u64)>,
    /// How its exchanges are treated.
    pub(crate) policy: Policy,
}

/// A proxy.
#[derive(Clone, Debug)]
pub(crate) struct ProxyPlan {
    /// Bounds and times.
    pub(crate) settings: Settings,
    /// What it knows at the beginning.
    pub(crate) services: Vec<ServicePlan>,
    /// Processor time of an event, in nanoseconds.
    pub(crate) event_cost: u64,
    /// Events of one turn at most.
    pub(crate) turn_events: usize,
    /// The largest read.
    pub(crate) read_bytes: usize,
}

/// Something that happens to the world.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// Everything sent to and from this port vanishes.
    Cut(Port),
    /// Until now.
    Heal(Port),
    /// All connections to this port are reset.
    Break(Port),
    /// One connection of this owner is reset.
    BreakOne(Owner, u64),
    /// A backend dies.
    Kill(usize),
    /// It comes back.
    Revive(usize),
    /// Another state.
    NewState(usize, Vec<ServicePlan>),
    /// A proxy drains.
    Drain(usize, u64),
    /// A proxy dies and a new one takes its place.
    Restart(usize),
    /// A proxy gets another version of the plan's own protocol, which keeps its bytes.
    Describe(usize, String),
}

/// A further protocol of a listener.
#[derive(Clone, Debug)]
pub(crate) struct Spoken {
    /// As the engine reads it.
    pub(crate) codec: Arc<dyn Codec>,
    /// As clients and backends read it.
    pub(crate) dialect: Rc<dyn Dialect>,
    /// Whether requests name a service.
    pub(crate) by_service: bool,
    /// The order of answers.
    pub(crate) order: Order,
}

/// A run.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// The protocol as the engine reads it.
    pub(crate) codec: Arc<dyn Codec>,
    /// The protocol as clients and backends read it.
    pub(crate) dialect: Rc<dyn Dialect>,
    /// Whether requests name a service.
    pub(crate) by_service: bool,
    /// The listener's order.
    pub(crate) order: Order,
    /// What else is spoken on the same port.
    pub(crate) others: Vec<Spoken>,
    /// Which protocol silent clients get, and after how many nanoseconds.
    pub(crate) silence: (Option<usize>, u64),
    /// Proxies speak hop among themselves.
    pub(crate) hop: bool,
    /// Bounds of frames.
    pub(crate) limits: Limits,
    /// Between clients and proxies.
    pub(crate) front: Link,
    /// Between proxies, and to backends.
    pub(crate) back: Link,
    /// The proxies; the first is the one that clients reach.
    pub(crate) proxies: Vec<ProxyPlan>,
    /// The backends.
    pub(crate) backends: Vec<BackendPlan>,
    /// The clients.
    pub(crate) clients: Vec<ClientPlan>,
    /// What goes wrong, and when.
    pub(crate) faults: Vec<(u64, Fault)>,
    /// When everything must be over.
    pub(crate) horizon: u64,
    /// What is permitted.
    pub(crate) allowed: Allowed,
}

impl Plan {
    /// One proxy, `backends` quick backends that answer in any order, no client yet.
    pub(crate) fn new(choice: Choice, backends: usize) -> Self {
        let instances = (0..backends).map(|b| (backend_port(b), 0)).collect();
        Self {
            codec: Arc::new(SimCodec::new(choice)),
            dialect: Rc::new(SimDialect::new(choice)),
            by_service: choice.correlation != Correlation::Raw && !choice.greets,
            order: choice.order,
            others: Vec::new(),
            silence: (None, 200 * MS),
            hop: false,
            limits: Limits::default(),
            front: Link::default(),
            back: Link::default(),
            proxies: vec![ProxyPlan {
                settings: Settings {
                    access_records: true,
                    ..Settings::default()
                },
                services: vec![ServicePlan {
                    number: 0,
                    protocol: 0,
                    instances,
                    policy: policy(),
                }],
                event_cost: 2_000,
                turn_events: 64,
                read_bytes: 64 << 10,
            }],
            backends: (0..backends)
                .map(|_| BackendPlan::for_correlation(choice.correlation))
                .collect(),
            clients: Vec::new(),
            faults: Vec::new(),
            horizon: 300 * S,
            allowed: Allowed::default(),
        }
    }

    /// `count` clients of one kind.
    pub(crate) fn clients(mut self, count: usize, client: &ClientPlan) -> Self {
        self.clients
            .extend(std::iter::repeat_n(client.clone(), count));
        self
    }

    /// The policy of the first proxy's first service.
    pub(crate) fn policy(&mut self) -> &mut Policy {
        &mut self.proxies[0].services[0].policy
    }

    /// The same protocol as a description, with ids of this shape.
    pub(crate) fn described(choice: Choice, shape: IdShape, backends: usize) -> Self {
        Self::new(choice, backends)
            .speaking(layout(choice, shape), Rc::new(DescribedDialect(shape)))
    }

    /// The same with a real protocol.
    pub(crate) fn speaking(
        mut self,
        codec: impl Codec + 'static,
        dialect: Rc<dyn Dialect>,
    ) -> Self {
        self.codec = Arc::new(codec);
        self.order = self.codec.traits().order;
        self.dialect = dialect;
        self
    }

    /// Puts a second proxy between the first and the backends.
    pub(crate) fn chained(mut self) -> Self {
        let second = self.proxies[0].clone();
        for service in &mut self.proxies[0].services {
            service.instances = vec![(proxy_port(1), 0)];
        }
        self.proxies.push(second);
        self
    }

    /// Every protocol of the listener, the plan's own first.
    pub(crate) fn spoken(&self) -> Vec<Spoken> {
        let own = Spoken {
            codec: Arc::clone(&self.codec),
            dialect: Rc::clone(&self.dialect),
            by_service: self.by_service,
            order: self.order,
        };
        std::iter::once(own).chain(self.others.clone()).collect()
    }

    /// The same where the proxies speak hop between them.
    pub(crate) fn hopping(mut self) -> Self {
        self.hop = true;
        self.chained()
    }

    /// What a proxy is given.
    pub(crate) fn state(&self, version: u64, services: &[ServicePlan]) -> State {
        let spoken = self.spoken();
        let states: Vec<ServiceState> = services
            .iter()
            .map(|plan| ServiceState {
                service: service(plan, spoken[plan.protocol].codec.name()),
                hop: self.hop && plan.instances.iter().all(|(port, _)| is_proxy(*port)),
                codec: Arc::clone(&spoken[plan.protocol].codec),
                limits: self.limits,
            })
            .collect();
        let models: Vec<Service> = states.iter().map(|s| s.service.clone()).collect();
        let listener = |(number, one): (usize, &Spoken)| {
            let its = services.iter().filter(|plan| plan.protocol == number);
            let routes: Vec<Arc<Route>> = its.map(|s| Arc::new(route(s, one.by_service))).collect();
            Listener {
                name: "front".to_owned(),
                codec: Arc::clone(&one.codec),
                order: one.order,
                hop: self.hop,
                limits: self.limits,
                routes: RouteTable::compile("front", &routes, &models).unwrap_or_default(),
                sniff: None,
            }
        };
        let branches: Vec<Listener> = spoken.iter().enumerate().map(listener).collect();
        let mut front = branches[0].clone();
        if branches.len() > 1 {
            front.sniff = Some(Sniffing {
                branches: branches.into_iter().map(Arc::new).collect(),
                server_first: self.silence.0,
                timeout: std::time::Duration::from_nanos(self.silence.1),
            });
        }
        State {
            version,
            listeners: vec![Arc::new(front)],
            services: states.into_iter().map(Arc::new).collect(),
            homes: Vec::new(),
        }
    }
}

/// The defaults, with `get` marked as idempotent and lanes that idle only for 5 s.
pub(crate) fn policy() -> Policy {
    let mut policy = Policy {
        idempotent: Patterns(vec![
            TextMatch::Exact("get".to_owned()),
            TextMatch::Exact("GET".to_owned()),
        ]),
        ..Policy::default()
    };
    policy.lanes.idle = std::time::Duration::from_secs(5);
    policy
}

fn route(plan: &ServicePlan, by_service: bool) -> Route {
    let name = format!("s{}", plan.number);
    Route {
        name: name.clone(),
        when: Match {
            service: by_service.then(|| TextMatch::Exact(name.clone())),
            ..Match::default()
        },
        to: Target {
            service: name,
            subset: Labels::new(),
        },
        policy: None,
    }
}

fn service(plan: &ServicePlan, protocol: &str) -> Service {
    Service {
        name: format!("s{}", plan.number),
        protocol: protocol.to_owned(),
        instances: plan
            .instances
            .iter()
            .map(|(port, incarnation)| Instance {
                id: format!("i{port}"),
                incarnation: *incarnation,
                address: InstanceAddress::Tcp(address(*port)),
                labels: Labels::new(),
                weight: 1,
                draining: false,
            })
            .collect(),
        policy: plan.policy.clone(),
    }
}

/// The address of a port.
pub(crate) fn address(port: Port) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), port)
}

impl ServicePlan {
    /// The same with these backends, all of one incarnation.
    pub(crate) fn at(&self, backends: &[usize], incarnation: u64) -> Self {
        Self {
            instances: backends
                .iter()
                .map(|b| (backend_port(*b), incarnation))
                .collect(),
            ..self.clone()
        }
    }
}
