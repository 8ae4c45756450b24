//! The virtual world: clock, queue of events, and everyone who lives in it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::rc::Rc;
use std::sync::{Arc, Weak};
use std::time::Duration;

use fastrand::Rng;
use weft_codec::Codec;
use weft_engine::Counters;

use crate::backend::Backend;
use crate::client::Client;
use crate::network::{Network, Notice, Owner, Socket, Wire};
use crate::oracle::Oracle;
use crate::plan::{Fault, Plan, S, backend_port, proxy_port};
use crate::proxy::Proxy;

/// What actors share: the clock, the dice, the network, the judge and the trace.
#[derive(Debug)]
pub(crate) struct Core {
    /// Virtual nanoseconds.
    pub(crate) now: u64,
    /// All randomness.
    pub(crate) rng: Rng,
    /// The network.
    pub(crate) net: Network,
    /// The judge.
    pub(crate) oracle: Oracle,
    timers: Vec<(u64, Event)>,
    trace: u64,
    verbose: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Wire(Wire),
    Timer(Owner, u64),
    Turn(usize),
    Fault(usize),
    Watch,
}

impl Core {
    /// Wakes `owner` with `token` in `wait` nanoseconds.
    pub(crate) fn timer(&mut self, wait: u64, owner: Owner, token: u64) {
        self.timers
            .push((self.now + wait, Event::Timer(owner, token)));
    }

    /// Gives a proxy a turn.
    pub(crate) fn turn(&mut self, at: u64, proxy: usize) {
        self.timers.push((at, Event::Turn(proxy)));
    }

    /// Takes words into the trace: the same seed must give the same trace.
    pub(crate) fn trace(&mut self, words: &[u64]) {
        for word in words.iter().chain([&self.now]) {
            self.trace = (self.trace ^ word)
                .wrapping_mul(0x9E37_79B9_7F4A_7C15)
                .rotate_left(23);
        }
    }

    /// Takes bytes into the trace.
    pub(crate) fn trace_bytes(&mut self, who: u64, conn: u64, bytes: &[u8]) {
        let mut hash = bytes.len() as u64;
        let (words, rest) = bytes.as_chunks::<8>();
        let mut mix = |word: u64| {
            hash = (hash ^ word)
                .wrapping_mul(0x9E37_79B9_7F4A_7C15)
                .rotate_left(29);
        };
        words.iter().for_each(|word| mix(u64::from_be_bytes(*word)));
        mix(rest.iter().fold(0, |n, byte| n << 8 | u64::from(*byte)));
        self.trace(&[who, conn, hash]);
    }

    /// Says a line when one seed is replayed.
    pub(crate) fn say(&self, line: impl FnOnce() -> String) {
        if self.verbose {
            let (s, ns) = (self.now / S, self.now % S);
            #[expect(clippy::print_stdout, reason = "a replay is read by a person")]
            {
                println!("{s:>4}.{ns:09} {}", line());
            }
        }
    }
}

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Report {
    /// The judge and all requests.
    pub(crate) oracle: Oracle,
    /// Counters of each proxy, all its lives together only for the last one.
    pub(crate) counters: Vec<Counters>,
    /// The longest life of an exchange in any proxy.
    pub(crate) took_max: Duration,
    /// When the last client was done.
    pub(crate) done_at: u64,
    /// The most connections that each backend had at once.
    pub(crate) peers_peak: Vec<usize>,
    /// Versions of the plan's own protocol that were in force, and that are still held by anybody.
    pub(crate) versions: (usize, usize),
    /// The same seed gives the same trace.
    pub(crate) trace: u64,
    /// Events of the run.
    pub(crate) events: u64,
}

/// The world of one run.
#[derive(Debug)]
pub(crate) struct World {
    plan: Plan,
    core: Core,
    queue: BinaryHeap<Reverse<(u64, u64, Event)>>,
    queued: u64,
    proxies: Vec<Proxy>,
    clients: Vec<Client>,
    backends: Vec<Backend>,
    versions: u64,
    /// Every version of the plan's own protocol.
    codecs: Vec<Weak<dyn Codec>>,
    took_max: Duration,
    events: u64,
    /// The longest frame that anybody sends.
    frame_bytes: usize,
}

/// Events of one run at most: a run that needs more does not come to rest.
const EVENTS_MAX: u64 = 20_000_000;

