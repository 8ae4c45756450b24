//! A request frame becomes an exchange: limits, effects, route, deadline.

use std::rc::Rc;
use std::time::Duration;

use weft_codec::{
    Asked, Codec as _, Correlation, Cut, Effect, Field, Head, Kind, ProxyError, Say, Side,
};
use weft_model::Policy;
use weft_route::{Fields as _, RequestFields};

use crate::client::{Client, ClientKey, Facets};
use crate::engine::Alarm;
use crate::exchange::{Class, Exchange, ExchangeKey, Phase};
use crate::listener::{Idempotent, ListenerRun, RuleRun};
use crate::report::Outcome;
use crate::wheel::Timer;
use crate::{CloseCause, Engine, Nanos};

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
    /// What has come after it.
    pub(crate) ahead: &'a [u8],
}

impl Incoming<'_> {
    pub(crate) fn fields(&self) -> RequestFields<'_> {
        RequestFields {
            codec: &*self.listener.codec,
            head: self.head,
            frame: self.frame,
        }
    }

    /// Bytes of the frame that are still to come.
    pub(crate) fn missing(&self) -> u64 {
        u64::from(self.head.frame_bytes).saturating_sub(self.frame.len() as u64)
    }

    /// Whether its checksum comes when most of it is with the server, which may close the
    /// connection over a wrong one: nobody else's request is to be on it.
    fn is_in_doubt(&self) -> bool {
        self.head.cut == Cut::ChecksumTail && self.missing() > 0
    }
}

impl Engine {
    /// Admits a request: limits, effects, route, then on to an instance.
    #[inline(always)]
    pub(crate) fn admit(&mut self, key: ClientKey, incoming: Incoming<'_>) -> Flow {
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
            Effect::Facet
            | Effect::Blocking
            | Effect::Pin
            | Effect::Session
            | Effect::Unpin
            | Effect::Tunnel => true,
        };
        if client.in_flight > 0
            && (client.flags.barrier
                || alone
                || client.in_flight >= self.settings.client_in_flight_max)
        {
            client.flags.behind = client.flags.barrier || alone;
            return Flow::Hold;
        }
        if matches!(effect, Effect::Pin | Effect::Session | Effect::Tunnel) {
            return self.pin(key, incoming);
        }
        client.flags.barrier = alone;
        let exchange = self.begin_exchange(key, incoming);
        match effect {
            Effect::Local | Effect::Reset | Effect::Quit => {
                self.answer_locally(key, exchange, effect);
                return if effect == Effect::Quit {
                    Flow::Stop
                } else {
                    self.after_admission(key, exchange, incoming)
                };
            }
            Effect::Facet if incoming.missing() > 0 => {
                let more = "it changes its connection and is too large to be repeated";
                self.fail(exchange, ProxyError::Unsupported, more, false);
                return self.after_admission(key, exchange, incoming);
            }
            Effect::Facet => self.note_facet(key, exchange, incoming),
            _ => {}
        }
        if !self.exchange_lease.covers(self.exchanges.len()) {
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
    #[inline(always)]
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
        exchange.exclusive =
            incoming.head.exclusive || incoming.listener.correlation == Correlation::Exclusive;
        exchange.class = if unlimited {
            Class::Exclusive
        } else if large && incoming.is_in_doubt() {
            Class::Alone
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
    #[inline(always)]
    pub(crate) fn after_admission(
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
            .codec
            .remember(incoming.head, incoming.frame, &mut asked);
        let now = self.now.monotonic;
        let mut id = incoming.head.id_value;
        let mut deadline = Nanos::NEVER;
        let hop = self.around.is_some();
        if hop {
            (id, deadline) = self.note_around(id, &mut asked);
        }
        // Nobody waits for the answer to a one-way request.
        let one_way = incoming.head.kind == Kind::OneWay;
        let client = self.clients.get(key);
        let after = client
            .filter(|_| !one_way)
            .and_then(|client| self.repeated_id(client, incoming.listener, id));
        let last = client.and_then(|client| client.last);
        let exchange = self.exchanges.insert(Exchange {
            client: key,
            asked,
            caller_id: id,
            has_id: !incoming.head.id.is_empty(),
            hop,
            exclusive: false,
            rule: None,
            phase: Phase::New,
            began: now,
            dispatched: now,
            deadline,
            timer: Timer::NONE,
            kept: None,
            instance: None,
            tried: Default::default(),
            attempts: 0,
            retries: 0,
            requeues: 0,
            class: Class::Shared,
            idempotent: false,
            one_way,
            streamed: false,
            answer_begun: false,
            depth: 0,
            facet: None,
            previous: last,
            next: None,
            after,
            before: None,
            answer: Vec::new(),
        });
        self.begun = Some(exchange);
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
    fn repeated_id(&self, client: &Client, listener: &ListenerRun, id: u64) -> Option<ExchangeKey> {
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
    #[inline]
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
            Idempotent::Some => fields
                .field(Field::Method)
                .is_some_and(|method| rule.policy().idempotent.matches(&method.to_bytes())),
        };
        let exchange = self.exchanges.get_mut(key)?;
        exchange.rule = Some(Rc::clone(&rule));
        exchange.idempotent = idempotent && !exchange.one_way;
        Some(rule)
    }

    /// The smaller of the route's and the request's own time limit; answers whether any is left.
    #[inline]
    pub(crate) fn set_deadline(
        &mut self,
        key: ExchangeKey,
        incoming: Incoming<'_>,
        policy: &Policy,
    ) -> bool {
        let mut deadline = self.now.monotonic.after(policy.timeout);
        if incoming.listener.reads_deadline {
            let Incoming { head, frame, .. } = incoming;
            let codec = &incoming.listener.codec;
            let asked = codec
                .field(Side::Downstream, head, frame, Field::DeadlineMs)
                .and_then(|value| value.number());
            if let Some(ms) = asked {
                deadline = deadline.min(self.now.monotonic.after(Duration::from_millis(ms)));
            }
        }
        let Some(exchange) = self.exchanges.get_mut(key) else {
            return false;
        };
        // What a hop frame said is there already.
        let deadline = deadline.min(exchange.deadline);
        exchange.deadline = deadline;
        if deadline <= self.now.monotonic {
            return false;
        }
        exchange.timer = self.wheel.set(deadline, Alarm::Exchange(key));
        true
    }

    /// Answers what the mesh answers itself: it takes its turn like any other.
    fn answer_locally(&mut self, key: ClientKey, exchange: ExchangeKey, effect: Effect) {
        if effect == Effect::Reset
            && let Some(client) = self.clients.get_mut(key)
        {
            client.facets = Facets::forgotten(client.facets.as_deref());
        }
        self.deliver_words(exchange, Outcome::Answered, |codec, asked, out| {
            codec.say(&Say::Local { asked }, out).is_ok()
        });
        if effect == Effect::Quit {
            self.close_client_when_done(key, CloseCause::Finished);
        }
    }

    /// Notes what the client's facets will be once this request is answered well.
    pub(crate) fn note_facet(
        &mut self,
        key: ClientKey,
        exchange: ExchangeKey,
        incoming: Incoming<'_>,
    ) {
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
}
