//! Another state in force, and the end: listeners, services and instances are matched by name,
//! so that what did not change goes on undisturbed.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use weft_codec::Codec as _;
use weft_model::{Instance, LanePolicy};

use crate::client::{Client, ClientKey, Facets};
use crate::engine::Alarm;
use crate::guard::Guarded;
use crate::instance::{InstanceKey, InstanceRun, Reach};
use crate::listener::{ListenerRun, RuleRun};
use crate::service::ServiceRun;
use crate::{CloseCause, Engine, ServiceState, State};

/// The listeners of clients that still speak by an earlier codec, made once for all of them.
#[derive(Debug, Default)]
struct Earlier(Vec<Rc<ListenerRun>>);

impl Earlier {
    fn hybrid(&mut self, run: &ListenerRun, old: &ListenerRun) -> Rc<ListenerRun> {
        let known = self
            .0
            .iter()
            .find(|known| known.listener.name == run.listener.name && known.is_same_version(old));
        if let Some(known) = known {
            return Rc::clone(known);
        }
        let made = Rc::new(run.with_codec(old));
        self.0.push(Rc::clone(&made));
        made
    }
}

/// Who serves the clients of `old` among these listeners.
fn successor<'r>(
    listeners: &'r [Rc<ListenerRun>],
    old: &ListenerRun,
) -> Option<&'r Rc<ListenerRun>> {
    let named = listeners
        .iter()
        .filter(|run| run.listener.name == old.listener.name);
    named.into_iter().find_map(|run| run.successor(old))
}

impl Client {
    /// Whether nothing of its protocol is under way: no exchange, no part of a frame, no lane of
    /// its own.
    fn is_quiet(&self) -> bool {
        self.in_flight == 0
            && self.partial.is_empty()
            && self.pass.is_none()
            && self.pinned.is_none()
            && self.streaming.is_none()
    }
}

impl Engine {
    /// Puts a state in force. Exchanges keep the route and policy that they began with.
    pub(crate) fn apply(&mut self, state: Arc<State>) {
        for service in &mut self.services {
            service.gone = true;
        }
        let homes = state.homes.iter().copied().chain(std::iter::repeat(None));
        let places: Vec<usize> = state
            .services
            .iter()
            .zip(homes)
            .map(|(service, home)| self.apply_service(service, home))
            .collect();
        for index in 0..self.services.len() {
            if self.services.get(index).is_some_and(|service| service.gone) {
                self.withdraw_all(index);
            }
        }
        let listeners: Vec<Rc<ListenerRun>> = state
            .listeners
            .iter()
            .map(|listener| self.run_listener(listener, &places))
            .collect();
        self.move_clients(&listeners);
        self.listeners = listeners;
        self.state = state;
        for index in 0..self.services.len() {
            if let Some(service) = self.services.get_mut(index) {
                service.refill(&self.instances);
            }
            self.wake_waiting(index);
        }
    }

    /// Resolves a listener's rules to this engine's services and subsets, and those of the
    /// protocols among which its clients choose.
    fn run_listener(
        &mut self,
        listener: &Arc<crate::Listener>,
        places: &[usize],
    ) -> Rc<ListenerRun> {
        let sniff = listener.sniff.iter();
        let branches = sniff.flat_map(|sniff| &sniff.branches);
        let branches: Vec<_> = branches
            .map(|branch| Rc::new(self.run_branch(branch, places)))
            .collect();
        let run = self.run_branch(listener, places);
        if listener.hop && branches.is_empty() {
            // Proxies first: their magic decides.
            let proxies = Rc::new(ListenerRun::for_hop(&run, &self.panics));
            let native = Rc::new(self.run_branch(listener, places));
            return Rc::new(run.with_branches(vec![proxies, native]));
        }
        Rc::new(run.with_branches(branches))
    }

    fn run_branch(&mut self, listener: &Arc<crate::Listener>, places: &[usize]) -> ListenerRun {
        let mut rules = Vec::new();
        for rule in listener.routes.rules() {
            let Some(&place) = places.get(rule.service) else {
                continue;
            };
            let Some(service) = self.services.get_mut(place) else {
                continue;
            };
            let subset = service.subset(&rule.route.to.subset, &self.instances);
            let traits = service.codec.traits();
            rules.push(Rc::new(RuleRun::new(rule.clone(), place, subset, traits)));
        }
        ListenerRun::new(Arc::clone(listener), rules, &self.panics)
    }