impl World {
    /// A world of this plan.
    pub(crate) fn new(plan: Plan, seed: u64, verbose: bool) -> Self {
        let mut core = Core {
            now: 1_000,
            rng: Rng::with_seed(seed ^ 0x5745_4654),
            net: Network::default(),
            oracle: Oracle {
                allowed: plan.allowed.clone(),
                ..Oracle::default()
            },
            timers: Vec::new(),
            trace: 0,
            verbose,
        };
        let mut proxies = Vec::new();
        for (index, proxy) in plan.proxies.iter().enumerate() {
            let link = if index == 0 { plan.front } else { plan.back };
            core.net
                .listen(proxy_port(index), Owner::Proxy(index), link);
            let state = plan.state(1, &proxy.services);
            let seed = core.rng.u64(..);
            proxies.push(Proxy::new(index, proxy.clone(), state, seed));
        }
        let spoken = plan.spoken();
        let mut backends = Vec::new();
        for (index, backend) in plan.backends.iter().enumerate() {
            let port = backend_port(index);
            if !backend.born_dead {
                core.net.listen(port, Owner::Backend(index), plan.back);
            }
            let dialect = Rc::clone(&spoken[backend.protocol].dialect);
            backends.push(Backend::new(index, backend.clone(), port, dialect));
        }
        let mut clients = Vec::new();
        for (index, client) in plan.clients.iter().enumerate() {
            let dialect = Rc::clone(&spoken[client.protocol].dialect);
            let mut client = Client::new(index, client.clone(), dialect);
            client.start(&mut core);
            clients.push(client);
        }
        for (index, (at, _)) in plan.faults.iter().enumerate() {
            core.timers.push((*at, Event::Fault(index)));
        }
        core.timers.push((S / 100, Event::Watch));
        let frame_bytes = crate::bounds::frame_bytes(&plan);
        let codecs = vec![Arc::downgrade(&plan.codec)];
        Self {
            plan,
            core,
            queue: BinaryHeap::new(),
            queued: 0,
            proxies,
            clients,
            backends,
            versions: 1,
            codecs,
            took_max: Duration::ZERO,
            events: 0,
            frame_bytes,
        }
    }

    /// Runs until everybody is done and everything is quiet, and judges.
    pub(crate) fn run(mut self) -> Report {
        self.enqueue();
        let mut done_at = None;
        while let Some(Reverse((at, _, event))) = self.queue.pop() {
            self.core.now = at.max(self.core.now);
            self.events += 1;
            self.happen(event);
            self.settle();
            if done_at.is_none() && self.clients.iter().all(Client::is_done) {
                done_at = Some(self.core.now);
            }
            if self.stop(done_at) {
                break;
            }
        }
        if done_at.is_none() {
            self.stuck();
        }
        self.judge();
        Report {
            counters: self
                .proxies
                .iter()
                .map(|p| p.snapshot(self.core.now).counters)
                .collect(),
            took_max: self.took_max,
            done_at: self.clients.iter().map(|c| c.done_at).max().unwrap_or(0),
            peers_peak: self.backends.iter().map(|b| b.peers_peak).collect(),
            versions: (
                self.codecs.len(),
                self.codecs.iter().filter(|c| c.strong_count() > 0).count(),
            ),
            trace: self.core.trace,
            events: self.events,
            oracle: self.core.oracle,
        }
    }

    fn stop(&mut self, done_at: Option<u64>) -> bool {
        if self.events > EVENTS_MAX {
            self.core
                .oracle
                .wrong(format!("no rest after {EVENTS_MAX} events"));
            return true;
        }
        match done_at {
            None => self.core.now > self.plan.horizon || !self.core.oracle.wrongs.is_empty(),
            Some(at) => {
                let quiet = self.proxies.iter().all(|p| p.held() == 0);
                (quiet && self.core.now > at + S) || self.core.now > at + 150 * S
            }
        }
    }

    fn stuck(&mut self) {
        if !self.core.oracle.wrongs.is_empty() {
            return;
        }
        let waiting: Vec<String> = self
            .clients
            .iter()
            .filter(|c| !c.is_done())
            .map(Client::state)
            .take(4)
            .collect();
        for proxy in &self.proxies {
            self.core.say(|| format!("{:#?}", proxy.engine));
        }
        let proxies: Vec<_> = self
            .proxies
            .iter()
            .map(|p| {
                let mut snapshot = p.snapshot(self.core.now);
                snapshot.services.clear();
                snapshot
            })
            .collect();
        self.core.oracle.wrong(format!(
            "at {} s somebody still waits: {waiting:#?}\n{proxies:#?}",
            self.core.now / S
        ));
    }

