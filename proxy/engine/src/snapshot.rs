//! The engine's tables as an operator sees them.

use std::collections::BTreeMap;

use crate::client::{Client, ClientKey};
use crate::instance::{InstanceRun, Reach};
use crate::lane::{Lane, LaneState};
use crate::report::{ClientView, Counters, InstanceView, LaneView, ServiceView, Snapshot};
use crate::{ConnId, Engine, Now};

impl Engine {
    /// The tables now. Costs time linear in what it lists.
    #[must_use]
    pub fn snapshot(&self, now: Now) -> Snapshot {
        Snapshot {
            state_version: self.state.version,
            counters: Counters {
                codec_panics: self.panics.count(),
                ..self.counters.clone()
            },
            exchanges: self.exchanges.len(),
            waiting: self
                .services
                .iter()
                .map(|service| service.room.used())
                .sum(),
            answer_bytes: self.answer_bytes,
            kept_bytes: self.kept_bytes,
            clients: self
                .clients
                .iter()
                .map(|(key, client)| self.client_view(key, client, now))
                .collect(),
            lanes: self
                .lanes
                .iter()
                .map(|(key, lane)| self.lane_view(ConnId::of_lane(key), lane, now))
                .collect(),
            services: self.service_views(),
        }
    }

    fn client_view(&self, key: ClientKey, client: &Client, now: Now) -> ClientView {
        ClientView {
            conn: ConnId::of_client(key),
            source: self.sources.get(&key.bits()).cloned(),
            listener: client.listener.listener.name.clone(),
            in_flight: client.in_flight,
            outbox_bytes: client.outbox.len(),
            held_bytes: client.partial.len(),
            paused: client.flags.paused,
            pinned: client.pinned.is_some(),
            age: now.monotonic.duration_since(client.accepted),
        }
    }

    fn lane_view(&self, conn: ConnId, lane: &Lane, now: Now) -> LaneView {
        let run = self.instances.get(lane.instance);
        let service = run.and_then(|run| self.services.get(run.service));
        LaneView {
            conn,
            service: service
                .map(|s| s.state.service.name.clone())
                .unwrap_or_default(),
            instance: run.map(|run| run.instance.id.clone()).unwrap_or_default(),
            class: lane.class.label(),
            state: lane.state.label(),
            in_flight: lane.in_flight,
            abandoned: lane.abandoned,
            outbox_bytes: lane.outbox.len(),
            age: now.monotonic.duration_since(lane.opened),
        }
    }

    fn service_views(&self) -> Vec<ServiceView> {
        let mut standing: BTreeMap<u64, usize> = BTreeMap::new();
        for (_, lane) in self.lanes.iter() {
            if lane.state != LaneState::Connecting {
                *standing.entry(lane.instance.bits()).or_default() += 1;
            }
        }
        let services = self.services.iter().filter(|service| !service.gone);
        services
            .map(|service| ServiceView {
                name: service.state.service.name.clone(),
                home: service.home,
                waiting: service.room.used(),
                instances: service
                    .instances
                    .iter()
                    .filter_map(|key| Some((key, self.instances.get(*key)?)))
                    .map(|(key, run)| instance_view(run, standing.get(&key.bits()).copied()))
                    .collect(),
            })
            .collect()
    }
}

fn instance_view(run: &InstanceRun, lanes: Option<usize>) -> InstanceView {
    let (state, reason) = match run.reach {
        _ if run.instance.draining => ("draining", "draining by configuration".to_owned()),
        Reach::Up => ("up", String::new()),
        Reach::Down { .. } => ("down", format!("{} connects failed in a row", run.failures)),
        Reach::Probing => (
            "down",
            format!("{} connects failed; trying again", run.failures),
        ),
    };
    InstanceView {
        id: run.instance.id.clone(),
        address: run.instance.address.to_string(),
        state,
        reason,
        lanes: lanes.unwrap_or(0),
        in_flight: run.in_flight,
        latency: run.latency.latency(),
        ok: run.ok,
        failed: run.failed,
        quantiles: run.latencies.quantiles(),
    }
}
