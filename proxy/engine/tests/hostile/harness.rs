//! An engine, its clock, and what its shell would keep.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use weft_codec::{Kind, Limits};
use weft_engine::{
    Action, CloseCause, ConnId, Engine, Listener, Nanos, Now, ServiceState, Settings, Share,
    Snapshot, Sniffing, State,
};
use weft_model::{Instance, InstanceAddress, Match, Policy, Route, Service, Target};
use weft_route::RouteTable;

use crate::codec::{HEAD_BYTES, Tiny, frame};

/// What they are cut through above where a test says nothing else.
pub(crate) const CUT_BYTES: u32 = 64;

/// How long a client may be silent before its silence decides.
pub(crate) const SILENCE: Duration = Duration::from_millis(200);

/// What is in force: one listener, one service.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) codec: Arc<Tiny>,
    pub(crate) policy: Policy,
    pub(crate) instances: Vec<Instance>,
    /// Frames above this are cut through.
    pub(crate) cut_bytes: u32,
    /// Further protocols of the listener, each with a service of its own.
    pub(crate) others: Vec<Arc<Tiny>>,
    /// The position of the one whose server speaks first.
    pub(crate) server_first: Option<usize>,
    /// What the one route takes.
    pub(crate) when: Match,
    /// The listener takes hop, and the service's instances do.
    pub(crate) hop: (bool, bool),
}

impl World {
    pub(crate) fn new(codec: Tiny) -> Self {
        Self {
            codec: Arc::new(codec),
            policy: Policy::default(),
            instances: vec![instance("a", 1)],
            cut_bytes: CUT_BYTES,
            others: Vec::new(),
            server_first: None,
            when: Match::default(),
            hop: (false, false),
        }
    }

    fn state(&self) -> Arc<State> {
        let limits = Limits {
            cut_through_bytes: self.cut_bytes,
            ..Limits::default()
        };
        let codecs: Vec<&Arc<Tiny>> = std::iter::once(&self.codec).chain(&self.others).collect();
        let services: Vec<Service> = (0u16..)
            .zip(&codecs)
            .map(|(n, codec)| Service {
                name: format!("s{n}"),
                protocol: codec.name.into(),
                instances: match n {
                    0 => self.instances.clone(),
                    _ => vec![instance("other", 100 + n)],
                },
                policy: self.policy.clone(),
            })
            .collect();
        let branches: Vec<Arc<Listener>> = codecs
            .iter()
            .enumerate()
            .map(|(n, codec)| {
                let route = Route {
                    name: "r".into(),
                    when: self.when.clone(),
                    to: Target {
                        service: format!("s{n}"),
                        subset: Default::default(),
                    },
                    policy: None,
                };
                let routes = RouteTable::compile("l", &[Arc::new(route)], &services);
                Arc::new(Listener {
                    name: "l".into(),
                    codec: Arc::<Tiny>::clone(codec),
                    order: codec.traits.order,
                    limits,
                    hop: self.hop.0,
                    routes: routes.expect("the route leads to the service"),
                    sniff: None,
                })
            })
            .collect();
        let first = Arc::clone(&branches[0]);
        let listener = if self.others.is_empty() {
            first
        } else {
            Arc::new(Listener {
                sniff: Some(Sniffing {
                    branches,
                    server_first: self.server_first,
                    timeout: SILENCE,
                }),
                ..(*first).clone()
            })
        };
        let with_codec = services.into_iter().zip(codecs);
        Arc::new(State {
            version: 1,
            listeners: vec![listener],
            services: with_codec
                .map(|(service, codec)| service_state((service, self.hop.1), codec, limits))
                .collect(),
            homes: Vec::new(),
        })
    }
}

fn service_state(
    (service, hop): (Service, bool),
    codec: &Arc<Tiny>,
    limits: Limits,
) -> Arc<ServiceState> {
    Arc::new(ServiceState {
        service,
        hop,
        codec: Arc::<Tiny>::clone(codec),
        limits,
    })
}

pub(crate) fn instance(id: &str, port: u16) -> Instance {
    Instance {
        id: id.into(),
        incarnation: 1,
        address: InstanceAddress::Tcp(([127, 0, 0, 1], port).into()),
        labels: Default::default(),
        weight: 1,
        draining: false,
    }
}

/// An engine in a test's hands.
pub(crate) struct Harness {
    pub(crate) engine: Engine,
    now: Now,
    /// Lanes that the engine asked for and the test has not connected yet.
    opening: Vec<ConnId>,
    /// Connections that the engine closed, and why.
    pub(crate) closed: HashMap<ConnId, CloseCause>,
    /// Connections that the engine does not want read.
    pub(crate) paused: HashSet<ConnId>,
    /// What the engine said to operators.
    pub(crate) reports: Vec<String>,
}

impl Harness {
    pub(crate) fn new(world: &World, settings: Settings) -> Self {
        Self::of(Engine::new(world.state(), settings, 7))
    }

    /// One of several engines of a process.
    pub(crate) fn sharing(share: Share, world: &World, settings: Settings) -> Self {
        Self::of(Engine::sharing(share, world.state(), settings, 7))
    }

