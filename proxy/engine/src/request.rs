//! From a client's bytes to exchanges: accept, scan, admit, route.

use std::rc::Rc;

use weft_codec::{Asked, Correlation, Effect, Field, Head, Kind, ProxyError, Say, Side, Speaker};
use weft_model::Policy;
use weft_route::RequestFields;

use crate::buffer::Outbox;
use crate::client::{Client, ClientKey, Facets, Flags};
use crate::exchange::{Class, Exchange, ExchangeKey, Phase};
use crate::listener::{Idempotent, ListenerRun, RuleRun};
use crate::report::Outcome;
use crate::wheel::Timer;
use crate::{CloseCause, ConnId, Engine, Nanos, Refused};

/// What becomes of a client's next frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    /// On to the next.
    Next,
    /// This one and all after it wait.
    Hold,
    /// The client is gone or takes no more.
    Stop,
}

/// A request frame on its way through admission.
#[derive(Clone, Copy)]
pub(crate) struct Incoming<'a> {
    pub(crate) listener: &'a Rc<ListenerRun>,
    pub(crate) head: &'a Head,
    /// All bytes of the frame that have come; at least the head.
    pub(crate) frame: &'a [u8],
}

impl Incoming<'_> {
    pub(crate) fn fields(&self) -> RequestFields<'_> {
        RequestFields {
            codec: &*self.listener.listener.codec,
            head: self.head,
            frame: self.frame,
        }
    }

    /// Bytes of the frame that are still to come.
    pub(crate) fn missing(&self) -> u64 {
        u64::from(self.head.frame_bytes).saturating_sub(self.frame.len() as u64)
    }
}

impl Engine {
    pub(crate) fn accept(&mut self, listener: usize) -> Result<ConnId, Refused> {
        let refused = match self.listeners.get(listener) {
            None => Some(Refused::UnknownListener),
            Some(run) if run.gone => Some(Refused::UnknownListener),
            Some(_) if self.draining.is_some() => Some(Refused::Draining),
            Some(_) if self.clients.len() >= self.settings.clients_max => Some(Refused::TooMany),
            Some(_) => None,
        };
        let Some(listener) = self.listeners.get(listener).cloned() else {
            return Err(Refused::UnknownListener);
        };
        if let Some(refused) = refused {
            self.counters.clients_refused += 1;
            return Err(refused);
        }
        self.counters.clients_accepted += 1;
        let now = self.now.monotonic;
        let eager = listener.correlation == Correlation::Raw
            || listener.listener.codec.traits().speaks_first == Speaker::Upstream;
        let key = self.clients.insert(Client {
            listener,
            partial: Vec::new(),
            scan: Default::default(),
            need: 0,
            outbox: Outbox::default(),
            first: None,
            last: None,
            in_flight: 0,
            id_high: 0,
            facets: None,
            pinned: None,
            pass: None,
            streaming: None,
            blocks: None,
            moved: now,
            accepted: now,
            partial_since: now,
            last_read: now,
            timer: Timer::NONE,
            timer_at: Nanos::NEVER,
            patience: self.settings.frame_stall_timeout,
            binds: 0,
            flags: Flags::default(),
            tried: None,
        });
        self.arm_client(key);
        if eager {
            self.bind_early(key);
        }
        Ok(ConnId::of_client(key))
    }

    pub(crate) fn client_bytes(&mut self, key: ClientKey, bytes: &[u8]) {
        self.counters.downstream_bytes_in += bytes.len() as u64;
        let now = self.now.monotonic;
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        if client.flags.closing.is_some() || client.flags.ended {
            return;
        }
        client.last_read = now;
        if client.flags.held {
            // It is paused; these bytes were read before the shell knew.
            client.partial.extend_from_slice(bytes);
            return;
        }
        if client.listener.correlation == Correlation::Raw {
            return self.relay_raw_request(key, bytes);
        }
        let bytes = if client.pass.is_some() {
            self.pass_request(key, bytes)
        } else {
            bytes
        };
        if bytes.is_empty() {
            return;
        }
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        if client.flags.held {
            client.partial.extend_from_slice(bytes);
        } else if client.partial.is_empty() {
            self.scan_client(key, bytes, None);
        } else {
            client.partial.extend_from_slice(bytes);
            self.scan_partial(key);
        }
    }

