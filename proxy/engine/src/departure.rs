//! How clients end: finished, stalled, gone; and what becomes of what they asked for.

use std::time::Duration;

use weft_codec::{Codec as _, Say};

use crate::client::{Client, ClientKey, PassTo};
use crate::engine::Alarm;
use crate::lane::ReadTo;
use crate::report::Outcome;
use crate::wheel::Timer;
use crate::{Action, CloseCause, ConnId, Engine, Nanos};

/// What an unfinished frame must bring to be waited for beyond the head timeout. Far below any
/// real link, and far above what a client sends that only wants to hold a connection.
const FRAME_BYTES_PER_SECOND_MIN: u64 = 1_024;

impl Engine {
    pub(crate) fn client_wrote(&mut self, key: ClientKey, n: usize) {
        let now = self.now.monotonic;
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        let n = client.outbox.wrote(n, &mut self.spares);
        self.answer_bytes -= n;
        self.counters.downstream_bytes_out += n as u64;
        client.taken += n;
        if !client.flags.hurried || client.taken >= self.settings.stream_stall_bytes() {
            client.moved = now;
            client.taken = 0;
        }
        let (empty, full) = (client.outbox.is_empty(), client.flags.full);
        let (blocks, ending) = (client.blocks.is_some(), client.is_ending());
        if !empty {
            // The socket is full: from now on the reader must keep moving.
            self.arm_client(key);
        }
        if blocks {
            self.unblock_lane(key);
        }
        if full {
            self.update_pause(key);
        }
        if empty && (ending || self.draining.is_some()) {
            self.finish_client(key);
        }
    }

    pub(crate) fn client_ended(&mut self, key: ClientKey) {
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        client.flags.ended = true;
        self.list_client(key);
    }

    /// Takes nothing more from a client; closes it once all is answered and written.
    pub(crate) fn close_client_when_done(&mut self, key: ClientKey, cause: CloseCause) {
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        client.flags.closing.get_or_insert(cause);
        client.flags.held = false;
        client.partial = Vec::new();
        self.arm_client(key);
        self.update_pause(key);
        self.list_client(key);
    }

    /// Closes a client that has nothing left to wait for.
    pub(crate) fn finish_client(&mut self, key: ClientKey) {
        let Some(client) = self.clients.get(key) else {
            return;
        };
        if client.pinned.is_some() && client.flags.closing.is_none() && client.is_raw() {
            return self.shut_raw(key);
        }
        let done = client.in_flight == 0 && client.outbox.is_empty() && !client.flags.held;
        if !done {
            return;
        }
        let cause = match (client.flags.closing, client.flags.ended, self.draining) {
            (Some(cause), _, _) => cause,
            (None, true, _) => CloseCause::Finished,
            (None, false, Some(_))
                if client.partial.is_empty() && client.pass.is_none() && !client.closes_first() =>
            {
                if client.pinned.is_some() {
                    return self.say_farewell(key);
                }
                CloseCause::Drained
            }
            _ => return,
        };
        self.client_gone_by_us(key, cause);
    }

    /// Says the last word to a client with a tunnel, if its protocol has one for it, and closes
    /// it behind that. Who has none stays until the drain's grace is over: nobody knows what is
    /// in flight there.
    fn say_farewell(&mut self, key: ClientKey) {
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        let able = client.listener.codec.traits().says.farewell && client.listener.hop.is_none();
        if !able || client.flags.told || client.streaming.is_some() {
            return;
        }
        let Some(tunnel) = client.tunnel.as_ref().filter(|tunnel| tunnel.heard) else {
            return;
        };
        client.flags.told = true;
        let opening = &tunnel.opening;
        let out = client.outbox.room(&mut self.spares);
        let before = out.len();
        let said = client.listener.codec.say(&Say::Farewell { opening }, out);
        if said.is_ok() {
            self.answer_bytes += out.len() - before;
            self.counters.go_aways_said += 1;
            self.mark_client(key);
            self.close_client_when_done(key, CloseCause::Drained);
        }
    }

    /// Closes a client now.
    pub(crate) fn client_gone_by_us(&mut self, key: ClientKey, cause: CloseCause) {
        if self.clients.get(key).is_none_or(|client| client.flags.gone) {
            return;
        }
        self.actions.push(Action::Close {
            conn: ConnId::of_client(key),
            cause,
        });
        self.client_gone(key, cause);
    }

