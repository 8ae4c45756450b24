//! Lanes of a client's own: protocols with sessions, connections pinned by what a request does,
//! servers that speak first, and plain L4.

use std::rc::Rc;

use weft_codec::{Codec as _, Effect, Field, Head, Kind, ProxyError, Rewrite, Side};
use weft_route::Fields as _;

use crate::admit::{Flow, Incoming};
use crate::answer::Answer;
use crate::balance::{Choice, Choosing};
use crate::buffer::Piece;
use crate::client::{ClientKey, Facets, Pass, PassTo, Tunnel};
use crate::engine::PoolName;
use crate::exchange::{Class, ExchangeKey};
use crate::instance::InstanceKey;
use crate::lane::{LaneKey, LaneState, ReadTo, Reading};
use crate::listener::RuleRun;
use crate::pending::{Entry, Pending};
use crate::{Action, CloseCause, ConnId, Engine};

/// Instances that are tried for a lane of a client's own.
const BINDS_MAX: u8 = 3;
/// How far a session that opens without a key is read ahead for one.
const LOOK_AHEAD_BYTES: usize = 4 << 10;

impl Engine {
    /// Gives a client that just connected its lane: raw, or the server speaks first.
    pub(crate) fn bind_early(&mut self, key: ClientKey) {
        let Some(client) = self.clients.get(key) else {
            return;
        };
        let listener = Rc::clone(&client.listener);
        let head = Head::default();
        let incoming = Incoming {
            listener: &listener,
            head: &head,
            frame: &[],
            ahead: &[],
        };
        let outer = self.panics.begin();
        let index = listener.listener.routes.decide(&incoming.fields());
        let rule = index.and_then(|index| listener.rules.get(index)).cloned();
        let bound = rule.is_some_and(|rule| self.bind(key, &rule, incoming).is_ok());
        if self.panics.end(outer) {
            return self.client_panicked(key, None);
        }
        if !bound {
            self.report(
                ConnId::of_client(key),
                format!(
                    "listener {}: no instance for a client",
                    listener.listener.name
                ),
            );
            self.client_gone_by_us(key, CloseCause::PeerGone);
        }
    }

    /// Chooses an instance and opens a lane to it for one client.
    fn bind(
        &mut self,
        key: ClientKey,
        rule: &RuleRun,
        incoming: Incoming<'_>,
    ) -> Result<(), ProxyError> {
        let Some(client) = self.clients.get(key) else {
            return Err(ProxyError::NoInstance);
        };
        if client.binds > BINDS_MAX {
            return Err(ProxyError::ConnectFailed);
        }
        let tried: Vec<InstanceKey> = client.tried.into_iter().collect();
        let facets = client.facets.clone();
        let choosing = Choosing {
            rule,
            tried: &tried,
            idempotent: false,
        };
        let keyed = Self::first_keyed(rule, incoming);
        let mut fields = incoming.fields();
        if let Some((head, frame)) = &keyed {
            (fields.head, fields.frame) = (head, frame);
        }
        let Choice::Instance(instance) = self.choose(choosing, &fields) else {
            self.probe_due(rule.service);
            return Err(ProxyError::NoInstance);
        };
        let pool = PoolName {
            instance,
            class: Class::Bound,
            facets,
        };
        let lane = self.open_lane(&pool, Some(key), None);
        if let Some(client) = self.clients.get_mut(key) {
            client.pinned = lane;
            client.binds = client.binds.saturating_add(1);
        }
        lane.map(|_| ()).ok_or(ProxyError::NoInstance)
    }