    /// Scans what a client's partial buffer holds, if enough is there.
    pub(crate) fn scan_partial(&mut self, key: ClientKey) {
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        if client.partial.len() < client.need {
            return;
        }
        let buffer = std::mem::take(&mut client.partial);
        let mut rest = 0;
        if client.pass.is_some() {
            rest = buffer.len() - self.pass_request(key, &buffer).len();
        }
        if rest == buffer.len() {
            self.spares.put(buffer);
            return;
        }
        self.scan_client(key, &[], Some((buffer, rest)));
    }

    /// Finds frames in `bytes`, or in a buffer from an offset on, and admits them one by one.
    /// What is left over is kept in the client's partial buffer.
    fn scan_client(&mut self, key: ClientKey, bytes: &[u8], buffer: Option<(Vec<u8>, usize)>) {
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        let data = match &buffer {
            Some((buffer, from)) => buffer.get(*from..).unwrap_or_default(),
            None => bytes,
        };
        let listener = Rc::clone(&client.listener);
        let mut heads = std::mem::take(&mut self.heads);
        heads.clear();
        let codec = &listener.listener.codec;
        let limits = &listener.listener.limits;
        let scanned = codec.scan(Side::Downstream, limits, &mut client.scan, data, &mut heads);
        let mut flow = Flow::Next;
        let mut done = 0usize;
        for head in &heads {
            let start = head.start as usize;
            let end = start.saturating_add(head.frame_bytes as usize);
            let frame = data.get(start..end.min(data.len())).unwrap_or_default();
            let incoming = Incoming {
                listener: &listener,
                head,
                frame,
            };
            flow = self.request_frame(key, incoming);
            if flow != Flow::Next {
                break;
            }
            done = end;
        }
        self.heads = heads;
        let rest = data.get(done.min(data.len())..).unwrap_or_default();
        match (flow, scanned) {
            (Flow::Stop, _) => {}
            (Flow::Hold, _) => {
                self.keep_partial(key, rest, 0);
                self.hold_client(key);
            }
            (Flow::Next, Ok(scanned)) => {
                if !rest.is_empty() {
                    self.keep_partial(key, rest, scanned.need);
                } else if let Some(client) = self.clients.get_mut(key) {
                    client.need = 0;
                }
            }
            (Flow::Next, Err(malformed)) => {
                self.counters.malformed[0] += 1;
                let text = format!(
                    "listener {}: not {}: {malformed}; the client is closed",
                    listener.listener.name,
                    codec.name()
                );
                self.report(ConnId::of_client(key), text);
                self.close_client_when_done(key, CloseCause::Malformed);
            }
        }
        if let Some((buffer, _)) = buffer {
            self.spares.put(buffer);
        }
    }

    /// Keeps an unfinished frame, or frames that must wait.
    fn keep_partial(&mut self, key: ClientKey, rest: &[u8], need: usize) {
        let now = self.now.monotonic;
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        if client.partial.capacity() == 0 {
            client.partial = self.spares.take();
        }
        if client.partial.is_empty() {
            client.partial_since = now;
        }
        client.partial.extend_from_slice(rest);
        client.need = need;
        self.arm_client(key);
    }

    /// Stops reading a client whose frames wait.
    fn hold_client(&mut self, key: ClientKey) {
        if let Some(client) = self.clients.get_mut(key) {
            client.flags.held = true;
            client.scan = Default::default();
            client.need = 0;
        }
        self.update_pause(key);
    }

