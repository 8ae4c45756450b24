//! From a lane's bytes to the answers of exchanges.

use std::sync::Arc;

use weft_codec::{Asked, Codec as _, EmitError, Head, Kind, NewId, Rewrite, Say, Side, Verdict};

use crate::buffer::Piece;
use crate::client::ClientKey;
use crate::exchange::{Class, ExchangeKey, Phase};
use crate::guard::{self, Guarded};
use crate::hop;
use crate::instance::InstanceRun;
use crate::lane::{Lane, LaneKey, LaneState, ReadTo, Reading};
use crate::pending::Entry;
use crate::report::Outcome;
use crate::table::Table;
use crate::{CloseCause, ConnId, Engine};

/// An answer frame, or the beginning of a large one.
#[derive(Clone, Copy)]
pub(crate) struct Answer<'a> {
    pub(crate) codec: &'a Guarded,
    pub(crate) head: &'a Head,
    pub(crate) frame: &'a [u8],
}

impl Answer<'_> {
    pub(crate) fn missing(&self) -> u64 {
        u64::from(self.head.frame_bytes).saturating_sub(self.frame.len() as u64)
    }
}

impl Engine {
    pub(crate) fn lane_bytes(&mut self, key: LaneKey, bytes: &[u8]) {
        self.counters.upstream_bytes_in += bytes.len() as u64;
        let Some(lane) = self.lanes.get_mut(key) else {
            return;
        };
        lane.pings.heard = self.now.monotonic;
        if lane.is_raw() {
            return self.relay_raw_answer(key, Piece::Slice(bytes));
        }
        let bytes = if lane.reading.is_some() {
            self.pass_answer(key, bytes)
        } else {
            bytes
        };
        let Some(lane) = self.lanes.get_mut(key) else {
            return;
        };
        if bytes.is_empty() {
            return;
        }
        if lane.partial.is_empty() {
            return self.scan_lane(key, bytes);
        }
        lane.partial.extend_from_slice(bytes);
        if lane.partial.len() >= lane.need {
            let buffer = std::mem::take(&mut lane.partial);
            self.scan_lane(key, &buffer);
            self.spares.put(buffer);
        }
    }

    fn scan_lane(&mut self, key: LaneKey, data: &[u8]) {
        let Some(lane) = self.lanes.get_mut(key) else {
            return;
        };
        let codec = Arc::clone(&lane.codec);
        let mut heads = std::mem::take(&mut self.heads);
        heads.clear();
        let scanned = codec.scan(
            Side::Upstream,
            &lane.limits,
            &mut lane.scan,
            data,
            &mut heads,
        );
        // It is told by what the scan answers.
        self.panics.take();
        for head in &heads {
            let start = head.start as usize;
            let end = start
                .saturating_add(head.frame_bytes as usize)
                .min(data.len());
            let frame = data.get(start..end).unwrap_or_default();
            let answer = Answer {
                codec: &codec,
                head,
                frame,
            };
            self.lane_frame(key, answer);
            if self.panics.take() {
                self.lane_panicked(key);
                break;
            }
        }
        self.heads = heads;
        let Some(lane) = self.lanes.get_mut(key) else {
            return;
        };
        match scanned {
            Ok(scanned) => {
                lane.need = scanned.need;
                let rest = data
                    .get(scanned.consumed.min(data.len())..)
                    .unwrap_or_default();
                if !rest.is_empty() {
                    if lane.partial.capacity() == 0 {
                        lane.partial = self.spares.take();
                    }
                    lane.partial.extend_from_slice(rest);
                }
            }
            Err(malformed) => {
                self.counters.malformed[1] += 1;
                let text = format!(
                    "{}: not {}: {malformed}; the lane is closed",
                    self.lane_name(key),
                    codec.name()
                );
                self.report(ConnId::of_lane(key), text);
                self.close_lane(key, CloseCause::Malformed);
            }
        }
    }