    /// Clients go on under the new rules of their listener, or finish if it is gone.
    fn move_clients(&mut self, listeners: &[Rc<ListenerRun>]) {
        let mut earlier = Earlier::default();
        for key in self.clients.keys() {
            let Some(client) = self.clients.get(key) else {
                continue;
            };
            let old = Rc::clone(&client.listener);
            match successor(listeners, &old) {
                Some(run) if old.is_undecided() => self.go_on_undecided(key, run),
                Some(run) => self.move_client(key, run, &mut earlier),
                // Another protocol, or none: what is in flight finishes.
                None => self.close_when_idle(key),
            }
        }
    }

    /// Gives a client the new rules; the new codec too if nothing of the old one is under way.
    fn move_client(&mut self, key: ClientKey, run: &Rc<ListenerRun>, earlier: &mut Earlier) {
        let Some(client) = self.clients.get(key) else {
            return;
        };
        if run.is_same_version(&client.listener) || client.is_quiet() {
            return self.give_version(key, Rc::clone(run), None);
        }
        if client.flags.outdated && !self.is_in_force(run) {
            // Its version would be the third that is alive.
            return self.close_when_idle(key);
        }
        let hybrid = earlier.hybrid(run, &client.listener);
        let codec = Arc::clone(&hybrid.codec);
        self.give_version(key, hybrid, Some(codec));
    }

    /// Gives a client its listener; an earlier codec too where it still speaks by one.
    fn give_version(
        &mut self,
        key: ClientKey,
        run: Rc<ListenerRun>,
        earlier: Option<Arc<Guarded>>,
    ) {
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        client.listener = run;
        client.flags.outdated = earlier.is_some();
        let had = client
            .facets
            .as_ref()
            .is_some_and(|facets| facets.codec.is_some());
        if had || earlier.is_some() {
            client.facets = Facets::with_codec(client.facets.as_deref(), earlier);
        }
    }

    /// Whether the listener had this codec before the change, too.
    fn is_in_force(&self, run: &ListenerRun) -> bool {
        successor(&self.listeners, run).is_some_and(|before| before.is_same_version(run))
    }

    /// A client that spoke by an earlier version of its codec takes the present one, as soon as
    /// nothing of the earlier one is under way.
    pub(crate) fn renew_client(&mut self, key: ClientKey) {
        let Some(client) = self.clients.get(key).filter(|client| client.is_quiet()) else {
            return;
        };
        if let Some(run) = successor(&self.listeners, &client.listener).cloned() {
            self.give_version(key, run, None);
        }
    }

    fn close_when_idle(&mut self, key: ClientKey) {
        if let Some(client) = self.clients.get_mut(key)
            && client.pass.is_some()
        {
            // It is read on until its large request is complete.
            client.flags.leaving = true;
            return;
        }
        self.close_client_when_done(key, CloseCause::Drained);
    }

    /// Matches a service by name; answers its index.
    fn apply_service(&mut self, state: &Arc<ServiceState>, home: Option<usize>) -> usize {
        let name = &state.service.name;
        let found = self
            .services
            .iter()
            .position(|run| run.state.service.name == *name);
        let index = found.unwrap_or_else(|| {
            let room = self.share.room(name);
            self.services
                .push(ServiceRun::new(Arc::clone(state), room, &self.panics));
            self.services.len() - 1
        });
        let old: Vec<InstanceKey> = match self.services.get_mut(index) {
            Some(service) => {
                service.gone = false;
                service.home = home;
                let same_codec = Arc::ptr_eq(&service.state.codec, &state.codec)
                    && service.state.hop == state.hop;
                service.state = Arc::clone(state);
                let old = std::mem::take(&mut service.instances);
                if !same_codec {
                    service.take_codec(&self.panics);
                    self.retire_lanes_of(&old);
                    // Those of clients that still speak by the earlier codec need lanes of it.
                    for key in &old {
                        self.empty_queues(*key);
                    }
                    self.forget_pongs_of(&old);
                }
                old
            }
            None => Vec::new(),
        };
        let lanes = self.share.lanes(&state.service.policy.lanes, home);
        let mut kept = Vec::new();
        for instance in &state.service.instances {
            let known = old.iter().copied().find(|key| self.is_same(*key, instance));
            let key = known.unwrap_or_else(|| self.add_instance(index, instance, &lanes));
            self.update_instance(key, instance, &lanes);
            kept.push(key);
        }
        for key in old.into_iter().filter(|key| !kept.contains(key)) {
            self.withdraw(key);
        }
        if let Some(service) = self.services.get_mut(index) {
            service.instances = kept;
        }
        index
    }