    /// Lets a client's held frames go on, and closes it if that was all.
    pub(crate) fn resume_client(&mut self, key: ClientKey) {
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        client.flags.listed = false;
        if client.in_flight == 0 {
            client.flags.barrier = false;
            client.id_high = 0;
        }
        if client.flags.held && client.flags.closing.is_none() {
            client.flags.held = false;
            if client.listener.correlation == Correlation::Raw {
                let held = std::mem::take(&mut client.partial);
                self.relay_raw_request(key, &held);
            } else {
                self.scan_partial(key);
            }
            self.update_pause(key);
        }
        self.finish_client(key);
    }

    /// Admits one frame from a client.
    fn request_frame(&mut self, key: ClientKey, incoming: Incoming<'_>) -> Flow {
        let Some(client) = self.clients.get(key) else {
            return Flow::Stop;
        };
        if client.flags.closing.is_some() {
            return Flow::Stop;
        }
        if client.pinned.is_some() || incoming.listener.is_bound() {
            return self.bound_frame(key, incoming);
        }
        match incoming.head.kind {
            Kind::Request | Kind::OneWay => self.admit(key, incoming),
            Kind::Ping => self.answer_ping(key, incoming),
            Kind::Cancel => self.cancel_by_id(key, incoming.head.id_value),
            Kind::Pong | Kind::GoAway => Flow::Next,
            Kind::Answer | Kind::Push | Kind::Handshake => {
                self.counters.malformed[0] += 1;
                let text = format!(
                    "listener {}: a client sent a frame that only servers send ({:?})",
                    incoming.listener.listener.name, incoming.head.kind
                );
                self.report(ConnId::of_client(key), text);
                self.close_client_when_done(key, CloseCause::Malformed);
                Flow::Stop
            }
        }
    }

    /// Admits a request: limits, effects, route, then on to an instance.
    fn admit(&mut self, key: ClientKey, incoming: Incoming<'_>) -> Flow {
        let Some(client) = self.clients.get_mut(key) else {
            return Flow::Stop;
        };
        let effect = if incoming.listener.stateful {
            incoming.head.effect
        } else {
            Effect::Stateless
        };
        let large = incoming.head.frame_bytes > incoming.listener.listener.limits.cut_through_bytes;
        let alone = match effect {
            Effect::Stateless | Effect::Local | Effect::Reset | Effect::Quit => {
                // Its lane is another one: in-order clients must not be overtaken.
                large && incoming.listener.in_order
            }
            Effect::Facet | Effect::Blocking | Effect::Pin | Effect::Unpin | Effect::Tunnel => true,
        };
        if client.in_flight > 0
            && (client.flags.barrier
                || alone
                || client.in_flight >= self.settings.client_in_flight_max)
        {
            return Flow::Hold;
        }
        if matches!(effect, Effect::Pin | Effect::Tunnel) {
            return self.pin(key, incoming, effect);
        }
        client.flags.barrier = alone;
        let exchange = self.begin_exchange(key, incoming);
        match effect {
            Effect::Local | Effect::Reset | Effect::Quit => {
                self.answer_locally(key, exchange, effect);
                return if effect == Effect::Quit {
                    Flow::Stop
                } else {
                    Flow::Next
                };
            }
            Effect::Facet => self.note_facet(key, exchange, incoming),
            _ => {}
        }
        if self.exchanges.len() > self.settings.exchanges_max {
            self.fail(
                exchange,
                ProxyError::Overload,
                "too many requests in flight",
                true,
            );
        } else if let Some(rule) = self.route(exchange, incoming) {
            self.admit_to(exchange, incoming, &rule, effect, large);
        } else {
            self.fail(exchange, ProxyError::NoRoute, "", false);
        }
        self.after_admission(key, exchange, incoming)
    }