    /// One frame from a server.
    fn lane_frame(&mut self, key: LaneKey, answer: Answer<'_>) {
        let Some(lane) = self.lanes.get_mut(key) else {
            return;
        };
        lane.progress = self.now.monotonic;
        if let LaneState::Login(left) = lane.state {
            return self.login_answer(key, answer, left);
        }
        if lane.bound.is_some() {
            return self.bound_answer(key, answer);
        }
        match answer.head.kind {
            Kind::Answer => self.answer(key, answer),
            Kind::Ping => self.answer_upstream_ping(key, answer),
            Kind::GoAway => self.retire_lane(key, CloseCause::Drained),
            Kind::Pong => self.pong(key, answer),
            Kind::Push => {
                // Nobody asked for a push on a shared lane.
                self.discard_rest(key, answer.missing());
            }
            Kind::Request | Kind::OneWay | Kind::Cancel | Kind::Handshake => {
                self.unknown_answer(key, answer);
            }
        }
    }

    /// An answer: finds its exchange and hands it over.
    fn answer(&mut self, key: LaneKey, answer: Answer<'_>) {
        let Some(lane) = self.lanes.get(key) else {
            return;
        };
        let id = answer.head.id_value;
        let entry = lane.pending.peek(id);
        if lane.class == Class::Exclusive
            && let Some(Entry::Live(exchange)) = entry
            && !self.is_own(exchange, answer)
        {
            return self.unknown_answer(key, answer);
        }
        let Some(lane) = self.lanes.get_mut(key) else {
            return;
        };
        match entry {
            Some(Entry::Live(exchange)) => {
                if !answer.head.more {
                    lane.pending.take(id);
                }
                self.live_answer(key, exchange, answer);
            }
            Some(Entry::Abandoned { .. }) => {
                if !answer.head.more {
                    lane.pending.take(id);
                    lane.abandoned = lane.abandoned.saturating_sub(1);
                    self.counters.late_answers += 1;
                }
                self.discard_rest(key, answer.missing());
                self.after_answer(key);
            }
            Some(Entry::Lingering) => {
                if !answer.head.more {
                    lane.pending.take(id);
                    // Who gets the id next is not to lose it when this one's time is over.
                    lane.lingering.retain(|(_, lingers)| *lingers != id);
                }
                self.discard_rest(key, answer.missing());
                self.after_answer(key);
            }
            Some(Entry::Ping { .. }) | None => self.unknown_answer(key, answer),
        }
    }

    /// Whether an answer on an exclusive lane carries the id of the exchange that has the lane:
    /// one that comes twice must not go to whoever has the lane next.
    fn is_own(&self, exchange: ExchangeKey, answer: Answer<'_>) -> bool {
        let readable = !answer.head.id.is_empty() && answer.codec.traits().ids.is_some();
        !readable
            || self
                .exchanges
                .get(exchange)
                .is_none_or(|e| !e.has_id || hop::native_id(e) == answer.head.id_value)
    }

    /// An answer to an exchange that is still wanted.
    pub(crate) fn live_answer(
        &mut self,
        key: LaneKey,
        exchange_key: ExchangeKey,
        answer: Answer<'_>,
    ) {
        let verdict = answer.codec.classify(answer.head, answer.frame);
        if self.panics.is_noted() {
            return self.unreadable_answer(key, exchange_key, answer);
        }
        if verdict == Verdict::NotExecuted
            && answer.missing() == 0
            && !answer.head.more
            && self.may_retry(exchange_key, false)
        {
            self.settle_attempt(key, exchange_key, verdict);
            self.retry(exchange_key);
            return self.after_answer(key);
        }
        if !answer.head.more {
            self.settle_attempt(key, exchange_key, verdict);
        }
        self.note_facet_answer(key, exchange_key, verdict);
        self.hand_over(key, exchange_key, answer);
        self.after_answer(key);
    }

