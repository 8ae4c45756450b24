//! Large frames, cut through both ways, and the backpressure that keeps memory bounded.

use weft_codec::ProxyError;

use crate::client::{ClientKey, Pass, PassTo};
use crate::exchange::{ExchangeKey, Phase};
use crate::lane::{LaneKey, ReadTo, Reading};
use crate::report::Outcome;
use crate::{Action, ConnId, Engine};

impl Engine {
    /// After the head of a request that comes in pieces was admitted: where the rest goes.
    pub(crate) fn begin_pass(&mut self, key: ClientKey, exchange: ExchangeKey, remaining: u64) {
        let to = match self.exchanges.get(exchange).map(|exchange| exchange.phase) {
            Some(Phase::OnLane { lane, .. }) => PassTo::Lane(lane),
            Some(Phase::Queued(_) | Phase::Waiting | Phase::New) => PassTo::Waiting(exchange),
            Some(Phase::Backoff | Phase::Held(_)) | None => PassTo::Swallow,
        };
        if let Some(client) = self.clients.get_mut(key) {
            client.pass = Some(Pass { remaining, to });
            client.flags.held |= matches!(to, PassTo::Waiting(_));
        }
        self.update_pause(key);
    }

    /// Passes on what belongs to a client's large request; answers the bytes after it.
    pub(crate) fn pass_request<'a>(&mut self, key: ClientKey, bytes: &'a [u8]) -> &'a [u8] {
        let Some(client) = self.clients.get_mut(key) else {
            return &[];
        };
        let Some(pass) = &mut client.pass else {
            return bytes;
        };
        if matches!(pass.to, PassTo::Waiting(_)) {
            client.flags.held = true;
            return bytes;
        }
        let n = usize::try_from(pass.remaining)
            .unwrap_or(usize::MAX)
            .min(bytes.len());
        let (piece, rest) = bytes.split_at(n);
        pass.remaining -= n as u64;
        let (done, to) = (pass.remaining == 0, pass.to);
        if done {
            client.pass = None;
        }
        if let PassTo::Lane(lane_key) = to
            && let Some(lane) = self.lanes.get_mut(lane_key)
        {
            lane.outbox.room(&mut self.spares).extend_from_slice(piece);
            lane.queued += n as u64;
            let end = lane.queued;
            let full = lane.outbox.len() > self.settings.lane_outbox_pause_bytes;
            if done {
                lane.writing = None;
                // Nobody else lets it go on: it writes to this lane no more.
                let blocked = std::mem::take(&mut client.flags.blocked);
                if blocked {
                    self.update_pause(key);
                }
                self.end_streamed_one_way(key, lane_key, end);
                self.pump_lane(lane_key);
                self.after_answer(lane_key);
            } else if full {
                client.flags.blocked = true;
                self.update_pause(key);
            }
            self.mark_lane(lane_key);
        }
        rest
    }

    /// A one-way request in pieces is sent when its last byte is written.
    fn end_streamed_one_way(&mut self, key: ClientKey, lane_key: LaneKey, end: u64) {
        let last = self.clients.get(key).and_then(|client| client.last);
        let Some(exchange) = last.and_then(|last| self.exchanges.get_mut(last)) else {
            return;
        };
        if let (true, Some(last), Phase::OnLane { lane, .. }) =
            (exchange.one_way && exchange.streamed, last, exchange.phase)
            && lane == lane_key
            && let Some(lane) = self.lanes.get_mut(lane_key)
        {
            lane.one_ways.push_back((end, last));
        }
    }

    /// Passes on what belongs to a large answer; answers the bytes after it.
    pub(crate) fn pass_answer<'a>(&mut self, key: LaneKey, bytes: &'a [u8]) -> &'a [u8] {
        let Some(lane) = self.lanes.get_mut(key) else {
            return &[];
        };
        let Some(reading) = &mut lane.reading else {
            return bytes;
        };
        lane.progress = self.now.monotonic;
        let n = usize::try_from(reading.remaining)
            .unwrap_or(usize::MAX)
            .min(bytes.len());
        let (piece, rest) = bytes.split_at(n);
        reading.remaining -= n as u64;
        let Reading { remaining, to } = *reading;
        if remaining == 0 {
            lane.reading = None;
        }
        match to {
            ReadTo::Discard => {}
            ReadTo::Held { exchange, more } => {
                self.hold_piece(key, exchange, piece, remaining == 0 && !more);
            }
            ReadTo::Client {
                client: client_key,
                exchange,
                more,
            } => {
                if let Some(client) = self.clients.get_mut(client_key) {
                    client
                        .outbox
                        .room(&mut self.spares)
                        .extend_from_slice(piece);
                    self.answer_bytes += n;
                    self.mark_client(client_key);
                }
                if remaining == 0 {
                    self.end_stream(client_key, exchange.filter(|_| !more));
                } else {
                    self.limit_stream(key);
                }
            }
        }
        if remaining == 0 {
            self.after_answer(key);
        }
        rest
    }

    /// The last piece of a large answer went to its client.
    fn end_stream(&mut self, client_key: ClientKey, exchange: Option<ExchangeKey>) {
        if let Some(client) = self.clients.get_mut(client_key) {
            client.streaming = None;
        }
        if let Some(exchange) = exchange {
            self.finish(exchange, Outcome::Answered);
        }
        self.release_all(client_key);
        self.list_client(client_key);
        self.update_pause(client_key);
    }

    /// A piece of a large answer whose turn has not come.
    fn hold_piece(&mut self, key: LaneKey, exchange_key: ExchangeKey, piece: &[u8], last: bool) {
        let Some(exchange) = self.exchanges.get_mut(exchange_key) else {
            return self.discard_reading(key);
        };
        if matches!(exchange.phase, Phase::Held(_)) {
            // It has ended meanwhile, and words of the mesh stand where its answer stood.
            return self.discard_reading(key);
        }
        if self.answer_bytes + piece.len() > self.settings.answer_bytes_max {
            self.discard_reading(key);
            // More frames of it may follow on the lane.
            self.abandon(exchange_key, false);
            let words = "its answer came before its turn and there is no room to keep it";
            return self.fail(exchange_key, ProxyError::Overload, words, false);
        }
        exchange.answer.extend_from_slice(piece);
        self.answer_bytes += piece.len();
        if last {
            self.hold_answer(exchange_key, Outcome::Answered);
        }
    }

    /// Nobody wants the rest of what a lane is reading.
    pub(crate) fn discard_reading(&mut self, key: LaneKey) {
        if let Some(reading) = self
            .lanes
            .get_mut(key)
            .and_then(|lane| lane.reading.as_mut())
        {
            reading.to = ReadTo::Discard;
        }
        self.resume_lane(key);
    }

    /// The turn of an exchange came while the rest of its answer is still on its way.
    pub(crate) fn stream_released(&mut self, client_key: ClientKey, key: ExchangeKey) {
        let reading = self
            .lanes
            .iter()
            .find_map(|(lane_key, lane)| match lane.reading {
                Some(Reading {
                    to: ReadTo::Held { exchange, more },
                    ..
                }) if exchange == key => Some((lane_key, more)),
                _ => None,
            });
        let Some((lane_key, more)) = reading else {
            return;
        };
        if let Some(reading) = self
            .lanes
            .get_mut(lane_key)
            .and_then(|lane| lane.reading.as_mut())
        {
            reading.to = ReadTo::Client {
                client: client_key,
                exchange: Some(key),
                more,
            };
        }
        if let Some(client) = self.clients.get_mut(client_key) {
            client.streaming = Some(lane_key);
            client.moved = self.now.monotonic;
        }
        self.limit_stream(lane_key);
    }

    /// Stops reading a lane whose large answer its client does not take. While others wait on
    /// the lane the client has little time to go on; otherwise as long as a stalled frame has.
    pub(crate) fn limit_stream(&mut self, key: LaneKey) {
        let Some(lane) = self.lanes.get(key) else {
            return;
        };
        let Some(Reading {
            to: ReadTo::Client {
                client: client_key, ..
            },
            ..
        }) = lane.reading
        else {
            return;
        };
        let others = lane.in_flight > 0;
        let spill = self.spill_bytes(client_key);
        let Some(client) = self.clients.get_mut(client_key) else {
            return;
        };
        if client.outbox.len() <= spill || client.blocks.is_some() {
            return;
        }
        client.blocks = Some(key);
        client.moved = self.now.monotonic;
        client.patience = if others {
            self.settings.stream_stall
        } else {
            self.settings.frame_stall_timeout
        };
        self.arm_client(client_key);
        if let Some(lane) = self.lanes.get_mut(key)
            && !lane.paused
        {
            lane.paused = true;
            self.actions.push(Action::Pause {
                conn: ConnId::of_lane(key),
            });
        }
    }

    /// What a client may leave unread before its large answer is not read any further. One that
    /// wants answers in order may still be writing the pipeline that they answer: it gets as
    /// much as for small answers, as far as there is room for all.
    fn spill_bytes(&self, client: ClientKey) -> usize {
        let in_order = self
            .clients
            .get(client)
            .is_some_and(|client| client.listener.in_order);
        if in_order && self.answer_bytes <= self.settings.answer_bytes_max {
            let ordered = self.settings.ordered_outbox_pause_bytes;
            ordered.max(self.settings.stream_spill_bytes)
        } else {
            self.settings.stream_spill_bytes
        }
    }

    /// A client that blocked a lane has taken enough: the lane is read again.
    pub(crate) fn unblock_lane(&mut self, client_key: ClientKey) {
        let spill = self.spill_bytes(client_key);
        let Some(client) = self.clients.get_mut(client_key) else {
            return;
        };
        if client.outbox.len() > spill / 2 {
            return;
        }
        let Some(key) = client.blocks.take() else {
            return;
        };
        self.resume_lane(key);
    }

    /// Lanes with room again let the client go on whose large request filled them.
    pub(crate) fn unblock_writer(&mut self, key: LaneKey) {
        let Some(lane) = self.lanes.get(key) else {
            return;
        };
        let writer = lane.writing.or(lane.bound);
        if lane.outbox.len() > self.settings.lane_outbox_pause_bytes / 2 {
            return;
        }
        if let Some(client_key) = writer
            && let Some(client) = self.clients.get_mut(client_key)
            && client.flags.blocked
        {
            client.flags.blocked = false;
            self.update_pause(client_key);
            self.list_client(client_key);
        }
    }

    /// Tells the shell whether a client is to be read, if that has changed.
    pub(crate) fn update_pause(&mut self, key: ClientKey) {
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        let limit = if client.listener.in_order {
            self.settings.ordered_outbox_pause_bytes
        } else {
            self.settings.client_outbox_pause_bytes
        };
        let unsent = client.outbox.len();
        if unsent > limit || self.answer_bytes > self.settings.answer_bytes_max && unsent > 0 {
            client.flags.full = true;
        } else if unsent <= limit / 2 {
            client.flags.full = false;
        }
        let flags = &mut client.flags;
        let pause = flags.held || flags.full || flags.blocked || flags.closing.is_some();
        if pause != flags.paused {
            flags.paused = pause;
            let conn = ConnId::of_client(key);
            self.actions.push(if pause {
                Action::Pause { conn }
            } else {
                Action::Resume { conn }
            });
        }
    }

    // Raw: bytes both ways, no frames.

    pub(crate) fn relay_raw_request(&mut self, key: ClientKey, bytes: &[u8]) {
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        let ready = client.pinned.filter(|lane| {
            self.lanes
                .get(*lane)
                .is_some_and(|lane| lane.state == crate::lane::LaneState::Ready)
        });
        let Some(lane_key) = ready else {
            client.partial.extend_from_slice(bytes);
            client.flags.held = true;
            return self.update_pause(key);
        };
        let Some(lane) = self.lanes.get_mut(lane_key) else {
            return;
        };
        lane.outbox.room(&mut self.spares).extend_from_slice(bytes);
        lane.queued += bytes.len() as u64;
        if lane.outbox.len() > self.settings.lane_outbox_pause_bytes {
            client.flags.blocked = true;
            self.update_pause(key);
        }
        self.mark_lane(lane_key);
    }

    pub(crate) fn relay_raw_answer(&mut self, key: LaneKey, bytes: &[u8]) {
        let Some(client_key) = self.lanes.get(key).and_then(|lane| lane.bound) else {
            return;
        };
        self.relay_to_client(key, client_key, bytes);
    }

    /// Bytes of a bound lane go to its client as they are; a client that does not read stops
    /// the lane.
    pub(crate) fn relay_to_client(&mut self, key: LaneKey, client_key: ClientKey, bytes: &[u8]) {
        let Some(client) = self.clients.get_mut(client_key) else {
            return;
        };
        client
            .outbox
            .room(&mut self.spares)
            .extend_from_slice(bytes);
        self.answer_bytes += bytes.len();
        self.mark_client(client_key);
        let Some(client) = self.clients.get_mut(client_key) else {
            return;
        };
        if client.outbox.len() > self.settings.stream_spill_bytes && client.blocks.is_none() {
            client.blocks = Some(key);
            client.moved = self.now.monotonic;
            client.patience = self.settings.frame_stall_timeout;
            self.arm_client(client_key);
            if let Some(lane) = self.lanes.get_mut(key) {
                lane.paused = true;
                self.actions.push(Action::Pause {
                    conn: ConnId::of_lane(key),
                });
            }
        }
    }
}