    /// Sets the deadline and class of a routed exchange and dispatches it.
    fn admit_to(
        &mut self,
        key: ExchangeKey,
        incoming: Incoming<'_>,
        rule: &Rc<RuleRun>,
        effect: Effect,
        large: bool,
    ) {
        let unlimited = effect == Effect::Blocking;
        let expired = !unlimited && !self.set_deadline(key, incoming, rule.policy());
        let Some(exchange) = self.exchanges.get_mut(key) else {
            return;
        };
        let alone = unlimited
            || incoming.head.exclusive
            || incoming.listener.correlation == Correlation::Exclusive;
        exchange.class = if alone {
            Class::Exclusive
        } else if large {
            Class::Bulk
        } else {
            Class::Shared
        };
        exchange.streamed = incoming.missing() > 0;
        if expired {
            return self.fail(
                key,
                ProxyError::Deadline,
                "it was over when the request came",
                false,
            );
        }
        if let Some(service) = self.services.get_mut(rule.service) {
            service
                .budget
                .request(self.now.monotonic, &rule.policy().retry);
        }
        self.dispatch(key, incoming);
    }

    /// Prepares for the rest of a frame that comes in pieces.
    fn after_admission(
        &mut self,
        key: ClientKey,
        exchange: ExchangeKey,
        incoming: Incoming<'_>,
    ) -> Flow {
        let missing = incoming.missing();
        if missing > 0 {
            self.counters.streamed_requests += 1;
            self.begin_pass(key, exchange, missing);
        }
        Flow::Next
    }

    /// Makes the exchange and links it to its client.
    pub(crate) fn begin_exchange(&mut self, key: ClientKey, incoming: Incoming<'_>) -> ExchangeKey {
        self.counters.accepted += 1;
        let mut asked = Asked::default();
        incoming
            .listener
            .listener
            .codec
            .remember(incoming.head, incoming.frame, &mut asked);
        let now = self.now.monotonic;
        let id = incoming.head.id_value;
        let after = self.repeated_id(key, incoming.listener, id);
        let last = self.clients.get(key).and_then(|client| client.last);
        let exchange = self.exchanges.insert(Exchange {
            client: key,
            asked,
            caller_id: id,
            rule: None,
            phase: Phase::New,
            began: now,
            dispatched: now,
            deadline: Nanos::NEVER,
            timer: Timer::NONE,
            kept: None,
            tried: Default::default(),
            attempts: 0,
            retries: 0,
            requeues: 0,
            class: Class::Shared,
            idempotent: false,
            one_way: incoming.head.kind == Kind::OneWay,
            streamed: false,
            answer_begun: false,
            depth: 0,
            facet: None,
            unpins: false,
            previous: last,
            next: None,
            after,
            before: None,
            answer: Vec::new(),
        });
        if let Some(last) = last.and_then(|last| self.exchanges.get_mut(last)) {
            last.next = Some(exchange);
        }
        if let Some(after) = after.and_then(|after| self.exchanges.get_mut(after)) {
            after.before = Some(exchange);
        }
        if let Some(client) = self.clients.get_mut(key) {
            client.last = Some(exchange);
            client.first.get_or_insert(exchange);
            client.in_flight += 1;
            client.id_high = client.id_high.max(id);
        }
        exchange
    }

    /// The youngest exchange in flight with the same id: answers to repeated ids keep order
    /// among themselves. Ids mostly grow, and a greater one cannot be a repetition.
    fn repeated_id(&self, key: ClientKey, listener: &ListenerRun, id: u64) -> Option<ExchangeKey> {
        let client = self.clients.get(key)?;
        if listener.in_order || client.in_flight == 0 || id > client.id_high {
            return None;
        }
        let mut at = client.last;
        while let Some(candidate) = at {
            let exchange = self.exchanges.get(candidate)?;
            if exchange.caller_id == id && !exchange.one_way {
                return Some(candidate);
            }
            at = exchange.previous;
        }
        None
    }

    /// Finds the rule that takes a request.
    pub(crate) fn route(
        &mut self,
        key: ExchangeKey,
        incoming: Incoming<'_>,
    ) -> Option<Rc<RuleRun>> {
        let fields = incoming.fields();
        let index = incoming.listener.listener.routes.decide(&fields)?;
        let rule = Rc::clone(incoming.listener.rules.get(index)?);
        let idempotent = match rule.idempotent {
            Idempotent::None => false,
            Idempotent::All => true,
            Idempotent::Some => {
                use weft_route::Fields as _;
                fields
                    .field(Field::Method)
                    .is_some_and(|method| rule.policy().idempotent.matches(&method.to_bytes()))
            }
        };
        let exchange = self.exchanges.get_mut(key)?;
        exchange.rule = Some(Rc::clone(&rule));
        exchange.idempotent = idempotent && !exchange.one_way;
        Some(rule)
    }

