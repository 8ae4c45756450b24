//! One thread of the load generator: a loop over one poller that sends, reads and verifies.
//!
//! No runtime, no task and no allocation per request: what it costs must not blur what it
//! measures.

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use anyhow::Context;

use super::client::{Client, ID_MASK, SAME_ID};
use super::live::Live;
use super::plan::{Ids, Plan};
use super::schedule::Schedule;
use super::stamp::Filling;
use super::tally::Tally;
use super::verify::{Bodies, Verdict};
use super::window::{Expect, Stray, Waiting};
use crate::poll::{Poller, Ready, TIMER};
use crate::stream::{Gone, Scratch, Stream};
use crate::wire::{Answer, read_answer};

/// How often counts are handed over, and how long a wait may be.
const HAND_OVER: Duration = Duration::from_millis(100);

/// How long a client waits before it connects again after its connection failed.
const RETRY_AFTER: Duration = Duration::from_millis(20);

/// What of the whole load one thread does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Share {
    /// The number of its first client.
    pub(super) first_client: u32,
    /// How many clients it has.
    pub(super) clients: usize,
    /// Its part of the rate.
    pub(super) rate: Option<f64>,
    /// The seed of the run.
    pub(super) seed: u64,
}

/// Runs one thread's share; gives the number of requests that the schedule held but no
/// connection could take.
pub(super) fn run(plan: &Plan, share: Share, live: &Live, started: Instant) -> anyhow::Result<u64> {
    let mut driver = Driver::new(plan, share, live, started)?;
    let mut ready = Vec::with_capacity(256);
    driver.connect_missing()?;
    loop {
        driver.now_ns = driver.elapsed_ns();
        driver.turn()?;
        if driver.is_over() {
            break;
        }
        driver.poller.wait(driver.patience(), &mut ready)?;
        driver.now_ns = driver.elapsed_ns();
        for event in &ready {
            if event.token != TIMER {
                driver.handle(*event)?;
            }
        }
    }
    for client in &mut driver.clients {
        for method in client.window.give_up() {
            driver.tally.method(method).lost += 1;
        }
    }
    driver.hand_over();
    let unscheduled = driver.schedule.map_or(0, |schedule| schedule.left());
    Ok(driver.backlog.len() as u64 + unscheduled)
}

struct Driver<'a> {
    plan: &'a Plan,
    live: &'a Live,
    bodies: Bodies,
    poller: Poller,
    clients: Vec<Client>,
    /// Open loop: clients that may send, the longest unused first.
    free: VecDeque<usize>,
    /// Open loop: moments that have come and wait for a free client.
    backlog: VecDeque<u64>,
    schedule: Option<Schedule>,
    /// The moment for which the timer is armed.
    armed_for: Option<u64>,
    tally: Tally,
    scratch: Scratch,
    random: fastrand::Rng,
    started: Instant,
    now_ns: u64,
    measure_from_ns: u64,
    send_until_ns: u64,
    hand_over_at_ns: u64,
    /// Whether what is being counted belongs to the measured time.
    measuring: bool,
    /// Clients without a connection.
    down: usize,
}

impl<'a> Driver<'a> {
    fn new(plan: &'a Plan, share: Share, live: &'a Live, started: Instant) -> anyhow::Result<Self> {
        let poller = Poller::new().context("cannot wait for sockets")?;
        let measure_from_ns = nanos(plan.warm_up);
        let send_until_ns = nanos(plan.warm_up + plan.measure);
        let schedule = share.rate.map(|rate| Schedule::new(rate, send_until_ns));
        let numbers = share.first_client..;
        Ok(Self {
            plan,
            live,
            bodies: Bodies {
                seed: share.seed,
                filling: Filling::new(plan.body_bytes, share.seed),
            },
            poller,
            clients: numbers.take(share.clients).map(Client::new).collect(),
            free: VecDeque::new(),
            backlog: VecDeque::new(),
            schedule,
            armed_for: None,
            tally: Tally::new(plan.methods.len())?,
            scratch: Scratch::default(),
            random: fastrand::Rng::new(),
            started,
            now_ns: 0,
            measure_from_ns,
            send_until_ns,
            hand_over_at_ns: 0,
            measuring: plan.warm_up.is_zero(),
            down: share.clients,
        })
    }

    fn elapsed_ns(&self) -> u64 {
        nanos(self.started.elapsed())
    }