    /// A session goes where its first key lives. A request that opens one may have no key
    /// (MULTI): then the key of what was sent with it decides.
    fn first_keyed<'a>(rule: &RuleRun, incoming: Incoming<'a>) -> Option<(Head, &'a [u8])> {
        let fields = incoming.fields();
        if !rule.by_own_keys || fields.field(Field::HashKey(0)).is_some() {
            return None;
        }
        let codec = &incoming.listener.codec;
        let limits = &incoming.listener.listener.limits;
        let ahead = incoming
            .ahead
            .get(..incoming.ahead.len().min(LOOK_AHEAD_BYTES))?;
        let mut heads = Vec::new();
        // What is malformed is complained of when its turn comes.
        let _ = codec.scan(
            Side::Downstream,
            limits,
            &mut Default::default(),
            ahead,
            &mut heads,
        );
        heads.into_iter().find_map(|head| {
            let frame = ahead.get(head.start as usize..)?;
            let frame = frame.get(..frame.len().min(head.frame_bytes as usize))?;
            let key = codec.field(Side::Downstream, &head, frame, Field::HashKey(0));
            key.map(|_| (head, frame))
        })
    }

    /// A request that pins its client: gives the client its lane first.
    pub(crate) fn pin(&mut self, key: ClientKey, incoming: Incoming<'_>) -> Flow {
        if let Some(client) = self.clients.get_mut(key) {
            client.binds = 0;
            client.tried = None;
        }
        self.bound_frame(key, incoming)
    }

    /// A frame of a client that has, or must have, a lane of its own.
    pub(crate) fn bound_frame(&mut self, key: ClientKey, incoming: Incoming<'_>) -> Flow {
        let Some(client) = self.clients.get(key) else {
            return Flow::Stop;
        };
        let Some(lane_key) = client.pinned else {
            return self.bind_or_fail(key, incoming);
        };
        let Some(lane) = self.lanes.get(lane_key) else {
            return Flow::Hold;
        };
        if lane.state != LaneState::Ready
            || (client.flags.barrier && client.in_flight > 0)
            || client.in_flight >= self.settings.client_in_flight_max
            || (client.in_flight > 0 && self.exchanges.len() >= self.settings.exchanges_max)
            || lane.outbox.len() > self.settings.lane_outbox_pause_bytes
        {
            if lane.outbox.len() > self.settings.lane_outbox_pause_bytes
                && let Some(client) = self.clients.get_mut(key)
            {
                client.flags.blocked = true;
            }
            return Flow::Hold;
        }
        let unpins = incoming.listener.stateful && incoming.head.effect == Effect::Unpin;
        if client.flags.spoiled && unpins {
            return self.end_spoiled(key, lane_key, incoming);
        }
        match incoming.head.kind {
            Kind::Request | Kind::OneWay => self.bound_request(key, lane_key, incoming),
            _ => self.forward_bound(key, lane_key, incoming),
        }
    }

    fn bind_or_fail(&mut self, key: ClientKey, incoming: Incoming<'_>) -> Flow {
        let index = incoming.listener.listener.routes.decide(&incoming.fields());
        let rule = index
            .and_then(|index| incoming.listener.rules.get(index))
            .cloned();
        let bound = match rule {
            Some(rule) => self.bind(key, &rule, incoming),
            None => Err(ProxyError::NoRoute),
        };
        let Err(error) = bound else { return Flow::Hold };
        if incoming.head.kind == Kind::Request {
            let exchange = self.begin_exchange(key, incoming);
            self.route(exchange, incoming);
            self.fail(exchange, error, "", false);
        }
        self.close_client_when_done(key, CloseCause::PeerGone);
        Flow::Stop
    }

    /// A request on a lane of the client's own: counted, timed, sent under the client's own id.
    fn bound_request(&mut self, key: ClientKey, lane: LaneKey, incoming: Incoming<'_>) -> Flow {
        let effect = if incoming.listener.stateful {
            incoming.head.effect
        } else {
            Effect::Stateless
        };
        let Some(client) = self.clients.get_mut(key) else {
            return Flow::Stop;
        };
        client.flags.session |= effect == Effect::Session;
        client.flags.barrier = effect == Effect::Unpin;
        let opened = client.tunnel.as_ref().map(|tunnel| Rc::clone(&tunnel.rule));
        let tunnel = opened.is_some() || effect == Effect::Tunnel;
        let exchange = self.begin_exchange(key, incoming);
        let rule = match opened {
            Some(rule) => self.keep_rule(exchange, rule),
            None => self.route(exchange, incoming),
        };
        let Some(rule) = rule else {
            self.fail(exchange, ProxyError::NoRoute, "", false);
            return self.after_refusal(key, exchange, incoming);
        };
        if tunnel {
            self.open_tunnel(key, exchange, &rule);
        }
        let instance = self.lanes.get(lane).map(|lane| lane.instance);
        if instance.is_some_and(|home| !self.is_at_home(&rule, home, &incoming.fields())) {
            let words = "its keys live on another instance than this connection's session";
            self.fail(exchange, ProxyError::Unsupported, words, false);
            return self.after_refusal(key, exchange, incoming);
        }
        match effect {
            Effect::Facet => self.note_facet(key, exchange, incoming),
            Effect::Reset => {
                if let Some(client) = self.clients.get_mut(key) {
                    client.facets = Facets::forgotten(client.facets.as_deref());
                    client.flags.spoiled = false;
                }
            }
            _ => {}
        }
        let unlimited = tunnel || matches!(effect, Effect::Blocking);
        if !unlimited && !self.set_deadline(exchange, incoming, rule.policy()) {
            self.fail(exchange, ProxyError::Deadline, "", false);
            return self.after_refusal(key, exchange, incoming);
        }
        if let Some(found) = self.exchanges.get_mut(exchange) {
            found.class = Class::Bound;
            found.idempotent = false;
            found.one_way |= tunnel;
            found.streamed = incoming.missing() > 0;
        }
        self.place(exchange, lane, incoming);
        let flow = self.after_admission(key, exchange, incoming);
        if effect == Effect::Quit {
            // The server answers and closes; so do we.
            if let Some(client) = self.clients.get_mut(key) {
                client.flags.ended = true;
            }
        }
        flow
    }

    /// Notes what opens a client's tunnel, if it has none.
    fn open_tunnel(&mut self, key: ClientKey, exchange: ExchangeKey, rule: &Rc<RuleRun>) {
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        if client.tunnel.is_none()
            && let Some(exchange) = self.exchanges.get(exchange)
        {
            client.tunnel = Some(Box::new(Tunnel {
                rule: Rc::clone(rule),
                opening: exchange.asked.clone(),
                heard: false,
            }));
        }
    }

    /// What passes a tunnel goes by the rule that opened it: what that looked at (who the client
    /// is) stands in the first frame only.
    fn keep_rule(&mut self, key: ExchangeKey, rule: Rc<RuleRun>) -> Option<Rc<RuleRun>> {
        let exchange = self.exchanges.get_mut(key)?;
        exchange.rule = Some(Rc::clone(&rule));
        Some(rule)
    }

    /// The end of a transaction of which a part was refused: it goes with its lane, as the
    /// server would execute the rest.
    fn end_spoiled(&mut self, key: ClientKey, lane: LaneKey, incoming: Incoming<'_>) -> Flow {
        let Some(client) = self.clients.get_mut(key) else {
            return Flow::Stop;
        };
        if client.in_flight > 0 {
            return Flow::Hold;
        }
        client.flags.spoiled = false;
        let session = client.flags.session || client.tunnel.is_some();
        let exchange = self.begin_exchange(key, incoming);
        self.route(exchange, incoming);
        let words = "a part of this transaction was refused, so nothing of it was executed";
        self.fail(exchange, ProxyError::Unsupported, words, false);
        if session {
            // What else the lane knows of this client would be lost with it.
            self.close_client_when_done(key, CloseCause::PeerGone);
            return Flow::Stop;
        }
        self.unpin(key, lane);
        Flow::Next
    }

    /// A client's own lane has served its purpose.
    fn unpin(&mut self, client_key: ClientKey, key: LaneKey) {
        if let Some(client) = self.clients.get_mut(client_key) {
            client.pinned = None;
            client.flags.barrier = false;
            client.flags.spoiled = false;
        }
        self.list_client(client_key);
        if let Some(lane) = self.lanes.get_mut(key) {
            lane.bound = None;
        }
        self.close_lane(key, CloseCause::Drained);
    }

    /// After a refusal: a transaction is spoiled, and the rest of a request that comes in
    /// pieces is swallowed.
    fn after_refusal(
        &mut self,
        key: ClientKey,
        exchange: ExchangeKey,
        incoming: Incoming<'_>,
    ) -> Flow {
        if let Some(client) = self.clients.get_mut(key) {
            client.flags.spoiled = true;
        }
        let missing = incoming.missing();
        if missing > 0 {
            self.begin_pass(key, exchange, missing);
        }
        Flow::Next
    }

    /// Any other frame on a lane of the client's own goes on as it is.
    fn forward_bound(&mut self, key: ClientKey, lane_key: LaneKey, incoming: Incoming<'_>) -> Flow {
        let Some(lane) = self.lanes.get_mut(lane_key) else {
            return Flow::Stop;
        };
        let out = lane.outbox.room(&mut self.spares);
        let before = out.len();
        let emitted = lane.codec.emit(
            Side::Downstream,
            incoming.head,
            incoming.frame,
            &Rewrite::NOTHING,
            out,
        );
        lane.queued += (out.len() - before) as u64;
        if emitted.is_err() {
            self.close_client_when_done(key, CloseCause::Malformed);
            return Flow::Stop;
        }
        let missing = incoming.missing();
        if missing > 0 {
            lane.writing = Some(key);
            self.tails.forget(ConnId::of_client(key));
            if let Some(client) = self.clients.get_mut(key) {
                client.pass = Some(Pass {
                    remaining: missing,
                    to: PassTo::Lane(lane_key),
                });
            }
        }
        self.mark_lane(lane_key);
        self.look_if_draining(lane_key);
        Flow::Next
    }

    /// A frame from the server on a client's own lane.
    pub(crate) fn bound_answer(&mut self, key: LaneKey, answer: Answer<'_>) {
        let Some(client_key) = self.lanes.get(key).and_then(|lane| lane.bound) else {
            return;
        };
        if self.clients.get(client_key).is_none() {
            return self.discard_rest(key, answer.missing());
        }
        if answer.head.kind == Kind::Answer
            && let Some(entry) = self.take_bound(key, client_key, answer.head)
        {
            return match entry {
                Entry::Live(exchange) => self.bound_live_answer(key, client_key, exchange, answer),
                Entry::Abandoned { .. } | Entry::Lingering | Entry::Ping { .. } => {
                    self.counters.late_answers += 1;
                    self.discard_rest(key, answer.missing());
                    self.after_answer(key);
                }
            };
        }
        self.counters.pushes += 1;
        if let Some(client) = self.clients.get_mut(client_key)
            && let Some(tunnel) = &mut client.tunnel
        {
            if client.flags.closing.is_some() {
                // Its last word has been said.
                return self.discard_rest(key, answer.missing());
            }
            tunnel.heard = true;
        }
        self.relay_push(key, client_key, answer);
        self.look_if_draining(key);
    }

    fn relay_push(&mut self, key: LaneKey, client_key: ClientKey, answer: Answer<'_>) {
        let missing = answer.missing();
        if missing > 0 {
            let to = ReadTo::Client {
                client: client_key,
                exchange: None,
                more: false,
            };
            self.tails.forget(ConnId::of_lane(key));
            if let Some(lane) = self.lanes.get_mut(key) {
                lane.reading = Some(Reading {
                    remaining: missing,
                    to,
                });
            }
            if let Some(client) = self.clients.get_mut(client_key) {
                client.streaming = Some(key);
            }
        }
        self.relay_to_client(key, client_key, Piece::Slice(answer.frame));
    }

    fn bound_live_answer(
        &mut self,
        key: LaneKey,
        client_key: ClientKey,
        exchange: ExchangeKey,
        answer: Answer<'_>,
    ) {
        self.live_answer(key, exchange, answer);
        // What was sent before the request that unpins may be answered after it, where answers
        // come in any order: the lane goes with the last of them.
        let whole = !answer.head.more && answer.missing() == 0;
        let ends = self.clients.get(client_key).is_some_and(|client| {
            let flags = &client.flags;
            flags.barrier && client.in_flight == 0 && !flags.session && client.tunnel.is_none()
        });
        if whole && ends {
            self.unpin(client_key, key);
        }
    }

    /// The entry that an answer on a bound lane ends: by the client's own id where answers
    /// carry one, otherwise the oldest. An answer in several frames keeps its entry.
    fn take_bound(&mut self, key: LaneKey, client: ClientKey, head: &Head) -> Option<Entry> {
        let lane = self.lanes.get_mut(key)?;
        let Pending::InOrder(queue) = &mut lane.pending else {
            return None;
        };
        let at = if lane.codec.traits().ids.is_some() {
            queue.iter().position(|entry| match entry {
                Entry::Live(exchange) => self
                    .exchanges
                    .get(*exchange)
                    .is_some_and(|e| e.client == client && e.caller_id == head.id_value),
                Entry::Abandoned { caller_id, .. } => *caller_id == head.id_value,
                Entry::Lingering | Entry::Ping { .. } => false,
            })?
        } else {
            0
        };
        if head.more {
            return queue.get(at).copied();
        }
        let entry = queue.remove(at)?;
        if matches!(entry, Entry::Abandoned { .. }) {
            lane.abandoned = lane.abandoned.saturating_sub(1);
        }
        Some(entry)
    }

    /// The connect of a client's own lane failed: another instance, or the end.
    pub(crate) fn unbind_failed(&mut self, key: ClientKey, instance: InstanceKey) {
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        client.pinned = None;
        client.tried = Some(instance);
        if client.listener.is_eager() {
            self.bind_early(key);
        } else {
            self.list_client(key);
        }
    }

    /// A client's own lane is gone, and its session with it.
    pub(crate) fn bound_lane_gone(&mut self, key: ClientKey, lane: LaneKey) {
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        if client.pinned != Some(lane) {
            return;
        }
        client.pinned = None;
        if client.streaming == Some(lane) {
            return self.client_gone_by_us(key, CloseCause::PeerGone);
        }
        let cause = if client.flags.ended {
            CloseCause::Finished
        } else {
            CloseCause::PeerGone
        };
        self.close_client_when_done(key, cause);
    }

    /// Raw: passes half-closes on once everything before them is written; ends both sides when
    /// both have ended.
    pub(crate) fn shut_raw(&mut self, key: ClientKey) {
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        let Some(lane_key) = client.pinned else {
            return;
        };
        let Some(lane) = self.lanes.get_mut(lane_key) else {
            return;
        };
        if lane.state != LaneState::Ready || !client.partial.is_empty() {
            return;
        }
        if client.flags.ended && lane.outbox.is_empty() && !lane.shut {
            lane.shut = true;
            self.actions.push(Action::ShutdownWrite {
                conn: ConnId::of_lane(lane_key),
            });
        }
        if lane.ended && client.outbox.is_empty() && !client.flags.shut {
            client.flags.shut = true;
            self.actions.push(Action::ShutdownWrite {
                conn: ConnId::of_client(key),
            });
        }
        if client.flags.ended && lane.ended && client.outbox.is_empty() && lane.outbox.is_empty() {
            self.client_gone_by_us(key, CloseCause::Finished);
        }
    }
}