    /// The smaller of the route's and the request's own time limit; answers whether any is left.
    pub(crate) fn set_deadline(
        &mut self,
        key: ExchangeKey,
        incoming: Incoming<'_>,
        policy: &Policy,
    ) -> bool {
        let mut deadline = self.now.monotonic.after(policy.timeout);
        if incoming.listener.reads_deadline {
            use weft_route::Fields as _;
            let asked = incoming
                .fields()
                .field(Field::DeadlineMs)
                .and_then(|value| value.number());
            if let Some(ms) = asked {
                deadline = deadline.min(
                    self.now
                        .monotonic
                        .after(std::time::Duration::from_millis(ms)),
                );
            }
        }
        let Some(exchange) = self.exchanges.get_mut(key) else {
            return false;
        };
        exchange.deadline = deadline;
        if deadline <= self.now.monotonic {
            return false;
        }
        exchange.timer = self
            .wheel
            .set(deadline, crate::engine::Alarm::Exchange(key));
        true
    }

    /// Answers what the mesh answers itself: it takes its turn like any other.
    fn answer_locally(&mut self, key: ClientKey, exchange: ExchangeKey, effect: Effect) {
        if effect == Effect::Reset
            && let Some(client) = self.clients.get_mut(key)
        {
            client.facets = None;
        }
        self.deliver_words(exchange, Outcome::Answered, |codec, asked, out| {
            codec.say(&Say::Local { asked }, out).is_ok()
        });
        if effect == Effect::Quit {
            self.close_client_when_done(key, CloseCause::Finished);
        }
    }

    /// Notes what the client's facets will be once this request is answered well.
    fn note_facet(&mut self, key: ClientKey, exchange: ExchangeKey, incoming: Incoming<'_>) {
        use weft_route::Fields as _;
        let number = incoming
            .fields()
            .field(Field::Facet)
            .and_then(|value| value.number());
        let old = self
            .clients
            .get(key)
            .and_then(|client| client.facets.clone());
        let facets = Facets::with(old.as_deref(), number.unwrap_or(0), incoming.frame);
        if let Some(exchange) = self.exchanges.get_mut(exchange) {
            exchange.facet = Some(Rc::new(facets));
        }
    }

    fn answer_ping(&mut self, key: ClientKey, incoming: Incoming<'_>) -> Flow {
        let codec = &incoming.listener.listener.codec;
        let mut asked = Asked::default();
        codec.remember(incoming.head, incoming.frame, &mut asked);
        self.counters.pings += 1;
        let Some(client) = self.clients.get_mut(key) else {
            return Flow::Stop;
        };
        if client.streaming.is_some() {
            // An answer is in the middle of the stream; the pong must not cut it.
            return Flow::Hold;
        }
        let out = client.outbox.room(&mut self.spares);
        let before = out.len();
        let said = codec.say(&Say::Pong { asked: &asked }, out).is_ok();
        self.answer_bytes += out.len() - before;
        self.mark_client(key);
        if !said {
            self.close_client_when_done(key, CloseCause::CannotSay);
            return Flow::Stop;
        }
        self.update_pause(key);
        Flow::Next
    }

    fn cancel_by_id(&mut self, key: ClientKey, id: u64) -> Flow {
        let mut at = self.clients.get(key).and_then(|client| client.last);
        while let Some(candidate) = at {
            let Some(exchange) = self.exchanges.get(candidate) else {
                break;
            };
            at = exchange.previous;
            if exchange.caller_id == id {
                self.abandon(candidate, false);
                self.finish(candidate, Outcome::Cancelled);
                break;
            }
        }
        Flow::Next
    }
}