    fn is_sending(&self) -> bool {
        self.now_ns < self.send_until_ns && !self.live.is_stopped()
    }

    /// What is to be done whether or not a socket is ready.
    fn turn(&mut self) -> io::Result<()> {
        if self.schedule.is_some() {
            self.send_due();
            self.arm()?;
        }
        if self.down > 0 && self.is_sending() {
            self.connect_missing()?;
        }
        if self.now_ns >= self.hand_over_at_ns {
            self.hand_over();
        }
        Ok(())
    }

    /// Sees to it that the timer fires when the next request is due.
    fn arm(&mut self) -> io::Result<()> {
        let next = self.schedule.as_ref().and_then(Schedule::next);
        if let Some(next) = next
            && self.armed_for != Some(next)
        {
            self.armed_for = Some(next);
            let left = next.saturating_sub(self.now_ns);
            self.poller.wake_in(Duration::from_nanos(left))?;
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        if self.is_sending() {
            return false;
        }
        let waiting = self.clients.iter().any(|client| client.window.open() > 0);
        !waiting || self.now_ns >= self.ends_ns().saturating_add(nanos(self.plan.grace))
    }

    /// When sending ends, or ended.
    fn ends_ns(&self) -> u64 {
        let stopped_ns = self.live.stopped_at_ns().unwrap_or(u64::MAX);
        self.send_until_ns.min(stopped_ns)
    }

    /// How long nothing has to be done if no socket is ready.
    fn patience(&self) -> Duration {
        if self.down > 0 {
            RETRY_AFTER
        } else if self.now_ns < self.send_until_ns {
            let next = self.send_until_ns.min(self.hand_over_at_ns);
            let left = Duration::from_nanos(next.saturating_sub(self.now_ns));
            left.max(Duration::from_millis(1))
        } else {
            Duration::from_millis(10)
        }
    }

    fn hand_over(&mut self) {
        self.live.add(&self.tally, self.measuring);
        self.tally.clear();
        let next = self.now_ns + nanos(HAND_OVER);
        self.measuring = self.now_ns >= self.measure_from_ns;
        self.hand_over_at_ns = if self.measuring {
            next
        } else {
            next.min(self.measure_from_ns)
        };
    }

    fn connect_missing(&mut self) -> io::Result<()> {
        for place in 0..self.clients.len() {
            let wants = self
                .clients
                .get(place)
                .is_some_and(|client| client.stream.is_none() && client.retry_at_ns <= self.now_ns);
            if wants {
                self.connect(place)?;
            }
        }
        Ok(())
    }

    fn connect(&mut self, place: usize) -> io::Result<()> {
        let now_ns = self.now_ns;
        let Some(client) = self.clients.get_mut(place) else {
            return Ok(());
        };
        let connected = self.plan.target.connect().and_then(|socket| {
            let token = token(place, client.connects + 1);
            Stream::new(socket, token, true, &self.poller)
        });
        match connected {
            Ok(stream) => {
                client.begin_connection(stream, now_ns);
                self.down -= 1;
                Ok(())
            }
            // Files do not come back by themselves: the run cannot be what was asked for.
            Err(error) if matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE)) => {
                Err(error)
            }
            Err(error) => {
                client.retry_at_ns = now_ns + nanos(RETRY_AFTER);
                self.tally.connect_failures += 1;
                self.tally
                    .count_error(format!("connect: {error}").as_bytes(), 1);
                Ok(())
            }
        }
    }

    fn handle(&mut self, event: Ready) -> io::Result<()> {
        let place = usize::try_from(event.token & 0xffff_ffff).unwrap_or(usize::MAX);
        let Some(client) = self.clients.get_mut(place) else {
            return Ok(());
        };
        let Some(stream) = &client.stream else {
            return Ok(());
        };
        if token(place, client.connects) != event.token {
            return Ok(());
        }
        if !client.established {
            if let Some(error) = stream.connect_error() {
                self.tally.connect_failures += 1;
                self.tally
                    .count_error(format!("connect: {error}").as_bytes(), 1);
                self.drop_connection(place);
                return Ok(());
            }
            client.established = true;
            self.tally.connects += 1;
            self.send_more(place);
        }
        if event.readable {
            self.read(place)
        } else if event.writable {
            self.flush(place);
            Ok(())
        } else {
            Ok(())
        }
    }

    fn read(&mut self, place: usize) -> io::Result<()> {
        let Some(stream) = self.clients.get_mut(place).and_then(|c| c.stream.as_mut()) else {
            return Ok(());
        };
        if stream.read(&mut self.scratch) == Err(Gone) {
            self.lose_connection(place);
            return Ok(());
        }
        let scratch = self.scratch.take_bytes();
        let mut used = 0;
        loop {
            let rest = scratch.get(used..).unwrap_or_default();
            match read_answer(self.plan.protocol, rest) {
                Ok(None) => break,
                Ok(Some(answer)) => {
                    used += answer.frame_bytes;
                    self.settle(place, &answer);
                }
                Err(nonsense) => {
                    self.tally.unknown += 1;
                    self.tally
                        .complain(|| format!("unreadable answer: {}", nonsense.0));
                    self.scratch.put_back(scratch);
                    self.lose_connection(place);
                    return Ok(());
                }
            }
        }
        self.scratch.put_back(scratch);
        if let Some(stream) = self.clients.get_mut(place).and_then(|c| c.stream.as_mut()) {
            stream.keep(&mut self.scratch, used);
        }
        if self
            .clients
            .get(place)
            .is_some_and(|c| c.is_used_up(self.plan))
        {
            self.drop_connection(place);
            return if self.is_sending() {
                self.connect(place)
            } else {
                Ok(())
            };
        }
        self.send_more(place);
        Ok(())
    }

    /// Finds the request of an answer, verifies it and counts it.
    fn settle(&mut self, place: usize, answer: &Answer<'_>) {
        let Some(client) = self.clients.get_mut(place) else {
            return;
        };
        let taken = match (self.plan.ids, answer.id) {
            (Ids::Sequential, Some(id)) => client.window.take(id, ID_MASK),
            (Ids::Same, Some(id)) if id != SAME_ID => Err(Stray::Unknown),
            (Ids::Same, Some(_)) | (_, None) => client.window.take_oldest(),
        };
        let (sequence, waiting) = match taken {
            Ok(taken) => taken,
            Err(stray) => {
                match stray {
                    Stray::Duplicate => self.tally.duplicates += 1,
                    Stray::Unknown => self.tally.unknown += 1,
                }
                let number = client.number;
                self.tally.complain(|| {
                    format!(
                        "client {number} got an answer that is {stray:?}, id {:?}",
                        answer.id
                    )
                });
                return;
            }
        };
        let stamp = client.stamp(waiting.expect, sequence);
        let verdict = match waiting.expect {
            Expect::Stored(_) => self.bodies.judge_stored(answer),
            Expect::Echo | Expect::Value(_) => {
                // Redis replies name no method.
                let name = self
                    .plan
                    .methods
                    .get(waiting.method)
                    .map_or("", |m| &m.name);
                self.bodies.judge(answer, stamp, name)
            }
        };
        if waiting.intended_ns >= self.measure_from_ns {
            self.tally.measured += 1;
        }
        let latency = self.now_ns.saturating_sub(waiting.intended_ns);
        self.tally.latency_ns.saturating_record(latency);
        self.count(place, &waiting, verdict, answer.payload, stamp.sequence);
    }

    fn count(
        &mut self,
        place: usize,
        waiting: &Waiting,
        verdict: Verdict<'_>,
        words: &[u8],
        sequence: u64,
    ) {
        let counts = self.tally.method(waiting.method);
        match verdict {
            Verdict::Right(backend) => {
                counts.ok += 1;
                if !backend.is_empty() {
                    self.tally.count_backend(backend, 1);
                }
                return;
            }
            Verdict::Missing => {
                counts.ok += 1;
                self.tally.misses += 1;
            }
            Verdict::ApplicationError => {
                counts.application_errors += 1;
                self.tally.count_error(first_words(words), 1);
            }
            Verdict::ProxyError => {
                counts.proxy_errors += 1;
                self.tally.count_error(first_words(words), 1);
            }
            Verdict::Wrong(wrong) => {
                counts.wrong += 1;
                let method = waiting.method;
                self.tally.complain(|| {
                    format!("client {place}, request {sequence}, method {method}: {wrong:?}")
                });
            }
        }
        if let Some(client) = self.clients.get_mut(place) {
            client.forget(waiting.expect);
        }
    }

    /// Fills the window of a client, or lets the next scheduled request have it.
    fn send_more(&mut self, place: usize) {
        if self.schedule.is_some() {
            if let Some(client) = self.clients.get_mut(place)
                && !client.listed
                && client.can_send(self.plan)
            {
                client.listed = true;
                self.free.push_back(place);
            }
            if !self.backlog.is_empty() {
                self.send_due();
            }
            return;
        }
        if !self.is_sending() {
            return;
        }
        while let Some(client) = self.clients.get(place)
            && client.can_send(self.plan)
        {
            // A request that needs a fresh connection waits for it, too.
            let first = self.plan.reconnect_every.is_some() && client.asked == 0;
            let intended_ns = if first && client.connects > 1 {
                client.connect_ns
            } else {
                self.now_ns
            };
            self.send(place, intended_ns);
        }
        self.flush(place);
    }

    /// Sends every request whose moment has come, as far as clients are free.
    fn send_due(&mut self) {
        if !self.live.is_stopped()
            && let Some(schedule) = &mut self.schedule
        {
            while let Some(due) = schedule.take_due(self.now_ns) {
                self.backlog.push_back(due);
            }
        }
        // What is sent late in the grace would count as lost without having had its time.
        let last_ns = self.ends_ns().saturating_add(nanos(self.plan.grace / 2));
        if self.now_ns >= last_ns {
            return;
        }
        let mut touched = Vec::new();
        while let Some(intended_ns) = self.backlog.front().copied()
            && let Some(place) = self.free.pop_front()
        {
            let Some(client) = self.clients.get_mut(place) else {
                continue;
            };
            client.listed = false;
            if !client.can_send(self.plan) {
                continue;
            }
            self.backlog.pop_front();
            self.send(place, intended_ns);
            touched.push(place);
            if let Some(client) = self.clients.get_mut(place)
                && client.can_send(self.plan)
            {
                client.listed = true;
                self.free.push_back(place);
            }
        }
        touched.sort_unstable();
        touched.dedup();
        for place in touched {
            self.flush(place);
        }
    }

    fn send(&mut self, place: usize, intended_ns: u64) {
        let method = self.pick_method();
        if let Some(client) = self.clients.get_mut(place) {
            client.send(self.plan, &self.bodies, method, intended_ns);
            self.tally.method(method).sent += 1;
        }
    }

    fn pick_method(&mut self) -> usize {
        if self.plan.methods.len() < 2 {
            return 0;
        }
        let total: u32 = self.plan.methods.iter().map(|method| method.weight).sum();
        let mut drawn = self.random.u32(..total.max(1));
        for (index, method) in self.plan.methods.iter().enumerate() {
            match drawn.checked_sub(method.weight) {
                None => return index,
                Some(rest) => drawn = rest,
            }
        }
        0
    }

    fn flush(&mut self, place: usize) {
        let Some(stream) = self.clients.get_mut(place).and_then(|c| c.stream.as_mut()) else {
            return;
        };
        if stream.flush(&self.poller) == Err(Gone) {
            self.lose_connection(place);
        }
    }

    /// The peer closed the connection, or it failed: what was in flight on it is lost.
    fn lose_connection(&mut self, place: usize) {
        if let Some(client) = self.clients.get_mut(place) {
            if client.window.open() > 0 {
                self.tally.resets += 1;
            } else {
                self.tally.closed_idle += 1;
            }
            for method in client.window.give_up() {
                self.tally.method(method).lost += 1;
            }
        }
        self.drop_connection(place);
    }

    fn drop_connection(&mut self, place: usize) {
        if let Some(client) = self.clients.get_mut(place)
            && client.stream.take().is_some()
        {
            client.established = false;
            client.retry_at_ns = self.now_ns + nanos(RETRY_AFTER);
            self.down += 1;
        }
    }
}

/// Tells the events of a client's present connection from those of earlier ones.
fn token(place: usize, connects: u32) -> u64 {
    u64::from(connects & 0x7fff_ffff) << 32 | place as u64
}

/// A body that echoes a stamp differs each time: errors are told apart by what they begin with.
fn first_words(words: &[u8]) -> &[u8] {
    let looks_stamped = words.len() >= 32 && words.iter().take(32).all(u8::is_ascii_hexdigit);
    if looks_stamped {
        b"an error that echoes the request"
    } else {
        words.get(..words.len().min(120)).unwrap_or_default()
    }
}

/// A time of a run in nanoseconds.
pub(super) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