    fn of(engine: Engine) -> Self {
        Self {
            engine,
            now: Now {
                monotonic: Nanos(1_000_000_000),
                unix: Duration::from_secs(1),
            },
            opening: Vec::new(),
            closed: HashMap::new(),
            paused: HashSet::new(),
            reports: Vec::new(),
        }
    }

    pub(crate) fn reload(&mut self, world: &World) {
        self.engine.new_state(self.now, world.state());
        self.act();
    }

    pub(crate) fn client(&mut self) -> ConnId {
        let client = self.engine.accepted(self.now, 0).expect("accepted");
        self.act();
        client
    }

    fn act(&mut self) {
        let mut actions = Vec::new();
        self.engine.take_actions(&mut actions);
        for action in actions {
            match action {
                Action::Open { conn, .. } => self.opening.push(conn),
                Action::Close { conn, cause } => {
                    self.opening.retain(|opening| *opening != conn);
                    self.closed.insert(conn, cause);
                }
                Action::Pause { conn } => {
                    self.paused.insert(conn);
                }
                Action::Resume { conn } => {
                    self.paused.remove(&conn);
                }
                Action::Report { text, .. } => self.reports.push(text),
                _ => {}
            }
        }
    }

    /// Connects the lanes that the engine has asked for; answers them.
    pub(crate) fn connect(&mut self) -> Vec<ConnId> {
        let lanes = std::mem::take(&mut self.opening);
        for lane in &lanes {
            self.engine.connected(self.now, *lane);
            self.act();
        }
        lanes
    }

    /// Fails the connects that the engine has asked for; answers how many.
    pub(crate) fn refuse(&mut self) -> usize {
        let lanes = std::mem::take(&mut self.opening);
        for lane in &lanes {
            let failure = weft_engine::ConnectFailure::Refused;
            self.engine.connect_failed(self.now, *lane, failure);
            self.act();
        }
        lanes.len()
    }

    pub(crate) fn feed(&mut self, conn: ConnId, bytes: &[u8]) {
        self.engine.bytes(self.now, conn, bytes);
        self.act();
    }

    /// The same in a buffer that the engine may keep; answers where the bytes lay.
    pub(crate) fn lend(&mut self, conn: ConnId, bytes: &[u8]) -> *const u8 {
        let mut buffer = Vec::with_capacity(4 << 10);
        buffer.extend_from_slice(bytes);
        let place = buffer.as_ptr();
        self.engine.bytes_lent(self.now, conn, &mut buffer);
        assert!(buffer.is_empty());
        self.act();
        place
    }

    pub(crate) fn request(&mut self, client: ConnId, id: u32, body: &str) {
        self.feed(client, &frame(Kind::Request, id, body.as_bytes()));
    }

    pub(crate) fn answer(&mut self, lane: ConnId, id: u32, body: &str) {
        self.feed(lane, &frame(Kind::Answer, id, body.as_bytes()));
    }

    /// A message that wants no answer.
    pub(crate) fn one_way(&mut self, client: ConnId, body: &str) {
        self.feed(client, &frame(Kind::OneWay, 0, body.as_bytes()));
    }

    /// The peer sends no more.
    pub(crate) fn ended(&mut self, conn: ConnId) {
        self.engine.end_of_stream(self.now, conn);
        self.act();
    }

    pub(crate) fn closed(&mut self, conn: ConnId) {
        self.engine.closed(self.now, conn);
        self.act();
    }

    /// Writes an outbox to its peer: all its bytes.
    pub(crate) fn take(&mut self, conn: ConnId) -> Vec<u8> {
        let bytes = self.engine.outbox(conn).to_vec();
        self.engine.wrote(self.now, conn, bytes.len());
        self.act();
        bytes
    }

    /// Writes the first `n` bytes of an outbox.
    pub(crate) fn wrote(&mut self, conn: ConnId, n: usize) {
        self.engine.wrote(self.now, conn, n);
        self.act();
    }

    /// The same as whole frames: id and body of each.
    pub(crate) fn frames(&mut self, conn: ConnId) -> Vec<(u32, String)> {
        let bytes = self.take(conn);
        let mut rest = &bytes[..];
        let mut frames = Vec::new();
        while !rest.is_empty() {
            let length = u16::from_be_bytes([rest[0], rest[1]]) as usize;
            assert!(length <= rest.len(), "half a frame: {rest:?}");
            let (frame, after) = rest.split_at(length);
            let id = u32::from_be_bytes([frame[4], frame[5], frame[6], frame[7]]);
            let body = String::from_utf8_lossy(&frame[HEAD_BYTES..]).into_owned();
            frames.push((id, body));
            rest = after;
        }
        frames
    }

    /// Lets time pass, with every timer on its way.
    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.now.monotonic.after(time);
        while let Some(at) = self.engine.next_deadline().filter(|at| *at <= end) {
            self.now.monotonic = self.now.monotonic.max(at);
            self.engine.tick(self.now);
            self.act();
        }
        self.now.monotonic = end;
    }

    pub(crate) fn drain(&mut self, grace: Duration) {
        self.engine.drain(self.now, grace);
        self.act();
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        self.engine.snapshot(self.now)
    }
}