    fn is_same(&self, key: InstanceKey, instance: &Instance) -> bool {
        self.instances.get(key).is_some_and(|run| {
            run.instance.id == instance.id
                && run.instance.incarnation == instance.incarnation
                && run.instance.address == instance.address
        })
    }

    fn add_instance(
        &mut self,
        service: usize,
        instance: &Instance,
        lanes: &LanePolicy,
    ) -> InstanceKey {
        let key = self.instances.insert(InstanceRun::new(
            service,
            instance.clone(),
            lanes.clone(),
            0.0,
        ));
        let start = self.median_latency(service, key);
        if let Some(run) = self.instances.get_mut(key) {
            run.latency = crate::instance::PeakEwma::new(start);
        }
        key
    }

    fn update_instance(&mut self, key: InstanceKey, instance: &Instance, lanes: &LanePolicy) {
        let now = self.now.monotonic;
        let Some(run) = self.instances.get_mut(key) else {
            return;
        };
        let drains = instance.draining && !run.instance.draining;
        let returns = !instance.draining && run.instance.draining;
        run.instance = instance.clone();
        run.lanes = lanes.clone();
        if returns && run.reach != Reach::Up {
            // Nobody tried it meanwhile, and whoever was trying gave up.
            run.reach = Reach::Down { until: now };
            let service = run.service;
            if let Some(service) = self.services.get_mut(service)
                && !service.due.contains(&key)
            {
                service.due.push(key);
            }
        }
        if drains {
            self.retire_lanes_of(&[key]);
            self.empty_queues(key);
        }
    }

    /// An instance is in the state no longer: nothing new, what is in flight finishes, what
    /// waited for it goes elsewhere.
    fn withdraw(&mut self, key: InstanceKey) {
        let Some(run) = self.instances.get_mut(key) else {
            return;
        };
        run.withdrawn = true;
        self.retire_lanes_of(&[key]);
        self.empty_queues(key);
        self.remove_withdrawn(key);
    }

    fn withdraw_all(&mut self, service: usize) {
        let instances = self
            .services
            .get_mut(service)
            .map(|run| std::mem::take(&mut run.instances));
        for key in instances.into_iter().flatten() {
            self.withdraw(key);
        }
    }

    fn empty_queues(&mut self, key: InstanceKey) {
        let queued: Vec<_> = self
            .instances
            .get_mut(key)
            .map(|run| {
                run.pools
                    .iter_mut()
                    .flat_map(|pool| pool.queue.drain(..))
                    .collect()
            })
            .unwrap_or_default();
        for exchange in queued {
            if self
                .exchanges
                .get(exchange)
                .is_some_and(|exchange| exchange.phase == crate::exchange::Phase::Queued(key))
            {
                self.leave_queue(exchange);
                self.homeless.push_back(exchange);
            }
        }
    }

    fn retire_lanes_of(&mut self, instances: &[InstanceKey]) {
        for key in self.lanes.keys() {
            let concerned = self
                .lanes
                .get(key)
                .is_some_and(|lane| lane.bound.is_none() && instances.contains(&lane.instance));
            if concerned {
                self.retire_lane(key, CloseCause::Drained);
            }
        }
    }

    /// What was shown in another protocol shows nothing.
    fn forget_pongs_of(&mut self, instances: &[InstanceKey]) {
        for key in instances {
            if let Some(run) = self.instances.get_mut(*key) {
                run.pongs_overtake = false;
            }
        }
    }

    pub(crate) fn begin_drain(&mut self, grace: Duration) {
        if self.draining.is_some() {
            return;
        }
        let until = self.now.monotonic.after(grace);
        self.draining = Some(until);
        self.wheel.set(until, Alarm::Drain);
        for key in self.clients.keys() {
            self.say_go_away(key);
            self.list_client(key);
        }
        if self.clients.len() == 0 {
            self.close_all_lanes();
        }
    }

    pub(crate) fn drain_over(&mut self) {
        for key in self.clients.keys() {
            self.client_gone_by_us(key, CloseCause::Drained);
        }
        for key in self.lanes.keys() {
            self.close_lane(key, CloseCause::Drained);
        }
    }
}
