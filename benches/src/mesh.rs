//! An engine with clients and backends in memory: a shell without sockets.
//!
//! One turn is what a worker does between two sleeps under load: every client's requests come,
//! lanes are written, every backend answers, clients are written.

use std::sync::Arc;
use std::time::Duration;

use weft_codec::Limits;
use weft_engine::{Action, ConnId, Engine, Listener, Now, ServiceState, Settings, State};
use weft_model::{
    Balancing, Instance, InstanceAddress, Labels, Match, Policy, QueuePolicy, Route, Service,
    Target,
};
use weft_route::RouteTable;

use crate::{Frames, Protocol};

/// Virtual time from one turn to the next.
const TURN: Duration = Duration::from_micros(50);

/// Instances of a mesh's service.
const INSTANCES: u16 = 2;

/// An engine, its clients and its backends.
#[derive(Debug)]
pub struct Mesh {
    engine: Engine,
    frames: Frames,
    now: Now,
    clients: Vec<ConnId>,
    /// Upstream connections and the answers that their backend has for them.
    lanes: Vec<(ConnId, Vec<u8>)>,
    /// What each client sends in a turn.
    burst: Vec<u8>,
    answer_bytes: usize,
    answered_bytes: usize,
    dirty: Vec<ConnId>,
    actions: Vec<Action>,
}

impl Mesh {
    /// A mesh of one listener, one service and two instances, with `clients` that will send
    /// `in_flight` requests each in every turn.
    ///
    /// # Errors
    /// If the protocol's description does not compile or a client is refused.
    pub fn new(protocol: Protocol, clients: u32, in_flight: u32) -> Result<Self, String> {
        let frames = Frames::of(protocol)?;
        let state = state(&frames, INSTANCES, Balancing::default())?;
        let mut mesh = Self {
            engine: Engine::new(Arc::new(state), Settings::default(), 1),
            now: Now::default(),
            clients: Vec::new(),
            lanes: Vec::new(),
            burst: (1..=in_flight).flat_map(|id| frames.request(id)).collect(),
            answer_bytes: frames.answer_bytes(),
            answered_bytes: 0,
            dirty: Vec::new(),
            actions: Vec::new(),
            frames,
        };
        for _ in 0..clients {
            let client = mesh.engine.accepted(mesh.now, 0);
            mesh.clients
                .push(client.map_err(|refused| refused.to_string())?);
        }
        Ok(mesh)
    }

    /// One turn; gives how many answers all clients have got so far.
    pub fn turn(&mut self) -> usize {
        self.now.monotonic = self.now.monotonic.after(TURN);
        self.now.unix += TURN;
        if self
            .engine
            .next_deadline()
            .is_some_and(|due| due <= self.now.monotonic)
        {
            self.engine.tick(self.now);
        }
        for client in &self.clients {
            self.engine.bytes(self.now, *client, &self.burst);
        }
        self.flush();
        while self.deliver() {
            self.flush();
        }
        self.answered_bytes / self.answer_bytes
    }

    /// Hands every backend's answers to its lane; `false` if there were none.
    fn deliver(&mut self) -> bool {
        let mut any = false;
        for (lane, answers) in &mut self.lanes {
            if !answers.is_empty() {
                any = true;
                self.engine.bytes(self.now, *lane, answers);
                answers.clear();
            }
        }
        any
    }

    /// Writes what is to be written and does what is to be done, until nothing is left.
    fn flush(&mut self) {
        loop {
            self.engine.take_dirty(&mut self.dirty);
            self.engine.take_actions(&mut self.actions);
            if self.dirty.is_empty() && self.actions.is_empty() {
                return;
            }
            for conn in self.dirty.drain(..) {
                let outbox = self.engine.outbox(conn);
                let bytes = outbox.len();
                let lane = self.lanes.iter_mut().find(|(lane, _)| *lane == conn);
                match lane {
                    Some((_, answers)) => self.frames.answer(outbox, answers),
                    None => self.answered_bytes += bytes,
                }
                self.engine.wrote(self.now, conn, bytes);
            }
            for action in self.actions.drain(..) {
                match action {
                    Action::Open { conn, .. } => {
                        self.lanes.push((conn, Vec::new()));
                        self.engine.connected(self.now, conn);
                    }
                    Action::Close { conn, .. } => self.lanes.retain(|(lane, _)| *lane != conn),
                    _ => {}
                }
            }
        }
    }
}

/// One listener whose only rule leads to a service of `instances`, chosen by `balancing`.
///
/// # Errors
/// If the route table does not compile.
pub fn state(frames: &Frames, instances: u16, balancing: Balancing) -> Result<State, String> {
    let codec = Arc::clone(&frames.codec);
    let service = Service {
        name: "backends".into(),
        protocol: codec.name().into(),
        instances: (0..instances).map(|one| instance(9001 + one)).collect(),
        policy: Policy {
            balancing,
            // All requests of the first turn wait for the first lane.
            queue: QueuePolicy {
                waiting_max: 100_000,
                ..QueuePolicy::default()
            },
            ..Policy::default()
        },
    };
    let route = Arc::new(Route {
        name: "all".into(),
        when: Match::default(),
        to: Target {
            service: service.name.clone(),
            subset: Labels::new(),
        },
        policy: None,
    });
    let services = [service.clone()];
    let routes = RouteTable::compile("front", &[route], &services).map_err(|e| e.to_string())?;
    Ok(State {
        version: 1,
        listeners: vec![Arc::new(Listener {
            hop: false,
            name: "front".into(),
            order: codec.traits().order,
            codec: Arc::clone(&codec),
            limits: Limits::default(),
            routes,
            sniff: None,
        })],
        services: vec![Arc::new(ServiceState {
            hop: false,
            service,
            codec,
            limits: Limits::default(),
        })],
        homes: Vec::new(),
    })
}

fn instance(port: u16) -> Instance {
    let address = ([127, 0, 0, 1], port).into();
    Instance {
        id: format!("127.0.0.1:{port}"),
        incarnation: 0,
        address: InstanceAddress::Tcp(address),
        labels: Labels::new(),
        weight: 1,
        draining: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_of_a_turn_is_answered_in_it() {
        for protocol in Protocol::ALL {
            for in_flight in [1, 16] {
                let mut mesh = Mesh::new(protocol, 64, in_flight).unwrap();
                for turns in 1..=20 {
                    let expected = 64 * in_flight as usize * turns;
                    assert_eq!(mesh.turn(), expected, "{} × {in_flight}", protocol.name());
                }
            }
        }
    }
}