    /// An answer over which the codec panicked.
    fn unreadable_answer(&mut self, key: LaneKey, exchange: ExchangeKey, answer: Answer<'_>) {
        if !answer.head.more {
            self.settle_attempt(key, exchange, Verdict::Unavailable);
        }
        self.abandon(exchange, false);
        let error = weft_codec::ProxyError::Malformed;
        self.fail(exchange, error, guard::WORDS, false);
    }

    /// What an answer teaches about its lane and instance, once an attempt has ended well.
    #[inline(always)]
    fn settle_attempt(&mut self, key: LaneKey, exchange_key: ExchangeKey, verdict: Verdict) {
        let now = self.now.monotonic;
        let Some(exchange) = self.exchanges.get_mut(exchange_key) else {
            return;
        };
        exchange.phase = Phase::New;
        let latency = now.since(exchange.dispatched);
        let depth = exchange.depth;
        let Some(lane) = self.lanes.get_mut(key) else {
            return;
        };
        lane.in_flight = lane.in_flight.saturating_sub(1);
        if lane.in_flight == 0 {
            lane.idle_since = now;
        }
        let class = lane.class;
        let Some(run) = self.instances.get_mut(lane.instance) else {
            return;
        };
        run.in_flight = run.in_flight.saturating_sub(1);
        // A pong to a ping that was said after it came before it.
        run.pongs_overtake |= exchange.dispatched < lane.pings.ponged;
        match verdict {
            Verdict::Ok | Verdict::Queued | Verdict::ApplicationError => {
                run.ok += 1;
                run.doubted = false;
                if class != Class::Exclusive {
                    run.latency.observe(now, latency);
                    run.latencies.record(latency);
                }
            }
            Verdict::Overload | Verdict::NotExecuted | Verdict::Unavailable => {
                run.failed += 1;
                run.latency.observe(now, crate::loss::PENALTY_NS);
            }
        }
        if class != Class::Shared {
            return;
        }
        let learnt = Self::learn(lane, run, now, (latency, depth));
        self.counters.serial_lanes += u64::from(learnt.serial);
        if let Some(pressure) = learnt.judge {
            self.judge_growth(key, pressure);
        }
    }

    /// Emits an answer to its client, or holds it until its turn.
    fn hand_over(&mut self, lane_key: LaneKey, key: ExchangeKey, answer: Answer<'_>) {
        let Some(exchange) = self.exchanges.get_mut(key) else {
            return self.discard_rest(lane_key, answer.missing());
        };
        let client_key = exchange.client;
        let Some(client) = self.clients.get_mut(client_key) else {
            return;
        };
        let turn = client.is_turn_of(key, exchange);
        if turn
            && !client.outbox.is_empty()
            && !exchange.answer_begun
            && !answer.head.more
            && answer.missing() == 0
            && !self.answer_lease.covers(self.answer_bytes)
        {
            // Its client does not read, and what the others hold fills all there is.
            let words = "its caller does not read and there is no room to keep its answer";
            return self.fail(key, weft_codec::ProxyError::Overload, words, false);
        }
        let lane = self.lanes.get(lane_key);
        let keeps_id = lane.is_some_and(Lane::carries_callers_ids);
        let out = if turn {
            client.outbox.room(&mut self.spares)
        } else {
            self.spares.room(&mut exchange.answer)
        };
        let before = out.len();
        let (header, emitted) = if exchange.hop {
            hop::emit_answer(&exchange.asked, answer, keeps_id, out)
        } else {
            (0, emit_answer(&exchange.asked, answer, keeps_id, out))
        };
        let copied = out.len() - before;
        self.answer_bytes += copied;
        if let Err(error) = emitted {
            self.discard_rest(lane_key, answer.missing());
            return self.not_relayed(key, &error);
        }
        if copied == 0 {
            client.outbox.rest(&mut self.spares);
        } else if turn {
            exchange.answer_begun = true;
            if !client.flags.dirty {
                client.flags.dirty = true;
                self.dirty.push(ConnId::of_client(client_key));
            }
        }
        let free = client.reads_freely(&self.settings);
        let (more, missing) = (answer.head.more, answer.missing());
        let native = copied.saturating_sub(header);
        if native == 0 {
            // The client asked to hear of something else only.
            self.discard_rest(lane_key, missing);
        } else if missing > 0 {
            return self.begin_reading((lane_key, client_key, key), answer, (turn, native));
        }
        if more {
            return;
        }
        if turn {
            self.finish(key, Outcome::Answered);
            if !free || self.answers_over() {
                self.update_pause(client_key);
            }
        } else {
            self.hold_answer(key, Outcome::Answered);
        }
    }

