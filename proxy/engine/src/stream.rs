//! Large frames, cut through both ways, and plain bytes: pieces go on as they come, and where
//! all of a read goes on, in the buffer that it was read into.

use weft_codec::{MendedSum, ProxyError};

use crate::buffer::{Outbox, Piece, Spares};
use crate::client::{ClientKey, Pass, PassTo};
use crate::exchange::{ExchangeKey, Phase};
use crate::lane::{LaneKey, ReadTo, Reading};
use crate::report::Outcome;
use crate::tails::Mended;
use crate::{CloseCause, ConnId, Engine};

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
        let Some(pass) = client.pass else {
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
        self.pass_piece(key, Piece::Slice(piece));
        rest
    }

    /// Passes on one piece of a client's large request, all of which belongs to it.
    fn pass_piece(&mut self, key: ClientKey, mut piece: Piece<'_>) {
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        let Some(pass) = &mut client.pass else {
            return;
        };
        let n = piece.bytes().len() as u64;
        pass.remaining = pass.remaining.saturating_sub(n);
        let (done, to) = (pass.remaining == 0, pass.to);
        if done {
            client.pass = None;
        }
        let leaves = done && client.flags.leaving;
        if let PassTo::Lane(lane_key) = to
            && let Some(lane) = self.lanes.get_mut(lane_key)
        {
            let conn = ConnId::of_client(key);
            let Mended { sum, damaged } = self.tails.mend(conn, &self.panics, &mut piece);
            lane.queued += append(piece, sum, &mut lane.outbox, &mut self.spares) as u64;
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
            if damaged {
                self.damaged_request(key);
            }
        }
        if leaves {
            self.close_client_when_done(key, CloseCause::Drained);
        }
    }

    /// Takes over a client's buffer, if all of it goes on as it is; whether it did.
    pub(crate) fn take_request_buffer(&mut self, key: ClientKey, buffer: &mut Vec<u8>) -> bool {
        let now = self.now.monotonic;
        let Some(client) = self.clients.get_mut(key) else {
            return false;
        };
        let flags = &client.flags;
        if flags.held || flags.ended || flags.closing.is_some() {
            return false;
        }
        let passes = client.pass.is_some_and(|pass| {
            matches!(pass.to, PassTo::Lane(_)) && pass.remaining >= buffer.len() as u64
        });
        if !passes && !client.is_raw() {
            return false;
        }
        client.last_read = now;
        self.counters.downstream_bytes_in += buffer.len() as u64;
        if passes {
            self.pass_piece(key, Piece::Lent(buffer));
        } else {
            self.relay_raw_request(key, Piece::Lent(buffer));
        }
        true
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
        let Some(lane) = self.lanes.get(key) else {
            return &[];
        };
        let Some(reading) = lane.reading else {
            return bytes;
        };
        let n = usize::try_from(reading.remaining)
            .unwrap_or(usize::MAX)
            .min(bytes.len());
        let (piece, rest) = bytes.split_at(n);
        self.answer_piece(key, Piece::Slice(piece));
        rest
    }

    /// Passes on one piece of a large answer, all of which belongs to it.
    fn answer_piece(&mut self, key: LaneKey, mut piece: Piece<'_>) {
        let Some(lane) = self.lanes.get_mut(key) else {
            return;
        };
        let Some(reading) = &mut lane.reading else {
            return;
        };
        lane.progress = self.now.monotonic;
        let n = piece.bytes().len();
        reading.remaining = reading.remaining.saturating_sub(n as u64);
        let Reading { remaining, to } = *reading;
        if remaining == 0 {
            lane.reading = None;
        }
        let conn = ConnId::of_lane(key);
        let Mended { sum, damaged } = self.tails.mend(conn, &self.panics, &mut piece);
        match to {
            ReadTo::Discard => {}
            ReadTo::Held { exchange, more } => {
                let last = remaining == 0 && !more;
                self.hold_piece(key, exchange, piece.bytes(), last && sum.is_none());
                if let Some(sum) = sum {
                    self.hold_piece(key, exchange, sum.as_bytes(), last);
                }
            }
            ReadTo::Client {
                client: client_key,
                exchange,
                more,
            } => {
                if let Some(client) = self.clients.get_mut(client_key) {
                    self.answer_bytes += append(piece, sum, &mut client.outbox, &mut self.spares);
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
        if damaged {
            self.damaged_answer(key);
        }
    }

    /// Takes over a lane's buffer, if all of it goes on as it is; whether it did.
    pub(crate) fn take_answer_buffer(&mut self, key: LaneKey, buffer: &mut Vec<u8>) -> bool {
        let Some(lane) = self.lanes.get(key) else {
            return false;
        };
        let bytes = buffer.len() as u64;
        let passes = lane
            .reading
            .is_some_and(|reading| reading.remaining >= bytes);
        if !passes && !lane.is_raw() {
            return false;
        }
        self.counters.upstream_bytes_in += bytes;
        if passes {
            self.answer_piece(key, Piece::Lent(buffer));
        } else {
            self.relay_raw_answer(key, Piece::Lent(buffer));
        }
        true
    }

    /// The last piece of a large answer went to its client.
    fn end_stream(&mut self, client_key: ClientKey, exchange: Option<ExchangeKey>) {
        if let Some(client) = self.clients.get_mut(client_key) {
            client.streaming = None;
        }
        if self.draining.is_some() {
            self.say_go_away(client_key);
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
        if !self.answer_lease.covers(self.answer_bytes + piece.len()) {
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

    // Raw: bytes both ways, no frames.

    pub(crate) fn relay_raw_request(&mut self, key: ClientKey, piece: Piece<'_>) {
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        if client.listener.is_undecided() {
            return self.sniff_client(key, piece.bytes());
        }
        let ready = client.pinned.filter(|lane| {
            self.lanes
                .get(*lane)
                .is_some_and(|lane| lane.state == crate::lane::LaneState::Ready)
        });
        let Some(lane_key) = ready else {
            client.partial.extend_from_slice(piece.bytes());
            client.flags.held = true;
            return self.update_pause(key);
        };
        let Some(lane) = self.lanes.get_mut(lane_key) else {
            return;
        };
        lane.queued += piece.bytes().len() as u64;
        lane.outbox.append(piece, &mut self.spares);
        if lane.outbox.len() > self.settings.lane_outbox_pause_bytes {
            client.flags.blocked = true;
            self.update_pause(key);
        }
        self.mark_lane(lane_key);
    }

    pub(crate) fn relay_raw_answer(&mut self, key: LaneKey, piece: Piece<'_>) {
        let Some(client_key) = self.lanes.get(key).and_then(|lane| lane.bound) else {
            return;
        };
        self.relay_to_client(key, client_key, piece);
    }

    /// Bytes of a bound lane go to its client as they are; a client that does not read stops
    /// the lane.
    pub(crate) fn relay_to_client(
        &mut self,
        key: LaneKey,
        client_key: ClientKey,
        piece: Piece<'_>,
    ) {
        let Some(client) = self.clients.get_mut(client_key) else {
            return;
        };
        self.answer_bytes += piece.bytes().len();
        client.outbox.append(piece, &mut self.spares);
        self.mark_client(client_key);
        let Some(client) = self.clients.get_mut(client_key) else {
            return;
        };
        let (unsent, blocks) = (client.outbox.len(), client.blocks.is_some());
        let spill = self.spill_bytes(client_key);
        if !blocks && unsent > spill.min(self.settings.stream_spill_bytes) {
            self.block_lane(key, client_key, false);
        }
    }
}

/// Appends a piece and the checksum behind it; answers how many bytes that were.
fn append(
    piece: Piece<'_>,
    sum: Option<MendedSum>,
    outbox: &mut Outbox,
    spares: &mut Spares,
) -> usize {
    let before = outbox.len();
    if !piece.bytes().is_empty() {
        outbox.append(piece, spares);
    }
    if let Some(sum) = sum {
        outbox.append(Piece::Slice(sum.as_bytes()), spares);
    }
    outbox.len() - before
}
