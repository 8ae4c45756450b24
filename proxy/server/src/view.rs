//! The tables of all workers together.
//!
//! Workers count for themselves; whoever reads adds up. Quantiles of several workers cannot be
//! added: of each the highest is taken, which never flatters.

use std::collections::BTreeMap;
use std::time::Duration;

use weft_engine::{Counters, InstanceView};

use crate::worker::{ShellCounters, WorkerView};

/// The tables of all workers at about one moment.
#[derive(Clone, Debug)]
pub struct View {
    /// Each worker's own, by its number.
    pub workers: Vec<WorkerView>,
    /// Sockets of the process that belong to clients and lanes.
    pub sockets: usize,
}

/// A service over all workers.
#[derive(Clone, Debug)]
pub struct ServiceTotal {
    /// Its name.
    pub name: String,
    /// The worker that alone serves it, if it has too few lanes for all.
    pub home: Option<usize>,
    /// Exchanges waiting in it.
    pub waiting: usize,
    /// Its instances, by id.
    pub instances: Vec<InstanceView>,
}

impl View {
    pub(crate) fn new(mut workers: Vec<WorkerView>, sockets: usize) -> Self {
        workers.sort_by_key(|view| view.worker);
        Self { workers, sockets }
    }

    /// Client connections.
    #[must_use]
    pub fn clients(&self) -> usize {
        self.workers.iter().map(|w| w.engine.clients.len()).sum()
    }

    /// Upstream connections.
    #[must_use]
    pub fn lanes(&self) -> usize {
        self.workers.iter().map(|w| w.engine.lanes.len()).sum()
    }

    /// Exchanges in flight.
    #[must_use]
    pub fn exchanges(&self) -> usize {
        self.workers.iter().map(|w| w.engine.exchanges).sum()
    }

    /// The engines' counters, summed.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let mut total = Counters::default();
        for worker in &self.workers {
            add(&mut total, &worker.engine.counters);
        }
        total
    }

    /// The shells' counters, summed.
    #[must_use]
    pub fn shell(&self) -> ShellCounters {
        let mut total = ShellCounters::default();
        for shell in self.workers.iter().map(|worker| worker.shell) {
            total.turns += shell.turns;
            total.reads += shell.reads;
            total.writes += shell.writes;
            total.accepts += shell.accepts;
            total.moved += shell.moved;
            total.accept_errors += shell.accept_errors;
            total.accept_pauses += shell.accept_pauses;
            total.complaints += shell.complaints;
            total.complaints_suppressed += shell.complaints_suppressed;
            total.panics += shell.panics;
        }
        total
    }

    /// The services with the numbers of all workers, by name.
    #[must_use]
    pub fn services(&self) -> Vec<ServiceTotal> {
        type Sum<'a> = (Option<usize>, usize, BTreeMap<&'a str, InstanceView>);
        let mut services: BTreeMap<&str, Sum<'_>> = BTreeMap::new();
        for service in self.workers.iter().flat_map(|w| &w.engine.services) {
            let (home, waiting, instances) = services.entry(&service.name).or_default();
            *home = home.or(service.home);
            *waiting += service.waiting;
            for instance in &service.instances {
                instances
                    .entry(&instance.id)
                    .and_modify(|total| merge(total, instance))
                    .or_insert_with(|| instance.clone());
            }
        }
        services
            .into_iter()
            .map(|(name, (home, waiting, instances))| ServiceTotal {
                name: name.to_owned(),
                home,
                waiting,
                instances: instances.into_values().collect(),
            })
            .collect()
    }
}

/// Adds what another worker says of the same instance.
fn merge(total: &mut InstanceView, other: &InstanceView) {
    // One worker that reaches it is proof enough; one that has no lane to it has not tried, and
    // knows nothing.
    let reaches = |view: &InstanceView| view.state == "up" && view.lanes > 0;
    let untried = |view: &InstanceView| view.state == "up" && view.lanes == 0;
    if reaches(other) || untried(total) {
        total.state = other.state;
        total.reason.clone_from(&other.reason);
    }
    total.lanes += other.lanes;
    total.in_flight += other.in_flight;
    total.ok += other.ok;
    total.failed += other.failed;
    total.latency = total.latency.max(other.latency);
    for (quantile, other) in total.quantiles.iter_mut().zip(other.quantiles) {
        *quantile = Duration::max(*quantile, other);
    }
}

fn add(total: &mut Counters, other: &Counters) {
    total.clients_accepted += other.clients_accepted;
    total.clients_refused += other.clients_refused;
    total.lanes_opened += other.lanes_opened;
    total.connects_failed += other.connects_failed;
    add_each(&mut total.closed, &other.closed);
    total.accepted += other.accepted;
    total.answered += other.answered;
    add_each(&mut total.failed, &other.failed);
    add_each(&mut total.shed, &other.shed);
    total.sent += other.sent;
    total.cancelled += other.cancelled;
    total.retries += other.retries;
    total.requeues += other.requeues;
    total.retries_refused += other.retries_refused;
    total.late_answers += other.late_answers;
    total.unknown_answers += other.unknown_answers;
    add_each(&mut total.malformed, &other.malformed);
    total.pings += other.pings;
    total.pings_said += other.pings_said;
    total.cancels_said += other.cancels_said;
    total.go_aways_said += other.go_aways_said;
    total.pushes += other.pushes;
    total.streamed_requests += other.streamed_requests;
    total.streamed_answers += other.streamed_answers;
    total.serial_lanes += other.serial_lanes;
    total.codec_panics += other.codec_panics;
    total.downstream_bytes_in += other.downstream_bytes_in;
    total.downstream_bytes_out += other.downstream_bytes_out;
    total.upstream_bytes_in += other.upstream_bytes_in;
    total.upstream_bytes_out += other.upstream_bytes_out;
}

fn add_each(total: &mut [u64], other: &[u64]) {
    for (total, other) in total.iter_mut().zip(other) {
        *total += other;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(state: &'static str, lanes: usize) -> InstanceView {
        let reason = if state == "up" { "" } else { "refused" };
        InstanceView {
            id: "b".to_owned(),
            address: "127.0.0.1:9202".to_owned(),
            state,
            reason: reason.to_owned(),
            lanes,
            in_flight: 0,
            latency: Duration::ZERO,
            ok: 0,
            failed: 0,
            quantiles: [Duration::ZERO; 4],
        }
    }

    /// What two workers say together, whichever is asked first.
    fn together(one: &InstanceView, two: &InstanceView) -> (&'static str, String) {
        let [mut forth, mut back] = [one.clone(), two.clone()];
        merge(&mut forth, two);
        merge(&mut back, one);
        let said = (forth.state, forth.reason);
        assert_eq!(said, (back.state, back.reason));
        said
    }

    #[test]
    fn an_instance_is_down_if_a_worker_found_it_so_and_no_other_holds_a_lane() {
        let found = together(&seen("up", 0), &seen("down", 0));
        assert_eq!(found, ("down", "refused".to_owned()));
    }

    #[test]
    fn one_worker_with_a_lane_is_proof_that_an_instance_is_up() {
        let up = ("up", String::new());
        assert_eq!(together(&seen("up", 1), &seen("down", 0)), up);
        assert_eq!(together(&seen("up", 1), &seen("up", 0)), up);
        assert_eq!(together(&seen("up", 0), &seen("up", 0)), up);
    }
}