    fn judge(&mut self) {
        if self.core.oracle.wrongs.is_empty() {
            self.core.oracle.check_outcomes();
            for (index, proxy) in self.proxies.iter().enumerate() {
                let snapshot = proxy.snapshot(self.core.now);
                self.took_max = self.took_max.max(proxy.took_max);
                let oracle = &mut self.core.oracle;
                oracle.check_quiet(index, &snapshot);
                oracle.check_counters(index, &snapshot, &proxy.told);
                if proxy.held() > 0 || proxy.opens != proxy.closes {
                    oracle.wrong(format!(
                        "proxy {index} opened {} connections and closed {}",
                        proxy.opens, proxy.closes
                    ));
                }
                if proxy.draining && !proxy.engine.is_drained() {
                    oracle.wrong(format!("proxy {index} is not drained"));
                }
                let held = self.core.net.held_by(Owner::Proxy(index));
                if held > 0 {
                    self.core
                        .oracle
                        .wrong(format!("proxy {index} holds {held} sockets"));
                }
            }
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Wire(wire) => {
                let core = &mut self.core;
                core.net.happen(core.now, wire, &mut core.rng);
            }
            Event::Timer(owner, token) => match owner {
                Owner::Client(n) => self.clients[n].timer_fired(&mut self.core, token),
                Owner::Backend(n) => self.backends[n].timer_fired(&mut self.core, token),
                Owner::Proxy(_) => {}
            },
            Event::Turn(proxy) => self.proxies[proxy].turn(&mut self.core),
            Event::Fault(index) => {
                let fault = self.plan.faults[index].1.clone();
                self.fault(fault);
            }
            Event::Watch => {
                for proxy in &self.proxies {
                    proxy.watch(&mut self.core, self.plan.limits, self.frame_bytes);
                }
                if !self.clients.iter().all(Client::is_done) {
                    let wait = self.core.now / 50 + S / 100;
                    self.core.timers.push((self.core.now + wait, Event::Watch));
                }
            }
        }
    }

    /// Tells everyone what the network has to say, until it is silent.
    fn settle(&mut self) {
        while !self.core.net.notices.is_empty() {
            let notices = std::mem::take(&mut self.core.net.notices);
            for (owner, socket, notice) in notices {
                self.tell(owner, socket, notice);
            }
        }
        self.enqueue();
    }

    fn tell(&mut self, owner: Owner, socket: Socket, notice: Notice) {
        let core = &mut self.core;
        match owner {
            Owner::Client(n) => self.clients[n].notice(core, socket, notice),
            Owner::Proxy(n) => self.proxies[n].notice(core, socket, notice),
            Owner::Backend(n) => self.backends[n].notice(core, socket, notice),
        }
    }

    fn enqueue(&mut self) {
        let wires = self.core.net.events.drain(..);
        for (at, wire) in wires {
            self.queued += 1;
            self.queue
                .push(Reverse((at, self.queued, Event::Wire(wire))));
        }
        for (at, event) in self.core.timers.drain(..) {
            self.queued += 1;
            self.queue.push(Reverse((at, self.queued, event)));
        }
    }

    fn fault(&mut self, fault: Fault) {
        self.core.say(|| format!("FAULT {fault:?}"));
        let now = self.core.now;
        match fault {
            Fault::Cut(port) => self.core.net.cut(now, port),
            Fault::Heal(port) => self.core.net.heal(now, port),
            Fault::Break(port) => self.core.net.break_port(port),
            Fault::BreakOne(owner, pick) => self.core.net.break_one(owner, pick),
            Fault::Kill(backend) => {
                self.core.net.unlisten(backend_port(backend));
                self.core.net.break_port(backend_port(backend));
                self.core
                    .net
                    .notices
                    .retain(|(owner, _, _)| *owner != Owner::Backend(backend));
                self.backends[backend].die();
            }
            Fault::Revive(backend) => {
                if !self.backends[backend].is_alive() {
                    self.backends[backend].revive();
                    let (port, link) = (backend_port(backend), self.plan.back);
                    self.core.net.listen(port, Owner::Backend(backend), link);
                }
            }
            Fault::NewState(proxy, services) => {
                self.versions += 1;
                let state = self.plan.state(self.versions, &services);
                self.proxies[proxy].new_state(&mut self.core, state);
            }
            Fault::Drain(proxy, grace) => {
                self.proxies[proxy].drain(&mut self.core, Duration::from_nanos(grace));
            }
            Fault::Restart(proxy) => self.restart(proxy),
            Fault::Describe(proxy, text) => {
                let codec: Arc<dyn Codec> = Arc::new(crate::described::compiled(&text));
                self.codecs.push(Arc::downgrade(&codec));
                self.plan.codec = codec;
                let services = self.plan.proxies[proxy].services.clone();
                self.versions += 1;
                let state = self.plan.state(self.versions, &services);
                self.proxies[proxy].new_state(&mut self.core, state);
            }
        }
    }

    /// The process of a proxy dies; another begins in its place.
    fn restart(&mut self, proxy: usize) {
        for socket in self.proxies[proxy].client_sockets() {
            self.core.oracle.orphans.insert(socket.conn);
        }
        self.core.net.break_owner(Owner::Proxy(proxy));
        self.core
            .net
            .notices
            .retain(|(owner, _, _)| *owner != Owner::Proxy(proxy));
        let plan = self.plan.proxies[proxy].clone();
        self.versions += 1;
        let state = self.plan.state(self.versions, &plan.services);
        let seed = self.core.rng.u64(..);
        self.took_max = self.took_max.max(self.proxies[proxy].took_max);
        self.proxies[proxy] = Proxy::new(proxy, plan, state, seed);
        // Turns of the old one are harmless to the new one.
    }
}