    /// An answer that cannot be copied with its caller's id in it.
    #[cold]
    fn not_relayed(&mut self, key: ExchangeKey, error: &EmitError) {
        self.abandon(key, false);
        let words = format!("the answer cannot be relayed: {error}");
        self.fail(key, weft_codec::ProxyError::Malformed, &words, false);
    }

    /// Marks an answered exchange that must wait for its turn.
    pub(crate) fn hold_answer(&mut self, key: ExchangeKey, outcome: Outcome) {
        let over = self.answers_over();
        let Some(exchange) = self.exchanges.get_mut(key) else {
            return;
        };
        if over && !exchange.answer.is_empty() && outcome == Outcome::Answered {
            // A lane is never paused for an answer out of turn: this one fails in its turn.
            self.answer_bytes -= exchange.answer.len();
            exchange.answer = Vec::new();
            let words = "its answer came before its turn and there is no room to keep it";
            return self.fail(key, weft_codec::ProxyError::Overload, words, false);
        }
        exchange.phase = Phase::Held(outcome);
        let mut timer = exchange.timer;
        exchange.timer = crate::wheel::Timer::NONE;
        self.wheel.cancel(&mut timer);
        self.releases.push_back(key);
    }

    /// The rest of an answer, of which `copied` bytes have gone on, follows.
    fn begin_reading(
        &mut self,
        (lane_key, client, key): (LaneKey, ClientKey, ExchangeKey),
        answer: Answer<'_>,
        (turn, copied): (bool, usize),
    ) {
        let (more, remaining) = (answer.head.more, answer.missing());
        self.counters.streamed_answers += 1;
        self.begin_tail((lane_key, client, key), answer, (turn, copied));
        let to = if turn {
            if let Some(client) = self.clients.get_mut(client) {
                client.streaming = Some(lane_key);
                client.moved = self.now.monotonic;
            }
            ReadTo::Client {
                client,
                exchange: Some(key),
                more,
            }
        } else {
            ReadTo::Held {
                exchange: key,
                more,
            }
        };
        if let Some(lane) = self.lanes.get_mut(lane_key) {
            lane.reading = Some(Reading { remaining, to });
        }
        self.limit_stream(lane_key);
    }

    /// Drops the rest of a large frame that nobody wants.
    pub(crate) fn discard_rest(&mut self, key: LaneKey, missing: u64) {
        if missing > 0
            && let Some(lane) = self.lanes.get_mut(key)
        {
            lane.reading = Some(Reading {
                remaining: missing,
                to: ReadTo::Discard,
            });
        }
    }

    /// An answer that nobody asked for: counted, dropped, and the end of a lane that repeats it.
    pub(crate) fn unknown_answer(&mut self, key: LaneKey, answer: Answer<'_>) {
        let limit = self.settings.unknown_answers_max;
        let Some(lane) = self.lanes.get_mut(key) else {
            return;
        };
        if answer.codec.traits().one_way_answers != weft_codec::OneWayAnswers::Never
            && lane.pending.was_given(answer.head.id_value)
        {
            self.counters.late_answers += 1;
            return self.discard_rest(key, answer.missing());
        }
        self.counters.unknown_answers += 1;
        lane.unknown_answers += 1;
        // In order, an answer too many means that all positions are in doubt.
        let in_doubt = matches!(lane.pending, crate::pending::Pending::InOrder(_));
        let unknown = lane.unknown_answers;
        if in_doubt || unknown > limit {
            let text = format!(
                "{}: {} frames that answer nothing ({:?}, id {}); the lane is closed",
                self.lane_name(key),
                unknown,
                answer.head.kind,
                answer.head.id_value
            );
            self.report(ConnId::of_lane(key), text);
            return self.close_lane(key, CloseCause::Untrusted);
        }
        self.discard_rest(key, answer.missing());
    }