    /// A client's connection is gone: what it asked for is abandoned.
    pub(crate) fn client_gone(&mut self, key: ClientKey, cause: CloseCause) {
        if let Some(client) = self.clients.get_mut(key) {
            client.flags.gone = true;
        }
        while let Some(exchange) = self.clients.get(key).and_then(|client| client.first) {
            self.abandon(exchange, false);
            self.finish(exchange, Outcome::Cancelled);
        }
        let Some(mut client) = self.clients.remove(key) else {
            return;
        };
        self.counters.closed[cause as usize] += 1;
        self.tails.forget(ConnId::of_client(key));
        if client.listener.hop.is_some() {
            self.sources.remove(&key.bits());
        }
        self.wheel.cancel(&mut client.timer);
        self.answer_bytes -= client.outbox.len();
        self.spares.put(std::mem::take(&mut client.partial));
        if let Some(lane) = client.pinned {
            self.leave_lane(lane, client.is_raw());
        }
        if let Some(pass) = client.pass
            && let PassTo::Lane(lane) = pass.to
        {
            // Half a request is on that lane: nobody can write after it.
            self.close_lane(lane, CloseCause::PeerGone);
        }
        if let Some(lane) = client.streaming
            && self
                .lanes
                .get(lane)
                .and_then(|lane| lane.reading)
                .is_some_and(
                    |reading| matches!(reading.to, ReadTo::Client { client, .. } if client == key),
                )
        {
            self.discard_reading(lane);
        }
        if let Some(lane) = client.blocks {
            self.resume_lane(lane);
        }
        if self.draining.is_some() && self.clients.len() == 0 {
            self.close_all_lanes();
        }
    }

    /// When something about a client must be looked at, and why it would be closed then.
    fn client_deadline(&self, client: &Client) -> Option<(Nanos, CloseCause)> {
        let settings = &self.settings;
        let mut earliest: Option<(Nanos, CloseCause)> = None;
        let mut consider = |at: Nanos, cause| {
            if earliest.is_none_or(|(earliest, _)| at < earliest) {
                earliest = Some((at, cause));
            }
        };
        if !client.outbox.is_empty() {
            let patience = if client.flags.hurried {
                settings.stream_stall
            } else {
                settings.frame_stall_timeout
            };
            consider(client.moved.after(patience), CloseCause::SlowReader);
        }
        if !client.partial.is_empty() && !client.flags.paused {
            let stall = settings.frame_stall_timeout;
            consider(client.last_read.after(stall), CloseCause::Stalled);
            let came = client.partial.len() as u64;
            let head = settings
                .head_timeout
                .saturating_add(Duration::from_secs(came / FRAME_BYTES_PER_SECOND_MIN));
            consider(client.partial_since.after(head), CloseCause::Stalled);
        }
        if client.pass.is_some() && !client.flags.held && !client.flags.blocked {
            consider(
                client.last_read.after(settings.frame_stall_timeout),
                CloseCause::Stalled,
            );
        }
        let idle = settings.client_idle_timeout;
        if !idle.is_zero() && client.in_flight == 0 && client.pinned.is_none() {
            consider(client.last_read.after(idle), CloseCause::Idle);
        }
        earliest
    }

    /// Arms a client's one timer, unless it goes off earlier anyway.
    pub(crate) fn arm_client(&mut self, key: ClientKey) {
        let Some(client) = self.clients.get(key) else {
            return;
        };
        let deadline = self.client_deadline(client).map(|(at, _)| at);
        let silence = if client.listener.is_undecided() {
            self.silence_ends(key)
        } else {
            None
        };
        let Some(at) = deadline.into_iter().chain(silence).min() else {
            return;
        };
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        if client.timer.is_set() && client.timer_at <= at {
            return;
        }
        self.wheel.cancel(&mut client.timer);
        client.timer = self.wheel.set(at, Alarm::Client(key));
        client.timer_at = at;
    }

    pub(crate) fn client_alarm(&mut self, key: ClientKey) {
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        client.timer = Timer::NONE;
        if client.listener.is_undecided() && self.decide_by_silence(key) {
            return;
        }
        let Some(client) = self.clients.get(key) else {
            return;
        };
        match self.client_deadline(client) {
            Some((at, cause)) if at <= self.now.monotonic => {
                let listener = &client.listener.listener.name;
                let text = match cause {
                    CloseCause::Stalled => format!(
                        "listener {listener}: {} bytes of a frame and then too little for too long",
                        client.partial.len()
                    ),
                    CloseCause::SlowReader => format!(
                        "listener {listener}: the client does not read, or too slowly, {} bytes unsent",
                        client.outbox.len()
                    ),
                    _ => format!("listener {listener}: idle"),
                };
                self.report(ConnId::of_client(key), text);
                self.client_gone_by_us(key, cause);
            }
            _ => self.arm_client(key),
        }
    }
}

impl Client {
    fn is_ending(&self) -> bool {
        self.flags.ended || self.flags.closing.is_some() || (self.is_raw() && self.pinned.is_some())
    }

    /// Whether it was told to go away and closes when it has heard: what it sent before that
    /// must not meet a closed connection.
    fn closes_first(&self) -> bool {
        self.flags.told && self.listener.hop.is_some()
    }

    pub(crate) fn is_raw(&self) -> bool {
        self.listener.correlation == weft_codec::Correlation::Raw
    }
}
