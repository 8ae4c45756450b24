//! A request goes into a lane's outbox, copied and patched in one pass.

use weft_codec::{Codec as _, EmitError, NewId, OneWayAnswers, ProxyError, Rewrite, Side};

use crate::admit::Incoming;
use crate::buffer::Spares;
use crate::client::{ClientKey, PassTo};
use crate::exchange::{Exchange, ExchangeKey, Phase};
use crate::guard;
use crate::hop;
use crate::lane::{Lane, LaneKey};
use crate::pending::{Entry, Pending};
use crate::{ConnId, Engine, Nanos, tails};

/// A request in a lane's outbox: its id, and its offsets in the lane's outgoing stream.
struct Placed {
    id: u64,
    range: (u64, u64),
}

/// Why a request did not get into a lane's outbox.
enum NotPlaced {
    NoId,
    Emit(EmitError),
}

impl Engine {
    /// Copies and patches a request into a lane's outbox.
    pub(crate) fn place(&mut self, key: ExchangeKey, lane_key: LaneKey, incoming: Incoming<'_>) {
        let now = self.now.monotonic;
        if self.panics.is_noted() {
            // What was read of it led it here, and cannot be trusted.
            return self.fail(key, ProxyError::Malformed, guard::WORDS, false);
        }
        let (Some(exchange), Some(lane)) =
            (self.exchanges.get_mut(key), self.lanes.get_mut(lane_key))
        else {
            return self.fail(key, ProxyError::Overload, "no free id on the lane", true);
        };
        let emitted = emit_request((key, exchange), lane, incoming, (now, &mut self.spares));
        let wire_id = match emitted {
            Ok(wire_id) => wire_id,
            Err(NotPlaced::NoId) => {
                return self.fail(key, ProxyError::Overload, "no free id on the lane", true);
            }
            Err(NotPlaced::Emit(error)) => {
                return self.fail(key, ProxyError::Malformed, &error.to_string(), false);
            }
        };
        let wakes = lane.in_flight == 0;
        if wakes {
            lane.progress = now;
        }
        let watched = wakes && lane.pings.able;
        lane.pings.sent = now;
        let (begin, end) = wire_id.range;
        exchange.depth = lane.in_flight;
        exchange.phase = Phase::OnLane {
            lane: lane_key,
            wire_id: wire_id.id,
            begin,
            end,
        };
        exchange.attempts = exchange.attempts.saturating_add(1);
        exchange.dispatched = now;
        exchange.instance = Some(lane.instance);
        lane.in_flight += 1;
        let (client, instance, one_way) = (exchange.client, lane.instance, exchange.one_way);
        let in_pieces = incoming.missing() > 0;
        if in_pieces {
            lane.writing = Some(client);
            let copied = usize::try_from(end.saturating_sub(begin)).unwrap_or(0);
            let copy = lane.outbox.last(copied);
            let (head, frame) = (incoming.head, incoming.frame);
            let tail = tails::of((&lane.codec, Side::Downstream), head, frame, copy);
            self.tails.put(ConnId::of_client(client), tail);
        } else if one_way {
            lane.one_ways.push_back((end, key));
            lane.pings.sent_one_way = Some(now);
        }
        if !lane.dirty {
            lane.dirty = true;
            self.dirty.push(ConnId::of_lane(lane_key));
        }
        // The other proxy may say that it did not execute it: then any request goes elsewhere.
        let hop = lane.hop && !exchange.one_way;
        let keeps = exchange.idempotent || exchange.kept.is_some() || hop;
        if let Some(run) = self.instances.get_mut(instance) {
            run.in_flight += 1;
        }
        if watched {
            self.arm_lane(lane_key);
        }
        if keeps {
            self.keep_for_retry(key, incoming, hop);
        }
        if in_pieces {
            self.point_pass(client, key, lane_key);
        }
    }

    /// Points the pieces of a cut-through request at the lane that got its head.
    fn point_pass(&mut self, client_key: ClientKey, key: ExchangeKey, lane: LaneKey) {
        if let Some(client) = self.clients.get_mut(client_key)
            && let Some(pass) = &mut client.pass
            && pass.to == PassTo::Waiting(key)
        {
            pass.to = PassTo::Lane(lane);
            // It was held until there was a lane for the rest.
            self.list_client(client_key);
        }
    }

    /// Keeps the request if its policy may send it again after bytes of it went out.
    fn keep_for_retry(&mut self, key: ExchangeKey, incoming: Incoming<'_>, hop: bool) {
        let Some(exchange) = self.exchanges.get_mut(key) else {
            return;
        };
        let retry = exchange.rule.as_ref().map(|rule| &rule.policy().retry);
        let wanted = (exchange.idempotent || hop)
            && !exchange.streamed
            && retry.is_some_and(|retry| {
                exchange.retries < retry.retries_max
                    && incoming.frame.len() <= retry.keep_bytes_max as usize
            });
        if !wanted {
            if let Some(kept) = exchange.kept.take() {
                self.kept_bytes -= kept.len();
                self.spares.put(kept);
            }
        } else if exchange.kept.is_none()
            && self
                .kept_lease
                .covers(self.kept_bytes + incoming.frame.len())
        {
            let kept = self.spares.take_copy(incoming.frame);
            self.kept_bytes += kept.len();
            exchange.kept = Some(kept);
        }
    }
}

/// Takes an id on a lane and emits a request under it.
#[inline(always)]
fn emit_request(
    (key, exchange): (ExchangeKey, &Exchange),
    lane: &mut Lane,
    incoming: Incoming<'_>,
    (now, spares): (Nanos, &mut Spares),
) -> Result<Placed, NotPlaced> {
    let entry = if exchange.one_way {
        Entry::Lingering
    } else {
        Entry::Live(key)
    };
    let by_id = matches!(lane.pending, Pending::ById(_));
    // In order, a one-way takes a place only if it is always answered.
    let awaited =
        by_id || !exchange.one_way || lane.codec.traits().one_way_answers == OneWayAnswers::Always;
    let id = if awaited {
        lane.pending.push(entry).ok_or(NotPlaced::NoId)?
    } else {
        0
    };
    let left_ms = || exchange.deadline.since(now).div_ceil(1_000_000).max(1);
    let deadline_ms = ((incoming.listener.reads_deadline || lane.hop)
        && exchange.deadline != Nanos::NEVER)
        .then(left_ms);
    let rewrite = Rewrite {
        id: if by_id { NewId::Wire(id) } else { NewId::Keep },
        deadline_ms,
    };
    let out = lane.outbox.room(spares);
    let before = out.len();
    let emitted = lane.codec.emit(
        Side::Downstream,
        incoming.head,
        incoming.frame,
        &rewrite,
        out,
    );
    let bytes = (out.len() - before) as u64;
    if lane.hop {
        hop::count_attempt(exchange, out.get_mut(before..));
    }
    if let Err(error) = emitted {
        if awaited {
            lane.pending.take_back(id);
        }
        return Err(NotPlaced::Emit(error));
    }
    let begin = lane.queued;
    lane.queued += bytes;
    Ok(Placed {
        id,
        range: (begin, lane.queued),
    })
}