    fn answer_upstream_ping(&mut self, key: LaneKey, answer: Answer<'_>) {
        let mut asked = Asked::default();
        answer.codec.remember(answer.head, answer.frame, &mut asked);
        self.counters.pings += 1;
        let Some(lane) = self.lanes.get_mut(key) else {
            return;
        };
        if lane.writing.is_some() || lane.outbox.len() > self.settings.lane_outbox_pause_bytes {
            // A request is in the middle of the stream, or the server does not read: it will
            // ask again.
            return;
        }
        let out = lane.outbox.room(&mut self.spares);
        let before = out.len();
        let said = answer.codec.say(&Say::Pong { asked: &asked }, out);
        lane.queued += (out.len() - before) as u64;
        if said.is_ok() {
            self.mark_lane(key);
        }
    }

    /// Looks after a lane when something ended on it: room for others, retirement, tombstones.
    pub(crate) fn after_answer(&mut self, key: LaneKey) {
        let now = self.now.monotonic;
        let Some(lane) = self.lanes.get_mut(key) else {
            return;
        };
        lane.stuck_since = match (lane.pending.head_timed_out(), lane.stuck_since) {
            (false, _) => None,
            (true, None) => Some(now),
            (true, since) => since,
        };
        let retires = matches!(lane.state, LaneState::Retiring(_));
        let arms = lane.stuck_since.is_some() || (lane.in_flight == 0 && !lane.timer.is_set());
        let waits = something_waits(&mut self.instances, lane);
        if arms && !retires {
            self.arm_lane(key);
        }
        if waits {
            // Not even for the end of a lane that retires.
            self.list_pool(key);
        }
        if retires {
            self.close_if_retired(key);
        }
    }

    /// Lists the pool of a lane if something waits in it.
    pub(crate) fn pump_lane(&mut self, key: LaneKey) {
        if let Some(lane) = self.lanes.get(key)
            && something_waits(&mut self.instances, lane)
        {
            self.list_pool(key);
        }
    }

    fn list_pool(&mut self, key: LaneKey) {
        let Some(lane) = self.lanes.get(key) else {
            return;
        };
        // One look at what waits is enough for all the answers of one read.
        let listed = self
            .pump
            .last()
            .is_some_and(|last| last.is(lane.instance, lane.class, lane.facets.as_ref()));
        if !listed {
            let pool = self.pool_of(lane);
            self.pump.push(pool);
        }
    }
}

/// Appends an answer under its caller's id.
#[inline(always)]
pub(crate) fn emit_answer(
    asked: &Asked,
    answer: Answer<'_>,
    keeps_id: bool,
    out: &mut Vec<u8>,
) -> Result<(), EmitError> {
    let id = if keeps_id {
        NewId::Keep
    } else {
        NewId::Callers(asked)
    };
    let rewrite = Rewrite {
        id,
        deadline_ms: None,
    };
    let Answer { codec, head, frame } = answer;
    codec.emit(Side::Upstream, head, frame, &rewrite, out)
}

/// Whether an exchange waits in the pool of this lane.
#[inline]
fn something_waits(instances: &mut Table<InstanceRun>, lane: &Lane) -> bool {
    instances
        .get_mut(lane.instance)
        .and_then(|run| run.pool(lane.class, lane.facets.as_ref()))
        .is_some_and(|pool| !pool.queue.is_empty())
}
